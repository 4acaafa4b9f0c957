//! Items of tables: reading, writing, indexes and expiry, as functions of the store and the time.
//!
//! An item is its JSON under its key. Entries of indexes and of expiry are written in the same
//! transaction, so an index is never behind. An expired item is treated as absent everywhere and
//! removed some time later.

mod change;
mod condition;
mod cursor;
mod query;
mod write;

pub(crate) use change::Feed;
pub(crate) use query::{query, scan};
pub(crate) use write::{Put, Step, Writing, batch_write, delete, put, transact, update};

use crate::moment::{Moment, epoch_seconds};
use crate::store::keys::{self, KeyBytes};
use crate::store::{Fault, Read, Transaction, slices};
use ifc_manifest::Targets;
use ifc_manifest::kind::table::{
    INTEGER_MAX, Index, KEY_BYTES_MAX, Key as KeyAttribute, SORT_KEY_BYTES_MAX, Scalar, TableSpec,
};
use ifc_manifest::size::ITEM;
use ifc_runtime::ErrorKind;
use ifc_runtime::table::{Item, Key, KeyValue};
use redb::ReadableTable as _;
use serde_json::Value;

/// A table and the numbers of its indexes in the store.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// The table's number.
    pub(crate) number: u32,
    /// What is declared.
    pub(crate) spec: TableSpec,
    /// The indexes' numbers, in the order of the declaration.
    pub(crate) indexes: Vec<u32>,
    /// Whose limits its items keep.
    pub(crate) targets: Targets,
}

impl Table {
    fn item_key(&self, key: &Key) -> Vec<u8> {
        KeyBytes::of(keys::ITEM, self.number).item(key).into_bytes()
    }

    fn indexes(&self) -> impl Iterator<Item = (u32, &Index)> {
        self.indexes.iter().copied().zip(&self.spec.indexes)
    }

    /// Whether writing an item leaves the rest of the store alone.
    fn is_plain(&self) -> bool {
        self.indexes.is_empty() && self.spec.ttl.is_none()
    }

    /// The key of an item, read from its attributes.
    ///
    /// # Errors
    /// When a key attribute is missing or has another type.
    pub(crate) fn key_of(&self, item: &Item) -> Result<Key, Fault> {
        let required = |attribute: &KeyAttribute, bytes_max| {
            key_value(item, attribute, bytes_max)?.ok_or_else(|| {
                Fault::refused(
                    ErrorKind::Invalid,
                    format!("the item has no key attribute `{}`", attribute.name),
                )
            })
        };
        Ok(Key {
            partition: required(&self.spec.key, KEY_BYTES_MAX)?,
            sort: match &self.spec.sort {
                Some(sort) => Some(required(sort, SORT_KEY_BYTES_MAX)?),
                None => None,
            },
        })
    }

    /// Refuses a key that does not have the table's form.
    pub(crate) fn check_key(&self, key: &Key) -> Result<(), Fault> {
        check_value(&self.spec.key, &key.partition)?;
        match (&self.spec.sort, &key.sort) {
            (Some(attribute), Some(value)) => check_value(attribute, value),
            (None, None) => Ok(()),
            (Some(attribute), None) => Err(Fault::refused(
                ErrorKind::Invalid,
                format!("the key lacks the sort key `{}`", attribute.name),
            )),
            (None, Some(_)) => Err(Fault::refused(
                ErrorKind::Invalid,
                "the key has a sort key, the table has none",
            )),
        }
    }

    /// When the item expires, in epoch seconds.
    fn expiry(&self, item: &Item) -> Option<i64> {
        let value = item.get(self.spec.ttl.as_ref()?)?;
        value.as_i64().or_else(|| {
            // Rounded up: the item is there until the whole of the moment is over.
            value.as_f64().map(|seconds| seconds.ceil() as i64)
        })
    }

    fn is_visible(&self, item: &Item, now: Moment) -> bool {
        self.expiry(item)
            .is_none_or(|expiry| expiry > epoch_seconds(now))
    }

