//! What must hold after every command, and what must hold once all is quiet.

use super::Simulation;
use crate::application::{address, name_of};
use crate::scenario::Kept;
use crate::world::SECRET;
use ifc_engine::state::{LeftoverReason, Unsettled};
use ifc_engine::{Blueprint, Clock, Desired, Identity, OutputRef, Part, State};
use std::collections::BTreeSet;

impl Simulation {
    /// What must hold after every command, however it ended.
    pub(super) fn check(&mut self) -> Result<State, String> {
        let inspection = self.clock.run(self.onlooker().inspect());
        let inspection = inspection.map_err(|error| format!("decodes: {error} ({error:?})"))?;
        let state = inspection.state;
        if state.serial < self.serial {
            let before = self.serial;
            return Err(format!("serials: {} after {before}", state.serial));
        }
        self.serial = state.serial;
        if !self.lineage.is_empty() && state.lineage != self.lineage {
            return Err("decodes: the state is another's".to_owned());
        }
        self.lineage.clone_from(&state.lineage);
        if let Some(violation) = self.ledger.violations().first() {
            return Err(violation.clone());
        }
        self.check_secrets()?;
        if let Some(line) = self.told("bug in the provider") {
            return Err(format!("contract: {line}"));
        }
        let known: BTreeSet<Identity> = identities(&state).collect();
        let complete = self.is_complete(&state);
        let world = self.world.at(self.clock.now());
        if let Some(violation) = world.violations().first() {
            return Err(violation.clone());
        }
        let mut ours = world.things.values().filter(|thing| thing.is_ours());
        if let Some(thing) = ours.find(|thing| complete && !known.contains(&thing.identity)) {
            return Err(format!(
                "known: the state knows nothing of `{}`",
                thing.identity
            ));
        }
        drop(world);
        self.note_kept(&state);
        Ok(state)
    }

    /// Notes what may not be deleted without consent from now on.
    pub(super) fn note_kept(&self, state: &State) {
        let parts = state.parts.iter().filter(|(part, record)| {
            let mut slots = self.application.slots.iter();
            let wanted = slots.find(|(slot, _)| address(**slot) == **part);
            let stays = wanted.is_none_or(|(_, shape)| shape.kept != Kept::Not);
            // What was never finished may go: nobody has put anything into it.
            let whole = record.unsettled != Some(Unsettled::Creating);
            record.lifecycle.is_kept() && stays && whole
        });
        let leftovers = state.leftovers.iter();
        let leftovers = leftovers.filter(|(_, leftover)| leftover.why == LeftoverReason::Kept);
        let kept = parts.map(|(_, record)| record.identity());
        let kept = kept.chain(leftovers.map(|(identity, _)| identity.clone()));
        // What nobody knows of now is still what it was, unless the application says otherwise.
        let known: BTreeSet<Identity> = identities(state).collect();
        let mut world = self.world.at(self.clock.now());
        let mut unknown = std::mem::take(&mut world.kept);
        unknown.retain(|identity| {
            !self.is_complete(state)
                && !known.contains(identity)
                && !self.gives_up(&world, identity)
        });
        world.kept = kept.chain(unknown).collect();
    }

    /// Notes what may be deleted while two commands run, one of which takes back what was kept, for
    /// an application that does not want it kept any more: the other may go by that.
    pub(super) fn give_up(&self) {
        let mut world = self.world.at(self.clock.now());
        let mut kept = std::mem::take(&mut world.kept);
        kept.retain(|identity| !self.gives_up(&world, identity));
        world.kept = kept;
    }

    /// Whether the state should know of everything: what was lost is looked for until an apply has
    /// come to its end.
    fn is_complete(&self, state: &State) -> bool {
        !self.lost || state.artifact.is_some()
    }

