//! Whether a condition holds of an item.

use ifc_runtime::table::{Clause, Comparison, Item};
use serde_json::Value;
use std::cmp::Ordering;

/// Whether a clause holds of an item, or of its absence.
///
/// An absent item has no attributes, a null attribute counts as missing, and what is missing
/// compares to nothing.
pub(super) fn holds(clause: &Clause, item: Option<&Item>) -> bool {
    let attribute = |name: &str| {
        item.and_then(|item| item.get(name))
            .filter(|value| !value.is_null())
    };
    match clause {
        Clause::ItemExists => item.is_some(),
        Clause::ItemMissing => item.is_none(),
        Clause::AttributeExists(name) => attribute(name).is_some(),
        Clause::AttributeMissing(name) => attribute(name).is_none(),
        Clause::Compare {
            attribute: name,
            comparison,
            value,
        } => match (attribute(name), comparison) {
            (None, _) => false,
            (Some(left), Comparison::Equal) => equal(left, value),
            (Some(left), Comparison::NotEqual) => !equal(left, value),
            (Some(left), comparison) => order(left, value).is_some_and(|order| match comparison {
                Comparison::Less => order.is_lt(),
                Comparison::LessOrEqual => order.is_le(),
                Comparison::Greater => order.is_gt(),
                _ => order.is_ge(),
            }),
        },
    }
}

/// Equality of values; numbers by value, so that 1 equals 1.0.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(_), Value::Number(_)) => order(left, right) == Some(Ordering::Equal),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| equal(l, r))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, l)| right.get(key).is_some_and(|r| equal(l, r)))
        }
        _ => left == right,
    }
}

/// Order of numbers and of strings; other values have none.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Value::Number(left), Value::Number(right)) => {
            match (left.as_i64(), right.as_i64()) {
                (Some(left), Some(right)) => Some(left.cmp(&right)),
                // Integers beyond 2^53 have no portable form, so a float compares exactly.
                _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ALL: [Comparison; 6] = [
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ];

    /// `expected`: which of `= ≠ < ≤ > ≥` hold, in this order.
    #[track_caller]
    fn check(left: Value, right: Value, expected: [bool; 6]) {
        let item = Item::from_iter([("a".to_owned(), left.clone())]);
        let actual = ALL.map(|comparison| {
            let clause = Clause::Compare {
                attribute: "a".to_owned(),
                comparison,
                value: right.clone(),
            };
            holds(&clause, Some(&item))
        });
        assert_eq!(actual, expected, "{left} {right}");
    }

    #[test]
    fn comparisons() {
        const EQUAL: [bool; 6] = [true, false, false, true, false, true];
        const LESS: [bool; 6] = [false, true, true, true, false, false];
        const GREATER: [bool; 6] = [false, true, false, false, true, true];
        const UNRELATED: [bool; 6] = [false, true, false, false, false, false];
        const SAME: [bool; 6] = [true, false, false, false, false, false];
        check(json!(1), json!(1), EQUAL);
        check(json!(1), json!(1.0), EQUAL);
        check(json!(1), json!(1.5), LESS);
        check(json!(-1), json!(-2), GREATER);
        check(
            json!(9_007_199_254_740_991_i64),
            json!(9_007_199_254_740_990_i64),
            GREATER,
        );
        check(json!("a"), json!("a"), EQUAL);
        check(json!("Z"), json!("a"), LESS);
        check(json!("é"), json!("z"), GREATER);
        check(json!("1"), json!(1), UNRELATED);
        check(json!(true), json!(true), SAME);
        check(json!(true), json!(false), UNRELATED);
        check(json!([1, {"x": 2.0}]), json!([1.0, {"x": 2}]), SAME);
        check(json!([1]), json!([1, 2]), UNRELATED);
        check(json!({"x": 1}), json!({"y": 1}), UNRELATED);
        // A null attribute counts as missing.
        check(json!(null), json!(null), [false; 6]);
        check(json!(null), json!(0), [false; 6]);
    }

    #[test]
    fn existence() {
        let item = Item::from_iter([("a".to_owned(), json!(0)), ("n".to_owned(), json!(null))]);
        let a = || "a".to_owned();
        for (clause, of_item, of_nothing) in [
            (Clause::ItemExists, true, false),
            (Clause::ItemMissing, false, true),
            (Clause::AttributeExists(a()), true, false),
            (Clause::AttributeMissing(a()), false, true),
            (Clause::AttributeExists("n".to_owned()), false, false),
            (Clause::AttributeMissing("n".to_owned()), true, true),
        ] {
            assert_eq!(holds(&clause, Some(&item)), of_item, "{clause:?}");
            assert_eq!(holds(&clause, None), of_nothing, "{clause:?}");
        }
    }
}
