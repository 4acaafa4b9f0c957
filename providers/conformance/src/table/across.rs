//! Table: transactions over several partitions and tables (contract, 4.7 and 12), where a provider
//! has them.

use super::query::SORTED;
use super::{PLAIN, item, key};
use crate::clause::{Clause, clause};
use crate::declare::{Declarations, target};
use crate::trial::{Running, Trial, accepted, refused};
use ifc_manifest::capability::Capability;
use ifc_runtime::table::{
    Clause as Part, Comparison, Condition, ItemOperation, Key, KeyValue, Update,
};
use ifc_runtime::{Error, ErrorKind, Target};
use serde_json::{Value, json};

pub(crate) fn clauses() -> Vec<Clause> {
    vec![
        clause!(
            "12",
            "table-across",
            "all operations of a transaction over partitions and tables happen",
            across,
            needs = Capability::CrossPartitionTx
        ),
        clause!(
            "12",
            "table-across-none",
            "none happens when one cannot in whichever table, and the error says which",
            across_none,
            needs = Capability::CrossPartitionTx
        ),
        clause!(
            "12",
            "table-across-durable",
            "an acknowledged transaction over tables outlives an outage",
            across_durable,
            outage = true,
            waits = 1,
            needs = Capability::CrossPartitionTx
        ),
    ]
}

type Operations = Vec<(Target<'static>, ItemOperation)>;

fn boxed(name: &str, weight: i64) -> Value {
    json!({ "box": name, "label": "only", "weight": weight })
}

fn box_key(name: &str) -> Key {
    Key {
        partition: KeyValue::String(name.to_owned()),
        sort: Some(KeyValue::String("only".to_owned())),
    }
}

fn weigh(name: &str, by: i64, condition: Condition) -> (Target<'static>, ItemOperation) {
    let update = Update {
        increment: vec![("weight".into(), by)],
        ..Update::default()
    };
    let operation = ItemOperation::Update {
        key: box_key(name),
        update,
        condition,
    };
    (target("boxes"), operation)
}

fn note(id: &str, text: &str, condition: Condition) -> (Target<'static>, ItemOperation) {
    let item = item(json!({ "id": id, "text": text }));
    (target("items"), ItemOperation::Put { item, condition })
}

fn forget(id: &str, condition: Condition) -> (Target<'static>, ItemOperation) {
    let operation = ItemOperation::Delete {
        key: key(id),
        condition,
    };
    (target("items"), operation)
}

fn look(name: &str, weight: i64) -> (Target<'static>, ItemOperation) {
    let condition = vec![Part::Compare {
        attribute: "weight".into(),
        comparison: Comparison::Equal,
        value: json!(weight),
    }];
    let operation = ItemOperation::Check {
        key: box_key(name),
        condition,
    };
    (target("boxes"), operation)
}

async fn try_across(running: &Running, operations: Operations) -> Result<(), Error> {
    let provider = running.provider();
    provider.transact_across(target("boxes"), operations).await
}

/// Two tables: boxes `a` and `b`, each a partition of its own, of weights 1 and 2, and the item
/// `old`.
async fn tables(trial: Trial) -> Running {
    let declarations = Declarations::new()
        .table("boxes", &SORTED)
        .table("items", &PLAIN);
    let running = trial.open(declarations).await;
    running.put("boxes", boxed("a", 1)).await;
    running.put("boxes", boxed("b", 2)).await;
    running.put("items", json!({ "id": "old" })).await;
    running
}

/// Everything that the transactions of this file could have changed.
async fn all(running: &Running) -> Value {
    let mut found = Vec::new();
    for name in ["a", "b", "c"] {
        found.push(running.get("boxes", box_key(name)).await);
    }
    for id in ["old", "new"] {
        found.push(running.get("items", key(id)).await);
    }
    json!(found)
}

async fn across(trial: Trial) {
    let running = tables(trial).await;
    let operations = vec![
        weigh("a", -1, Condition::new()),
        weigh("b", 1, Condition::new()),
        note("new", "moved", vec![Part::ItemMissing]),
        forget("old", vec![Part::ItemExists]),
    ];
    let result = try_across(&running, operations).await;
    accepted("transact_across", result);
    let after = json!([
        boxed("a", 0),
        boxed("b", 3),
        null,
        null,
        { "id": "new", "text": "moved" },
    ]);
    assert_eq!(all(&running).await, after);
}

async fn across_none(trial: Trial) {
    let running = tables(trial).await;
    let before = all(&running).await;
    let failing = [
        (
            note("old", "again", vec![Part::ItemMissing]),
            ErrorKind::Conflict,
        ),
        (forget("new", vec![Part::ItemExists]), ErrorKind::Conflict),
        (look("b", 7), ErrorKind::Conflict),
        (weigh("c", 1, Condition::new()), ErrorKind::NotFound),
    ];
    for (operation, kind) in failing {
        for place in 0..3 {
            let mut operations = vec![
                weigh("a", 5, Condition::new()),
                note("other", "x", Condition::new()),
            ];
            operations.insert(place, operation.clone());
            let what = format!("operation {place}, {operation:?}");
            let result = try_across(&running, operations).await;
            let error = refused(&what, kind, result);
            assert_eq!(error.failed_operation(), Some(place), "{what}: {error}");
            assert_eq!(all(&running).await, before, "{what}");
            assert_eq!(running.get("items", key("other")).await, None, "{what}");
        }
    }
}

async fn across_durable(trial: Trial) {
    let mut running = tables(trial).await;
    let operations = vec![
        weigh("a", 1, Condition::new()),
        note("new", "kept", Condition::new()),
    ];
    let result = try_across(&running, operations).await;
    accepted("transact_across", result);
    running.outage(1).await;
    let after = json!([
        boxed("a", 2),
        boxed("b", 2),
        null,
        { "id": "old" },
        { "id": "new", "text": "kept" },
    ]);
    assert_eq!(all(&running).await, after);
}
