//! Events that somebody writes by hand to run a unit once (`ifc invoke`): the same JSON for every
//! provider, and the same reply.
//!
//! It knows what stands in such an event, and not how a provider hands it to the unit.

use crate::error::{Error, ErrorKind};
use crate::event_bus::EventContext;
use crate::log::parse_timestamp;
use ifc_manifest::suggest::nearest;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::SystemTime;

/// A message for a consumer, a subscriber, a rule, a schedule or a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The event's id, when one is given.
    pub id: Option<String>,
    /// The group in which it is ordered.
    pub group: Option<String>,
    /// How often it is said to have been delivered, this time included: from 1.
    pub attempt: u32,
    /// What its sender attached.
    pub attributes: BTreeMap<String, String>,
    /// The body.
    pub body: Value,
}

impl Message {
    /// Reads `{"body", "attributes", "id", "group", "attempt"}`. Anything without a `body` is the
    /// body itself.
    ///
    /// # Errors
    /// `Invalid`, with the field that does not fit.
    pub fn read(event: Value) -> Result<Message, Error> {
        let mut fields = match event {
            Value::Object(fields) if fields.contains_key("body") => fields,
            body => return Ok(Message::of(body)),
        };
        let attempt = take_attempt(&mut fields)?;
        Ok(Message {
            id: take_text(&mut fields, "id")?,
            group: take_text(&mut fields, "group")?,
            attempt,
            attributes: take_texts(&mut fields, "attributes")?,
            body: fields.remove("body").unwrap_or_default(),
        })
    }

    /// A message that is this body and nothing else.
    pub fn of(body: Value) -> Message {
        Message {
            id: None,
            group: None,
            attempt: 1,
            attributes: BTreeMap::new(),
            body,
        }
    }

    /// Reads an event of a bus, a CloudEvent in its JSON form: `{"type", "data"}`, and perhaps
    /// `source`, `subject`, `time` (UTC, to the millisecond; `now` when absent), `id` and `attempt`.
    ///
    /// # Errors
    /// `Invalid`, with the field that is missing or does not fit.
    pub fn read_cloud_event(event: Value, now: SystemTime) -> Result<Message, Error> {
        let Value::Object(mut fields) = event else {
            return Err(invalid(
                "the event of a rule must be a CloudEvent: an object with `type` and `data`",
            ));
        };
        let time = match take_text(&mut fields, "time")? {
            None => now,
            Some(text) => parse_timestamp(&text).ok_or_else(|| {
                invalid("`time` of the event must be UTC, like `2026-01-15T12:00:00.000Z`")
            })?,
        };
        let context = EventContext {
            event_type: take_text(&mut fields, "type")?
                .ok_or_else(|| invalid("the event of a rule must have a `type`"))?,
            source: take_text(&mut fields, "source")?.unwrap_or_else(|| "ifc-invoke".to_owned()),
            subject: take_text(&mut fields, "subject")?,
            time,
        };
        Ok(Message {
            id: take_text(&mut fields, "id")?,
            group: None,
            attempt: take_attempt(&mut fields)?,
            attributes: context.to_attributes(),
            body: fields.remove("data").unwrap_or_default(),
        })
    }
}

/// A request for an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// In capitals.
    pub method: String,
    /// As it stands in the request line, without what follows a `?`.
    pub path: String,
    /// What follows the `?`, escaped; empty when there is none.
    pub query: String,
    /// By name in small letters.
    pub headers: BTreeMap<String, String>,
    /// Empty when there is none.
    pub body: String,
}

