//! One run: the moves of a scenario, one after the other, and then quiet.

mod check;
mod process;
mod settle;

use crate::application::{Application, address, name_of, stage};
use crate::chance::Chance;
use crate::defect::Defect;
use crate::scenario::{Aim, Meddling, Move, Run, Scenario};
use crate::witness::Ledger;
use crate::world::{Conditions, World};
use ifc_conformance::FaultyStore;
use ifc_engine::{Clock, MemoryStore, Session, Setup, State, Value, VirtualClock};
use process::{Orders, Process};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What was done in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Commands that were begun.
    pub commands: u64,
    /// Of those: killed or left at once.
    pub killed: u64,
    /// Of those: run beside another.
    pub raced: u64,
    /// Requests that the provider was sent.
    pub requests: u64,
    /// Faults that the stores' users met.
    pub store_faults: u64,
    /// Runs that took more than one apply after everything had become quiet.
    pub repeated: u64,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub fn with(self, other: Tally) -> Tally {
        Tally {
            commands: self.commands + other.commands,
            killed: self.killed + other.killed,
            raced: self.raced + other.raced,
            requests: self.requests + other.requests,
            store_faults: self.store_faults + other.store_faults,
            repeated: self.repeated + other.repeated,
        }
    }
}

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(String);

impl Violation {
    /// Which of the invariants, in a word.
    pub fn invariant(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

/// Runs a scenario.
///
/// # Errors
/// The first invariant that did not hold.
pub fn simulate(scenario: &Scenario, defect: Defect) -> Result<Tally, Violation> {
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let mut simulation = Simulation::new(scenario.seed, defect);
        let ended = simulation.carry_out(&scenario.moves);
        ended.map(|()| simulation.tally()).map_err(Violation)
    }));
    ended.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().cloned();
        let message = message.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.into()));
        Err(Violation(format!("panic: {}", message.unwrap_or_default())))
    })
}

struct Simulation {
    seed: u64,
    defect: Defect,
    clock: VirtualClock,
    memory: MemoryStore,
    ledger: Ledger,
    world: World,
    application: Application,
    renames: Vec<(u8, u8)>,
    /// The ways to the store of all processes: what they sent may still arrive.
    networks: Vec<FaultyStore>,
    processes: Vec<Process>,
    /// Whatever people could have read.
    log: Arc<Mutex<Vec<String>>>,
    serial: u64,
    lineage: String,
    /// Whether the state was ever lost.
    lost: bool,
    tally: Tally,
}

impl Simulation {
    fn new(seed: u64, defect: Defect) -> Simulation {
        Simulation {
            seed,
            defect,
            clock: VirtualClock::new(seed),
            memory: MemoryStore::new(),
            ledger: Ledger::default(),
            world: World::new(seed, defect),
            application: Application::default(),
            renames: Vec::new(),
            networks: Vec::new(),
            processes: Vec::new(),
            log: Arc::default(),
            serial: 0,
            lineage: String::new(),
            lost: false,
            tally: Tally::default(),
        }
    }

    fn tally(&self) -> Tally {
        let met = self.networks.iter().map(FaultyStore::faults_met);
        Tally {
            store_faults: met.sum(),
            requests: self.world.at(self.clock.now()).requests(),
            ..self.tally
        }
    }

    fn carry_out(&mut self, moves: &[Move]) -> Result<(), String> {
        for (number, step) in moves.iter().enumerate() {
            self.step(number, step)?;
        }
        self.settle()
    }

    fn step(&mut self, number: usize, step: &Move) -> Result<(), String> {
        match step {
            Move::Want(slot, shape) => {
                self.application.slots.insert(*slot, *shape);
                self.renames.retain(|(_, to)| to != slot);
            }
            Move::Drop(slot) => {
                self.application.slots.remove(slot);
            }
            Move::Rename(from, to, told) => {
                let free = !self.application.slots.contains_key(to);
                if let Some(shape) = self.application.slots.get(from).copied().filter(|_| free) {
                    self.application.slots.remove(from);
                    self.application.slots.insert(*to, shape);
                    if *told {
                        self.renames.push((*from, *to));
                    }
                }
            }
            Move::Release(release) => self.application.release = *release,
            Move::Meddle(slot, meddling) => self.meddle(*slot, *meddling),
            Move::Wait(seconds) => {
                let wait = Duration::from_secs((*seconds).into());
                self.clock.run(self.clock.sleep(wait));
            }
            Move::Lose => self.lose(),
            Move::Run(run) => {
                self.run(number, run)?;
                self.check()?;
            }
        }
        Ok(())
    }

    /// Nothing may be under way: nobody could know of it.
    fn lose(&mut self) {
        self.quieten();
        for key in self.memory.contents().into_keys() {
            self.memory.tamper(&key, None);
        }
        self.ledger.begin_anew();
        self.serial = 0;
        self.lineage.clear();
        self.lost = true;
    }

