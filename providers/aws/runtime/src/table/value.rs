//! Values in DynamoDB's JSON: each with its type beside it.

use ifc_manifest::kind::table::TableSpec;
use ifc_runtime::table::{Item, Key, KeyValue};
use ifc_runtime::{Error, ErrorKind};
use serde_json::{Map, Number, Value, json};

/// The magnitudes of numbers that DynamoDB has, but for 0.
const MAGNITUDE: std::ops::RangeInclusive<f64> = 1e-130..=9.99e125;

/// A value as DynamoDB has it.
///
/// # Errors
/// `Invalid` for a number that it cannot hold.
pub(super) fn encode(value: &Value) -> Result<Value, Error> {
    Ok(match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(value) => json!({ "BOOL": value }),
        Value::Number(number) => {
            let magnitude = number.as_f64().unwrap_or_default().abs();
            if magnitude != 0.0 && !MAGNITUDE.contains(&magnitude) {
                let message = format!(
                    "the number {number} is outside what aws can store (1e-130 to 9.99e125): store \
                     it as text"
                );
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            json!({ "N": number.to_string() })
        }
        Value::String(text) => json!({ "S": text }),
        Value::Array(values) => {
            let values: Vec<Value> = values.iter().map(encode).collect::<Result<_, _>>()?;
            json!({ "L": values })
        }
        Value::Object(values) => json!({ "M": encode_item(values)? }),
    })
}

/// An item as DynamoDB has it.
pub(super) fn encode_item(item: &Item) -> Result<Value, Error> {
    // Not collected, here and elsewhere: for each sort of iterator that would bring another copy of
    // a sort, which is 6 KB of every program.
    let mut encoded = Map::new();
    for (name, value) in item {
        encoded.insert(name.clone(), encode(value)?);
    }
    Ok(Value::Object(encoded))
}

/// A key attribute's value.
pub(super) fn encode_key_value(value: &KeyValue) -> Value {
    match value {
        KeyValue::Number(number) => json!({ "N": number.to_string() }),
        KeyValue::String(text) => json!({ "S": text }),
    }
}

/// A key of a table.
pub(super) fn encode_key(spec: &TableSpec, key: &Key) -> Value {
    let mut encoded = json!({ spec.key.name.as_str(): encode_key_value(&key.partition) });
    if let (Some(sort), Some(value)) = (&spec.sort, &key.sort) {
        encoded[sort.name.as_str()] = encode_key_value(value);
    }
    encoded
}

/// The value of an attribute that DynamoDB answered.
///
/// # Errors
/// `Malformed` for what is none.
pub(super) fn decode(value: &Value) -> Result<Value, Error> {
    let Some((sort, inner)) = value.as_object().and_then(|map| map.iter().next()) else {
        return Err(malformed());
    };
    let texts = |read: fn(&str) -> Option<Value>| {
        let values = inner.as_array().ok_or_else(malformed)?.iter();
        let read = |value: &Value| value.as_str().and_then(read).ok_or_else(malformed);
        values.map(read).collect::<Result<_, _>>().map(Value::Array)
    };
    match (sort.as_str(), inner) {
        ("NULL", _) => Ok(Value::Null),
        ("BOOL", Value::Bool(_)) | ("S" | "B", Value::String(_)) => Ok(inner.clone()),
        ("N", Value::String(text)) => number(text).ok_or_else(malformed),
        ("L", Value::Array(values)) => values
            .iter()
            .map(decode)
            .collect::<Result<_, _>>()
            .map(Value::Array),
        ("M", inner) => decode_item(inner).map(Value::Object),
        // Sets, which we do not write, are lists to who reads them.
        ("SS" | "BS", _) => texts(|text| Some(text.into())),
        ("NS", _) => texts(number),
        _ => Err(malformed()),
    }
}

/// An item that DynamoDB answered.
pub(crate) fn decode_item(item: &Value) -> Result<Item, Error> {
    let mut decoded = Item::new();
    for (name, value) in item.as_object().ok_or_else(malformed)? {
        decoded.insert(name.clone(), decode(value)?);
    }
    Ok(decoded)
}

/// Whole numbers as such, whatever way they were written; the others as floats.
fn number(text: &str) -> Option<Value> {
    match text.parse::<i64>() {
        Ok(whole) => Some(whole.into()),
        Err(_) => Number::from_f64(text.parse().ok()?).map(Value::Number),
    }
}

fn malformed() -> Error {
    Error::new(
        ErrorKind::Malformed,
        "the answer of DynamoDB has a value of no known type",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were() {
        for value in [
            json!(null),
            json!(true),
            json!(""),
            json!("grüße"),
            json!(9_007_199_254_740_991_i64),
            json!(-1.5e-9),
            json!(0),
            json!([1, "two", null, [3.5], {}]),
            json!({ "a": { "b": [true] }, "": 0 }),
        ] {
            let encoded = encode(&value).unwrap();
            assert_eq!(decode(&encoded).unwrap(), value, "{encoded}");
        }
        assert_eq!(
            encode(&json!([1, null])).unwrap(),
            json!({ "L": [{ "N": "1" }, { "NULL": true }] })
        );
        assert_eq!(
            decode(&json!({ "NS": ["1", "0.5"] })).unwrap(),
            json!([1, 0.5])
        );
    }

    #[test]
    fn what_cannot_be_stored_or_read_is_an_error() {
        for number in [1e126, -1e126, 1e-131] {
            assert_eq!(
                encode(&json!([number])).unwrap_err().kind(),
                ErrorKind::Invalid
            );
        }
        for value in [
            json!(1),
            json!({}),
            json!({ "N": "x" }),
            json!({ "Q": "x" }),
            json!({ "L": "x" }),
        ] {
            assert_eq!(
                decode(&value).unwrap_err().kind(),
                ErrorKind::Malformed,
                "{value}"
            );
        }
    }
}
