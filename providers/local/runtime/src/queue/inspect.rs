//! Looking into a queue, and what an operator does there: redrive and purge.

use super::{Rules, Sequence, State, Wait, entries, read_due_key, send};
use crate::message::{self, Message};
use crate::moment::{Moment, to_system};
use crate::store::keys::{self, KeyBytes};
use crate::store::{Fault, Read, Transaction, slices};
use redb::ReadableTable as _;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::SystemTime;

/// How many messages a queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Waiting for a consumer. In a fifo queue also those that wait for others of their group.
    pub ready: u64,
    /// Waiting for their time: a delay or a backoff.
    pub delayed: u64,
    /// With a handler.
    pub in_flight: u64,
    /// In the dead-letter queue.
    pub dead: u64,
}

/// A message as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peeked {
    /// The event's id.
    pub id: String,
    /// Deliveries so far.
    pub attempts: u32,
    /// What it waits for.
    pub state: PeekedState,
    /// When it was sent.
    pub sent_at: SystemTime,
    /// Group of a fifo message.
    pub group: Option<String>,
    /// What the sender attached.
    pub attributes: BTreeMap<String, String>,
    /// JSON.
    pub body: Vec<u8>,
}

/// What a message waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeekedState {
    /// A consumer.
    Ready,
    /// Its time.
    DelayedUntil(SystemTime),
    /// The outcome of its handler.
    InFlightUntil(SystemTime),
    /// The messages before it in its fifo group.
    Blocked,
}

/// A message that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The event's id.
    pub id: String,
    /// The queue, function or schedule it comes from.
    pub source: String,
    /// Deliveries.
    pub attempts: u32,
    /// Why it was given up.
    pub reason: String,
    /// When it was sent.
    pub sent_at: SystemTime,
    /// When it was given up.
    pub dead_at: SystemTime,
    /// Group of a fifo message.
    pub group: Option<String>,
    /// What the sender attached.
    pub attributes: BTreeMap<String, String>,
    /// JSON.
    pub body: Vec<u8>,
}

/// Counts the messages of a queue by what they wait for.
pub(crate) fn depth(table: &impl Read, rules: &Rules, now: Moment) -> Result<Depth, Fault> {
    let waits: HashMap<u64, (Moment, State)> = states(table, rules)?;
    let mut depth = Depth::default();
    for entry in table.range(slices(&KeyBytes::of(keys::MESSAGE, rules.queue).range()))? {
        let (key, record) = entry?;
        let sequence = keys::unsigned_at(key.value(), 0).unwrap_or(0);
        let sent_at = message::sent_at(record.value()).unwrap_or(now);
        match waits.get(&sequence) {
            Some((due, state)) if state.wait == Wait::Leased && *due > now => depth.in_flight += 1,
            _ if sent_at.saturating_add(rules.retention) <= now => {}
            Some((due, _)) if *due > now => depth.delayed += 1,
            _ => depth.ready += 1,
        }
    }
    for entry in table.range(slices(&KeyBytes::of(keys::DEAD, rules.queue).range()))? {
        entry?;
        depth.dead += 1;
    }
    Ok(depth)
}

/// The first messages of a queue in the order of their arrival.
pub(crate) fn peek(
    table: &impl Read,
    rules: &Rules,
    now: Moment,
    limit: usize,
) -> Result<Vec<Peeked>, Fault> {
    let waits = states(table, rules)?;
    let mut peeked = Vec::new();
    for entry in table.range(slices(&KeyBytes::of(keys::MESSAGE, rules.queue).range()))? {
        if peeked.len() >= limit {
            break;
        }
        let (key, record) = entry?;
        let wait = waits.get(&keys::unsigned_at(key.value(), 0).unwrap_or(0));
        let leased = |state: &State, due: Moment| state.wait == Wait::Leased && due > now;
        let record = record.value();
        let sent_at = message::sent_at(record).unwrap_or(now);
        let expired = sent_at.saturating_add(rules.retention) <= now;
        let state = match wait {
            Some((due, state)) if leased(state, *due) => {
                PeekedState::InFlightUntil(to_system(*due))
            }
            _ if expired => continue,
            Some((due, _)) if *due > now => PeekedState::DelayedUntil(to_system(*due)),
            Some(_) => PeekedState::Ready,
            None => PeekedState::Blocked,
        };
        let message = Message::decode(record)?;
        peeked.push(Peeked {
            id: message.id,
            attempts: wait.map_or(0, |(_, state)| state.attempts),
            state,
            sent_at: to_system(message.sent_at),
            group: message.group,
            attributes: message.attributes,
            body: message.body,
        });
    }
    Ok(peeked)
}

