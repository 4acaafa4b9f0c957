//! One command in one process, from its plan to its end.

use super::Simulation;
use crate::application::{Application, address, stage};
use crate::chance::Chance;
use crate::machine::{Machine, MachineStore};
use crate::scenario::{Aim, Fate, Percents, ProviderFaults};
use crate::witness::Witness;
use crate::world::{Half, Weather};
use ifc_conformance::{FaultyStore, StoreFaults};
use ifc_engine::{
    ApplyEvent, ApplyOptions, Clock, Consents, EngineError, Patience, Plan, PlanOptions, Session,
    Setup, Summary,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a process is started for.
#[derive(Clone, Copy)]
pub(super) struct Orders {
    pub(super) aim: Aim,
    pub(super) consent: bool,
    pub(super) fate: Fate,
    pub(super) provider: ProviderFaults,
    pub(super) store: Percents,
    pub(super) sees_death: bool,
    pub(super) skew: i16,
    pub(super) after: Duration,
}

pub(super) struct Process {
    pub(super) machine: Machine,
    pub(super) network: FaultyStore,
    session: Session,
    half: Half,
    orders: Orders,
    application: Application,
    consents: Consents,
    log: Arc<Mutex<Vec<String>>>,
    /// The processes before this one, and which of them are gone.
    others: Vec<Machine>,
}

fn patience() -> Patience {
    Patience {
        call: Duration::from_secs(15),
        trouble: Duration::from_secs(60),
        step: Duration::from_secs(300),
        ..Patience::default()
    }
}

impl Process {
    pub(super) fn new(simulation: &Simulation, number: usize, orders: Orders) -> Process {
        let writer = simulation.networks.len() as u64;
        let seed = Chance::of(simulation.seed, ("process", writer)).number();
        let clock = simulation.clock.skewed(i64::from(orders.skew) * 1000);
        let machine = Machine::new(clock.clone(), orders.fate);
        let witness = Witness {
            writer,
            store: simulation.memory.clone(),
            ledger: simulation.ledger.clone(),
            defect: simulation.defect,
        };
        let [throttled, lost_request, lost_answer, late] =
            orders.store.map(|percent| f64::from(percent) / 100.0);
        let network = FaultyStore::new(
            Arc::new(witness),
            Arc::new(clock.clone()),
            seed,
            StoreFaults {
                throttled,
                lost_request,
                lost_answer,
                late,
                delay_max: Duration::from_millis(100),
            },
        );
        let store = MachineStore {
            machine: machine.clone(),
            inner: network.clone(),
        };
        let (application, stage) = stage();
        let mut setup = Setup::new(application, stage, seed);
        setup.process = u32::try_from(writer).unwrap_or(u32::MAX);
        let wanted = simulation.wanted(orders.aim);
        let half = Half {
            world: simulation.world.clone(),
            machine: machine.clone(),
            weather: Weather {
                // Not of the process, so that a scenario keeps its faults.
                seed: Chance::of(simulation.seed, ("weather", number, orders.skew)).number(),
                faults: orders.provider,
            },
            consent: orders.consent,
            wider: wanted.release.wider,
            defect: simulation.defect,
            calls: Arc::default(),
        };
        let consents = simulation.consents(orders.consent);
        let processes = simulation.processes.iter();
        Process {
            session: Session::new(Arc::new(store), Arc::new(clock), setup),
            machine,
            network,
            half,
            orders,
            application: wanted,
            consents,
            log: simulation.log.clone(),
            others: processes.map(|process| process.machine.clone()).collect(),
        }
    }

    /// Everything that the command does, until its end or that of the process.
    pub(super) async fn command(&self) {
        self.machine.clock.sleep(self.orders.after).await;
        let work = async {
            if self.orders.aim == Aim::Unlock {
                self.hear(self.session.unlock().await);
            }
            let options = PlanOptions {
                consents: self.consents.clone(),
            };
            if let Some(plan) = self.hear(self.plan(&options).await)
                && plan.is_applicable()
            {
                self.hear(self.apply(&plan).await);
            }
        };
        self.machine.run(work).await;
    }

    pub(super) async fn plan(&self, options: &PlanOptions) -> Result<Plan, EngineError> {
        let blueprint = self.application.blueprint();
        match self.orders.aim {
            Aim::Destroy => self.session.plan_destroy(&self.half, options).await,
            _ => self.session.plan(&self.half, &blueprint, options).await,
        }
    }

    pub(super) async fn apply(&self, plan: &Plan) -> Result<Summary, EngineError> {
        let blueprint = match self.orders.aim {
            Aim::Destroy => self.session.nothing(&self.half),
            _ => self.application.blueprint(),
        };
        let observer = |event: &ApplyEvent<'_>| {
            if let Some(note) = event.note {
                self.say(note.to_owned());
            }
        };
        let (patience, gone) = (patience(), self.others.as_slice());
        let presume_dead = |holder: &ifc_engine::Holder| {
            let other = gone.get(holder.process as usize);
            self.orders.sees_death && other.is_some_and(Machine::is_gone)
        };
        let options = ApplyOptions {
            patience: &patience,
            stop: &self.machine.stop,
            observer: &observer,
            on_wait: &|_| {},
            presume_dead: &presume_dead,
        };
        let summary = self.session.apply(&self.half, &blueprint, plan, &options);
        summary.await
    }

    /// Gives the user's word for these changes.
    pub(super) fn consent(&mut self, consents: &Consents) {
        self.half.consent = !(consents.delete.is_empty() && consents.take_over.is_empty());
    }

    fn hear<T>(&self, result: Result<T, EngineError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.say(format!("{error} {error:?}"));
                None
            }
        }
    }

    fn say(&self, line: String) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(line);
    }
}

impl Simulation {
    fn consents(&self, consent: bool) -> Consents {
        let mut consents = Consents::default();
        for (from, to) in &self.renames {
            // Said again and again it would be refused.
            let known = self.peek().is_some_and(|state| {
                state.parts.contains_key(&address(*from))
                    && !state.parts.contains_key(&address(*to))
            });
            if known && !self.application.slots.contains_key(from) {
                let (from, to) = (address(*from).to_string(), address(*to).to_string());
                consents.renames.insert(from, to);
            }
        }
        if consent {
            let all = (0..=255).map(|slot| address(slot).resource().to_owned());
            let all: std::collections::BTreeSet<String> = all.take(16).collect();
            consents.replace.clone_from(&all);
            consents.delete.clone_from(&all);
            consents.take_over = all;
        }
        consents
    }
}
