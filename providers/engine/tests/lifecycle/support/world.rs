//! The world: what really exists, and what is going to go wrong.

use ifc_engine::provider::Finding;
use ifc_engine::{Identity, ProviderErrorKind, Value};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// The value behind every secret. It must never be seen.
pub(crate) const SECRET: &str = "correct-horse-battery-staple";

/// Something that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thing {
    pub(crate) properties: BTreeMap<String, Value>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) id: String,
    /// The looks during which it is still settling.
    pub(crate) settling: u32,
}

/// What is asked of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Op {
    Read,
    Create,
    Update,
    Delete,
}

/// What goes wrong with one call.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It fails, and nothing happened.
    Before(ProviderErrorKind),
    /// It happened, and fails.
    After(ProviderErrorKind),
    /// There never is an answer, and nothing happened.
    Hang,
    /// It happened, and there never is an answer.
    HangAfter,
    /// It is accepted, and goes on for some looks.
    Slow(u32),
    /// It happens, and its answer is this.
    Answer(Lie),
    /// The provider has a bug, before anything happened.
    Panic,
}

/// An answer outside the contract.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lie {
    WrongProperty,
    UnaskedProperty,
    MissingOutput,
    UnknownOutput,
    ChangedOutput,
    PlainSecret,
}

#[derive(Clone, Default)]
pub(crate) struct World {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
pub(crate) struct Inner {
    pub(crate) things: BTreeMap<Identity, Thing>,
    /// What is gone, and lists still show.
    pub(crate) still_listed: BTreeMap<Identity, Thing>,
    pub(crate) faults: BTreeMap<(Op, String), VecDeque<Fault>>,
    pub(crate) quarantined: BTreeSet<Identity>,
    /// Every call that changes something, when it began.
    pub(crate) calls: Vec<String>,
    /// How often each identity was really made.
    pub(crate) made: BTreeMap<Identity, u32>,
    pub(crate) ids: u32,
    pub(crate) latency: Duration,
    pub(crate) findings: Vec<Finding>,
    /// Pull the plug at this call, before or after its effect.
    pub(crate) kill_at: Option<(usize, bool)>,
    pub(crate) killed: bool,
}

impl World {
    pub(crate) fn new() -> World {
        World::default()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// The next such calls on a part of this address go wrong.
    pub(crate) fn fault(&self, op: Op, address: &str, faults: impl IntoIterator<Item = Fault>) {
        let mut inner = self.lock();
        let queue = inner.faults.entry((op, address.to_owned())).or_default();
        queue.extend(faults);
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.lock().things.keys().map(ToString::to_string).collect()
    }

    /// The calls that change something so far, and forgets them.
    pub(crate) fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().calls)
    }

    /// Changes what exists behind the engine's back.
    pub(crate) fn tamper(&self, name: &str, change: impl FnOnce(&mut Thing)) {
        let mut inner = self.lock();
        let (_, thing) = inner
            .things
            .iter_mut()
            .find(|(identity, _)| identity.physical_name.as_str().contains(name))
            .unwrap();
        change(thing);
    }

    /// Deletes what exists behind the engine's back.
    pub(crate) fn vanish(&self, name: &str) {
        let mut inner = self.lock();
        let before = inner.things.len();
        inner
            .things
            .retain(|identity, _| !identity.physical_name.as_str().contains(name));
        assert_eq!(inner.things.len() + 1, before);
    }

    pub(crate) fn kill_at(&self, call: usize, after: bool) {
        let mut inner = self.lock();
        inner.kill_at = Some((call, after));
        inner.calls.clear();
    }

    pub(crate) fn revive(&self) {
        let mut inner = self.lock();
        inner.kill_at = None;
        inner.killed = false;
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.lock().killed
    }
}
