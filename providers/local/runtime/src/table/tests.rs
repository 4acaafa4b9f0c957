//! Tables against an oracle that keeps items in a sorted map and looks at all of them each time.

use super::*;
use crate::store::{Storage, Store};
use crate::test_support::{Random, rounds};
use ifc_manifest::kind::table::TableKnobs;
use ifc_manifest::size::ITEM_BYTES_MAX;
use ifc_runtime::table::{
    Clause, Comparison, Condition, ItemOperation, Page, Query, Scan, SortRange, Update,
};
use ifc_runtime::{Error, ErrorKind};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

const SECOND: i64 = 1_000_000_000;

fn attribute(name: &str, scalar: Scalar) -> KeyAttribute {
    KeyAttribute {
        name: name.to_owned(),
        scalar,
    }
}

/// Key `p` and `s`, index `by-i` with sort `n`, index `by-n` without, ttl `t`.
fn table() -> Arc<Table> {
    let index = |name: &str, key, sort| Index {
        name: name.to_owned(),
        key,
        sort,
    };
    Arc::new(Table {
        targets: Targets::ALL,
        number: 3,
        indexes: vec![4, 5],
        spec: TableSpec {
            key: attribute("p", Scalar::String),
            sort: Some(attribute("s", Scalar::Number)),
            indexes: vec![
                index(
                    "by-i",
                    attribute("i", Scalar::String),
                    Some(attribute("n", Scalar::Number)),
                ),
                index("by-n", attribute("n", Scalar::Number), None),
            ],
            ttl: Some("t".to_owned()),
            version: None,
            knobs: TableKnobs::DEFAULT,
        },
    })
}

fn item(value: Value) -> Item {
    match value {
        Value::Object(item) => item,
        _ => panic!("not an object"),
    }
}

fn key(partition: &str, sort: i64) -> Key {
    Key {
        partition: KeyValue::String(partition.to_owned()),
        sort: Some(KeyValue::Number(sort)),
    }
}

struct Stored {
    store: Store,
    table: Arc<Table>,
    feed: Feed,
}

impl Stored {
    fn new(table: Arc<Table>) -> Stored {
        let store = Store::open(&Storage::Memory, Box::new(|_| {})).unwrap();
        Stored {
            store,
            table,
            feed: Feed::default(),
        }
    }

    fn write<T: Send + 'static>(
        &self,
        now: Moment,
        command: impl FnOnce(&mut Transaction<'_, '_>, &Writing) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        let writing = Writing {
            table: Arc::clone(&self.table),
            now,
            feed: self.feed.clone(),
        };
        self.store
            .write_now(move |transaction| command(transaction, &writing))
    }

    fn put(&self, now: Moment, item: Item, condition: Condition) -> Result<(), ErrorKind> {
        let result = self.write(now, move |transaction, writing| {
            let new = Put::new(&writing.table, &item)?;
            put(transaction, writing, &new, &condition)
        });
        result.map_err(|error| error.kind())
    }

    fn delete(&self, now: Moment, key: Key, condition: Condition) -> Result<(), ErrorKind> {
        let result = self.write(now, move |transaction, writing| {
            delete(transaction, writing, &key, &condition)
        });
        result.map_err(|error| error.kind())
    }

    fn update(
        &self,
        now: Moment,
        key: Key,
        change: Update,
        condition: Condition,
    ) -> Result<Item, ErrorKind> {
        let result = self.write(now, move |transaction, writing| {
            update(transaction, writing, &key, &change, &condition)
        });
        result.map_err(|error| error.kind())
    }

    fn get(&self, now: Moment, key: &Key) -> Option<Item> {
        self.store
            .read(|snapshot| get(snapshot, &self.table, now, key))
            .unwrap()
    }

    fn query(&self, now: Moment, wanted: &Query) -> Result<Page, ErrorKind> {
        let read = |snapshot: &_| query(snapshot, &self.table, now, wanted);
        self.store.read(read).map_err(|error| error.kind())
    }

    fn transact(&self, now: Moment, operations: Vec<ItemOperation>) -> Result<(), Error> {
        self.write(now, move |transaction, writing| {
            let steps = operations.into_iter().enumerate();
            let steps: Vec<Step> = steps
                .map(|(place, operation)| Step::of_transaction(&writing.table, place, operation))
                .collect::<Result<_, _>>()?;
            transact(transaction, steps.iter().map(|step| (writing, step)))
        })
    }

    /// All pages of a scan.
    fn scan(&self, now: Moment, limit: u32) -> Vec<Item> {
        let mut wanted = Scan {
            limit,
            cursor: None,
            consistency: Default::default(),
        };
        let mut items = Vec::new();
        loop {
            let read = |snapshot: &_| scan(snapshot, &self.table, now, &wanted);
            let page = self.store.read(read).unwrap();
            assert!(page.items.len() <= limit as usize);
            items.extend(page.items);
            match page.cursor {
                Some(cursor) => wanted.cursor = Some(cursor),
                None => return items,
            }
        }
    }

    /// All pages of a query.
    fn pages(&self, now: Moment, wanted: &Query) -> Vec<Item> {
        let mut wanted = wanted.clone();
        let mut items = Vec::new();
        loop {
            let page = self.query(now, &wanted).unwrap();
            assert!(page.items.len() <= wanted.limit as usize);
            assert!(
                page.cursor.is_none() || !page.items.is_empty(),
                "a page without progress"
            );
            items.extend(page.items);
            match page.cursor {
                Some(cursor) => wanted.cursor = Some(cursor),
                None => return items,
            }
        }
    }

    /// How many keys there are in a space.
    fn keys(&self, space: u8) -> usize {
        let range = keys::space(space);
        self.store
            .read(|snapshot| Ok(snapshot.range(slices(&range))?.count()))
            .unwrap()
    }
}

