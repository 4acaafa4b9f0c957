//! A new part in the place of an old one: whether it may be, and which comes first.

use super::compute::{Planner, change_of, order_of, planned};
use super::consent::covers;
use super::{Action, Change, Consent, PropertyChange};
use crate::model::{ChangeClass, Identity, Part, PartAddress, Value};
use crate::provider::{Owner, Reading};
use crate::state::{PartRecord, Unsettled};
use std::collections::{BTreeMap, BTreeSet};

impl<'a> Planner<'a> {
    /// Replaces what `from` is by `part`, or says why not.
    pub(super) fn replace(
        &mut self,
        part: &'a Part,
        from: PartRecord,
        leftover: bool,
        properties: Vec<PropertyChange>,
    ) {
        // What was never finished, and is not there, holds nothing that could be lost.
        let is_hollow = from.unsettled == Some(Unsettled::Creating)
            && self.reading(&from.identity()) == Some(&Reading::Absent);
        let kept = !is_hollow && (from.lifecycle.is_kept() || part.lifecycle.is_kept());
        let refused = properties
            .iter()
            .any(|change| change.class == ChangeClass::Refuse);
        let causes: Vec<String> = properties
            .iter()
            .filter(|change| change.class != ChangeClass::InPlace)
            .map(|change| format!("`{}`", change.path))
            .collect();
        let causes = causes.join(", ");
        let consents = &self.options.consents;
        if (kept || refused) && !covers(&consents.replace, &part.address) {
            let why = match kept {
                true => "its data would not be in the new one",
                false => "that is never done silently",
            };
            let message = format!(
                "{} would have to be replaced to change {causes}, and {why}",
                part.label
            );
            self.refuse(
                &part.address,
                message,
                Some(Consent::Replace(part.address.clone())),
            );
            return;
        }
        let same_type = from.part_type == part.part_type;
        // With one name for both, the old has to go first; so has whatever is replaced because of
        // such a part. What only happens to be replaced with it may be needed by others until then.
        let one_name =
            same_type && !part.naming.varies() && part.naming.name(0) == from.physical_name;
        let causes_replacement = |change: &&PropertyChange| change.class != ChangeClass::InPlace;
        let mut new = properties.iter().filter(causes_replacement);
        let dragged = new.any(|change| {
            let references = change.new.iter().flat_map(Value::references);
            let mut referred = references.map(|reference| &reference.part);
            referred.any(|address| self.delete_first.contains(address))
        });
        let may_delete = !kept || covers(&consents.delete, &part.address);
        if one_name && !may_delete {
            let message = format!(
                "{} would have to be deleted before it is made anew, because its name \
                 `{}` cannot vary",
                part.label, from.physical_name
            );
            let consent = Consent::Delete(part.address.clone());
            self.refuse(&part.address, message, Some(consent));
            return;
        }
        let delete_first = one_name || (dragged && may_delete && same_type);
        let order = order_of(!may_delete, delete_first);
        if delete_first {
            self.delete_first.insert(part.address.clone());
        }
        let generation = match part.naming.varies() {
            true => self.free_generation(part, Some(&from)),
            false if same_type => from.generation,
            false => 0,
        };
        self.changes.push(Change {
            properties,
            from: Some(from),
            leftover,
            to: Some(planned(part, generation)),
            ..change_of(
                part,
                Action::Replace(order),
                format!("{causes} cannot be changed in place"),
            )
        });
    }

    /// The first generation after all that the part's address ever had in this type, so that no
    /// name is met again, not even when the engine has to go on to later ones; and none that is
    /// another part's.
    pub(super) fn free_generation(&self, part: &Part, record: Option<&PartRecord>) -> u32 {
        let leftovers = self.state.leftovers.values();
        let leftovers = leftovers.filter(|leftover| leftover.address == part.address);
        let mut generation = leftovers
            .map(|leftover| &leftover.record)
            .chain(record)
            .filter(|record| record.part_type == part.part_type)
            .map(|record| record.generation + 1)
            .max()
            .unwrap_or(0);
        while self.is_taken(part, generation) {
            generation += 1;
        }
        generation
    }

    /// Whether something else has the name: another part, what is left of one, or a thing of
    /// somebody else's.
    fn is_taken(&self, part: &Part, generation: u32) -> bool {
        let identity = Identity {
            part_type: part.part_type.clone(),
            physical_name: part.naming.name(generation),
        };
        self.state.leftovers.contains_key(&identity)
            || self.observations.found.contains_key(&identity)
            || self.other_holder(part, generation).is_some()
            || self.foreign_owner(&identity).is_some()
    }

    /// Whose the thing of that name is, when it was seen to be somebody else's.
    fn foreign_owner(&self, identity: &Identity) -> Option<&'a str> {
        match self.reading(identity)? {
            Reading::Present {
                owner: Owner::Foreign { description },
                ..
            } => Some(description),
            _ => None,
        }
    }

    /// The other part that has the name which this one would have. Names stay with their parts, so
    /// one that an application has given to another part since may still be in use.
    pub(super) fn other_holder(&self, part: &Part, generation: u32) -> Option<&PartAddress> {
        let identity = Identity {
            part_type: part.part_type.clone(),
            physical_name: part.naming.name(generation),
        };
        let holder = self.holders.get(&identity)?;
        (*holder != part.address).then_some(holder)
    }

    /// Nothing is made under the name of something that stays. What is deleted is deleted first,
    /// see the order of steps.
    pub(super) fn keep_apart(&mut self) {
        let orphans = self.orphans.iter();
        let orphans = orphans.map(|orphan| (&orphan.identity, &orphan.address));
        let orphans: BTreeMap<&Identity, &PartAddress> = orphans.collect();
        let deleted = self.changes.iter().filter(|change| change.deletes());
        let deleted = deleted.filter_map(|change| Some(change.from.as_ref()?.identity()));
        let deleted: BTreeSet<Identity> = deleted.collect();
        let makes = |change: &&Change| matches!(change.action, Action::Create | Action::Replace(_));
        let mut colliding = Vec::new();
        for change in self.changes.iter().filter(makes) {
            let Some(planned) = &change.to else { continue };
            let identity = planned.identity();
            let beginning = format!(
                "{} cannot be made: its name `{}` cannot vary, and is that of",
                change.label, identity.physical_name
            );
            let holder = self.other_holder(&planned.part, planned.generation);
            if let Some(orphan) = orphans.get(&identity) {
                let consent = Consent::Delete((*orphan).clone());
                let message = format!("{beginning} the orphan of `{orphan}`, which is kept");
                colliding.push((change.address.clone(), message, Some(consent)));
            } else if let Some(holder) = holder.filter(|_| !deleted.contains(&identity)) {
                let message = format!("{beginning} `{holder}`, which keeps it while it exists");
                colliding.push((change.address.clone(), message, None));
            } else if let Some(owner) = self.foreign_owner(&identity) {
                let message =
                    format!("{beginning} a thing of {owner}; delete it, or choose another");
                colliding.push((change.address.clone(), message, None));
            }
        }
        for (address, message, consent) in colliding {
            self.refuse(&address, message, consent);
        }
    }
}
