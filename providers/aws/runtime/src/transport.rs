//! A call of a service: signed, sent, and repeated where that helps and does no harm. The one place
//! with time-outs and the policy for repeating.

use crate::connection::{Exchange, collect};
use crate::credentials::{Credentials, Source};
use crate::endpoint::Endpoints;
use crate::failure::{Class, Failure};
use crate::signature::Signer;
use crate::xml::section;
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderName, HeaderValue, Method, Request, Response};
use ifc_runtime::{BoxFuture, Clock, json};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How often a call is tried.
const ATTEMPTS_MAX: u32 = 5;

/// How long an attempt may wait for its answer to begin, where the call does not say.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The longest answer that is kept in memory: a page of DynamoDB has 1 MiB, in JSON with its types
/// and escapes somewhat more; a batch has 16 MiB; an invocation 6 MiB.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Whether a call may be carried out twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It does no harm.
    Harmless,
    /// Only when it surely was not carried out.
    OnlyIfNotDone,
}

/// How a service wants to be called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service {
    /// In signatures and in the endpoint's name.
    pub(crate) name: &'static str,
    /// Before the operation in the header that names it.
    pub(crate) target: &'static str,
    /// Version of its JSON protocol.
    pub(crate) json: &'static str,
}

/// A call.
pub(crate) struct Call {
    pub(crate) service: &'static str,
    pub(crate) method: Method,
    /// Scheme and authority, where they are not the service's.
    pub(crate) base: Option<String>,
    /// Path and query, encoded.
    pub(crate) path: String,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) body: Bytes,
    pub(crate) repeat: Repeat,
    /// How long an attempt may wait for its answer to begin.
    pub(crate) patience: Duration,
    /// Whether an answer that begins as a success may say in its XML that it is an error.
    pub(crate) late_errors: bool,
}

impl Call {
    /// A call without headers and body.
    pub(crate) fn new(service: &'static str, method: Method, path: String) -> Call {
        Call {
            service,
            method,
            base: None,
            path,
            headers: Vec::new(),
            body: Bytes::new(),
            repeat: Repeat::Harmless,
            patience: ANSWER_WITHIN,
            late_errors: false,
        }
    }
}

/// Calls services.
pub(crate) struct Transport {
    pub(crate) exchange: Box<dyn Exchange>,
    pub(crate) source: Source,
    pub(crate) endpoints: Endpoints,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Transport {
    /// Calls an operation of a service that speaks JSON, and returns its answer.
    // This and the following are boxed because they are parts of so many futures: as `async fn`
    // their code would be in each.
    pub(crate) fn json<'a>(
        &'a self,
        service: &Service,
        operation: &'a str,
        input: &Value,
        repeat: Repeat,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        let mut call = Call::new(service.name, Method::POST, "/".to_owned());
        call.headers = vec![
            (
                CONTENT_TYPE,
                format!("application/x-amz-json-{}", service.json),
            ),
            (
                HeaderName::from_static("x-amz-target"),
                format!("{}.{operation}", service.target),
            ),
        ];
        call.body = input.to_string().into();
        call.repeat = repeat;
        Box::pin(async move {
            let response = self.call(&call).await?;
            match response.body().is_empty() {
                true => Ok(Value::Null),
                false => json::parse(response.body()).map_err(|error| {
                    Failure::malformed(format!("the answer to {operation} is no JSON: {error}"))
                }),
            }
        })
    }