impl HttpRequest {
    /// Reads `{"method", "path", "query", "headers", "body"}`, all optional. A query is a text or
    /// an object; a body that is not a text is sent as JSON.
    ///
    /// # Errors
    /// `Invalid`, with the field that is unknown or does not fit.
    pub fn read(event: Value) -> Result<HttpRequest, Error> {
        const FIELDS: [&str; 5] = ["method", "path", "query", "headers", "body"];
        let mut fields = match event {
            Value::Object(fields) => fields,
            Value::Null => Map::new(),
            _ => {
                return Err(invalid(
                    "the event of an API must be an object with `method`, `path`, `query`, \
                     `headers`, `body`",
                ));
            }
        };
        if let Some(field) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            let meant = nearest(field, FIELDS).map(|name| format!("; did you mean `{name}`?"));
            return Err(invalid(format!(
                "the event of an API has `{}`, and no `{field}`{}",
                FIELDS.join("`, `"),
                meant.unwrap_or_default()
            )));
        }
        let method = take_text(&mut fields, "method")?.unwrap_or_else(|| "GET".to_owned());
        let target = take_text(&mut fields, "path")?.unwrap_or_else(|| "/".to_owned());
        let (path, of_path) = target.split_once('?').unwrap_or((&target, ""));
        let query = match fields.get("query") {
            Some(Value::String(_)) => take_text(&mut fields, "query")?.unwrap_or_default(),
            _ => {
                let pairs = take_texts(&mut fields, "query")?;
                let pair =
                    |(key, value): (&String, &String)| format!("{}={}", escape(key), escape(value));
                pairs.iter().map(pair).collect::<Vec<_>>().join("&")
            }
        };
        let queries = [of_path, query.trim_start_matches('?')];
        let queries: Vec<&str> = queries
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        let mut headers: BTreeMap<String, String> = take_texts(&mut fields, "headers")?
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        let body = match fields.remove("body") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text,
            Some(body) => {
                let json = || "application/json".to_owned();
                headers
                    .entry("content-type".to_owned())
                    .or_insert_with(json);
                body.to_string()
            }
        };
        Ok(HttpRequest {
            method: method.to_uppercase(),
            path: path.to_owned(),
            query: queries.join("&"),
            headers,
            body,
        })
    }
}

/// The reply of an API: `{"status", "headers", "body"}`. A header that came several times is one
/// text with commas, but for `set-cookie`, which may not be joined and is a list. A body of JSON is
/// shown as such.
pub fn http_reply<'a>(
    status: u16,
    headers: impl IntoIterator<Item = (&'a str, String)>,
    body: &[u8],
) -> Value {
    let mut shown: Map<String, Value> = Map::new();
    for (name, value) in headers {
        match shown.get_mut(name) {
            Some(Value::String(values)) => {
                values.push_str(", ");
                values.push_str(&value);
            }
            Some(Value::Array(values)) => values.push(value.into()),
            _ if name == "set-cookie" => {
                shown.insert(name.to_owned(), json!([value]));
            }
            _ => {
                shown.insert(name.to_owned(), value.into());
            }
        }
    }
    let content_type = shown.get("content-type").and_then(Value::as_str);
    let is_json = content_type.is_some_and(|value| value.contains("json"));
    let text = || Value::String(String::from_utf8_lossy(body).into_owned());
    let body = match is_json {
        true => serde_json::from_slice(body).unwrap_or_else(|_| text()),
        false => text(),
    };
    json!({ "status": status, "headers": shown, "body": body })
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

fn take_attempt(fields: &mut Map<String, Value>) -> Result<u32, Error> {
    match fields.remove("attempt") {
        None => Ok(1),
        Some(attempt) => attempt
            .as_u64()
            .and_then(|attempt| u32::try_from(attempt).ok())
            .filter(|attempt| *attempt > 0)
            .ok_or_else(|| invalid("`attempt` of the event must be a number from 1")),
    }
}

fn take_text(fields: &mut Map<String, Value>, key: &str) -> Result<Option<String>, Error> {
    match fields.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(format!("`{key}` of the event must be a text"))),
    }
}

fn take_texts(
    fields: &mut Map<String, Value>,
    key: &str,
) -> Result<BTreeMap<String, String>, Error> {
    let entries = match fields.remove(key) {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(entries)) => entries,
        Some(_) => return Err(invalid(format!("`{key}` of the event must be an object"))),
    };
    let text = |(name, value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Number(_) | Value::Bool(_) => Ok((name, value.to_string())),
        _ => Err(invalid(format!(
            "`{key}.{name}` of the event must be a text"
        ))),
    };
    entries.into_iter().map(text).collect()
}