fn query_of(partition: KeyValue) -> Query {
    Query {
        index: None,
        partition,
        sort: None,
        descending: false,
        limit: 1_000,
        cursor: None,
        consistency: Default::default(),
    }
}

/// Items by partition and sort key.
type Oracle = BTreeMap<(String, i64), Item>;

fn visible(item: &Item, now: Moment) -> bool {
    item.get("t")
        .and_then(Value::as_i64)
        .is_none_or(|expiry| expiry * SECOND > now)
}

fn in_range(value: i64, range: &Option<SortRange>) -> bool {
    let number = |value: &KeyValue| match value {
        KeyValue::Number(number) => *number,
        KeyValue::String(_) => unreachable!("sort keys here are numbers"),
    };
    match range {
        None => true,
        Some(SortRange::Equal(other)) => value == number(other),
        Some(SortRange::Less(other)) => value < number(other),
        Some(SortRange::LessOrEqual(other)) => value <= number(other),
        Some(SortRange::Greater(other)) => value > number(other),
        Some(SortRange::GreaterOrEqual(other)) => value >= number(other),
        Some(SortRange::Between(low, high)) => number(low) <= value && value <= number(high),
        Some(SortRange::BeginsWith(_)) => unreachable!("numbers have no beginning"),
    }
}

fn expected_items(oracle: &Oracle, now: Moment, query: &Query) -> Vec<Item> {
    let text = |item: &Item, name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |item: &Item, name: &str| item.get(name).and_then(Value::as_i64);
    let mut found: Vec<(i64, &(String, i64), &Item)> = oracle
        .iter()
        .filter(|(_, item)| visible(item, now))
        .filter_map(|(key, item)| {
            let (partition, sort) = match query.index.as_deref() {
                None => (KeyValue::String(key.0.clone()), key.1),
                Some("by-i") => (KeyValue::String(text(item, "i")?), number(item, "n")?),
                _ => (KeyValue::Number(number(item, "n")?), 0),
            };
            let wanted = partition == query.partition && in_range(sort, &query.sort);
            wanted.then_some((sort, key, item))
        })
        .collect();
    found.sort_by_key(|(sort, key, _)| (*sort, (*key).clone()));
    if query.descending {
        found.reverse();
    }
    found.into_iter().map(|(_, _, item)| item.clone()).collect()
}

