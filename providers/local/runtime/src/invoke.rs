//! Running one unit by hand with an event from a file: `ifc invoke`.

use crate::drive::run_event;
use crate::local::{Edge, EdgeKind, EdgeThunk, Local};
use crate::names::unknown;
use ifc_manifest::kind::edge::Edge as EdgeSort;
use ifc_manifest::size::SYNC_BODY;
use ifc_runtime::axum::body::{Body, to_bytes};
use ifc_runtime::axum::http::{HeaderValue, Request, header};
use ifc_runtime::by_hand::{HttpRequest, Message, http_reply};
use ifc_runtime::event::random_id;
use ifc_runtime::{Delivery, Error, ErrorKind, Invocation, Outcome, TraceContext};
use serde_json::{Value, json};
use std::collections::BTreeSet;
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
        let message = match edge.kind == EdgeKind::Source(EdgeSort::OnEvent) {
            true => Message::read_cloud_event(event, self.now())?,
            false => Message::read(event)?,
        };
        Ok(Delivery {
            id: message.id.unwrap_or_else(random_id),
            source: edge.source.clone(),
            kind: edge.kind.event(),
            attempt: message.attempt,
            time: self.now(),
            attributes: message.attributes,
            body: message.body.to_string().into_bytes(),
            group: message.group,
            trace: TraceContext::root(),
        })
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
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = head.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), text(value)));
        Ok(http_reply(head.status.as_u16(), headers, &body))
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

fn request(event: Value) -> Result<Request<Body>, Error> {
    let HttpRequest {
        method,
        path,
        query,
        headers,
        body,
    } = HttpRequest::read(event)?;
    let target = match query.is_empty() {
        true => path,
        false => format!("{path}?{query}"),
    };
    let mut request = Request::builder()
        .method(method.as_str())
        .uri(target)
        .header(header::HOST, "localhost");
    for (name, value) in &headers {
        request = request.header(name, value);
    }
    if !body.is_empty() {
        request = request.header(header::CONTENT_LENGTH, body.len());
    }
    let request = request.body(Body::from(body));
    request.map_err(|error| invalid(format!("the event is not an HTTP request: {error}")))
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
