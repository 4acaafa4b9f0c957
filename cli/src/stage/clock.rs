//! Real time for the engine.

use ifc_engine::{BoxFuture, Clock, Timestamp};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// By how much the wall clock must have run ahead before it counts: smaller differences are its
/// being set right.
const ASLEEP: Duration = Duration::from_secs(2);

/// The time of this machine. Its sleeps need the runtime that the command waits in.
///
/// Most systems stop the monotonic clock while the machine sleeps. A command that is woken up would
/// take the stage for its own then, though others have seen it fall silent long ago; so what the
/// wall clock has run ahead meanwhile is added. A wall clock that is set forward looks the same, and
/// costs a look at the lock. One that is set back changes nothing.
pub(super) struct SystemClock {
    passed: Mutex<Passed>,
}

#[derive(Clone, Copy)]
struct Passed {
    monotonic: Instant,
    wall: SystemTime,
    total: Duration,
}

impl SystemClock {
    pub(super) fn new() -> SystemClock {
        SystemClock {
            passed: Mutex::new(Passed {
                monotonic: Instant::now(),
                wall: SystemTime::now(),
                total: Duration::ZERO,
            }),
        }
    }
}

impl Passed {
    /// The same, at a later moment by both clocks.
    fn until(self, monotonic: Instant, wall: SystemTime) -> Passed {
        let awake = monotonic.saturating_duration_since(self.monotonic);
        let by_wall = wall.duration_since(self.wall).unwrap_or_default();
        let passed = match by_wall.saturating_sub(awake) > ASLEEP {
            true => by_wall,
            false => awake,
        };
        Passed {
            monotonic: monotonic.max(self.monotonic),
            wall,
            total: self.total + passed,
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        *passed = passed.until(Instant::now(), SystemTime::now());
        passed.total
    }

    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        // A clock before 1970 is wrong anyway, and only people read it.
        let milliseconds = since.unwrap_or_default().as_millis();
        Timestamp(u64::try_from(milliseconds).unwrap_or(u64::MAX))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(awake: u64, wall: i64) -> Duration {
        let (monotonic, now) = (Instant::now(), SystemTime::now());
        let begun = Passed {
            monotonic,
            wall: now,
            total: Duration::from_secs(7),
        };
        let distance = Duration::from_secs(wall.unsigned_abs());
        let later = match wall < 0 {
            true => now - distance,
            false => now + distance,
        };
        begun
            .until(monotonic + Duration::from_secs(awake), later)
            .total
    }

    #[test]
    fn sleep_counts_and_clocks_set_back_do_not() {
        assert_eq!(passed(5, 5), Duration::from_secs(12));
        assert_eq!(passed(5, 6), Duration::from_secs(12));
        assert_eq!(passed(5, 3600), Duration::from_secs(3607));
        assert_eq!(passed(5, -3600), Duration::from_secs(12));
    }
}
