//! Streams: a log of records each, and for each consumer the place up to which it has them, as
//! functions of the store and the time.
//!
//! Appending writes one entry, however many consumers there are. A consumer takes what stands behind
//! its cursor into its hidden queue when it looks for work, and there a record has the life of a
//! message: leases, redelivery, dead letters, order per key. So consumers are independent of each
//! other, and a replay only moves a cursor.

use crate::message;
use crate::moment::Moment;
use crate::queue::{self, Rules, Sequence};
use crate::store::keys::{self, KeyBytes};
use crate::store::{Fault, Read, Transaction, slices};
use ifc_runtime::{Error, ErrorKind};
use redb::ReadableTable as _;

/// A stream in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// The stream's number.
    pub(crate) stream: u32,
    /// How long a record is kept, in nanoseconds.
    pub(crate) retention: i64,
}

impl Log {
    fn key(&self, sequence: u64) -> Vec<u8> {
        KeyBytes::of(keys::RECORD, self.stream)
            .unsigned(sequence)
            .into_bytes()
    }

    fn is_over(&self, record: &[u8], now: Moment) -> bool {
        let sent_at = message::sent_at(record).unwrap_or(now);
        sent_at.saturating_add(self.retention) <= now
    }
}

fn cursor_key(log: &Log, consumer: &Rules) -> Vec<u8> {
    KeyBytes::of(keys::CURSOR, consumer.queue)
        .unsigned(log.stream.into())
        .into_bytes()
}

/// Where a consumer is: the place of the first record that it does not have.
fn cursor(table: &impl Read, log: &Log, consumer: &Rules) -> Result<Option<u64>, Fault> {
    match table.get(cursor_key(log, consumer).as_slice())? {
        Some(value) => read_cursor(value.value()).map(Some),
        None => Ok(None),
    }
}

fn read_cursor(value: &[u8]) -> Result<u64, Fault> {
    let bytes = value
        .try_into()
        .map_err(|_| Fault::malformed("place in a stream"))?;
    Ok(u64::from_be_bytes(bytes))
}

/// The farthest place of all consumers: what is appended comes after it, also when every record
/// before it is gone.
pub(crate) fn last_cursor(table: &impl Read) -> Result<u64, Fault> {
    let mut last = 0;
    for entry in table.range(slices(&keys::space(keys::CURSOR)))? {
        last = last.max(read_cursor(entry?.1.value())?);
    }
    Ok(last)
}

/// Appends a record, given as a message with its key as the group. `consumers` look for it.
pub(crate) fn append(
    transaction: &mut Transaction<'_, '_>,
    log: &Log,
    sequence: &Sequence,
    record: &[u8],
    consumers: &[Rules],
) -> Result<(), Fault> {
    transaction.put(&log.key(sequence.next()), record)?;
    for consumer in consumers {
        transaction.touch(consumer.queue);
    }
    Ok(())
}

/// Lets consumers that are new begin with what is appended from now on, and forgets those that are
/// no more: should they come back, they are new.
pub(crate) fn begin(
    transaction: &mut Transaction<'_, '_>,
    consumers: &[(Log, Rules)],
    sequence: &Sequence,
) -> Result<(), Fault> {
    let declared: Vec<Vec<u8>> = (consumers.iter())
        .map(|(log, consumer)| cursor_key(log, consumer))
        .collect();
    let mut known = Vec::new();
    for entry in transaction
        .table()
        .range(slices(&keys::space(keys::CURSOR)))?
    {
        known.push(entry?.0.value().to_vec());
    }
    for key in known.iter().filter(|key| !declared.contains(key)) {
        transaction.remove(key)?;
    }
    for ((_, consumer), key) in consumers.iter().zip(&declared) {
        if !known.contains(key) {
            queue::purge(transaction, consumer)?;
            transaction.put(key, &sequence.peek().to_be_bytes())?;
        }
    }
    Ok(())
}

/// Whether there are records that a consumer does not have yet.
pub(crate) fn is_behind(table: &impl Read, log: &Log, consumer: &Rules) -> Result<bool, Fault> {
    let from = cursor(table, log, consumer)?.unwrap_or(0);
    let end = KeyBytes::of(keys::RECORD, log.stream).after();
    Ok(table.range(slices(&(log.key(from)..end)))?.next().is_some())
}

