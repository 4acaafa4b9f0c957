//! The life of a message, as functions of the store and the time: no clock, no tasks, no waiting.
//!
//! Every message has a record under [`MESSAGE`](keys::MESSAGE), written once. What changes is its
//! one entry under [`DUE`](keys::DUE), ordered by the moment at which the message is to be looked
//! at next: it becomes ready then, or its lease ends then. So the first entry tells when to wake
//! up, and a lease that runs out needs nobody to notice. In a fifo queue only the first message of
//! each group has such an entry; the others wait under [`GROUP`](keys::GROUP).
//!
//! A delivery is counted when it begins, in the same commit as its lease: a process that dies in a
//! handler has used up an attempt.

mod inspect;

pub use inspect::{DeadLetter, Depth, Peeked, PeekedState};
pub(crate) use inspect::{dead_letters, depth, peek, purge, redrive};

use crate::message::{self, Message};
use crate::moment::{Moment, nanoseconds};
use crate::store::keys::{self, KeyBytes};
use crate::store::{Fault, Read, Transaction, first, slices};
use ifc_manifest::kind::edge::RetrySpec;
use ifc_manifest::kind::queue::DEAD_LETTER_RETENTION;
use ifc_runtime::Outcome;
use std::sync::atomic::{AtomicU64, Ordering};

/// Longest reason kept with a dead letter, in bytes.
const REASON_BYTES_MAX: usize = 4 * 1024;

/// Dead letters are removed after twice the time the contract promises.
const DEAD_LETTER_AGE_MAX: Moment = DEAD_LETTER_RETENTION.as_nanos() as Moment * 2;

/// What the machine needs to know of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// The queue's number in the store.
    pub(crate) queue: u32,
    /// Order per group, one message of a group in flight.
    pub(crate) fifo: bool,
    /// How long a message is kept, in nanoseconds.
    pub(crate) retention: i64,
    /// When and how often to deliver again.
    pub(crate) retry: RetrySpec,
}

/// Gives messages their place in the order of arrival.
#[derive(Debug, Default)]
pub(crate) struct Sequence(AtomicU64);

impl Sequence {
    /// Goes on after everything that is in the store.
    pub(crate) fn resume(&self, table: &impl Read) -> Result<(), Fault> {
        let mut last = 0;
        let messages = keys::space(keys::MESSAGE);
        // Numbers are per store, and resources are few: the last entry of each is found by jumping.
        let mut start = messages.start;
        while let Some((key, _)) = first(table, &(start.clone()..messages.end.clone()))? {
            let Some(queue) = key.get(1..5).and_then(|bytes| bytes.try_into().ok()) else {
                break;
            };
            let range = KeyBytes::of(keys::MESSAGE, u32::from_be_bytes(queue)).range();
            let mut entries = table.range(slices(&range))?;
            if let Some(entry) = entries.next_back() {
                let entry = entry?;
                last = last.max(keys::unsigned_at(entry.0.value(), 0).unwrap_or(0));
            }
            start = range.end;
        }
        self.0.fetch_max(last + 1, Ordering::Relaxed);
        Ok(())
    }

    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Proof of one delivery: which message, which attempt, until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt {
    sequence: u64,
    attempt: u32,
    lease_end: Moment,
}

/// A message on its way to a handler.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Leased {
    pub(crate) message: Message,
    pub(crate) attempt: u32,
    pub(crate) receipt: Receipt,
}

/// What looking for messages found.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// For the handler.
    pub(crate) leased: Vec<Leased>,
    /// Moved to the dead letters, because their attempts were used up without an outcome.
    pub(crate) dead: Vec<Buried>,
    /// Ids of messages dropped because their retention was over.
    pub(crate) expired: Vec<String>,
}

/// A message that was just moved to the dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Buried {
    pub(crate) id: String,
    pub(crate) attempts: u32,
    pub(crate) reason: String,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The message is done.
    Acked,
    /// It is delivered again, not before this moment.
    RetryAt(std::time::SystemTime),
    /// It is among the dead letters.
    DeadLettered,
    /// The lease had run out and the message was delivered anew or is gone; the outcome was
    /// not applied.
    LeaseLost,
}

/// The entry under [`keys::DUE`]: how often it was delivered, and what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    attempts: u32,
    wait: Wait,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// For its time.
    Ready,
    /// For the end of its lease.
    Leased,
    /// For its time, after the process that had leased it ended.
    Abandoned,
}

impl State {
    const NEW: State = State {
        attempts: 0,
        wait: Wait::Ready,
    };

