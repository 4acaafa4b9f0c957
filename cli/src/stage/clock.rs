//! Real time for the engine.

use ifc_engine::{BoxFuture, Clock, Timestamp};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// The time of this machine. Its sleeps need the runtime that the command waits in.
pub(super) struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    pub(super) fn new() -> SystemClock {
        SystemClock {
            origin: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.origin.elapsed()
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
