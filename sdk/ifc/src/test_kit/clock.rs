//! Virtual time: tokio's paused clock, counted from a fixed moment.

use ifc_local::VirtualTime;
use ifc_runtime::{BoxFuture, Clock};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// 2026-01-01 00:00:00 UTC in epoch seconds: fixed, so that a test is the same every day.
const ORIGIN_SECONDS: u64 = 1_767_225_600;

/// A clock that moves with tokio's.
#[derive(Default)]
pub(super) struct VirtualClock {
    start: OnceLock<Instant>,
}

impl VirtualClock {
    fn origin() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(ORIGIN_SECONDS)
    }

    /// Ties the clock to the runtime that the test runs in.
    pub(super) fn start(&self) {
        let _ = self.start.set(Instant::now());
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> SystemTime {
        match self.start.get() {
            Some(start) => Self::origin() + start.elapsed(),
            None => Self::origin(),
        }
    }
}

impl VirtualTime for VirtualClock {
    /// Tokio moves its clock there when nothing else is left to do.
    fn wait_until(&self, time: SystemTime) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Some(start) = self.start.get() else {
                return;
            };
            let offset = time.duration_since(Self::origin()).unwrap_or_default();
            tokio::time::sleep_until(*start + offset).await;
        })
    }
}
