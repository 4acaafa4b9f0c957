//! Stream: appending, order per key, consumers and their places (contract, 4.6).

use crate::clause::{Clause, clause};
use crate::declare::{Declarations, target};
use crate::queue::QUICK;
use crate::script::Behaviour;
use crate::trial::{Running, Trial, accepted, payload};
use ifc_manifest::kind::stream::{KEY_BYTES_MAX, StreamSpec};
use ifc_manifest::size::ASYNC_BODY_BYTES_MAX;
use ifc_runtime::stream::StreamRecord;
use ifc_runtime::{Invocation, Outcome, TraceContext};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) fn clauses() -> Vec<Clause> {
    vec![
        clause!(
            "4.6",
            "stream-delivery",
            "a record arrives at every consumer, with its key, as it was appended",
            delivery
        ),
        clause!(
            "4.6",
            "stream-order",
            "every consumer sees the records of a key in the order in which they were appended",
            order
        ),
        clause!(
            "4.6",
            "stream-redelivery",
            "after a record that failed, the later ones of its key are delivered after it",
            redelivery,
            waits = 1_000
        ),
        clause!(
            "4.6",
            "stream-blocking",
            "a failing record holds back its key and nothing else, and then the key continues",
            blocking,
            waits = 7_200
        ),
        clause!(
            "4.6",
            "stream-independent",
            "a failing consumer keeps its own dead letters and holds up no other",
            independent,
            waits = 1_000
        ),
        clause!(
            "4.6",
            "stream-batch-result",
            "a batch of 100 has one result per record and loses none",
            batch_result
        ),
        clause!(
            "4.6",
            "stream-sizes",
            "the largest record and the longest key arrive whole",
            sizes
        ),
        clause!(
            "4.6",
            "stream-durable",
            "a record that was accepted outlives an outage",
            durable,
            outage = true,
            waits = 1
        ),
        clause!(
            "4.6",
            "stream-retention",
            "a record is kept for its retention, and not delivered after it",
            retention,
            outage = true,
            waits = 86_400
        ),
        clause!(
            "4.6",
            "stream-replay",
            "a replay delivers again what was appended since, to one consumer, in order",
            replay,
            waits = 120
        ),
        clause!(
            "4.6",
            "stream-nobody",
            "appending to a stream without a consumer succeeds",
            nobody
        ),
        clause!(
            "1",
            "stream-unknown",
            "appending to a stream that is not there is an error",
            unknown
        ),
    ]
}

fn two_consumers() -> Declarations {
    Declarations::new()
        .stream("meters", StreamSpec::DEFAULT)
        .stream_consumer("first", "meters", 10, QUICK)
        .stream_consumer("second", "meters", 1, QUICK)
}

impl Running {
    fn record(&self, key: &str, payload: Value) -> StreamRecord {
        StreamRecord {
            key: key.to_owned(),
            body: self.body(payload),
            trace: TraceContext::root(),
        }
    }

    /// Appends records that must all be accepted; returns their ids.
    async fn append(&self, records: Vec<StreamRecord>) -> Vec<String> {
        let count = records.len();
        let results = self.provider().append(target("meters"), records).await;
        let results = accepted("append", results);
        assert_eq!(results.len(), count, "one result per record");
        let ids = results.into_iter().map(|id| accepted("append", id));
        ids.collect()
    }

    /// The numbers that a unit saw, by key, each event once, in the order of their first delivery.
    fn numbers_of(&self, unit: &str) -> BTreeMap<String, Vec<u64>> {
        let mut ids = BTreeSet::new();
        let mut numbers: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for seen in self.seen() {
            if seen.unit == unit && ids.insert(seen.delivery.id.clone()) {
                let number = payload(&seen.delivery.body).as_u64().expect("a number");
                let key = seen.delivery.group.expect("a key");
                numbers.entry(key).or_default().push(number);
            }
        }
        numbers
    }

    fn count_of(&self, unit: &str) -> usize {
        self.seen().iter().filter(|seen| seen.unit == unit).count()
    }
}

/// The unit that runs.
fn unit() -> String {
    Invocation::current().map_or_else(String::new, |running| running.unit.to_string())
}

