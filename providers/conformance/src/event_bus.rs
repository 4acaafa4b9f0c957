//! EventBus: putting, fan-out, patterns over the event's context and over declared fields (contract,
//! 4.5). Every rule has a queue of its own, so what queues promise is tried here once more for what
//! differs.

use crate::clause::{Clause, clause};
use crate::declare::{Declarations, target};
use crate::queue::QUICK;
use crate::script::Behaviour;
use crate::trial::{Running, Trial, accepted, payload};
use ifc_manifest::kind::event_bus::{self, EventBusKnobs, MatchKnobs, PatternKnobs};
use ifc_manifest::size::ASYNC_BODY_BYTES_MAX;
use ifc_runtime::event_bus::{EventContext, OutgoingEvent};
use ifc_runtime::{Invocation, Outcome, TraceContext};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

pub(crate) fn clauses() -> Vec<Clause> {
    vec![
        clause!(
            "4.5",
            "event-bus-fan-out",
            "an event arrives at every rule that it matches",
            fan_out
        ),
        clause!(
            "4.5",
            "event-bus-context",
            "type, source, subject, time and data arrive as they were put",
            context
        ),
        clause!(
            "4.5",
            "event-bus-patterns",
            "a rule gets what matches its type, source and subject, and nothing else",
            patterns
        ),
        clause!(
            "4.5",
            "event-bus-fields",
            "a rule gets what has one of its values in each of its declared fields",
            fields
        ),
        clause!(
            "4.5",
            "event-bus-independent",
            "a failing rule keeps its own dead letters and holds up no other",
            independent,
            waits = 1_000
        ),
        clause!(
            "4.5",
            "event-bus-a-day",
            "a rule that says nothing else tries an event for 24 hours, then gives it up",
            a_day,
            waits = 200_000
        ),
        clause!(
            "3",
            "event-bus-ids",
            "an id that was given is kept, the same at every rule",
            ids
        ),
        clause!(
            "4.5",
            "event-bus-batch-result",
            "a batch has one result per event and loses none",
            batch_result
        ),
        clause!(
            "4.5",
            "event-bus-sizes",
            "the largest data, type, source, subject and fields arrive whole",
            sizes
        ),
        clause!(
            "4.5",
            "event-bus-durable",
            "an event that was accepted outlives an outage",
            durable,
            outage = true,
            waits = 1
        ),
        clause!(
            "4.5",
            "event-bus-nobody",
            "putting what no rule wants succeeds",
            nobody
        ),
        clause!(
            "1",
            "event-bus-unknown",
            "putting on a bus that is not there is an error",
            unknown
        ),
    ]
}

const ANYTHING: PatternKnobs = PatternKnobs::ANYTHING;

fn bus() -> Declarations {
    let knobs = EventBusKnobs::DEFAULT.filterable(&["data.region", "data.count"]);
    Declarations::new().event_bus("events", knobs)
}

fn two_rules() -> Declarations {
    bus()
        .rule("first", "events", ANYTHING, QUICK)
        .rule("second", "events", ANYTHING, QUICK)
}

impl Running {
    fn happened(&self, payload: Value) -> OutgoingEvent {
        OutgoingEvent {
            id: None,
            context: EventContext {
                event_type: "order.placed".to_owned(),
                source: "shop".to_owned(),
                subject: None,
                time: self.now(),
            },
            data: self.body(payload),
            fields: BTreeMap::new(),
            trace: TraceContext::root(),
        }
    }

    /// Puts events that must all be accepted; returns their ids.
    async fn put_events(&self, events: Vec<OutgoingEvent>) -> Vec<String> {
        let count = events.len();
        let results = self.provider().put_events(target("events"), events).await;
        let results = accepted("put", results);
        assert_eq!(results.len(), count, "one result per event");
        let ids = results.into_iter().map(|id| accepted("put", id));
        ids.collect()
    }

    /// The numbers that a rule got.
    fn got(&self, unit: &str) -> BTreeSet<i64> {
        let seen = self.seen().into_iter().filter(|seen| seen.unit == unit);
        let numbers = seen.filter_map(|seen| payload(&seen.delivery.body).as_i64());
        numbers.collect()
    }
}

async fn fan_out(trial: Trial) {
    let mut running = trial.open(two_rules()).await;
    let event = running.happened(json!({ "text": "grüße \u{1F600}" }));
    let trace = event.trace;
    let ids = running.put_events(vec![event]).await;
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
        assert_eq!(delivery.kind, "bus.event");
        assert_eq!(delivery.attempt, 1);
        assert_eq!(delivery.group, None);
        assert_eq!(delivery.trace.trace_id, trace.trace_id, "the trace goes on");
    }
}

