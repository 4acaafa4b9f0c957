//! Topic: publishing, fan-out, filters, order (contract, 4.4). Every subscriber has a queue of its
//! own, so what queues promise is tried here once more for what differs.

use crate::clause::{Clause, clause};
use crate::declare::{Declarations, target};
use crate::queue::QUICK;
use crate::script::Behaviour;
use crate::trial::{Running, Trial, accepted, payload};
use ifc_manifest::capability::Capability;
use ifc_manifest::kind::edge::ConsumerSpec;
use ifc_manifest::kind::queue::QueueSpec;
use ifc_manifest::kind::topic::{FilterKnobs, TestKnobs, TopicSpec};
use ifc_manifest::size::ASYNC_BODY_BYTES_MAX;
use ifc_runtime::topic::TopicMessage;
use ifc_runtime::{Invocation, Outcome, TraceContext};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub(crate) fn clauses() -> Vec<Clause> {
    vec![
        clause!(
            "4.4",
            "topic-fan-out",
            "a message arrives at every subscriber, as it was published",
            fan_out
        ),
        clause!(
            "4.4",
            "topic-filters",
            "a subscriber gets what passes its filter and nothing else",
            filters
        ),
        clause!(
            "4.4",
            "topic-independent",
            "a failing subscriber keeps its own dead letters and holds up no other",
            independent,
            waits = 1_000
        ),
        clause!(
            "3",
            "topic-ids",
            "an id that was given is kept, the same at every subscriber",
            ids
        ),
        clause!(
            "4.4",
            "topic-batch-result",
            "a batch has one result per message and loses none",
            batch_result
        ),
        clause!(
            "3",
            "topic-sizes",
            "the largest body and attributes arrive whole",
            sizes
        ),
        clause!(
            "4.4",
            "topic-fifo-order",
            "a fifo topic keeps the order within each group, at every subscriber",
            fifo_order,
            needs = Capability::FifoTopic
        ),
        clause!(
            "4.4",
            "topic-fifo-blocking",
            "a failing fifo message holds back its group at its subscriber and nothing else",
            fifo_blocking,
            waits = 7_200,
            needs = Capability::FifoTopic
        ),
        clause!(
            "4.4",
            "topic-durable",
            "a message that was accepted outlives an outage",
            durable,
            outage = true,
            waits = 1
        ),
        clause!(
            "4.4",
            "topic-to-queue",
            "a queue that subscribes gets what passes its filter, as it was published",
            to_queue
        ),
        clause!(
            "4.4",
            "topic-nobody",
            "publishing what no subscriber wants succeeds",
            nobody
        ),
        clause!(
            "1",
            "topic-unknown",
            "publishing to a topic that is not there is an error",
            unknown
        ),
    ]
}

const FIFO: TopicSpec = TopicSpec { fifo: true };

fn two_subscribers(spec: TopicSpec) -> Declarations {
    Declarations::new()
        .topic("events", spec)
        .subscriber("first", "events", None, QUICK)
        .subscriber("second", "events", None, QUICK)
}

impl Running {
    fn event(&self, payload: Value, attributes: &[(&str, &str)]) -> TopicMessage {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        TopicMessage {
            id: None,
            body: self.body(payload),
            attributes: attributes.iter().map(owned).collect(),
            group: None,
            trace: TraceContext::root(),
        }
    }

    /// Publishes messages that must all be accepted; returns their ids.
    async fn publish(&self, messages: Vec<TopicMessage>) -> Vec<String> {
        let count = messages.len();
        let results = self.provider().publish(target("events"), messages).await;
        let results = accepted("publish", results);
        assert_eq!(results.len(), count, "one result per message");
        let ids = results.into_iter().map(|id| accepted("publish", id));
        ids.collect()
    }

    /// The payloads that a unit saw, in order, each event once.
    fn payloads_of(&self, unit: &str) -> Vec<Value> {
        let mut ids = BTreeSet::new();
        self.seen()
            .into_iter()
            .filter(|seen| seen.unit == unit && ids.insert(seen.delivery.id.clone()))
            .map(|seen| payload(&seen.delivery.body))
            .collect()
    }
}