async fn delivery(trial: Trial) {
    let mut running = trial.open(two_consumers()).await;
    let record = running.record("m-1 \u{1F600}", json!({ "text": "grüße" }));
    let trace = record.trace;
    let ids = running.append(vec![record]).await;
    running.settle().await;
    let units: BTreeSet<String> = running.seen().into_iter().map(|seen| seen.unit).collect();
    assert_eq!(units, ["first", "second"].map(str::to_owned).into());
    for seen in running.seen() {
        let delivery = seen.delivery;
        assert_eq!(payload(&delivery.body), json!({ "text": "grüße" }));
        assert_eq!(delivery.group.as_deref(), Some("m-1 \u{1F600}"));
        assert_eq!((&delivery.id, delivery.kind), (&ids[0], "stream.record"));
        assert_eq!(delivery.source, "meters");
        assert_eq!(delivery.trace.trace_id, trace.trace_id);
    }
}

async fn order(trial: Trial) {
    let mut running = trial.open(two_consumers()).await;
    for round in 0..5_u64 {
        let records = (0..30)
            .map(|at| {
                let key = ["a", "b", "c"][at % 3];
                running.record(key, json!(round * 30 + at as u64))
            })
            .collect();
        running.append(records).await;
    }
    running.settle().await;
    for unit in ["first", "second"] {
        let numbers = running.numbers_of(unit);
        assert_eq!(numbers.len(), 3);
        for (key, seen) in numbers {
            assert_eq!(seen.len(), 50, "{key} at {unit}");
            assert!(seen.is_sorted(), "{key} at {unit}: {seen:?}");
        }
    }
}

async fn redelivery(trial: Trial) {
    let mut running = trial.open(two_consumers()).await;
    let failed = AtomicBool::new(false);
    running.script.on_event(move |delivery| {
        let fails = unit() == "first"
            && payload(&delivery.body) == 3
            && !failed.swap(true, Ordering::SeqCst);
        Behaviour::Answer(match fails {
            true => Outcome::retry("once"),
            false => Outcome::Ack,
        })
    });
    let records = (0..8).map(|number| running.record("a", json!(number)));
    let records = records.collect();
    running.append(records).await;
    running.advance(1_000).await;
    let seen: Vec<u64> = running
        .seen()
        .iter()
        .filter(|seen| seen.unit == "first")
        .map(|seen| payload(&seen.delivery.body).as_u64().expect("a number"))
        .collect();
    let again = seen.iter().rposition(|number| *number == 3);
    let after = &seen[again.expect("it was delivered") + 1..];
    // Each as it was first seen: a batch may be delivered twice.
    let mut known = BTreeSet::new();
    let after: Vec<u64> = (after.iter().copied())
        .filter(|number| known.insert(*number))
        .collect();
    assert_eq!(after, [4, 5, 6, 7], "{seen:?}");
    assert_eq!(running.numbers_of("second")["a"], [0, 1, 2, 3, 4, 5, 6, 7]);
}

async fn blocking(trial: Trial) {
    let mut running = trial.open(two_consumers()).await;
    running.script.on_event(|delivery| {
        let fails = unit() == "first" && payload(&delivery.body) == 1;
        Behaviour::Answer(match fails {
            true => Outcome::retry("never"),
            false => Outcome::Ack,
        })
    });
    let records = vec![
        running.record("a", json!(1)),
        running.record("a", json!(2)),
        running.record("b", json!(3)),
        running.record("b", json!(4)),
    ];
    let ids = running.append(records).await;
    running.advance(1).await;
    assert_eq!(running.numbers_of("first")["b"], [3, 4]);
    assert_eq!(running.dead_letters("first").await.len(), 0);
    running.advance(7_000).await;
    let dead = running.dead_letters("first").await;
    let dead: Vec<&str> = dead.iter().map(|dead| dead.id.as_str()).collect();
    assert_eq!(
        dead,
        [ids[0].as_str()],
        "only the one that failed is given up"
    );
    let last = |number: u64| {
        let mut seen = running.seen();
        seen.retain(|seen| seen.unit == "first" && payload(&seen.delivery.body) == number);
        seen.last().expect("it was delivered").at
    };
    assert!(
        last(2) >= last(1),
        "what is behind it comes after its last delivery"
    );
}

async fn independent(trial: Trial) {
    let mut running = trial.open(two_consumers()).await;
    running.script.on_event(|_| {
        Behaviour::Answer(match unit() == "first" {
            true => Outcome::retry("not today"),
            false => Outcome::Ack,
        })
    });
    let record = running.record("a", json!(1));
    running.append(vec![record]).await;
    running.advance(1_000).await;
    assert_eq!(running.numbers_of("second")["a"], [1]);
    let dead = running.dead_letters("first").await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].reason, "not today");
    assert_eq!(payload(&dead[0].body), 1);
    assert_eq!(running.dead_letters("second").await.len(), 0);
}

