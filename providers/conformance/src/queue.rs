//! Queue: sending, delivery, order, batches (contract, 4.3). What happens to events that are not
//! acknowledged is in a module of its own.

mod redelivery;

use crate::clause::{Clause, clause};
use crate::declare::{Declarations, target};
use crate::script::Behaviour;
use crate::trial::{Running, Trial, payload, seconds_between};
use ifc_manifest::kind::edge::{ConsumerSpec, RetrySpec};
use ifc_manifest::kind::queue::QueueSpec;
use ifc_manifest::size::ASYNC_BODY_BYTES_MAX;
use ifc_runtime::queue::OutgoingMessage;
use ifc_runtime::{Delivery, Outcome, TraceContext};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

pub(crate) fn clauses() -> Vec<Clause> {
    let delivery = vec![
        clause!(
            "4.3",
            "queue-delivery",
            "a message arrives as it was sent, with what is known of it",
            delivery
        ),
        clause!(
            "3",
            "queue-ids",
            "an id that was given is kept; one that was not is made",
            ids
        ),
        clause!(
            "4.3",
            "queue-batch-result",
            "a batch has one result per message and loses none",
            batch_result
        ),
        clause!(
            "3",
            "queue-sizes",
            "the largest body and attributes arrive whole",
            sizes
        ),
        clause!(
            "4.3",
            "queue-acknowledged",
            "an acknowledged message is not tried again",
            acknowledged,
            waits = 3_600
        ),
        clause!(
            "4.3",
            "queue-delay",
            "a delayed message arrives after its delay, not before",
            delay,
            waits = 1_000
        ),
        clause!(
            "4.3",
            "queue-batches",
            "an invocation gets between one message and the most it asked for",
            batches,
            waits = 60
        ),
        clause!(
            "4.3",
            "queue-batch-outcomes",
            "the messages of a batch have outcomes of their own",
            batch_outcomes,
            waits = 120
        ),
        clause!(
            "4.3",
            "queue-fifo-order",
            "a fifo queue keeps the order within each group",
            fifo_order
        ),
        clause!(
            "4.3",
            "queue-fifo-blocking",
            "a failing fifo message holds back its group and no other",
            fifo_blocking,
            waits = 7_200
        ),
        clause!(
            "4.3",
            "queue-fifo-in-flight",
            "a group has one message in flight",
            fifo_in_flight,
            waits = 120
        ),
        clause!(
            "4.3",
            "queue-durable",
            "a message that was accepted outlives an outage",
            durable,
            outage = true,
            waits = 1
        ),
        clause!(
            "4.3",
            "queue-retention",
            "a message that nobody consumed is dropped after its retention",
            retention,
            outage = true,
            waits = 7_200
        ),
        clause!(
            "1",
            "queue-unknown",
            "sending to a queue that is not there is an error",
            unknown
        ),
    ];
    [delivery, redelivery::clauses()].concat()
}

/// The consumer's time-out in this suite.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A queue called `jobs`.
pub(crate) async fn open(trial: Trial, spec: QueueSpec) -> Running {
    open_batched(trial, spec, 1).await
}

async fn open_batched(trial: Trial, spec: QueueSpec, batch: u32) -> Running {
    let consumer = ConsumerSpec {
        batch,
        ..ConsumerSpec::DEFAULT
    };
    trial
        .open(Declarations::new().queue("jobs", spec, consumer, TIMEOUT))
        .await
}

const FIFO: QueueSpec = QueueSpec {
    fifo: true,
    ..QueueSpec::DEFAULT
};

impl Running {
    fn grouped(&self, group: &str, payload: Value) -> OutgoingMessage {
        OutgoingMessage {
            group: Some(group.to_owned()),
            ..self.message(payload)
        }
    }
}

