//! A store in memory: the reference for the others, and what tests run on.

use super::{Object, Precondition, StateStore, StoreError, StoreErrorKind, Version};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Objects in memory. Clones share them, so that several engines can work on one stage.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    objects: Arc<Mutex<Objects>>,
}

#[derive(Debug, Default)]
struct Objects {
    by_key: BTreeMap<String, Object>,
    writes: u64,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// Everything in it, for tests that look for what must not be there.
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let objects = self.lock();
        let pairs = objects.by_key.iter();
        pairs
            .map(|(key, object)| (key.clone(), object.bytes.clone()))
            .collect()
    }

    /// Replaces or removes an object behind everybody's back, as damage does.
    pub fn tamper(&self, key: &str, bytes: Option<Vec<u8>>) {
        let mut objects = self.lock();
        match bytes {
            Some(bytes) => {
                let version = objects.next_version();
                objects
                    .by_key
                    .insert(key.to_owned(), Object { bytes, version });
            }
            None => {
                objects.by_key.remove(key);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Objects> {
        // No code that can panic runs under the lock, so what a poisoned one guards is whole.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, kind: StoreErrorKind, key: &str) -> StoreError {
        StoreError::new(kind, self.location(), key)
    }
}

impl Objects {
    fn next_version(&mut self) -> Version {
        self.writes += 1;
        Version::new(self.writes.to_string())
    }

    fn allows(&self, key: &str, precondition: &Precondition) -> bool {
        let present = self.by_key.get(key).map(|object| &object.version);
        match precondition {
            Precondition::Absent => present.is_none(),
            Precondition::Matches(version) => present == Some(version),
            Precondition::Any => true,
        }
    }
}

#[async_trait]
impl StateStore for MemoryStore {
    fn location(&self) -> String {
        "memory".to_owned()
    }

    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        Ok(self.lock().by_key.get(key).cloned())
    }

    async fn put(
        &self,
        key: &str,
        bytes: &[u8],
        precondition: &Precondition,
    ) -> Result<Version, StoreError> {
        let mut objects = self.lock();
        if !objects.allows(key, precondition) {
            return Err(self.error(StoreErrorKind::Conflict, key));
        }
        let version = objects.next_version();
        let object = Object {
            bytes: bytes.to_vec(),
            version: version.clone(),
        };
        objects.by_key.insert(key.to_owned(), object);
        Ok(version)
    }

    async fn delete(&self, key: &str, precondition: &Precondition) -> Result<(), StoreError> {
        let mut objects = self.lock();
        if !objects.allows(key, precondition) {
            return Err(self.error(StoreErrorKind::Conflict, key));
        }
        objects.by_key.remove(key);
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let objects = self.lock();
        let keys = objects.by_key.keys();
        Ok(keys
            .filter(|key| key.starts_with(prefix))
            .cloned()
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VirtualClock;

    #[test]
    fn preconditions_decide() {
        let clock = VirtualClock::new(0);
        clock.run(async {
            let store = MemoryStore::new();
            let absent = Precondition::Absent;
            let first = store.put("a/b", b"1", &absent).await.unwrap();
            assert!(
                store
                    .put("a/b", b"2", &absent)
                    .await
                    .unwrap_err()
                    .is_conflict()
            );
            let matches = Precondition::Matches(first);
            let second = store.put("a/b", b"2", &matches).await.unwrap();
            assert!(
                store
                    .put("a/b", b"3", &matches)
                    .await
                    .unwrap_err()
                    .is_conflict()
            );
            assert!(
                store
                    .delete("a/b", &matches)
                    .await
                    .unwrap_err()
                    .is_conflict()
            );
            assert_eq!(store.get("a/b").await.unwrap().unwrap().bytes, b"2");
            store
                .delete("a/b", &Precondition::Matches(second.clone()))
                .await
                .unwrap();
            store.delete("a/b", &Precondition::Any).await.unwrap();
            let third = store.put("a/b", b"2", &absent).await.unwrap();
            assert_ne!(second, third);
        });
    }

    #[test]
    fn lists_are_sorted_and_by_prefix() {
        let clock = VirtualClock::new(0);
        clock.run(async {
            let store = MemoryStore::new();
            for key in ["b", "a/2", "a/10", "ab"] {
                store.put(key, b"", &Precondition::Any).await.unwrap();
            }
            assert_eq!(store.list("a/").await.unwrap(), ["a/10", "a/2"]);
            assert_eq!(store.list("").await.unwrap(), ["a/10", "a/2", "ab", "b"]);
        });
    }
}