/// Percent-encodes all but the characters that stand for themselves everywhere.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_its_body_or_says_more() {
        let bare = Message::read(json!({ "order": 1 })).unwrap();
        assert_eq!(bare, Message::of(json!({ "order": 1 })));
        let event = json!({
            "body": 1, "id": "e-1", "group": "g", "attempt": 3,
            "attributes": { "n": 2, "yes": true, "t": "x" },
        });
        let full = Message::read(event).unwrap();
        assert_eq!((full.id.as_deref(), full.body), (Some("e-1"), json!(1)));
        assert_eq!((full.group.as_deref(), full.attempt), (Some("g"), 3));
        assert_eq!(full.attributes["n"], "2");
        assert_eq!(full.attributes["yes"], "true");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (event, expected) in [
            (
                json!({ "body": 1, "id": 7 }),
                "`id` of the event must be a text",
            ),
            (
                json!({ "body": 1, "attempt": 0 }),
                "`attempt` of the event must be a number from 1",
            ),
            (
                json!({ "body": 1, "attributes": [] }),
                "`attributes` of the event must be an object",
            ),
            (
                json!({ "body": 1, "attributes": { "a": {} } }),
                "`attributes.a` of the event must be a text",
            ),
        ] {
            let error = Message::read(event).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        let error = HttpRequest::read(json!({ "metod": "GET" })).unwrap_err();
        assert!(
            error.to_string().contains("did you mean `method`?"),
            "{error}"
        );
        for wrong in [json!(7), json!({ "method": 1 }), json!({ "query": 1 })] {
            assert!(HttpRequest::read(wrong).is_err());
        }
    }

    #[test]
    fn an_event_of_a_bus_is_a_cloud_event() {
        let now = SystemTime::UNIX_EPOCH;
        let event = json!({ "type": "placed", "data": { "id": 1 }, "subject": "o-1" });
        let message = Message::read_cloud_event(event, now).unwrap();
        assert_eq!(message.attributes["ce-type"], "placed");
        assert_eq!(message.attributes["ce-source"], "ifc-invoke");
        assert_eq!(message.attributes["ce-time"], "1970-01-01T00:00:00.000Z");
        assert_eq!(message.body, json!({ "id": 1 }));
        for wrong in [
            json!(1),
            json!({ "data": 1 }),
            json!({ "type": "t", "time": "noon" }),
        ] {
            assert!(Message::read_cloud_event(wrong, now).is_err());
        }
    }

    #[test]
    fn an_event_of_an_api_is_a_request() {
        let event = json!({
            "method": "post", "path": "/orders?all=1", "query": { "a b": "é", "n": 1 },
            "headers": { "X-Key": "k" }, "body": { "id": "o-1" },
        });
        let request = HttpRequest::read(event).unwrap();
        assert_eq!((&*request.method, &*request.path), ("POST", "/orders"));
        assert_eq!(request.query, "all=1&a%20b=%C3%A9&n=1");
        assert_eq!(request.headers["content-type"], "application/json");
        assert_eq!(request.headers["x-key"], "k");
        assert_eq!(request.body, r#"{"id":"o-1"}"#);
        let nothing = HttpRequest::read(Value::Null).unwrap();
        assert_eq!(
            (&*nothing.method, &*nothing.path, &*nothing.query),
            ("GET", "/", "")
        );
    }

    #[test]
    fn a_reply_is_shown_as_json() {
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("set-cookie", "a=1".to_owned()),
            ("set-cookie", "b=2".to_owned()),
            ("vary", "x".to_owned()),
            ("vary", "y".to_owned()),
        ];
        let shown = http_reply(201, headers, b"{\"id\":1}");
        assert_eq!(shown["status"], 201);
        assert_eq!(shown["body"]["id"], 1);
        assert_eq!(shown["headers"]["set-cookie"], json!(["a=1", "b=2"]));
        assert_eq!(shown["headers"]["vary"], "x, y");
        assert_eq!(http_reply(200, [], b"{}")["body"], "{}");
    }
}
