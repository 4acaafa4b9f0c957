//! Table: the change stream (contract, 4.7). Followers are asynchronous edges, so what edges promise
//! is tried here once more for what differs.

use super::query::SORTED;
use super::{PLAIN, key};
use crate::clause::{Clause, clause};
use crate::declare::{Declarations, target};
use crate::queue::QUICK;
use crate::script::Behaviour;
use crate::trial::{Running, Trial, accepted, refused};
use ifc_runtime::table::{
    Clause as Part, Condition, Item, ItemOperation, ItemWrite, Key, KeyValue, Update,
};
use ifc_runtime::{ErrorKind, Outcome};
use serde_json::{Value, json};

pub(crate) fn clauses() -> Vec<Clause> {
    vec![
        clause!(
            "4.7",
            "table-change",
            "every change of an item is an event with its key and the item as it then is",
            changes
        ),
        clause!(
            "4.7",
            "table-change-key",
            "the key in a change has the key attributes and nothing else",
            keys
        ),
        clause!(
            "4.7",
            "table-change-version",
            "the version grows with every change of an item, also over its removal and an outage",
            versions,
            outage = true,
            waits = 1
        ),
        clause!(
            "4.7",
            "table-change-several",
            "what transactions and batches write is changes like any other",
            several
        ),
        clause!(
            "4.7",
            "table-change-refused",
            "a write that is refused is no change",
            none
        ),
        clause!(
            "3",
            "table-change-independent",
            "a failing follower keeps its own dead letters and holds up no other",
            independent,
            waits = 1_000
        ),
        clause!(
            "4.7",
            "table-change-durable",
            "a change that was acknowledged is told after an outage",
            durable,
            outage = true,
            waits = 1
        ),
    ]
}

fn followed() -> Declarations {
    Declarations::new()
        .table_with_stream("items", &PLAIN)
        .follower("first", "items", QUICK)
        .follower("second", "items", QUICK)
}

/// A change as a follower saw it.
#[derive(Clone, Debug)]
struct Told {
    key: Value,
    kind: String,
    new: Option<Value>,
    version: u128,
}

fn told(body: &[u8]) -> Told {
    let body: Value = serde_json::from_slice(body).expect("a change is JSON");
    let version = body["version"].as_str().expect("a version is text");
    assert!(version.len() <= 40, "{version}");
    Told {
        key: body["key"].clone(),
        kind: body["kind"].as_str().expect("a kind").to_owned(),
        new: body.get("new").cloned(),
        version: version.parse().expect("a version is a number"),
    }
}

impl Running {
    /// A partition key of this trial.
    fn own(&self, name: &str) -> String {
        format!("{}/{name}", self.script.number())
    }

    /// What a unit was told, by version, each change once.
    fn told(&self, unit: &str) -> Vec<Told> {
        let mut ids = std::collections::BTreeSet::new();
        let mut told: Vec<Told> = self
            .seen()
            .into_iter()
            .filter(|seen| seen.unit == unit && ids.insert(seen.delivery.id.clone()))
            .map(|seen| told(&seen.delivery.body))
            .collect();
        told.sort_by_key(|told| told.version);
        told
    }

    /// What a unit was told of one item.
    fn told_of(&self, unit: &str, name: &str) -> Vec<Told> {
        let id = self.own(name);
        let mut told = self.told(unit);
        told.retain(|told| told.key["id"] == id.as_str());
        told
    }

    async fn remove(&self, name: &str) {
        let provider = self.provider();
        let key = key(&self.own(name));
        let result = provider.delete(target("items"), key, Condition::new());
        accepted("delete", result.await);
    }
}

async fn changes(trial: Trial) {
    let mut running = trial.open(followed()).await;
    let id = running.own("a");
    running.put("items", json!({ "id": id, "n": 1 })).await;
    running.settle().await;
    let update = Update {
        increment: vec![("n".into(), 1)],
        ..Update::default()
    };
    let provider = running.provider();
    let result = provider.update(target("items"), key(&id), update, Condition::new());
    accepted("update", result.await);
    running.settle().await;
    running.remove("a").await;
    running.settle().await;
    for unit in ["first", "second"] {
        let told = running.told_of(unit, "a");
        let kinds: Vec<&str> = told.iter().map(|told| told.kind.as_str()).collect();
        assert_eq!(kinds, ["upsert", "upsert", "delete"], "{unit}");
        let new: Vec<Option<&Value>> = told.iter().map(|told| told.new.as_ref()).collect();
        let expected = [json!({ "id": id, "n": 1 }), json!({ "id": id, "n": 2 })];
        assert_eq!(
            new,
            [Some(&expected[0]), Some(&expected[1]), None],
            "{unit}"
        );
    }
}

async fn keys(trial: Trial) {
    let declarations = Declarations::new()
        .table_with_stream("boxes", &SORTED)
        .follower("first", "boxes", QUICK);
    let mut running = trial.open(declarations).await;
    let partition = running.own("b");
    let item = json!({ "box": partition, "label": "x", "weight": 3 });
    running.put("boxes", item.clone()).await;
    running.settle().await;
    let gone = Key {
        partition: KeyValue::String(partition.clone()),
        sort: Some(KeyValue::String("x".into())),
    };
    let provider = running.provider();
    let result = provider.delete(target("boxes"), gone, Condition::new());
    accepted("delete", result.await);
    running.settle().await;
    let told = running.told("first");
    assert_eq!(told.len(), 2, "{told:?}");
    for change in &told {
        assert_eq!(change.key, json!({ "box": partition, "label": "x" }));
    }
    assert_eq!(told[0].new, Some(item));
}

