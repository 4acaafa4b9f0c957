//! Writes: first everything is decided on what is stored, then it is done, so that a write that is
//! refused has changed nothing, also when it is many.

use super::change::{self, Feed};
use super::condition::holds;
use super::{Table, encode, parse};
use crate::moment::Moment;
use crate::store::{Fault, Transaction, keys};
use ifc_manifest::Verb;
use ifc_manifest::kind::table::{self as kind, INTEGER_MAX};
use ifc_runtime::table::{Clause, Condition, Item, ItemOperation, ItemWrite, Key, Update};
use ifc_runtime::{Error, ErrorKind};
use redb::ReadableTable as _;
use serde_json::Value;
use std::sync::Arc;

fn conflict(clause: &Clause) -> Fault {
    let what = match clause {
        Clause::ItemExists => "the item does not exist".to_owned(),
        Clause::ItemMissing => "the item exists already".to_owned(),
        Clause::AttributeExists(name) => format!("the item has no attribute `{name}`"),
        Clause::AttributeMissing(name) => format!("the item has an attribute `{name}`"),
        Clause::Compare { attribute, .. } => {
            format!("attribute `{attribute}` does not compare as the condition demands")
        }
    };
    Fault::refused(
        ErrorKind::Conflict,
        format!("the condition does not hold: {what}"),
    )
}

/// What a write goes by beside its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Writing {
    /// The table.
    pub(crate) table: Arc<Table>,
    /// When.
    pub(crate) now: Moment,
    /// Who hears of it.
    pub(crate) feed: Feed,
}

impl Writing {
    /// Whether a write without a condition need not look at what is stored.
    fn is_plain(&self) -> bool {
        self.table.is_plain() && self.feed.is_off()
    }

    fn visible<'a>(&self, item: &'a Option<Item>) -> Option<&'a Item> {
        item.as_ref()
            .filter(|item| self.table.is_visible(item, self.now))
    }
}

/// The item under a key as it is on disk, expired or not.
pub(super) fn stored(
    transaction: &Transaction<'_, '_>,
    item_key: &[u8],
) -> Result<Option<Item>, Fault> {
    match transaction.table().get(item_key)? {
        Some(bytes) => parse(bytes.value()).map(Some),
        None => Ok(None),
    }
}

fn check(condition: &Condition, item: Option<&Item>) -> Result<(), Fault> {
    match condition.iter().find(|clause| !holds(clause, item)) {
        Some(clause) => Err(conflict(clause)),
        None => Ok(()),
    }
}

/// A whole item ready to be written: everything that needs no look at the store is done, so that
/// it is done outside the transaction.
#[derive(Debug)]
pub(crate) struct Put {
    key: Key,
    item_key: Vec<u8>,
    bytes: Vec<u8>,
    entries: Vec<Vec<u8>>,
}

impl Put {
    /// Checks and encodes an item.
    ///
    /// # Errors
    /// `Invalid` for its keys, `TooLarge`.
    pub(crate) fn new(table: &Table, item: &Item) -> Result<Put, Fault> {
        let key = table.key_of(item)?;
        Ok(Put {
            item_key: table.item_key(&key),
            bytes: encode(table, item)?,
            entries: table.entries(&key, item)?,
            key,
        })
    }
}

/// A change that is decided: what was stored is known, and the conditions hold.
enum Change<'a> {
    Put {
        put: &'a Put,
        before: Option<Item>,
    },
    Update {
        put: Put,
        before: Item,
    },
    Delete {
        key: &'a Key,
        item_key: Vec<u8>,
        before: Item,
    },
    Nothing,
}

impl Change<'_> {
    fn apply(self, transaction: &mut Transaction<'_, '_>, writing: &Writing) -> Result<(), Fault> {
        let table = &*writing.table;
        match self {
            Change::Put { put, before } => replace(transaction, writing, put, before.as_ref()),
            Change::Update { put, before } => replace(transaction, writing, &put, Some(&before)),
            Change::Delete {
                key,
                item_key,
                before,
            } => {
                for entry in table.stored_entries(key, &before) {
                    transaction.remove(&entry)?;
                }
                transaction.remove(&item_key)?;
                writing
                    .feed
                    .emit(transaction, table, writing.now, key, None)
            }
            Change::Nothing => Ok(()),
        }
    }
}

/// Writes an item over the one that was stored, moving its entries.
fn replace(
    transaction: &mut Transaction<'_, '_>,
    writing: &Writing,
    put: &Put,
    before: Option<&Item>,
) -> Result<(), Fault> {
    transaction.put(&put.item_key, &put.bytes)?;
    follow(transaction, writing, put, before)
}

