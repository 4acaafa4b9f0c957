//! A stage to try things on: a world of things in memory, a store in memory, and virtual time.

mod provider;
mod store;
mod world;

pub(crate) use provider::TestProvider;
pub(crate) use store::{FaultyStore, StoreFault};
pub(crate) use world::{Fault, Lie, Op, World};

use ifc_engine::plan::{Action, Change};
use ifc_engine::{
    ApplyEvent, ApplyOptions, Blueprint, ChangeClass, Clock, EngineError, Fingerprint, MemoryStore,
    Naming, Part, PartAddress, Patience, Plan, PlanOptions, Session, Setup, State, StopSignal,
    Summary, Value, VirtualClock,
};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

/// One stage with everything it needs.
pub(crate) struct Stage {
    pub(crate) clock: VirtualClock,
    pub(crate) memory: MemoryStore,
    pub(crate) store: FaultyStore,
    pub(crate) world: World,
    pub(crate) provider: TestProvider,
    pub(crate) patience: Patience,
    pub(crate) stop: StopSignal,
    /// Every event of the last apply: address, call and phase.
    pub(crate) events: Mutex<Vec<String>>,
    sessions: Mutex<u64>,
}

impl Stage {
    pub(crate) fn new() -> Stage {
        let clock = VirtualClock::new(7);
        let memory = MemoryStore::new();
        let world = World::new();
        Stage {
            store: FaultyStore::new(memory.clone(), clock.clone()),
            provider: TestProvider::new(world.clone(), clock.clone()),
            clock,
            memory,
            world,
            patience: Patience::default(),
            stop: StopSignal::new(),
            events: Mutex::default(),
            sessions: Mutex::default(),
        }
    }

    /// A session of a new process.
    pub(crate) fn session(&self) -> Session {
        let mut sessions = self.sessions.lock().unwrap();
        *sessions += 1;
        let mut setup = Setup::new("shop".parse().unwrap(), "dev".parse().unwrap(), *sessions);
        setup.person = "ada".to_owned();
        setup.host = "laptop".to_owned();
        setup.process = u32::try_from(*sessions).unwrap();
        setup.command = "ifc apply".to_owned();
        Session::new(
            Arc::new(self.store.clone()),
            Arc::new(self.clock.clone()),
            setup,
        )
    }

    pub(crate) fn plan(&self, parts: &[Part]) -> Plan {
        self.plan_with(parts, &PlanOptions::default()).unwrap()
    }

    pub(crate) fn plan_with(
        &self,
        parts: &[Part],
        options: &PlanOptions,
    ) -> Result<Plan, EngineError> {
        let session = self.session();
        let blueprint = blueprint(parts);
        self.clock
            .run(session.plan(&self.provider, &blueprint, options))
    }

    /// Plans and applies.
    pub(crate) fn apply(&self, parts: &[Part]) -> Summary {
        self.apply_with(parts, &PlanOptions::default()).unwrap()
    }

    pub(crate) fn apply_with(
        &self,
        parts: &[Part],
        options: &PlanOptions,
    ) -> Result<Summary, EngineError> {
        let plan = self.plan_with(parts, options)?;
        self.apply_plan(parts, &plan)
    }

    pub(crate) fn apply_plan(&self, parts: &[Part], plan: &Plan) -> Result<Summary, EngineError> {
        self.clock.run(self.applying(self.session(), parts, plan))
    }

