//! Values of properties, in a line.

use crate::render::fingerprint;
use ifc_engine::Value;

/// The value as people read it. Texts are quoted, so that a number is told from its digits.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Null => "unset".to_owned(),
        Value::Bool(bool) => bool.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => quoted(text),
        Value::List(items) => format!("[{}]", all(items, ", ")),
        Value::Map(map) => {
            let entries: Vec<String> = map
                .iter()
                .map(|(key, item)| format!("{key}: {}", self::value(item)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Join(items) => all(items, " + "),
        Value::Output(output) => format!("({output}, known after it is applied)"),
        Value::Secret(name) => format!("(secret `{}`)", name.0),
    }
}

/// A value that may not be set or not be known.
pub(crate) fn optional(value: Option<&Value>) -> String {
    value.map_or_else(|| "unset".to_owned(), self::value)
}

fn all(items: &[Value], between: &str) -> String {
    let items: Vec<String> = items.iter().map(value).collect();
    items.join(between)
}

fn quoted(text: &str) -> String {
    // As in Rust: nothing that moves the cursor gets through.
    fingerprint::shortened(&format!("{text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_one_line() {
        let part = "orders/queue".parse().unwrap();
        let shown = value(&Value::map([
            ("bool", Value::Bool(true)),
            (
                "list",
                Value::List(vec![1.into(), Value::Null, "a\n\u{1b}[2J".into()]),
            ),
            (
                "arn",
                Value::Join(vec!["arn:".into(), Value::output(&part, "id")]),
            ),
            ("key", Value::secret("payment-key")),
        ]));
        assert_eq!(
            shown,
            r#"{arn: "arn:" + (orders/queue.id, known after it is applied), bool: true, key: (secret `payment-key`), list: [1, unset, "a\n\u{1b}[2J"]}"#
        );
    }
}
