//! Values as JSON. What JSON has no word for is a map with one key that begins with `$`; keys of
//! the user's that begin so have it doubled.

use super::{Detail, parsed};
use crate::model::{OutputRef, SecretRef, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;

pub(super) fn to_wire(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(bool) => Json::Bool(*bool),
        Value::Integer(number) => Json::from(*number),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().map(to_wire).collect()),
        Value::Map(map) => Json::Object(
            map.iter()
                .map(|(key, item)| {
                    let escaped = match key.strip_prefix('$') {
                        Some(_) => format!("${key}"),
                        None => key.clone(),
                    };
                    (escaped, to_wire(item))
                })
                .collect(),
        ),
        Value::Join(items) => special("$join", Json::Array(items.iter().map(to_wire).collect())),
        Value::Output(OutputRef { part, output }) => special(
            "$output",
            Json::Array(vec![part.to_string().into(), output.clone().into()]),
        ),
        Value::Secret(SecretRef(name)) => special("$secret", name.clone().into()),
    }
}

fn special(key: &str, value: Json) -> Json {
    Json::Object([(key.to_owned(), value)].into_iter().collect())
}

pub(super) fn from_wire(json: &Json) -> Result<Value, Detail> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(bool) => Value::Bool(*bool),
        Json::Number(number) => {
            let whole = number.as_i64();
            Value::Integer(whole.ok_or_else(|| format!("{number} is no whole number"))?)
        }
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(list(items)?),
        Json::Object(map) => match map.iter().next() {
            Some((key, item)) if map.len() == 1 && is_special(key) => special_value(key, item)?,
            _ => Value::Map(
                map.iter()
                    .map(|(key, item)| {
                        let key = key.strip_prefix('$').unwrap_or(key);
                        Ok((key.to_owned(), from_wire(item)?))
                    })
                    .collect::<Result<_, Detail>>()?,
            ),
        },
    })
}

fn is_special(key: &str) -> bool {
    key.starts_with('$') && !key.starts_with("$$")
}

fn list(items: &[Json]) -> Result<Vec<Value>, Detail> {
    items.iter().map(from_wire).collect()
}

fn special_value(key: &str, item: &Json) -> Result<Value, Detail> {
    match (key, item) {
        ("$join", Json::Array(items)) => Ok(Value::Join(list(items)?)),
        ("$secret", Json::String(name)) => Ok(Value::Secret(SecretRef(name.clone()))),
        ("$output", Json::Array(pair)) => match pair.as_slice() {
            [Json::String(part), Json::String(output)] => Ok(Value::Output(OutputRef {
                part: parsed(part)?,
                output: output.clone(),
            })),
            _ => Err("a reference that is no pair".to_owned()),
        },
        _ => Err(format!("`{key}` means nothing")),
    }
}

/// Property values by name.
pub(super) type WireValues = BTreeMap<String, Json>;

pub(super) fn values_to_wire(values: &BTreeMap<String, Value>) -> WireValues {
    let pairs = values.iter();
    pairs
        .map(|(name, value)| (name.clone(), to_wire(value)))
        .collect()
}

pub(super) fn values_from_wire(values: &WireValues) -> Result<BTreeMap<String, Value>, Detail> {
    let pairs = values.iter();
    pairs
        .map(|(name, value)| Ok((name.clone(), from_wire(value)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back() {
        let part = "a/b".parse().unwrap();
        let value = Value::map([
            ("null", Value::Null),
            ("bool", true.into()),
            ("least", i64::MIN.into()),
            ("text", "ä\"\n".into()),
            ("list", Value::List(vec![1.into(), Value::List(vec![])])),
            ("output", Value::output(&part, "url")),
            (
                "join",
                Value::Join(vec!["x".into(), Value::output(&part, "id")]),
            ),
            ("secret", Value::secret("password")),
            (
                "$secret",
                Value::map([("$output", Value::from("mine")), ("$$x", 2.into())]),
            ),
            ("one", Value::map([("$join", Value::from("mine"))])),
        ]);
        assert_eq!(from_wire(&to_wire(&value)).unwrap(), value);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "1.5",
            "99999999999999999999",
            r#"{"$output":["a/b"]}"#,
            r#"{"$output":["nowhere","x"]}"#,
            r#"{"$what":1}"#,
            r#"{"$secret":1}"#,
        ] {
            let json: Json = serde_json::from_str(text).unwrap();
            assert!(from_wire(&json).is_err(), "{text}");
        }
    }
}
