//! The store itself, with a witness who knows which process wrote what, and holds that against what
//! may be written.

use crate::defect::Defect;
use ifc_engine::{MemoryStore, Object, Precondition, StateStore, StoreError, Version, async_trait};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What was written, by whom. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    inner: Arc<Mutex<Written>>,
}

#[derive(Default)]
struct Written {
    /// Who wrote into which journal, one after the other.
    writers: BTreeMap<u64, Vec<u64>>,
    newest_state: u64,
    violations: Vec<String>,
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Written> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store was emptied.
    pub(crate) fn begin_anew(&self) {
        let mut written = self.lock();
        written.writers.clear();
        written.newest_state = 0;
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }
}

impl Written {
    fn put(&mut self, writer: u64, key: &str, existed: bool) {
        if existed && key != "lock" {
            self.violations
                .push(format!("overwritten: process {writer} wrote `{key}` again"));
        }
        if let Some(serial) = key.strip_prefix("state/").and_then(|key| key.parse().ok()) {
            if serial > self.newest_state + 1 {
                self.violations
                    .push(format!("serials: `{key}` after {}", self.newest_state));
            }
            self.newest_state = self.newest_state.max(serial);
        }
        let journal = key.strip_prefix("journal/");
        let journal = journal.and_then(|key| key.split_once('/')?.0.parse::<u64>().ok());
        // What arrives late in a journal that is done with says nothing to anybody.
        if let Some(serial) = journal.filter(|serial| *serial > self.newest_state) {
            let writers = self.writers.entry(serial).or_default();
            if writers.last() != Some(&writer) {
                if writers.contains(&writer) {
                    self.violations.push(format!(
                        "fencing: process {writer} wrote `{key}` after another took over"
                    ));
                }
                writers.push(writer);
            }
        }
    }
}

/// The store, as one process writes it.
pub(crate) struct Witness {
    pub(crate) writer: u64,
    pub(crate) store: MemoryStore,
    pub(crate) ledger: Ledger,
    pub(crate) defect: Defect,
}

#[async_trait]
impl StateStore for Witness {
    fn location(&self) -> String {
        self.store.location()
    }

    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        if self.defect == Defect::NoLock && key == "lock" {
            return Ok(None);
        }
        self.store.get(key).await
    }

    async fn put(
        &self,
        key: &str,
        bytes: &[u8],
        precondition: &Precondition,
    ) -> Result<Version, StoreError> {
        let careless = match self.defect {
            Defect::StoreWithoutPreconditions => true,
            Defect::NoFencing => key.starts_with("journal/"),
            Defect::NoLock => key == "lock",
            _ => false,
        };
        let lost = match self.defect {
            Defect::NoJournal => key.starts_with("journal/"),
            Defect::StoreForgets => (key.len() + bytes.len()).is_multiple_of(7),
            _ => false,
        };
        if lost {
            return Ok(Version::new("lost"));
        }
        let precondition = match careless {
            true => &Precondition::Any,
            false => precondition,
        };
        let existed = self.store.get(key).await?.is_some();
        let answer = self.store.put(key, bytes, precondition).await;
        if answer.is_ok() {
            self.ledger.lock().put(self.writer, key, existed);
        }
        answer
    }

    async fn delete(&self, key: &str, precondition: &Precondition) -> Result<(), StoreError> {
        let answer = self.store.delete(key, precondition).await;
        if answer.is_ok() && key == "lock" {
            let violation = format!("lock: process {} removed the lock", self.writer);
            self.ledger.lock().violations.push(violation);
        }
        answer
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.store.list(prefix).await
    }
}