    fn encode(self) -> [u8; 5] {
        let [a, b, c, d] = self.attempts.to_le_bytes();
        let wait = match self.wait {
            Wait::Ready => 0,
            Wait::Leased => 1,
            Wait::Abandoned => 2,
        };
        [a, b, c, d, wait]
    }

    fn decode(bytes: &[u8]) -> Result<State, Fault> {
        let (attempts, wait) = match bytes {
            [a, b, c, d, wait] => (u32::from_le_bytes([*a, *b, *c, *d]), *wait),
            _ => return Err(Fault::malformed("state of a message")),
        };
        let wait = match wait {
            0 => Wait::Ready,
            1 => Wait::Leased,
            _ => Wait::Abandoned,
        };
        Ok(State { attempts, wait })
    }
}

fn message_key(queue: u32, sequence: u64) -> Vec<u8> {
    KeyBytes::of(keys::MESSAGE, queue)
        .unsigned(sequence)
        .into_bytes()
}

fn due_key(queue: u32, due: Moment, sequence: u64) -> Vec<u8> {
    KeyBytes::of(keys::DUE, queue)
        .signed(due)
        .unsigned(sequence)
        .into_bytes()
}

fn group_key(queue: u32, group: &str, sequence: u64) -> Vec<u8> {
    KeyBytes::of(keys::GROUP, queue)
        .text(group)
        .unsigned(sequence)
        .into_bytes()
}

/// Moment and place in the order of a key under [`keys::DUE`].
fn read_due_key(key: &[u8]) -> Result<(Moment, u64), Fault> {
    keys::signed_at(key, 0)
        .zip(keys::unsigned_at(key, 1))
        .ok_or_else(|| Fault::malformed("entry of a queue"))
}

/// Puts a message, given as its record, into the queue. It is first delivered at `due`.
pub(crate) fn send(
    transaction: &mut Transaction<'_, '_>,
    rules: &Rules,
    sequence: &Sequence,
    record: &[u8],
    group: Option<&str>,
    due: Moment,
) -> Result<(), Fault> {
    let number = sequence.next();
    transaction.put(&message_key(rules.queue, number), record)?;
    if rules.fifo {
        let group = group.unwrap_or_default();
        let range = KeyBytes::of(keys::GROUP, rules.queue).text(group).range();
        let alone = first(transaction.table(), &range)?.is_none();
        transaction.put(&group_key(rules.queue, group, number), &[])?;
        if !alone {
            return Ok(());
        }
    }
    transaction.put(&due_key(rules.queue, due, number), &State::NEW.encode())?;
    transaction.touch(rules.queue);
    Ok(())
}

/// The earliest moment at which [`receive`] may find something.
pub(crate) fn next_due(table: &impl Read, rules: &Rules) -> Result<Option<Moment>, Fault> {
    let range = KeyBytes::of(keys::DUE, rules.queue).range();
    let mut entries = table.range(slices(&range))?;
    match entries.next() {
        Some(entry) => Ok(Some(read_due_key(entry?.0.value())?.0)),
        None => Ok(None),
    }
}

/// Leases up to `count` messages until `now` plus `lease`, in nanoseconds.
pub(crate) fn receive(
    transaction: &mut Transaction<'_, '_>,
    rules: &Rules,
    now: Moment,
    lease: i64,
    count: usize,
) -> Result<Received, Fault> {
    let lease_end = now.saturating_add(lease.max(1));
    let start = KeyBytes::of(keys::DUE, rules.queue).into_bytes();
    let end = due_key(rules.queue, now.saturating_add(1), 0);
    let range = start..end;
    let mut received = Received::default();
    // Each round takes the first entry away or moves it beyond the range.
    while received.leased.len() < count {
        let Some((key, value)) = first(transaction.table(), &range)? else {
            break;
        };
        let (_, sequence) = read_due_key(&key)?;
        let state = State::decode(&value)?;
        let message_key = message_key(rules.queue, sequence);
        let Some(record) = transaction.get(&message_key)? else {
            return Err(Fault::malformed("entry of a queue"));
        };
        let message = Message::decode(&record)?;
        if message.sent_at.saturating_add(rules.retention) <= now {
            transaction.remove(&key)?;
            transaction.remove(&message_key)?;
            advance(transaction, rules, message.group.as_deref(), sequence, now)?;
            received.expired.push(message.id);
        } else if state.attempts >= rules.retry.max_attempts {
            transaction.remove(&key)?;
            let reason = lost_reason(rules, state);
            bury(transaction, rules, now, sequence, state.attempts, &reason)?;
            received.dead.push(Buried {
                id: message.id,
                attempts: state.attempts,
                reason,
            });
        } else {
            let attempt = state.attempts + 1;
            let leased = State {
                attempts: attempt,
                wait: Wait::Leased,
            };
            transaction.remove(&key)?;
            transaction.put(&due_key(rules.queue, lease_end, sequence), &leased.encode())?;
            received.leased.push(Leased {
                message,
                attempt,
                receipt: Receipt {
                    sequence,
                    attempt,
                    lease_end,
                },
            });
        }
    }
    Ok(received)
}

