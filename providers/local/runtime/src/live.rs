//! The live driver: one task per edge and one for the schedules, each asleep until there is
//! something to do.

use crate::drive::{Lease, invocation};
use crate::local::{EdgeId, Local};
use crate::queue::Finished;
use ifc_runtime::{BoxFuture, Outcome, log};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// Longest sleep: after that the clock is asked again, because it may have jumped.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// Shortest sleep after a failure of the storage; it doubles up to [`SLEEP_MAX`].
const FAILURE_SLEEP: Duration = Duration::from_secs(1);

/// How often what has expired is removed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3_600);

/// Most events leased in one commit.
const RECEIVE_MAX: usize = 100;

/// Resolves when it is time to stop.
pub(crate) async fn stopped(mut stop: watch::Receiver<bool>) {
    // The sender is only gone when everything is.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// A task as the one type that all tasks have: the runtime's part of a task is compiled for every
/// type anew.
pub(crate) fn boxed(task: impl Future<Output = ()> + Send + 'static) -> BoxFuture<'static, ()> {
    Box::pin(task)
}

/// Starts the tasks. They take nothing new once `stop` says so, and end when what they run has
/// ended.
pub(crate) fn start(local: &Arc<Local>, stop: &watch::Receiver<bool>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for edge in local.edges() {
        let task = consume(Arc::clone(local), edge.id, stop.clone());
        tasks.spawn(boxed(task));
    }
    tasks.spawn(boxed(keep_time(Arc::clone(local), stop.clone())));
    tasks
}

/// Feeds one handler.
async fn consume(local: Arc<Local>, edge: EdgeId, stop: watch::Receiver<bool>) {
    let (batch, concurrency) = {
        let edge = local.edge(edge);
        (edge.batch, edge.max_concurrency)
    };
    let free = Arc::new(Semaphore::new(concurrency));
    let mut failures = 0;
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&free).acquire_owned() => permit,
            () = stopped(stop.clone()) => break,
        };
        let Ok(permit) = permit else { break };
        // Nobody else takes permits, so what is free now stays free.
        let count = match local.edge(edge).has_runs() {
            // What belongs together must not be dealt to several handlers.
            true => batch,
            false => (1 + free.available_permits())
                .saturating_mul(batch)
                .min(RECEIVE_MAX.max(batch)),
        };
        let pause = match local.receive(edge, count).await {
            Ok(leases) if leases.is_empty() => {
                drop(permit);
                failures = 0;
                until_due(&local, edge)
            }
            Ok(leases) => {
                failures = 0;
                hand_out(&local, edge, leases, permit, &free);
                continue;
            }
            Err(error) => {
                drop(permit);
                let pause = after_failure(&mut failures);
                let unit = &local.edge(edge).unit;
                tracing::error!(unit, "cannot receive, trying again in {pause:?}: {error}");
                // A ring now would only make it fail sooner.
                tokio::select! {
                    () = tokio::time::sleep(pause) => continue,
                    () = stopped(stop.clone()) => break,
                }
            }
        };
        tokio::select! {
            () = local.rung(edge) => {}
            () = tokio::time::sleep(pause) => {}
            () = stopped(stop.clone()) => break,
        }
    }
    // Every handler that runs holds a permit.
    let all = u32::try_from(concurrency).unwrap_or(u32::MAX);
    let _ = free.acquire_many(all).await;
}

/// How long nothing is due on an edge.
fn until_due(local: &Local, edge: EdgeId) -> Duration {
    match local.next_due(edge) {
        Ok(Some(due)) => until(local, due),
        Ok(None) => SLEEP_MAX,
        Err(_) => FAILURE_SLEEP,
    }
}

fn until(local: &Local, due: SystemTime) -> Duration {
    let wait = due.duration_since(local.now()).unwrap_or_default();
    // The clock and the timer are not the same; a little more saves a look that comes too early.
    (wait + Duration::from_millis(1)).min(SLEEP_MAX)
}

