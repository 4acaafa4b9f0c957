//! Declarations that change between two runs on one directory.

use crate::declare::{
    Manual, application, index, key, open, queue, refusal, resource, table, target, text,
};
use ifc_local::{OpenError, Storage};
use ifc_manifest::Kind;
use ifc_manifest::format::Value;
use ifc_runtime::queue::{OutgoingMessage, QueueOperations as _};
use ifc_runtime::table::{Item, Key, KeyValue, Query, TableOperations as _};
use ifc_runtime::{Provider, TraceContext};
use serde_json::json;
use std::time::Duration;

fn item(value: serde_json::Value) -> Item {
    value.as_object().unwrap().clone()
}

pub(crate) fn message(body: &str, group: Option<&str>) -> OutgoingMessage {
    OutgoingMessage {
        id: None,
        body: body.as_bytes().to_vec(),
        attributes: Default::default(),
        group: group.map(str::to_owned),
        delay: Duration::ZERO,
        trace: TraceContext::root(),
    }
}

fn by_customer(scalar: &str) -> Vec<Value> {
    vec![index("by-customer", key("customer", scalar))]
}

async fn count(local: &dyn Provider, index: &str, partition: KeyValue) -> usize {
    let query = Query {
        index: Some(index.to_owned()),
        partition,
        sort: None,
        descending: false,
        limit: 1_000,
        cursor: None,
        consistency: Default::default(),
    };
    local
        .query(target("orders"), query)
        .await
        .unwrap()
        .items
        .len()
}

#[tokio::test]
async fn indexes_follow_their_declaration() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Manual::at(1_000);
    let storage = || Storage::directory(directory.path());
    let with = |indexes| {
        let orders = table("orders", key("id", "string"), indexes, Some("expires"));
        application(vec![orders], Vec::new())
    };
    let local = open(&with(Vec::new()), storage(), &clock).unwrap();
    for id in 0..50 {
        let customer = ["ada", "bob"][id % 2];
        let order = item(json!({ "id": id.to_string(), "customer": customer, "zip": id / 10 }));
        local
            .put(target("orders"), order, Vec::new())
            .await
            .unwrap();
    }
    drop(local);

    let ada = || KeyValue::String("ada".to_owned());
    let local = open(&with(by_customer("string")), storage(), &clock).unwrap();
    assert_eq!(
        count(&*local, "by-customer", ada()).await,
        25,
        "a new index is filled"
    );
    drop(local);

    let zip = vec![index("by-customer", key("zip", "number"))];
    let local = open(&with(zip), storage(), &clock).unwrap();
    assert_eq!(count(&*local, "by-customer", KeyValue::Number(3)).await, 10);
    let first = Key {
        partition: KeyValue::String("0".to_owned()),
        sort: None,
    };
    local
        .delete(target("orders"), first, Vec::new())
        .await
        .unwrap();
    drop(local);

    // An index that was gone for a while does not remember the time before.
    drop(open(&with(Vec::new()), storage(), &clock).unwrap());
    let local = open(&with(by_customer("string")), storage(), &clock).unwrap();
    assert_eq!(count(&*local, "by-customer", ada()).await, 24);
}

#[tokio::test]
async fn a_ttl_that_is_declared_later_counts_for_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Manual::at(1_000);
    let with = |ttl| {
        application(
            vec![table("orders", key("id", "string"), Vec::new(), ttl)],
            Vec::new(),
        )
    };
    let local = open(&with(None), Storage::directory(directory.path()), &clock).unwrap();
    for (id, expires) in [("old", 1_500), ("young", 9_000)] {
        let order = item(json!({ "id": id, "expires": expires }));
        local
            .put(target("orders"), order, Vec::new())
            .await
            .unwrap();
    }
    drop(local);
    clock.set(2_000);
    let later = with(Some("expires"));
    let local = open(&later, Storage::directory(directory.path()), &clock).unwrap();
    assert_eq!(local.items("orders").unwrap().len(), 1);
    clock.set(9_000);
    assert!(
        local.items("orders").unwrap().is_empty(),
        "invisible from its expiry on"
    );
    local.sweep().await.unwrap();
    drop(local);
    // Without the ttl it would be visible again, had it not been removed.
    let local = open(&with(None), Storage::directory(directory.path()), &clock).unwrap();
    assert!(local.items("orders").unwrap().is_empty());
}

#[tokio::test]
async fn a_table_with_items_keeps_its_key() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Manual::at(1_000);
    let storage = || Storage::directory(directory.path());
    let with = |partition| {
        application(
            vec![table("orders", partition, Vec::new(), None)],
            Vec::new(),
        )
    };
    let (before, after) = (with(key("id", "string")), with(key("number", "number")));
    drop(open(&before, storage(), &clock).unwrap());
    drop(open(&after, storage(), &clock).expect("an empty table may change"));
    let local = open(&before, storage(), &clock).unwrap();
    local
        .put(target("orders"), item(json!({ "id": "1" })), Vec::new())
        .await
        .unwrap();
    drop(local);
    let refused = open(&after, storage(), &clock);
    assert!(matches!(refused, Err(OpenError::Changed { .. })));
    let error = refusal(refused);
    for part in [
        "`orders`",
        "`id` (string)",
        "`number` (number)",
        "ifc local reset",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let local = open(&before, storage(), &clock).unwrap();
    assert_eq!(
        local.items("orders").unwrap().len(),
        1,
        "nothing was touched"
    );
}

#[tokio::test]
async fn a_queue_with_messages_keeps_its_order() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Manual::at(1_000);
    let storage = || Storage::directory(directory.path());
    let with = |fifo| application(vec![queue("jobs", fifo)], Vec::new());
    drop(open(&with(true), storage(), &clock).unwrap());
    let local = open(&with(false), storage(), &clock).expect("an empty queue may change");
    local
        .send(target("jobs"), vec![message("1", None)])
        .await
        .unwrap();
    drop(local);
    let error = refusal(open(&with(true), storage(), &clock));
    assert!(
        error.contains("`jobs` still holds messages as a standard queue"),
        "{error}"
    );
    let local = open(&with(false), storage(), &clock).unwrap();
    assert_eq!(local.depth("jobs").unwrap().ready, 1);
    local.purge("jobs").await.unwrap();
    drop(local);
    open(&with(true), storage(), &clock).unwrap();
}

#[test]
fn a_declaration_that_cannot_be_read_is_named() {
    let broken = resource(Kind::Queue, "jobs", text("nonsense"));
    let error = refusal(open(
        &application(vec![broken], Vec::new()),
        Storage::Memory,
        &Manual::at(0),
    ));
    assert!(
        error.contains("queue `jobs`") && error.contains("`fifo`"),
        "{error}"
    );
}
