//! Queue: what happens to events that are not acknowledged (contract, 3 and 4.3).

use crate::clause::{Clause, clause};
use crate::queue::{QUICK, open};
use crate::script::{Behaviour, Seen};
use crate::trial::{Running, Trial, payload, seconds_between};
use ifc_manifest::kind::queue::QueueSpec;
use ifc_runtime::Outcome;
use serde_json::json;
use std::time::{Duration, SystemTime};

pub(crate) fn clauses() -> Vec<Clause> {
    vec![
        clause!(
            "3",
            "queue-retry",
            "a retried event comes again with its id and the next attempt",
            retry,
            waits = 120
        ),
        clause!(
            "3",
            "queue-backoff",
            "the wait between attempts grows, and is at least half of the backoff",
            backoff,
            waits = 600
        ),
        clause!(
            "3",
            "queue-retry-after",
            "an event comes again no earlier than its handler asked",
            retry_after,
            waits = 400
        ),
        clause!(
            "3",
            "queue-exhausted",
            "after the last attempt an event is a dead letter with its reason",
            exhausted,
            waits = 7_200
        ),
        clause!(
            "3",
            "queue-dead-letter",
            "a handler can give an event up at once",
            dead_letter,
            waits = 600
        ),
        clause!(
            "3",
            "queue-panic",
            "a panic is a retry, and its message the reason",
            panic,
            waits = 7_200
        ),
        clause!(
            "3",
            "queue-timeout",
            "a handler that does not end is a retry",
            timeout,
            waits = 120
        ),
        clause!(
            "4.3",
            "queue-lease",
            "an event whose worker died comes again after its lease",
            lease,
            waits = 300
        ),
        clause!(
            "4.3",
            "queue-lease-exhausted",
            "an event whose workers die each time ends as a dead letter",
            lease_exhausted,
            outage = true,
            waits = 7_200
        ),
        clause!(
            "3",
            "queue-dead-letter-kept",
            "a dead letter is kept for seven days",
            dead_letter_kept,
            waits = 604_000
        ),
        clause!(
            "3",
            "queue-redrive",
            "dead letters can be put back and are delivered again",
            redrive,
            waits = 600
        ),
        clause!(
            "3",
            "queue-attempts-durable",
            "attempts and dead letters outlive an outage",
            attempts_durable,
            outage = true,
            waits = 7_200
        ),
    ]
}

fn spec() -> QueueSpec {
    QueueSpec {
        retry: QUICK,
        lease: Some(Duration::from_secs(60)),
        ..QueueSpec::DEFAULT
    }
}

/// When each attempt was first seen.
fn times(seen: &[Seen]) -> Vec<SystemTime> {
    let mut last = 0;
    seen.iter()
        .filter(|seen| {
            let first = seen.delivery.attempt > last;
            last = last.max(seen.delivery.attempt);
            first
        })
        .map(|seen| seen.at)
        .collect()
}

/// Opens a queue, has its handler behave so, and sends one message.
async fn one(trial: Trial, behave: fn(u32) -> Behaviour) -> Running {
    let running = open(trial, spec()).await;
    running
        .script
        .on_event(move |delivery| behave(delivery.attempt));
    running.send_one("jobs", running.message(json!("it"))).await;
    running
}

async fn retry(trial: Trial) {
    let mut running = one(trial, |attempt| match attempt {
        1 => Behaviour::Answer(Outcome::retry("not yet")),
        _ => Behaviour::Answer(Outcome::Ack),
    })
    .await;
    running.settle().await;
    running.check_attempts("it came again without waiting: it", &running.seen(), 1);
    running.advance(120).await;
    let seen = running.seen();
    running.check_attempts("it", &seen, 2);
    let first = &seen[0].delivery;
    for again in &seen {
        assert_eq!(again.delivery.id, first.id);
        assert_eq!(again.delivery.body, first.body);
        assert_eq!(
            again.delivery.time, first.time,
            "the event's time is when it came to be"
        );
        assert_eq!(again.delivery.trace.trace_id, first.trace.trace_id);
    }
    assert_eq!(running.dead_letters("jobs").await, []);
}

async fn backoff(trial: Trial) {
    let mut running = one(trial, |_| Behaviour::Answer(Outcome::retry("never"))).await;
    running.advance(600).await;
    let seen = running.seen();
    running.check_attempts("it", &seen, 5);
    for (index, pair) in times(&seen).windows(2).enumerate() {
        let attempt = index as u32 + 1;
        let waited = seconds_between(pair[0], pair[1]);
        let computed = QUICK.backoff_after(attempt).as_secs();
        assert!(
            2 * waited >= computed,
            "after attempt {attempt} it waited {waited} s, the backoff is {computed} s"
        );
    }
}

async fn retry_after(trial: Trial) {
    let mut running = one(trial, |attempt| match attempt {
        1 => Behaviour::Answer(Outcome::retry_after(Duration::from_secs(200), "busy")),
        _ => Behaviour::Answer(Outcome::Ack),
    })
    .await;
    running.settle().await;
    running.advance(190).await;
    running.check_attempts("it", &running.seen(), 1);
    running.advance(200).await;
    running.check_attempts("it", &running.seen(), 2);
}

async fn exhausted(trial: Trial) {
    let mut running = one(trial, |_| {
        Behaviour::Answer(Outcome::retry("the well is dry"))
    })
    .await;
    running.settle().await;
    assert_eq!(running.dead_letters("jobs").await, [], "given up too early");
    running.advance(7_200).await;
    let seen = running.seen();
    running.check_attempts("it", &seen, 5);
    let dead = running.dead_letters("jobs").await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert_eq!(dead[0].id, seen[0].delivery.id);
    assert_eq!(dead[0].source, "jobs");
    assert_eq!(dead[0].attempts, 5);
    assert!(
        dead[0].reason.contains("the well is dry"),
        "{:?}",
        dead[0].reason
    );
    assert_eq!(payload(&dead[0].body), json!("it"));
}