async fn fan_out(trial: Trial) {
    let mut running = trial.open(two_subscribers(TopicSpec::DEFAULT)).await;
    let message = running.event(
        json!({ "text": "grüße \u{1F600}" }),
        &[("tenant", "ä b"), ("x.y-z_1", "")],
    );
    let (attributes, trace) = (message.attributes.clone(), message.trace);
    let ids = running.publish(vec![message]).await;
    running.settle().await;
    let units: BTreeSet<String> = running.seen().into_iter().map(|seen| seen.unit).collect();
    assert_eq!(units, ["first", "second"].map(str::to_owned).into());
    for seen in running.seen() {
        let delivery = seen.delivery;
        assert_eq!(
            payload(&delivery.body),
            json!({ "text": "grüße \u{1F600}" })
        );
        assert_eq!(delivery.id, ids[0]);
        assert_eq!(delivery.source, "events");
        assert_eq!(delivery.kind, "topic.message");
        assert_eq!(delivery.attempt, 1);
        assert_eq!(delivery.attributes, attributes);
        assert_eq!(delivery.trace.trace_id, trace.trace_id, "the trace goes on");
    }
}

async fn filters(trial: Trial) {
    let any_of = FilterKnobs::new("kind", TestKnobs::AnyOf(&["placed", "paid"]));
    let prefix = FilterKnobs::new("region", TestKnobs::Prefix("eu-"));
    let exists = FilterKnobs::new("urgent", TestKnobs::Exists);
    let not_in = FilterKnobs::new("kind", TestKnobs::NotIn(&["paid"]));
    let declarations = Declarations::new()
        .topic("events", TopicSpec::DEFAULT)
        .subscriber("everything", "events", None, QUICK)
        .subscriber("any-of", "events", Some(any_of), QUICK)
        .subscriber("prefix", "events", Some(prefix), QUICK)
        .subscriber("exists", "events", Some(exists), QUICK)
        .subscriber("not-in", "events", Some(not_in), QUICK)
        .subscriber("both", "events", Some(any_of.and(prefix)), QUICK);
    let mut running = trial.open(declarations).await;
    let messages = vec![
        running.event(json!(0), &[]),
        running.event(json!(1), &[("kind", "placed")]),
        running.event(json!(2), &[("kind", "paid"), ("region", "eu-west")]),
        running.event(json!(3), &[("kind", "lost"), ("region", "eu-")]),
        running.event(json!(4), &[("kind", "place"), ("region", "us-east")]),
        running.event(json!(5), &[("urgent", ""), ("kind", "placed ")]),
    ];
    running.publish(messages).await;
    running.settle().await;
    let got = |unit: &str| -> BTreeSet<i64> {
        let payloads = running.payloads_of(unit);
        payloads.iter().filter_map(Value::as_i64).collect()
    };
    assert_eq!(got("everything"), (0..6).collect());
    assert_eq!(got("any-of"), [1, 2].into());
    assert_eq!(got("prefix"), [2, 3].into());
    assert_eq!(got("exists"), [5].into());
    // An attribute that is absent passes no test, not even this one.
    assert_eq!(got("not-in"), [1, 3, 4, 5].into());
    assert_eq!(got("both"), [2].into());
}

async fn independent(trial: Trial) {
    let mut running = trial.open(two_subscribers(TopicSpec::DEFAULT)).await;
    running.script.on_event(|_| {
        let unit = Invocation::current().map(|running| running.unit.to_string());
        Behaviour::Answer(match unit.as_deref() {
            Some("first") => Outcome::retry("first is broken"),
            _ => Outcome::Ack,
        })
    });
    let ids = running.publish(vec![running.event(json!(1), &[])]).await;
    running.advance(1_000).await;
    let seen = running.seen();
    for (unit, needed) in [("first", QUICK.max_attempts), ("second", 1)] {
        let of_unit = seen.iter().filter(|seen| seen.unit == unit);
        running.check_attempts(unit, of_unit, needed);
    }
    let dead = running.dead_letters("first").await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert_eq!(dead[0].id, ids[0]);
    assert!(dead[0].reason.contains("first is broken"), "{dead:?}");
    assert_eq!(running.dead_letters("second").await, []);
}

