//! Moving events along: what a driver calls to get the application's handlers to run.
//!
//! A driver receives leased events from an [edge](crate::Edge), runs the handler, and finishes each
//! event with its outcome. The live server does so as fast as it can; the test kit does so in its
//! own order and time. Nothing here waits or starts tasks.

use crate::bucket;
use crate::local::{Edge, EdgeId, EdgeThunk, Local, Queue};
use crate::message::Message;
use crate::moment::{Moment, nanoseconds, to_system};
use crate::prepare::SWEEP_LIMIT;
use crate::queue::{self, Finished, Leased, Receipt, Received};
use crate::schedule;
use crate::store::Transaction;
use crate::stream;
use crate::table;
use ifc_runtime::{Delivery, Error, Invocation, Outcome, TraceContext, handler};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

/// Records that a consumer takes from a stream in one commit, when others of their keys hold them
/// up.
const FETCH_MAX: usize = 1_000;

/// A clock that goes back by less than this is taken to stand still.
const CLOCK_TOLERANCE: i64 = 1_000_000_000;

/// One event on its way to a handler.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The event.
    pub delivery: Delivery,
    /// To finish it with.
    pub receipt: Receipt,
}

impl Local {
    pub(crate) fn edge(&self, edge: EdgeId) -> &Edge {
        &self.edges[edge.0]
    }

