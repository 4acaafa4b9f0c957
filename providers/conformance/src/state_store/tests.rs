//! The suite holds on the store in memory, notices every defect we can think of, and the store with
//! faults fails in the ways it says and in no other.

use super::*;
use ifc_engine::{
    Clock, MemoryStore, Object, Precondition, StoreError, StoreErrorKind, Version, VirtualClock,
    async_trait,
};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use std::time::Duration;

/// Stores in memory, one per root, shared by its handles.
fn memory() -> impl Fn(&str) -> MemoryStore + Send + Sync {
    let stores: Mutex<BTreeMap<String, MemoryStore>> = Mutex::default();
    move |root| {
        let mut stores = stores.lock().unwrap();
        stores.entry(root.to_owned()).or_default().clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_store_in_memory_keeps_its_promises() {
    let memory = memory();
    let open: OpenStore = Arc::new(move |root| Arc::new(memory(root)));
    try_store("memory", open).await.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_with_faults_that_are_off_keeps_them_too() {
    let memory = memory();
    let open: OpenStore = Arc::new(move |root| {
        let clock = Arc::new(VirtualClock::new(0));
        let inner = Arc::new(memory(root));
        Arc::new(FaultyStore::new(inner, clock, 1, StoreFaults::default()))
    });
    try_store("memory behind faults", open).await.check();
}

#[test]
fn ids_are_distinct() {
    let all = store_clauses();
    let ids: BTreeSet<&str> = all.iter().map(|clause| clause.id).collect();
    assert_eq!(ids.len(), all.len());
}

/// What is wrong with a store.
#[derive(Clone, Copy, Debug)]
enum Defect {
    CreatesOver,
    UpdatesStale,
    ComparesThenWrites,
    DeletesStale,
    ComplainsOfNothing,
    HashesForVersions,
    ListsBySegment,
    ListsInReverse,
    ListsOnePage,
    CutsBytes,
    CachesReads,
    SharesRoots,
    NamesNoKey,
}

struct Defective {
    inner: MemoryStore,
    /// What this handle has read and not written since.
    cache: Mutex<BTreeMap<String, Option<Object>>>,
    defect: Defect,
}

fn hash(bytes: &[u8]) -> Version {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    Version::new(hasher.finish().to_string())
}

impl Defective {
    fn hashed(&self, object: Object) -> Object {
        let version = match self.defect {
            Defect::HashesForVersions => hash(&object.bytes),
            _ => object.version,
        };
        Object {
            bytes: object.bytes,
            version,
        }
    }
}

#[async_trait]
impl StateStore for Defective {
    fn location(&self) -> String {
        "defective".to_owned()
    }

    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        let cached = self.cache.lock().unwrap().get(key).cloned();
        if let (Defect::CachesReads, Some(object)) = (self.defect, cached) {
            return Ok(object);
        }
        let object = self.inner.get(key).await?.map(|object| self.hashed(object));
        let mut cache = self.cache.lock().unwrap();
        cache.insert(key.to_owned(), object.clone());
        Ok(object)
    }

    async fn put(
        &self,
        key: &str,
        bytes: &[u8],
        precondition: &Precondition,
    ) -> Result<Version, StoreError> {
        let present = self.inner.get(key).await?;
        self.cache.lock().unwrap().remove(key);
        let relabelled = |error: StoreError| {
            let key = match self.defect {
                Defect::NamesNoKey => "",
                _ => key,
            };
            StoreError::new(error.kind().clone(), self.location(), key)
        };
        let precondition = match (self.defect, precondition) {
            (Defect::CreatesOver, Precondition::Absent) => Precondition::Any,
            (Defect::UpdatesStale, Precondition::Matches(_)) => Precondition::Any,
            (Defect::ComparesThenWrites, precondition) => {
                let version = present.map(|object| object.version);
                let holds = match precondition {
                    Precondition::Absent => version.is_none(),
                    Precondition::Matches(expected) => version.as_ref() == Some(expected),
                    Precondition::Any => true,
                };
                if !holds {
                    let kind = StoreErrorKind::Conflict;
                    return Err(StoreError::new(kind, self.location(), key));
                }
                // Long enough for another writer to come between, on every machine.
                tokio::time::sleep(Duration::from_millis(20)).await;
                Precondition::Any
            }
            (Defect::HashesForVersions, Precondition::Matches(version)) => match present {
                Some(object) if self.hashed(object.clone()).version == *version => {
                    Precondition::Matches(object.version)
                }
                _ => Precondition::Matches(Version::new("none")),
            },
            (_, precondition) => precondition.clone(),
        };
        let bytes = match self.defect {
            Defect::CutsBytes => &bytes[..bytes.len().min(1_000_000)],
            _ => bytes,
        };
        let put = self.inner.put(key, bytes, &precondition).await;
        let version = put.map_err(relabelled)?;
        Ok(match self.defect {
            Defect::HashesForVersions => hash(bytes),
            _ => version,
        })
    }

    async fn delete(&self, key: &str, precondition: &Precondition) -> Result<(), StoreError> {
        self.cache.lock().unwrap().remove(key);
        let present = self.inner.get(key).await?;
        let precondition = match (self.defect, precondition) {
            (Defect::DeletesStale, Precondition::Matches(_)) => Precondition::Any,
            (Defect::ComplainsOfNothing, Precondition::Any) if present.is_none() => {
                let kind = StoreErrorKind::Conflict;
                return Err(StoreError::new(kind, self.location(), key));
            }
            (Defect::HashesForVersions, Precondition::Matches(version)) => match present {
                Some(object) if self.hashed(object.clone()).version == *version => {
                    Precondition::Any
                }
                _ => precondition.clone(),
            },
            (_, precondition) => precondition.clone(),
        };
        let deleted = self.inner.delete(key, &precondition).await;
        deleted.map_err(|error| StoreError::new(error.kind().clone(), self.location(), key))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut keys = self.inner.list(prefix).await?;
        match self.defect {
            Defect::ListsBySegment => {
                let folder = format!("{}/", prefix.trim_end_matches('/'));
                keys.retain(|key| prefix.is_empty() || key.starts_with(&folder));
            }
            Defect::ListsInReverse => keys.reverse(),
            Defect::ListsOnePage => keys.truncate(1_000),
            _ => {}
        }
        Ok(keys)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_defect_is_noticed() {
    for (defect, expected) in [
        (Defect::CreatesOver, "create-once"),
        (Defect::UpdatesStale, "update-stale"),
        (Defect::ComparesThenWrites, "create-race"),
        (Defect::DeletesStale, "delete"),
        (Defect::ComplainsOfNothing, "delete"),
        (Defect::HashesForVersions, "versions"),
        (Defect::ListsBySegment, "list"),
        (Defect::ListsInReverse, "list"),
        (Defect::ListsOnePage, "list-many"),
        (Defect::CutsBytes, "bytes"),
        (Defect::CachesReads, "read-your-writes"),
        (Defect::SharesRoots, "roots"),
        (Defect::NamesNoKey, "errors"),
    ] {
        let memory = memory();
        let open: OpenStore = Arc::new(move |root| {
            let root = match defect {
                Defect::SharesRoots => root.trim_end_matches("-neighbour"),
                _ => root,
            };
            Arc::new(Defective {
                inner: memory(root),
                cache: Mutex::default(),
                defect,
            })
        });
        let clause = store_clauses().into_iter().find(|it| it.id == expected);
        let report = try_clauses("defective", open, vec![clause.unwrap()]).await;
        assert_eq!(report.failed(), [expected], "{defect:?} is not noticed");
        let message = report.to_string();
        assert!(message.contains(&format!("FAIL   {expected}")), "{message}");
    }
}

fn faulty(clock: &VirtualClock, seed: u64, faults: StoreFaults) -> (MemoryStore, FaultyStore) {
    let memory = MemoryStore::new();
    let inner = Arc::new(memory.clone());
    let store = FaultyStore::new(inner, Arc::new(clock.clone()), seed, faults);
    (memory, store)
}

#[test]
fn each_fault_is_what_it_says() {
    let clock = VirtualClock::new(0);
    clock.run(async {
        let always = StoreFaults {
            throttled: 1.0,
            ..StoreFaults::default()
        };
        let (memory, store) = faulty(&clock, 0, always);
        let error = store.put("a", b"1", &Precondition::Any).await.unwrap_err();
        assert!(error.is_unavailable());
        assert!(store.get("a").await.unwrap_err().is_unavailable());
        assert!(store.list("").await.unwrap_err().is_unavailable());
        assert!(memory.contents().is_empty());
        assert_eq!(store.faults_met(), 3);

        store.set_faults(StoreFaults {
            lost_request: 1.0,
            ..StoreFaults::default()
        });
        let error = store.put("a", b"1", &Precondition::Any).await.unwrap_err();
        assert!(error.is_uncertain());
        assert_eq!(store.get("a").await.unwrap(), None);

        store.set_faults(StoreFaults {
            lost_answer: 1.0,
            ..StoreFaults::default()
        });
        let error = store.put("a", b"2", &Precondition::Any).await.unwrap_err();
        assert!(error.is_uncertain());
        assert_eq!(store.get("a").await.unwrap().unwrap().bytes, b"2");

        store.set_faults(StoreFaults {
            late: 1.0,
            ..StoreFaults::default()
        });
        let error = store
            .put("b", b"3", &Precondition::Absent)
            .await
            .unwrap_err();
        assert!(error.is_uncertain());
        assert!(!memory.contents().contains_key("b"));
        store.deliver_late().await;
        assert_eq!(memory.contents()["b"], b"3");
        // What came between refuses it.
        let error = store.delete("b", &Precondition::Absent).await.unwrap_err();
        assert!(error.is_uncertain());
        store.deliver_late().await;
        assert!(memory.contents().contains_key("b"));
    });
}

#[test]
fn delays_are_the_clocks() {
    let clock = VirtualClock::new(0);
    let slow = StoreFaults {
        delay_max: Duration::from_secs(60),
        ..StoreFaults::default()
    };
    let (_, store) = faulty(&clock, 3, slow);
    clock.run(async {
        for _ in 0..10 {
            store.get("a").await.unwrap();
        }
    });
    assert!(clock.now() > Duration::from_secs(60), "{:?}", clock.now());
    assert!(clock.now() < Duration::from_secs(600), "{:?}", clock.now());
}

/// What the engine does with an uncertain write: read, and compare a token in the bytes.
async fn append(store: &FaultyStore, token: &str) {
    loop {
        let Ok(present) = store.get("list").await else {
            continue;
        };
        let (text, precondition) = match present {
            Some(object) => (
                String::from_utf8(object.bytes).unwrap(),
                Precondition::Matches(object.version),
            ),
            None => (String::new(), Precondition::Absent),
        };
        if text.lines().any(|line| line == token) {
            return;
        }
        let text = format!("{text}{token}\n");
        if store
            .put("list", text.as_bytes(), &precondition)
            .await
            .is_ok()
        {
            return;
        }
    }
}

#[test]
fn reading_resolves_every_uncertain_write() {
    for seed in 0..200 {
        let clock = VirtualClock::new(seed);
        let bad = StoreFaults {
            throttled: 0.1,
            lost_request: 0.1,
            lost_answer: 0.2,
            late: 0.2,
            delay_max: Duration::from_secs(1),
        };
        let (memory, store) = faulty(&clock, seed, bad);
        clock.run(async {
            let writer = |name: &'static str| {
                let store = store.clone();
                async move {
                    for number in 0..10 {
                        append(&store, &format!("{name}-{number}")).await;
                    }
                }
            };
            tokio::join!(writer("a"), writer("b"));
            store.deliver_late().await;
        });
        let text = String::from_utf8(memory.contents()["list"].clone()).unwrap();
        let tokens: BTreeSet<&str> = text.lines().collect();
        assert_eq!(text.lines().count(), 20, "seed {seed}: {text}");
        assert_eq!(tokens.len(), 20, "seed {seed}: {text}");
        assert!(store.faults_met() > 0);
    }
}