    fn meddle(&mut self, slot: u8, meddling: Meddling) {
        let record = self
            .peek()
            .and_then(|state| state.parts.get(&address(slot)).cloned());
        let shape = self.application.slots.get(&slot);
        let identity = match (record, meddling) {
            (Some(record), Meddling::SquatNext) => {
                shape.map(|shape| name_of(shape, slot, record.generation + 1))
            }
            (Some(record), _) => Some(record.identity()),
            (None, _) => shape.map(|shape| name_of(shape, slot, 0)),
        };
        let Some(identity) = identity else { return };
        let mut world = self.world.at(self.clock.now());
        let number = world.of(&identity).first().copied();
        match (number, meddling) {
            (None, Meddling::Squat | Meddling::SquatNext) => world.squat(identity, &address(slot)),
            (Some(number), Meddling::Delete) => world.vanish(number),
            (Some(number), Meddling::Resize(size)) => {
                let size = Value::Integer(i64::from(size) + 1);
                world.tamper(number, "size", size);
            }
            (Some(number), Meddling::Rekey(key)) => {
                let key = Value::text(format!("k{key}"));
                world.tamper(number, "key", key);
            }
            _ => {}
        }
    }

    /// One command, or two at the same time.
    fn run(&mut self, number: usize, run: &Run) -> Result<(), String> {
        if run.rival.is_some() || self.lost {
            // What the application wants to be kept now counts: one of two commands may record it,
            // and the other go by that; and what was lost has no other record.
            self.check()?;
        }
        if let Some(rival) = run.rival
            && [run.aim, rival.aim].iter().any(|aim| *aim != Aim::Destroy)
        {
            self.give_up();
        }
        self.world.at(self.clock.now()).conditions = Conditions {
            fails: run.provider.fails,
            sticks: run.provider.sticks,
            lags: run.provider.lags,
            partial: run.provider.partial,
        };
        let orders = Orders {
            aim: run.aim,
            consent: run.consent,
            fate: run.fate,
            provider: run.provider,
            store: run.store,
            sees_death: run.sees_death,
            skew: 0,
            after: Duration::ZERO,
        };
        let mut begun = vec![self.begin(number, orders)];
        if let Some(rival) = run.rival {
            begun.push(self.begin(
                number,
                Orders {
                    aim: rival.aim,
                    fate: rival.fate,
                    skew: rival.skew,
                    after: Duration::from_secs(rival.after.into()),
                    ..orders
                },
            ));
            self.tally.raced += 2;
        }
        let chance = Chance::of(self.seed, number);
        let late = chance.time("late writes", Duration::from_secs(40));
        let this = &*self;
        let arriving = async {
            this.clock.sleep(late).await;
            this.deliver_late().await;
        };
        let commands = futures_util::future::join_all(begun.iter().map(Process::command));
        let both = futures_util::future::join(commands, arriving);
        if this.clock.try_run(both).is_none() {
            return Err("stuck: a command waits for nothing that could happen".to_owned());
        }
        for process in begun {
            self.tally.commands += 1;
            self.tally.killed += u64::from(process.machine.is_killed());
            if process.machine.goes_in_circles() {
                return Err("stuck: a command goes round in a circle".to_owned());
            }
            process.machine.end();
            self.processes.push(process);
        }
        Ok(())
    }

    /// Lets arrive what processes sent to the store before they ended.
    async fn deliver_late(&self) {
        let before = self.memory.contents().len();
        for network in &self.networks {
            network.deliver_late().await;
        }
        // A journal may say only now what the user consented to.
        if self.memory.contents().len() != before
            && let Some(state) = self.peek()
        {
            self.note_kept(&state);
        }
    }

    fn begin(&mut self, number: usize, orders: Orders) -> Process {
        let process = Process::new(self, number, orders);
        self.networks.push(process.network.clone());
        process
    }

    /// What the application should be after a command of this aim.
    fn wanted(&self, aim: Aim) -> Application {
        match aim {
            Aim::Destroy => Application {
                slots: Default::default(),
                ..self.application.clone()
            },
            Aim::Apply | Aim::Unlock => self.application.clone(),
        }
    }

    /// A session that nothing happens to.
    fn onlooker(&self) -> Session {
        let (application, stage) = stage();
        let store = Arc::new(self.memory.clone());
        let clock = Arc::new(self.clock.clone());
        Session::new(store, clock, Setup::new(application, stage, self.seed))
    }

    fn peek(&self) -> Option<State> {
        let inspection = self.clock.run(self.onlooker().inspect());
        Some(inspection.ok()?.state)
    }

    /// The first line with this text that people could have read.
    fn told(&self, text: &str) -> Option<String> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().find(|line| line.contains(text)).cloned()
    }
}