    /// Leases up to `max` events of an edge that are ready now. Counts an attempt for each.
    ///
    /// Events whose attempts are used up without an outcome go to the dead letters, and those
    /// beyond their retention are dropped; both are logged.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub async fn receive(&self, edge: EdgeId, max: usize) -> Result<Vec<Lease>, Error> {
        let edge = self.edge(edge);
        let queue = &self.queues[edge.queue];
        let (rules, now) = (queue.rules, self.now_moment());
        let back = queue
            .looked_at
            .swap(now, Ordering::Relaxed)
            .saturating_sub(now);
        let went_back = back > CLOCK_TOLERANCE;
        if !went_back {
            let due = self.due(queue, now)?;
            if max == 0 || due.is_none_or(|due| due > now) {
                return Ok(Vec::new());
            }
        }
        let lease = nanoseconds(edge.lease);
        let (log, sequence) = (queue.log, Arc::clone(&self.sequence));
        let received = self
            .store
            .write(move |transaction| {
                if went_back {
                    queue::follow_clock_back(transaction, &rules, now, back)?;
                }
                let mut received = Received::default();
                let mut looked_at = 0;
                loop {
                    // What waits here goes before what is still in the log.
                    let room = max - received.leased.len();
                    received.add(queue::receive(transaction, &rules, now, lease, room)?);
                    let room = max - received.leased.len();
                    let Some(log) = log.filter(|_| room > 0 && looked_at < FETCH_MAX) else {
                        return Ok(received);
                    };
                    let fetched = stream::fetch(transaction, &log, &rules, &sequence, now, room)?;
                    if fetched == 0 {
                        return Ok(received);
                    }
                    looked_at += fetched;
                }
            })
            .await?;
        for dead in &received.dead {
            tracing::error!(
                unit = edge.unit,
                event = dead.id,
                attempt = dead.attempts,
                reason = dead.reason,
                "moved to the dead-letter queue"
            );
        }
        for id in &received.expired {
            tracing::warn!(
                unit = edge.unit,
                event = id,
                "dropped: it was not consumed within the retention of `{}`",
                queue.name
            );
        }
        let leases = received.leased.into_iter();
        Ok(leases.map(|leased| lease_of(edge, leased)).collect())
    }

    /// Runs the handler of an edge with a batch; one outcome for each lease, in order. A panic and
    /// a timeout are retries.
    pub async fn run(&self, edge: EdgeId, leases: &[Lease]) -> Vec<Outcome> {
        let edge = self.edge(edge);
        match edge.thunk {
            EdgeThunk::Event(thunk) => {
                let deliveries = leases.iter().map(|lease| lease.delivery.clone()).collect();
                run_event(edge, thunk, deliveries).await
            }
            EdgeThunk::Call(thunk) => {
                let mut outcomes = Vec::with_capacity(leases.len());
                for Lease { delivery, .. } in leases {
                    let invocation = invocation(edge, delivery);
                    let argument = delivery.body.clone();
                    let reply = self.call(thunk, edge.timeout, argument, invocation);
                    outcomes.push(match reply.await {
                        Ok(_) => Outcome::Ack,
                        Err(error) => Outcome::retry(error.to_string()),
                    });
                }
                outcomes
            }
        }
    }

    /// Applies the outcome of one event.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails; the event is then delivered again after its lease.
    pub async fn finish(
        &self,
        edge: EdgeId,
        receipt: Receipt,
        outcome: Outcome,
    ) -> Result<Finished, Error> {
        let finished = self.finish_all(edge, vec![(receipt, outcome)]).await?;
        Ok(finished.into_iter().next().unwrap_or(Finished::LeaseLost))
    }

    /// Applies the outcomes of a batch in one commit.
    pub(crate) async fn finish_all(
        &self,
        edge: EdgeId,
        outcomes: Vec<(Receipt, Outcome)>,
    ) -> Result<Vec<Finished>, Error> {
        let rules = self.queues[self.edge(edge).queue].rules;
        let now = self.now_moment();
        let command = move |transaction: &mut Transaction<'_, '_>| {
            let outcomes = outcomes.iter();
            outcomes
                .map(|(receipt, outcome)| {
                    queue::finish(transaction, &rules, now, *receipt, outcome)
                })
                .collect()
        };
        self.store.write(command).await
    }

    /// The earliest moment at which [`receive`](Local::receive) may return something; it may lie in
    /// the past. `None` when the edge holds no event.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub fn next_due(&self, edge: EdgeId) -> Result<Option<SystemTime>, Error> {
        let queue = &self.queues[self.edge(edge).queue];
        let due = self.due(queue, self.now_moment())?;
        Ok(due.map(to_system))
    }

    /// When a queue, or the log behind it, may have something. The log has it now: at the caller's
    /// `now`, because clocks do not stand still.
    fn due(&self, queue: &Queue, now: Moment) -> Result<Option<Moment>, Error> {
        self.store.read(|snapshot| {
            if let Some(log) = &queue.log
                && stream::is_behind(snapshot, log, &queue.rules)?
            {
                return Ok(Some(now));
            }
            queue::next_due(snapshot, &queue.rules)
        })
    }

    /// Waits until the edge may have something new. One permit is kept, so nothing that happens
    /// before the call is missed.
    pub(crate) async fn rung(&self, edge: EdgeId) {
        let queue = self.edge(edge).queue;
        self.queues[queue].bell.notified().await;
    }

    /// The schedule that fires next, and when.
    pub fn next_schedule(&self) -> Option<(String, SystemTime)> {
        let schedules = self
            .schedules
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let next = schedules
            .iter()
            .filter_map(|s| Some((s.next?, &s.name)))
            .min();
        next.map(|(due, name)| (name.clone(), to_system(due)))
    }

    /// Makes an event for every schedule that is due, and returns their names.
    ///
    /// A due time that passed more than 60 s ago was missed and is skipped; each is used at most
    /// once, also when the clock goes back.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails; those not yet fired are still due.
    pub async fn fire_due_schedules(&self) -> Result<Vec<String>, Error> {
        let now = self.now_moment();
        let due: Vec<_> = {
            let schedules = self
                .schedules
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let due = schedules.iter().enumerate();
            due.filter(|(_, schedule)| schedule.next.is_some_and(|next| next <= now))
                .map(|(at, schedule)| (at, schedule.clone()))
                .collect()
        };
        let mut fired = Vec::new();
        for (at, schedule) in due {
            let (name, scheduled) = (schedule.name.clone(), schedule.next);
            let due = schedule.due(now);
            let next = schedule.after(due.unwrap_or(now));
            match due {
                Some(due) => {
                    let message = Message {
                        id: schedule.event_id(due),
                        sent_at: now,
                        trace: TraceContext::root(),
                        group: None,
                        attributes: Default::default(),
                        body: schedule.body.clone(),
                    };
                    let (record, sequence) = (message.encode(), Arc::clone(&self.sequence));
                    let command = move |transaction: &mut Transaction<'_, '_>| {
                        schedule::fire(transaction, &schedule, &sequence, due, now, &record)
                    };
                    if self.store.write(command).await? {
                        fired.push(name);
                    }
                }
                None => tracing::warn!(
                    unit = name,
                    "a firing was missed while nothing ran; the next one is on time"
                ),
            }
            let mut schedules = self
                .schedules
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            // Unless someone else has fired it meanwhile.
            if schedules[at].next == scheduled {
                schedules[at].next = next;
            }
        }
        Ok(fired)
    }

    /// Removes what has expired: items, messages that nobody consumes, old dead letters. Drivers
    /// call it now and then; nothing depends on when.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub async fn sweep(&self) -> Result<(), Error> {
        let now = self.now_moment();
        for (_, table) in self.tables_by_name.entries() {
            if table.spec.ttl.is_none() {
                continue;
            }
            // A part at a time, so that nobody waits long for a commit.
            loop {
                let writing = self.writing_to(table);
                let command = move |transaction: &mut Transaction<'_, '_>| {
                    table::sweep(transaction, &writing, SWEEP_LIMIT)
                };
                if self.store.write(command).await? < SWEEP_LIMIT {
                    break;
                }
            }
        }
        for (_, bucket) in self.buckets_by_name.entries() {
            loop {
                let bucket = Arc::clone(bucket);
                let command = move |transaction: &mut Transaction<'_, '_>| {
                    bucket::sweep(transaction, &bucket, now, SWEEP_LIMIT)
                };
                let expired = self.store.write(command).await?;
                expired.iter().for_each(|body| self.bodies.remove(body));
                if expired.len() < SWEEP_LIMIT {
                    break;
                }
            }
        }
        for (_, log) in self.streams.values() {
            let log = *log;
            loop {
                let command = move |transaction: &mut Transaction<'_, '_>| {
                    stream::sweep(transaction, &log, now, SWEEP_LIMIT)
                };
                if self.store.write(command).await? < SWEEP_LIMIT {
                    break;
                }
            }
        }
        self.sweep_bodies()?;
        for queue in &self.queues {
            let rules = queue.rules;
            let command =
                move |transaction: &mut Transaction<'_, '_>| queue::sweep(transaction, &rules, now);
            for id in self.store.write(command).await? {
                tracing::warn!(
                    event = id,
                    "dropped: it was not consumed within the retention of `{}`",
                    queue.name
                );
            }
        }
        Ok(())
    }
}

fn lease_of(edge: &Edge, leased: Leased) -> Lease {
    let Leased {
        message,
        attempt,
        receipt,
    } = leased;
    Lease {
        delivery: Delivery {
            id: message.id,
            source: edge.source.clone(),
            kind: edge.kind.event(),
            attempt,
            time: to_system(message.sent_at),
            attributes: message.attributes,
            body: message.body,
            group: message.group,
            trace: message.trace,
        },
        receipt,
    }
}

/// The run of a handler that this delivery causes.
pub(crate) fn invocation(edge: &Edge, delivery: &Delivery) -> Invocation {
    Invocation {
        unit: edge.unit.as_str().into(),
        event_id: delivery.id.clone(),
        attempt: delivery.attempt,
        trace: delivery.trace.child(),
    }
}

/// Runs a handler of events. A batch is one run, in the trace of its first event.
pub(crate) async fn run_event(
    edge: &Edge,
    thunk: handler::EventThunk,
    deliveries: Vec<Delivery>,
) -> Vec<Outcome> {
    let Some(first) = deliveries.first() else {
        return Vec::new();
    };
    handler::run_events(invocation(edge, first), thunk, edge.timeout, deliveries).await
}
