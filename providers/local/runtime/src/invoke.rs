//! Running one unit by hand with an event from a file: `ifc invoke`.

use crate::drive::run_event;
use crate::local::{Edge, EdgeKind, EdgeThunk, Local};
use crate::names::unknown;
use ifc_manifest::kind::edge::Edge as EdgeSort;
use ifc_manifest::size::SYNC_BODY;
use ifc_runtime::axum::body::{Body, to_bytes};
use ifc_runtime::axum::http::{Request, header};
use ifc_runtime::event::random_id;
use ifc_runtime::event_bus::EventContext;
use ifc_runtime::log::parse_timestamp;
use ifc_runtime::{Delivery, Error, ErrorKind, Invocation, Outcome, TraceContext};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tower::ServiceExt as _;

impl Local {
    /// Runs a unit once with an event, and returns its reply.
    ///
    /// - A function takes the event as its argument; the reply is its own.
    /// - A consumer or a schedule takes the event as the body of a message, or, when the event is
    ///   an object with a `body`, as `{"body", "attributes", "id", "group", "attempt"}`. The reply
    ///   is `{"outcome": "ack"}`, or `"retry"` or `"dead-letter"` with a `reason`. No queue is
    ///   involved, so nothing is delivered again.
    /// - A rule of an event bus takes a CloudEvent in its JSON form: `{"type", "data"}`, and
    ///   optionally `source`, `subject`, `time` (UTC, to the millisecond), `id` and `attempt`. Its
    ///   pattern is not asked.
    /// - An API takes `{"method", "path", "query", "headers", "body"}`, all optional, and replies
    ///   `{"status", "headers", "body"}`. A body that is not a text is sent as JSON.
    ///
    /// # Errors
    /// `NotFound` for an unknown unit, with those there are; `Invalid` for an event that does not
    /// fit; `Failed` when a function fails.
    pub async fn invoke_unit(&self, unit: &str, event: Value) -> Result<Value, Error> {
        if self.routers().get(unit).is_some() {
            return self.invoke_api(unit, event).await;
        }
        let Some(edge) = self.edges.iter().find(|edge| edge.unit == unit) else {
            let units = self.units();
            let message = unknown("unit", unit, &mut units.iter().map(String::as_str));
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        match edge.thunk {
            EdgeThunk::Call(thunk) => {
                let invocation = Invocation {
                    unit: edge.unit.as_str().into(),
                    event_id: random_id(),
                    attempt: 1,
                    trace: TraceContext::root(),
                };
                let argument = event.to_string().into_bytes();
                let reply = self.call(thunk, edge.timeout, argument, invocation).await?;
                serde_json::from_slice(&reply).map_err(|error| {
                    let message = format!("function `{unit}` replied something other than JSON");
                    Error::new(ErrorKind::Malformed, message).caused_by(error)
                })
            }
            EdgeThunk::Event(thunk) => {
                let delivery = self.delivery(edge, event)?;
                let outcomes = run_event(edge, thunk, vec![delivery]).await;
                Ok(outcomes
                    .into_iter()
                    .next()
                    .map_or(Value::Null, outcome_json))
            }
        }
    }

    /// The units of the application, by name.
    pub fn units(&self) -> BTreeSet<String> {
        let mut units = BTreeSet::new();
        for edge in &self.edges {
            units.insert(edge.unit.clone());
        }
        for api in self.routers().names() {
            units.insert(api.to_owned());
        }
        units
    }

    fn delivery(&self, edge: &Edge, event: Value) -> Result<Delivery, Error> {
        let is_rule = edge.kind == EdgeKind::Source(EdgeSort::OnEvent);
        let mut fields = match event {
            event if is_rule => self.message_of(event)?,
            Value::Object(fields) if fields.contains_key("body") => fields,
            body => {
                let mut fields = Map::new();
                fields.insert("body".to_owned(), body);
                fields
            }
        };
        let body = fields.remove("body").unwrap_or_default();
        Ok(Delivery {
            id: take_text(&mut fields, "id")?.unwrap_or_else(random_id),
            source: edge.source.clone(),
            kind: edge.kind.event(),
            attempt: match fields.remove("attempt") {
                None => 1,
                Some(attempt) => attempt
                    .as_u64()
                    .and_then(|attempt| u32::try_from(attempt).ok())
                    .filter(|attempt| *attempt > 0)
                    .ok_or_else(|| invalid("`attempt` of the event must be a number from 1"))?,
            },
            time: self.now(),
            attributes: take_texts(&mut fields, "attributes")?,
            body: body.to_string().into_bytes(),
            group: take_text(&mut fields, "group")?,
            trace: TraceContext::root(),
        })
    }

    /// The message that carries a CloudEvent.
    fn message_of(&self, event: Value) -> Result<Map<String, Value>, Error> {
        let Value::Object(mut fields) = event else {
            return Err(invalid(
                "the event of a rule must be a CloudEvent: an object with `type` and `data`",
            ));
        };
        let time = match take_text(&mut fields, "time")? {
            None => self.now(),
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
        let data = fields.remove("data").unwrap_or_default();
        fields.insert("attributes".to_owned(), json!(context.to_attributes()));
        fields.insert("body".to_owned(), data);
        Ok(fields)
    }

    async fn invoke_api(&self, api: &str, event: Value) -> Result<Value, Error> {
        let request = request(event)?;
        let Some(router) = self.routers().get(api) else {
            return Err(invalid("the API has no routes"));
        };
        let response = match router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (head, body) = response.into_parts();
        let bytes_max = SYNC_BODY.in_force(self.application().targets).max as usize;
        let body = to_bytes(body, bytes_max).await.map_err(|error| {
            let message = format!("`{api}` replied a body that cannot be read");
            Error::new(ErrorKind::Failed, message).caused_by(error)
        })?;
        let mut headers: Map<String, Value> = Map::new();
        for (name, value) in &head.headers {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            match headers.get_mut(name.as_str()) {
                // `set-cookie` is the only one that may not be joined.
                Some(Value::String(values)) if name != header::SET_COOKIE => {
                    values.push_str(", ");
                    values.push_str(&value);
                }
                Some(Value::Array(values)) => values.push(value.into()),
                _ if name == header::SET_COOKIE => {
                    headers.insert(name.to_string(), json!([value]));
                }
                _ => {
                    headers.insert(name.to_string(), value.into());
                }
            }
        }
        let is_json = (head.headers.get(header::CONTENT_TYPE))
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains("json"));
        let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
        let body = match is_json {
            true => serde_json::from_slice(&body).unwrap_or_else(|_| text()),
            false => text(),
        };
        Ok(json!({ "status": head.status.as_u16(), "headers": headers, "body": body }))
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, message)
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
    let mut texts = BTreeMap::new();
    for (name, value) in entries {
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            _ => {
                let message = format!("`{key}.{name}` of the event must be a text");
                return Err(invalid(message));
            }
        };
        texts.insert(name, text);
    }
    Ok(texts)
}

