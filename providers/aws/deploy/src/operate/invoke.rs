//! Running a unit once, by hand, through its live alias.
//!
//! The event is what `ifc invoke` takes for the local provider, too: a request for an API, the
//! argument of a function, the body of a message for everything else, or an object with `body`, and
//! perhaps `id` and `attributes`.

use super::{OperateError, Operator, refused};
use aws_sdk_lambda::types::InvocationType;
use aws_smithy_types::Blob;
use ifc_aws::envelope;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a unit answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Invoked {
    /// Its reply, JSON; what failed and why, when it did.
    pub reply: Value,
    /// Whether it failed.
    pub failed: bool,
}

impl Operator {
    /// Runs a unit with an event.
    ///
    /// # Errors
    /// When the stage has no such unit, the event does not fit, or AWS refuses.
    pub async fn invoke(&self, unit: &str, event: Value) -> Result<Invoked, OperateError> {
        let function = self.part("unit", unit, "function")?;
        let is_api = self.part("unit", unit, "api").is_ok();
        let payload = match is_api {
            true => request(event)?.to_string(),
            false => message(event)?,
        };
        let answer = self
            .lambda
            .invoke()
            .function_name(function.physical_name.as_str())
            .qualifier("live")
            .invocation_type(InvocationType::RequestResponse)
            .payload(Blob::new(payload))
            .send()
            .await
            .map_err(refused(format!("invoke unit `{unit}`")))?;
        let reply = answer.payload().map(|payload| payload.as_ref().to_vec());
        let reply = reply.unwrap_or_default();
        let reply: Value = serde_json::from_slice(&reply)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&reply).into_owned()));
        let failed = answer.function_error().is_some();
        Ok(Invoked {
            reply: match is_api && !failed {
                true => response(reply),
                false => reply,
            },
            failed,
        })
    }
}

/// The envelope of an event.
fn message(event: Value) -> Result<String, OperateError> {
    let mut fields = match event {
        Value::Object(fields) if fields.contains_key("body") => fields,
        body => Map::from_iter([("body".to_owned(), body)]),
    };
    let body = fields.remove("body").unwrap_or_default();
    let id = text(&mut fields, "id")?;
    let attributes = texts(&mut fields, "attributes")?;
    Ok(envelope::seal_by_hand(id, &attributes, &body))
}

/// A request in format 2.0 of HTTP APIs.
fn request(event: Value) -> Result<Value, OperateError> {
    let mut fields = match event {
        Value::Object(fields) => fields,
        Value::Null => Map::new(),
        _ => {
            return Err(invalid(
                "the event of an API must be an object with `method`, `path`, `query`, `headers`, \
                 `body`",
            ));
        }
    };
    let method = text(&mut fields, "method")?.unwrap_or_else(|| "GET".to_owned());
    let path = text(&mut fields, "path")?.unwrap_or_else(|| "/".to_owned());
    let query = match fields.get("query") {
        Some(Value::String(_)) => text(&mut fields, "query")?.unwrap_or_default(),
        _ => {
            let pairs = texts(&mut fields, "query")?;
            let pair =
                |(key, value): (&String, &String)| format!("{}={}", escape(key), escape(value));
            pairs.iter().map(pair).collect::<Vec<_>>().join("&")
        }
    };
    let headers = texts(&mut fields, "headers")?;
    let mut headers: BTreeMap<String, String> = headers
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    let body = match fields.remove("body") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text),
        Some(body) => {
            let json = "application/json".to_owned();
            headers.entry("content-type".to_owned()).or_insert(json);
            Some(body.to_string())
        }
    };
    if let Some(field) = fields.keys().next() {
        return Err(invalid(format!(
            "the event of an API has `method`, `path`, `query`, `headers` and `body`, and no \
             `{field}`"
        )));
    }
    Ok(json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query.trim_start_matches('?'),
        "headers": headers,
        "requestContext": {
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1" },
            "stage": "$default",
            "requestId": "ifc-invoke",
        },
        "body": body,
        "isBase64Encoded": false,
    }))
}

/// The reply of an API, as `ifc invoke` shows it.
fn response(reply: Value) -> Value {
    let headers = reply["headers"].clone();
    let is_json = headers["content-type"]
        .as_str()
        .is_some_and(|content_type| content_type.contains("json"));
    let body = match reply["body"].as_str() {
        Some(text) if is_json => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
        }
        _ => reply["body"].clone(),
    };
    json!({ "status": reply["statusCode"], "headers": headers, "body": body })
}

fn invalid(message: impl Into<String>) -> OperateError {
    OperateError::Invalid(message.into())
}

fn text(fields: &mut Map<String, Value>, key: &str) -> Result<Option<String>, OperateError> {
    match fields.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(format!("`{key}` of the event must be a text"))),
    }
}

fn texts(
    fields: &mut Map<String, Value>,
    key: &str,
) -> Result<BTreeMap<String, String>, OperateError> {
    let entries = match fields.remove(key) {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(entries)) => entries,
        Some(_) => return Err(invalid(format!("`{key}` of the event must be an object"))),
    };
    entries
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            Value::Number(_) | Value::Bool(_) => Ok((name, value.to_string())),
            _ => Err(invalid(format!(
                "`{key}.{name}` of the event must be a text"
            ))),
        })
        .collect()
}

/// As it stands in a query.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(byte));
            }
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_becomes_a_message_of_ours() {
        let opened = |event| envelope::open(&message(event).unwrap()).unwrap();
        let bare = opened(json!({ "order": 1 }));
        assert_eq!(bare.body, br#"{"order":1}"#);
        assert!(!bare.id.is_empty() && bare.attributes.is_empty());
        let full = opened(json!({ "body": 1, "id": "e-1", "attributes": { "n": 2, "t": "x" } }));
        assert_eq!((full.id.as_str(), full.body.as_slice()), ("e-1", &b"1"[..]));
        assert_eq!(full.attributes["n"], "2");
        let error = message(json!({ "body": 1, "id": 7 })).unwrap_err();
        assert_eq!(error.to_string(), "`id` of the event must be a text");
    }

    #[test]
    fn an_event_of_an_api_is_a_request() {
        let event = json!({
            "method": "POST", "path": "/orders", "query": { "a b": "é", "n": 1 },
            "headers": { "X-Key": "k" }, "body": { "id": "o-1" },
        });
        let request = self::request(event).unwrap();
        assert_eq!(request["rawQueryString"], "a%20b=%C3%A9&n=1");
        assert_eq!(request["headers"]["content-type"], "application/json");
        assert_eq!(request["headers"]["x-key"], "k");
        assert_eq!(request["body"], r#"{"id":"o-1"}"#);
        assert_eq!(request["requestContext"]["http"]["method"], "POST");
        let nothing = self::request(Value::Null).unwrap();
        assert_eq!(nothing["rawPath"], "/");
        for wrong in [json!(7), json!({ "metod": "GET" }), json!({ "method": 1 })] {
            assert!(self::request(wrong).is_err());
        }
    }

    #[test]
    fn a_reply_of_an_api_is_shown_as_json() {
        let reply = json!({
            "statusCode": 201, "headers": { "content-type": "application/json" },
            "body": "{\"id\":1}", "isBase64Encoded": false,
        });
        let shown = response(reply);
        assert_eq!(shown["status"], 201);
        assert_eq!(shown["body"]["id"], 1);
    }
}
