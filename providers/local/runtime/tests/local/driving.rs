//! Running handlers: failures of their own, restarts, clocks that jump.

use crate::changes::message;
use crate::declare::{
    Manual, application, consumes, cron, follows, handler, map, open, queue, resource, target,
};
use ifc_local::{EdgeKind, Finished, Local, PeekedState, Storage};
use ifc_manifest::format::Value;
use ifc_manifest::{Kind, Trigger};
use ifc_runtime::application::Handler;
use ifc_runtime::function::FunctionOperations as _;
use ifc_runtime::handler::Thunk;
use ifc_runtime::queue::QueueOperations as _;
use ifc_runtime::stream::{StreamOperations as _, StreamRecord};
use ifc_runtime::{
    Application, BoxFuture, Clock, Delivery, HandlerError, Invocation, Outcome, TraceContext,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

type Outcomes = BoxFuture<'static, Vec<Outcome>>;

fn acks(deliveries: Vec<Delivery>) -> Outcomes {
    Box::pin(async move { vec![Outcome::Ack; deliveries.len()] })
}

fn panics(_: Vec<Delivery>) -> Outcomes {
    Box::pin(async { panic!("out of {}", "milk") })
}

fn panics_at_once(_: Vec<Delivery>) -> Outcomes {
    panic!("before anything");
}

fn hangs(_: Vec<Delivery>) -> Outcomes {
    Box::pin(std::future::pending())
}

fn miscounts(_: Vec<Delivery>) -> Outcomes {
    Box::pin(async { vec![Outcome::Ack] })
}

fn fails(deliveries: Vec<Delivery>) -> Outcomes {
    Box::pin(async move { vec![Outcome::retry("not today"); deliveries.len()] })
}

fn tells(deliveries: Vec<Delivery>) -> Outcomes {
    Box::pin(async move {
        let invocation = Invocation::current().unwrap();
        let tell = |delivery: &Delivery| {
            assert_eq!(invocation.trace.trace_id, delivery.trace.trace_id);
            Outcome::retry(format!(
                "{} {} {} {}",
                invocation.unit, delivery.kind, delivery.source, delivery.attempt
            ))
        };
        deliveries.iter().map(tell).collect()
    })
}

fn echoes(argument: Vec<u8>) -> BoxFuture<'static, Result<Vec<u8>, HandlerError>> {
    Box::pin(async move {
        match argument.as_slice() {
            b"null" => Err(HandlerError::new("nothing to echo")),
            _ => Ok(argument),
        }
    })
}

fn with_consumer(thunk: fn(Vec<Delivery>) -> Outcomes, batch: i64) -> Arc<Application> {
    let work = handler("work", consumes("jobs", batch), 40, Thunk::Event(thunk));
    application(vec![queue("jobs", false)], vec![work])
}