async fn versions(trial: Trial) {
    let mut running = trial.open(followed()).await;
    let id = running.own("a");
    let mut changes = 0;
    for round in 0..3 {
        for n in 0..3 {
            running
                .put("items", json!({ "id": id, "n": round * 10 + n }))
                .await;
            running
                .put("items", json!({ "id": running.own("b"), "n": n }))
                .await;
            changes += 1;
            running.settle().await;
        }
        running.remove("a").await;
        changes += 1;
        running.settle().await;
        if round == 1 {
            running.outage(1).await;
        }
    }
    let told = running.told_of("first", "a");
    assert_eq!(told.len(), changes, "each change is told once settled");
    assert!(
        told.windows(2)
            .all(|pair| pair[0].version < pair[1].version),
        "{told:?}"
    );
    // In the order of the versions the changes are in the order of the writes.
    let new: Vec<Option<i64>> = (told.iter())
        .map(|told| told.new.as_ref().and_then(|new| new["n"].as_i64()))
        .collect();
    let expected = [0, 1, 2, -1, 10, 11, 12, -1, 20, 21, 22, -1];
    assert_eq!(new, expected.map(|n| (n >= 0).then_some(n)));
}

async fn several(trial: Trial) {
    let declarations = Declarations::new()
        .table_with_stream("items", &PLAIN)
        .table_with_stream("boxes", &SORTED)
        .follower("first", "items", QUICK)
        .follower("second", "boxes", QUICK);
    let mut running = trial.open(declarations).await;
    let item = |name: &str| -> Item { Item::from_iter([("id".into(), json!(running.own(name)))]) };
    running.put("items", Value::Object(item("old"))).await;
    let writes = vec![
        ItemWrite::Put(item("new")),
        ItemWrite::Delete(key(&running.own("old"))),
        ItemWrite::Delete(key(&running.own("never there"))),
    ];
    let provider = running.provider();
    let results = provider.batch_write(target("items"), writes).await;
    for result in accepted("batch_write", results) {
        accepted("an item of a batch", result);
    }
    let partition = running.own("b");
    let boxed = |label: &str, weight: i64| {
        let item = json!({ "box": partition, "label": label, "weight": weight });
        super::item(item)
    };
    running.put("boxes", Value::Object(boxed("a", 1))).await;
    let at = |label: &str| Key {
        partition: KeyValue::String(partition.clone()),
        sort: Some(KeyValue::String(label.into())),
    };
    let operations = vec![
        ItemOperation::Update {
            key: at("a"),
            update: Update {
                increment: vec![("weight".into(), 5)],
                ..Update::default()
            },
            condition: Condition::new(),
        },
        ItemOperation::Put {
            item: boxed("b", 2),
            condition: Condition::new(),
        },
        ItemOperation::Check {
            key: at("c"),
            condition: vec![Part::ItemMissing],
        },
    ];
    let result = provider.transact(target("boxes"), operations).await;
    accepted("transact", result);
    drop(provider);
    running.settle().await;
    let last = |name: &str| {
        let told = running.told_of("first", name);
        told.last().map(|told| told.kind.clone())
    };
    assert_eq!(last("new").as_deref(), Some("upsert"));
    assert_eq!(last("old").as_deref(), Some("delete"));
    let weight = |label: &str| {
        let mut told = running.told("second");
        told.retain(|told| told.key["label"] == label);
        told.last()?.new.as_ref()?["weight"].as_i64()
    };
    assert_eq!(
        (weight("a"), weight("b"), weight("c")),
        (Some(6), Some(2), None)
    );
}

async fn none(trial: Trial) {
    let mut running = trial.open(followed()).await;
    let id = running.own("a");
    let missing = vec![Part::ItemExists];
    let result = running
        .try_put("items", json!({ "id": id }), missing.clone())
        .await;
    refused("a put if it exists", ErrorKind::Conflict, result);
    let operations = vec![ItemOperation::Check {
        key: key(&id),
        condition: missing,
    }];
    let provider = running.provider();
    let result = provider.transact(target("items"), operations).await;
    refused("a check", ErrorKind::Conflict, result);
    drop(provider);
    running.remove("never there").await;
    running.settle().await;
    assert_eq!(running.seen().len(), 0, "{:?}", running.seen());
}

async fn independent(trial: Trial) {
    let mut running = trial.open(followed()).await;
    running.script.on_event(|_| {
        let unit = ifc_runtime::Invocation::current().map(|running| running.unit.to_string());
        Behaviour::Answer(match unit.as_deref() {
            Some("first") => Outcome::retry("not today"),
            _ => Outcome::Ack,
        })
    });
    running
        .put("items", json!({ "id": running.own("a") }))
        .await;
    running.advance(1_000).await;
    assert_eq!(running.told("second").len(), 1);
    let dead = running.dead_letters("first").await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].reason, "not today");
    let buried = told(&dead[0].body);
    assert_eq!(buried.key["id"], running.own("a").as_str());
    assert_eq!(running.dead_letters("second").await.len(), 0);
}

async fn durable(trial: Trial) {
    let mut running = trial.open(followed()).await;
    running
        .put("items", json!({ "id": running.own("a") }))
        .await;
    running.outage(1).await;
    running.settle().await;
    assert_eq!(running.told("first").len(), 1);
}
