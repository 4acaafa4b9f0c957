//! Property by property: what is, what was recorded, what should be.

use super::{DriftSort, PropertyChange};
use crate::model::{ChangeClass, Part, Value};
use crate::provider::holds_secret;
use crate::state::PartRecord;
use std::collections::{BTreeMap, BTreeSet};

/// Not set and set to nothing are the same.
pub(crate) fn same_value(one: Option<&Value>, other: Option<&Value>) -> bool {
    one.filter(|value| **value != Value::Null) == other.filter(|value| **value != Value::Null)
}

/// The properties as far as they are known: what was observed, else what was recorded.
pub(super) fn current(
    record: &PartRecord,
    observed: Option<&BTreeMap<String, Value>>,
) -> BTreeMap<String, Value> {
    let mut current = record.properties.clone();
    for (name, value) in observed.into_iter().flatten() {
        current.insert(name.clone(), value.clone());
    }
    current
}

/// What must change so that `current` becomes `desired`. What is in `doubtful` is changed even if
/// it looks right.
pub(super) fn changes(
    current: &BTreeMap<String, Value>,
    desired: &BTreeMap<String, Value>,
    doubtful: &BTreeSet<String>,
    part: &Part,
) -> Vec<PropertyChange> {
    let names: BTreeSet<&String> = current.keys().chain(desired.keys()).collect();
    let mut changes = Vec::new();
    for name in names {
        let (old, new) = (current.get(name), desired.get(name));
        let class = part
            .properties
            .get(name)
            .map_or(ChangeClass::InPlace, |property| property.on_change);
        if doubtful.contains(name) {
            changes.push(change(name.clone(), None, new, class));
        } else if !same_value(old, new) {
            leaves(name.clone(), old, new, class, &mut changes);
        }
    }
    changes
}

/// Descends into maps, so that people see the key that differs.
fn leaves(
    path: String,
    old: Option<&Value>,
    new: Option<&Value>,
    class: ChangeClass,
    changes: &mut Vec<PropertyChange>,
) {
    match (old, new) {
        (Some(Value::Map(old)), Some(Value::Map(new))) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                if !same_value(old.get(key), new.get(key)) {
                    let path = format!("{path}.{key}");
                    leaves(path, old.get(key), new.get(key), class, changes);
                }
            }
        }
        _ => changes.push(change(path, old, new, class)),
    }
}

fn change(
    path: String,
    old: Option<&Value>,
    new: Option<&Value>,
    class: ChangeClass,
) -> PropertyChange {
    let set = |value: Option<&Value>| value.filter(|value| **value != Value::Null).cloned();
    PropertyChange {
        path,
        old: set(old),
        new: set(new),
        class,
    }
}

/// What tags must change. Tags change in place everywhere.
pub(super) fn tag_changes(
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
) -> Vec<PropertyChange> {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    keys.into_iter()
        .filter(|key| old.get(*key) != new.get(*key))
        .map(|key| PropertyChange {
            path: format!("tags.{key}"),
            old: old.get(key).map(Value::text),
            new: new.get(key).map(Value::text),
            class: ChangeClass::InPlace,
        })
        .collect()
}

/// What was observed to be other than recorded, with what should be.
pub(crate) fn drifted(
    record: &PartRecord,
    observed: &BTreeMap<String, Value>,
    desired: Option<&BTreeMap<String, Value>>,
) -> Vec<DriftSort> {
    let mut drift = Vec::new();
    for (name, value) in observed {
        let recorded = record.properties.get(name);
        // A provider that reads a secret back is told elsewhere; its value is shown nowhere.
        if recorded.is_some_and(holds_secret) && !holds_secret(value) {
            continue;
        }
        if !same_value(recorded, Some(value)) {
            drift.push(DriftSort::Changed {
                path: name.clone(),
                recorded: recorded.cloned().unwrap_or(Value::Null),
                observed: value.clone(),
                desired: desired.map(|desired| desired.get(name).cloned().unwrap_or(Value::Null)),
            });
        }
    }
    drift
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Naming;

    #[test]
    fn shows_the_key_that_differs() {
        let part = Part::new("a/b".parse().unwrap(), "t", Naming::fixed("x")).with(
            "policy",
            Value::Null,
            ChangeClass::Replace,
        );
        let current = BTreeMap::from([(
            "policy".to_owned(),
            Value::map([
                ("read", true.into()),
                ("gone", 1.into()),
                ("void", Value::Null),
            ]),
        )]);
        let desired = BTreeMap::from([(
            "policy".to_owned(),
            Value::map([("read", Value::Bool(false)), ("new", "n".into())]),
        )]);
        let changes = changes(&current, &desired, &BTreeSet::new(), &part);
        let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
        assert_eq!(paths, ["policy.gone", "policy.new", "policy.read"]);
        assert!(
            changes
                .iter()
                .all(|change| change.class == ChangeClass::Replace)
        );
        assert_eq!(changes[2].old, Some(Value::Bool(true)));
        assert_eq!(changes[2].new, Some(Value::Bool(false)));
    }

    #[test]
    fn doubt_forces_a_change() {
        let part = Part::new("a/b".parse().unwrap(), "t", Naming::fixed("x"));
        let same = BTreeMap::from([("p".to_owned(), Value::Integer(1))]);
        let doubtful = BTreeSet::from(["p".to_owned()]);
        let changes = changes(&same, &same, &doubtful, &part);
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].old, None);
    }
}