    /// The whole answer to a call, when it is a success.
    pub(crate) fn call<'a>(
        &'a self,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<Response<Bytes>, Failure>> {
        let attempt = || async {
            let answer = self.whole(call, self.attempt(call).await?).await?;
            let text = String::from_utf8_lossy(answer.body());
            match call.late_errors && section(&text, "Error").is_some() {
                true => Err(Failure::answer(500, answer.headers(), answer.body())),
                false => Ok(answer),
            }
        };
        Box::pin(async move { self.repeated(call, attempt).await })
    }

    /// A URL by which anyone can make `call`, with the headers that it has and with any body.
    pub(crate) async fn presigned(&self, call: &Call, expiry: Duration) -> Result<String, Failure> {
        let now = self.clock.now();
        let credentials = self.source.credentials(&*self.exchange, now).await?;
        let request = self.signed(call, &credentials, now, Some(expiry))?;
        Ok(request.uri().to_string())
    }

    /// The answer to a call, when it is a success, while its body still arrives.
    pub(crate) fn stream<'a>(
        &'a self,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<Response<Body>, Failure>> {
        Box::pin(self.repeated(call, || self.attempt(call)))
    }

    /// Tries until it succeeds, as long as that makes sense.
    async fn repeated<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        call: &Call,
        attempt: impl Fn() -> F,
    ) -> Result<T, Failure> {
        let mut renewed = false;
        let mut attempts = 1;
        loop {
            let failure = match attempt().await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let class = failure.class();
            if class == Class::Expired && !renewed && self.source.renew().await {
                renewed = true;
                continue;
            }
            let harmless = call.repeat == Repeat::Harmless || !failure.perhaps_done;
            let helps = matches!(class, Class::Throttled | Class::Transient);
            if !helps || !harmless || attempts == ATTEMPTS_MAX {
                return Err(failure);
            }
            let pause = pause(class, attempts, fastrand::f64());
            tokio::time::sleep(
                pause
                    .max(failure.retry_after.unwrap_or_default())
                    .min(PAUSE_MAX),
            )
            .await;
            attempts += 1;
        }
    }

    /// One attempt. The answer is a success.
    fn attempt<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Response<Body>, Failure>> {
        Box::pin(self.attempted(call))
    }

    async fn attempted(&self, call: &Call) -> Result<Response<Body>, Failure> {
        let now = self.clock.now();
        let credentials = self.source.credentials(&*self.exchange, now).await?;
        let request = self.signed(call, &credentials, now, None)?;
        let answer = tokio::time::timeout(call.patience, self.exchange.exchange(request));
        let response = answer.await.unwrap_or_else(|_| {
            let waited = call.patience.as_secs();
            Err(Failure::lost(
                format!("{} did not answer within {waited} s", call.service),
                true,
                None,
            ))
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let answer = self.whole(call, response).await?;
        Err(Failure::answer(status, answer.headers(), answer.body()))
    }

    /// An answer with all of its body, which may take as long as its beginning.
    fn whole<'a>(
        &'a self,
        call: &'a Call,
        response: Response<Body>,
    ) -> BoxFuture<'a, Result<Response<Bytes>, Failure>> {
        Box::pin(async move {
            let whole = tokio::time::timeout(call.patience, collect(response, ANSWER_BYTES_MAX));
            whole.await.unwrap_or_else(|_| {
                let (service, waited) = (call.service, call.patience.as_secs());
                let message = format!("the answer of {service} did not end within {waited} s");
                Err(Failure::lost(message, true, None))
            })
        })
    }

    /// The request, signed in its headers, or in its URI when that is to work by itself for a while.
    fn signed(
        &self,
        call: &Call,
        credentials: &Credentials,
        now: SystemTime,
        presigned_for: Option<Duration>,
    ) -> Result<Request<Body>, Failure> {
        let base = match &call.base {
            Some(base) => base.clone(),
            None => self.endpoints.of(call.service),
        };
        let unusable = |error: &dyn std::fmt::Display| {
            Failure::local(
                "InvalidRequest",
                format!("the request cannot be made: {error}"),
            )
        };
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{base}{}", call.path))
            .body(Body::from(call.body.clone()))
            .map_err(|error| unusable(&error))?;
        for (name, value) in &call.headers {
            let value = HeaderValue::from_str(value).map_err(|error| unusable(&error))?;
            request.headers_mut().insert(name.clone(), value);
        }
        let authority = request
            .uri()
            .authority()
            .map(|host| host.as_str().to_owned());
        let host = HeaderValue::from_str(&authority.unwrap_or_default());
        request
            .headers_mut()
            .insert(HOST, host.map_err(|error| unusable(&error))?);
        let signer = Signer::new(credentials, self.endpoints.region(), call.service, now);
        let signed = match presigned_for {
            Some(expiry) => signer.presign(&mut request, expiry),
            None => signer.sign(&mut request, &call.body),
        };
        signed.map_err(|error| unusable(&error))?;
        Ok(request)
    }
}

/// How long to wait after this many attempts: somewhere up to a limit that doubles, so that callers
/// who failed together do not come back together. `share` is from 0 to 1.
fn pause(class: Class, attempts: u32, share: f64) -> Duration {
    let first = match class {
        Class::Throttled => Duration::from_millis(500),
        _ => Duration::from_millis(50),
    };
    let limit = first
        .saturating_mul(1 << (attempts - 1).min(10))
        .min(PAUSE_MAX);
    limit.mul_f64(share)
}

