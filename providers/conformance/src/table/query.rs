//! Table: queries of a partition and of an index (contract, 4.7).

use crate::clause::{Clause, clause};
use crate::declare::{Declarations, target};
use crate::table::item;
use crate::trial::{Running, Trial, accepted, refused};
use ifc_manifest::kind::table::{IndexSchema, ItemSchema, KeySchema, Scalar};
use ifc_runtime::ErrorKind;
use ifc_runtime::table::{Consistency, Item, Key, KeyValue, Page, Query, SortRange, Update};
use serde_json::{Value, json};

pub(crate) fn clauses() -> Vec<Clause> {
    vec![
        clause!(
            "4.7",
            "table-query-order",
            "a query answers one partition in the order of its sort keys",
            order
        ),
        clause!(
            "4.7",
            "table-query-ranges",
            "every restriction of the sort key selects exactly its range",
            ranges
        ),
        clause!(
            "4.7",
            "table-query-numbers",
            "numbers are ordered by value",
            numbers
        ),
        clause!(
            "4.7",
            "table-query-pages",
            "following cursors reads every item once, in order",
            pages
        ),
        clause!(
            "4.7",
            "table-query-cursor-stable",
            "writes elsewhere do not disturb a cursor",
            stable_cursor
        ),
        clause!(
            "4.7",
            "table-query-cursor-hour",
            "a cursor is good for an hour",
            cursor_hour,
            waits = 3_600
        ),
        clause!(
            "4.7",
            "table-query-cursor-foreign",
            "a cursor of another query is refused",
            foreign_cursor
        ),
        clause!(
            "4.7",
            "table-index",
            "an index holds exactly the items that have its attributes",
            index,
            waits = 60
        ),
        clause!(
            "4.7",
            "table-index-follows",
            "an index follows updates and deletes",
            index_follows,
            waits = 60
        ),
        clause!(
            "4.7",
            "table-index-pages",
            "pages of an index tell items with equal index keys apart",
            index_pages,
            waits = 60
        ),
    ]
}

/// A table with partition key `box` and sort key `label`, and an index with a numeric sort key.
pub(crate) const SORTED: ItemSchema = ItemSchema {
    key: KeySchema {
        name: "box",
        scalar: Scalar::String,
    },
    sort: Some(KeySchema {
        name: "label",
        scalar: Scalar::String,
    }),
    indexes: &[IndexSchema {
        name: "by-colour",
        key: KeySchema {
            name: "colour",
            scalar: Scalar::String,
        },
        sort: Some(KeySchema {
            name: "weight",
            scalar: Scalar::Number,
        }),
    }],
    ttl: None,
    version: None,
};

/// A table with a numeric sort key.
const COUNTED: ItemSchema = ItemSchema {
    key: KeySchema {
        name: "box",
        scalar: Scalar::String,
    },
    sort: Some(KeySchema {
        name: "count",
        scalar: Scalar::Number,
    }),
    indexes: &[],
    ttl: None,
    version: None,
};

fn string(text: &str) -> KeyValue {
    KeyValue::String(text.to_owned())
}

/// All items of a partition, in one page of the most items there can be.
fn all(partition: &str) -> Query {
    Query {
        index: None,
        partition: string(partition),
        sort: None,
        descending: false,
        limit: 1_000,
        cursor: None,
        consistency: Consistency::Strong,
    }
}

fn all_of_index(index: &str, partition: &str) -> Query {
    Query {
        index: Some(index.to_owned()),
        consistency: Consistency::Eventual,
        ..all(partition)
    }
}

/// The items of an index under one key. Indexes are eventual: callers let time pass before.
pub(crate) async fn by_index(
    running: &Running,
    table: &str,
    index: &str,
    partition: &str,
) -> Vec<Item> {
    page(running, table, all_of_index(index, partition))
        .await
        .items
}

/// The items of a partition.
pub(crate) async fn by_partition(running: &Running, table: &str, partition: &str) -> Vec<Item> {
    page(running, table, all(partition)).await.items
}

async fn page(running: &Running, table: &str, query: Query) -> Page {
    accepted(
        "query",
        running.provider().query(target(table), query).await,
    )
}

