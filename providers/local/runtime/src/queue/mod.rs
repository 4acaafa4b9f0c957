//! The life of a message, as functions of the store and the time: no clock, no tasks, no waiting.
//!
//! Every message has a record under [`MESSAGE`](keys::MESSAGE), written once. What changes is its
//! one entry under [`DUE`](keys::DUE), ordered by the moment at which the message is to be looked
//! at next: it becomes ready then, or its lease ends then. So the first entry tells when to wake
//! up, and a lease that runs out needs nobody to notice. In a fifo queue only the first message of
//! each group has such an entry; the others wait under [`GROUP`](keys::GROUP).
//!
//! In a queue with runs the messages behind the first one of a group can come along with its first
//! delivery. The lease is the first one's alone. When that is acknowledged, the lease passes to the
//! next of the run; when it is not, those behind it are delivered again after it, and this time does
//! not count as an attempt of theirs. What was delivered before is delivered alone, so that a
//! message that kills its process takes no other with it.
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
use redb::ReadableTable as _;
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
    /// Of a fifo queue: several messages of a group in one delivery, in their order.
    pub(crate) runs: bool,
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
        let mut last = crate::stream::last_cursor(table)?;
        for space in [keys::MESSAGE, keys::RECORD] {
            let all = keys::space(space);
            // Numbers are per store, and resources are few: the last entry of each is found by
            // jumping.
            let mut start = all.start;
            while let Some((key, _)) = first(table, &(start.clone()..all.end.clone()))? {
                let Some(resource) = key.get(1..5).and_then(|bytes| bytes.try_into().ok()) else {
                    break;
                };
                let range = KeyBytes::of(space, u32::from_be_bytes(resource)).range();
                let mut entries = table.range(slices(&range))?;
                if let Some(entry) = entries.next_back() {
                    let entry = entry?;
                    last = last.max(keys::unsigned_at(entry.0.value(), 0).unwrap_or(0));
                }
                start = range.end;
            }
        }
        self.0.fetch_max(last + 1, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    /// The number that the next one gets.
    pub(crate) fn peek(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
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

impl Received {
    /// Adds what another look found.
    pub(crate) fn add(&mut self, more: Received) {
        self.leased.extend(more.leased);
        self.dead.extend(more.dead);
        self.expired.extend(more.expired);
    }
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
    /// A message before it in its group was not acknowledged, so it is delivered again after that;
    /// the outcome was not applied.
    HeldBack,
}

/// The entry under [`keys::DUE`]: how often it was delivered, and what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    attempts: u32,
    wait: Wait,
    /// While it is leased: how many of its group came along with it.
    run: u32,
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
        run: 0,
    };

    fn encode(self) -> Vec<u8> {
        let wait = match self.wait {
            Wait::Ready => 0,
            Wait::Leased => 1,
            Wait::Abandoned => 2,
        };
        let mut bytes = Vec::with_capacity(9);
        bytes.extend_from_slice(&self.attempts.to_le_bytes());
        bytes.push(wait);
        if self.run > 0 {
            bytes.extend_from_slice(&self.run.to_le_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<State, Fault> {
        let (attempts, wait, run) = match bytes {
            [a, b, c, d, wait] => (u32::from_le_bytes([*a, *b, *c, *d]), *wait, 0),
            [a, b, c, d, wait, e, f, g, h] => (
                u32::from_le_bytes([*a, *b, *c, *d]),
                *wait,
                u32::from_le_bytes([*e, *f, *g, *h]),
            ),
            _ => return Err(Fault::malformed("state of a message")),
        };
        let wait = match wait {
            0 => Wait::Ready,
            1 => Wait::Leased,
            _ => Wait::Abandoned,
        };
        Ok(State {
            attempts,
            wait,
            run,
        })
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
            advance(
                transaction,
                rules,
                message.group.as_deref(),
                sequence,
                now,
                None,
            )?;
            received.expired.push(message.id);
        } else if state.attempts >= rules.retry.max_attempts {
            transaction.remove(&key)?;
            let reason = lost_reason(rules, state);
            bury(
                transaction,
                rules,
                now,
                sequence,
                state.attempts,
                &reason,
                None,
            )?;
            received.dead.push(Buried {
                id: message.id,
                attempts: state.attempts,
                reason,
            });
        } else {
            let attempt = state.attempts + 1;
            let along = match rules.runs && attempt == 1 {
                true => {
                    let room = count - received.leased.len() - 1;
                    behind(transaction, rules, &message, sequence, now, room)?
                }
                false => Vec::new(),
            };
            let leased = State {
                attempts: attempt,
                wait: Wait::Leased,
                run: along.len() as u32,
            };
            transaction.remove(&key)?;
            transaction.put(&due_key(rules.queue, lease_end, sequence), &leased.encode())?;
            let follower = |(sequence, message)| Leased {
                message,
                attempt: 1,
                receipt: Receipt {
                    sequence,
                    attempt: 1,
                    lease_end,
                },
            };
            received.leased.extend(along.into_iter().map(follower));
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
    if rules.runs {
        received
            .leased
            .sort_by_key(|leased| leased.receipt.sequence);
    }
    Ok(received)
}

/// Up to `count` messages of a group behind this one, up to the first whose retention is over.
fn behind(
    transaction: &Transaction<'_, '_>,
    rules: &Rules,
    message: &Message,
    sequence: u64,
    now: Moment,
    count: usize,
) -> Result<Vec<(u64, Message)>, Fault> {
    let group = message.group.as_deref().unwrap_or_default();
    let start = group_key(rules.queue, group, sequence + 1);
    let end = KeyBytes::of(keys::GROUP, rules.queue).text(group).after();
    let mut messages = Vec::new();
    for entry in transaction
        .table()
        .range(slices(&(start..end)))?
        .take(count)
    {
        let (key, _) = entry?;
        let sequence = last_number(key.value())?;
        let Some(record) = transaction.get(&message_key(rules.queue, sequence))? else {
            return Err(Fault::malformed("entry of a group"));
        };
        let message = Message::decode(&record)?;
        if message.sent_at.saturating_add(rules.retention) <= now {
            break;
        }
        messages.push((sequence, message));
    }
    Ok(messages)
}

/// The place in the order at the end of a key under [`keys::GROUP`].
fn last_number(key: &[u8]) -> Result<u64, Fault> {
    let number = key.last_chunk::<8>();
    let number = number.ok_or_else(|| Fault::malformed("entry of a group"))?;
    Ok(u64::from_be_bytes(*number))
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
    // Nearly always the lease holds, and then this entry goes.
    let Some(value) = transaction.take(&key)? else {
        return without_lease(transaction, rules, receipt);
    };
    let state = State::decode(&value)?;
    if state.wait != Wait::Leased || state.attempts != receipt.attempt {
        transaction.put(&key, &value)?;
        return Ok(Finished::LeaseLost);
    }
    // The next of the run goes on with the lease.
    let lead = state.run.checked_sub(1).map(|run| (receipt.lease_end, run));
    let reason = match outcome {
        Outcome::Ack => {
            let message_key = message_key(rules.queue, receipt.sequence);
            if !rules.fifo {
                transaction.remove(&message_key)?;
            } else if let Some(record) = transaction.take(&message_key)? {
                let group = Message::decode(&record)?.group;
                advance(
                    transaction,
                    rules,
                    group.as_deref(),
                    receipt.sequence,
                    now,
                    lead,
                )?;
            }
            return Ok(Finished::Acked);
        }
        Outcome::Retry { after, .. } if state.attempts < rules.retry.max_attempts => {
            let backoff = rules.retry.backoff_after(state.attempts);
            let due = now.saturating_add(nanoseconds(after.unwrap_or(backoff)));
            let waiting = State {
                attempts: state.attempts,
                wait: Wait::Ready,
                run: 0,
            };
            transaction.put(
                &due_key(rules.queue, due, receipt.sequence),
                &waiting.encode(),
            )?;
            transaction.touch(rules.queue);
            return Ok(Finished::RetryAt(crate::moment::to_system(due)));
        }
        Outcome::Retry { reason, .. } | Outcome::DeadLetter { reason } => reason,
    };
    bury(
        transaction,
        rules,
        now,
        receipt.sequence,
        state.attempts,
        reason,
        lead,
    )?;
    Ok(Finished::DeadLettered)
}

/// What became of a message whose delivery holds no lease.
fn without_lease(
    transaction: &Transaction<'_, '_>,
    rules: &Rules,
    receipt: Receipt,
) -> Result<Finished, Fault> {
    if !rules.runs {
        return Ok(Finished::LeaseLost);
    }
    let Some(record) = transaction.get(&message_key(rules.queue, receipt.sequence))? else {
        return Ok(Finished::LeaseLost);
    };
    let group = Message::decode(&record)?.group.unwrap_or_default();
    let range = KeyBytes::of(keys::GROUP, rules.queue).text(&group).range();
    Ok(match first(transaction.table(), &range)? {
        Some((key, _)) if last_number(&key)? < receipt.sequence => Finished::HeldBack,
        _ => Finished::LeaseLost,
    })
}

/// Moves a message, whose entry under [`keys::DUE`] is gone already, to the dead letters.
fn bury(
    transaction: &mut Transaction<'_, '_>,
    rules: &Rules,
    now: Moment,
    sequence: u64,
    attempts: u32,
    reason: &str,
    lead: Option<(Moment, u32)>,
) -> Result<(), Fault> {
    let message_key = message_key(rules.queue, sequence);
    let Some(record) = transaction.take(&message_key)? else {
        return Err(Fault::malformed("entry of a queue"));
    };
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
        advance(transaction, rules, group.as_deref(), sequence, now, lead)?;
    }
    Ok(())
}

/// Takes a message out of its group and makes the next one of the group ready, or, when it came
/// along with this one, the holder of the lease: until when, and of how many behind it.
fn advance(
    transaction: &mut Transaction<'_, '_>,
    rules: &Rules,
    group: Option<&str>,
    sequence: u64,
    now: Moment,
    lead: Option<(Moment, u32)>,
) -> Result<(), Fault> {
    if !rules.fifo {
        return Ok(());
    }
    let group = group.unwrap_or_default();
    transaction.remove(&group_key(rules.queue, group, sequence))?;
    let range = KeyBytes::of(keys::GROUP, rules.queue).text(group).range();
    if let Some((key, _)) = first(transaction.table(), &range)? {
        let next = last_number(&key)?;
        let (due, state) = match lead {
            Some((lease_end, run)) => {
                let leased = State {
                    attempts: 1,
                    wait: Wait::Leased,
                    run,
                };
                (lease_end, leased)
            }
            None => (now, State::NEW),
        };
        transaction.put(&due_key(rules.queue, due, next), &state.encode())?;
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
                run: 0,
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
            advance(
                transaction,
                rules,
                message.group.as_deref(),
                sequence,
                now,
                None,
            )?;
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