async fn ids(trial: Trial) {
    let mut running = trial.open(two_subscribers(TopicSpec::DEFAULT)).await;
    let longest = "i".repeat(128);
    let named = TopicMessage {
        id: Some(longest.clone()),
        ..running.event(json!(0), &[])
    };
    let messages = vec![named, running.event(json!(1), &[])];
    let ids = running.publish(messages).await;
    assert_eq!(ids[0], longest);
    let distinct: BTreeSet<String> = ids.into_iter().collect();
    assert_eq!(distinct.len(), 2, "{distinct:?}");
    running.settle().await;
    for unit in ["first", "second"] {
        let seen = running.seen().into_iter().filter(|seen| seen.unit == unit);
        let seen: BTreeSet<String> = seen.map(|seen| seen.delivery.id).collect();
        assert_eq!(seen, distinct, "at {unit}");
    }
}

async fn batch_result(trial: Trial) {
    let mut running = trial.open(two_subscribers(TopicSpec::DEFAULT)).await;
    let id = |number: i64| format!("m{number}");
    let messages = (0..10).map(|number| TopicMessage {
        id: Some(id(number)),
        ..running.event(json!(number), &[])
    });
    let ids = running.publish(messages.collect()).await;
    assert_eq!(ids, (0..10).map(id).collect::<Vec<_>>());
    running.settle().await;
    for unit in ["first", "second"] {
        let payloads = running.payloads_of(unit);
        let arrived: BTreeSet<i64> = payloads.iter().filter_map(Value::as_i64).collect();
        assert_eq!(arrived, (0..10).collect(), "at {unit}");
    }
}

async fn sizes(trial: Trial) {
    let mut running = trial.open(two_subscribers(TopicSpec::DEFAULT)).await;
    let room = ASYNC_BODY_BYTES_MAX - running.body(json!("")).len();
    let text = "x".repeat(room);
    let attributes: BTreeMap<String, String> = (0..8)
        .map(|number| (format!("{number:064}"), "v".repeat(960)))
        .collect();
    let message = TopicMessage {
        attributes: attributes.clone(),
        ..running.event(json!(text), &[])
    };
    running.publish(vec![message]).await;
    running.settle().await;
    assert!(!running.seen().is_empty(), "it was not delivered");
    for seen in running.seen() {
        assert!(payload(&seen.delivery.body) == json!(text), "another body");
        assert_eq!(seen.delivery.attributes, attributes);
    }
}

async fn fifo_order(trial: Trial) {
    let mut running = trial.open(two_subscribers(FIFO)).await;
    for round in 0..3 {
        let messages = ["a", "b"].iter().flat_map(|group| {
            (0..4).map(move |number| (*group, json!([group, round * 4 + number])))
        });
        let messages = messages.map(|(group, payload)| TopicMessage {
            group: Some(group.to_owned()),
            ..running.event(payload, &[])
        });
        running.publish(messages.collect()).await;
    }
    running.settle().await;
    for unit in ["first", "second"] {
        for group in ["a", "b"] {
            let payloads = running.payloads_of(unit).into_iter();
            let numbers: Vec<i64> = payloads
                .filter(|payload| payload[0] == group)
                .filter_map(|payload| payload[1].as_i64())
                .collect();
            assert_eq!(numbers, (0..12).collect::<Vec<_>>(), "{group} at {unit}");
        }
    }
}

