//! What the contract asks of an item before it goes to a provider.

use crate::message::check_size;
use ifc_manifest::kind::table::{INTEGER_MAX, ItemSchema};
use ifc_manifest::size::ITEM;
use ifc_runtime::table::Item;
use ifc_runtime::{Error, ErrorKind};
use serde::Serialize;
use serde_json::Value;

/// The stored form of `item`.
pub(super) fn stored(item: &impl Serialize) -> Result<Item, Error> {
    checked(serde_json::to_value(item))
}

/// Apart from the above, which is compiled for each type of item.
fn checked(item: Result<Value, serde_json::Error>) -> Result<Item, Error> {
    match item {
        Ok(Value::Object(item)) => {
            for (name, value) in &item {
                if name.starts_with('_') {
                    let message = format!(
                        "the attribute `{name}` begins with `_`: such names are the provider's"
                    );
                    return Err(Error::new(ErrorKind::Invalid, message));
                }
                portable(name, value)?;
            }
            size(&item)?;
            Ok(item)
        }
        Ok(_) => Err(Error::new(
            ErrorKind::Invalid,
            "the item does not serialize as a map of attributes",
        )),
        Err(error) => {
            Err(Error::new(ErrorKind::Invalid, "the item has no JSON form").caused_by(error))
        }
    }
}

/// Refuses numbers that some provider would round.
pub(super) fn portable(attribute: &str, value: &Value) -> Result<(), Error> {
    match value {
        Value::Number(number) if !number.is_f64() => {
            let exact = number
                .as_i64()
                .is_some_and(|n| (-INTEGER_MAX..=INTEGER_MAX).contains(&n));
            if exact {
                return Ok(());
            }
            Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "the attribute `{attribute}` is {number}: integers beyond ±(2^53 − 1) are not \
                     portable, store it as text"
                ),
            ))
        }
        Value::Array(list) => list.iter().try_for_each(|value| portable(attribute, value)),
        Value::Object(map) => map
            .values()
            .try_for_each(|value| portable(attribute, value)),
        _ => Ok(()),
    }
}

/// Counts bytes without keeping them.
struct Count(usize);

impl std::io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Length of the JSON of what serde_json made.
pub(super) fn bytes(value: &impl Serialize) -> usize {
    let mut count = Count(0);
    // Counting cannot fail, and what serde_json made has a JSON form.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

fn size(item: &Item) -> Result<(), Error> {
    check_size(&ITEM, bytes(item))
}

/// Whether `attribute` is part of the table's key.
pub(super) fn is_key(schema: &ItemSchema, attribute: &str) -> bool {
    schema.key.name == attribute || schema.sort.is_some_and(|sort| sort.name == attribute)
}
