//! What the store was a moment ago, for reads that may be behind.
//!
//! The map keeps every snapshot whole for as long as somebody holds it, so the past is nothing but
//! snapshots that are not let go yet: one for each moment at which something was written, taken
//! before the first write of that moment.

use super::Snapshot;
use crate::moment::{Moment, from_system};
use ifc_runtime::Clock;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most snapshots held at a time; each keeps the pages that were replaced since.
const SNAPSHOTS_MAX: usize = 1_000;

/// The past of a store.
pub(super) struct History {
    clock: Arc<dyn Clock>,
    /// How far back it goes, in nanoseconds.
    span: i64,
    past: Mutex<Past>,
}

#[derive(Default)]
struct Past {
    /// Oldest first: what the store was until that moment.
    snapshots: VecDeque<(Moment, Snapshot)>,
    /// The last moment at which something was written.
    written: Option<Moment>,
}

impl History {
    pub(super) fn new(clock: Arc<dyn Clock>, span: i64) -> History {
        History {
            clock,
            span,
            past: Mutex::default(),
        }
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called before every write, with the way to the present state.
    pub(super) fn before_write(&self, present: impl FnOnce() -> Option<Snapshot>) {
        let now = from_system(self.clock.now());
        let mut past = self.past();
        if past.written == Some(now) {
            return;
        }
        past.written = Some(now);
        // Without it a read is less behind than it might be.
        if let Some(snapshot) = present() {
            past.snapshots.push_back((now, snapshot));
        }
        let oldest = now.saturating_sub(self.span);
        while past.snapshots.len() > SNAPSHOTS_MAX
            || past.snapshots.front().is_some_and(|(at, _)| *at <= oldest)
        {
            past.snapshots.pop_front();
        }
    }

    /// Reads from what the store was `behind` nanoseconds ago; `None` when it has not changed since.
    pub(super) fn read<T>(&self, behind: i64, read: impl FnOnce(&Snapshot) -> T) -> Option<T> {
        let then = from_system(self.clock.now()).saturating_sub(behind);
        let past = self.past();
        let mut snapshots = past.snapshots.iter();
        let (_, snapshot) = snapshots.find(|(until, _)| *until > then)?;
        Some(read(snapshot))
    }

    /// When even a read that is as far behind as can be sees everything that was written so far.
    pub(super) fn caught_up(&self) -> Option<Moment> {
        let written = self.past().written?;
        Some(written.saturating_add(self.span))
    }

    /// Lets go of the past.
    pub(super) fn forget(&self) {
        self.past().snapshots.clear();
    }
}
