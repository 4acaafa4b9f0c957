//! Table: operations on several items at once (contract, 4.7).

use super::query::SORTED;
use super::{PLAIN, item, key, open};
use crate::clause::{Clause, clause};
use crate::declare::{Declarations, target};
use crate::trial::{Running, Trial, accepted, refused};
use ifc_manifest::size::ITEM_BYTES_MAX;
use ifc_runtime::table::{
    Clause as Part, Comparison, Consistency, Item, ItemOperation, ItemWrite, Key, KeyValue, Page,
    Scan, Update,
};
use ifc_runtime::{Error, ErrorKind, Provider};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

pub(crate) fn clauses() -> Vec<Clause> {
    vec![
        clause!(
            "4.7",
            "table-transact",
            "all operations of a transaction happen",
            transact
        ),
        clause!(
            "4.7",
            "table-transact-none",
            "none happens when one cannot, and the error says which",
            transact_none
        ),
        clause!(
            "4.7",
            "table-transact-conditions",
            "conditions of a transaction look at the items as they were before",
            transact_conditions
        ),
        clause!(
            "4.7",
            "table-transact-many",
            "a transaction of 100 operations is one",
            transact_many
        ),
        clause!(
            "4.7",
            "table-transact-concurrent",
            "concurrent transactions on the same items do not mix",
            transact_concurrent
        ),
        clause!(
            "4.7",
            "table-transact-durable",
            "an acknowledged transaction outlives an outage",
            transact_durable,
            outage = true,
            waits = 1
        ),
        clause!(
            "4.7",
            "table-batch-write",
            "batch_write writes and removes 25 items",
            batch_write
        ),
        clause!(
            "4.7",
            "table-batch-write-each",
            "batch_write is not atomic: each item has a result of its own",
            batch_write_each
        ),
        clause!(
            "4.7",
            "table-scan",
            "following cursors of a scan reads every item of the table once",
            scan
        ),
        clause!(
            "4.7",
            "table-scan-cursor",
            "a cursor of something else is refused by a scan",
            scan_cursor
        ),
        clause!(
            "4.7",
            "table-scan-ttl",
            "an expired item is invisible to scans, transactions and batches",
            expired,
            waits = 60
        ),
    ]
}

fn at(partition: &str, label: &str) -> Key {
    Key {
        partition: KeyValue::String(partition.to_owned()),
        sort: Some(KeyValue::String(label.to_owned())),
    }
}

fn labelled(label: &str, weight: i64) -> Item {
    item(json!({ "box": "b", "label": label, "weight": weight }))
}

fn put(label: &str, weight: i64, condition: Vec<Part>) -> ItemOperation {
    ItemOperation::Put {
        item: labelled(label, weight),
        condition,
    }
}

fn add(label: &str, by: i64, condition: Vec<Part>) -> ItemOperation {
    ItemOperation::Update {
        key: at("b", label),
        update: Update {
            increment: vec![("weight".into(), by)],
            ..Update::default()
        },
        condition,
    }
}

fn weight_is(comparison: Comparison, value: i64) -> Part {
    Part::Compare {
        attribute: "weight".into(),
        comparison,
        value: json!(value),
    }
}

async fn try_transact(
    provider: &Arc<dyn Provider>,
    operations: Vec<ItemOperation>,
) -> Result<(), Error> {
    provider.transact(target("boxes"), operations).await
}

/// A table with the items `a`, `b` and `c` of weights 1, 2 and 3 in the partition `b`.
async fn boxes(trial: Trial) -> Running {
    let running = trial
        .open(Declarations::new().table("boxes", &SORTED))
        .await;
    for (label, weight) in [("a", 1), ("b", 2), ("c", 3)] {
        running
            .put("boxes", Value::Object(labelled(label, weight)))
            .await;
    }
    running
}

/// Label and weight of every item in the partition.
async fn weights(running: &Running) -> Vec<(String, i64)> {
    let found = super::query::by_partition(running, "boxes", "b").await;
    found
        .iter()
        .map(|item| {
            let label = item["label"].as_str().expect("a label").to_owned();
            (label, item["weight"].as_i64().expect("a weight"))
        })
        .collect()
}

fn expected(weights: &[(&str, i64)]) -> Vec<(String, i64)> {
    let weights = weights.iter();
    weights
        .map(|(label, weight)| ((*label).to_owned(), *weight))
        .collect()
}

async fn transact(trial: Trial) {
    let running = boxes(trial).await;
    let operations = vec![
        put("d", 4, vec![Part::ItemMissing]),
        add("a", 10, vec![weight_is(Comparison::Equal, 1)]),
        ItemOperation::Delete {
            key: at("b", "b"),
            condition: vec![Part::ItemExists],
        },
        ItemOperation::Check {
            key: at("b", "c"),
            condition: vec![weight_is(Comparison::Greater, 2)],
        },
    ];
    let result = try_transact(&running.provider(), operations).await;
    accepted("transact", result);
    let left = expected(&[("a", 11), ("c", 3), ("d", 4)]);
    assert_eq!(weights(&running).await, left);
}