/// Follows cursors to the end.
async fn all_pages(running: &Running, query: &Query) -> Vec<Item> {
    let mut items = Vec::new();
    let mut cursor = None;
    loop {
        let next = page(
            running,
            "boxes",
            Query {
                cursor,
                ..query.clone()
            },
        )
        .await;
        assert!(
            next.items.len() <= query.limit as usize,
            "a page is longer than its limit"
        );
        items.extend(next.items);
        assert!(items.len() <= 10_000, "the cursors do not end");
        cursor = next.cursor;
        if cursor.is_none() {
            return items;
        }
    }
}

fn texts<'a>(items: &'a [Item], attribute: &str) -> Vec<&'a str> {
    items
        .iter()
        .map(|item| item[attribute].as_str().expect("a string"))
        .collect()
}

fn integers(items: &[Item], attribute: &str) -> Vec<i64> {
    items
        .iter()
        .map(|item| item[attribute].as_i64().expect("an integer"))
        .collect()
}

async fn open(trial: Trial) -> Running {
    trial
        .open(Declarations::new().table("boxes", &SORTED))
        .await
}

/// In the order of their UTF-8 bytes. The last two change places when ordered as UTF-16.
const LABELS: [&str; 9] = ["A", "Z", "a", "a!", "aa", "b", "é", "\u{FF5E}", "\u{1F600}"];

async fn fill(running: &Running) {
    // Neither in order nor in reverse, with neighbours on both sides of the partition.
    for index in [4, 0, 8, 2, 6, 1, 7, 3, 5] {
        running
            .put("boxes", json!({ "box": "m", "label": LABELS[index] }))
            .await;
    }
    for neighbour in ["l", "m\u{0}", "mm", "n", "M"] {
        running
            .put("boxes", json!({ "box": neighbour, "label": "a" }))
            .await;
    }
}

async fn order(trial: Trial) {
    let running = open(trial).await;
    fill(&running).await;
    let up = page(&running, "boxes", all("m")).await;
    assert_eq!(texts(&up.items, "label"), LABELS);
    assert_eq!(up.cursor, None, "there is no further page");
    let down = page(
        &running,
        "boxes",
        Query {
            descending: true,
            ..all("m")
        },
    )
    .await;
    let mut reversed = LABELS;
    reversed.reverse();
    assert_eq!(texts(&down.items, "label"), reversed);
    let none = page(&running, "boxes", all("nobody")).await;
    assert_eq!(none, Page::default());
}

async fn ranges(trial: Trial) {
    let running = open(trial).await;
    fill(&running).await;
    for (range, expected) in [
        (SortRange::Equal(string("a")), &LABELS[2..3]),
        (SortRange::Equal(string("c")), &[]),
        (SortRange::Less(string("a")), &LABELS[..2]),
        (SortRange::LessOrEqual(string("a")), &LABELS[..3]),
        (SortRange::Greater(string("b")), &LABELS[6..]),
        (SortRange::GreaterOrEqual(string("b")), &LABELS[5..]),
        (SortRange::Between(string("Z"), string("aa")), &LABELS[1..5]),
        (SortRange::Between(string("b"), string("a")), &[]),
        (SortRange::BeginsWith("a".into()), &LABELS[2..5]),
        (SortRange::BeginsWith("é".into()), &LABELS[6..7]),
        (SortRange::BeginsWith("\u{1F600}".into()), &LABELS[8..]),
        (SortRange::BeginsWith("x".into()), &[]),
    ] {
        let query = Query {
            sort: Some(range.clone()),
            ..all("m")
        };
        let up = page(&running, "boxes", query.clone()).await;
        assert_eq!(texts(&up.items, "label"), expected, "{range:?}");
        let down = page(
            &running,
            "boxes",
            Query {
                descending: true,
                ..query
            },
        )
        .await;
        let reversed: Vec<&str> = expected.iter().rev().copied().collect();
        assert_eq!(
            texts(&down.items, "label"),
            reversed,
            "{range:?} descending"
        );
    }
}

