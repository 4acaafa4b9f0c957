//! The change stream: who hears of a change, and what they hear.

use super::{Table, parse};
use crate::message::Message;
use crate::moment::Moment;
use crate::queue::{self, Rules, Sequence};
use crate::store::keys::{self, KeyBytes};
use crate::store::{Fault, Transaction};
use ifc_runtime::TraceContext;
use ifc_runtime::change::encode_change;
use ifc_runtime::table::{Item, Key, KeyValue};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The queues that a table's changes go to; none when nobody follows them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Feed(Option<Following>);

#[derive(Clone, Debug)]
struct Following {
    queues: Vec<Rules>,
    sequence: Arc<Sequence>,
    trace: TraceContext,
}

impl Feed {
    /// What is written in the trace `trace` goes to these queues.
    pub(crate) fn new(queues: Vec<Rules>, sequence: Arc<Sequence>, trace: TraceContext) -> Feed {
        match queues.is_empty() {
            true => Feed(None),
            false => Feed(Some(Following {
                queues,
                sequence,
                trace,
            })),
        }
    }

    /// Whether nobody hears of changes.
    pub(super) fn is_off(&self) -> bool {
        self.0.is_none()
    }

    /// Puts a change into every queue. `new` is the item's bytes, none when it was removed.
    pub(super) fn emit(
        &self,
        transaction: &mut Transaction<'_, '_>,
        table: &Table,
        now: Moment,
        key: &Key,
        new: Option<&[u8]>,
    ) -> Result<(), Fault> {
        let Some(following) = &self.0 else {
            return Ok(());
        };
        let version = next_version(transaction, table)?;
        let message = Message {
            id: format!("change-{}-{version}", table.number),
            sent_at: now,
            trace: following.trace,
            group: None,
            attributes: BTreeMap::new(),
            body: encode_change(&attributes(table, key), new, &version.to_string()),
        };
        let record = message.encode();
        for rules in &following.queues {
            queue::send(transaction, rules, &following.sequence, &record, None, now)?;
        }
        Ok(())
    }
}

/// The number of a change: of all changes of the table, so that it outlives each item. It is kept
/// with the data, not in memory, and stays when nobody follows the table for a while.
fn next_version(transaction: &mut Transaction<'_, '_>, table: &Table) -> Result<u64, Fault> {
    let key = KeyBytes::of(keys::CHANGE, table.number).into_bytes();
    let last = match transaction.get(&key)? {
        Some(bytes) => u64::from_be_bytes(
            bytes
                .try_into()
                .map_err(|_| Fault::malformed("number of changes"))?,
        ),
        None => 0,
    };
    let next = last + 1;
    transaction.put(&key, &next.to_be_bytes())?;
    Ok(next)
}

/// The key as attributes of the item.
fn attributes(table: &Table, key: &Key) -> Item {
    let value = |value: &KeyValue| match value {
        KeyValue::String(text) => text.as_str().into(),
        KeyValue::Number(number) => (*number).into(),
    };
    let sort = table.spec.sort.as_ref().zip(key.sort.as_ref());
    let sort = sort.map(|(attribute, sort)| (attribute.name.clone(), value(sort)));
    let partition = (table.spec.key.name.clone(), value(&key.partition));
    [partition].into_iter().chain(sort).collect()
}

/// Whether an item is what these bytes say: then nothing has changed.
pub(super) fn is_same(item: &Item, bytes: &[u8]) -> Result<bool, Fault> {
    Ok(parse(bytes)? == *item)
}
