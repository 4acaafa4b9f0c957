//! Blueprints in the forms of other tools, for who would rather go on with those. Nothing is asked of
//! AWS, and nothing of ours is needed to use what comes out.

pub mod cloudformation;
pub mod terraform;

use crate::catalog::{NOTIFICATIONS, OBJECT};
use ifc_engine::{Blueprint, Part, PartAddress};
use std::collections::{BTreeMap, BTreeSet};

/// The parts that carry the program to AWS. Other tools are told where it is instead.
fn carries_program(part: &Part) -> bool {
    part.address.resource() == "application"
        && matches!(part.address.part(), "artifacts" | "program")
}

/// Words for the parts of a blueprint, each of one of them only.
fn words(
    blueprint: &Blueprint,
    word: impl Fn(&PartAddress) -> String,
) -> BTreeMap<PartAddress, String> {
    let mut taken = BTreeSet::new();
    let mut words = BTreeMap::new();
    for address in blueprint.parts().keys() {
        let wanted = word(address);
        let mut free = wanted.clone();
        let mut number = 2;
        while !taken.insert(free.clone()) {
            free = format!("{wanted}{number}");
            number += 1;
        }
        words.insert(address.clone(), free);
    }
    words
}

/// The name of the program's object.
fn program_key(blueprint: &Blueprint) -> Option<&str> {
    let mut parts = blueprint.parts().values();
    let program = parts.find(|part| part.part_type.as_str() == OBJECT)?;
    match &program.properties.get("Key")?.value {
        ifc_engine::Value::Text(key) => Some(key),
        _ => None,
    }
}

/// The part that says which queues hear of the objects of a bucket.
fn notifications_of<'a>(blueprint: &'a Blueprint, bucket: &PartAddress) -> Option<&'a Part> {
    let mut parts = blueprint.parts().values();
    parts.find(|part| {
        part.part_type.as_str() == NOTIFICATIONS && part.address.resource() == bucket.resource()
    })
}