fn random_query(random: &mut Random) -> Query {
    let bound = |random: &mut Random| KeyValue::Number(random.below(8) as i64 - 2);
    let (low, high) = (bound(random), bound(random));
    let range = match random.below(8) {
        0 => Some(SortRange::Equal(low)),
        1 => Some(SortRange::Less(low)),
        2 => Some(SortRange::LessOrEqual(low)),
        3 => Some(SortRange::Greater(low)),
        4 => Some(SortRange::GreaterOrEqual(low)),
        5 => Some(SortRange::Between(low, high)),
        _ => None,
    };
    let letter = ["a", "b", "c"][random.below(3)].to_owned();
    let (index, partition, sort) = match random.below(3) {
        0 => (None, KeyValue::String(letter), range),
        1 => (Some("by-i".to_owned()), KeyValue::String(letter), range),
        _ => (
            Some("by-n".to_owned()),
            KeyValue::Number(random.below(6) as i64),
            None,
        ),
    };
    Query {
        index,
        sort,
        descending: random.below(2) == 0,
        limit: 1 + random.below(4) as u32,
        ..query_of(partition)
    }
}

/// A condition, and whether it holds of an item.
fn random_condition(random: &mut Random, item: Option<&Item>) -> (Condition, bool) {
    let n = item.and_then(|item| item.get("n")).and_then(Value::as_i64);
    let value = random.below(6) as i64;
    match random.below(9) {
        0 => (vec![Clause::ItemExists], item.is_some()),
        1 => (vec![Clause::ItemMissing], item.is_none()),
        2 => (vec![Clause::AttributeExists("n".to_owned())], n.is_some()),
        3 => (
            vec![
                Clause::ItemExists,
                Clause::Compare {
                    attribute: "n".to_owned(),
                    comparison: Comparison::GreaterOrEqual,
                    value: json!(value),
                },
            ],
            n.is_some_and(|n| n >= value),
        ),
        _ => (Vec::new(), true),
    }
}

/// A transaction of up to four operations, of which any may fail.
fn transaction(
    random: &mut Random,
    stored: &Stored,
    oracle: &mut Oracle,
    now: Moment,
    partition: &str,
) {
    let mut after = oracle.clone();
    let mut expected = Ok(());
    let mut operations = Vec::new();
    let first = random.below(4) as i64 - 1;
    for (at, sort) in (first..first + 1 + random.below(4) as i64).enumerate() {
        let place = (partition.to_owned(), sort);
        let current = oracle.get(&place).filter(|item| visible(item, now));
        let (condition, holds) = random_condition(random, current);
        let mut result = match holds {
            true => Ok(()),
            false => Err((ErrorKind::Conflict, Some(at))),
        };
        let key = key(partition, sort);
        operations.push(match random.below(4) {
            0 => {
                let item =
                    item(json!({ "p": partition, "s": sort, "i": "a", "n": random.below(6) }));
                after.insert(place, item.clone());
                ItemOperation::Put { item, condition }
            }
            1 => {
                match after.get_mut(&place) {
                    Some(item) if current.is_some() => {
                        item.insert("x".to_owned(), json!(1));
                    }
                    _ => result = Err((ErrorKind::NotFound, Some(at))),
                }
                let update = Update {
                    set: vec![("x".to_owned(), json!(1))],
                    ..Update::default()
                };
                ItemOperation::Update {
                    key,
                    update,
                    condition,
                }
            }
            2 => {
                after.remove(&place);
                ItemOperation::Delete { key, condition }
            }
            _ => ItemOperation::Check { key, condition },
        });
        expected = expected.and(result);
    }
    let result = stored.transact(now, operations);
    let result = result.map_err(|error| (error.kind(), error.failed_operation()));
    assert_eq!(result, expected);
    if expected.is_ok() {
        *oracle = after;
    }
}

