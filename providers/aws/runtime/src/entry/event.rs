//! What Lambda hands over, told apart by its shape.

use crate::envelope;
use serde_json::Value;
use std::fmt;

/// An event.
#[derive(Debug, PartialEq)]
pub(super) enum Event {
    /// A request, in format 2.0 of HTTP APIs.
    Http(Value),
    /// Messages of SQS.
    Messages(Vec<Value>),
    /// Records of Kinesis.
    Records(Vec<Value>),
    /// Changes in a table of DynamoDB.
    Changes(Vec<Value>),
    /// A firing of a schedule.
    Firing(envelope::Firing),
    /// Something that was sent to the unit itself.
    Direct(envelope::Enveloped),
}

impl Event {
    /// Tells what an event is. It may be wrapped into a text.
    ///
    /// # Errors
    /// What it looks like, when it is nothing that is known.
    pub(super) fn read(text: &[u8]) -> Result<Event, String> {
        let not_json = |error: &dyn fmt::Display| format!("something that is not JSON ({error})");
        let text = str::from_utf8(text).map_err(|error| not_json(&error))?;
        match text.parse().map_err(|error| not_json(&error))? {
            Value::String(text) => match text.parse() {
                Ok(Value::String(_)) | Err(_) => Err("a text".to_owned()),
                Ok(value) => Event::of(value, &text),
            },
            value => Event::of(value, text),
        }
    }

    /// `text` is what `value` was read from.
    fn of(value: Value, text: &str) -> Result<Event, String> {
        let mut fields = match value {
            Value::Array(records) => return of_records(records),
            Value::Object(fields) => fields,
            other => return Err(format!("`{other}`")),
        };
        if let Some(Value::Array(records)) = fields.get_mut("Records") {
            return of_records(std::mem::take(records));
        }
        if fields.contains_key("ifc") {
            let value = Value::Object(fields);
            if let Some(firing) = envelope::open_firing(&value) {
                return Ok(Event::Firing(firing));
            }
            return match envelope::open(text) {
                Some(enveloped) => Ok(Event::Direct(enveloped)),
                None => Err("an envelope of another version of `ifc`".to_owned()),
            };
        }
        let context = fields.get("requestContext");
        let http = context.is_some_and(|context| context.get("http").is_some());
        match fields.get("version").and_then(Value::as_str) {
            Some("2.0") if http => Ok(Event::Http(Value::Object(fields))),
            Some("1.0") if context.is_some() => {
                Err("a request in format 1.0 of API Gateway (2.0 is what is served)".to_owned())
            }
            _ if fields.is_empty() => Err("an empty object".to_owned()),
            _ => {
                let mut names: Vec<String> =
                    fields.keys().take(6).map(|name| shown(name)).collect();
                if fields.len() > names.len() {
                    names.push("others".to_owned());
                }
                Err(format!("an object with {}", names.join(", ")))
            }
        }
    }

    /// What it is called where it is not expected.
    pub(super) fn described(&self) -> &'static str {
        match self {
            Event::Http(_) => "an HTTP request",
            Event::Messages(_) => "messages of SQS",
            Event::Records(_) => "records of Kinesis",
            Event::Changes(_) => "changes of a DynamoDB table",
            Event::Firing(_) => "the firing of a schedule",
            Event::Direct(_) => "a direct invocation",
        }
    }
}

fn of_records(records: Vec<Value>) -> Result<Event, String> {
    let source = |record: &Value| {
        let source = record.get("eventSource").or(record.get("EventSource"));
        source.and_then(Value::as_str).map(str::to_owned)
    };
    let Some(first) = records.first() else {
        return Err("a list of no records".to_owned());
    };
    let first = source(first);
    if records.iter().any(|record| source(record) != first) {
        return Err("records of several sources".to_owned());
    }
    match first.as_deref() {
        Some("aws:sqs") => Ok(Event::Messages(records)),
        Some("aws:kinesis") => Ok(Event::Records(records)),
        Some("aws:dynamodb") => Ok(Event::Changes(records)),
        Some(other) => Err(format!("records of {}", shown(other))),
        None => Err("records without a source".to_owned()),
    }
}

/// A word of a stranger in a message of ours.
fn shown(word: &str) -> String {
    let short: String = word.chars().take(40).collect();
    format!("`{}`", short.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_described() {
        for (text, expected) in [
            ("", "something that is not JSON"),
            ("7", "`7`"),
            ("\"hello\"", "a text"),
            ("{}", "an empty object"),
            (r#"{"b":1,"a":2}"#, "an object with `a`, `b`"),
            (
                r#"{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1}"#,
                "`f`, others",
            ),
            ("[]", "a list of no records"),
            (r#"{"Records":[]}"#, "a list of no records"),
            (r#"{"Records":[{}]}"#, "records without a source"),
            (
                r#"{"Records":[{"eventSource":"aws:ses"}]}"#,
                "records of `aws:ses`",
            ),
            (
                r#"{"Records":[{"eventSource":"aws:sqs"},{"eventSource":"aws:kinesis"}]}"#,
                "records of several sources",
            ),
            (
                r#"{"version":"1.0","requestContext":{"httpMethod":"GET"}}"#,
                "a request in format 1.0",
            ),
            (r#"{"ifc":{"later":true}}"#, "another version"),
        ] {
            let described = Event::read(text.as_bytes()).unwrap_err();
            assert!(described.contains(expected), "{text}: {described}");
        }
    }

    #[test]
    fn events_come_as_objects_as_lists_and_as_texts() {
        let records = r#"[{"eventSource":"aws:sqs","body":"1"}]"#;
        let object = format!(r#"{{"Records":{records}}}"#);
        let text = Value::from(object.as_str()).to_string();
        let read = |text: &str| Event::read(text.as_bytes()).unwrap();
        assert!(matches!(read(&object), Event::Messages(records) if records.len() == 1));
        assert_eq!(read(&object), read(records));
        assert_eq!(read(&object), read(&text));
    }
}