fn request(event: Value) -> Result<Request<Body>, Error> {
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
    let known = ["method", "path", "query", "headers", "body"];
    if let Some(field) = fields.keys().find(|field| !known.contains(&field.as_str())) {
        return Err(invalid(unknown(
            "field of an API's event",
            field,
            &mut known.into_iter(),
        )));
    }
    let method = take_text(&mut fields, "method")?.unwrap_or_else(|| "GET".to_owned());
    let mut target = take_text(&mut fields, "path")?.unwrap_or_else(|| "/".to_owned());
    let query = match fields.remove("query") {
        Some(Value::String(query)) => query.trim_start_matches('?').to_owned(),
        Some(query) => {
            fields.insert("query".to_owned(), query);
            let pairs = take_texts(&mut fields, "query")?;
            let pair =
                |(key, value): (&String, &String)| format!("{}={}", escape(key), escape(value));
            pairs.iter().map(pair).collect::<Vec<_>>().join("&")
        }
        None => String::new(),
    };
    if !query.is_empty() {
        target.push(if target.contains('?') { '&' } else { '?' });
        target.push_str(&query);
    }
    let headers = take_texts(&mut fields, "headers")?;
    let (body, is_json) = match fields.remove("body") {
        None | Some(Value::Null) => (String::new(), false),
        Some(Value::String(text)) => (text, false),
        Some(value) => (value.to_string(), true),
    };
    let typed = headers
        .keys()
        .any(|name| name.eq_ignore_ascii_case("content-type"));
    let mut request = Request::builder()
        .method(method.to_uppercase().as_str())
        .uri(target)
        .header(header::HOST, "localhost");
    for (name, value) in &headers {
        request = request.header(name, value);
    }
    if is_json && !typed {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    if !body.is_empty() {
        request = request.header(header::CONTENT_LENGTH, body.len());
    }
    let request = request.body(Body::from(body));
    request.map_err(|error| invalid(format!("the event is not an HTTP request: {error}")))
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

fn outcome_json(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Ack => json!({ "outcome": "ack" }),
        Outcome::Retry { after, reason } => {
            let mut value = json!({ "outcome": "retry", "reason": reason });
            if let Some(after) = after {
                value["after_seconds"] = after.as_secs_f64().into();
            }
            value
        }
        Outcome::DeadLetter { reason } => json!({ "outcome": "dead-letter", "reason": reason }),
    }
}