async fn delivery(trial: Trial) {
    let mut running = open(trial, QueueSpec::DEFAULT).await;
    let trace = TraceContext::root();
    let attributes = [
        ("tenant".to_owned(), "ä b".to_owned()),
        ("x.y-z_1".to_owned(), String::new()),
    ];
    let message = OutgoingMessage {
        attributes: attributes.clone().into(),
        trace,
        ..running.message(json!({ "text": "grüße \u{1F600}" }))
    };
    let body: Value = serde_json::from_slice(&message.body).expect("JSON");
    let before = running.now();
    let sent = running.send_one("jobs", message).await;
    running.settle().await;

    let seen = running.seen();
    let delivery = &seen.first().expect("it was delivered").delivery;
    let received: Value = serde_json::from_slice(&delivery.body).expect("JSON");
    assert_eq!(received, body);
    assert_eq!(delivery.id, sent.id);
    assert_eq!(delivery.source, "jobs");
    assert_eq!(delivery.kind, "queue.message");
    assert_eq!(delivery.attempt, 1);
    assert_eq!(delivery.attributes, attributes.into());
    assert_eq!(delivery.trace.trace_id, trace.trace_id, "the trace goes on");
    let (early, late) = (
        seconds_between(delivery.time, before),
        seconds_between(before, delivery.time),
    );
    assert!(
        early <= 60 && late <= 60,
        "sent at {before:?}, says {:?}",
        delivery.time
    );
}

async fn ids(trial: Trial) {
    let mut running = open(trial, QueueSpec::DEFAULT).await;
    let longest = "i".repeat(128);
    let named = OutgoingMessage {
        id: Some(longest.clone()),
        ..running.message(json!(0))
    };
    let messages = vec![named, running.message(json!(1)), running.message(json!(2))];
    let sent = running.send("jobs", messages).await;
    assert_eq!(sent[0].id, longest);
    let distinct: BTreeSet<String> = sent.into_iter().map(|sent| sent.id).collect();
    assert_eq!(distinct.len(), 3, "{distinct:?}");
    assert!(distinct.iter().all(|id| !id.is_empty()));
    running.settle().await;
    let seen: BTreeSet<String> = running
        .seen()
        .into_iter()
        .map(|seen| seen.delivery.id)
        .collect();
    assert_eq!(seen, distinct);
}

async fn batch_result(trial: Trial) {
    let mut running = open(trial, QueueSpec::DEFAULT).await;
    let id = |number: usize| Some(format!("m{number}"));
    let messages: Vec<OutgoingMessage> = (0..10)
        .map(|number| OutgoingMessage {
            id: id(number),
            ..running.message(json!(number))
        })
        .collect();
    let sent = running.send("jobs", messages).await;
    let ids: Vec<Option<String>> = sent.into_iter().map(|sent| Some(sent.id)).collect();
    assert_eq!(
        ids,
        (0..10).map(id).collect::<Vec<_>>(),
        "results are in the order of the messages"
    );
    running.settle().await;
    let mut arrived: Vec<i64> = running
        .payloads()
        .iter()
        .map(|payload| payload.as_i64().expect("a number"))
        .collect();
    arrived.sort_unstable();
    assert_eq!(arrived, (0..10).collect::<Vec<i64>>());
}

async fn sizes(trial: Trial) {
    let mut running = open(trial, QueueSpec::DEFAULT).await;
    let room = ASYNC_BODY_BYTES_MAX - running.message(json!("")).body.len();
    let text = "x".repeat(room);
    let attributes = (0..8)
        .map(|number| (format!("{number:064}"), "v".repeat(960)))
        .collect();
    let message = OutgoingMessage {
        attributes,
        ..running.message(json!(text))
    };
    let attributes = message.attributes.clone();
    assert_eq!(message.body.len(), ASYNC_BODY_BYTES_MAX);
    running.send_one("jobs", message).await;
    running.settle().await;
    let seen = running.seen();
    let delivery = &seen.first().expect("it was delivered").delivery;
    assert!(
        payload(&delivery.body) == json!(text),
        "the body is not what was sent"
    );
    assert_eq!(delivery.attributes, attributes);
}

async fn acknowledged(trial: Trial) {
    let mut running = open(trial, QueueSpec::DEFAULT).await;
    running.send_one("jobs", running.message(json!(1))).await;
    running.advance(3_600).await;
    let seen = running.seen();
    // At least once: a provider may deliver a message twice, but it does not count that an attempt
    // after a failure.
    running.check_attempts("the message", &seen, 1);
    assert_eq!(running.dead_letters("jobs").await, []);
}