async fn numbers(trial: Trial) {
    const MOST: i64 = 9_007_199_254_740_991;
    let running = trial
        .open(Declarations::new().table("boxes", &COUNTED))
        .await;
    let counts = [-MOST, -256, -10, -9, -1, 0, 1, 2, 9, 10, 255, 256, MOST];
    for count in counts.into_iter().rev() {
        running
            .put("boxes", json!({ "box": "m", "count": count }))
            .await;
    }
    let found = page(&running, "boxes", all("m")).await;
    assert_eq!(integers(&found.items, "count"), counts);
    for (range, expected) in [
        (SortRange::Less(KeyValue::Number(-9)), &counts[..3]),
        (
            SortRange::GreaterOrEqual(KeyValue::Number(10)),
            &counts[9..],
        ),
        (
            SortRange::Between(KeyValue::Number(-1), KeyValue::Number(1)),
            &counts[4..7],
        ),
        (SortRange::Equal(KeyValue::Number(0)), &counts[5..6]),
    ] {
        let query = Query {
            sort: Some(range.clone()),
            ..all("m")
        };
        let found = page(&running, "boxes", query).await;
        assert_eq!(integers(&found.items, "count"), expected, "{range:?}");
    }
}

async fn pages(trial: Trial) {
    let running = open(trial).await;
    fill(&running).await;
    for limit in [1, 2, 4, 8, 9, 10] {
        for descending in [false, true] {
            let found = all_pages(
                &running,
                &Query {
                    limit,
                    descending,
                    ..all("m")
                },
            )
            .await;
            let mut expected = LABELS.to_vec();
            if descending {
                expected.reverse();
            }
            assert_eq!(
                texts(&found, "label"),
                expected,
                "limit {limit}, descending {descending}"
            );
        }
    }
    let sort = Some(SortRange::BeginsWith("a".into()));
    let found = all_pages(
        &running,
        &Query {
            limit: 2,
            sort,
            ..all("m")
        },
    )
    .await;
    assert_eq!(texts(&found, "label"), LABELS[2..5]);
}

async fn stable_cursor(trial: Trial) {
    let running = open(trial).await;
    for label in ["b", "d", "f", "h"] {
        running
            .put("boxes", json!({ "box": "m", "label": label }))
            .await;
    }
    let query = Query {
        limit: 2,
        ..all("m")
    };
    let first = page(&running, "boxes", query.clone()).await;
    assert_eq!(texts(&first.items, "label"), ["b", "d"]);
    assert!(first.cursor.is_some(), "two items are left");
    // Before and after the cursor, and the very item it stands on.
    for label in ["a", "g"] {
        running
            .put("boxes", json!({ "box": "m", "label": label }))
            .await;
    }
    let gone = Key {
        partition: string("m"),
        sort: Some(string("d")),
    };
    let deleted = running
        .provider()
        .delete(target("boxes"), gone, Vec::new())
        .await;
    accepted("delete", deleted);
    let rest = page(
        &running,
        "boxes",
        Query {
            cursor: first.cursor,
            limit: 10,
            ..query
        },
    )
    .await;
    assert_eq!(texts(&rest.items, "label"), ["f", "g", "h"]);
}

async fn cursor_hour(trial: Trial) {
    let mut running = open(trial).await;
    fill(&running).await;
    let query = Query {
        limit: 4,
        ..all("m")
    };
    let first = page(&running, "boxes", query.clone()).await;
    running.advance(3_600).await;
    let rest = page(
        &running,
        "boxes",
        Query {
            cursor: first.cursor,
            limit: 10,
            ..query
        },
    )
    .await;
    assert_eq!(texts(&rest.items, "label"), LABELS[4..]);
}

async fn foreign_cursor(trial: Trial) {
    let running = open(trial).await;
    fill(&running).await;
    let first = page(
        &running,
        "boxes",
        Query {
            limit: 1,
            ..all("m")
        },
    )
    .await;
    let foreign = [all("n"), all_of_index("by-colour", "m")];
    for query in foreign {
        let query = Query {
            cursor: first.cursor.clone(),
            ..query
        };
        let what = format!("{query:?}");
        let result = running.provider().query(target("boxes"), query).await;
        refused(&what, ErrorKind::Invalid, result);
    }
    let broken = Query {
        cursor: Some("no cursor at all".to_owned()),
        ..all("m")
    };
    let result = running.provider().query(target("boxes"), broken).await;
    refused("a cursor that never was one", ErrorKind::Invalid, result);
}