    /// The keys under which the rest of the store is to know this item.
    ///
    /// # Errors
    /// When the item does not fit an index.
    fn entries(&self, key: &Key, item: &Item) -> Result<Vec<Vec<u8>>, Fault> {
        let mut entries = Vec::new();
        for (number, index) in self.indexes() {
            entries.extend(index_entry(number, index, key, item)?);
        }
        entries.extend(self.expiry_entry(key, item));
        Ok(entries)
    }

    /// The keys under which the rest of the store knows this stored item. One that does not fit an
    /// index, because the index is younger, has no entry there.
    fn stored_entries(&self, key: &Key, item: &Item) -> Vec<Vec<u8>> {
        self.indexes()
            .filter_map(|(number, index)| index_entry(number, index, key, item).unwrap_or(None))
            .chain(self.expiry_entry(key, item))
            .collect()
    }

    fn expiry_entry(&self, key: &Key, item: &Item) -> Option<Vec<u8>> {
        let expiry = self.expiry(item)?;
        Some(
            KeyBytes::of(keys::EXPIRY, self.number)
                .signed(expiry)
                .item(key)
                .into_bytes(),
        )
    }
}

/// The entry of an item in an index; none when the item lacks a key attribute of the index.
fn index_entry(
    number: u32,
    index: &Index,
    key: &Key,
    item: &Item,
) -> Result<Option<Vec<u8>>, Fault> {
    let Some(partition) = key_value(item, &index.key, KEY_BYTES_MAX)? else {
        return Ok(None);
    };
    let mut entry = KeyBytes::of(keys::INDEX, number).value(&partition);
    if let Some(attribute) = &index.sort {
        let Some(sort) = key_value(item, attribute, SORT_KEY_BYTES_MAX)? else {
            return Ok(None);
        };
        entry = entry.value(&sort);
    }
    Ok(Some(entry.item(key).into_bytes()))
}

/// The value of a key attribute; none when it is missing or null.
fn key_value(
    item: &Item,
    attribute: &KeyAttribute,
    bytes_max: usize,
) -> Result<Option<KeyValue>, Fault> {
    let name = &attribute.name;
    let invalid = |what: &str| {
        let message = format!("key attribute `{name}` {what}");
        Err(Fault::refused(ErrorKind::Invalid, message))
    };
    match (item.get(name), attribute.scalar) {
        (None | Some(Value::Null), _) => Ok(None),
        (Some(Value::String(text)), Scalar::String) if text.is_empty() => {
            invalid("must not be empty")
        }
        (Some(Value::String(text)), Scalar::String) if text.len() > bytes_max => {
            Err(Fault::refused(
                ErrorKind::TooLarge,
                format!(
                    "key attribute `{name}` has {} bytes, the limit is {bytes_max}",
                    text.len()
                ),
            ))
        }
        (Some(Value::String(text)), Scalar::String) => Ok(Some(KeyValue::String(text.clone()))),
        (Some(Value::Number(number)), Scalar::Number) => match number.as_i64() {
            Some(number) if number.abs() <= INTEGER_MAX => Ok(Some(KeyValue::Number(number))),
            _ => invalid("must be an integer within ±(2^53 − 1)"),
        },
        (Some(_), Scalar::String) => invalid("must be a string"),
        (Some(_), Scalar::Number) => invalid("must be a number"),
    }
}

fn check_value(attribute: &KeyAttribute, value: &KeyValue) -> Result<(), Fault> {
    match (attribute.scalar, value) {
        (Scalar::String, KeyValue::String(_)) | (Scalar::Number, KeyValue::Number(_)) => Ok(()),
        (scalar, _) => Err(Fault::refused(
            ErrorKind::Invalid,
            format!("key `{}` must be a {}", attribute.name, scalar.as_str()),
        )),
    }
}

fn parse(bytes: &[u8]) -> Result<Item, Fault> {
    serde_json::from_slice(bytes).map_err(|_| Fault::malformed("item"))
}