async fn context(trial: Trial) {
    let mut running = trial.open(two_rules()).await;
    let contexts = [
        EventContext {
            event_type: "order.placed".to_owned(),
            source: "https://shop.example/ä?b=c d".to_owned(),
            subject: Some("o-1/λ".to_owned()),
            // Long ago, to the millisecond.
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(1_234_567_890_123),
        },
        EventContext {
            event_type: "x".to_owned(),
            source: "y".to_owned(),
            subject: None,
            time: running.now(),
        },
    ];
    let events = contexts.iter().map(|context| OutgoingEvent {
        context: context.clone(),
        ..running.happened(json!(context.event_type))
    });
    running.put_events(events.collect()).await;
    running.settle().await;
    assert_eq!(running.payloads().len(), 2);
    for seen in running.seen() {
        let arrived = EventContext::of(&seen.delivery);
        let arrived = arrived.expect("a delivery of a bus has a context");
        let mut put = contexts.iter();
        let expected = put.find(|context| payload(&seen.delivery.body) == context.event_type);
        let expected = expected.expect("nothing else was put");
        let millisecond = |time: SystemTime| {
            let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH);
            since_epoch.unwrap_or_default().as_millis()
        };
        assert_eq!(millisecond(arrived.time), millisecond(expected.time));
        let expected = EventContext {
            time: arrived.time,
            ..expected.clone()
        };
        assert_eq!(arrived, expected);
    }
}

async fn patterns(trial: Trial) {
    let any_type = ANYTHING.event_type(MatchKnobs::AnyOf(&["order.placed", "order.paid"]));
    let prefix = ANYTHING.event_type(MatchKnobs::Prefix("order."));
    let source = ANYTHING.source(MatchKnobs::Prefix("shop/"));
    let sources = ANYTHING.source(MatchKnobs::AnyOf(&["shop/eu"]));
    let subject = ANYTHING.subject(MatchKnobs::Prefix("o-"));
    let subjects = ANYTHING.subject(MatchKnobs::AnyOf(&["o-1"]));
    let all = prefix
        .source(MatchKnobs::AnyOf(&["shop/eu", "shop"]))
        .subject(MatchKnobs::Prefix("o-"));
    let declarations = bus()
        .rule("anything", "events", ANYTHING, QUICK)
        .rule("any-type", "events", any_type, QUICK)
        .rule("type-prefix", "events", prefix, QUICK)
        .rule("source-prefix", "events", source, QUICK)
        .rule("sources", "events", sources, QUICK)
        .rule("subject-prefix", "events", subject, QUICK)
        .rule("subjects", "events", subjects, QUICK)
        .rule("all", "events", all, QUICK);
    let mut running = trial.open(declarations).await;
    let put = [
        ("order.placed", "shop", None),
        ("order.paid", "shop/eu", Some("o-1")),
        ("order", "shop/us", Some("o-2")),
        ("order.lost", "shop/", Some("o-")),
        ("Order.placed", "shop", Some("p-1")),
        ("order.placed.twice", "shop", Some("o-3")),
    ];
    let events = put
        .iter()
        .zip(0..)
        .map(|((event_type, source, subject), number)| {
            let mut event = running.happened(json!(number));
            event.context.event_type = (*event_type).to_owned();
            event.context.source = (*source).to_owned();
            event.context.subject = subject.map(str::to_owned);
            event
        });
    running.put_events(events.collect()).await;
    running.settle().await;
    assert_eq!(running.got("anything"), (0..6).collect());
    assert_eq!(running.got("any-type"), [0, 1].into());
    assert_eq!(running.got("type-prefix"), [0, 1, 3, 5].into());
    assert_eq!(running.got("source-prefix"), [1, 2, 3].into());
    assert_eq!(running.got("sources"), [1].into());
    // An event without a subject passes no test on it.
    assert_eq!(running.got("subject-prefix"), [1, 2, 3, 5].into());
    assert_eq!(running.got("subjects"), [1].into());
    assert_eq!(running.got("all"), [1, 5].into());
}

async fn fields(trial: Trial) {
    let region = ANYTHING.field("data.region", &["eu", "uk"]);
    let count = ANYTHING.field("data.count", &["3"]);
    let both = region.field("data.count", &["3", "4"]);
    let with_type = count.event_type(MatchKnobs::AnyOf(&["order.paid"]));
    let declarations = bus()
        .rule("region", "events", region, QUICK)
        .rule("count", "events", count, QUICK)
        .rule("both", "events", both, QUICK)
        .rule("with-type", "events", with_type, QUICK);
    let mut running = trial.open(declarations).await;
    let put: [&[(&str, &str)]; 6] = [
        &[],
        &[("data.region", "eu")],
        &[("data.region", "uk"), ("data.count", "3")],
        &[("data.region", "us"), ("data.count", "3")],
        &[("data.region", "eu-west"), ("data.count", "03")],
        &[("data.region", "eu"), ("data.count", "4")],
    ];
    let events = put.iter().zip(0..).map(|(fields, number)| {
        let owned = |(path, value): &(&str, &str)| ((*path).to_owned(), (*value).to_owned());
        OutgoingEvent {
            fields: fields.iter().map(owned).collect(),
            ..running.happened(json!(number))
        }
    });
    running.put_events(events.collect()).await;
    running.settle().await;
    assert_eq!(running.got("region"), [1, 2, 5].into());
    assert_eq!(running.got("count"), [2, 3].into());
    assert_eq!(running.got("both"), [2, 5].into());
    assert_eq!(running.got("with-type"), [].into());
}