async fn dead_letter(trial: Trial) {
    let mut running = one(trial, |_| {
        Behaviour::Answer(Outcome::dead_letter("wrong address"))
    })
    .await;
    running.advance(600).await;
    running.check_attempts("it", &running.seen(), 1);
    let dead = running.dead_letters("jobs").await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert!(
        (1..=1 + running.lost_attempts()).contains(&dead[0].attempts),
        "{dead:?}"
    );
    assert!(
        dead[0].reason.contains("wrong address"),
        "{:?}",
        dead[0].reason
    );
}

async fn panic(trial: Trial) {
    let mut running = one(trial, |_| {
        Behaviour::Panic("the handler of this clause panics")
    })
    .await;
    running.settle().await;
    running.check_attempts("it", &running.seen(), 1);
    running.advance(7_200).await;
    running.check_attempts("it", &running.seen(), 5);
    let dead = running.dead_letters("jobs").await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert!(
        dead[0].reason.contains("the handler of this clause panics"),
        "{:?}",
        dead[0].reason
    );
}

async fn timeout(trial: Trial) {
    use crate::declare::Declarations;
    use ifc_manifest::kind::edge::ConsumerSpec;
    let second = Duration::from_secs(1);
    let declarations = Declarations::new().queue("jobs", spec(), ConsumerSpec::DEFAULT, second);
    let mut running = trial.open(declarations).await;
    running.script.on_event(|delivery| match delivery.attempt {
        1 => Behaviour::Hang,
        _ => Behaviour::Answer(Outcome::Ack),
    });
    running.send_one("jobs", running.message(json!("it"))).await;
    running.advance(120).await;
    running.check_attempts("it", &running.seen(), 2);
    assert_eq!(running.dead_letters("jobs").await, []);
}

async fn die(running: &mut Running) -> usize {
    running
        .stage
        .take_and_die("jobs-consumer")
        .await
        .expect("the harness takes")
}

async fn lease(trial: Trial) {
    let mut running = one(trial, |_| Behaviour::Answer(Outcome::Ack)).await;
    assert_eq!(die(&mut running).await, 1);
    running.settle().await;
    assert_eq!(running.seen().len(), 0, "it came again while its lease ran");
    running.advance(50).await;
    assert_eq!(running.seen().len(), 0, "it came again while its lease ran");
    running.advance(250).await;
    let seen = running.seen();
    let first = seen.iter().map(|seen| seen.delivery.attempt).min();
    let first = first.expect("it came again");
    assert!(
        (2..=2 + running.lost_attempts()).contains(&first),
        "the lost delivery counts as an attempt, and it came again with the attempt {first}"
    );
}

async fn lease_exhausted(trial: Trial) {
    let mut running = one(trial, |_| Behaviour::Answer(Outcome::Ack)).await;
    for attempt in 1..=5 {
        let mut taken = die(&mut running).await;
        // When it comes again is up to lease and backoff; time is let pass a little at a time, so
        // that no handler gets it.
        for _ in 0..40 {
            if taken > 0 {
                break;
            }
            running.outage(10).await;
            taken = die(&mut running).await;
        }
        assert_eq!(taken, 1, "attempt {attempt}");
    }
    running.advance(3_600).await;
    assert_eq!(running.seen().len(), 0, "a sixth attempt was made");
    let dead = running.dead_letters("jobs").await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert_eq!(dead[0].attempts, 5);
}

async fn dead_letter_kept(trial: Trial) {
    let mut running = one(trial, |_| Behaviour::Answer(Outcome::dead_letter("kept"))).await;
    running.settle().await;
    running.advance(7 * 86_400 - 3_600).await;
    assert_eq!(running.dead_letters("jobs").await.len(), 1);
}

async fn redrive(trial: Trial) {
    let mut running = one(trial, |_| {
        Behaviour::Answer(Outcome::dead_letter("not today"))
    })
    .await;
    running.settle().await;
    assert_eq!(running.dead_letters("jobs").await.len(), 1);
    running.script.on_event(|_| Behaviour::Answer(Outcome::Ack));
    let before = running.seen().len();
    let moved = running
        .stage
        .redrive("jobs")
        .await
        .expect("the harness redrives");
    assert_eq!(moved, 1);
    running.advance(300).await;
    let again = &running.seen()[before..];
    assert!(!again.is_empty(), "it was not delivered again");
    assert_eq!(again[0].delivery.id, running.seen()[0].delivery.id);
    assert_eq!(payload(&again[0].delivery.body), json!("it"));
    assert_eq!(running.dead_letters("jobs").await, []);
    let moved = running
        .stage
        .redrive("jobs")
        .await
        .expect("the harness redrives");
    assert_eq!(moved, 0, "nothing is left to redrive");
}

async fn attempts_durable(trial: Trial) {
    let mut running = one(trial, |_| Behaviour::Answer(Outcome::retry("again"))).await;
    running.settle().await;
    running.outage(100).await;
    running.settle().await;
    running.check_attempts("the outage forgot an attempt: it", &running.seen(), 2);
    running.advance(3_600).await;
    running.check_attempts("it", &running.seen(), 5);
    running.outage(100).await;
    let dead = running.dead_letters("jobs").await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert_eq!(dead[0].attempts, 5);
}
