//! The data directory itself, while nothing runs.

use crate::application;
use crate::failure::Failure;
use ifc_local::offline::Store;
use ifc_local::{Depth, OpenError, report};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::SystemTime;

/// An opened data directory.
pub(super) struct Offline {
    store: Store,
}

impl Offline {
    pub(super) fn open(directory: &Path) -> Result<Offline, Failure> {
        match Store::open(directory) {
            Ok(store) => Ok(Offline { store }),
            Err(OpenError::InUse { process, .. }) => {
                let holder = match process {
                    Some(process) => format!("process {process}"),
                    None => "another process".to_owned(),
                };
                Err(Failure::new(format!(
                    "the data in `{}` is in use by {holder}, which does not answer",
                    application::shown(directory)
                ))
                .help("try again in a moment; it may be starting or stopping"))
            }
            Err(error) => Err(Failure::new(error.to_string())),
        }
    }

    pub(super) fn status(&self) -> Result<Value, Failure> {
        let mut queues = Map::new();
        for name in self.store.queues() {
            let depth = self.store.depth(&name).map_err(failure)?;
            queues.insert(name, report::depth(&depth));
        }
        Ok(idle(queues))
    }

    /// `None` when the last run declared no such queue; so for the next two.
    pub(super) fn messages(&self, queue: &str, limit: usize) -> Result<Option<Value>, Failure> {
        let depth = match self.store.depth(queue) {
            Err(error) if error.is_not_found() => return Ok(None),
            depth => depth.map_err(failure)?,
        };
        let peeked = self.store.peek(queue, limit).map_err(failure)?;
        Ok(Some(report::queue(queue, &depth, &peeked)))
    }

    pub(super) fn dead_letters(&self, queue: &str, limit: usize) -> Result<Option<Value>, Failure> {
        let mut letters = match self.store.dead_letters(queue) {
            Err(error) if error.is_not_found() => return Ok(None),
            letters => letters.map_err(failure)?,
        };
        letters.truncate(limit);
        Ok(Some(report::dead_letters(&letters)))
    }

    pub(super) fn redrive(
        &self,
        queue: &str,
        ids: Option<Vec<String>>,
    ) -> Result<Option<Value>, Failure> {
        match self.store.redrive(queue, ids) {
            Err(error) if error.is_not_found() => Ok(None),
            count => Ok(Some(redriven(count.map_err(failure)?))),
        }
    }

    pub(super) fn replay(&self, unit: &str, from: SystemTime) -> Result<Option<Value>, Failure> {
        match self.store.replay(unit, from) {
            Err(error) if error.is_not_found() => Ok(None),
            records => Ok(Some(json!({ "records": records.map_err(failure)? }))),
        }
    }

    pub(super) fn secrets(&self) -> Result<Value, Failure> {
        Ok(report::secrets(&self.store.secrets().map_err(failure)?))
    }

    pub(super) fn set_secret(&self, name: &str, value: &[u8]) -> Result<Value, Failure> {
        let version = self.store.set_secret(name, value).map_err(failure)?;
        Ok(json!({ "version": version }))
    }

    pub(super) fn configs(&self) -> Result<Value, Failure> {
        Ok(report::configs(&self.store.configs().map_err(failure)?))
    }

    pub(super) fn set_config(&self, name: &str, value: &str) -> Result<(), Failure> {
        self.store.set_config(name, value).map_err(failure)
    }
}

/// What there is before the first run.
pub(super) fn no_status() -> Value {
    idle(Map::new())
}

fn idle(queues: Map<String, Value>) -> Value {
    json!({ "pid": null, "queues": queues, "next_schedule": null })
}

/// What there is of a queue that never was.
pub(super) fn no_messages(queue: &str) -> Value {
    report::queue(queue, &Depth::default(), &[])
}

/// The dead letters of such a queue.
pub(super) fn no_dead_letters() -> Value {
    report::dead_letters(&[])
}

/// How many dead letters were put back.
pub(super) fn redriven(count: u64) -> Value {
    json!({ "redriven": count })
}

/// The store's errors say all there is to say.
fn failure(error: impl std::error::Error + 'static) -> Failure {
    let mut failure = Failure::new(error.to_string());
    let mut source = error.source();
    while let Some(error) = source {
        failure = failure.because(error);
        source = error.source();
    }
    failure
}