/// The bytes of an item.
///
/// # Errors
/// `TooLarge`.
fn encode(table: &Table, item: &Item) -> Result<Vec<u8>, Fault> {
    let bytes = serde_json::to_vec(item)
        .map_err(|error| Fault::refused(ErrorKind::Invalid, error.to_string()))?;
    match ITEM.check(bytes.len() as u64, table.targets) {
        Ok(()) => Ok(bytes),
        Err(refused) => Err(Fault::refused(ErrorKind::TooLarge, refused.to_string())),
    }
}

/// The item under a key.
pub(crate) fn get(
    source: &impl Read,
    table: &Table,
    now: Moment,
    key: &Key,
) -> Result<Option<Item>, Fault> {
    table.check_key(key)?;
    let Some(bytes) = source.get(table.item_key(key).as_slice())? else {
        return Ok(None);
    };
    let item = parse(bytes.value())?;
    Ok(table.is_visible(&item, now).then_some(item))
}

/// Makes the entries of an index, or of expiry, anew from the items.
pub(crate) fn rebuild(
    transaction: &mut Transaction<'_, '_>,
    table: &Table,
    index: Option<usize>,
) -> Result<(), Fault> {
    let mut entries = Vec::new();
    let items = KeyBytes::of(keys::ITEM, table.number).range();
    for stored in transaction.table().range(slices(&items))? {
        let (item_key, bytes) = stored?;
        let item = parse(bytes.value())?;
        let key = table.key_of(&item)?;
        let entry = match index.and_then(|at| table.indexes().nth(at)) {
            // An item that does not fit a new index stays out of it; it can be read and mended.
            Some((number, index)) => index_entry(number, index, &key, &item).unwrap_or(None),
            None => table.expiry_entry(&key, &item),
        };
        if let Some(entry) = entry {
            entries.push((entry, keys::rest(item_key.value()).to_vec()));
        }
    }
    for (entry, primary) in entries {
        transaction.put(&entry, &primary)?;
    }
    Ok(())
}

/// Removes up to `limit` items that have expired. Returns how many there were.
///
/// The contract leaves open whether the change stream tells of it, so here it tells of some: an
/// application that relies on either is wrong on some provider.
pub(crate) fn sweep(
    transaction: &mut Transaction<'_, '_>,
    writing: &Writing,
    limit: usize,
) -> Result<usize, Fault> {
    let (table, now) = (&*writing.table, writing.now);
    let mut expired = Vec::new();
    let prefix = KeyBytes::of(keys::EXPIRY, table.number);
    let end = prefix.clone().signed(epoch_seconds(now).saturating_add(1));
    let range = prefix.into_bytes()..end.into_bytes();
    for entry in transaction.table().range(slices(&range))?.take(limit) {
        let (_, primary) = entry?;
        let item_key = KeyBytes::of(keys::ITEM, table.number).raw(primary.value());
        expired.push(item_key.into_bytes());
    }
    for item_key in &expired {
        if let Some(item) = write::stored(transaction, item_key)? {
            let key = table.key_of(&item)?;
            for entry in table.stored_entries(&key, &item) {
                transaction.remove(&entry)?;
            }
            transaction.remove(item_key)?;
            if cursor::hash(item_key.iter().copied()) % 2 == 0 {
                writing.feed.emit(transaction, table, now, &key, None)?;
            }
        }
    }
    Ok(expired.len())
}

/// Every visible item, in the order of the keys.
pub(crate) fn items(source: &impl Read, table: &Table, now: Moment) -> Result<Vec<Item>, Fault> {
    let range = KeyBytes::of(keys::ITEM, table.number).range();
    let mut items = Vec::new();
    for entry in source.range(slices(&range))? {
        let item = parse(entry?.1.value())?;
        if table.is_visible(&item, now) {
            items.push(item);
        }
    }
    Ok(items)
}

#[cfg(test)]
mod tests;
