//! Lambda's runtime interface: asking for the next event, handing back the reply, until the process
//! is told to stop or is ended.
//!
//! By hand on the connection that the data half has anyway. The official crate `lambda_runtime` does
//! the same; see the benchmark `lambda` for what it would cost every application.

use super::unit::{Context, Failed, Unit};
use crate::connection::{Exchange, collect};
use crate::failure::Failure;
use ifc_runtime::BoxFuture;
use ifc_runtime::axum::body::{Body, Bytes};
use ifc_runtime::axum::http::header::CONTENT_TYPE;
use ifc_runtime::axum::http::{HeaderMap, Request, Response, StatusCode, Uri};
use serde_json::json;
use std::time::{Duration, SystemTime};

/// Version of the interface.
const VERSION: &str = "2018-06-01";

/// The header with the id of an invocation.
const REQUEST_ID: &str = "lambda-runtime-aws-request-id";

/// The header with the end of an invocation's time, in milliseconds since 1970.
const DEADLINE: &str = "lambda-runtime-deadline-ms";

/// The header that says what sort of failure a failed invocation is.
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

/// Longest event that is taken: Lambda hands over 6 MB at most.
const EVENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The interface.
pub(super) struct Invocations<'a> {
    /// The way to it: the unit's own, because to set one up takes a part of a cold start.
    exchange: &'a dyn Exchange,
    /// `http://127.0.0.1:9001/2018-06-01/runtime`.
    base: String,
}

impl Invocations<'_> {
    /// The interface at this host and port.
    ///
    /// # Errors
    /// When that is none.
    pub(super) fn at<'a>(
        authority: &str,
        exchange: &'a dyn Exchange,
    ) -> Result<Invocations<'a>, String> {
        let base = format!("http://{authority}/{VERSION}/runtime");
        match base.parse::<Uri>() {
            Ok(_) => Ok(Invocations { exchange, base }),
            Err(error) => Err(format!(
                "AWS_LAMBDA_RUNTIME_API is `{authority}`, which is no host with a port: {error}"
            )),
        }
    }

    /// Lets `unit` handle what Lambda hands over, until the process is asked to stop: then the
    /// invocation that runs is ended, and no other is asked for.
    ///
    /// # Errors
    /// When the interface does not do what it should.
    pub(super) async fn serve(&self, unit: &Unit) -> Result<(), String> {
        let mut stop = std::pin::pin!(asked_to_stop());
        loop {
            let next = self.call("invocation/next", None, None);
            let event = tokio::select! {
                () = &mut stop => return Ok(()),
                event = next => event?,
            };
            let id = header(event.headers(), REQUEST_ID).unwrap_or_default();
            let deadline = header(event.headers(), DEADLINE).and_then(|text| text.parse().ok());
            let context = Context {
                request_id: id.to_owned(),
                time_left: deadline.map(time_left),
            };
            match unit.deliver(event.body(), &context).await {
                Ok(reply) => {
                    let path = format!("invocation/{id}/response");
                    self.call(&path, Some(reply), None).await?;
                }
                Err(failed) => {
                    let path = format!("invocation/{id}/error");
                    self.failed(&path, &failed).await?;
                }
            }
        }
    }

    /// Says that the unit could not be started.
    ///
    /// # Errors
    /// When the interface does not take it.
    pub(super) async fn initialisation_failed(&self, problem: &str) -> Result<(), String> {
        let failed = Failed {
            sort: "NotStarted",
            message: problem.to_owned(),
        };
        self.failed("init/error", &failed).await
    }

    async fn failed(&self, path: &str, failed: &Failed) -> Result<(), String> {
        let body = json!({
            "errorType": failed.sort,
            "errorMessage": failed.message,
            "stackTrace": [],
        });
        let body = body.to_string().into_bytes();
        self.call(path, Some(body), Some(failed.sort)).await?;
        Ok(())
    }

    /// Calls the interface: to ask, or to tell something.
    fn call<'a>(
        &'a self,
        path: &'a str,
        body: Option<Vec<u8>>,
        error: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Response<Bytes>, String>> {
        Box::pin(self.called(path, body, error))
    }

    async fn called(
        &self,
        path: &str,
        body: Option<Vec<u8>>,
        error: Option<&str>,
    ) -> Result<Response<Bytes>, String> {
        let uri = format!("{}/{path}", self.base);
        let broken = |what: &dyn std::fmt::Display| format!("Lambda's interface at {uri}: {what}");
        let mut request = Request::builder().uri(&uri);
        if body.is_some() {
            request = request
                .method("POST")
                .header(CONTENT_TYPE, "application/json");
        }
        if let Some(error) = error {
            request = request.header(ERROR_TYPE, error);
        }
        let request = request.body(Body::from(body.unwrap_or_default()));
        let request = request.map_err(|error| broken(&error))?;
        let lost = |failure: Failure| broken(&ifc_runtime::Error::from(failure));
        let answer = self.exchange.exchange(request).await.map_err(lost)?;
        let answer = collect(answer, EVENT_BYTES_MAX).await.map_err(lost)?;
        match answer.status() {
            status if status.is_success() => Ok(answer),
            // The reply is too late or too large: Lambda has told the caller, and goes on.
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE
                if path.starts_with("invocation/") && path != "invocation/next" =>
            {
                let said = String::from_utf8_lossy(answer.body());
                tracing::error!("Lambda did not take the reply: {said}");
                Ok(answer)
            }
            status => Err(broken(&status)),
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// From now to a time in milliseconds since 1970.
fn time_left(deadline: u64) -> Duration {
    let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(deadline);
    deadline
        .duration_since(SystemTime::now())
        .unwrap_or_default()
}

/// Resolves on the signal by which Lambda says that the process will be ended.
#[cfg(unix)]
async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            terminate.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

/// As above, where there is no such signal.
#[cfg(not(unix))]
async fn asked_to_stop() {
    std::future::pending().await
}
