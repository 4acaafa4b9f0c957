//! Appending with group commit: what comes in while one segment is being written goes into the
//! next.

use super::{Record, Segment, key};
use crate::clock::Clock;
use crate::store::{StateStore, StoreError};
use crate::store_access::{Written, write_once};
use crate::wire;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// The journal that is being written. Nothing is written unless [`run`](Journal::run) is polled.
pub(crate) struct Journal<'a> {
    store: &'a dyn StateStore,
    clock: &'a dyn Clock,
    lineage: String,
    serial: u64,
    epoch: u64,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Record>,
    /// How many records were ever appended, and how many of them are durable.
    appended: u64,
    durable: u64,
    next_sequence: u64,
    failure: Option<Arc<JournalFailure>>,
    wakers: Vec<Waker>,
}

/// Why nothing more can be written.
#[derive(Debug)]
pub(crate) enum JournalFailure {
    /// The next number is taken: somebody else took over.
    Fenced,
    /// The store does not take it.
    Store(StoreError),
}

impl<'a> Journal<'a> {
    pub(crate) fn new(
        store: &'a dyn StateStore,
        clock: &'a dyn Clock,
        lineage: String,
        serial: u64,
        epoch: u64,
    ) -> Journal<'a> {
        Journal {
            store,
            clock,
            lineage,
            serial,
            epoch,
            queue: Mutex::default(),
        }
    }

    /// Takes a record. It is durable some time later, after all that were taken before it.
    pub(crate) fn append(&self, record: Record) -> Ticket {
        let mut queue = self.lock();
        queue.waiting.push(record);
        queue.appended += 1;
        let ticket = Ticket(queue.appended);
        wake(&mut queue);
        ticket
    }

    /// Waits until a record is durable.
    pub(crate) async fn durable(&self, ticket: Ticket) -> Result<(), Arc<JournalFailure>> {
        poll_fn(|context| {
            let mut queue = self.lock();
            if queue.durable >= ticket.0 {
                return Poll::Ready(Ok(()));
            }
            if let Some(failure) = &queue.failure {
                return Poll::Ready(Err(failure.clone()));
            }
            wait(&mut queue, context.waker());
            Poll::Pending
        })
        .await
    }

    /// Why nothing more can be written, if so.
    pub(crate) fn failure(&self) -> Option<Arc<JournalFailure>> {
        self.lock().failure.clone()
    }

    /// Writes what is appended, for ever. Ends only when nothing more can be written.
    pub(crate) async fn run(&self) {
        loop {
            let (records, sequence) = self.next_batch().await;
            let count = records.len() as u64;
            let segment = Segment {
                lineage: self.lineage.clone(),
                serial: self.serial,
                sequence,
                epoch: self.epoch,
                records,
            };
            let bytes = wire::segment_to_bytes(&segment);
            let name = key(self.serial, sequence);
            let failure = match write_once(self.store, self.clock, &name, &bytes).await {
                Ok(Written::Ours) => None,
                Ok(Written::Theirs) => Some(JournalFailure::Fenced),
                Err(error) => Some(JournalFailure::Store(error)),
            };
            let mut queue = self.lock();
            match failure {
                None => {
                    queue.durable += count;
                    queue.next_sequence += 1;
                    wake(&mut queue);
                }
                Some(failure) => {
                    queue.failure = Some(Arc::new(failure));
                    wake(&mut queue);
                    return;
                }
            }
        }
    }

    async fn next_batch(&self) -> (Vec<Record>, u64) {
        poll_fn(|context| {
            let mut queue = self.lock();
            if queue.waiting.is_empty() {
                wait(&mut queue, context.waker());
                return Poll::Pending;
            }
            let records = std::mem::take(&mut queue.waiting);
            Poll::Ready((records, queue.next_sequence))
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Remembers whom to wake, once: who waits is polled for many reasons.
fn wait(queue: &mut Queue, waker: &Waker) {
    if !queue.wakers.iter().any(|other| other.will_wake(waker)) {
        queue.wakers.push(waker.clone());
    }
}

fn wake(queue: &mut Queue) {
    queue.wakers.drain(..).for_each(Waker::wake);
}

/// A record's place.
#[derive(Clone, Copy)]
pub(crate) struct Ticket(u64);
