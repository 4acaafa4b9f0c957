//! What a process remembers from one invocation to the next. Lambda tells of no attempts where
//! records of streams and firings of schedules are delivered again, and counts too many for messages
//! that waited for an earlier one of their group. A new process knows nothing: then events get more
//! attempts than they should, up to what the source is configured for.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Events of which something is remembered. With more of them, all are forgotten: they are the ones
/// that failed, and of those there are few or far too many.
const EVENTS_MAX: usize = 10_000;

/// See the module.
#[derive(Default)]
pub(super) struct Memory(Mutex<Events>);

#[derive(Default)]
struct Events {
    /// By id: deliveries that count, or those that do not.
    counts: HashMap<String, u32>,
    done: HashSet<String>,
}

impl Memory {
    fn events(&self) -> MutexGuard<'_, Events> {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if events.counts.len() + events.done.len() > EVENTS_MAX {
            *events = Events::default();
        }
        events
    }

    /// How many deliveries of `event` are remembered.
    pub(super) fn count(&self, event: &str) -> u32 {
        self.events().counts.get(event).copied().unwrap_or_default()
    }

    /// Remembers one delivery more.
    pub(super) fn add(&self, event: &str) {
        let mut events = self.events();
        *events.counts.entry(event.to_owned()).or_default() += 1;
    }

    /// Remembers that an event is done, which will all the same be delivered again.
    pub(super) fn finish(&self, event: &str) {
        let mut events = self.events();
        events.counts.remove(event);
        events.done.insert(event.to_owned());
    }

    /// Whether an event was done when it was last delivered.
    pub(super) fn is_done(&self, event: &str) -> bool {
        self.events().done.contains(event)
    }

    /// Forgets an event that will not be delivered again.
    pub(super) fn forget(&self, event: &str) {
        let mut events = self.events();
        events.counts.remove(event);
        events.done.remove(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_until_they_are_forgotten() {
        let memory = Memory::default();
        assert_eq!((memory.count("a"), memory.is_done("a")), (0, false));
        memory.add("a");
        memory.add("a");
        assert_eq!((memory.count("a"), memory.count("b")), (2, 0));
        memory.finish("a");
        assert_eq!((memory.count("a"), memory.is_done("a")), (0, true));
        memory.forget("a");
        assert!(!memory.is_done("a"));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let memory = Memory::default();
        for number in 0..3 * EVENTS_MAX {
            memory.add(&number.to_string());
            assert!(memory.events().counts.len() <= EVENTS_MAX + 1);
        }
        assert_eq!(memory.count(&(3 * EVENTS_MAX - 1).to_string()), 1);
    }
}
