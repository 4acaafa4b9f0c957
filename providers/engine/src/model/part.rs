//! One provider-side thing that a resource lowers to.

use super::{Naming, PartAddress, PartType, PhysicalName, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One thing at the provider, as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// How it is called within the stage.
    pub address: PartAddress,
    /// Which sort of thing it is.
    pub part_type: PartType,
    /// How its physical name is made. Changing it does not rename what exists: a name is kept for
    /// the lifetime of a part.
    pub naming: Naming,
    /// What it should be like. What cannot be changed in place is here also when it is not set, as
    /// [`Value::Null`]: the removal of a property that is not here counts as a change in place.
    pub properties: BTreeMap<String, Property>,
    /// The outputs it has once it exists. References to others are refused.
    pub outputs: BTreeSet<String>,
    /// The outputs that an update in place may change; all others stay until it is replaced.
    pub volatile_outputs: BTreeSet<String>,
    /// What becomes of it when it is no longer wanted.
    pub lifecycle: Lifecycle,
    /// What marks it as ours, and what the user wants on it.
    pub tags: BTreeMap<String, String>,
    /// Parts that must be there before it, beside those it refers to.
    pub after: BTreeSet<PartAddress>,
    /// What people call it, such as "queue `orders`".
    pub label: String,
    /// Where in the application it comes from, such as `src/main.rs:12:5`.
    pub source: Option<String>,
    /// Why it is needed, in a sentence.
    pub reason: String,
}

impl Part {
    /// A part without properties, outputs or dependencies, deleted when it is no longer wanted.
    pub fn new(address: PartAddress, part_type: impl Into<String>, naming: Naming) -> Part {
        Part {
            label: address.to_string(),
            address,
            part_type: PartType::new(part_type),
            naming,
            properties: BTreeMap::new(),
            outputs: BTreeSet::new(),
            volatile_outputs: BTreeSet::new(),
            lifecycle: Lifecycle::default(),
            tags: BTreeMap::new(),
            after: BTreeSet::new(),
            source: None,
            reason: String::new(),
        }
    }

    /// The same with a property.
    #[must_use]
    pub fn with(
        mut self,
        name: impl Into<String>,
        value: impl Into<Value>,
        on_change: ChangeClass,
    ) -> Part {
        let value = value.into();
        self.properties
            .insert(name.into(), Property { value, on_change });
        self
    }

    /// The same with an output.
    #[must_use]
    pub fn with_output(mut self, name: impl Into<String>) -> Part {
        self.outputs.insert(name.into());
        self
    }

    /// The same with an output that updates may change.
    #[must_use]
    pub fn with_volatile_output(mut self, name: impl Into<String>) -> Part {
        let name = name.into();
        self.volatile_outputs.insert(name.clone());
        self.outputs.insert(name);
        self
    }

    /// The same, to be made after `other`.
    #[must_use]
    pub fn after(mut self, other: &PartAddress) -> Part {
        self.after.insert(other.clone());
        self
    }

    /// The same, kept when it is no longer in the blueprint.
    #[must_use]
    pub fn retained(mut self) -> Part {
        self.lifecycle.retain = true;
        self
    }

    /// The same, deleted or replaced only with consent.
    #[must_use]
    pub fn protected(mut self) -> Part {
        self.lifecycle.protected = true;
        self
    }

    /// The same with a tag.
    #[must_use]
    pub fn tagged(mut self, key: impl Into<String>, value: impl Into<String>) -> Part {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// Whether its dependencies are these.
    pub(crate) fn depends_on_exactly(&self, addresses: &BTreeSet<PartAddress>) -> bool {
        let values = self.properties.values().map(|property| &property.value);
        let referred: Vec<_> = values.flat_map(Value::references).collect();
        let referred = || referred.iter().map(|reference| &reference.part);
        let depends_on = |address| {
            self.after.contains(address) || referred().any(|referred| referred == address)
        };
        self.after
            .iter()
            .chain(referred())
            .all(|address| addresses.contains(address))
            && addresses.iter().all(depends_on)
    }

    /// Everything that must be there before it: what it refers to and what it names.
    pub fn dependencies(&self) -> BTreeSet<PartAddress> {
        let values = self.properties.values().map(|property| &property.value);
        let references = values.flat_map(Value::references);
        let referred = references.map(|reference| reference.part.clone());
        referred.chain(self.after.iter().cloned()).collect()
    }
}

/// One desired property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// What it should be.
    pub value: Value,
    /// What it takes to change it.
    pub on_change: ChangeClass,
}

/// What it takes to change a property of a part that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeClass {
    /// An update.
    InPlace,
    /// A new part in the place of the old.
    Replace,
    /// A new part, and the user's consent.
    Refuse,
}

/// What becomes of a part that is no longer wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifecycle {
    /// It holds data: it stays, listed as an orphan, until the user says otherwise.
    pub retain: bool,
    /// Deleting or replacing it takes a consent of its own.
    pub protected: bool,
}

impl Lifecycle {
    /// Whether it is kept unless its deletion is consented to.
    pub fn is_kept(self) -> bool {
        self.retain || self.protected
    }
}

/// What makes a thing that thing at its provider.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Its sort.
    pub part_type: PartType,
    /// Its name.
    pub physical_name: PhysicalName,
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.part_type, self.physical_name)
    }
}
