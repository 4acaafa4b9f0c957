//! The data directory itself, while nothing runs.

use crate::application;
use crate::failure::Failure;
use ifc_local::offline::Store;
use ifc_local::{OpenError, report};
use serde_json::{Map, Value, json};
use std::path::Path;

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
        Ok(json!({ "process": null, "queues": queues, "next_schedule": null }))
    }

    pub(super) fn messages(&self, queue: &str, limit: usize) -> Result<Value, Failure> {
        let depth = self.store.depth(queue).map_err(failure)?;
        let peeked = self.store.peek(queue, limit).map_err(failure)?;
        Ok(report::queue(queue, &depth, &peeked))
    }

    pub(super) fn dead_letters(&self, queue: &str, limit: usize) -> Result<Value, Failure> {
        let mut letters = self.store.dead_letters(queue).map_err(failure)?;
        letters.truncate(limit);
        Ok(report::dead_letters(&letters))
    }

    pub(super) fn redrive(&self, queue: &str, ids: Option<Vec<String>>) -> Result<Value, Failure> {
        let redriven = self.store.redrive(queue, ids).map_err(failure)?;
        Ok(json!({ "redriven": redriven }))
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

/// What the store says is the whole message: names it does not know come with those it knows.
fn failure(error: impl std::error::Error + 'static) -> Failure {
    let mut failure = Failure::new(error.to_string());
    let mut source = error.source();
    while let Some(error) = source {
        failure = failure.because(error);
        source = error.source();
    }
    failure
}