fn lost_reason(rules: &Rules, state: State) -> String {
    let what = match state.wait {
        Wait::Abandoned => "the process ended while it handled the message",
        _ => "the handler gave no outcome within its lease",
    };
    format!(
        "{what} (delivery {} of {})",
        state.attempts, rules.retry.max_attempts
    )
}

/// Applies the outcome of a delivery.
pub(crate) fn finish(
    transaction: &mut Transaction<'_, '_>,
    rules: &Rules,
    now: Moment,
    receipt: Receipt,
    outcome: &Outcome,
) -> Result<Finished, Fault> {
    let key = due_key(rules.queue, receipt.lease_end, receipt.sequence);
    let state = match transaction.get(&key)? {
        Some(value) => State::decode(&value)?,
        None => return Ok(Finished::LeaseLost),
    };
    if state.wait != Wait::Leased || state.attempts != receipt.attempt {
        return Ok(Finished::LeaseLost);
    }
    let reason = match outcome {
        Outcome::Ack => {
            transaction.remove(&key)?;
            let message_key = message_key(rules.queue, receipt.sequence);
            let group = match rules.fifo {
                true => transaction
                    .get(&message_key)?
                    .map(|record| Message::decode(&record)),
                false => None,
            };
            transaction.remove(&message_key)?;
            if let Some(message) = group {
                let group = message?.group;
                advance(transaction, rules, group.as_deref(), receipt.sequence, now)?;
            }
            return Ok(Finished::Acked);
        }
        Outcome::Retry { after, .. } if state.attempts < rules.retry.max_attempts => {
            let backoff = rules.retry.backoff_after(state.attempts);
            let due = now.saturating_add(nanoseconds(after.unwrap_or(backoff)));
            let waiting = State {
                attempts: state.attempts,
                wait: Wait::Ready,
            };
            transaction.remove(&key)?;
            transaction.put(
                &due_key(rules.queue, due, receipt.sequence),
                &waiting.encode(),
            )?;
            transaction.touch(rules.queue);
            return Ok(Finished::RetryAt(crate::moment::to_system(due)));
        }
        Outcome::Retry { reason, .. } | Outcome::DeadLetter { reason } => reason,
    };
    transaction.remove(&key)?;
    bury(
        transaction,
        rules,
        now,
        receipt.sequence,
        state.attempts,
        reason,
    )?;
    Ok(Finished::DeadLettered)
}

/// Moves a message, whose entry under [`keys::DUE`] is gone already, to the dead letters.
fn bury(
    transaction: &mut Transaction<'_, '_>,
    rules: &Rules,
    now: Moment,
    sequence: u64,
    attempts: u32,
    reason: &str,
) -> Result<(), Fault> {
    let message_key = message_key(rules.queue, sequence);
    let Some(record) = transaction.get(&message_key)? else {
        return Err(Fault::malformed("entry of a queue"));
    };
    transaction.remove(&message_key)?;
    let reason = &reason[..reason.floor_char_boundary(REASON_BYTES_MAX)];
    let mut value = Vec::with_capacity(8 + reason.len() + record.len());
    value.extend_from_slice(&attempts.to_le_bytes());
    value.extend_from_slice(&(reason.len() as u32).to_le_bytes());
    value.extend_from_slice(reason.as_bytes());
    value.extend_from_slice(&record);
    let key = KeyBytes::of(keys::DEAD, rules.queue)
        .signed(now)
        .unsigned(sequence);
    transaction.put(key.as_bytes(), &value)?;
    if rules.fifo {
        let group = Message::decode(&record)?.group;
        advance(transaction, rules, group.as_deref(), sequence, now)?;
    }
    Ok(())
}