    /// An apply to be raced, or dropped in the middle.
    pub(crate) async fn applying(
        &self,
        session: Session,
        parts: &[Part],
        plan: &Plan,
    ) -> Result<Summary, EngineError> {
        self.events.lock().unwrap().clear();
        let observer = |event: &ApplyEvent<'_>| {
            let line = format!("{} {} {:?}", event.call, event.address, event.phase);
            self.events.lock().unwrap().push(line);
        };
        let blueprint = blueprint(parts);
        let options = self.options(&observer);
        session
            .apply(&self.provider, &blueprint, plan, &options)
            .await
    }

    pub(crate) fn options<'a>(
        &'a self,
        observer: &'a (dyn Fn(&ApplyEvent<'_>) + Send + Sync),
    ) -> ApplyOptions<'a> {
        ApplyOptions {
            patience: &self.patience,
            stop: &self.stop,
            observer,
            on_wait: &|_| {},
            presume_dead: &|_| false,
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.clock.now()
    }

    pub(crate) async fn clock_sleep(&self, seconds: u64) {
        self.clock.sleep(Duration::from_secs(seconds)).await;
    }

    pub(crate) async fn clock_sleep_ms(&self, milliseconds: u64) {
        self.clock.sleep(Duration::from_millis(milliseconds)).await;
    }

    /// The same stage as another machine sees it, whose way to the store can be cut.
    pub(crate) fn with_own_store(&self) -> Stage {
        Stage {
            store: FaultyStore::new(self.memory.clone(), self.clock.clone()),
            ..self.skewed(0)
        }
    }

    /// The same stage as a machine sees it whose clock is ahead.
    pub(crate) fn skewed(&self, skew_ms: i64) -> Stage {
        let clock = self.clock.skewed(skew_ms);
        Stage {
            provider: TestProvider::new(self.world.clone(), clock.clone()),
            clock,
            memory: self.memory.clone(),
            store: self.store.clone(),
            world: self.world.clone(),
            patience: Patience::default(),
            stop: StopSignal::new(),
            events: Mutex::default(),
            sessions: Mutex::new(1000),
        }
    }

    /// The same stage for a user who has not said stop.
    pub(crate) fn with_fresh_stop(self) -> Stage {
        Stage {
            stop: StopSignal::new(),
            ..self
        }
    }

    /// Plans and applies until the world or the store pulls the plug. Whether it did.
    pub(crate) fn apply_until_killed(&self, parts: &[Part]) -> bool {
        let work = async {
            let session = self.session();
            let blueprint = blueprint(parts);
            let options = PlanOptions::default();
            let plan = session.plan(&self.provider, &blueprint, &options).await;
            // What cannot be read now can be read another time.
            let Ok(plan) = plan else { return };
            let _ = self.applying(session, parts, &plan).await;
        };
        self.run_until_killed(work)
    }

    /// Does something until the world or the store pulls the plug. Whether it did.
    pub(crate) fn run_until_killed<T>(&self, work: impl Future<Output = T>) -> bool {
        self.clock.run(async {
            let mut work = pin!(work);
            poll_fn(|context| {
                let ended = work.as_mut().poll(context).is_ready();
                match (self.world.is_killed() || self.store.is_killed(), ended) {
                    (true, _) => Poll::Ready(true),
                    (false, true) => Poll::Ready(false),
                    (false, false) => Poll::Pending,
                }
            })
            .await
        })
    }

    pub(crate) fn state(&self) -> State {
        self.clock.run(self.session().inspect()).unwrap().state
    }

    /// Checks that the world is what the parts say, the state says the same, and nothing is left to
    /// do.
    pub(crate) fn assert_is(&self, parts: &[Part]) {
        let plan = self.plan(parts);
        let left: Vec<_> = effective(&plan);
        assert!(plan.is_empty(), "still to do: {left:?}");
        assert!(plan.drift.is_empty());
        let state = self.state();
        assert_eq!(state.parts.len(), parts.len());
        assert!(
            state
                .parts
                .values()
                .all(|record| record.unsettled.is_none())
        );
        let known: Vec<String> = state
            .parts
            .values()
            .map(|record| record.identity())
            .chain(state.leftovers.keys().cloned())
            .map(|identity| identity.to_string())
            .collect();
        let mut known_sorted = known.clone();
        known_sorted.sort();
        assert_eq!(self.world.names(), known_sorted);
        self.assert_no_secret();
    }

    /// Checks that no secret is in the store.
    pub(crate) fn assert_no_secret(&self) {
        for (key, bytes) in self.memory.contents() {
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(world::SECRET), "the secret is in `{key}`");
        }
    }
}

pub(crate) fn blueprint(parts: &[Part]) -> Blueprint {
    Blueprint::new(
        "shop".parse().unwrap(),
        "dev".parse().unwrap(),
        "test",
        Fingerprint::of(b"artifact"),
        parts.iter().cloned(),
    )
    .unwrap()
}

pub(crate) fn address(text: &str) -> PartAddress {
    text.parse().unwrap()
}

/// A part of its own resource: `name/thing`, with a name that varies, the output `id`, a property
/// `size` that changes in place and one, `key`, that does not.
pub(crate) fn thing(name: &str) -> Part {
    let naming = Naming::generated(format!("shop-dev-{name}"), format!("shop/dev/{name}"), 40);
    Part::new(address(&format!("{name}/thing")), "thing", naming)
        .with("size", 1, ChangeClass::InPlace)
        .with("key", "k1", ChangeClass::Replace)
        .with_output("id")
        .tagged("ifc-app", "shop")
}

/// The same with a name that cannot vary.
pub(crate) fn fixed(name: &str) -> Part {
    Part {
        naming: Naming::fixed(format!("fixed-{name}")),
        ..thing(name)
    }
}

/// The same with a property that refers to another's `id`.
pub(crate) fn using(part: Part, other: &Part) -> Part {
    let value = Value::output(&other.address, "id");
    part.with("target", value, ChangeClass::InPlace)
}

pub(crate) fn sized(part: Part, size: i64) -> Part {
    part.with("size", size, ChangeClass::InPlace)
}

pub(crate) fn keyed(part: Part, key: &str) -> Part {
    part.with("key", key, ChangeClass::Replace)
}

/// The plan as words, without what stays.
pub(crate) fn effective(plan: &Plan) -> Vec<String> {
    let changes = plan.changes.iter();
    changes
        .filter(|change| change.action != Action::Keep)
        .map(|change| format!("{} {}", change.action.name(), change.address))
        .collect()
}

/// The one change of an address that is not `keep`.
pub(crate) fn change<'a>(plan: &'a Plan, text: &str) -> &'a Change {
    let mut changes = plan.changes.iter();
    changes
        .find(|change| change.address == address(text) && change.action != Action::Keep)
        .unwrap()
}
