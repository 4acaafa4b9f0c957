//! What would be done, and why: a pure function of blueprint, state and what was observed.
//!
//! A [`Plan`] is a value that can be written down, read by people and carried out later. It is
//! bound to what it was computed from: [`Basis`].

mod compute;
mod consent;
mod diff;
mod found;
mod removal;
mod rename;
mod replace;

pub use compute::plan;
pub use consent::{Consents, PlanOptions};
pub(crate) use diff::{drifted, same_value};

use crate::digest::Fingerprint;
use crate::model::{
    ApplicationName, ChangeClass, Identity, Part, PartAddress, PhysicalName, StageName, Value,
};
use crate::provider::{Finding, Reading, Severity, Target};
use crate::state::PartRecord;
use crate::wire;
use std::collections::BTreeMap;
use std::fmt;

/// What would be done to a stage, in an order in which it could be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whose stage.
    pub application: ApplicationName,
    /// Which stage.
    pub stage: StageName,
    /// The provider its parts are at.
    pub provider: String,
    /// What it was computed from.
    pub basis: Basis,
    /// Whether it aims at nothing.
    pub destroy: bool,
    /// One entry per part, also for those that stay as they are; one more for each that moves to
    /// another address; one per leftover that something happens to.
    pub changes: Vec<Change>,
    /// What somebody else changed, and what would be done about it.
    pub drift: Vec<Drift>,
    /// Parts that may be old ones under new names, for the user to decide.
    pub proposals: Vec<RenameProposal>,
    /// Why the plan cannot be applied as it is. Empty when it can.
    pub refusals: Vec<Refusal>,
    /// What preflight found.
    pub findings: Vec<Finding>,
    /// Things of ours that are kept though no part needs them.
    pub orphans: Vec<Orphan>,
}

/// What a plan was computed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis {
    /// The artifact.
    pub artifact: Fingerprint,
    /// The blueprint.
    pub blueprint: Fingerprint,
    /// The state, with whatever an interrupted apply left.
    pub state: Fingerprint,
    /// Which stage's state, by its lineage.
    pub lineage: String,
    /// Which state of it.
    pub serial: u64,
}

/// One planned action on one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The part; for a leftover the part that it was.
    pub address: PartAddress,
    /// What people call it.
    pub label: String,
    /// Where in the application it comes from.
    pub source: Option<String>,
    /// What would be done.
    pub action: Action,
    /// Why.
    pub reason: String,
    /// Property by property: what would change.
    pub properties: Vec<PropertyChange>,
    /// What is there now, as far as it is known.
    pub from: Option<PartRecord>,
    /// Whether `from` is a leftover of the state, not a part; or was found without being either.
    pub leftover: bool,
    /// What will be there. None when nothing will.
    pub to: Option<Planned>,
}

/// What is done to a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Keep,
    /// It is as it should be, and the state is brought up to date.
    Record,
    /// It is there and ours: it becomes part of the stage, and is changed where it differs.
    Adopt,
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// A new one takes its place.
    Replace(ReplaceOrder),
    /// It is deleted.
    Delete,
    /// It is gone already, or no longer ours: the state forgets it.
    Forget,
    /// It is no longer wanted, and stays as an orphan because it is retained or protected.
    Retain,
    /// It keeps existing under another address.
    Move {
        /// The address until now.
        from: PartAddress,
    },
}

/// Which comes first when a part is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReplaceOrder {
    /// The new part, under the name of the next generation.
    CreateFirst,
    /// The end of the old part, because both have one name.
    DeleteFirst,
    /// The new part; the old one stays as an orphan, because it is retained or protected.
    CreateAndKeep,
}

/// A part as it is to be, with the name it will have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The part of the blueprint.
    pub part: Part,
    /// The generation of its name. The engine goes on to later ones when a name cannot be used.
    pub generation: u32,
    /// Its name.
    pub physical_name: PhysicalName,
}

impl Planned {
    /// What makes it that thing at the provider.
    pub fn identity(&self) -> Identity {
        Identity {
            part_type: self.part.part_type.clone(),
            physical_name: self.physical_name.clone(),
        }
    }
}

/// One difference between what is and what should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyChange {
    /// Where: the property, and the keys within it, with dots between them.
    pub path: String,
    /// What it is now. None when it is not set or not known.
    pub old: Option<Value>,
    /// What it will be. An output that is not known yet is still a reference to it.
    pub new: Option<Value>,
    /// What changing it takes.
    pub class: ChangeClass,
}

