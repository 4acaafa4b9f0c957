//! The process in which an engine runs: what kills, stops or suspends it, and its way to the store.

use crate::scenario::Fate;
use ifc_engine::{
    BoxFuture, Clock, Object, Precondition, StateStore, StopSignal, StoreError, Version,
    VirtualClock, async_trait,
};
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

/// More calls than any command makes: one that gets here goes round in a circle.
const TOO_MANY: u64 = 20_000;

/// One process. Clones are the same.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) clock: VirtualClock,
    pub(crate) stop: StopSignal,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    fate: Fate,
    events: u64,
    killed: bool,
    ended: bool,
    stall: Option<BoxFuture<'static, ()>>,
}

impl Machine {
    pub(crate) fn new(clock: VirtualClock, fate: Fate) -> Machine {
        Machine {
            clock,
            stop: StopSignal::new(),
            inner: Arc::new(Mutex::new(Inner {
                fate,
                events: 0,
                killed: false,
                ended: false,
                stall: None,
            })),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.lock().killed
    }

    /// Its command has come to its end.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
    }

    /// Whether there is no such process any more.
    pub(crate) fn is_gone(&self) -> bool {
        let inner = self.lock();
        inner.killed || inner.ended
    }

    /// How many calls it made, two for each.
    pub(crate) fn events(&self) -> u64 {
        self.lock().events
    }

    pub(crate) fn goes_in_circles(&self) -> bool {
        self.events() >= TOO_MANY
    }

    /// A moment at which its fate may strike. Does not end when it is killed.
    pub(crate) async fn pass(&self) {
        let goes_on = {
            let mut inner = self.lock();
            inner.events += 1;
            let now = |at: u16| inner.events == u64::from(at);
            match inner.fate {
                Fate::Killed(at) if now(at) => inner.killed = true,
                Fate::Stopped(at) if now(at) => self.stop.request(),
                Fate::Abandoned(at) if now(at) => {
                    self.stop.request();
                    self.stop.request();
                }
                Fate::Stalls(at, seconds) if now(at) => {
                    let sleep = self.clock.sleep(Duration::from_secs(seconds.into()));
                    inner.stall = Some(sleep);
                }
                _ => {}
            }
            if inner.events >= TOO_MANY {
                inner.killed = true;
            }
            !inner.killed
        };
        if !goes_on {
            pending::<()>().await;
        }
    }

    /// Runs a command in this process. `None` when it was killed.
    pub(crate) async fn run<T>(&self, command: impl Future<Output = T>) -> Option<T> {
        let mut command = pin!(command);
        poll_fn(|context| {
            let stall = self.lock().stall.take();
            if let Some(mut stall) = stall
                && stall.as_mut().poll(context).is_pending()
            {
                self.lock().stall = Some(stall);
                return Poll::Pending;
            }
            let ended = command.as_mut().poll(context);
            if self.is_killed() {
                return Poll::Ready(None);
            }
            // One that stalled just now has to hear of the end of that.
            if self.lock().stall.is_some() {
                context.waker().wake_by_ref();
            }
            ended.map(Some)
        })
        .await
    }
}

/// A store as one process reaches it.
pub(crate) struct MachineStore<S> {
    pub(crate) machine: Machine,
    pub(crate) inner: S,
}

#[async_trait]
impl<S: StateStore> StateStore for MachineStore<S> {
    fn location(&self) -> String {
        self.inner.location()
    }

    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        self.machine.pass().await;
        let answer = self.inner.get(key).await;
        self.machine.pass().await;
        answer
    }

    async fn put(
        &self,
        key: &str,
        bytes: &[u8],
        precondition: &Precondition,
    ) -> Result<Version, StoreError> {
        self.machine.pass().await;
        let answer = self.inner.put(key, bytes, precondition).await;
        self.machine.pass().await;
        answer
    }

    async fn delete(&self, key: &str, precondition: &Precondition) -> Result<(), StoreError> {
        self.machine.pass().await;
        let answer = self.inner.delete(key, precondition).await;
        self.machine.pass().await;
        answer
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.machine.pass().await;
        let answer = self.inner.list(prefix).await;
        self.machine.pass().await;
        answer
    }
}