async fn delay(trial: Trial) {
    let mut running = open(trial, QueueSpec::DEFAULT).await;
    let delayed = |seconds: u64| OutgoingMessage {
        delay: Duration::from_secs(seconds),
        ..running.message(json!(seconds))
    };
    let messages = vec![delayed(900), delayed(30), delayed(0)];
    let start = running.now();
    running.send("jobs", messages).await;
    running.settle().await;
    assert_eq!(running.payloads(), [json!(0)]);
    running.advance(25).await;
    assert_eq!(running.payloads(), [json!(0)]);
    running.advance(35).await;
    assert_eq!(running.payloads(), [json!(0), json!(30)]);
    running.advance(900).await;
    assert_eq!(running.payloads(), [json!(0), json!(30), json!(900)]);
    for seen in running.seen() {
        let asked = payload(&seen.delivery.body).as_u64().expect("a number");
        let waited = seconds_between(start, seen.at);
        assert!(
            waited >= asked,
            "asked for {asked} s, arrived after {waited} s"
        );
    }
}

async fn batches(trial: Trial) {
    let mut running = open_batched(trial, QueueSpec::DEFAULT, 4).await;
    for round in 0..3 {
        let messages = (0..10)
            .map(|number| running.message(json!(round * 10 + number)))
            .collect();
        running.send("jobs", messages).await;
    }
    running.advance(30).await;
    assert_eq!(running.payloads().len(), 30);
    for seen in running.seen() {
        assert!(
            (1..=4).contains(&seen.batch),
            "an invocation got {} messages",
            seen.batch
        );
    }
}

async fn batch_outcomes(trial: Trial) {
    let mut running = open_batched(trial, QueueSpec::DEFAULT, 10).await;
    running.script.on_event(|delivery| {
        Behaviour::Answer(match payload(&delivery.body).as_i64() {
            Some(0..3) => Outcome::Ack,
            Some(3..6) if delivery.attempt == 1 => Outcome::retry("once more"),
            Some(3..6) => Outcome::Ack,
            _ => Outcome::dead_letter("no good"),
        })
    });
    let messages = (0..9)
        .map(|number| running.message(json!(number)))
        .collect();
    running.send("jobs", messages).await;
    running.advance(120).await;
    let seen = running.seen();
    for number in 0..9 {
        let of_it = seen.iter();
        let of_it = of_it.filter(|seen| payload(&seen.delivery.body) == json!(number));
        let needed = match number {
            3..6 => 2,
            _ => 1,
        };
        running.check_attempts(&format!("message {number}"), of_it, needed);
    }
    let mut dead: Vec<Value> = running
        .dead_letters("jobs")
        .await
        .iter()
        .map(|dead| payload(&dead.body))
        .collect();
    dead.sort_by_key(Value::as_i64);
    assert_eq!(dead, [6, 7, 8].map(|number| json!(number)));
}

/// The numbers that a group's messages carry, in the order in which they were handled.
fn order_of(running: &Running, group: &str) -> Vec<i64> {
    let of_group = |delivery: &Delivery| delivery.group.as_deref() == Some(group);
    let mut ids = BTreeSet::new();
    running
        .seen()
        .into_iter()
        .filter(|seen| of_group(&seen.delivery) && ids.insert(seen.delivery.id.clone()))
        .map(|seen| payload(&seen.delivery.body).as_i64().expect("a number"))
        .collect()
}

async fn fifo_order(trial: Trial) {
    let mut running = open_batched(trial, FIFO, 3).await;
    for number in 0..10 {
        let messages = ["a", "b", "c"].map(|group| running.grouped(group, json!(number)));
        running.send("jobs", messages.into()).await;
    }
    running.settle().await;
    for group in ["a", "b", "c"] {
        assert_eq!(
            order_of(&running, group),
            (0..10).collect::<Vec<i64>>(),
            "group {group}"
        );
    }
}