    /// Whether the application wants a thing for what is not kept.
    fn gives_up(&self, world: &crate::world::Inner, identity: &Identity) -> bool {
        let slots = self.application.slots.iter();
        let mut unkept = slots.filter(|(_, shape)| shape.kept == Kept::Not);
        let numbers = world.of(identity);
        let made_for = numbers.iter().map(|number| &world.things[number].made_for);
        let made_for: Vec<_> = made_for.collect();
        unkept.any(|(slot, shape)| {
            made_for.contains(&&address(*slot)) || name_of(shape, *slot, 0) == *identity
        })
    }

    fn check_secrets(&self) -> Result<(), String> {
        let contents = self.memory.contents();
        let secret = SECRET.as_bytes();
        let told = contents
            .iter()
            .find(|(_, bytes)| bytes.windows(secret.len()).any(|window| window == secret));
        if let Some((key, _)) = told {
            return Err(format!("secrets: a secret's value is in `{key}`"));
        }
        match self.told(SECRET) {
            Some(_) => Err("secrets: a secret's value was shown".to_owned()),
            None => Ok(()),
        }
    }

    /// What must hold when an apply is done and nothing goes wrong any more.
    pub(super) fn check_world(&self, blueprint: &Blueprint, state: &State) -> Result<(), String> {
        let world = self.world.at(self.clock.now());
        let parts = blueprint.parts();
        if let Some(address) = state
            .parts
            .keys()
            .find(|address| !parts.contains_key(address))
        {
            return Err(format!("equals: the state still has `{address}`"));
        }
        let mut identities = BTreeSet::new();
        for part in parts.values() {
            let Some(record) = state.parts.get(&part.address) else {
                return Err(format!("equals: the state has no `{}`", part.address));
            };
            let identity = record.identity();
            if !identities.insert(identity.clone()) {
                return Err(format!("equals: two parts are the same `{identity}`"));
            }
            let mut numbers = world.of(&identity);
            numbers.retain(|number| world.things[number].is_ours());
            let [number] = numbers.as_slice() else {
                let count = numbers.len();
                return Err(format!("equals: there are {count} of `{identity}`"));
            };
            let thing = &world.things[number];
            let desired = desired(part, record, state);
            if record.unsettled.is_some() || record.properties != desired.properties {
                return Err(format!(
                    "equals: the state has another `{}`: {record:?}, not {:?}",
                    part.address, desired.properties
                ));
            }
            // A secret that is not wanted, and was set by a state that is lost, is known to nobody.
            let mut told = thing.clone();
            if self.lost && !desired.properties.contains_key("password") {
                told.properties.remove("password");
            }
            if !told.is_as(&desired) {
                return Err(format!(
                    "equals: `{identity}` is {:?} with tags {:?}, not {:?} with {:?}",
                    thing.properties, thing.tags, desired.properties, desired.target.tags
                ));
            }
            if thing.actual(self.application.release.wider).outputs != record.outputs {
                return Err(format!("equals: `{identity}` has other outputs"));
            }
        }
        for (identity, leftover) in &state.leftovers {
            if leftover.why != LeftoverReason::Kept || identities.contains(identity) {
                return Err(format!("equals: `{identity}` is left: {:?}", leftover.why));
            }
            if world.of(identity).is_empty() {
                return Err(format!("equals: `{identity}` is listed and not there"));
            }
        }
        Ok(())
    }
}

fn identities(state: &State) -> impl Iterator<Item = Identity> {
    let parts = state.parts.values().map(|record| record.identity());
    parts.chain(state.leftovers.keys().cloned())
}

/// What the provider should have been told of a part.
fn desired(part: &Part, record: &ifc_engine::state::PartRecord, state: &State) -> Desired {
    let lookup = |reference: &OutputRef| {
        let outputs = state.outputs(&reference.part)?;
        outputs.get(&reference.output).cloned()
    };
    let properties = part.properties.iter();
    Desired {
        target: ifc_engine::Target {
            tags: part.tags.clone(),
            ..record.target(&part.address)
        },
        properties: properties
            .map(|(name, property)| (name.clone(), property.value.resolve(&lookup)))
            .collect(),
        outputs: part.outputs.clone(),
    }
}
