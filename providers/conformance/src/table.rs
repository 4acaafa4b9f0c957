//! Table: single items (contract, 4.7); conditions, queries, several items at once and the change
//! stream in modules of their own.

mod across;
mod change;
mod condition;
mod query;
mod several;

use crate::clause::{Clause, clause};
use crate::declare::{Declarations, target};
use crate::trial::{Running, Trial, accepted, refused};
use ifc_manifest::kind::table::{IndexSchema, ItemSchema, KeySchema, Scalar};
use ifc_manifest::size::ITEM_BYTES_MAX;
use ifc_runtime::table::{Clause as Part, Condition, Consistency, Item, Key, KeyValue, Update};
use ifc_runtime::{Error, ErrorKind};
use serde_json::{Value, json};
use std::time::SystemTime;

pub(crate) fn clauses() -> Vec<Clause> {
    let items = vec![
        clause!(
            "4.7",
            "table-put-get",
            "an item reads back as it was put, whatever its values",
            put_get
        ),
        clause!(
            "4.7",
            "table-missing",
            "a key without an item reads as nothing",
            missing
        ),
        clause!(
            "4.7",
            "table-replace",
            "a put replaces the whole item",
            replace
        ),
        clause!(
            "4.7",
            "table-keys",
            "keys of both types, with and without sort key, tell items apart",
            keys
        ),
        clause!(
            "4.7",
            "table-apart",
            "tables do not see each other's items",
            tables_apart
        ),
        clause!(
            "4.7",
            "table-delete",
            "a delete removes the item, and succeeds again",
            delete
        ),
        clause!(
            "4.7",
            "table-batch-get",
            "batch_get answers in the order of the keys, without the missing ones",
            batch_get
        ),
        clause!(
            "4.7",
            "table-update",
            "an update sets, removes and increments as one and returns the item",
            update
        ),
        clause!(
            "4.7",
            "table-update-errors",
            "an update that cannot be applied changes nothing",
            update_errors
        ),
        clause!(
            "4.7",
            "table-atomic",
            "concurrent increments all count",
            concurrent_increments
        ),
        clause!(
            "3",
            "table-item-size",
            "an item of 380 KiB is stored; an update that would exceed it is too large",
            item_size
        ),
        clause!(
            "4.7",
            "table-ttl",
            "an expired item is invisible to every operation from its expiry on",
            ttl,
            waits = 120
        ),
        clause!(
            "4.7",
            "table-durable",
            "what was acknowledged outlives an outage",
            durable,
            outage = true,
            waits = 1
        ),
        clause!(
            "1",
            "table-unknown",
            "an operation on a table that is not there is an error",
            unknown
        ),
    ];
    [
        items,
        condition::clauses(),
        query::clauses(),
        several::clauses(),
        across::clauses(),
        change::clauses(),
    ]
    .concat()
}

/// A table with partition key `id`, an index and a ttl.
pub(crate) const PLAIN: ItemSchema = ItemSchema {
    key: KeySchema {
        name: "id",
        scalar: Scalar::String,
    },
    sort: None,
    indexes: &[IndexSchema {
        name: "by-owner",
        key: KeySchema {
            name: "owner",
            scalar: Scalar::String,
        },
        sort: None,
    }],
    ttl: Some("expires_at"),
    version: None,
};

/// A table with partition key `number` and sort key `line`, both numbers.
const NUMBERED: ItemSchema = ItemSchema {
    key: KeySchema {
        name: "number",
        scalar: Scalar::Number,
    },
    sort: Some(KeySchema {
        name: "line",
        scalar: Scalar::Number,
    }),
    indexes: &[],
    ttl: None,
    version: None,
};

pub(crate) fn item(value: Value) -> Item {
    match value {
        Value::Object(item) => item,
        other => panic!("an item is an object, not {other}"),
    }
}

pub(crate) fn key(id: &str) -> Key {
    Key {
        partition: KeyValue::String(id.to_owned()),
        sort: None,
    }
}