fn coloured(label: &str, colour: &str, weight: Value) -> Value {
    json!({ "box": "m", "label": label, "colour": colour, "weight": weight })
}

/// What an index may lag behind, generously.
const INDEX_LAG_SECONDS: u64 = 10;

async fn index(trial: Trial) {
    let mut running = open(trial).await;
    running.put("boxes", coloured("1", "red", json!(10))).await;
    running.put("boxes", coloured("2", "red", json!(-2))).await;
    running.put("boxes", coloured("3", "red", json!(9))).await;
    running.put("boxes", coloured("4", "blue", json!(1))).await;
    running
        .put(
            "boxes",
            json!({ "box": "other", "label": "5", "colour": "red", "weight": 9 }),
        )
        .await;
    // Without one of the attributes, or with one of another type: not in the index.
    running
        .put(
            "boxes",
            json!({ "box": "m", "label": "6", "colour": "red" }),
        )
        .await;
    running
        .put("boxes", json!({ "box": "m", "label": "7", "weight": 5 }))
        .await;
    running
        .put("boxes", coloured("8", "red", json!(null)))
        .await;
    running.advance(INDEX_LAG_SECONDS).await;

    let red = by_index(&running, "boxes", "by-colour", "red").await;
    assert_eq!(integers(&red, "weight"), [-2, 9, 9, 10]);
    let mut labels = texts(&red, "label");
    labels.sort_unstable();
    assert_eq!(labels, ["1", "2", "3", "5"]);
    assert_eq!(
        red[3],
        item(coloured("1", "red", json!(10))),
        "the index has whole items"
    );
    let sort = Some(SortRange::Greater(KeyValue::Number(9)));
    let heavy = Query {
        sort,
        ..all_of_index("by-colour", "red")
    };
    assert_eq!(
        texts(&page(&running, "boxes", heavy).await.items, "label"),
        ["1"]
    );
    let down = Query {
        descending: true,
        ..all_of_index("by-colour", "red")
    };
    let down = page(&running, "boxes", down).await.items;
    assert_eq!(integers(&down, "weight"), [10, 9, 9, -2]);
}

async fn index_follows(trial: Trial) {
    let mut running = open(trial).await;
    for label in ["moved", "emptied", "deleted", "replaced"] {
        running.put("boxes", coloured(label, "red", json!(1))).await;
    }
    let key = |label: &str| Key {
        partition: string("m"),
        sort: Some(string(label)),
    };
    let provider = running.provider();
    let set = Update {
        set: vec![("colour".into(), json!("blue"))],
        ..Update::default()
    };
    let moved = provider
        .update(target("boxes"), key("moved"), set, Vec::new())
        .await;
    accepted("update", moved);
    let remove = Update {
        remove: vec!["colour".into()],
        ..Update::default()
    };
    let emptied = provider
        .update(target("boxes"), key("emptied"), remove, Vec::new())
        .await;
    accepted("update", emptied);
    accepted(
        "delete",
        provider
            .delete(target("boxes"), key("deleted"), Vec::new())
            .await,
    );
    running
        .put("boxes", coloured("replaced", "red", json!(7)))
        .await;
    running.advance(INDEX_LAG_SECONDS).await;

    let red = by_index(&running, "boxes", "by-colour", "red").await;
    assert_eq!(red, [item(coloured("replaced", "red", json!(7)))]);
    let blue = by_index(&running, "boxes", "by-colour", "blue").await;
    assert_eq!(texts(&blue, "label"), ["moved"]);
}

async fn index_pages(trial: Trial) {
    let mut running = open(trial).await;
    let expected: Vec<String> = (0..25).map(|number| format!("{number:02}")).collect();
    for label in &expected {
        running.put("boxes", coloured(label, "red", json!(1))).await;
    }
    running.advance(INDEX_LAG_SECONDS).await;
    for descending in [false, true] {
        let query = Query {
            limit: 4,
            descending,
            ..all_of_index("by-colour", "red")
        };
        let found = all_pages(&running, &query).await;
        let mut labels = texts(&found, "label");
        labels.sort_unstable();
        assert_eq!(labels, expected, "descending {descending}");
    }
}
