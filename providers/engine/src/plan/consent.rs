//! What the user has agreed to beforehand.

use crate::model::PartAddress;
use std::collections::{BTreeMap, BTreeSet};

/// How to plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// What the user agreed to.
    pub consents: Consents,
}

/// What the user agreed to. Each entry is a resource, or one part of one: `resource/part`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consents {
    /// What may be replaced though its change is refused otherwise.
    pub replace: BTreeSet<String>,
    /// What may be deleted though it is retained or protected.
    pub delete: BTreeSet<String>,
    /// What may be taken over though it does not carry our tags.
    pub take_over: BTreeSet<String>,
    /// Parts that have a new address, from old to new. Resources stand for all their parts.
    pub renames: BTreeMap<String, String>,
}

/// Whether `address` or its resource is in the set.
pub(super) fn covers(set: &BTreeSet<String>, address: &PartAddress) -> bool {
    set.contains(address.resource()) || set.contains(&address.to_string())
}

impl Consents {
    /// The new address that the user says `old` has.
    pub(super) fn renamed(&self, old: &PartAddress) -> Option<PartAddress> {
        if let Some(new) = self.renames.get(&old.to_string()) {
            return new.parse().ok();
        }
        let resource = self.renames.get(old.resource())?;
        PartAddress::new(resource.clone(), old.part()).ok()
    }
}
