//! Values as JSON and back, for what is written down, sent or counted.

use ifc_engine::Value;
use serde_json::Value as Json;

/// The value as JSON. What is not known yet, or must never be told, becomes `null`.
pub(crate) fn of(value: &Value) -> Json {
    match value {
        Value::Null | Value::Output(_) | Value::Join(_) | Value::Secret(_) => Json::Null,
        Value::Bool(bool) => Json::Bool(*bool),
        Value::Integer(number) => Json::from(*number),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().map(of).collect()),
        Value::Map(map) => {
            let fields = map.iter().map(|(key, item)| (key.clone(), of(item)));
            Json::Object(fields.collect())
        }
    }
}

/// JSON as a value. What is no whole number is told as text.
pub(crate) fn read(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => number
            .as_i64()
            .map_or_else(|| Value::text(number.to_string()), Value::Integer),
        Json::String(text) => Value::text(text),
        Json::Array(items) => Value::List(items.iter().map(read).collect()),
        Json::Object(map) => Value::map(map.iter().map(|(key, item)| (key, read(item)))),
    }
}
