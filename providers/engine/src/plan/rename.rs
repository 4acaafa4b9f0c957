//! Parts under new addresses: moved when the user says so or when it is the very same thing,
//! proposed when they look alike, never guessed.

use super::compute::{Planner, change_of, planned};
use super::diff::same_value;
use super::{Action, Change, Refusal, RenameProposal};
use crate::model::{ChangeClass, Identity, Part, PartAddress};
use crate::state::{LeftoverReason, PartRecord};
use std::collections::{BTreeMap, BTreeSet};

impl Planner<'_> {
    /// Finds out which records belong to which parts.
    pub(super) fn rename(&mut self) {
        let unwanted: Vec<PartAddress> = self
            .state
            .parts
            .keys()
            .filter(|address| !self.blueprint.parts().contains_key(*address))
            .cloned()
            .collect();
        let mut used: BTreeSet<String> = BTreeSet::new();
        for old in &unwanted {
            if let Some(new) = self.consented(old, &mut used) {
                self.moved.insert(new, old.clone());
            }
        }
        self.reclaim(&mut used);
        self.move_the_same(&unwanted);
        for (old, new) in &self.options.consents.renames {
            if !used.contains(old) {
                self.refusals.push(Refusal {
                    address: None,
                    message: format!(
                        "`{old}` cannot be renamed to `{new}`: the stage must have the one and \
                         not yet the other, and the application the other and no longer the one"
                    ),
                    consent: None,
                });
            }
        }
        let moved: Vec<(PartAddress, PartAddress)> = self
            .moved
            .iter()
            .map(|(new, old)| (new.clone(), old.clone()))
            .collect();
        for (new, old) in moved {
            let part = &self.blueprint.parts()[&new];
            let action = Action::Move { from: old.clone() };
            let record = self.state.parts.get(&old).cloned();
            self.changes.push(Change {
                from: record,
                ..change_of(part, action, format!("it was `{old}` until now"))
            });
        }
    }

    /// The part that the user says `old` is now, if that can be.
    fn consented(&self, old: &PartAddress, used: &mut BTreeSet<String>) -> Option<PartAddress> {
        let consents = &self.options.consents;
        let new = consents.renamed(old)?;
        let is_free = self.blueprint.parts().contains_key(&new)
            && !self.state.parts.contains_key(&new)
            && !self.moved.contains_key(&new)
            && !self.reclaimed.contains_key(&new);
        if !is_free {
            return None;
        }
        for key in [old.to_string(), old.resource().to_owned()] {
            if consents.renames.contains_key(&key) {
                used.insert(key);
                break;
            }
        }
        Some(new)
    }

    /// Leftovers that are wanted again, under their old address or the one the user says.
    fn reclaim(&mut self, used: &mut BTreeSet<String>) {
        let names = self.free_names();
        for (identity, leftover) in self.state.leftovers.iter().rev() {
            let kept = leftover.why == LeftoverReason::Kept;
            let own = kept.then(|| leftover.address.clone());
            let consented = kept
                .then(|| self.consented(&leftover.address, used))
                .flatten();
            let same = names.get(identity).cloned();
            let claims = [consented, same, own];
            let wanted = claims.into_iter().flatten().find(|address| {
                let part = self.blueprint.parts().get(address);
                part.is_some_and(|part| part.part_type == identity.part_type)
                    && !self.state.parts.contains_key(address)
                    && !self.moved.contains_key(address)
                    && !self.reclaimed.contains_key(address)
            });
            if let Some(address) = wanted {
                self.reclaimed.insert(address, identity.clone());
            }
        }
    }

    /// One thing under two addresses is one thing: its record moves along.
    fn move_the_same(&mut self, unwanted: &[PartAddress]) {
        let names = self.free_names();
        let moved: BTreeSet<PartAddress> = self.moved.values().cloned().collect();
        for old in unwanted.iter().filter(|old| !moved.contains(*old)) {
            let identity = self.state.parts[old].identity();
            if let Some(new) = names.get(&identity)
                && !self.moved.contains_key(new)
                && !self.reclaimed.contains_key(new)
            {
                self.moved.insert(new.clone(), old.clone());
            }
        }
    }

    /// The names of the wanted parts that the state does not know.
    fn free_names(&self) -> BTreeMap<Identity, PartAddress> {
        let parts = self.blueprint.parts().iter();
        parts
            .filter(|(address, _)| !self.state.parts.contains_key(*address))
            .filter(|(address, _)| !self.moved.contains_key(*address))
            .map(|(address, part)| (planned(part, 0).identity(), address.clone()))
            .collect()
    }

    /// Pairs of a kept part and a new one that could be the same under another name.
    pub(super) fn propose_renames(&mut self) {
        let retained = self
            .changes
            .iter()
            .filter(|change| change.action == Action::Retain && !change.leftover);
        let mut old: Vec<(&PartAddress, &PartRecord)> = retained
            .filter_map(|change| Some((&change.address, change.from.as_ref()?)))
            .collect();
        let orphans = self.orphans.iter();
        old.extend(orphans.filter_map(|orphan| {
            let leftover = self.state.leftovers.get(&orphan.identity)?;
            Some((&leftover.address, &leftover.record))
        }));
        let created = self
            .changes
            .iter()
            .filter(|change| change.action == Action::Create && change.from.is_none());
        let mut proposals = BTreeSet::new();
        for change in created {
            let Some(to) = &change.to else { continue };
            for (address, record) in &old {
                if looks_like(&to.part, record) {
                    proposals.insert(RenameProposal {
                        from: (*address).clone(),
                        to: change.address.clone(),
                        from_label: record.label.clone(),
                        to_label: change.label.clone(),
                    });
                }
            }
        }
        self.proposals.extend(proposals);
    }
}

/// Whether all that cannot be changed in place (type, keys, schema) is the same.
fn looks_like(part: &Part, record: &PartRecord) -> bool {
    let fixed = part
        .properties
        .iter()
        .filter(|(_, property)| property.on_change != ChangeClass::InPlace);
    part.part_type == record.part_type
        && part.lifecycle.retain == record.lifecycle.retain
        && fixed
            .into_iter()
            .all(|(name, property)| same_value(record.properties.get(name), Some(&property.value)))
}