/// Something that somebody else did to our parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The part.
    pub address: PartAddress,
    /// What people call it.
    pub label: String,
    /// What was found.
    pub sort: DriftSort,
    /// What would be done about it.
    pub response: DriftResponse,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "drift is rare, and mostly of the large sort"
)]
pub enum DriftSort {
    /// It is gone.
    Deleted,
    /// Under its name there is something of somebody else's.
    Foreign {
        /// Whose.
        owner: String,
    },
    /// A property has another value than we gave it.
    Changed {
        /// Which property.
        path: String,
        /// What we gave it.
        recorded: Value,
        /// What it is.
        observed: Value,
        /// What it should be; none when the part is not wanted any more.
        desired: Option<Value>,
    },
}

/// What would be done about a drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DriftResponse {
    /// It is made again.
    Recreate,
    /// It is set back to what it should be.
    Revert,
    /// It is what is wanted now: it is recorded.
    Accept,
    /// The part is replaced.
    Replace,
    /// The part is deleted anyway.
    Delete,
    /// The state forgets the part.
    Forget,
    /// Nothing, before the user has decided.
    Refuse,
}

/// A new part that may be an old one under a new name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RenameProposal {
    /// The old address.
    pub from: PartAddress,
    /// The new one.
    pub to: PartAddress,
    /// What people call the old one.
    pub from_label: String,
    /// What people call the new one.
    pub to_label: String,
}

/// Why a plan cannot be applied as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// The part it is about, if one.
    pub address: Option<PartAddress>,
    /// What would have to be done and is not, and why.
    pub message: String,
    /// What the user may consent to so that it is done, if anything.
    pub consent: Option<Consent>,
}

/// Something that is done only when the user says so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Consent {
    /// To replace this part.
    Replace(PartAddress),
    /// To delete this part, and what it holds.
    Delete(PartAddress),
    /// To take over this part from somebody else.
    TakeOver(PartAddress),
}

/// A thing of ours that is kept though no part needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The part that it was.
    pub address: PartAddress,
    /// What people call it.
    pub label: String,
    /// What it is.
    pub identity: Identity,
}

/// What was read before planning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observations {
    /// What there is, by what was asked for. What was not asked for is taken to be as recorded.
    pub readings: BTreeMap<Identity, Reading>,
    /// What carries the stage's tags though the state does not know it, when the provider was asked.
    pub found: BTreeMap<Identity, Target>,
    /// What preflight found.
    pub findings: Vec<Finding>,
}

impl Plan {
    /// Whether applying it would change nothing, neither at the provider nor in the state.
    pub fn is_empty(&self) -> bool {
        self.changes
            .iter()
            .all(|change| change.action == Action::Keep)
    }

    /// Whether applying it would change something at the provider.
    pub fn has_effects(&self) -> bool {
        self.changes.iter().any(Change::has_effect)
    }

    /// Whether it may be applied as it is.
    pub fn is_applicable(&self) -> bool {
        let stops = |finding: &Finding| finding.severity == Severity::Error;
        self.refusals.is_empty() && !self.findings.iter().any(stops)
    }

    /// How many changes there are of each sort, by the sort's name. Parts that stay are left out.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for change in &self.changes {
            if change.action != Action::Keep {
                *counts.entry(change.action.name()).or_default() += 1;
            }
        }
        counts
    }

    /// As JSON, in the published format.
    pub fn to_json(&self) -> String {
        wire::plan_to_json(self)
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// When it is none, was damaged, or was written by a newer version.
    pub fn from_json(text: &str) -> Result<Plan, wire::WireError> {
        wire::plan_from_json(text)
    }
}

impl Change {
    /// Whether what is there now is deleted.
    pub(crate) fn deletes(&self) -> bool {
        match self.action {
            Action::Delete => true,
            Action::Replace(order) => order != ReplaceOrder::CreateAndKeep,
            _ => false,
        }
    }

    /// Whether the provider would be asked to change something.
    pub fn has_effect(&self) -> bool {
        match self.action {
            Action::Create | Action::Update | Action::Replace(_) | Action::Delete => true,
            Action::Adopt => !self.properties.is_empty(),
            Action::Keep
            | Action::Record
            | Action::Forget
            | Action::Retain
            | Action::Move { .. } => false,
        }
    }
}

impl Action {
    /// One word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Keep => "keep",
            Action::Record => "record",
            Action::Adopt => "adopt",
            Action::Create => "create",
            Action::Update => "update",
            Action::Replace(_) => "replace",
            Action::Delete => "delete",
            Action::Forget => "forget",
            Action::Retain => "retain",
            Action::Move { .. } => "move",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}