async fn fifo_blocking(trial: Trial) {
    let mut running = open(trial, FIFO).await;
    running.script.on_event(|delivery| {
        let bad = delivery.group.as_deref() == Some("bad") && payload(&delivery.body) == json!(0);
        Behaviour::Answer(if bad {
            Outcome::retry("never good")
        } else {
            Outcome::Ack
        })
    });
    for number in 0..3 {
        let messages = ["bad", "good"].map(|group| running.grouped(group, json!(number)));
        running.send("jobs", messages.into()).await;
    }
    running.settle().await;
    assert_eq!(
        order_of(&running, "good"),
        [0, 1, 2],
        "another group waits for a failing one"
    );
    assert_eq!(
        order_of(&running, "bad"),
        [0],
        "a message overtook the failing one"
    );
    running.advance(7_200).await;
    assert_eq!(
        order_of(&running, "bad"),
        [0, 1, 2],
        "the group goes on after the dead letter"
    );
    let seen = running.seen();
    let first_of = |number: i64| {
        let found = seen.iter().find(|seen| {
            seen.delivery.group.as_deref() == Some("bad")
                && payload(&seen.delivery.body) == json!(number)
        });
        found.expect("it was seen").at
    };
    let last_attempt = seen
        .iter()
        .filter(|seen| seen.delivery.group.as_deref() == Some("bad"))
        .filter(|seen| payload(&seen.delivery.body) == json!(0))
        .map(|seen| seen.at)
        .max()
        .expect("it was seen");
    assert!(
        first_of(1) >= last_attempt,
        "a message overtook a later attempt of the failing one"
    );
    let dead: Vec<Value> = running
        .dead_letters("jobs")
        .await
        .iter()
        .map(|dead| payload(&dead.body))
        .collect();
    assert_eq!(dead, [json!(0)]);
}

async fn fifo_in_flight(trial: Trial) {
    let spec = QueueSpec {
        lease: Some(Duration::from_secs(60)),
        ..FIFO
    };
    let mut running = open(trial, spec).await;
    let messages = (0..2)
        .map(|number| running.grouped("a", json!(number)))
        .collect();
    running.send("jobs", messages).await;
    let taken = running
        .stage
        .take_and_die("jobs-consumer")
        .await
        .expect("the harness takes");
    assert_eq!(taken, 1, "one message of the group was due");
    running.settle().await;
    assert_eq!(
        order_of(&running, "a"),
        [] as [i64; 0],
        "a second message of the group in flight"
    );
    running.advance(120).await;
    assert_eq!(order_of(&running, "a"), [0, 1]);
}

async fn durable(trial: Trial) {
    let mut running = open(trial, QueueSpec::DEFAULT).await;
    let messages = (0..10)
        .map(|number| running.message(json!(number)))
        .collect();
    running.send("jobs", messages).await;
    running.outage(1).await;
    running.settle().await;
    assert_eq!(running.payloads().len(), 10);
}

async fn retention(trial: Trial) {
    let spec = QueueSpec {
        retention: Duration::from_secs(3_600),
        ..QueueSpec::DEFAULT
    };
    let mut running = open(trial, spec).await;
    running
        .send_one("jobs", running.message(json!("old")))
        .await;
    running.outage(3_000).await;
    running
        .send_one("jobs", running.message(json!("young")))
        .await;
    running.outage(1_200).await;
    running.settle().await;
    assert_eq!(running.payloads(), [json!("young")]);
}

async fn unknown(trial: Trial) {
    let running = open(trial, QueueSpec::DEFAULT).await;
    let messages = vec![running.message(json!(1))];
    let result = running.provider().send(target("nowhere"), messages).await;
    let accepted = result.is_ok_and(|results| results.iter().any(Result::is_ok));
    assert!(
        !accepted,
        "a message was accepted for a queue that is not there"
    );
}

/// A retry policy with the shortest waits the contract has.
pub(crate) const QUICK: RetrySpec = RetrySpec {
    max_attempts: 5,
    min_backoff: Duration::from_secs(10),
    max_backoff: Duration::from_secs(40),
};