/// Waits before what a service left of a batch is sent again, for the `round`th time.
pub(crate) async fn pause_before_rest(round: u32) {
    tokio::time::sleep(pause(Class::Throttled, round, fastrand::f64())).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Network;
    use crate::connection::scripted::{Scripted, answer};
    use crate::date;
    use std::io::{Read as _, Write as _};

    const SERVICE: Service = Service {
        name: "sqs",
        target: "AmazonSQS",
        json: "1.0",
    };

    const BUSY: &str = r#"{"__type":"ThrottlingException"}"#;

    struct Then(SystemTime);

    impl Clock for Then {
        fn now(&self) -> SystemTime {
            self.0
        }
    }

    fn transport(script: &Arc<Scripted>) -> Transport {
        let credentials = Credentials {
            id: "AKID".to_owned(),
            secret: "secret".to_owned(),
            session: Some("session".to_owned()),
            expiry: None,
        };
        Transport {
            exchange: Box::new(Arc::clone(script)),
            source: Source::Fixed(credentials),
            endpoints: Endpoints::new("eu-west-1", None).unwrap(),
            clock: Arc::new(Then(date::parse("2026-01-15T12:00:00Z").unwrap())),
        }
    }

    type Answers = Vec<Result<Response<Body>, Failure>>;

    /// How a call ends, and how often it was sent.
    async fn ends(answers: Answers, repeat: Repeat) -> (Result<Value, String>, usize) {
        let script = Arc::new(Scripted::new(answers));
        let transport = transport(&script);
        let result = transport.json(&SERVICE, "Do", &Value::Null, repeat).await;
        (
            result.map_err(|failure| failure.code),
            script.requests().len(),
        )
    }

    fn lost(sent: bool) -> Result<Response<Body>, Failure> {
        Err(Failure::lost("lost", sent, None))
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_done_is_tried_again() {
        use Repeat::OnlyIfNotDone;
        let done = Ok(Value::from(1));
        let answers = vec![lost(false), answer(400, BUSY), answer(200, "1")];
        assert_eq!(ends(answers, OnlyIfNotDone).await, (done, 3));
        let answers = (0..9).map(|_| answer(400, BUSY)).collect();
        let busy = Err("ThrottlingException".to_owned());
        assert_eq!(ends(answers, OnlyIfNotDone).await, (busy, 5));
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_have_been_done_is_tried_again_only_where_that_is_harmless() {
        for failed in [lost, |_| answer(500, "")] as [fn(bool) -> _; 2] {
            let answers = || vec![failed(true), answer(200, "1")];
            let (result, sent) = ends(answers(), Repeat::OnlyIfNotDone).await;
            assert!(result.is_err());
            assert_eq!(sent, 1);
            assert_eq!(
                ends(answers(), Repeat::Harmless).await,
                (Ok(Value::from(1)), 2)
            );
        }
    }

    /// Never answers.
    struct Silent;

    impl Exchange for Silent {
        fn exchange(&self, _: Request<Body>) -> BoxFuture<'_, Result<Response<Body>, Failure>> {
            Box::pin(std::future::pending())
        }
    }

    async fn lost_call(exchange: Box<dyn Exchange>, base: Option<String>, patience: Duration) {
        let mut transport = transport(&Arc::new(Scripted::new([])));
        transport.exchange = exchange;
        let mut call = Call::new("sqs", Method::POST, "/".to_owned());
        call.base = base;
        call.repeat = Repeat::OnlyIfNotDone;
        call.patience = patience;
        let failure = transport.call(&call).await.unwrap_err();
        assert_eq!(
            (failure.code.as_str(), failure.perhaps_done),
            ("NoAnswer", true)
        );
        assert!(failure.message.contains(" within "), "{failure:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_does_not_begin_is_lost() {
        lost_call(Box::new(Silent), None, ANSWER_WITHIN).await;
    }

    #[tokio::test]
    async fn an_answer_that_does_not_end_is_lost() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            assert!(stream.read(&mut [0; 1_024]).unwrap() > 0);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhal")
                .unwrap();
            // Until the other side has gone.
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let network = Network::new(None).unwrap();
        lost_call(Box::new(network), Some(base), Duration::from_millis(300)).await;
        // The connection closes when its task gets to it, which a thread must not wait for here.
        let ended = tokio::task::spawn_blocking(move || server.join());
        assert!(ended.await.unwrap().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_wrong_is_not_tried_again() {
        let answers = vec![answer(400, r#"{"__type":"ValidationException"}"#)];
        let wrong = Err("ValidationException".to_owned());
        assert_eq!(ends(answers, Repeat::Harmless).await, (wrong, 1));
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        let longest = |class| {
            let pauses = (1..8).map(move |attempts| pause(class, attempts, 1.0).as_millis());
            pauses.collect::<Vec<_>>()
        };
        assert_eq!(
            longest(Class::Transient),
            [50, 100, 200, 400, 800, 1600, 3200]
        );
        assert_eq!(
            longest(Class::Throttled),
            [500, 1000, 2000, 4000, 5000, 5000, 5000]
        );
        assert_eq!(pause(Class::Throttled, 1, 0.0), Duration::ZERO);
    }

    #[tokio::test]
    async fn requests_are_signed_with_time_region_service_and_session() {
        let script = Arc::new(Scripted::new([answer(200, "{}")]));
        let input = serde_json::json!({ "a": 1 });
        let transport = transport(&script);
        let answer = transport.json(&SERVICE, "Do", &input, Repeat::Harmless);
        assert_eq!(answer.await.unwrap(), serde_json::json!({}));
        let requests = script.requests();
        let (request, headers) = (&requests[0], requests[0].headers());
        assert_eq!(request.uri(), "https://sqs.eu-west-1.amazonaws.com/");
        assert_eq!(request.body().as_ref(), br#"{"a":1}"#);
        assert_eq!(headers["x-amz-target"], "AmazonSQS.Do");
        assert_eq!(headers["content-type"], "application/x-amz-json-1.0");
        assert_eq!(headers["x-amz-date"], "20260115T120000Z");
        assert_eq!(headers["x-amz-security-token"], "session");
        let signature = headers["authorization"].to_str().unwrap();
        assert!(
            signature.starts_with(
                "AWS4-HMAC-SHA256 Credential=AKID/20260115/eu-west-1/sqs/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, \
                 Signature="
            ),
            "{signature}"
        );
    }
}
