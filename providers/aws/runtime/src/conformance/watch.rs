//! The network between a stage and the emulator. It notes when something is to happen later, so that
//! time can be moved to exactly then, and it invokes functions, which the emulator does not have.

use crate::connection::{Exchange, Network};
use crate::entry::{Context, Unit};
use crate::failure::Failure;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, Response};
use ifc_emulators::EmulatedClock;
use ifc_runtime::event::random_id;
use ifc_runtime::{BoxFuture, Clock};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// The emulator's clock, which is also the stage's.
pub(super) struct StageClock(pub(super) EmulatedClock);

impl Clock for StageClock {
    fn now(&self) -> SystemTime {
        self.0.now()
    }
}

/// What a stage's network knows.
pub(super) struct Watched {
    network: Network,
    clock: EmulatedClock,
    /// When something will be due.
    dues: Mutex<BTreeSet<SystemTime>>,
    /// The functions that run, by their names in Lambda.
    pub(super) functions: Mutex<BTreeMap<String, Arc<Unit>>>,
}

impl Watched {
    pub(super) fn new(clock: &EmulatedClock) -> Arc<Watched> {
        Arc::new(Watched {
            network: Network::new(None).unwrap(),
            clock: clock.clone(),
            dues: Mutex::default(),
            functions: Mutex::default(),
        })
    }

    /// Notes that something is due then.
    pub(super) fn due_in(&self, seconds: u64) {
        let due = self.clock.now() + Duration::from_secs(seconds);
        self.dues.lock().unwrap().insert(due);
    }

    /// The first time after now, and not after `end`, when something is due.
    pub(super) fn next_due(&self, end: SystemTime) -> Option<SystemTime> {
        let now = self.clock.now();
        let mut dues = self.dues.lock().unwrap();
        while let Some(due) = dues.first().copied() {
            match due {
                due if due <= now => dues.pop_first(),
                due => return (due <= end).then_some(due),
            };
        }
        None
    }

    fn note(&self, request: &Request<Bytes>) {
        let operation = request.headers().get("x-amz-target");
        let Some(operation) = operation.and_then(|value| value.to_str().ok()) else {
            return;
        };
        let field = match operation.rsplit('.').next() {
            Some("SendMessageBatch") => "DelaySeconds",
            Some("ChangeMessageVisibilityBatch") => "VisibilityTimeout",
            _ => return,
        };
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        for entry in body["Entries"].as_array().into_iter().flatten() {
            if let Some(seconds) = entry[field].as_u64() {
                self.due_in(seconds);
            }
        }
    }

    /// The answer of Lambda, when the request is an invocation.
    async fn invoked(&self, request: &Request<Bytes>) -> Option<Response<Body>> {
        let path = request
            .uri()
            .path()
            .strip_prefix("/2015-03-31/functions/")?;
        let name = path.strip_suffix("/invocations")?;
        let unit = self.functions.lock().unwrap().get(name).cloned();
        let Some(unit) = unit else {
            let answer = r#"{"Type":"User","Message":"Function not found"}"#;
            let response = Response::builder().status(404);
            let response = response.header("x-amzn-errortype", "ResourceNotFoundException");
            return Some(response.body(Body::from(answer)).unwrap());
        };
        let response = Response::builder().header("x-amzn-requestid", random_id());
        Some(match unit.deliver(request.body(), &context()).await {
            Ok(reply) => response.body(Body::from(reply)).unwrap(),
            Err(failed) => {
                let error = json!({ "errorMessage": failed.message, "errorType": failed.sort });
                let response = response.header("x-amz-function-error", "Unhandled");
                response.body(Body::from(error.to_string())).unwrap()
            }
        })
    }
}

/// What Lambda says of an invocation.
pub(super) fn context() -> Context {
    Context {
        request_id: random_id(),
        time_left: None,
    }
}

impl Exchange for Arc<Watched> {
    fn exchange(&self, request: Request<Body>) -> BoxFuture<'_, Result<Response<Body>, Failure>> {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            let request = Request::from_parts(parts, body);
            if let Some(response) = self.invoked(&request).await {
                return Ok(response);
            }
            let (parts, body) = request.into_parts();
            let sent = Request::from_parts(parts.clone(), Body::from(body.clone()));
            let response = self.network.exchange(sent).await;
            self.note(&Request::from_parts(parts, body));
            response
        })
    }
}