/// Moves the entries of an item that was just written, and tells of it.
fn follow(
    transaction: &mut Transaction<'_, '_>,
    writing: &Writing,
    put: &Put,
    before: Option<&Item>,
) -> Result<(), Fault> {
    let table = &*writing.table;
    let old = match before {
        Some(item) => table.stored_entries(&put.key, item),
        None => Vec::new(),
    };
    for entry in old.iter().filter(|entry| !put.entries.contains(entry)) {
        transaction.remove(entry)?;
    }
    let primary = keys::rest(&put.item_key);
    for entry in put.entries.iter().filter(|entry| !old.contains(entry)) {
        transaction.put(entry, primary)?;
    }
    let unchanged = match before {
        Some(item) if !writing.feed.is_off() => change::is_same(item, &put.bytes)?,
        _ => false,
    };
    match unchanged {
        true => Ok(()),
        false => {
            let new = Some(put.bytes.as_slice());
            (writing.feed).emit(transaction, table, writing.now, &put.key, new)
        }
    }
}

fn decide_put<'a>(
    transaction: &Transaction<'_, '_>,
    writing: &Writing,
    put: &'a Put,
    condition: &Condition,
) -> Result<Change<'a>, Fault> {
    let before = stored(transaction, &put.item_key)?;
    check(condition, writing.visible(&before))?;
    Ok(Change::Put { put, before })
}

fn decide_delete<'a>(
    transaction: &Transaction<'_, '_>,
    writing: &Writing,
    key: &'a Key,
    condition: &Condition,
) -> Result<Change<'a>, Fault> {
    let item_key = writing.table.item_key(key);
    let before = stored(transaction, &item_key)?;
    check(condition, writing.visible(&before))?;
    Ok(match before {
        Some(before) => Change::Delete {
            key,
            item_key,
            before,
        },
        None => Change::Nothing,
    })
}

/// The change, and the item as it is afterwards.
fn decide_update(
    transaction: &Transaction<'_, '_>,
    writing: &Writing,
    key: &Key,
    update: &Update,
    condition: &Condition,
) -> Result<(Change<'static>, Item), Fault> {
    let before = stored(transaction, &writing.table.item_key(key))?;
    let Some(before) = before.filter(|item| writing.table.is_visible(item, writing.now)) else {
        return Err(Fault::refused(ErrorKind::NotFound, "there is no such item"));
    };
    check(condition, Some(&before))?;
    let after = updated(&writing.table, &before, update)?;
    let put = Put::new(&writing.table, &after)?;
    Ok((Change::Update { put, before }, after))
}

/// Writes a whole item if the condition holds of the one that is there.
pub(crate) fn put(
    transaction: &mut Transaction<'_, '_>,
    writing: &Writing,
    put: &Put,
    condition: &Condition,
) -> Result<(), Fault> {
    if condition.is_empty() && writing.is_plain() {
        return transaction.put(&put.item_key, &put.bytes);
    }
    if condition.is_empty() {
        // Nothing can refuse it, so it need not be decided first.
        let before = transaction.replace(&put.item_key, &put.bytes)?;
        let before = before.map(|bytes| parse(&bytes)).transpose()?;
        return follow(transaction, writing, put, before.as_ref());
    }
    decide_put(transaction, writing, put, condition)?.apply(transaction, writing)
}

/// Removes an item if the condition holds of it.
pub(crate) fn delete(
    transaction: &mut Transaction<'_, '_>,
    writing: &Writing,
    key: &Key,
    condition: &Condition,
) -> Result<(), Fault> {
    if condition.is_empty() && writing.is_plain() {
        transaction.remove(&writing.table.item_key(key))?;
        return Ok(());
    }
    decide_delete(transaction, writing, key, condition)?.apply(transaction, writing)
}

/// Changes attributes of an item if the condition holds of it; returns the item as it then is.
pub(crate) fn update(
    transaction: &mut Transaction<'_, '_>,
    writing: &Writing,
    key: &Key,
    update: &Update,
    condition: &Condition,
) -> Result<Item, Fault> {
    let (change, after) = decide_update(transaction, writing, key, update, condition)?;
    change.apply(transaction, writing)?;
    Ok(after)
}

/// Writes and removes items, each on its own; one result each.
pub(crate) fn batch_write(
    transaction: &mut Transaction<'_, '_>,
    writing: &Writing,
    steps: Vec<Result<Step, Error>>,
) -> Result<Vec<Result<(), Error>>, Fault> {
    let mut results = Vec::with_capacity(steps.len());
    for step in steps {
        results.push(match step {
            Err(error) => Err(error),
            Ok(step) => {
                let result = step.decide(transaction, writing);
                match result.and_then(|change| change.apply(transaction, writing)) {
                    Ok(()) => Ok(()),
                    Err(Fault::Refused(error)) => Err(error),
                    Err(fault) => return Err(fault),
                }
            }
        });
    }
    Ok(results)
}