fn after_failure(failures: &mut u32) -> Duration {
    let pause = FAILURE_SLEEP * (1 << (*failures).min(5));
    *failures += 1;
    pause.min(SLEEP_MAX)
}

/// Starts the handler for every batch of what was leased.
fn hand_out(
    local: &Arc<Local>,
    edge: EdgeId,
    leases: Vec<Lease>,
    first: OwnedSemaphorePermit,
    free: &Arc<Semaphore>,
) {
    let batch = local.edge(edge).batch;
    let mut leases = leases.into_iter();
    let mut permit = Some(first);
    loop {
        let leased: Vec<Lease> = leases.by_ref().take(batch).collect();
        if leased.is_empty() {
            return;
        }
        let permit = permit
            .take()
            .or_else(|| Arc::clone(free).try_acquire_owned().ok());
        tokio::spawn(boxed(handle(Arc::clone(local), edge, leased, permit)));
    }
}

/// Runs the handler with one batch and reports what became of it.
async fn handle(
    local: Arc<Local>,
    edge: EdgeId,
    leases: Vec<Lease>,
    permit: Option<OwnedSemaphorePermit>,
) {
    let outcomes = local.run(edge, &leases).await;
    let receipts = leases.iter().map(|lease| lease.receipt);
    let finished = local
        .finish_all(edge, receipts.zip(outcomes.iter().cloned()).collect())
        .await;
    // The next batch need not wait for the log.
    drop(permit);
    let edge = local.edge(edge);
    match finished {
        Ok(finished) => {
            for ((lease, outcome), finished) in leases.iter().zip(&outcomes).zip(finished) {
                let invocation = invocation(edge, &lease.delivery);
                invocation
                    .run(async { report(lease, outcome, finished) })
                    .await;
            }
        }
        Err(error) => tracing::error!(
            unit = edge.unit,
            "cannot store the outcome, so the event is delivered again after its lease: {error}"
        ),
    }
}

fn report(lease: &Lease, outcome: &Outcome, finished: Finished) {
    let reason = match outcome {
        Outcome::Ack => "",
        Outcome::Retry { reason, .. } | Outcome::DeadLetter { reason } => reason.as_str(),
    };
    let (event, attempt) = (lease.delivery.id.as_str(), lease.delivery.attempt);
    match finished {
        Finished::Acked => tracing::debug!(event, attempt, "done"),
        Finished::RetryAt(time) => {
            let next_attempt = log::timestamp(time);
            tracing::warn!(
                event,
                attempt,
                reason,
                next_attempt,
                "failed, to be tried again"
            );
        }
        Finished::DeadLettered => {
            tracing::error!(
                event,
                attempt,
                reason,
                "failed, moved to the dead-letter queue"
            );
        }
        Finished::HeldBack => tracing::debug!(
            event,
            attempt,
            "to be delivered again after an earlier one of its key"
        ),
        Finished::LeaseLost => tracing::warn!(
            event,
            attempt,
            reason,
            "finished after its lease had ended, so the outcome does not count"
        ),
    }
}

/// Fires the schedules, and now and then removes what has expired.
async fn keep_time(local: Arc<Local>, stop: watch::Receiver<bool>) {
    let mut failures = 0;
    let mut swept = tokio::time::Instant::now();
    loop {
        let pause = match local.fire_due_schedules().await {
            Ok(_) => {
                failures = 0;
                local
                    .next_schedule()
                    .map_or(SLEEP_MAX, |(_, due)| until(&local, due))
            }
            Err(error) => {
                let pause = after_failure(&mut failures);
                tracing::error!("cannot fire a schedule, trying again in {pause:?}: {error}");
                pause
            }
        };
        if swept.elapsed() >= SWEEP_INTERVAL {
            swept = tokio::time::Instant::now();
            if let Err(error) = local.sweep().await {
                tracing::error!("cannot remove what has expired: {error}");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stopped(stop.clone()) => return,
        }
    }
}