fn run(seed: u64, operations: usize) {
    let mut random = Random::new(seed);
    let stored = Stored::new(table());
    let mut oracle = Oracle::new();
    let mut now = 1_000 * SECOND;
    for step in 0..operations {
        let context = format!("seed {seed}, step {step}");
        let letter = |random: &mut Random| ["a", "b", "c"][random.below(3)].to_owned();
        let (partition, sort) = (letter(&mut random), random.below(6) as i64 - 1);
        let place = (partition.clone(), sort);
        let current = oracle
            .get(&place)
            .filter(|item| visible(item, now))
            .cloned();
        match random.below(12) {
            10 => transaction(&mut random, &stored, &mut oracle, now, &partition),
            11 => {
                let expected: Vec<&Item> = (oracle.values())
                    .filter(|item| visible(item, now))
                    .collect();
                let actual = stored.scan(now, 1 + random.below(5) as u32);
                assert_eq!(actual.len(), expected.len(), "{context}");
                let all = expected.iter().all(|item| actual.contains(item));
                assert!(all, "{context}: {actual:?}");
            }
            0..4 => {
                let mut new = item(json!({ "p": partition, "s": sort, "step": step }));
                if random.below(3) > 0 {
                    new.insert("i".to_owned(), letter(&mut random).into());
                }
                match random.below(4) {
                    0 => {}
                    1 => {
                        new.insert("n".to_owned(), Value::Null);
                    }
                    _ => {
                        new.insert("n".to_owned(), random.below(6).into());
                    }
                }
                if random.below(3) == 0 {
                    let expiry = now / SECOND + random.below(20) as i64 - 3;
                    new.insert("t".to_owned(), expiry.into());
                }
                let (condition, holds) = random_condition(&mut random, current.as_ref());
                let result = stored.put(now, new.clone(), condition);
                assert_eq!(result.is_ok(), holds, "{context}");
                if holds {
                    oracle.insert(place, new);
                }
            }
            4 => {
                let (condition, holds) = random_condition(&mut random, current.as_ref());
                let result = stored.delete(now, key(&partition, sort), condition);
                assert_eq!(result.is_ok(), holds, "{context}");
                if holds {
                    oracle.remove(&place);
                }
            }
            5..7 => {
                let by = random.below(5) as i64 - 1;
                let change = Update {
                    set: vec![("x".to_owned(), json!(step))],
                    remove: (random.below(4) == 0)
                        .then(|| "i".to_owned())
                        .into_iter()
                        .collect(),
                    increment: vec![("n".to_owned(), by)],
                };
                let (condition, holds) = random_condition(&mut random, current.as_ref());
                let removes = !change.remove.is_empty();
                let result = stored.update(now, key(&partition, sort), change, condition);
                match (current, holds) {
                    (None, _) => assert_eq!(result, Err(ErrorKind::NotFound), "{context}"),
                    (_, false) => assert_eq!(result, Err(ErrorKind::Conflict), "{context}"),
                    (Some(mut after), true) => {
                        let n = after.get("n").and_then(Value::as_i64).unwrap_or(0);
                        after.insert("n".to_owned(), json!(n + by));
                        after.insert("x".to_owned(), json!(step));
                        if removes {
                            after.remove("i");
                        }
                        assert_eq!(result.as_ref(), Ok(&after), "{context}");
                        oracle.insert(place, after);
                    }
                }
            }
            7 => {
                assert_eq!(
                    stored.get(now, &key(&partition, sort)),
                    current,
                    "{context}"
                );
                now += random.below(4) as i64 * SECOND / 2;
            }
            8 if random.below(20) == 0 => {
                stored
                    .write(now, |t, writing| sweep(t, writing, 3))
                    .unwrap();
            }
            _ => {
                let query = random_query(&mut random);
                let actual = stored.pages(now, &query);
                assert_eq!(
                    actual,
                    expected_items(&oracle, now, &query),
                    "{context} {query:?}"
                );
            }
        }
    }
    // When everything is gone, no index remembers it.
    let end = now + 1_000_000 * SECOND;
    stored
        .write(end, |t, writing| sweep(t, writing, usize::MAX))
        .unwrap();
    for (partition, sort) in oracle.keys() {
        stored
            .delete(end, key(partition, *sort), Vec::new())
            .unwrap();
    }
    for space in [keys::ITEM, keys::INDEX, keys::EXPIRY] {
        assert_eq!(stored.keys(space), 0, "seed {seed}: left in space {space}");
    }
}