async fn fifo_blocking(trial: Trial) {
    let mut running = trial.open(two_subscribers(FIFO)).await;
    running.script.on_event(|delivery| {
        let unit = Invocation::current().map(|running| running.unit.to_string());
        let fails = unit.as_deref() == Some("first") && payload(&delivery.body) == json!("a1");
        Behaviour::Answer(match fails {
            true => Outcome::retry("not yet"),
            false => Outcome::Ack,
        })
    });
    let messages = ["a1", "a2", "b1"].map(|name| TopicMessage {
        group: Some(name[..1].to_owned()),
        ..running.event(json!(name), &[])
    });
    running.publish(messages.into()).await;
    running.settle().await;
    let first: BTreeSet<String> = texts(running.payloads_of("first"));
    assert_eq!(first, ["a1", "b1"].map(str::to_owned).into());
    let second: BTreeSet<String> = texts(running.payloads_of("second"));
    assert_eq!(second, ["a1", "a2", "b1"].map(str::to_owned).into());
    // When the attempts are used up, the group goes on.
    running.advance(7_200).await;
    let first: BTreeSet<String> = texts(running.payloads_of("first"));
    assert_eq!(first, ["a1", "a2", "b1"].map(str::to_owned).into());
    assert_eq!(running.dead_letters("first").await.len(), 1);
}

fn texts(payloads: Vec<Value>) -> BTreeSet<String> {
    let texts = payloads.iter().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

async fn durable(trial: Trial) {
    let mut running = trial.open(two_subscribers(TopicSpec::DEFAULT)).await;
    running.publish(vec![running.event(json!(1), &[])]).await;
    running.outage(1).await;
    running.settle().await;
    for unit in ["first", "second"] {
        assert_eq!(running.payloads_of(unit), [json!(1)], "at {unit}");
    }
}

async fn to_queue(trial: Trial) {
    let filter = FilterKnobs::new("region", TestKnobs::AnyOf(&["eu"]));
    let timeout = Duration::from_secs(60);
    let queue = |declarations: Declarations, name| {
        declarations.queue(name, QueueSpec::DEFAULT, ConsumerSpec::DEFAULT, timeout)
    };
    let declarations = Declarations::new().topic("events", TopicSpec::DEFAULT);
    let declarations = queue(declarations, "everything").subscribed_to("events", None);
    let declarations = queue(declarations, "europe")
        .subscribed_to("events", Some(filter))
        .subscriber("first", "events", None, QUICK);
    let mut running = trial.open(declarations).await;
    let messages = vec![
        running.event(json!(1), &[("region", "eu")]),
        running.event(json!(2), &[("region", "us")]),
    ];
    let ids = running.publish(messages).await;
    // What is sent to the queue itself arrives beside it.
    running.send_one("europe", running.message(json!(3))).await;
    running.settle().await;
    let got = |unit: &str| -> BTreeSet<i64> {
        let payloads = running.payloads_of(unit);
        payloads.iter().filter_map(Value::as_i64).collect()
    };
    assert_eq!(got("everything-consumer"), [1, 2].into());
    assert_eq!(got("europe-consumer"), [1, 3].into());
    assert_eq!(got("first"), [1, 2].into());
    let mut seen = running.seen().into_iter();
    let taken = seen
        .find(|seen| seen.unit == "europe-consumer" && payload(&seen.delivery.body) == json!(1));
    let delivery = taken.expect("it was delivered").delivery;
    assert_eq!(delivery.id, ids[0]);
    assert_eq!(delivery.source, "europe");
    assert_eq!(delivery.kind, "queue.message");
    assert_eq!(delivery.attributes["region"], "eu");
}

async fn nobody(trial: Trial) {
    let filter = FilterKnobs::new("kind", TestKnobs::AnyOf(&["placed"]));
    let declarations = Declarations::new()
        .topic("events", TopicSpec::DEFAULT)
        .subscriber("picky", "events", Some(filter), QUICK);
    let mut running = trial.open(declarations).await;
    running.publish(vec![running.event(json!(1), &[])]).await;
    running.settle().await;
    assert_eq!(running.seen().len(), 0);
}

async fn unknown(trial: Trial) {
    let running = trial.open(two_subscribers(TopicSpec::DEFAULT)).await;
    let message = running.event(json!(1), &[]);
    let provider = running.provider();
    let result = provider.publish(target("nowhere"), vec![message]).await;
    let accepted = result.is_ok_and(|results| results.iter().any(Result::is_ok));
    assert!(
        !accepted,
        "a message was accepted for a topic that is not there"
    );
}
