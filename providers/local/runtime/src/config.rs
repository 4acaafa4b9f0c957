//! Values of configuration: JSON texts that override the declared defaults.

use crate::names::Named;
use crate::store::keys::{self, KeyBytes};
use crate::store::{Fault, Read, Transaction, slices};
use ifc_runtime::ErrorKind;

/// A configuration value as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigStatus {
    /// The name.
    pub name: String,
    /// The value in force as JSON text; `None` when there is neither a value nor a default.
    pub value: Option<String>,
    /// Whether the value was set, rather than being the declared default.
    pub set: bool,
}

/// Stores a value.
///
/// # Errors
/// `Invalid` when it is not JSON.
pub(crate) fn put(
    transaction: &mut Transaction<'_, '_>,
    name: &str,
    json: &str,
) -> Result<(), Fault> {
    check(name, json)?;
    transaction.put(
        KeyBytes::named(keys::CONFIG, name).as_bytes(),
        json.as_bytes(),
    )
}

fn check(name: &str, json: &str) -> Result<(), Fault> {
    match serde_json::from_str::<serde_json::Value>(json) {
        Ok(_) => Ok(()),
        Err(error) => {
            let message = format!("the value of `{name}` is not JSON: {error}; texts need quotes");
            Err(Fault::refused(ErrorKind::Invalid, message))
        }
    }
}

/// The value that was set.
pub(crate) fn get(table: &impl Read, name: &str) -> Result<Option<String>, Fault> {
    let key = KeyBytes::named(keys::CONFIG, name);
    let value = table.get(key.as_bytes())?;
    Ok(value.map(|value| String::from_utf8_lossy(value.value()).into_owned()))
}

/// Joins what is declared, with its default, with what was set, by name.
pub(crate) fn statuses<'a>(
    table: &impl Read,
    declared: impl Iterator<Item = (&'a str, Option<&'a str>)>,
) -> Result<Vec<ConfigStatus>, Fault> {
    let mut values = Named::new();
    for (name, default) in declared {
        values.insert(name.to_owned(), (default.map(str::to_owned), false));
    }
    let range = keys::space(keys::CONFIG);
    for entry in table.range(slices(&range))? {
        let (key, value) = entry?;
        let name = String::from_utf8_lossy(key.value().get(1..).unwrap_or_default()).into_owned();
        let value = String::from_utf8_lossy(value.value()).into_owned();
        values.insert(name, (Some(value), true));
    }
    let status = |(name, (value, set))| ConfigStatus { name, value, set };
    Ok(values.into_entries().into_iter().map(status).collect())
}