#[test]
fn random_operations_agree_with_the_oracle() {
    for seed in 0..4 * rounds() {
        run(seed, 1_500);
    }
}

#[test]
fn string_sort_keys_are_ordered_by_their_bytes() {
    let stored = Stored::new(Arc::new(Table {
        targets: Targets::ALL,
        spec: TableSpec {
            sort: Some(attribute("s", Scalar::String)),
            indexes: Vec::new(),
            ttl: None,
            ..table().spec.clone()
        },
        indexes: Vec::new(),
        number: 3,
    }));
    let sorts = ["A", "a", "a\0", "aa", "ab", "b", "é"];
    for sort in sorts.iter().rev() {
        stored
            .put(0, item(json!({ "p": "x", "s": sort })), Vec::new())
            .unwrap();
    }
    let sorted = |range: Option<SortRange>| -> Vec<String> {
        let partition = KeyValue::String("x".to_owned());
        let items = stored.pages(
            0,
            &Query {
                sort: range,
                ..query_of(partition)
            },
        );
        items
            .iter()
            .map(|item| item["s"].as_str().unwrap().to_owned())
            .collect()
    };
    let text = |text: &str| KeyValue::String(text.to_owned());
    assert_eq!(sorted(None), sorts);
    assert_eq!(
        sorted(Some(SortRange::BeginsWith("a".to_owned()))),
        ["a", "a\0", "aa", "ab"]
    );
    assert_eq!(
        sorted(Some(SortRange::BeginsWith("a\0".to_owned()))),
        ["a\0"]
    );
    assert_eq!(
        sorted(Some(SortRange::Greater(text("a")))),
        ["a\0", "aa", "ab", "b", "é"]
    );
    assert_eq!(sorted(Some(SortRange::Less(text("a")))), ["A"]);
    assert_eq!(
        sorted(Some(SortRange::Between(text("aa"), text("b")))),
        ["aa", "ab", "b"]
    );
    assert!(sorted(Some(SortRange::Between(text("b"), text("a")))).is_empty());
}

#[test]
fn a_cursor_is_good_for_its_own_query_only() {
    let stored = Stored::new(table());
    for sort in 0..5 {
        let new = item(json!({ "p": "a", "s": sort, "i": "a", "n": sort }));
        stored.put(0, new, Vec::new()).unwrap();
    }
    let query = Query {
        limit: 2,
        ..query_of(KeyValue::String("a".to_owned()))
    };
    let cursor = stored.query(0, &query).unwrap().cursor;
    assert!(cursor.is_some());
    let with = |query: Query| {
        stored.query(
            0,
            &Query {
                cursor: cursor.clone(),
                ..query
            },
        )
    };
    assert_eq!(
        with(Query {
            limit: 9,
            ..query.clone()
        })
        .unwrap()
        .items
        .len(),
        3
    );
    let sort = Some(SortRange::Greater(KeyValue::Number(0)));
    for other in [
        Query {
            partition: KeyValue::String("b".to_owned()),
            ..query.clone()
        },
        Query {
            descending: true,
            ..query.clone()
        },
        Query {
            index: Some("by-i".to_owned()),
            ..query.clone()
        },
        Query {
            sort,
            ..query.clone()
        },
    ] {
        assert_eq!(with(other), Err(ErrorKind::Invalid));
    }
    let good = cursor.clone().unwrap();
    for bad in [
        "",
        "x",
        "é",
        &good[1..],
        &good[..good.len() - 1],
        &good.replace('0', "1"),
    ] {
        let query = Query {
            cursor: Some(bad.to_owned()),
            ..query.clone()
        };
        assert_eq!(stored.query(0, &query), Err(ErrorKind::Invalid), "{bad}");
    }
}

