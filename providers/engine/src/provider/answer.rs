//! Answers held against what was asked: a provider that breaks its contract is found out at once,
//! with part and field, instead of by a plan that never becomes empty.

use super::{Actual, Desired, Reading, Target};
use crate::model::{PartAddress, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;

/// An answer outside the contract: a bug of the provider's half, not of the user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractBreach {
    /// The part that was asked about.
    pub part: PartAddress,
    /// The property or output.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for ContractBreach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "bug in the provider: its answer for `{}` has `{}` {}; please report it",
            self.part, self.field, self.message
        )
    }
}

impl Error for ContractBreach {}

/// Holds the answer to a create or an update against what was asked for. `before` has the outputs
/// that must not have changed.
pub(crate) fn check_actual(
    desired: &Desired,
    before: Option<&BTreeMap<String, Value>>,
    volatile: &BTreeSet<String>,
    actual: &Actual,
) -> Result<(), ContractBreach> {
    let breach = |field: &str, message: String| ContractBreach {
        part: desired.target.address.clone(),
        field: field.to_owned(),
        message,
    };
    for (name, value) in &actual.properties {
        match desired.properties.get(name) {
            Some(wanted) if wanted == value => {}
            Some(Value::Null) | None if *value == Value::Null => {}
            Some(_) => {
                return Err(breach(
                    name,
                    "with another value than was asked for".to_owned(),
                ));
            }
            None => return Err(breach(name, "though it was not asked for".to_owned())),
        }
    }
    check_outputs(&desired.target, &desired.outputs, &actual.outputs)?;
    for (name, value) in before.into_iter().flatten() {
        let changed = actual.outputs.get(name).is_some_and(|now| now != value);
        if changed && !volatile.contains(name) {
            let message = "changed by an update, though it is not volatile".to_owned();
            return Err(breach(name, message));
        }
    }
    Ok(())
}

/// Holds a reading against the contract. `outputs` are those the part must have, when that is
/// known.
pub(crate) fn check_reading(
    target: &Target,
    outputs: Option<&BTreeSet<String>>,
    reading: &Reading,
) -> Result<(), ContractBreach> {
    let Reading::Present { actual, owner } = reading else {
        return Ok(());
    };
    if let Some((name, _)) = actual
        .properties
        .iter()
        .find(|(_, value)| !value.is_resolved())
    {
        return Err(ContractBreach {
            part: target.address.clone(),
            field: name.clone(),
            message: "as a reference instead of a value".to_owned(),
        });
    }
    match (outputs, owner) {
        (Some(outputs), super::Owner::Ours) => check_outputs(target, outputs, &actual.outputs),
        _ => Ok(()),
    }
}

fn check_outputs(
    target: &Target,
    declared: &BTreeSet<String>,
    answered: &BTreeMap<String, Value>,
) -> Result<(), ContractBreach> {
    let breach = |field: &String, message: &str| {
        Err(ContractBreach {
            part: target.address.clone(),
            field: field.clone(),
            message: message.to_owned(),
        })
    };
    if let Some(missing) = declared.iter().find(|name| !answered.contains_key(*name)) {
        return breach(missing, "missing among its outputs");
    }
    for (name, value) in answered {
        if !declared.contains(name) {
            return breach(name, "as an output that was not declared");
        }
        if !value.is_resolved() || holds_secret(value) || *value == Value::Null {
            return breach(name, "as an output without a plain value");
        }
    }
    Ok(())
}

/// Whether a secret's name is anywhere in it.
pub(crate) fn holds_secret(value: &Value) -> bool {
    match value {
        Value::Secret(_) => true,
        Value::List(items) | Value::Join(items) => items.iter().any(holds_secret),
        Value::Map(map) => map.values().any(holds_secret),
        _ => false,
    }
}