/// Takes a message out of its group and makes the next one of the group ready.
fn advance(
    transaction: &mut Transaction<'_, '_>,
    rules: &Rules,
    group: Option<&str>,
    sequence: u64,
    now: Moment,
) -> Result<(), Fault> {
    if !rules.fifo {
        return Ok(());
    }
    let group = group.unwrap_or_default();
    transaction.remove(&group_key(rules.queue, group, sequence))?;
    let prefix = KeyBytes::of(keys::GROUP, rules.queue).text(group);
    let length = prefix.as_bytes().len();
    if let Some((key, _)) = first(transaction.table(), &prefix.range())? {
        let next = key
            .get(length..)
            .and_then(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?)))
            .ok_or_else(|| Fault::malformed("entry of a group"))?;
        transaction.put(&due_key(rules.queue, now, next), &State::NEW.encode())?;
        transaction.touch(rules.queue);
    }
    Ok(())
}

/// Ends the leases of a process that is no more. Their attempts stay counted.
pub(crate) fn release(
    transaction: &mut Transaction<'_, '_>,
    rules: &Rules,
    now: Moment,
) -> Result<(), Fault> {
    for (key, state) in entries(transaction.table(), rules)? {
        if state.wait == Wait::Leased {
            let (_, sequence) = read_due_key(&key)?;
            let abandoned = State {
                wait: Wait::Abandoned,
                ..state
            };
            transaction.remove(&key)?;
            transaction.put(&due_key(rules.queue, now, sequence), &abandoned.encode())?;
        }
    }
    Ok(())
}

/// Whether [`release`] has anything to do.
pub(crate) fn has_leases(table: &impl Read, rules: &Rules) -> Result<bool, Fault> {
    let entries = entries(table, rules)?;
    Ok(entries.iter().any(|(_, state)| state.wait == Wait::Leased))
}

/// Follows a clock that went back by `back` nanoseconds: what waits still waits as long as before.
/// Leases stay as they are, because their holders will end them.
pub(crate) fn follow_clock_back(
    transaction: &mut Transaction<'_, '_>,
    rules: &Rules,
    now: Moment,
    back: i64,
) -> Result<(), Fault> {
    for (key, state) in entries(transaction.table(), rules)? {
        let (due, sequence) = read_due_key(&key)?;
        if state.wait != Wait::Leased && due > now {
            let due = due.saturating_sub(back).max(now);
            transaction.remove(&key)?;
            transaction.put(&due_key(rules.queue, due, sequence), &state.encode())?;
        }
    }
    Ok(())
}

/// When the youngest message was sent: a clock before that went back since.
pub(crate) fn last_sent(table: &impl Read, rules: &Rules) -> Result<Option<Moment>, Fault> {
    let range = KeyBytes::of(keys::MESSAGE, rules.queue).range();
    let mut entries = table.range(slices(&range))?;
    match entries.next_back() {
        Some(entry) => Ok(message::sent_at(entry?.1.value())),
        None => Ok(None),
    }
}

/// Drops messages beyond their retention and dead letters beyond theirs. Consumers do the former
/// in passing; this is for queues that nobody consumes. Returns the ids of dropped messages.
pub(crate) fn sweep(
    transaction: &mut Transaction<'_, '_>,
    rules: &Rules,
    now: Moment,
) -> Result<Vec<String>, Fault> {
    let mut dropped = Vec::new();
    loop {
        let before = dropped.len();
        for (key, state) in entries(transaction.table(), rules)? {
            let (_, sequence) = read_due_key(&key)?;
            let message_key = message_key(rules.queue, sequence);
            let Some(record) = transaction.get(&message_key)? else {
                continue;
            };
            let sent_at = message::sent_at(&record).unwrap_or(now);
            if state.wait == Wait::Leased || sent_at.saturating_add(rules.retention) > now {
                continue;
            }
            let message = Message::decode(&record)?;
            transaction.remove(&key)?;
            transaction.remove(&message_key)?;
            advance(transaction, rules, message.group.as_deref(), sequence, now)?;
            dropped.push(message.id);
        }
        // In a fifo queue the next of a group has come forward.
        if dropped.len() == before || !rules.fifo {
            break;
        }
    }
    let prefix = KeyBytes::of(keys::DEAD, rules.queue);
    let end = prefix
        .clone()
        .signed(now.saturating_sub(DEAD_LETTER_AGE_MAX));
    transaction.remove_range(&(prefix.into_bytes()..end.into_bytes()))?;
    Ok(dropped)
}

/// All entries under [`keys::DUE`].
fn entries(table: &impl Read, rules: &Rules) -> Result<Vec<(Vec<u8>, State)>, Fault> {
    let range = KeyBytes::of(keys::DUE, rules.queue).range();
    table
        .range(slices(&range))?
        .map(|entry| {
            let (key, value) = entry?;
            Ok((key.value().to_vec(), State::decode(value.value())?))
        })
        .collect()
}

#[cfg(test)]
mod tests;