#[test]
fn large_items_make_short_pages() {
    let stored = Stored::new(table());
    for sort in 0..6 {
        let new = item(json!({ "p": "a", "s": sort, "text": "x".repeat(300_000) }));
        stored.put(0, new, Vec::new()).unwrap();
    }
    let query = query_of(KeyValue::String("a".to_owned()));
    let page = stored.query(0, &query).unwrap();
    assert_eq!(page.items.len(), 3);
    assert_eq!(stored.pages(0, &query).len(), 6);
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_written() {
    let stored = Stored::new(table());
    let base = item(json!({ "p": "a", "s": 1, "n": 1 }));
    stored.put(0, base.clone(), Vec::new()).unwrap();
    let largest = "x".repeat(ITEM_BYTES_MAX);
    for (new, expected) in [
        (json!({ "s": 1 }), ErrorKind::Invalid),
        (json!({ "p": "a" }), ErrorKind::Invalid),
        (json!({ "p": 1, "s": 1 }), ErrorKind::Invalid),
        (json!({ "p": "", "s": 1 }), ErrorKind::Invalid),
        (json!({ "p": "a", "s": "1" }), ErrorKind::Invalid),
        (json!({ "p": "a", "s": 1.5 }), ErrorKind::Invalid),
        (
            json!({ "p": "a", "s": INTEGER_MAX + 1 }),
            ErrorKind::Invalid,
        ),
        (json!({ "p": "a", "s": 1, "i": "" }), ErrorKind::Invalid),
        (json!({ "p": "a", "s": 1, "n": "x" }), ErrorKind::Invalid),
        (
            json!({ "p": "a".repeat(KEY_BYTES_MAX + 1), "s": 1 }),
            ErrorKind::TooLarge,
        ),
        (
            json!({ "p": "a", "s": 1, "x": largest }),
            ErrorKind::TooLarge,
        ),
    ] {
        assert_eq!(
            stored.put(0, item(new.clone()), Vec::new()),
            Err(expected),
            "{new:.80}"
        );
    }
    let set = |name: &str, value: Value| Update {
        set: vec![(name.to_owned(), value)],
        ..Update::default()
    };
    let increment = |by: i64| Update {
        increment: vec![("n".to_owned(), by)],
        ..Update::default()
    };
    for (change, expected) in [
        (set("p", json!("b")), ErrorKind::Invalid),
        (set("s", json!(2)), ErrorKind::Invalid),
        (set("n", json!("x")), ErrorKind::Invalid),
        (set("x", json!(largest)), ErrorKind::TooLarge),
        (increment(INTEGER_MAX), ErrorKind::Invalid),
        (increment(i64::MAX), ErrorKind::Invalid),
    ] {
        assert_eq!(
            stored.update(0, key("a", 1), change, Vec::new()),
            Err(expected)
        );
    }
    assert_eq!(stored.get(0, &key("a", 1)), Some(base));
    let unknown = Query {
        index: Some("none".to_owned()),
        ..query_of(KeyValue::String("a".to_owned()))
    };
    assert_eq!(stored.query(0, &unknown), Err(ErrorKind::Invalid));
    for limit in [0, 1_001] {
        let query = Query {
            limit,
            ..query_of(KeyValue::String("a".to_owned()))
        };
        assert_eq!(stored.query(0, &query), Err(ErrorKind::Invalid));
    }
}

#[test]
fn an_item_that_does_not_fit_a_younger_index_stays_usable() {
    let before = Stored::new(Arc::new(Table {
        targets: Targets::ALL,
        indexes: Vec::new(),
        spec: TableSpec {
            indexes: Vec::new(),
            ..table().spec.clone()
        },
        number: 3,
    }));
    before
        .put(
            0,
            item(json!({ "p": "a", "s": 1, "n": "text" })),
            Vec::new(),
        )
        .unwrap();
    before
        .put(0, item(json!({ "p": "a", "s": 2, "n": 2 })), Vec::new())
        .unwrap();
    let after = Stored {
        store: before.store,
        table: table(),
        feed: Feed::default(),
    };
    after
        .write(0, |t, writing| rebuild(t, &writing.table, Some(1)))
        .unwrap();
    let query = Query {
        index: Some("by-n".to_owned()),
        ..query_of(KeyValue::Number(2))
    };
    assert_eq!(after.pages(0, &query).len(), 1);
    after
        .put(0, item(json!({ "p": "a", "s": 1, "n": 2 })), Vec::new())
        .unwrap();
    assert_eq!(after.pages(0, &query).len(), 2);
}