/// Performs all steps, which are about different items of any tables, or none.
pub(crate) fn transact<'a>(
    transaction: &mut Transaction<'_, '_>,
    steps: impl IntoIterator<Item = (&'a Writing, &'a Step)>,
) -> Result<(), Fault> {
    let mut changes = Vec::new();
    for (place, (writing, step)) in steps.into_iter().enumerate() {
        let change = step.decide(transaction, writing);
        let change = change.map_err(|fault| in_operation(fault, place, step.verb()))?;
        changes.push((writing, change));
    }
    for (writing, change) in changes {
        change.apply(transaction, writing)?;
    }
    Ok(())
}

fn in_operation(fault: Fault, place: usize, verb: Verb) -> Fault {
    match fault {
        Fault::Refused(error) => Fault::Refused(error.in_operation(place, verb)),
        fault => fault,
    }
}

/// One operation of several, with everything done that needs no look at the store.
#[derive(Debug)]
pub(crate) enum Step {
    Put(Put, Condition),
    Update(Key, Update, Condition),
    Delete(Key, Condition),
    Check(Key, Condition),
}

impl Step {
    /// # Errors
    /// As the operation, with its place.
    pub(crate) fn of_transaction(
        table: &Table,
        place: usize,
        operation: ItemOperation,
    ) -> Result<Step, Fault> {
        let verb = operation.verb();
        let step = || {
            Ok(match operation {
                ItemOperation::Put { item, condition } => {
                    Step::Put(Put::new(table, &item)?, condition)
                }
                ItemOperation::Update {
                    key,
                    update,
                    condition,
                } => Step::Update(checked(table, key)?, update, condition),
                ItemOperation::Delete { key, condition } => {
                    Step::Delete(checked(table, key)?, condition)
                }
                ItemOperation::Check { key, condition } => {
                    Step::Check(checked(table, key)?, condition)
                }
            })
        };
        step().map_err(|fault| in_operation(fault, place, verb))
    }

    /// # Errors
    /// `Invalid` for the keys, `TooLarge`.
    pub(crate) fn of_batch(table: &Table, write: ItemWrite) -> Result<Step, Fault> {
        Ok(match write {
            ItemWrite::Put(item) => Step::Put(Put::new(table, &item)?, Condition::new()),
            ItemWrite::Delete(key) => Step::Delete(checked(table, key)?, Condition::new()),
        })
    }

    fn verb(&self) -> Verb {
        match self {
            Step::Put(..) => kind::PUT,
            Step::Update(..) => kind::UPDATE,
            Step::Delete(..) => kind::DELETE,
            Step::Check(..) => kind::CHECK,
        }
    }

    fn decide<'a>(
        &'a self,
        transaction: &Transaction<'_, '_>,
        writing: &Writing,
    ) -> Result<Change<'a>, Fault> {
        match self {
            Step::Put(put, condition) => decide_put(transaction, writing, put, condition),
            Step::Update(key, update, condition) => {
                let decided = decide_update(transaction, writing, key, update, condition)?;
                Ok(decided.0)
            }
            Step::Delete(key, condition) => decide_delete(transaction, writing, key, condition),
            Step::Check(key, condition) => {
                let item = stored(transaction, &writing.table.item_key(key))?;
                check(condition, writing.visible(&item))?;
                Ok(Change::Nothing)
            }
        }
    }
}

fn checked(table: &Table, key: Key) -> Result<Key, Fault> {
    table.check_key(&key)?;
    Ok(key)
}

fn updated(table: &Table, item: &Item, update: &Update) -> Result<Item, Fault> {
    let changed = (update.set.iter().map(|(name, _)| name))
        .chain(&update.remove)
        .chain(update.increment.iter().map(|(name, _)| name));
    for name in changed {
        let sort = table.spec.sort.as_ref();
        if *name == table.spec.key.name || sort.is_some_and(|sort| *name == sort.name) {
            let message = format!("`{name}` is part of the key and cannot be changed");
            return Err(Fault::refused(ErrorKind::Invalid, message));
        }
    }
    let mut after = item.clone();
    for (name, value) in &update.set {
        after.insert(name.clone(), value.clone());
    }
    for name in &update.remove {
        after.remove(name);
    }
    for (name, by) in &update.increment {
        let number = match after.get(name) {
            None | Some(Value::Null) => Some(0),
            Some(value) => value.as_i64(),
        };
        let sum = number
            .and_then(|number| number.checked_add(*by))
            .filter(|sum| sum.abs() <= INTEGER_MAX)
            .ok_or_else(|| {
                let message = format!(
                    "attribute `{name}` cannot be incremented by {by}: it is not an integer, or \
                     the result leaves ±(2^53 − 1)"
                );
                Fault::refused(ErrorKind::Invalid, message)
            })?;
        after.insert(name.clone(), sum.into());
    }
    Ok(after)
}