fn number_key(number: i64, line: i64) -> Key {
    Key {
        partition: KeyValue::Number(number),
        sort: Some(KeyValue::Number(line)),
    }
}

impl Running {
    pub(crate) async fn get(&self, table: &str, key: Key) -> Option<Item> {
        let result = self
            .provider()
            .get(target(table), key, Consistency::Strong)
            .await;
        accepted("get", result)
    }

    pub(crate) async fn try_put(
        &self,
        table: &str,
        value: Value,
        condition: Condition,
    ) -> Result<(), Error> {
        self.provider()
            .put(target(table), item(value), condition)
            .await
    }

    pub(crate) async fn put(&self, table: &str, value: Value) {
        accepted("put", self.try_put(table, value, Vec::new()).await);
    }

    async fn try_update(
        &self,
        key: Key,
        update: Update,
        condition: Condition,
    ) -> Result<Item, Error> {
        self.provider()
            .update(target("items"), key, update, condition)
            .await
    }

    async fn try_delete(&self, key: Key, condition: Condition) -> Result<(), Error> {
        self.provider()
            .delete(target("items"), key, condition)
            .await
    }
}

async fn open(trial: Trial) -> Running {
    trial.open(Declarations::new().table("items", &PLAIN)).await
}

async fn put_get(trial: Trial) {
    let running = open(trial).await;
    let value = json!({
        "id": "ключ/1 %#?",
        "null": null,
        "yes": true,
        "no": false,
        "text": "grüße \u{1F600} \"quoted\" \\ \n",
        "empty": "",
        "largest": 9_007_199_254_740_991_i64,
        "smallest": -9_007_199_254_740_991_i64,
        "fraction": 0.1,
        "tiny": -1.5e-9,
        "decimal": "123456789012345678901234567890.5",
        "list": [1, "two", null, [3.5], {}],
        "map": { "a": { "b": [true] }, "": 0 },
    });
    running.put("items", value.clone()).await;
    assert_eq!(
        running.get("items", key("ключ/1 %#?")).await,
        Some(item(value))
    );
}

async fn missing(trial: Trial) {
    let running = open(trial).await;
    running.put("items", json!({ "id": "a" })).await;
    assert_eq!(running.get("items", key("A")).await, None);
    assert_eq!(running.get("items", key("a ")).await, None);
    assert_eq!(running.get("items", key("aa")).await, None);
}

async fn replace(trial: Trial) {
    let running = open(trial).await;
    running
        .put("items", json!({ "id": "a", "old": 1, "both": 1 }))
        .await;
    running
        .put("items", json!({ "id": "a", "new": 2, "both": 2 }))
        .await;
    let expected = item(json!({ "id": "a", "new": 2, "both": 2 }));
    assert_eq!(running.get("items", key("a")).await, Some(expected));
}

async fn keys(trial: Trial) {
    let declarations = Declarations::new()
        .table("items", &PLAIN)
        .table("numbered", &NUMBERED);
    let running = trial.open(declarations).await;
    let pairs = [
        (0, 0),
        (0, 1),
        (1, 0),
        (-1, 0),
        (0, -1),
        (10, 0),
        (1, 9_007_199_254_740_991),
    ];
    for (number, line) in pairs {
        running
            .put("numbered", json!({ "number": number, "line": line }))
            .await;
    }
    for (number, line) in pairs {
        let found = running.get("numbered", number_key(number, line)).await;
        assert_eq!(found, Some(item(json!({ "number": number, "line": line }))));
    }
    assert_eq!(running.get("numbered", number_key(10, 1)).await, None);
    let longest = "é".repeat(512);
    running.put("items", json!({ "id": longest })).await;
    assert!(
        running.get("items", key(&longest)).await.is_some(),
        "a key of 1,024 bytes"
    );
}

async fn tables_apart(trial: Trial) {
    let declarations = Declarations::new()
        .table("items", &PLAIN)
        .table("items-2", &PLAIN);
    let running = trial.open(declarations).await;
    running
        .put("items", json!({ "id": "a", "in": "items" }))
        .await;
    assert_eq!(running.get("items-2", key("a")).await, None);
    running
        .put("items-2", json!({ "id": "a", "in": "items-2" }))
        .await;
    let first = running.get("items", key("a")).await.expect("still there");
    assert_eq!(first["in"], "items");
}

