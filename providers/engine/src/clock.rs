//! Time as the engine sees it: a trait, and virtual time to drive it by.
//!
//! No timer exists but those asked of a [`Clock`]. With [`VirtualClock`] one thread runs any number
//! of engines; time moves only when all of them wait.

use crate::BoxFuture;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// Milliseconds since 1970-01-01 00:00 UTC by somebody's wall clock: for people to read, never to
/// decide who holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// Time since some fixed moment of this clock's. Never goes back; only differences mean
    /// anything.
    fn now(&self) -> Duration;

    /// The wall clock, which may be wrong and may jump.
    fn wall(&self) -> Timestamp;

    /// Ends once `duration` has passed.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// 2026-01-01 00:00:00 UTC: fixed, so that a run is the same every day.
const ORIGIN: Timestamp = Timestamp(1_767_225_600_000);

/// A clock that stands still until everybody waits, with the executor that notices.
///
/// Timers due at the same moment fire in an order drawn from the seed. Clones share the time.
#[derive(Clone)]
pub struct VirtualClock {
    inner: Arc<Mutex<Timers>>,
    /// How far this clone's wall clock is ahead, in milliseconds.
    skew_ms: i64,
}

struct Timers {
    now: Duration,
    random: fastrand::Rng,
    waiting: BTreeMap<Due, Waker>,
    timers_made: u64,
}

/// When a timer fires. What is due at the same moment goes by lot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    time: Duration,
    lot: u64,
    number: u64,
}

impl VirtualClock {
    /// A clock at its origin.
    pub fn new(seed: u64) -> VirtualClock {
        VirtualClock {
            inner: Arc::new(Mutex::new(Timers {
                now: Duration::ZERO,
                random: fastrand::Rng::with_seed(seed),
                waiting: BTreeMap::new(),
                timers_made: 0,
            })),
            skew_ms: 0,
        }
    }

    /// The same time, seen by a machine whose wall clock is `skew_ms` ahead, or behind when
    /// negative.
    #[must_use]
    pub fn skewed(&self, skew_ms: i64) -> VirtualClock {
        VirtualClock {
            inner: self.inner.clone(),
            skew_ms: self.skew_ms + skew_ms,
        }
    }

    /// Runs `future` to its end on this thread, moving time forward whenever nothing can go on.
    ///
    /// # Panics
    /// When `future` waits for something that no timer will bring about.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.try_run(future)
            .expect("the future waits for nothing that time could bring")
    }

    /// As [`run`](Self::run), but `None` instead of a panic when nothing can ever go on.
    pub fn try_run<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(woken.clone());
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            while woken.0.swap(false, Ordering::SeqCst) {
                if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                    return Some(output);
                }
            }
            if !self.advance_to_next() {
                return None;
            }
        }
    }

    /// Fires the timer that is due first. Whether there was one.
    fn advance_to_next(&self) -> bool {
        let waker = {
            let mut timers = self.lock();
            let Some((due, waker)) = timers.waiting.pop_first() else {
                return false;
            };
            timers.now = timers.now.max(due.time);
            waker
        };
        waker.wake();
        true
    }

    fn lock(&self) -> MutexGuard<'_, Timers> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Duration {
        self.lock().now
    }

    fn wall(&self) -> Timestamp {
        let since_origin = u64::try_from(self.now().as_millis()).unwrap_or(u64::MAX);
        let true_time = ORIGIN.0.saturating_add(since_origin);
        Timestamp(true_time.saturating_add_signed(self.skew_ms))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let due = {
            let mut timers = self.lock();
            timers.timers_made += 1;
            Due {
                time: timers.now.saturating_add(duration),
                lot: timers.random.u64(..),
                number: timers.timers_made,
            }
        };
        let sleeper = Sleeper { clock, due };
        Box::pin(poll_fn(move |context| sleeper.poll(context.waker())))
    }
}

/// A timer's entry, removed when the one who waits goes away.
struct Sleeper {
    clock: VirtualClock,
    due: Due,
}

impl Sleeper {
    fn poll(&self, waker: &Waker) -> Poll<()> {
        let mut timers = self.clock.lock();
        if timers.now >= self.due.time {
            return Poll::Ready(());
        }
        timers.waiting.insert(self.due, waker.clone());
        Poll::Pending
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.clock.lock().waiting.remove(&self.due);
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::{join, pending, select};

    #[test]
    fn time_moves_only_when_all_wait() {
        let clock = VirtualClock::new(1);
        let order = Mutex::new(Vec::new());
        clock.run(join(
            async {
                clock.sleep(Duration::from_secs(3)).await;
                order.lock().unwrap().push(("late", clock.now().as_secs()));
            },
            async {
                clock.sleep(Duration::from_secs(1)).await;
                order.lock().unwrap().push(("soon", clock.now().as_secs()));
            },
        ));
        assert_eq!(*order.lock().unwrap(), [("soon", 1), ("late", 3)]);
    }

    #[test]
    fn dropped_sleepers_do_not_move_time() {
        let clock = VirtualClock::new(1);
        clock.run(async {
            select(
                clock.sleep(Duration::from_secs(1)),
                clock.sleep(Duration::from_secs(9)),
            )
            .await;
        });
        assert_eq!(clock.try_run(pending::<()>()), None);
        assert_eq!(clock.now(), Duration::from_secs(1));
    }

    #[test]
    fn skew_is_of_the_wall_only() {
        let clock = VirtualClock::new(1);
        let ahead = clock.skewed(5_000);
        assert_eq!(ahead.wall().0 - clock.wall().0, 5_000);
        assert_eq!(ahead.now(), clock.now());
    }
}