/// The dead letters of a queue, oldest first.
pub(crate) fn dead_letters(
    table: &impl Read,
    rules: &Rules,
    source: &str,
    limit: usize,
) -> Result<Vec<DeadLetter>, Fault> {
    let mut letters = Vec::new();
    for entry in table
        .range(slices(&KeyBytes::of(keys::DEAD, rules.queue).range()))?
        .take(limit)
    {
        let (key, value) = entry?;
        let (attempts, reason, record) = read_dead(value.value())?;
        let message = Message::decode(record)?;
        letters.push(DeadLetter {
            id: message.id,
            source: source.to_owned(),
            attempts,
            reason: reason.to_owned(),
            sent_at: to_system(message.sent_at),
            dead_at: to_system(keys::signed_at(key.value(), 0).unwrap_or(0)),
            group: message.group,
            attributes: message.attributes,
            body: message.body,
        });
    }
    Ok(letters)
}

/// Puts dead letters back at the end of their queue: those with these ids, or all. They keep their
/// ids and start with a first attempt. Returns how many there were.
pub(crate) fn redrive(
    transaction: &mut Transaction<'_, '_>,
    rules: &Rules,
    sequence: &Sequence,
    now: Moment,
    ids: Option<&HashSet<String>>,
) -> Result<u64, Fault> {
    let mut letters = Vec::new();
    for entry in transaction
        .table()
        .range(slices(&KeyBytes::of(keys::DEAD, rules.queue).range()))?
    {
        let (key, value) = entry?;
        let (_, _, record) = read_dead(value.value())?;
        let message = Message::decode(record)?;
        if ids.is_none_or(|ids| ids.contains(&message.id)) {
            letters.push((key.value().to_vec(), message.group, record.to_vec()));
        }
    }
    for (key, group, record) in &letters {
        transaction.remove(key)?;
        let record = message::sent_again(record, now);
        send(transaction, rules, sequence, &record, group.as_deref(), now)?;
    }
    Ok(letters.len() as u64)
}

/// Removes all messages of a queue, also those in flight, but not its dead letters.
pub(crate) fn purge(transaction: &mut Transaction<'_, '_>, rules: &Rules) -> Result<u64, Fault> {
    for space in [keys::DUE, keys::GROUP] {
        transaction.remove_range(&KeyBytes::of(space, rules.queue).range())?;
    }
    transaction.remove_range(&KeyBytes::of(keys::MESSAGE, rules.queue).range())
}

fn states(table: &impl Read, rules: &Rules) -> Result<HashMap<u64, (Moment, State)>, Fault> {
    entries(table, rules)?
        .into_iter()
        .map(|(key, state)| {
            let (due, sequence) = read_due_key(&key)?;
            Ok((sequence, (due, state)))
        })
        .collect()
}

/// Attempts, reason and message of the value under [`keys::DEAD`].
fn read_dead(value: &[u8]) -> Result<(u32, &str, &[u8]), Fault> {
    let read = || {
        let (attempts, rest) = value.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (reason, record) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        Some((
            u32::from_le_bytes(*attempts),
            str::from_utf8(reason).ok()?,
            record,
        ))
    };
    read().ok_or_else(|| Fault::malformed("dead letter"))
}