async fn delete(trial: Trial) {
    let running = open(trial).await;
    running.put("items", json!({ "id": "a" })).await;
    running.put("items", json!({ "id": "b" })).await;
    accepted("delete", running.try_delete(key("a"), Vec::new()).await);
    assert_eq!(running.get("items", key("a")).await, None);
    assert!(running.get("items", key("b")).await.is_some());
    accepted(
        "a second delete",
        running.try_delete(key("a"), Vec::new()).await,
    );
}

async fn batch_get(trial: Trial) {
    let running = open(trial).await;
    for number in 0..100 {
        running
            .put(
                "items",
                json!({ "id": format!("i{number}"), "number": number }),
            )
            .await;
    }
    let mut wanted: Vec<i64> = (0..98).rev().collect();
    wanted.extend([500, 98]);
    let keys = wanted
        .iter()
        .map(|number| key(&format!("i{number}")))
        .collect();
    let result = running
        .provider()
        .batch_get(target("items"), keys, Consistency::Strong)
        .await;
    let found: Vec<i64> = accepted("batch_get", result)
        .iter()
        .map(|item| item["number"].as_i64().expect("a number"))
        .collect();
    wanted.retain(|number| *number < 100);
    assert_eq!(found, wanted);
}

async fn update(trial: Trial) {
    let running = open(trial).await;
    running
        .put(
            "items",
            json!({ "id": "a", "set": 1, "gone": 2, "kept": 3, "count": 40 }),
        )
        .await;
    let update = Update {
        set: vec![
            ("set".into(), json!({ "deep": [1] })),
            ("new".into(), json!("x")),
        ],
        remove: vec!["gone".into(), "never there".into()],
        increment: vec![("count".into(), 2), ("fresh".into(), -7)],
    };
    let returned = accepted(
        "update",
        running.try_update(key("a"), update, Vec::new()).await,
    );
    let expected = item(json!({
        "id": "a", "set": { "deep": [1] }, "new": "x", "kept": 3, "count": 42, "fresh": -7,
    }));
    assert_eq!(returned, expected);
    assert_eq!(running.get("items", key("a")).await, Some(expected));
}

async fn update_errors(trial: Trial) {
    let running = open(trial).await;
    let start = json!({ "id": "a", "text": "x", "half": 0.5, "full": 9_007_199_254_740_991_i64 });
    running.put("items", start.clone()).await;
    for name in ["text", "half", "full"] {
        let update = Update {
            set: vec![("set".into(), json!(1))],
            increment: vec![(name.into(), 1)],
            ..Update::default()
        };
        let result = running.try_update(key("a"), update, Vec::new()).await;
        refused(
            &format!("incrementing `{name}`"),
            ErrorKind::Invalid,
            result,
        );
        assert_eq!(
            running.get("items", key("a")).await,
            Some(item(start.clone()))
        );
    }
    let set = Update {
        set: vec![("set".into(), json!(1))],
        ..Update::default()
    };
    let result = running.try_update(key("b"), set, Vec::new()).await;
    refused(
        "updating an item that is not there",
        ErrorKind::NotFound,
        result,
    );
    assert_eq!(
        running.get("items", key("b")).await,
        None,
        "an update must not make an item"
    );
}

async fn concurrent_increments(trial: Trial) {
    let running = open(trial).await;
    running.put("items", json!({ "id": "a" })).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let provider = running.provider();
        tasks.spawn(async move {
            let update = Update {
                increment: vec![("count".into(), 1)],
                ..Update::default()
            };
            provider
                .update(target("items"), key("a"), update, Vec::new())
                .await
        });
    }
    let mut counts: Vec<i64> = Vec::new();
    while let Some(result) = tasks.join_next().await {
        let item = accepted("increment", result.expect("the task ran"));
        counts.push(item["count"].as_i64().expect("a number"));
    }
    counts.sort_unstable();
    assert_eq!(
        counts,
        (1..=20).collect::<Vec<i64>>(),
        "each increment sees a count of its own"
    );
}

