//! The application of a run, and its lowering: slots and shapes become a blueprint.

use crate::scenario::{Kept, Release, Shape, Sort};
use ifc_engine::{
    Blueprint, ChangeClass, Fingerprint, Identity, Naming, Part, PartAddress, PartType, Value,
};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const PROVIDER: &str = "simulated";

/// What the application declares, and the release of the tool that lowers it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Application {
    pub(crate) slots: BTreeMap<u8, Shape>,
    pub(crate) release: Release,
}

pub(crate) fn address(slot: u8) -> PartAddress {
    PartAddress::new(format!("p{slot}"), "thing").expect("letters and digits")
}

pub(crate) fn type_of(sort: Sort) -> PartType {
    PartType::new(match sort {
        Sort::Plain => "plain",
        Sort::Slow => "slow",
        Sort::Guarded => "guarded",
        Sort::Numbered => "numbered",
    })
}

/// What a thing of ours is tagged with.
pub(crate) const OURS: (&str, &str) = ("ifc-stage", "shop/dev");

fn naming(shape: &Shape, name: u8) -> Naming {
    // What cannot be deleted while it is referred to must have names that vary.
    match shape.fixed && shape.sort != Sort::Guarded {
        true => Naming::fixed(format!("n{name}")),
        false => Naming::generated(format!("n{name}"), format!("shop/dev/n{name}"), 30),
    }
}

/// A name that the part of a slot has when no other part has it.
pub(crate) fn name_of(shape: &Shape, slot: u8, generation: u32) -> Identity {
    Identity {
        part_type: type_of(shape.sort),
        physical_name: naming(shape, shape.name.unwrap_or(slot)).name(generation),
    }
}

impl Application {
    /// All parts. What a shape refers to and the application does not have, or what would close a
    /// circle, is left out, so that every set of shapes has a blueprint.
    pub(crate) fn blueprint(&self) -> Blueprint {
        let references = self.references();
        let mut taken = BTreeSet::new();
        let parts: Vec<Part> = self
            .slots
            .iter()
            .map(|(slot, shape)| {
                let names = [shape.name.unwrap_or(*slot), *slot, 100 + *slot];
                let free = names.into_iter().map(|name| naming(shape, name));
                let naming = free
                    .into_iter()
                    .find(|naming| taken.insert((shape.sort, naming.name(0))))
                    .expect("nobody else has the third");
                self.part(*slot, shape, naming, &references)
            })
            .collect();
        let artifact = Fingerprint::of(format!("{:?}", self.slots).as_bytes());
        let (application, stage) = stage();
        Blueprint::new(application, stage, PROVIDER, artifact, parts)
            .expect("names differ, and nothing refers to what is not there or in a circle")
    }

    fn part(
        &self,
        slot: u8,
        shape: &Shape,
        naming: Naming,
        references: &BTreeSet<(u8, u8)>,
    ) -> Part {
        let target = |slot_to: Option<u8>| {
            slot_to
                .filter(|to| references.contains(&(slot, *to)))
                .map(address)
        };
        let size = match shape.size {
            0 => Value::Null,
            size => Value::Integer(i64::from(size)),
        };
        let size_class = match self.release.rigid && shape.sort == Sort::Plain {
            true => ChangeClass::Replace,
            false => ChangeClass::InPlace,
        };
        let key = Value::text(format!("k{}", shape.key));
        let schema = Value::text(format!("s{}", shape.schema));
        let mut part = Part::new(address(slot), type_of(shape.sort).as_str(), naming)
            .with("size", size, size_class)
            .with("key", key, ChangeClass::Replace)
            .with("schema", schema, ChangeClass::Refuse)
            .with_output("id")
            .with_volatile_output("endpoint")
            .tagged(OURS.0, OURS.1);
        if let Some(secret) = shape.secret {
            let secret = Value::secret(format!("secret-{secret}"));
            part = part.with("password", secret, ChangeClass::InPlace);
        }
        if let Some(used) = target(shape.uses) {
            part = part.with("target", Value::output(&used, "id"), ChangeClass::InPlace);
        }
        // Listed also when it is not set: that takes a replacement too.
        // What is replaced together with a part of a fixed name must not be guarded either.
        let bound = shape.bound.filter(|_| shape.sort != Sort::Guarded);
        let parent = target(bound).map(|used| Value::output(&used, "id"));
        part = part.with(
            "parent",
            parent.unwrap_or(Value::Null),
            ChangeClass::Replace,
        );
        if let Some(used) = target(shape.follows) {
            let url = Value::Join(vec!["https://".into(), Value::output(&used, "endpoint")]);
            part = part.with("url", url, ChangeClass::InPlace);
        }
        if let Some(before) = target(shape.after) {
            part = part.after(&before);
        }
        if self.release.wider {
            part = part
                .with("mode", "standard", ChangeClass::InPlace)
                .with_output("arn");
        }
        if self.release.tagged {
            part = part.tagged("tool", "next");
        }
        match shape.kept {
            Kept::Not => part,
            Kept::Retained => part.retained(),
            Kept::Protected => part.protected(),
        }
    }

    /// Who may refer to whom.
    fn references(&self) -> BTreeSet<(u8, u8)> {
        let mut references = BTreeSet::new();
        for (slot, shape) in &self.slots {
            let wanted = [shape.uses, shape.bound, shape.follows, shape.after];
            for to in wanted.into_iter().flatten() {
                if to != *slot && self.slots.contains_key(&to) && !reaches(&references, to, *slot) {
                    references.insert((*slot, to));
                }
            }
        }
        references
    }
}

fn reaches(references: &BTreeSet<(u8, u8)>, from: u8, to: u8) -> bool {
    let next = references.iter().filter(|(one, _)| *one == from);
    from == to
        || next
            .into_iter()
            .any(|(_, next)| reaches(references, *next, to))
}

/// Whose stage everything is about.
pub(crate) fn stage() -> (ifc_engine::ApplicationName, ifc_engine::StageName) {
    let application = "shop".parse().expect("a good name");
    let stage = "dev".parse().expect("a good name");
    (application, stage)
}
