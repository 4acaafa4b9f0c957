//! Functions: invoked through their live alias, or by a message in their hidden queue.

use crate::aws::{Aws, named};
use crate::failure::Failure;
use crate::queue::sealed;
use crate::transport::{Call, Repeat};
use crate::wiring::{self, LIVE_ALIAS};
use axum::http::{HeaderMap, HeaderName, Method};
use ifc_manifest::kind::function::{INVOKE, INVOKE_ASYNC, START_UP_MAX};
use ifc_manifest::kind::unit::TIMEOUT_CALL;
use ifc_manifest::{ProviderId, Targets};
use ifc_runtime::event::random_id;
use ifc_runtime::function::FunctionOperations;
use ifc_runtime::queue::OutgoingMessage;
use ifc_runtime::{BoxFuture, Error, ErrorKind, Target, TraceContext, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// How much longer than the function may run its answer is waited for, beside its start.
const PATIENCE: Duration = Duration::from_secs(10);

impl FunctionOperations for Aws {
    fn invoke<'a>(
        &'a self,
        function: Target<'a>,
        argument: Vec<u8>,
        trace: TraceContext,
    ) -> BoxFuture<'a, Result<Vec<u8>, Error>> {
        named(function, INVOKE, async move {
            let wiring = &self.wiring.functions;
            let name = wiring::find(wiring, "function", &self.application, function)?;
            let path = format!("/2015-03-31/functions/{name}/invocations?Qualifier={LIVE_ALIAS}");
            let mut call = Call::new("lambda", Method::POST, path);
            let invocation_type = HeaderName::from_static("x-amz-invocation-type");
            call.headers = vec![(invocation_type, "RequestResponse".to_owned())];
            call.body = sealed(&random_id(), trace, &BTreeMap::new(), &argument)?.into();
            call.repeat = Repeat::OnlyIfNotDone;
            call.patience = longest_run() + START_UP_MAX + PATIENCE;
            let answer = self.transport.call(&call).await?;
            match function_error(answer.headers(), answer.body()) {
                Some(error) => Err(error),
                None => Ok(answer.into_body().to_vec()),
            }
        })
    }

    fn invoke_async<'a>(
        &'a self,
        function: Target<'a>,
        argument: Vec<u8>,
        trace: TraceContext,
    ) -> BoxFuture<'a, Result<String, Error>> {
        named(function, INVOKE_ASYNC, async move {
            let wiring = &self.wiring.calls;
            let queue = wiring::find(wiring, "function", &self.application, function)?;
            let message = OutgoingMessage {
                id: None,
                body: argument,
                attributes: BTreeMap::new(),
                group: None,
                delay: Duration::ZERO,
                trace,
            };
            match self.send_to(queue, vec![message]).await?.pop() {
                Some(sent) => Ok(sent?.id),
                None => Err(Failure::malformed("the answer leaves out the message").into()),
            }
        })
    }
}

/// How long any function may run. What the code says of one is not it: its stage may give it more.
fn longest_run() -> Duration {
    let range = TIMEOUT_CALL.in_force(Targets::only(ProviderId::Aws));
    Duration::from_secs(range.max)
}

/// What Lambda says of an invocation that ran and failed: by the function's own error, its end, or
/// its timeout.
fn function_error(headers: &HeaderMap, body: &[u8]) -> Option<Error> {
    headers.get("x-amz-function-error")?;
    let said = json::parse(body).unwrap_or_default();
    let message = match said["errorMessage"].as_str() {
        Some(message) if !message.is_empty() => message.to_owned(),
        _ => "the function failed and did not say why".to_owned(),
    };
    let error = Error::new(ErrorKind::Failed, message).retry_safe(false);
    Some(match crate::failure::request_id(headers) {
        Some(request_id) => error.request_id(request_id),
        None => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::scripted::{Scripted, answer};
    use crate::emulated::{target, with_answers};
    use std::sync::Arc;

    fn answered(
        error: Option<&'static str>,
        body: &str,
    ) -> Result<axum::http::Response<axum::body::Body>, Failure> {
        let mut answer = answer(200, body)?;
        if let Some(error) = error {
            let headers = answer.headers_mut();
            headers.insert("x-amz-function-error", error.parse().unwrap());
        }
        Ok(answer)
    }

    async fn invoke(
        answers: Vec<Result<axum::http::Response<axum::body::Body>, Failure>>,
    ) -> (Result<Vec<u8>, Error>, Arc<Scripted>) {
        let script = Arc::new(Scripted::new(answers));
        let aws = with_answers(&script, |wiring| {
            wiring.functions.insert("work".into(), "shop-work".into());
        });
        let argument = br#"{"a": 1}"#.to_vec();
        let reply = aws.invoke(target("work"), argument, TraceContext::root());
        (reply.await, script)
    }

    #[tokio::test]
    async fn a_reply_is_the_functions_own() {
        let (reply, script) = invoke(vec![answered(None, r#"{"b": 2.0}"#)]).await;
        assert_eq!(reply.unwrap(), br#"{"b": 2.0}"#);
        let requests = script.requests();
        let (request, headers) = (&requests[0], requests[0].headers());
        assert_eq!(
            request.uri().path_and_query().unwrap().as_str(),
            "/2015-03-31/functions/shop-work/invocations?Qualifier=live"
        );
        assert_eq!(headers["x-amz-invocation-type"], "RequestResponse");
        let text = str::from_utf8(request.body()).unwrap();
        assert_eq!(crate::envelope::open(text).unwrap().body, br#"{"a": 1}"#);
    }

    #[tokio::test]
    async fn a_function_that_fails_is_not_run_again() {
        for (body, expected) in [
            (
                r#"{"errorMessage":"the cupboard is bare","errorType":"Error"}"#,
                "invoke on `work`: the cupboard is bare",
            ),
            (
                r#"{"errorMessage":"2026-01-15T12:00:00Z 1 Task timed out after 1.00 seconds"}"#,
                "Task timed out after 1.00 seconds",
            ),
            ("no JSON", "the function failed and did not say why"),
        ] {
            let (reply, script) = invoke(vec![answered(Some("Unhandled"), body)]).await;
            let error = reply.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Failed);
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!error.is_retry_safe());
            assert_eq!(script.requests().len(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_an_invocation_that_did_not_begin_is_repeated() {
        let busy = || {
            answer(
                429,
                r#"{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded"}"#,
            )
        };
        let (reply, script) = invoke(vec![busy(), answered(None, "1")]).await;
        assert_eq!(
            (reply.unwrap(), script.requests().len()),
            (b"1".to_vec(), 2)
        );
        let lost = || Err(Failure::lost("lost", true, None));
        for failed in [lost(), answer(500, "")] {
            let (reply, script) = invoke(vec![failed]).await;
            let error = reply.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert!(!error.is_retry_safe());
            assert_eq!(script.requests().len(), 1);
        }
    }
}
