//! The discrete-event loop: deliver what is due, or move time to where something is.

use super::faults::Fate;
use super::trace::{TraceEntry, TraceEvent};
use super::{Inner, lock};
use ifc_local::{Edge, Lease};
use ifc_runtime::{Clock as _, Outcome};
use std::future::poll_fn;
use std::task::Poll;
use std::time::SystemTime;

/// Deliveries after which a test is taken not to come to an end.
const DELIVERIES_MAX: u32 = 100_000;

/// Counts deliveries, and gives up on a test that goes round in circles.
struct Budget(u32);

impl Budget {
    fn spend(&mut self, edge: &Edge) {
        self.0 += 1;
        assert!(
            self.0 <= DELIVERIES_MAX,
            "the application does not come to rest: {DELIVERIES_MAX} deliveries, the last one to \
             unit `{}`; is there a loop through its queues?",
            edge.unit
        );
    }
}

pub(super) async fn run_due(inner: &Inner) {
    let mut budget = Budget(0);
    while step(inner, &mut budget).await {}
}

pub(super) async fn settle(inner: &Inner) {
    let mut budget = Budget(0);
    loop {
        while step(inner, &mut budget).await {}
        let next = inner
            .local
            .edges()
            .iter()
            .filter_map(|edge| expect(inner.local.next_due(edge.id)))
            .min();
        match next {
            Some(time) => inner.clock.sleep_until(time).await,
            None => return,
        }
    }
}

pub(super) async fn advance_to(inner: &Inner, target: SystemTime) {
    let mut budget = Budget(0);
    loop {
        expect(inner.local.fire_due_schedules().await);
        while step(inner, &mut budget).await {}
        let due = inner
            .local
            .edges()
            .iter()
            .filter_map(|edge| expect(inner.local.next_due(edge.id)));
        let schedule = inner.local.next_schedule().map(|(_, time)| time);
        let next = due.chain(schedule).min().filter(|time| *time <= target);
        match next {
            Some(time) => inner.clock.sleep_until(time).await,
            None if inner.clock.now() < target => inner.clock.sleep_until(target).await,
            None => return,
        }
    }
}

fn expect<T>(result: Result<T, ifc_runtime::Error>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("the local provider failed: {error:?}"),
    }
}

/// One round over all edges. Whether anything was delivered.
async fn step(inner: &Inner, budget: &mut Budget) -> bool {
    // What handlers spawned gets its turn before the next delivery.
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    let mut order: Vec<usize> = (0..inner.local.edges().len()).collect();
    lock(&inner.faults).shuffle(&mut order);
    let mut any = false;
    for position in order {
        let edge = &inner.local.edges()[position];
        let leases = expect(inner.local.receive(edge.id, edge.batch).await);
        if leases.is_empty() {
            continue;
        }
        any = true;
        budget.spend(edge);
        deliver(inner, edge, leases).await;
    }
    any
}

async fn deliver(inner: &Inner, edge: &Edge, leases: Vec<Lease>) {
    let fate = lock(&inner.faults).fate();
    let outcomes = match fate {
        Fate::Normal => inner.local.run(edge.id, &leases).await,
        Fate::Duplicate => {
            // A second copy arrives, as it may on every provider.
            let first = inner.local.run(edge.id, &leases).await;
            record(inner, edge, &leases, Some(&first));
            inner.local.run(edge.id, &leases).await
        }
        Fate::CrashBefore => return record(inner, edge, &leases, None),
        Fate::CrashAfter { polls } => {
            // The process dies within the handler or before it could acknowledge: the lease runs
            // out and the events come again.
            run_for(inner, edge, &leases, polls).await;
            return record(inner, edge, &leases, None);
        }
    };
    record(inner, edge, &leases, Some(&outcomes));
    for (lease, outcome) in leases.into_iter().zip(outcomes) {
        expect(inner.local.finish(edge.id, lease.receipt, outcome).await);
    }
}

/// Runs a handler for a number of polls, then drops it where it is.
async fn run_for(inner: &Inner, edge: &Edge, leases: &[Lease], polls: u32) {
    let mut left = polls;
    let mut run = Box::pin(inner.local.run(edge.id, leases));
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        run.as_mut().poll(context).map(|_| ())
    })
    .await;
}

fn record(inner: &Inner, edge: &Edge, leases: &[Lease], outcomes: Option<&[Outcome]>) {
    let mut trace = lock(&inner.trace);
    for (position, lease) in leases.iter().enumerate() {
        let delivery = &lease.delivery;
        trace.push(TraceEntry {
            time: inner.clock.now(),
            unit: Some(edge.unit.clone()),
            trace_id: delivery.trace.trace_id,
            cause: Some(delivery.trace.parent_id),
            event: TraceEvent::Delivery {
                source: edge.source.clone(),
                event_id: delivery.id.clone(),
                attempt: delivery.attempt,
                outcome: outcomes.and_then(|outcomes| outcomes.get(position).cloned()),
            },
        });
    }
}