/// Takes up to `count` records into a consumer's queue. Returns how many it took or passed over
/// because their retention is over.
pub(crate) fn fetch(
    transaction: &mut Transaction<'_, '_>,
    log: &Log,
    consumer: &Rules,
    sequence: &Sequence,
    now: Moment,
    count: usize,
) -> Result<usize, Fault> {
    let from = cursor(transaction.table(), log, consumer)?.unwrap_or(0);
    let end = KeyBytes::of(keys::RECORD, log.stream).after();
    let mut records = Vec::new();
    for entry in transaction
        .table()
        .range(slices(&(log.key(from)..end)))?
        .take(count)
    {
        let (key, record) = entry?;
        let place = keys::unsigned_at(key.value(), 0);
        let place = place.ok_or_else(|| Fault::malformed("record of a stream"))?;
        records.push((place, record.value().to_vec()));
    }
    for (_, record) in records
        .iter()
        .filter(|(_, record)| !log.is_over(record, now))
    {
        let key = message::Message::decode(record)?.group;
        queue::send(transaction, consumer, sequence, record, key.as_deref(), now)?;
    }
    if let Some((last, _)) = records.last() {
        transaction.put(&cursor_key(log, consumer), &(last + 1).to_be_bytes())?;
    }
    Ok(records.len())
}

/// Sends a consumer back, or on, to the first record of `from`: those are delivered to it again, and
/// what it has not finished of those before is done. Returns how many records lie before it now.
pub(crate) fn replay(
    transaction: &mut Transaction<'_, '_>,
    log: &Log,
    consumer: &Rules,
    sequence: &Sequence,
    from: Moment,
) -> Result<u64, Fault> {
    queue::purge(transaction, consumer)?;
    let mut place = None;
    let mut count = 0;
    // Clocks go back now and then, so all that follows the first one counts.
    for entry in transaction
        .table()
        .range(slices(&KeyBytes::of(keys::RECORD, log.stream).range()))?
    {
        let (key, record) = entry?;
        if place.is_none() && message::sent_at(record.value()).is_some_and(|at| at >= from) {
            place = keys::unsigned_at(key.value(), 0);
        }
        count += u64::from(place.is_some());
    }
    let place = place.unwrap_or_else(|| sequence.peek());
    transaction.put(&cursor_key(log, consumer), &place.to_be_bytes())?;
    transaction.touch(consumer.queue);
    Ok(count)
}

/// The error of a replay for something else.
pub(crate) fn not_a_consumer(unit: &str) -> Error {
    let message = format!(
        "`{unit}` is not a unit that consumes a stream: a replay is about one `#[stream_consumer]`"
    );
    Error::new(ErrorKind::Invalid, message)
}

/// The records of a stream that are still kept, oldest first.
pub(crate) fn records(
    table: &impl Read,
    log: &Log,
    now: Moment,
) -> Result<Vec<message::Message>, Fault> {
    let mut records = Vec::new();
    for entry in table.range(slices(&KeyBytes::of(keys::RECORD, log.stream).range()))? {
        let (_, record) = entry?;
        if !log.is_over(record.value(), now) {
            records.push(message::Message::decode(record.value())?);
        }
    }
    Ok(records)
}

/// Removes up to `limit` records whose retention is over. Returns how many there were.
pub(crate) fn sweep(
    transaction: &mut Transaction<'_, '_>,
    log: &Log,
    now: Moment,
    limit: usize,
) -> Result<usize, Fault> {
    let mut over = Vec::new();
    for entry in transaction
        .table()
        .range(slices(&KeyBytes::of(keys::RECORD, log.stream).range()))?
        .take(limit)
    {
        let (key, record) = entry?;
        if !log.is_over(record.value(), now) {
            break;
        }
        over.push(key.value().to_vec());
    }
    for key in &over {
        transaction.remove(key)?;
    }
    Ok(over.len())
}

#[cfg(test)]
mod tests;
