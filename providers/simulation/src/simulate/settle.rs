//! The end of a run: nothing goes wrong any more, and everything must come to what was wanted.

use super::Simulation;
use super::process::{Orders, Process};
use crate::application::address;
use crate::chance::Chance;
use crate::scenario::{Aim, Fate, KIND};
use crate::world::{LAG, LATEST};
use ifc_engine::plan::{Action, Consent, Refusal};
use ifc_engine::{Clock, Consents, Identity, Phase, Plan, PlanOptions, State};
use std::time::Duration;

/// How many applies it may take. Records of different ages can contradict each other about what has
/// to be deleted first; then the next apply goes on.
const APPLIES: u32 = 3;

impl Simulation {
    pub(super) fn settle(&mut self) -> Result<(), String> {
        self.quieten();
        let state = self.apply_until_equal(Aim::Apply, &Consents::default())?;
        let blueprint = self.application.blueprint();
        self.check_world(&blueprint, &state)?;
        let state = self.apply_until_equal(Aim::Destroy, &Consents::default())?;
        self.check_world(&blueprint.emptied(), &state)?;
        let mut consents = Consents::default();
        let left = state.leftovers.values();
        consents.delete = left.map(|left| left.address.to_string()).collect();
        let state = self.apply_until_equal(Aim::Destroy, &consents)?;
        let world = self.world.at(self.clock.now());
        match world.things.values().find(|thing| thing.is_ours()) {
            Some(thing) => Err(format!("equals: `{}` outlives its stage", thing.identity)),
            None if !state.is_empty() => {
                Err("equals: the state of nothing is not empty".to_owned())
            }
            None => Ok(()),
        }
    }

    pub(super) fn quieten(&mut self) {
        self.world.at(self.clock.now()).calm();
        self.clock.run(async {
            self.deliver_late().await;
            self.clock
                .sleep(LAG + LATEST + Duration::from_secs(2))
                .await;
        });
    }

    /// Applies until there is nothing to do.
    fn apply_until_equal(&mut self, aim: Aim, given: &Consents) -> Result<State, String> {
        let mut consents = given.clone();
        let mut last = String::new();
        let mut applies = 0;
        loop {
            let process = self.quiet(aim, &consents);
            let options = PlanOptions {
                consents: consents.clone(),
            };
            let plan = self.clock.try_run(process.plan(&options));
            let plan = plan.ok_or("stuck: planning waits for nothing")?;
            let plan = plan.map_err(|error| format!("stuck: no plan can be made: {error}"))?;
            check_written(&plan)?;
            if !plan.refusals.is_empty() {
                self.decide(&plan, &mut consents)?;
                continue;
            }
            if plan.is_empty() {
                if let Some(drift) = plan.drift.first() {
                    return Err(format!("second plan: it is empty and has {drift:?}"));
                }
                break;
            }
            if applies == APPLIES {
                let left = told(&plan);
                return Err(format!("second plan: never empty: {left}; {last}"));
            }
            applies += 1;
            let summary = self.clock.try_run(process.apply(&plan));
            let summary = summary.ok_or("stuck: applying waits for nothing")?;
            let summary = summary.map_err(|error| format!("stuck: {error}"))?;
            last = match summary.is_complete() {
                true => "the last apply was complete".to_owned(),
                false => {
                    let failed = summary.in_phase(Phase::Failed);
                    let failed = failed.map(|step| {
                        let why = step.failure.clone().unwrap_or_default();
                        format!("{} {}: {why}", step.call, step.address)
                    });
                    let failed: Vec<String> = failed.collect();
                    format!("{} {:?}", failed.join(", "), summary.unsaved)
                }
            };
            self.processes.push(process);
            self.check()?;
            self.check_lock()?;
        }
        self.tally.repeated += u64::from(applies > 1);
        self.check()
    }

    fn quiet(&mut self, aim: Aim, consents: &Consents) -> Process {
        let orders = Orders {
            aim,
            consent: false,
            fate: Fate::Lives,
            provider: KIND,
            store: [0; 4],
            sees_death: false,
            skew: 0,
            after: Duration::ZERO,
        };
        let mut process = self.begin(usize::MAX, orders);
        process.consent(consents);
        process
    }

    /// The user reads why the plan is refused, and decides.
    fn decide(&mut self, plan: &Plan, consents: &mut Consents) -> Result<(), String> {
        for refusal in &plan.refusals {
            let fresh = match &refusal.consent {
                Some(Consent::Replace(address)) => consents.replace.insert(address.to_string()),
                Some(Consent::Delete(address)) => consents.delete.insert(address.to_string()),
                Some(Consent::TakeOver(address)) => {
                    let chance = Chance::of(self.seed, address.to_string());
                    let foreign = self.foreign_for(&refusal.message);
                    match foreign.filter(|_| chance.percent("goes away", 50)) {
                        Some(number) => {
                            self.world.at(self.clock.now()).vanish(number);
                            true
                        }
                        None => consents.take_over.insert(address.to_string()),
                    }
                }
                None => self.give_way(refusal),
            };
            if !fresh {
                return Err(format!("stuck: refused without a way out: {refusal}"));
            }
        }
        Ok(())
    }

    /// Does what a refusal asks for that no consent would do: removes the foreign thing, or the part
    /// that wants another's name.
    fn give_way(&mut self, refusal: &Refusal) -> bool {
        if let Some(number) = self.foreign_for(&refusal.message) {
            self.world.at(self.clock.now()).vanish(number);
            return true;
        }
        let slots = &mut self.application.slots;
        let before = slots.len();
        slots.retain(|slot, _| Some(&address(*slot)) != refusal.address.as_ref());
        refusal.message.contains("while it exists") && slots.len() < before
    }

    /// The foreign thing that a refusal names.
    fn foreign_for(&self, message: &str) -> Option<u64> {
        let world = self.world.at(self.clock.now());
        let mut foreign = world.things.values().filter(|thing| !thing.is_ours());
        let named = |identity: &Identity| {
            message.contains(&format!("`{}`", identity.physical_name.as_str()))
        };
        let found = foreign.find(|thing| named(&thing.identity));
        found.map(|thing| thing.number)
    }

    fn check_lock(&self) -> Result<(), String> {
        let inspection = self.clock.run(self.onlooker().inspect());
        let inspection = inspection.map_err(|error| format!("decodes: {error}"))?;
        match inspection.holder {
            Some(holder) => Err(format!("lock: still held by process {}", holder.process)),
            None => Ok(()),
        }
    }
}

/// A plan can be written down and read again, and has no secret.
fn check_written(plan: &Plan) -> Result<(), String> {
    let json = plan.to_json();
    if json.contains(crate::world::SECRET) {
        return Err("secrets: a secret's value is in a plan".to_owned());
    }
    match Plan::from_json(&json) {
        Ok(read) if read == *plan => Ok(()),
        Ok(_) => Err("decodes: a plan that was read is another".to_owned()),
        Err(error) => Err(format!("decodes: a plan cannot be read: {error}")),
    }
}

fn told(plan: &Plan) -> String {
    let changes = plan.changes.iter();
    let changes = changes.filter(|change| change.action != Action::Keep);
    let changes = changes.map(|change| {
        format!(
            "{} {} because {}",
            change.action.name(),
            change.address,
            change.reason
        )
    });
    let changes: Vec<String> = changes.collect();
    changes.join(", ")
}
