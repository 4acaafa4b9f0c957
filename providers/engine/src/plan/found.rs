//! Things of the stage that the state does not know, because it was lost: they become parts again
//! where they are wanted, under whatever generation of their name, and are kept where they are not.

use super::compute::{Existing, Planner, blank_record};
use super::consent::covers;
use super::{Action, Planned};
use crate::model::{Identity, Lifecycle, Part, PartAddress, Value};
use crate::provider::{Actual, Owner, Reading, Target};
use crate::state::PartRecord;
use std::collections::{BTreeMap, BTreeSet};

/// How many generations of a name are tried to find out which one a thing has.
const GENERATIONS: u32 = 64;

impl<'a> Planner<'a> {
    /// What was found and is there, with the address of the wanted part that it was.
    pub(super) fn found_parts(&self) -> impl Iterator<Item = (&'a Identity, &'a PartAddress)> {
        let (blueprint, state) = (self.blueprint, self.state);
        let found = self.observations.found.iter();
        let wanted = found.filter(move |(identity, target)| {
            let part = blueprint.parts().get(&target.address);
            part.is_some_and(|part| part.part_type == identity.part_type)
                && !state.parts.contains_key(&target.address)
        });
        let there = wanted.filter(|(identity, _)| self.is_ours(identity));
        there.map(|(identity, target)| (identity, &target.address))
    }

    fn is_ours(&self, identity: &Identity) -> bool {
        matches!(
            self.reading(identity),
            Some(
                Reading::Settling { .. }
                    | Reading::Present {
                        owner: Owner::Ours,
                        ..
                    }
            )
        )
    }

    /// Takes what was found of a part that the state knows nothing of. Whether there was something.
    pub(super) fn want_found(&mut self, part: &'a Part, desired: &BTreeMap<String, Value>) -> bool {
        let of_part = self.found_parts();
        let of_part = of_part.filter(|(_, address)| **address == part.address);
        // The latest one: those before it were to go, or were kept.
        let generation = |identity: &Identity| {
            (0..GENERATIONS).find(|number| part.naming.name(*number) == identity.physical_name)
        };
        let latest = of_part
            .map(|(identity, _)| (generation(identity), identity))
            .max();
        let Some((generation, identity)) = latest else {
            return false;
        };
        let planned = Planned {
            part: part.clone(),
            generation: generation.unwrap_or(0),
            physical_name: identity.physical_name.clone(),
        };
        let Some(reading) = self.reading(identity) else {
            return false;
        };
        let Reading::Present { actual, .. } = reading else {
            self.create(part, planned, "it is being made or changed".to_owned());
            return true;
        };
        let record = PartRecord {
            tags: self.observations.found[identity].tags.clone(),
            ..blank_record(&planned, actual)
        };
        let existing = Existing {
            record: &record,
            leftover: false,
        };
        if self.answers_well(part, &existing, reading) {
            let reason = "it carries the tags of this stage".to_owned();
            self.adopt(part, desired, &existing, actual, false, reason);
        }
        true
    }

    /// Keeps whatever was found and did not become a part: nobody knows any more what may become of
    /// it.
    pub(super) fn keep_found(&mut self) {
        let taken: BTreeSet<Identity> = self
            .changes
            .iter()
            .flat_map(|change| {
                let from = change.from.as_ref().map(PartRecord::identity);
                from.into_iter()
                    .chain(change.to.as_ref().map(Planned::identity))
            })
            .collect();
        let found = &self.observations.found;
        let left = found
            .iter()
            .filter(|(identity, _)| !taken.contains(identity));
        for (identity, target) in left {
            if self.is_ours(identity) {
                let record = record_of(target, self.reading(identity));
                let (action, reason) = match covers(&self.options.consents.delete, &target.address)
                {
                    true => (Action::Delete, "the user consents to its deletion"),
                    false => (
                        Action::Retain,
                        "it carries the tags of this stage, and nothing is recorded of it",
                    ),
                };
                self.push_removal(&target.address, &record, true, action, reason.to_owned());
            }
        }
    }
}

fn record_of(target: &Target, reading: Option<&Reading>) -> PartRecord {
    let actual = match reading {
        Some(Reading::Present { actual, .. }) => actual.clone(),
        _ => Actual::default(),
    };
    PartRecord {
        part_type: target.part_type.clone(),
        physical_name: target.physical_name.clone(),
        generation: 0,
        properties: actual.properties,
        outputs: actual.outputs,
        tags: target.tags.clone(),
        lifecycle: Lifecycle {
            retain: true,
            protected: false,
        },
        dependencies: BTreeSet::new(),
        label: target.address.to_string(),
        unsettled: None,
    }
}
