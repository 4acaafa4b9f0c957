//! What a plan changes about what units may do.

use super::Wanted;
use crate::render::reason::Program;
use ifc_analyzer::Derivation;
use ifc_engine::{Plan, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One verb on one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Permission {
    pub(crate) unit: String,
    pub(crate) kind: String,
    pub(crate) resource: String,
    pub(crate) verb: String,
}

/// What one part may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Granted {
    /// These.
    Exactly(BTreeSet<Permission>),
    /// Everything, because what it needs could not be derived: the unit.
    Everything(String),
}

/// What units gain and lose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PermissionChanges {
    /// With the place in the source, where it is known.
    pub(crate) gained: BTreeMap<Permission, Option<String>>,
    pub(crate) lost: BTreeSet<Permission>,
    /// Units that may do everything from now on.
    pub(crate) everything: BTreeSet<String>,
    /// The property of parts that says all this.
    pub(crate) property: &'static str,
}

impl PermissionChanges {
    pub(crate) fn is_empty(&self) -> bool {
        self.gained.is_empty() && self.lost.is_empty() && self.everything.is_empty()
    }

    /// Whether a property's path says what a part may do.
    pub(crate) fn tells(&self, path: &str) -> bool {
        let below = path.strip_prefix(self.property);
        !self.property.is_empty()
            && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// Finds the places of what is gained.
    pub(super) fn locate(&mut self, wanted: &Wanted, workspace_root: &Path) {
        let Derivation::Exact { reasons, .. } = &wanted.analysis.derivation else {
            return;
        };
        if self.gained.is_empty() {
            return;
        }
        let program = Program::open(&wanted.executable, workspace_root);
        for reason in reasons {
            let permission = Permission {
                unit: reason.unit.clone(),
                kind: reason.resource.kind.as_str().to_owned(),
                resource: reason.resource.name.clone(),
                verb: reason.verb.as_str().to_owned(),
            };
            if let Some(place) = self.gained.get_mut(&permission) {
                *place = program.operation(reason, &wanted.analysis.graph);
            }
        }
    }
}

/// What a part may do, by its owner's name and its properties.
type Grants<'a> = &'a dyn Fn(&str, &BTreeMap<String, Value>) -> Option<Granted>;

/// The difference that a plan makes. `property` is what says it of parts.
pub(crate) fn changes(
    plan: &Plan,
    property: &'static str,
    grants: Grants<'_>,
) -> PermissionChanges {
    let mut found = PermissionChanges {
        property,
        ..PermissionChanges::default()
    };
    let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
    for change in &plan.changes {
        let old = change
            .from
            .as_ref()
            .and_then(|from| grants(change.address.resource(), &from.properties));
        let new = change.to.as_ref().and_then(|to| {
            let properties = to.part.properties.iter();
            let properties = properties
                .map(|(name, property)| (name.clone(), property.value.clone()))
                .collect();
            grants(change.address.resource(), &properties)
        });
        if let Some(Granted::Everything(unit)) = &new
            && old.as_ref() != new.as_ref()
        {
            found.everything.insert(unit.clone());
        }
        for (granted, all) in [(old, &mut before), (new, &mut after)] {
            if let Some(Granted::Exactly(permissions)) = granted {
                all.extend(permissions);
            }
        }
    }
    let gained = after.difference(&before);
    found.gained = gained.map(|gained| (gained.clone(), None)).collect();
    let lost = before.difference(&after);
    // Who may do everything loses nothing.
    let lost = lost.filter(|lost| !found.everything.contains(&lost.unit));
    found.lost = lost.cloned().collect();
    found
}
