//! One thing at the provider.

use crate::application::OURS;
use ifc_engine::{Actual, Desired, Identity, PartAddress, Value};
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Thing {
    pub(crate) number: u64,
    pub(crate) identity: Identity,
    pub(crate) made_for: PartAddress,
    pub(crate) properties: BTreeMap<String, Value>,
    pub(crate) tags: BTreeMap<String, String>,
    /// How often it was changed.
    pub(crate) revision: u32,
    pub(crate) settling: Option<Settling>,
}

/// An operation that goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settling {
    pub(crate) until: Duration,
    pub(crate) outcome: Outcome,
    pub(crate) fails: bool,
}

/// What comes of an operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// There is a new thing. When it fails there is none.
    Made,
    /// The thing is another. When it fails, only in part.
    Changed,
    /// The thing is gone, with the user's consent or without.
    Gone(bool),
}

/// What only a new thing can have.
const UNCHANGEABLE: [&str; 3] = ["key", "schema", "parent"];

/// The ids that properties refer to.
pub(crate) fn references(properties: &BTreeMap<String, Value>) -> impl Iterator<Item = &str> {
    let named = ["target", "parent"]
        .into_iter()
        .filter_map(|name| properties.get(name));
    named.filter_map(|value| match value {
        Value::Text(id) => Some(id.as_str()),
        _ => None,
    })
}

fn set(properties: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let mut set = properties.clone();
    set.retain(|_, value| *value != Value::Null);
    set.entry("mode".to_owned())
        .or_insert_with(|| "standard".into());
    set
}

impl Thing {
    pub(crate) fn new(number: u64, desired: &Desired) -> Thing {
        Thing {
            number,
            identity: desired.target.identity(),
            made_for: desired.target.address.clone(),
            properties: set(&desired.properties),
            tags: desired.target.tags.clone(),
            revision: 0,
            settling: None,
        }
    }

    pub(crate) fn foreign(number: u64, identity: Identity, address: &PartAddress) -> Thing {
        let properties = [("key", "k0"), ("schema", "s0"), ("mode", "standard")];
        Thing {
            number,
            identity,
            made_for: address.clone(),
            properties: properties
                .map(|(name, value)| (name.to_owned(), value.into()))
                .into(),
            tags: BTreeMap::new(),
            revision: 0,
            settling: None,
        }
    }

    pub(crate) fn id(&self) -> String {
        format!("id-{}", self.number)
    }

    pub(crate) fn id_value(&self) -> Value {
        Value::Text(self.id())
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.tags.get(OURS.0).is_some_and(|stage| stage == OURS.1)
    }

    pub(crate) fn refers_to(&self, id: &str) -> bool {
        references(&self.properties).any(|other| other == id)
    }

    pub(crate) fn is_as(&self, desired: &Desired) -> bool {
        self.properties == set(&desired.properties) && self.tags == desired.target.tags
    }

    pub(crate) fn become_as(&mut self, desired: &Desired) {
        self.properties = set(&desired.properties);
        self.tags.clone_from(&desired.target.tags);
        self.made_for = desired.target.address.clone();
        self.revision += 1;
    }

    /// What would have to change and cannot.
    pub(crate) fn cannot_become(&self, desired: &Desired) -> Option<&'static str> {
        let wanted = set(&desired.properties);
        let differs = |name: &&str| self.properties.get(*name) != wanted.get(*name);
        UNCHANGEABLE.into_iter().find(|name| differs(name))
    }

    /// What it is like, as the half of this release tells it: secrets cannot be read, and what the
    /// release does not know is not told.
    pub(crate) fn actual(&self, wider: bool) -> Actual {
        let mut properties = self.properties.clone();
        properties
            .retain(|name, value| !matches!(value, Value::Secret(_)) && (wider || name != "mode"));
        for name in ["size", "target", "url", "parent"] {
            properties.entry(name.to_owned()).or_insert(Value::Null);
        }
        let endpoint = format!("e-{}-{}", self.number, self.revision);
        let mut outputs = BTreeMap::from([
            ("id".to_owned(), self.id_value()),
            ("endpoint".to_owned(), Value::Text(endpoint)),
        ]);
        if wider {
            let arn = Value::Text(format!("arn:{}", self.number));
            outputs.insert("arn".to_owned(), arn);
        }
        Actual {
            properties,
            outputs,
        }
    }
}