async fn transact_none(trial: Trial) {
    let running = boxes(trial).await;
    let before = weights(&running).await;
    let failing = [
        (put("a", 9, vec![Part::ItemMissing]), ErrorKind::Conflict),
        (
            add("b", 1, vec![weight_is(Comparison::Less, 0)]),
            ErrorKind::Conflict,
        ),
        (add("nowhere", 1, Vec::new()), ErrorKind::NotFound),
        (
            ItemOperation::Delete {
                key: at("b", "nowhere"),
                condition: vec![Part::ItemExists],
            },
            ErrorKind::Conflict,
        ),
        (
            ItemOperation::Check {
                key: at("b", "c"),
                condition: vec![Part::ItemMissing],
            },
            ErrorKind::Conflict,
        ),
    ];
    for (operation, kind) in failing {
        for place in 0..3 {
            let mut operations = vec![
                put("d", 4, Vec::new()),
                ItemOperation::Delete {
                    key: at("b", "e"),
                    condition: Vec::new(),
                },
            ];
            operations.insert(place, operation.clone());
            let what = format!("operation {place}, {operation:?}");
            let result = try_transact(&running.provider(), operations).await;
            let error = refused(&what, kind, result);
            assert_eq!(error.failed_operation(), Some(place), "{what}: {error}");
            assert_eq!(weights(&running).await, before, "{what}");
        }
    }
}

async fn transact_conditions(trial: Trial) {
    let running = boxes(trial).await;
    // Each condition holds before the transaction and would not hold after the others.
    let operations = vec![
        add("a", 5, vec![weight_is(Comparison::Equal, 1)]),
        add("b", 5, vec![weight_is(Comparison::Equal, 2)]),
        put("c", 0, vec![weight_is(Comparison::Equal, 3)]),
    ];
    let result = try_transact(&running.provider(), operations.clone()).await;
    accepted("transact", result);
    let after = expected(&[("a", 6), ("b", 7), ("c", 0)]);
    assert_eq!(weights(&running).await, after);
    let again = try_transact(&running.provider(), operations).await;
    let error = refused("the same again", ErrorKind::Conflict, again);
    assert!(error.failed_operation().is_some(), "{error}");
    assert_eq!(weights(&running).await, after);
}

async fn transact_many(trial: Trial) {
    let running = boxes(trial).await;
    let label = |number: usize| format!("m{number:03}");
    let mut operations: Vec<ItemOperation> = (0..99)
        .map(|number| put(&label(number), 1, Vec::new()))
        .collect();
    operations.push(add("a", 1, vec![weight_is(Comparison::Equal, 5)]));
    let result = try_transact(&running.provider(), operations.clone()).await;
    let error = refused("the last one fails", ErrorKind::Conflict, result);
    assert_eq!(error.failed_operation(), Some(99));
    assert_eq!(weights(&running).await.len(), 3);
    operations.pop();
    operations.push(add("a", 1, Vec::new()));
    let result = try_transact(&running.provider(), operations).await;
    accepted("100 operations", result);
    assert_eq!(weights(&running).await.len(), 102);
}

async fn transact_concurrent(trial: Trial) {
    let running = boxes(trial).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let provider = running.provider();
        tasks.spawn(async move {
            let mut happened = 0_i64;
            for _ in 0..5 {
                let result = provider.transact(
                    target("boxes"),
                    vec![add("a", -1, Vec::new()), add("b", 1, Vec::new())],
                );
                match result.await {
                    Ok(()) => happened += 1,
                    // A provider may let the slower of two give way.
                    Err(error) if error.is_conflict() => {
                        assert_eq!(error.failed_operation(), None, "{error}");
                    }
                    Err(error) => panic!("transact failed: {error:?}"),
                }
            }
            happened
        });
    }
    let mut happened = 0;
    while let Some(count) = tasks.join_next().await {
        happened += count.expect("the task ran");
    }
    assert!(happened > 0, "of concurrent transactions one always wins");
    let after = expected(&[("a", 1 - happened), ("b", 2 + happened), ("c", 3)]);
    assert_eq!(weights(&running).await, after);
}

async fn transact_durable(trial: Trial) {
    let mut running = boxes(trial).await;
    let operations = vec![add("a", 1, Vec::new()), put("d", 4, Vec::new())];
    let result = try_transact(&running.provider(), operations).await;
    accepted("transact", result);
    running.outage(1).await;
    let after = expected(&[("a", 2), ("b", 2), ("c", 3), ("d", 4)]);
    assert_eq!(weights(&running).await, after);
}

async fn try_batch(running: &Running, writes: Vec<ItemWrite>) -> Vec<Result<(), Error>> {
    let count = writes.len();
    let results = running
        .provider()
        .batch_write(target("items"), writes)
        .await;
    let results = accepted("batch_write", results);
    assert_eq!(results.len(), count, "one result per item");
    results
}