async fn batch_result(trial: Trial) {
    let mut running = trial.open(two_consumers()).await;
    let records =
        (0..100).map(|number| running.record(&format!("k-{}", number % 7), json!(number)));
    let records = records.collect();
    let ids = running.append(records).await;
    let distinct: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), 100, "every record has an id of its own");
    running.settle().await;
    let seen = running.numbers_of("first");
    let mut numbers: Vec<u64> = seen.into_values().flatten().collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..100).collect::<Vec<u64>>());
}

async fn sizes(trial: Trial) {
    let mut running = trial.open(two_consumers()).await;
    let empty = running.body(json!("")).len();
    let text = "x".repeat(ASYNC_BODY_BYTES_MAX - empty);
    let key = "é".repeat(KEY_BYTES_MAX / 2);
    let record = running.record(&key, json!(text));
    assert_eq!(record.body.len(), ASYNC_BODY_BYTES_MAX);
    running.append(vec![record]).await;
    running.settle().await;
    let seen = running.seen();
    let whole = |seen: &crate::script::Seen| {
        payload(&seen.delivery.body) == text && seen.delivery.group.as_ref() == Some(&key)
    };
    assert!(seen.len() >= 2 && seen.iter().all(whole), "not whole");
}

async fn durable(trial: Trial) {
    let mut running = trial.open(two_consumers()).await;
    let records = (0..3).map(|number| running.record("a", json!(number)));
    let records = records.collect();
    running.append(records).await;
    running.outage(1).await;
    running.settle().await;
    assert_eq!(running.numbers_of("first")["a"], [0, 1, 2]);
    assert_eq!(running.numbers_of("second")["a"], [0, 1, 2]);
}

async fn retention(trial: Trial) {
    let mut running = trial.open(two_consumers()).await;
    let record = running.record("a", json!(1));
    running.append(vec![record]).await;
    running.outage(40_000).await;
    let record = running.record("a", json!(2));
    running.append(vec![record]).await;
    running.outage(46_400).await;
    let record = running.record("a", json!(3));
    running.append(vec![record]).await;
    running.settle().await;
    assert_eq!(running.numbers_of("second")["a"], [2, 3]);
}

async fn replay(trial: Trial) {
    let mut running = trial.open(two_consumers()).await;
    let record = running.record("a", json!(1));
    running.append(vec![record]).await;
    running.advance(60).await;
    let from = running.now();
    let records = vec![
        running.record("a", json!(2)),
        running.record("b", json!(3)),
        running.record("a", json!(4)),
    ];
    running.append(records).await;
    running.advance(60).await;
    let (first, second) = (running.count_of("first"), running.count_of("second"));
    crate::trial::succeed("replay", running.stage.replay("first", from).await);
    running.settle().await;
    assert_eq!(running.count_of("second"), second, "the other one goes on");
    let mut again: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    let seen = running.seen().into_iter();
    for seen in seen.filter(|seen| seen.unit == "first").skip(first) {
        // A replay, too, may deliver a record twice.
        if !ids.insert(seen.delivery.id.clone()) {
            continue;
        }
        let number = payload(&seen.delivery.body).as_u64().expect("a number");
        let key = seen.delivery.group.expect("a key");
        again.entry(key).or_default().push(number);
    }
    assert_eq!(
        again.get("a").map(Vec::as_slice),
        Some(&[2, 4][..]),
        "{again:?}"
    );
    assert_eq!(
        again.get("b").map(Vec::as_slice),
        Some(&[3][..]),
        "{again:?}"
    );
}

async fn nobody(trial: Trial) {
    let declarations = Declarations::new().stream("meters", StreamSpec::DEFAULT);
    let running = trial.open(declarations).await;
    let record = running.record("a", json!(1));
    running.append(vec![record]).await;
}

async fn unknown(trial: Trial) {
    let running = trial.open(two_consumers()).await;
    let record = running.record("a", json!(1));
    let provider = running.provider();
    let result = provider.append(target("nowhere"), vec![record]).await;
    assert!(result.is_err(), "{result:?}");
}
