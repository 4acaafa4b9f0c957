//! What we last recorded about a stage's parts. It changes by [`StateEdit`]s only, so that replaying
//! a journal over an older state gives the newer one.

use crate::canonical::fingerprint_of_state;
use crate::digest::Fingerprint;
use crate::model::{
    ApplicationName, Identity, Lifecycle, PartAddress, PartType, PhysicalName, StageName, Value,
};
use crate::provider::Target;
use std::collections::{BTreeMap, BTreeSet};

/// Everything recorded about one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Whose stage.
    pub application: ApplicationName,
    /// Which stage, with the name it was shortened from.
    pub stage: StageName,
    /// The provider its parts are at; none while there never was a part.
    pub provider: Option<String>,
    /// Drawn when the stage was begun: a stage that was removed and begun anew is another one.
    pub lineage: String,
    /// Grows by one with every journal.
    pub serial: u64,
    /// The epoch of the lock under which it was last changed.
    pub epoch: u64,
    /// The artifact that was last applied to the end.
    pub artifact: Option<Fingerprint>,
    /// The parts of the stage.
    pub parts: BTreeMap<PartAddress, PartRecord>,
    /// Things of ours that belong to no part any more.
    pub leftovers: BTreeMap<Identity, Leftover>,
}

/// What was recorded about one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartRecord {
    /// Its sort.
    pub part_type: PartType,
    /// Its name at the provider.
    pub physical_name: PhysicalName,
    /// How often its name was changed.
    pub generation: u32,
    /// As they were last applied, with references replaced. Secrets are names. While it is
    /// unsettled, those that it may have been given meanwhile are there too.
    pub properties: BTreeMap<String, Value>,
    /// What the provider told.
    pub outputs: BTreeMap<String, Value>,
    /// As they were last applied.
    pub tags: BTreeMap<String, String>,
    /// What becomes of it when it is no longer wanted.
    pub lifecycle: Lifecycle,
    /// The parts it needed when it was last applied: they are deleted after it.
    pub dependencies: BTreeSet<PartAddress>,
    /// What people call it.
    pub label: String,
    /// What was going on with it when we last knew.
    pub unsettled: Option<Unsettled>,
}

/// A step that was begun, and of which we do not know how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unsettled {
    /// It may exist or not.
    Creating,
    /// Its properties are the old ones, the new ones, or some of each.
    Updating,
    /// It may be gone.
    Deleting,
}

/// A thing of ours that no part of the stage is any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// The part it was.
    pub address: PartAddress,
    /// What was recorded about it.
    pub record: PartRecord,
    /// Why it is still there.
    pub why: LeftoverReason,
}

/// Why a thing is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftoverReason {
    /// Another part took its place; it is deleted as soon as possible.
    Superseded,
    /// It is retained or protected: it stays until the user says otherwise.
    Kept,
}

/// One change of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateEdit {
    /// The part is this now.
    SetPart(PartAddress, Box<PartRecord>),
    /// There is no such part.
    RemovePart(PartAddress),
    /// The part has this address now.
    MovePart {
        /// Its address until now.
        from: PartAddress,
        /// Its address from now on.
        to: PartAddress,
    },
    /// The thing is there, and no part.
    SetLeftover(Box<Leftover>),
    /// The thing is gone, a part again, or forgotten.
    RemoveLeftover(Identity),
    /// The stage is at this provider.
    SetProvider(String),
    /// This artifact was applied to the end.
    SetArtifact(Fingerprint),
}

impl State {
    /// The state of a stage that has nothing.
    pub fn empty(application: ApplicationName, stage: StageName, lineage: String) -> State {
        State {
            application,
            stage,
            provider: None,
            lineage,
            serial: 0,
            epoch: 0,
            artifact: None,
            parts: BTreeMap::new(),
            leftovers: BTreeMap::new(),
        }
    }

    /// Makes one change.
    pub fn edit(&mut self, edit: &StateEdit) {
        match edit {
            StateEdit::SetPart(address, record) => {
                self.parts.insert(address.clone(), (**record).clone());
            }
            StateEdit::RemovePart(address) => {
                self.parts.remove(address);
            }
            StateEdit::MovePart { from, to } => {
                if let Some(record) = self.parts.remove(from) {
                    self.parts.insert(to.clone(), record);
                }
            }
            StateEdit::SetLeftover(leftover) => {
                self.leftovers
                    .insert(leftover.record.identity(), (**leftover).clone());
            }
            StateEdit::RemoveLeftover(identity) => {
                self.leftovers.remove(identity);
            }
            StateEdit::SetProvider(name) => self.provider = Some(name.clone()),
            StateEdit::SetArtifact(fingerprint) => self.artifact = Some(fingerprint.clone()),
        }
    }

    /// Equal for equal states, whatever their serials.
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint_of_state(self)
    }

    /// The outputs of one part, when it is known to exist.
    pub fn outputs(&self, address: &PartAddress) -> Option<&BTreeMap<String, Value>> {
        self.parts.get(address).map(|record| &record.outputs)
    }

    /// Whether a part or a leftover is that thing.
    pub(crate) fn knows(&self, identity: &Identity) -> bool {
        let is_it = |record: &PartRecord| {
            record.part_type == identity.part_type && record.physical_name == identity.physical_name
        };
        self.leftovers.contains_key(identity) || self.parts.values().any(is_it)
    }

    /// Whether nothing at the provider is known to the state.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.leftovers.is_empty()
    }
}

impl PartRecord {
    /// What makes it that thing at the provider.
    pub fn identity(&self) -> Identity {
        Identity {
            part_type: self.part_type.clone(),
            physical_name: self.physical_name.clone(),
        }
    }

    /// How to ask the provider about it.
    pub fn target(&self, address: &PartAddress) -> Target {
        Target {
            address: address.clone(),
            part_type: self.part_type.clone(),
            physical_name: self.physical_name.clone(),
            outputs: self.outputs.clone(),
            tags: self.tags.clone(),
        }
    }

    /// The same, in the middle of something.
    #[must_use]
    pub fn while_being(mut self, what: Unsettled) -> PartRecord {
        self.unsettled = Some(what);
        self
    }
}