/// Delivers what is ready on the first edge, once. Returns the outcomes and what became of them.
async fn deliver(local: &Local, max: usize) -> Vec<(Outcome, Finished)> {
    let edge = local.edges()[0].id;
    let leases = local.receive(edge, max).await.unwrap();
    let outcomes = local.run(edge, &leases).await;
    let mut finished = Vec::new();
    for (lease, outcome) in leases.iter().zip(outcomes) {
        let end = local
            .finish(edge, lease.receipt, outcome.clone())
            .await
            .unwrap();
        finished.push((outcome, end));
    }
    finished
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_does_wrong_is_a_retry_with_its_reason() {
    type Case = (fn(Vec<Delivery>) -> Outcomes, &'static str);
    let cases: [Case; 5] = [
        (panics, "the handler panicked: out of milk"),
        (panics_at_once, "the handler panicked: before anything"),
        (
            hangs,
            "the handler gave no outcome within its timeout of 40 s",
        ),
        (miscounts, "the handler returned 1 outcomes for 2 events"),
        (tells, "work queue.message jobs 1"),
    ];
    for (thunk, expected) in cases {
        let clock = Manual::at(1_000);
        let local = open(&with_consumer(thunk, 2), Storage::Memory, &clock).unwrap();
        let sent = vec![message("1", None), message("2", None)];
        // One trace for both, as one invocation has.
        let trace = sent[0].trace;
        let sent = sent
            .into_iter()
            .map(|m| ifc_runtime::queue::OutgoingMessage { trace, ..m });
        local.send(target("jobs"), sent.collect()).await.unwrap();
        let finished = deliver(&local, 2).await;
        assert_eq!(finished.len(), 2);
        for (outcome, end) in finished {
            assert_eq!(outcome, Outcome::retry(expected));
            let again = SystemTime::UNIX_EPOCH + Duration::from_secs(1_010);
            assert_eq!(end, Finished::RetryAt(again));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn operations_in_memory_take_no_virtual_time() {
    let clock = Manual::at(1_000);
    let local = open(&with_consumer(acks, 1), Storage::Memory, &clock).unwrap();
    let started = tokio::time::Instant::now();
    // A timer that would fire as soon as the runtime found itself idle.
    let timer = tokio::spawn(tokio::time::sleep(Duration::from_secs(3_600)));
    for n in 0..100 {
        local
            .send(target("jobs"), vec![message(&n.to_string(), None)])
            .await
            .unwrap();
        assert_eq!(deliver(&local, 1).await[0].1, Finished::Acked);
    }
    assert!(!timer.is_finished());
    assert_eq!(started.elapsed(), Duration::ZERO);
}

/// A clock that goes on between any two looks at it, as the machine's does.
#[derive(Default)]
struct Restless(AtomicU64);

impl Clock for Restless {
    fn now(&self) -> SystemTime {
        let nanoseconds = self.0.fetch_add(1, Ordering::Relaxed);
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000) + Duration::from_nanos(nanoseconds)
    }
}

#[tokio::test]
async fn records_of_a_stream_are_due_at_once_while_the_clock_goes_on() {
    let config = map([("retention_ms", Value::Integer(86_400_000))]);
    let follow = handler("follow", follows("records"), 40, Thunk::Event(acks));
    let stream = resource(Kind::Stream, "records", config);
    let application = application(vec![stream], vec![follow]);
    let clock = Arc::new(Restless::default());
    let local = Local::open(application, Storage::Memory, clock).unwrap();
    let record = StreamRecord {
        key: "k".to_owned(),
        body: b"1".to_vec(),
        trace: TraceContext::root(),
    };
    let appended = local.append(target("records"), vec![record]).await;
    appended.unwrap().remove(0).unwrap();
    let due = local.next_due(local.edges()[0].id).unwrap();
    assert!(due.unwrap() <= local.now());
    assert_eq!(deliver(&local, 1).await, [(Outcome::Ack, Finished::Acked)]);
}

#[tokio::test]
async fn attempts_outlive_the_process_and_leases_do_not() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Manual::at(1_000);
    let application = with_consumer(acks, 1);
    let storage = || Storage::directory(directory.path());
    let local = open(&application, storage(), &clock).unwrap();
    local
        .send(target("jobs"), vec![message("1", None)])
        .await
        .unwrap();
    drop(local);
    for attempt in 1..=5 {
        let local = open(&application, storage(), &clock).unwrap();
        let leases = local.receive(local.edges()[0].id, 9).await.unwrap();
        assert_eq!(leases[0].delivery.attempt, attempt);
        assert!(matches!(
            local.peek("jobs", 1).unwrap()[0].state,
            PeekedState::InFlightUntil(_)
        ));
    }
    let local = open(&application, storage(), &clock).unwrap();
    assert!(
        local
            .receive(local.edges()[0].id, 9)
            .await
            .unwrap()
            .is_empty()
    );
    let letters = local.dead_letters("jobs").unwrap();
    assert!(
        letters[0].reason.contains("the process ended"),
        "{}",
        letters[0].reason
    );
    assert_eq!(
        local
            .redrive("jobs", Some(vec!["unknown".to_owned()]))
            .await
            .unwrap(),
        0
    );
    assert_eq!(local.redrive("jobs", None).await.unwrap(), 1);
    assert_eq!(deliver(&local, 1).await[0].1, Finished::Acked);
}

fn nightly(thunk: fn(Vec<Delivery>) -> Outcomes) -> Vec<Handler> {
    vec![handler(
        "nightly",
        cron("0 3 * * *", 2),
        60,
        Thunk::Event(thunk),
    )]
}

const DAY: u64 = 86_400;
const THREE: u64 = 3 * 3_600;

#[tokio::test]
async fn a_due_time_is_used_once_whatever_the_clock_does() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Manual::at(100 * DAY);
    let application = application(Vec::new(), nightly(acks));
    let storage = || Storage::directory(directory.path());
    let local = open(&application, storage(), &clock).unwrap();
    let due = |day: u64| {
        let due = SystemTime::UNIX_EPOCH + Duration::from_secs(day * DAY + THREE);
        Some(("nightly".to_owned(), due))
    };
    assert_eq!(local.next_schedule(), due(100));
    assert!(
        local.fire_due_schedules().await.unwrap().is_empty(),
        "not yet"
    );
    clock.set(100 * DAY + THREE);
    assert_eq!(local.fire_due_schedules().await.unwrap(), ["nightly"]);
    assert!(
        local.fire_due_schedules().await.unwrap().is_empty(),
        "only once"
    );

    // The clock goes back, within the run and over a restart.
    clock.set(100 * DAY);
    assert_eq!(local.next_schedule(), due(101));
    clock.set(100 * DAY + THREE);
    assert!(local.fire_due_schedules().await.unwrap().is_empty());
    drop(local);
    clock.set(100 * DAY);
    let local = open(&application, storage(), &clock).unwrap();
    assert_eq!(local.next_schedule(), due(101));

    // What was due while nothing ran is not caught up with.
    drop(local);
    clock.set(102 * DAY + THREE + 30);
    let local = open(&application, storage(), &clock).unwrap();
    assert!(local.fire_due_schedules().await.unwrap().is_empty());
    assert_eq!(local.next_schedule(), due(103));

    let edge = &local.edges()[0];
    assert_eq!(edge.kind, EdgeKind::Schedule);
    let leases = local.receive(edge.id, 9).await.unwrap();
    assert_eq!(leases.len(), 1, "the one that fired is still there");
    assert_eq!(leases[0].delivery.id, "nightly@1970-04-11T03:00:00Z");
    assert_eq!(leases[0].delivery.body, b"{\"n\":1}");
}

#[tokio::test]
async fn messages_do_not_wait_for_a_clock_that_went_back() {
    let clock = Manual::at(100_000);
    let local = open(&with_consumer(acks, 1), Storage::Memory, &clock).unwrap();
    let delayed = ifc_runtime::queue::OutgoingMessage {
        delay: Duration::from_secs(60),
        ..message("2", None)
    };
    local
        .send(target("jobs"), vec![message("1", None), delayed])
        .await
        .unwrap();
    clock.set(50_000);
    assert_eq!(deliver(&local, 9).await.len(), 1);
    clock.advance(59);
    assert!(deliver(&local, 9).await.is_empty());
    clock.advance(1);
    assert_eq!(deliver(&local, 9).await.len(), 1);
}

#[tokio::test]
async fn a_failing_schedule_is_given_up_after_its_retries() {
    let clock = Manual::at(100 * DAY + THREE - 1);
    let local = open(
        &application(Vec::new(), nightly(fails)),
        Storage::Memory,
        &clock,
    )
    .unwrap();
    clock.advance(1);
    local.fire_due_schedules().await.unwrap();
    for last in [false, false, true] {
        let (_, finished) = deliver(&local, 1).await.remove(0);
        assert_eq!(finished == Finished::DeadLettered, last);
        clock.advance(600);
    }
    assert_eq!(
        local.dead_letters("nightly").unwrap()[0].reason,
        "not today"
    );
}

#[tokio::test]
async fn asynchronous_calls_have_a_queue_of_their_own() {
    let clock = Manual::at(1_000);
    let echo = handler("echo", Trigger::Call, 60, Thunk::Call(echoes));
    let local = open(
        &application(Vec::new(), vec![echo]),
        Storage::Memory,
        &clock,
    )
    .unwrap();
    let trace = TraceContext::root();
    let call =
        |argument: &str| local.invoke_async(target("echo"), argument.as_bytes().to_vec(), trace);
    let id = call("1").await.unwrap();
    assert_eq!(local.edges()[0].kind, EdgeKind::AsyncCall);
    assert_eq!(local.peek("echo", 9).unwrap()[0].id, id);
    assert!(local.queues().is_empty(), "it is not a declared queue");
    assert_eq!(deliver(&local, 1).await[0].1, Finished::Acked);
    call("null").await.unwrap();
    let (outcome, _) = deliver(&local, 1).await.remove(0);
    assert_eq!(outcome, Outcome::retry("nothing to echo"));
}

#[tokio::test]
async fn what_is_not_declared_is_named() {
    let local = open(
        &application(Vec::new(), Vec::new()),
        Storage::Memory,
        &Manual::at(0),
    )
    .unwrap();
    let error = local
        .send(target("jobs"), vec![message("1", None)])
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "send on `jobs`: queue `jobs` of package `shop` is not declared in this application"
    );
    assert!(local.depth("jobs").unwrap_err().is_not_found());
}
