//! Values as JSON, for what is written down or counted.

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