/// The unit `first` fails, every other one does not.
fn first_is_broken(running: &Running) {
    running.script.on_event(|_| {
        let unit = Invocation::current().map(|running| running.unit.to_string());
        Behaviour::Answer(match unit.as_deref() {
            Some("first") => Outcome::retry("first is broken"),
            _ => Outcome::Ack,
        })
    });
}

async fn independent(trial: Trial) {
    let mut running = trial.open(two_rules()).await;
    first_is_broken(&running);
    let ids = running.put_events(vec![running.happened(json!(1))]).await;
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

async fn a_day(trial: Trial) {
    let declarations = bus().rule("first", "events", ANYTHING, event_bus::RETRY);
    let mut running = trial.open(declarations).await;
    first_is_broken(&running);
    running.put_events(vec![running.happened(json!(1))]).await;
    running.advance(24 * 3_600).await;
    assert_eq!(running.dead_letters("first").await, [], "within a day");
    running.advance(200_000 - 24 * 3_600).await;
    assert_eq!(running.dead_letters("first").await.len(), 1, "at the end");
}

async fn ids(trial: Trial) {
    let mut running = trial.open(two_rules()).await;
    let longest = "i".repeat(128);
    let named = OutgoingEvent {
        id: Some(longest.clone()),
        ..running.happened(json!(0))
    };
    let ids = running
        .put_events(vec![named, running.happened(json!(1))])
        .await;
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
    let mut running = trial.open(two_rules()).await;
    let id = |number: i64| format!("e{number}");
    let events = (0..10).map(|number| OutgoingEvent {
        id: Some(id(number)),
        ..running.happened(json!(number))
    });
    let ids = running.put_events(events.collect()).await;
    assert_eq!(ids, (0..10).map(id).collect::<Vec<_>>());
    running.settle().await;
    for unit in ["first", "second"] {
        assert_eq!(running.got(unit), (0..10).collect(), "at {unit}");
    }
}

async fn sizes(trial: Trial) {
    const PATHS: [&str; event_bus::FIELDS_MAX] = ["data.a", "data.b", "data.c", "data.d", "data.e"];
    let declarations = Declarations::new()
        .event_bus("events", EventBusKnobs::DEFAULT.filterable(&PATHS))
        .rule("first", "events", ANYTHING, QUICK);
    let mut running = trial.open(declarations).await;
    let room = ASYNC_BODY_BYTES_MAX - running.body(json!("")).len();
    let text = "x".repeat(room);
    let event = OutgoingEvent {
        fields: PATHS
            .map(|path| {
                (
                    path.to_owned(),
                    "v".repeat(event_bus::FIELD_VALUE_BYTES_MAX),
                )
            })
            .into(),
        context: EventContext {
            event_type: "t".repeat(event_bus::TYPE_BYTES_MAX),
            source: "s".repeat(event_bus::SOURCE_BYTES_MAX),
            subject: Some("u".repeat(event_bus::SUBJECT_BYTES_MAX)),
            time: running.now(),
        },
        ..running.happened(json!(text))
    };
    let context = event.context.clone();
    running.put_events(vec![event]).await;
    running.settle().await;
    assert!(!running.seen().is_empty(), "it was not delivered");
    for seen in running.seen() {
        assert!(payload(&seen.delivery.body) == json!(text), "other data");
        let arrived = EventContext::of(&seen.delivery).expect("it has a context");
        assert_eq!(arrived.event_type, context.event_type);
        assert_eq!(arrived.source, context.source);
        assert_eq!(arrived.subject, context.subject);
    }
}

async fn durable(trial: Trial) {
    let mut running = trial.open(two_rules()).await;
    running.put_events(vec![running.happened(json!(1))]).await;
    running.outage(1).await;
    running.settle().await;
    for unit in ["first", "second"] {
        assert_eq!(running.got(unit), [1].into(), "at {unit}");
    }
}

async fn nobody(trial: Trial) {
    let picky = ANYTHING.event_type(MatchKnobs::AnyOf(&["order.paid"]));
    let declarations = bus().rule("picky", "events", picky, QUICK);
    let mut running = trial.open(declarations).await;
    running.put_events(vec![running.happened(json!(1))]).await;
    running.settle().await;
    assert_eq!(running.seen().len(), 0);
}

async fn unknown(trial: Trial) {
    let running = trial.open(two_rules()).await;
    let event = running.happened(json!(1));
    let provider = running.provider();
    let result = provider.put_events(target("nowhere"), vec![event]).await;
    let accepted = result.is_ok_and(|results| results.iter().any(Result::is_ok));
    assert!(
        !accepted,
        "an event was accepted for a bus that is not there"
    );
}
