//! Conditions and updates against their sentences: a write happens when and only when its condition
//! holds, and an update changes what it names and nothing else.

use crate::draw::Draw;
use crate::shop::{self, Shop, TABLE, key_of};
use ifc_runtime::table::{Clause, Comparison, Condition, Item, TableOperations as _, Update};
use serde_json::{Value, json};
use std::cmp::Ordering;

const ATTRIBUTES: [&str; 4] = ["x", "y", "z", "who"];

/// The provider and the sentences agree.
pub fn check(bytes: &[u8]) {
    shop::with(|shop| {
        let draw = &mut Draw::from(bytes);
        let mut there: Option<Item> = None;
        for _ in 0..6 {
            let condition = condition(draw);
            let holds = condition.iter().all(|clause| holds(clause, there.as_ref()));
            let result = match draw.below(3) {
                0 => {
                    let item = item(draw);
                    let put = shop.run(shop.local.put(TABLE, item.clone(), condition.clone()));
                    put.map(|()| Some(item))
                }
                1 => {
                    let key = key_of(&shop::item("home", "now", None));
                    let deleted = shop.run(shop.local.delete(TABLE, key, condition.clone()));
                    deleted.map(|()| None)
                }
                _ => {
                    let Some(before) = &there else { continue };
                    let (update, expected) = update(draw, before);
                    let Some(expected) = expected else { continue };
                    let key = key_of(before);
                    let updated = shop.local.update(TABLE, key, update, condition.clone());
                    shop.run(updated).map(|item| {
                        assert_eq!(item, expected, "the reply of an update");
                        Some(item)
                    })
                }
            };
            match result {
                Ok(now) => {
                    assert!(holds, "{condition:?} held on {there:?}");
                    there = now;
                }
                Err(error) if error.is_conflict() => {
                    assert!(!holds, "{condition:?} failed on {there:?}");
                }
                Err(error) => panic!("{error}: {condition:?} on {there:?}"),
            }
            assert_eq!(stored(shop), there);
        }
    });
}

fn stored(shop: &Shop) -> Option<Item> {
    shop.items().pop()
}

fn value(draw: &mut Draw<'_>) -> Value {
    match draw.below(6) {
        0 => Value::Null,
        1 => json!(draw.chance()),
        2 => json!(draw.below(3)),
        3 => json!([draw.text()]),
        4 => json!({ "k": draw.below(2) }),
        _ => json!(draw.text()),
    }
}

fn item(draw: &mut Draw<'_>) -> Item {
    let mut item = shop::item("home", "now", None);
    item.remove("who");
    for _ in 0..draw.below(4) {
        let name = draw.one(&ATTRIBUTES[..3]);
        item.insert(name.to_owned(), value(draw));
    }
    item
}

fn condition(draw: &mut Draw<'_>) -> Condition {
    let clauses = (0..draw.below(3)).map(|_| {
        let attribute = draw.one(&ATTRIBUTES).to_owned();
        match draw.below(5) {
            0 => Clause::ItemExists,
            1 => Clause::ItemMissing,
            2 => Clause::AttributeExists(attribute),
            3 => Clause::AttributeMissing(attribute),
            _ => Clause::Compare {
                attribute,
                comparison: draw.one(&[
                    Comparison::Equal,
                    Comparison::NotEqual,
                    Comparison::Less,
                    Comparison::LessOrEqual,
                    Comparison::Greater,
                    Comparison::GreaterOrEqual,
                ]),
                value: match draw.chance() {
                    true => json!(draw.text()),
                    false => json!(draw.below(3)),
                },
            },
        }
    });
    clauses.collect()
}

/// What the documentation of [`Clause`] says.
fn holds(clause: &Clause, there: Option<&Item>) -> bool {
    let attribute = |name: &str| {
        let value = there.and_then(|item| item.get(name));
        value.filter(|value| !value.is_null())
    };
    match clause {
        Clause::ItemExists => there.is_some(),
        Clause::ItemMissing => there.is_none(),
        Clause::AttributeExists(name) => attribute(name).is_some(),
        Clause::AttributeMissing(name) => attribute(name).is_none(),
        Clause::Compare {
            attribute: name,
            comparison,
            value,
        } => attribute(name).is_some_and(|stored| compares(stored, *comparison, value)),
    }
}

fn compares(stored: &Value, comparison: Comparison, value: &Value) -> bool {
    let order = match (stored, value) {
        (Value::String(a), Value::String(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (Value::Number(a), Value::Number(b)) => a.as_i64().partial_cmp(&b.as_i64()),
        _ => None,
    };
    match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => order.is_some_and(Ordering::is_le),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
    }
}

/// An update, and what becomes of the item; `None` when it adds to something that is no number.
fn update(draw: &mut Draw<'_>, before: &Item) -> (Update, Option<Item>) {
    let mut update = Update::default();
    let mut after = Some(before.clone());
    for name in &ATTRIBUTES[..3] {
        let Some(item) = &mut after else { break };
        match draw.below(4) {
            0 => {
                let value = value(draw);
                item.insert((*name).to_owned(), value.clone());
                update.set.push(((*name).to_owned(), value));
            }
            1 => {
                item.remove(*name);
                update.remove.push((*name).to_owned());
            }
            2 => {
                let by = draw.below(5) as i64 - 2;
                let old = match item.get(*name) {
                    None | Some(Value::Null) => Some(0),
                    Some(value) => value.as_i64(),
                };
                match old {
                    Some(old) => {
                        item.insert((*name).to_owned(), json!(old + by));
                    }
                    None => after = None,
                }
                update.increment.push(((*name).to_owned(), by));
            }
            _ => {}
        }
    }
    (update, after)
}
