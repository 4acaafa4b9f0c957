//! A store between the engine and a store, which fails as networks do, by a seed.

use ifc_engine::{
    Clock, Object, Precondition, StateStore, StoreError, StoreErrorKind, Version, async_trait,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a store fails in which way. Parts of one, each drawn for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StoreFaults {
    /// The request is turned away: nothing happened, and a retry is safe.
    pub throttled: f64,
    /// The request to write is lost: nothing happened, and nobody knows.
    pub lost_request: f64,
    /// The answer to a write is lost: it happened, and nobody knows.
    pub lost_answer: f64,
    /// The request to write is late: it happens, under its precondition, at some later call or
    /// never, and nobody knows. So does, without any chance, what nobody waits for any more.
    pub late: f64,
    /// Every call takes a time up to this.
    pub delay_max: Duration,
}

/// A store with faults.
///
/// One seed gives one sequence of faults; with a [`VirtualClock`](ifc_engine::VirtualClock) a run
/// is the same every time. Clones share seed and late writes, as processes share a network.
#[derive(Clone)]
pub struct FaultyStore {
    inner: Arc<dyn StateStore>,
    clock: Arc<dyn Clock>,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    random: fastrand::Rng,
    faults: StoreFaults,
    late: Vec<Late>,
    met: u64,
}

/// A write that is still under way.
enum Late {
    Put(String, Vec<u8>, Precondition),
    Delete(String, Precondition),
}

/// A write on its way. When nobody waits for it any more, it may still arrive.
struct Sent<'a> {
    store: &'a FaultyStore,
    write: Option<Late>,
}

impl Sent<'_> {
    fn arrived(mut self) {
        self.write = None;
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        if let Some(write) = self.write.take() {
            self.store.lock().late.push(write);
        }
    }
}

/// What is to happen to one write.
enum Fate {
    Happens,
    Throttled,
    LostRequest,
    LostAnswer,
    Late,
}

impl FaultyStore {
    /// `inner` with faults drawn from `seed`, and delays by `clock`.
    pub fn new(
        inner: Arc<dyn StateStore>,
        clock: Arc<dyn Clock>,
        seed: u64,
        faults: StoreFaults,
    ) -> FaultyStore {
        FaultyStore {
            inner,
            clock,
            shared: Arc::new(Mutex::new(Shared {
                random: fastrand::Rng::with_seed(seed),
                faults,
                late: Vec::new(),
                met: 0,
            })),
        }
    }

    /// From now on fails in this way. Late writes stay under way.
    pub fn set_faults(&self, faults: StoreFaults) {
        self.lock().faults = faults;
    }

    /// How many calls have met a fault.
    pub fn faults_met(&self) -> u64 {
        self.lock().met
    }

    /// Lets every late write arrive, in the order in which they were sent.
    pub async fn deliver_late(&self) {
        let late = std::mem::take(&mut self.lock().late);
        for write in late {
            self.arrive(write).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, write: Late) -> Sent<'_> {
        Sent {
            store: self,
            write: Some(write),
        }
    }

    fn error(&self, kind: StoreErrorKind, key: &str) -> StoreError {
        StoreError::new(kind, self.inner.location(), key).caused_by("an injected fault")
    }

    fn throttled(&self, key: &str) -> StoreError {
        self.error(StoreErrorKind::Unavailable { retry_after: None }, key)
    }

    /// Waits as long as a call takes, and lets some of the late writes arrive.
    async fn begin(&self) {
        let (delay, arriving) = {
            let mut shared = self.lock();
            let Shared {
                random,
                faults,
                late,
                ..
            } = &mut *shared;
            let delay = faults.delay_max.mul_f64(random.f64());
            let (arriving, waiting) = std::mem::take(late)
                .into_iter()
                .partition(|_| random.bool());
            *late = waiting;
            (delay, arriving)
        };
        if delay > Duration::ZERO {
            self.clock.sleep(delay).await;
        }
        let arriving: Vec<Late> = arriving;
        for write in arriving {
            self.arrive(write).await;
        }
    }

    async fn arrive(&self, write: Late) {
        // Whether its precondition still holds is seen only now, and nobody hears of it.
        let _ = match write {
            Late::Put(key, bytes, precondition) => {
                self.inner.put(&key, &bytes, &precondition).await.map(drop)
            }
            Late::Delete(key, precondition) => self.inner.delete(&key, &precondition).await,
        };
    }

    fn fate(&self, writes: bool) -> Fate {
        let mut shared = self.lock();
        let faults = shared.faults;
        let mut drawn = |chance: f64| shared.random.f64() < chance;
        // Drawn in every case, so that one fault's frequency does not shift the others.
        let throttled = drawn(faults.throttled);
        let lost_request = drawn(faults.lost_request);
        let lost_answer = drawn(faults.lost_answer);
        let late = drawn(faults.late);
        let fate = match (throttled, lost_request, lost_answer, late) {
            (true, ..) => Fate::Throttled,
            _ if !writes => Fate::Happens,
            (_, true, ..) => Fate::LostRequest,
            (_, _, true, _) => Fate::LostAnswer,
            (.., true) => Fate::Late,
            _ => Fate::Happens,
        };
        if !matches!(fate, Fate::Happens) {
            shared.met += 1;
        }
        fate
    }
}

#[async_trait]
impl StateStore for FaultyStore {
    fn location(&self) -> String {
        self.inner.location()
    }

    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        self.begin().await;
        match self.fate(false) {
            Fate::Throttled => Err(self.throttled(key)),
            _ => self.inner.get(key).await,
        }
    }

    async fn put(
        &self,
        key: &str,
        bytes: &[u8],
        precondition: &Precondition,
    ) -> Result<Version, StoreError> {
        let write = || Late::Put(key.to_owned(), bytes.to_vec(), precondition.clone());
        let sent = self.send(write());
        self.begin().await;
        sent.arrived();
        match self.fate(true) {
            Fate::Happens => return self.inner.put(key, bytes, precondition).await,
            Fate::Throttled => return Err(self.throttled(key)),
            Fate::LostRequest => {}
            Fate::LostAnswer => {
                let _ = self.inner.put(key, bytes, precondition).await;
            }
            Fate::Late => self.lock().late.push(write()),
        }
        Err(self.error(StoreErrorKind::Uncertain, key))
    }

    async fn delete(&self, key: &str, precondition: &Precondition) -> Result<(), StoreError> {
        let write = || Late::Delete(key.to_owned(), precondition.clone());
        let sent = self.send(write());
        self.begin().await;
        sent.arrived();
        match self.fate(true) {
            Fate::Happens => return self.inner.delete(key, precondition).await,
            Fate::Throttled => return Err(self.throttled(key)),
            Fate::LostRequest => {}
            Fate::LostAnswer => {
                let _ = self.inner.delete(key, precondition).await;
            }
            Fate::Late => self.lock().late.push(write()),
        }
        Err(self.error(StoreErrorKind::Uncertain, key))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.begin().await;
        match self.fate(false) {
            Fate::Throttled => Err(self.throttled(prefix)),
            _ => self.inner.list(prefix).await,
        }
    }
}