async fn item_size(trial: Trial) {
    let running = open(trial).await;
    let envelope = json!({ "id": "a", "text": "" }).to_string().len();
    let largest = json!({ "id": "a", "text": "x".repeat(ITEM_BYTES_MAX - envelope) });
    running.put("items", largest.clone()).await;
    let stored = running.get("items", key("a")).await;
    assert!(
        stored == Some(item(largest)),
        "an item of {ITEM_BYTES_MAX} bytes did not read back"
    );
    let update = Update {
        set: vec![("more".into(), json!("x".repeat(1_024)))],
        ..Update::default()
    };
    let result = running.try_update(key("a"), update, Vec::new()).await;
    let result = result.map(|item| item.len());
    refused("an update beyond the limit", ErrorKind::TooLarge, result);
    let stored = running.get("items", key("a")).await.expect("still there");
    assert!(
        !stored.contains_key("more"),
        "an update that was refused changed the item"
    );
}

async fn ttl(trial: Trial) {
    use self::query::by_index;
    let mut running = open(trial).await;
    let now = running
        .now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let expiring = |id: &str| json!({ "id": id, "owner": "ann", "expires_at": now + 60 });
    for id in ["a", "b", "c", "d"] {
        running.put("items", expiring(id)).await;
    }
    running
        .put("items", json!({ "id": "stays", "owner": "ann" }))
        .await;
    running.advance(50).await;
    assert!(
        running.get("items", key("a")).await.is_some(),
        "not yet expired"
    );
    running.advance(10).await;

    assert_eq!(running.get("items", key("a")).await, None, "get");
    let keys = vec![key("a"), key("stays")];
    let found = running
        .provider()
        .batch_get(target("items"), keys, Consistency::Strong)
        .await;
    assert_eq!(accepted("batch_get", found).len(), 1, "batch_get");
    let owned = by_index(&running, "items", "by-owner", "ann").await;
    assert_eq!(
        owned,
        [item(json!({ "id": "stays", "owner": "ann" }))],
        "query"
    );

    let set = Update {
        set: vec![("x".into(), json!(1))],
        ..Update::default()
    };
    let result = running.try_update(key("b"), set, Vec::new()).await;
    refused("an update of an expired item", ErrorKind::NotFound, result);
    let result = running.try_delete(key("c"), vec![Part::ItemExists]).await;
    refused(
        "a delete if it exists, of an expired item",
        ErrorKind::Conflict,
        result,
    );
    let result = running
        .try_put("items", json!({ "id": "d" }), vec![Part::ItemMissing])
        .await;
    accepted("a put if it is missing, over an expired item", result);
    assert_eq!(
        running.get("items", key("d")).await,
        Some(item(json!({ "id": "d" })))
    );
}

async fn durable(trial: Trial) {
    let mut running = open(trial).await;
    running.put("items", json!({ "id": "a", "n": 1 })).await;
    let update = Update {
        increment: vec![("n".into(), 1)],
        ..Update::default()
    };
    accepted(
        "update",
        running.try_update(key("a"), update, Vec::new()).await,
    );
    running.put("items", json!({ "id": "b" })).await;
    accepted("delete", running.try_delete(key("b"), Vec::new()).await);
    running.outage(1).await;
    assert_eq!(
        running.get("items", key("a")).await,
        Some(item(json!({ "id": "a", "n": 2 })))
    );
    assert_eq!(running.get("items", key("b")).await, None);
}

async fn unknown(trial: Trial) {
    let running = open(trial).await;
    let provider = running.provider();
    let nowhere = target("nowhere");
    let get = provider.get(nowhere, key("a"), Consistency::Strong).await;
    assert!(get.is_err(), "{get:?}");
    let put = provider
        .put(nowhere, item(json!({ "id": "a" })), Vec::new())
        .await;
    assert!(put.is_err(), "{put:?}");
}
