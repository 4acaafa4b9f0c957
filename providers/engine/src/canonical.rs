//! What fingerprints are of: every field of a thing, each with its length, in a fixed order.
//!
//! Fed straight into the digest, because a stage of ten thousand parts is fingerprinted several
//! times per command. Structures are taken apart without `..`, so a field that is added and not fed
//! does not compile.

use crate::digest::{Digesting, Fingerprint};
use crate::model::{
    Blueprint, ChangeClass, Lifecycle, Naming, OutputRef, Part, PartAddress, Property, SecretRef,
    Value,
};
use crate::state::{Leftover, LeftoverReason, PartRecord, State, Unsettled};
use std::collections::{BTreeMap, BTreeSet};

/// Something that has a fingerprint.
pub(crate) trait Canonical {
    fn feed(&self, digest: &mut Digesting);
}

pub(crate) fn fingerprint_of_blueprint(blueprint: &Blueprint) -> Fingerprint {
    let mut digest = Digesting::new("ifc-blueprint 1");
    digest.text(blueprint.application().as_str());
    digest.text(blueprint.stage().as_str());
    digest.text(blueprint.provider());
    digest.text(blueprint.artifact().as_str());
    blueprint.parts().feed(&mut digest);
    digest.finish()
}

/// Of what the state says, not of when it said it.
pub(crate) fn fingerprint_of_state(state: &State) -> Fingerprint {
    let State {
        application,
        stage,
        provider,
        lineage,
        serial: _,
        epoch: _,
        artifact,
        parts,
        leftovers,
    } = state;
    let mut digest = Digesting::new("ifc-state 1");
    digest.text(application.as_str());
    digest.text(stage.as_str());
    stage.origin().map(str::to_owned).feed(&mut digest);
    provider.feed(&mut digest);
    digest.text(lineage);
    let artifact = artifact
        .as_ref()
        .map(|artifact| artifact.as_str().to_owned());
    artifact.feed(&mut digest);
    parts.feed(&mut digest);
    digest.number(leftovers.len() as u64);
    for leftover in leftovers.values() {
        leftover.feed(&mut digest);
    }
    digest.finish()
}

impl Canonical for String {
    fn feed(&self, digest: &mut Digesting) {
        digest.text(self);
    }
}

impl Canonical for PartAddress {
    fn feed(&self, digest: &mut Digesting) {
        digest.text(self.resource());
        digest.text(self.part());
    }
}

impl<T: Canonical> Canonical for Option<T> {
    fn feed(&self, digest: &mut Digesting) {
        digest.number(u64::from(self.is_some()));
        if let Some(value) = self {
            value.feed(digest);
        }
    }
}

impl<T: Canonical> Canonical for [T] {
    fn feed(&self, digest: &mut Digesting) {
        digest.number(self.len() as u64);
        self.iter().for_each(|item| item.feed(digest));
    }
}

impl<T: Canonical> Canonical for BTreeSet<T> {
    fn feed(&self, digest: &mut Digesting) {
        digest.number(self.len() as u64);
        self.iter().for_each(|item| item.feed(digest));
    }
}

impl<K: Canonical, V: Canonical> Canonical for BTreeMap<K, V> {
    fn feed(&self, digest: &mut Digesting) {
        digest.number(self.len() as u64);
        for (key, value) in self {
            key.feed(digest);
            value.feed(digest);
        }
    }
}

impl Canonical for Value {
    fn feed(&self, digest: &mut Digesting) {
        match self {
            Value::Null => digest.number(0),
            Value::Bool(bool) => {
                digest.number(1);
                digest.number(u64::from(*bool));
            }
            Value::Integer(number) => {
                digest.number(2);
                digest.number(number.cast_unsigned());
            }
            Value::Text(text) => {
                digest.number(3);
                digest.text(text);
            }
            Value::List(items) => {
                digest.number(4);
                items.as_slice().feed(digest);
            }
            Value::Map(map) => {
                digest.number(5);
                map.feed(digest);
            }
            Value::Join(items) => {
                digest.number(6);
                items.as_slice().feed(digest);
            }
            Value::Output(OutputRef { part, output }) => {
                digest.number(7);
                part.feed(digest);
                digest.text(output);
            }
            Value::Secret(SecretRef(name)) => {
                digest.number(8);
                digest.text(name);
            }
        }
    }
}

impl Canonical for Property {
    fn feed(&self, digest: &mut Digesting) {
        let Property { value, on_change } = self;
        value.feed(digest);
        digest.number(match on_change {
            ChangeClass::InPlace => 0,
            ChangeClass::Replace => 1,
            ChangeClass::Refuse => 2,
        });
    }
}

impl Canonical for Naming {
    fn feed(&self, digest: &mut Digesting) {
        match self {
            Naming::Fixed(name) => {
                digest.number(0);
                digest.text(name.as_str());
            }
            Naming::Generated {
                stem,
                scope,
                length_max,
                digest_length,
                separator,
                ending,
            } => {
                digest.number(1);
                digest.text(stem);
                digest.text(scope);
                digest.number(*length_max as u64);
                digest.number(*digest_length as u64);
                digest.text(separator);
                digest.text(ending);
            }
        }
    }
}

impl Canonical for Lifecycle {
    fn feed(&self, digest: &mut Digesting) {
        let Lifecycle { retain, protected } = self;
        digest.number(u64::from(*retain));
        digest.number(u64::from(*protected));
    }
}

impl Canonical for Part {
    fn feed(&self, digest: &mut Digesting) {
        let Part {
            address,
            part_type,
            naming,
            properties,
            outputs,
            volatile_outputs,
            lifecycle,
            tags,
            after,
            label,
            source,
            reason,
        } = self;
        address.feed(digest);
        digest.text(part_type.as_str());
        naming.feed(digest);
        properties.feed(digest);
        outputs.feed(digest);
        volatile_outputs.feed(digest);
        lifecycle.feed(digest);
        tags.feed(digest);
        after.feed(digest);
        digest.text(label);
        source.feed(digest);
        digest.text(reason);
    }
}

impl Canonical for PartRecord {
    fn feed(&self, digest: &mut Digesting) {
        let PartRecord {
            part_type,
            physical_name,
            generation,
            properties,
            outputs,
            tags,
            lifecycle,
            dependencies,
            label,
            unsettled,
        } = self;
        digest.text(part_type.as_str());
        digest.text(physical_name.as_str());
        digest.number(u64::from(*generation));
        properties.feed(digest);
        outputs.feed(digest);
        tags.feed(digest);
        lifecycle.feed(digest);
        dependencies.feed(digest);
        digest.text(label);
        digest.number(match unsettled {
            None => 0,
            Some(Unsettled::Creating) => 1,
            Some(Unsettled::Updating) => 2,
            Some(Unsettled::Deleting) => 3,
        });
    }
}

impl Canonical for Leftover {
    fn feed(&self, digest: &mut Digesting) {
        let Leftover {
            address,
            record,
            why,
        } = self;
        address.feed(digest);
        record.feed(digest);
        digest.number(match why {
            LeftoverReason::Superseded => 0,
            LeftoverReason::Kept => 1,
        });
    }
}