async fn batch_write(trial: Trial) {
    let running = open(trial).await;
    running.put("items", json!({ "id": "old", "n": 1 })).await;
    running.put("items", json!({ "id": "kept", "n": 1 })).await;
    let mut writes: Vec<ItemWrite> = (0..22)
        .map(|number| ItemWrite::Put(item(json!({ "id": format!("i{number}") }))))
        .collect();
    writes.push(ItemWrite::Delete(key("never there")));
    writes.push(ItemWrite::Delete(key("old")));
    writes.push(ItemWrite::Put(item(json!({ "id": "kept", "n": 2 }))));
    for result in try_batch(&running, writes).await {
        accepted("an item of a batch", result);
    }
    for number in 0..22 {
        let id = format!("i{number}");
        assert!(running.get("items", key(&id)).await.is_some(), "{id}");
    }
    assert_eq!(running.get("items", key("old")).await, None);
    let kept = Some(item(json!({ "id": "kept", "n": 2 })));
    assert_eq!(running.get("items", key("kept")).await, kept);
}

async fn batch_write_each(trial: Trial) {
    let running = open(trial).await;
    let large = json!({ "id": "large", "text": "x".repeat(ITEM_BYTES_MAX) });
    let writes = vec![
        ItemWrite::Put(item(json!({ "id": "first" }))),
        ItemWrite::Put(item(large)),
        ItemWrite::Put(item(json!({ "id": "last" }))),
    ];
    let mut results = try_batch(&running, writes).await.into_iter();
    let mut next = || results.next().expect("three results");
    accepted("the first", next());
    refused("an item beyond the limit", ErrorKind::TooLarge, next());
    accepted("the last", next());
    assert!(running.get("items", key("first")).await.is_some());
    assert_eq!(running.get("items", key("large")).await, None);
    assert!(running.get("items", key("last")).await.is_some());
}

async fn try_scan(
    running: &Running,
    table: &str,
    limit: u32,
    cursor: Option<String>,
) -> Result<Page, Error> {
    let scan = Scan {
        limit,
        cursor,
        consistency: Consistency::Strong,
    };
    running.provider().scan(target(table), scan).await
}

async fn scan(trial: Trial) {
    let declarations = Declarations::new()
        .table("items", &PLAIN)
        .table("items-2", &PLAIN);
    let running = trial.open(declarations).await;
    running.put("items-2", json!({ "id": "elsewhere" })).await;
    for number in 0..25 {
        running
            .put("items", json!({ "id": format!("i{number}") }))
            .await;
    }
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let page = accepted("scan", try_scan(&running, "items", 4, cursor).await);
        assert!(page.items.len() <= 4, "{} items", page.items.len());
        found.extend(page.items);
        // What is written behind a scan does not disturb it.
        running.put("items-2", json!({ "id": "more" })).await;
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    let ids: BTreeSet<&str> = found
        .iter()
        .filter_map(|item| item["id"].as_str())
        .collect();
    assert_eq!((ids.len(), found.len()), (25, 25), "every item once");
    assert!(ids.iter().all(|id| id.starts_with('i')), "{ids:?}");
}

async fn scan_cursor(trial: Trial) {
    let declarations = Declarations::new()
        .table("items", &PLAIN)
        .table("items-2", &PLAIN);
    let running = trial.open(declarations).await;
    for id in ["a", "b"] {
        running.put("items", json!({ "id": id })).await;
    }
    let page = accepted("scan", try_scan(&running, "items", 1, None).await);
    let cursor = page.cursor.expect("there is a second page");
    let result = try_scan(&running, "items-2", 1, Some(cursor.clone())).await;
    refused("a cursor of another table", ErrorKind::Invalid, result);
    let result = try_scan(&running, "items", 1, Some("nonsense".into())).await;
    refused("text that is no cursor", ErrorKind::Invalid, result);
    let page = accepted("scan", try_scan(&running, "items", 9, Some(cursor)).await);
    assert_eq!(page.items.len(), 1);
}

async fn expired(trial: Trial) {
    let mut running = open(trial).await;
    let now = running
        .now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    for id in ["a", "b"] {
        running
            .put("items", json!({ "id": id, "expires_at": now + 30 }))
            .await;
    }
    running.put("items", json!({ "id": "stays" })).await;
    running.advance(30).await;
    let page = accepted("scan", try_scan(&running, "items", 9, None).await);
    assert_eq!(page.items, [item(json!({ "id": "stays" }))], "scan");
    let exists = ItemOperation::Check {
        key: key("a"),
        condition: vec![Part::ItemExists],
    };
    let provider = running.provider();
    let result = provider.transact(target("items"), vec![exists]).await;
    refused("a check of an expired item", ErrorKind::Conflict, result);
    let put = ItemOperation::Put {
        item: item(json!({ "id": "a", "n": 1 })),
        condition: vec![Part::ItemMissing],
    };
    let result = provider.transact(target("items"), vec![put]).await;
    accepted("a put over an expired item", result);
    let write = ItemWrite::Put(item(json!({ "id": "b", "n": 1 })));
    accepted("a batch", try_batch(&running, vec![write]).await.remove(0));
    for id in ["a", "b"] {
        let found = running.get("items", key(id)).await;
        assert_eq!(found, Some(item(json!({ "id": id, "n": 1 }))));
    }
}
