//! Requests to the application's routes, in-process: the same router that serves real ones.

use super::TestCloud;
use super::trace::{TraceEntry, TraceEvent};
use super::{Inner, lock};
use ifc_runtime::axum::Router;
use ifc_runtime::axum::body::{Body, to_bytes};
use ifc_runtime::axum::http::{HeaderMap, Method, Request, StatusCode, header};
use ifc_runtime::{BoxFuture, Clock as _, TraceContext, http};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tower::ServiceExt as _;

/// An HTTP API of the application under test.
pub struct TestApi {
    inner: Arc<Inner>,
    name: String,
    router: Router,
}

impl TestApi {
    pub(super) fn new(cloud: &TestCloud, name: &str) -> TestApi {
        let inner = cloud.inner.clone();
        let application = &inner.environment.application;
        let apis = application.apis();
        let Some(spec) = apis.get(name) else {
            let names: Vec<&String> = apis.keys().collect();
            panic!("the application has no HTTP API `{name}`, only {names:?}");
        };
        let router = http::router(application, name, spec);
        TestApi {
            name: name.to_owned(),
            router,
            inner,
        }
    }

    /// A GET request; sent when awaited.
    pub fn get(&self, path: &str) -> TestRequest {
        self.request(Method::GET, path)
    }

    /// A POST request; sent when awaited.
    pub fn post(&self, path: &str) -> TestRequest {
        self.request(Method::POST, path)
    }

    /// A PUT request; sent when awaited.
    pub fn put(&self, path: &str) -> TestRequest {
        self.request(Method::PUT, path)
    }

    /// A PATCH request; sent when awaited.
    pub fn patch(&self, path: &str) -> TestRequest {
        self.request(Method::PATCH, path)
    }

    /// A DELETE request; sent when awaited.
    pub fn delete(&self, path: &str) -> TestRequest {
        self.request(Method::DELETE, path)
    }

    /// A request with any method; sent when awaited.
    pub fn request(&self, method: Method, path: &str) -> TestRequest {
        TestRequest {
            inner: self.inner.clone(),
            to: To::Api {
                name: self.name.clone(),
                router: self.router.clone(),
            },
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

/// Who answers.
enum To {
    Api { name: String, router: Router },
    Bucket,
}

/// A request under construction.
#[must_use = "the request is sent when this is awaited"]
pub struct TestRequest {
    inner: Arc<Inner>,
    to: To,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl TestRequest {
    pub(super) fn to_presigned(cloud: &TestCloud, method: Method, url: &str) -> TestRequest {
        TestRequest {
            inner: cloud.inner.clone(),
            to: To::Bucket,
            method,
            path: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> TestRequest {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a JSON body and its content type.
    ///
    /// # Panics
    /// When the value has no JSON form.
    pub fn json(mut self, value: &impl Serialize) -> TestRequest {
        self.body = serde_json::to_vec(value).expect("the value has a JSON form");
        self.header(header::CONTENT_TYPE.as_str(), "application/json")
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> TestRequest {
        self.body = body.into();
        self
    }

    async fn send(self) -> TestReply {
        // The request carries a trace of the test's own, so that what it causes can be told apart.
        let trace = TraceContext::root();
        let mut request = Request::builder()
            .method(&self.method)
            .uri(&self.path)
            .header(header::CONTENT_LENGTH, self.body.len())
            .header("traceparent", trace.to_string());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = match request.body(Body::from(self.body)) {
            Ok(request) => request,
            Err(error) => panic!("{} {} is not a request: {error}", self.method, self.path),
        };
        // What stands in a presigned URL's query is a key to the object, not a thing to show.
        let shown = match self.to {
            To::Api { .. } => self.path,
            To::Bucket => self.path.split('?').next().unwrap_or_default().to_owned(),
        };
        let (unit, response) = match self.to {
            To::Api { name, router } => match router.oneshot(request).await {
                Ok(response) => (Some(name), response),
                Err(never) => match never {},
            },
            To::Bucket => (
                None,
                self.inner
                    .simulation
                    .local()
                    .answer_presigned(request)
                    .await,
            ),
        };
        let (parts, body) = response.into_parts();
        let body = match to_bytes(body, usize::MAX).await {
            Ok(body) => body.to_vec(),
            Err(error) => panic!("the reply to {} {shown} broke off: {error}", self.method),
        };
        lock(&self.inner.trace).push(TraceEntry {
            time: self.inner.clock.now(),
            unit,
            trace_id: trace.trace_id,
            cause: None,
            event: TraceEvent::Request {
                method: self.method.to_string(),
                path: shown,
                status: parts.status.as_u16(),
            },
        });
        TestReply {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }
}

impl IntoFuture for TestRequest {
    type Output = TestReply;
    type IntoFuture = BoxFuture<'static, TestReply>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// A reply.
#[derive(Debug)]
pub struct TestReply {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl TestReply {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// A header's value, when it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not a `T`.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!(
                "the reply (status {}) is not a `{}`: {error}\n{}",
                self.status,
                std::any::type_name::<T>(),
                self.text()
            ),
        }
    }
}
