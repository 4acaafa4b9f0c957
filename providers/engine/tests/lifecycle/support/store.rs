//! A store that loses answers, fills up, and dies.

use ifc_engine::{
    Clock, MemoryStore, Object, Precondition, StateStore, StoreError, StoreErrorKind, Version,
    VirtualClock, async_trait,
};
use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

#[derive(Clone)]
pub(crate) struct FaultyStore {
    inner: MemoryStore,
    clock: VirtualClock,
    script: Arc<Mutex<Script>>,
}

#[derive(Default)]
struct Script {
    /// For each of the next writes, what goes wrong.
    writes: VecDeque<Option<StoreFault>>,
    always: Option<StoreFault>,
    latency: Duration,
    written: usize,
    kill_at: Option<(usize, bool)>,
    killed: bool,
    /// From this write on they are held up.
    paused_from: Option<usize>,
}

/// What goes wrong with a write.
#[derive(Clone, Debug)]
pub(crate) enum StoreFault {
    /// Nothing is written.
    Before(StoreErrorKind),
    /// It is written, and the answer is lost.
    After(StoreErrorKind),
}

impl Script {
    fn is_held_up(&self) -> bool {
        self.paused_from.is_some_and(|from| self.written >= from)
    }
}

impl FaultyStore {
    pub(crate) fn new(inner: MemoryStore, clock: VirtualClock) -> FaultyStore {
        FaultyStore {
            inner,
            clock,
            script: Arc::default(),
        }
    }

    pub(crate) fn next_writes(&self, faults: impl IntoIterator<Item = Option<StoreFault>>) {
        self.lock().writes.extend(faults);
    }

    pub(crate) fn forget_faults(&self) {
        let mut script = self.lock();
        script.writes.clear();
        script.always = None;
    }

    pub(crate) fn always(&self, fault: Option<StoreFault>) {
        self.lock().always = fault;
    }

    /// Holds up all writes, or lets them through.
    pub(crate) fn pause(&self, paused: bool) {
        self.lock().paused_from = paused.then_some(0);
    }

    /// Holds up all writes after so many.
    pub(crate) fn pause_after(&self, writes: usize) {
        let mut script = self.lock();
        script.paused_from = Some(script.written + writes);
    }

    /// Waits while writes are held up.
    async fn way(&self) {
        while self.lock().is_held_up() {
            self.clock.sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) fn set_latency(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    pub(crate) fn kill_at(&self, write: usize, after: bool) {
        let mut script = self.lock();
        script.kill_at = Some((write, after));
        script.written = 0;
    }

    pub(crate) fn revive(&self) {
        let mut script = self.lock();
        script.kill_at = None;
        script.killed = false;
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.lock().killed
    }

    fn lock(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    /// The fault of the next write, and whether it is the last thing that happens.
    async fn before(&self) -> (Option<StoreFault>, bool) {
        self.way().await;
        let latency = self.lock().latency;
        if !latency.is_zero() {
            self.clock.sleep(latency).await;
        }
        let (fault, kill) = {
            let mut script = self.lock();
            let number = script.written;
            script.written += 1;
            let fault = script.writes.pop_front().flatten();
            let fault = fault.or_else(|| script.always.clone());
            let kill = script.kill_at.filter(|(at, _)| *at == number);
            if let Some((_, false)) = kill {
                script.killed = true;
            }
            (fault, kill)
        };
        if let Some((_, false)) = kill {
            pending::<()>().await;
        }
        (fault, kill.is_some())
    }

    async fn after<T>(
        &self,
        key: &str,
        fault: Option<StoreFault>,
        kill: bool,
        result: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if kill {
            self.lock().killed = true;
            pending::<()>().await;
        }
        match fault {
            Some(StoreFault::After(kind)) => Err(StoreError::new(kind, self.location(), key)),
            _ => result,
        }
    }
}

#[async_trait]
impl StateStore for FaultyStore {
    fn location(&self) -> String {
        self.inner.location()
    }

    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        self.inner.get(key).await
    }

    async fn put(
        &self,
        key: &str,
        bytes: &[u8],
        precondition: &Precondition,
    ) -> Result<Version, StoreError> {
        let (fault, kill) = self.before().await;
        if let Some(StoreFault::Before(kind)) = fault {
            return Err(StoreError::new(kind, self.location(), key));
        }
        let result = self.inner.put(key, bytes, precondition).await;
        self.after(key, fault, kill, result).await
    }

    async fn delete(&self, key: &str, precondition: &Precondition) -> Result<(), StoreError> {
        let (fault, kill) = self.before().await;
        if let Some(StoreFault::Before(kind)) = fault {
            return Err(StoreError::new(kind, self.location(), key));
        }
        let result = self.inner.delete(key, precondition).await;
        self.after(key, fault, kill, result).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.inner.list(prefix).await
    }
}
