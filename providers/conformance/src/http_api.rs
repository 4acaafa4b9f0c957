//! HttpApi: the way of a request through a provider's entry to the router in the unit (contract,
//! 4.2).

use crate::clause::{Clause, clause};
use crate::declare::Declarations;
use crate::trial::{Running, Trial, succeed};
use ifc_manifest::kind::http_api::{CorsKnobs, HttpApiKnobs};
use ifc_manifest::kind::unit::UnitSpec;
use ifc_manifest::size::SYNC_BODY_BYTES_MAX;
use ifc_runtime::axum::RequestExt as _;
use ifc_runtime::axum::body::{Body, to_bytes};
use ifc_runtime::axum::extract::{Path, Query, Request};
use ifc_runtime::axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use ifc_runtime::axum::response::{IntoResponse as _, Response};
use ifc_runtime::http::REQUEST_ID;
use ifc_runtime::{BoxFuture, HandlerError, Invocation};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) fn clauses() -> Vec<Clause> {
    vec![
        clause!(
            "4.2",
            "http-api-most-specific",
            "the most specific route wins",
            most_specific
        ),
        clause!(
            "4.2",
            "http-api-parameters",
            "parameters and the rest of a path are decoded once",
            parameters
        ),
        clause!(
            "4.2",
            "http-api-query",
            "query values are decoded once, repeated keys keep their order",
            query
        ),
        clause!(
            "4.2",
            "http-api-headers",
            "header names do not care about case, cookies are a list",
            headers
        ),
        clause!(
            "4.2",
            "http-api-not-found",
            "unknown paths and methods are 404 and 405",
            not_found
        ),
        clause!(
            "4.2",
            "http-api-apart",
            "an API answers its own routes only",
            apart
        ),
        clause!(
            "3",
            "http-api-body",
            "a body of 4 MiB arrives, a larger one is refused",
            body
        ),
        clause!(
            "4.2",
            "http-api-error",
            "an unhandled error is 500 with the request's id only",
            error
        ),
        clause!(
            "4.2",
            "http-api-panic",
            "a panic is 500 with the request's id only",
            panic
        ),
        clause!(
            "4.2",
            "http-api-status",
            "an error with a status reaches the client",
            status
        ),
        clause!(
            "4.1",
            "http-api-timeout",
            "a handler that does not end is cut off",
            timeout,
            waits = 2
        ),
        clause!(
            "4.2",
            "http-api-cors",
            "preflight requests are answered as declared",
            cors
        ),
    ]
}

/// Tells what arrived: path parameters, query, headers, the length of the body.
fn echo(mut request: Request) -> BoxFuture<'static, Response> {
    Box::pin(async move {
        let parameters = request
            .extract_parts::<Path<BTreeMap<String, String>>>()
            .await;
        let parameters = parameters.map(|Path(map)| map).unwrap_or_default();
        let query = request
            .extract_parts::<Query<Vec<(String, String)>>>()
            .await;
        let query = query.map(|Query(pairs)| pairs).unwrap_or_default();
        let custom = request
            .headers()
            .get("x-custom")
            .and_then(|value| value.to_str().ok());
        let custom = custom.map(str::to_owned);
        let unit = Invocation::current().map(|invocation| invocation.unit.to_string());
        let length = match to_bytes(request.into_body(), usize::MAX).await {
            Ok(bytes) => bytes.len(),
            Err(error) => return error.to_string().into_response(),
        };
        let seen = json!({
            "parameters": parameters,
            "query": query,
            "custom": custom,
            "unit": unit,
            "length": length,
        });
        seen.to_string().into_response()
    })
}

/// A handler that answers with a fixed text.
macro_rules! says {
    ($text:literal) => {
        |_| Box::pin(async { $text.into_response() })
    };
}

fn cookies(_: Request) -> BoxFuture<'static, Response> {
    Box::pin(async {
        let mut headers = HeaderMap::new();
        headers.append(header::SET_COOKIE, HeaderValue::from_static("a=1"));
        headers.append(header::SET_COOKIE, HeaderValue::from_static("b=2"));
        (headers, "cookies").into_response()
    })
}

fn fail(_: Request) -> BoxFuture<'static, Response> {
    Box::pin(async { HandlerError::new("the password is hunter2").into_response() })
}

fn panicking(_: Request) -> BoxFuture<'static, Response> {
    Box::pin(async { panic!("the password is hunter2") })
}

fn teapot(_: Request) -> BoxFuture<'static, Response> {
    Box::pin(async {
        HandlerError::status(StatusCode::IM_A_TEAPOT, "short and stout").into_response()
    })
}

fn hang(_: Request) -> BoxFuture<'static, Response> {
    Box::pin(std::future::pending())
}

async fn open(trial: Trial) -> Running {
    let cors = CorsKnobs {
        origins: &["https://shop.example"],
        methods: &["GET", "PUT"],
        headers: &["x-custom"],
        max_age: Duration::from_secs(600),
        credentials: false,
    };
    let second = UnitSpec::new(Duration::from_secs(1));
    let other = HttpApiKnobs {
        cors: Some(cors),
        unit: second,
        ..HttpApiKnobs::DEFAULT
    };
    let declarations = Declarations::new()
        .http_api("shop", HttpApiKnobs::DEFAULT)
        .http_api("other", other)
        .route("shop", "GET", "/items/new", says!("new"))
        .route("shop", "GET", "/items/{id}", says!("one"))
        .route("shop", "GET", "/items/{id}/lines", says!("lines"))
        .route("shop", "GET", "/tree/trunk", says!("trunk"))
        .route("shop", "GET", "/tree/{rest..}", says!("rest"))
        .route("shop", "GET", "/echo/{id}", echo)
        .route("shop", "POST", "/echo/{id}", echo)
        .route("shop", "GET", "/files/{path..}", echo)
        .route("shop", "GET", "/cookies", cookies)
        .route("shop", "GET", "/fail", fail)
        .route("shop", "GET", "/panic", panicking)
        .route("shop", "GET", "/teapot", teapot)
        .route("other", "GET", "/hang", hang)
        .route("other", "GET", "/only-here", says!("here"));
    trial.open(declarations).await
}

/// A reply, read to its end.
#[derive(Debug)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        match serde_json::from_str(&self.text) {
            Ok(value) => value,
            Err(error) => panic!("{error}: {self:?}"),
        }
    }
}

impl Running {
    async fn request(&self, api: &str, request: Request) -> Reply {
        let response = succeed("send a request", self.stage.request(api, request).await);
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX)
            .await
            .expect("the reply's body can be read");
        Reply {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).expect("the replies of the suite are text"),
        }
    }

    async fn fetch(&self, api: &str, path: &str) -> Reply {
        self.request(api, request("GET", path, Body::empty())).await
    }
}

fn request(method: &str, path: &str, body: Body) -> Request {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost");
    request
        .body(body)
        .expect("the requests of the suite are valid")
}

async fn most_specific(trial: Trial) {
    let running = open(trial).await;
    for (path, expected) in [
        ("/items/new", "new"),
        ("/items/newer", "one"),
        ("/items/new/lines", "lines"),
        ("/tree/trunk", "trunk"),
        ("/tree/trunk/leaf", "rest"),
        ("/tree/leaf", "rest"),
    ] {
        let reply = running.fetch("shop", path).await;
        assert_eq!(
            (reply.status, reply.text.as_str()),
            (StatusCode::OK, expected),
            "{path}"
        );
    }
}

async fn parameters(trial: Trial) {
    let running = open(trial).await;
    for (path, name, expected) in [
        ("/echo/a%20b", "id", "a b"),
        ("/echo/100%2525", "id", "100%25"),
        ("/echo/gr%C3%BC%C3%9Fe", "id", "grüße"),
        ("/echo/a%2Fb", "id", "a/b"),
        ("/files/x/y%20z/w.txt", "path", "x/y z/w.txt"),
    ] {
        let reply = running.fetch("shop", path).await;
        assert_eq!(reply.json()["parameters"][name], expected, "{path}");
    }
}

async fn query(trial: Trial) {
    let running = open(trial).await;
    let reply = running
        .fetch("shop", "/echo/x?b=2&a=1&b=1&c=%2525&d=a+b%26&e")
        .await;
    let expected = json!([
        ["b", "2"],
        ["a", "1"],
        ["b", "1"],
        ["c", "%25"],
        ["d", "a b&"],
        ["e", ""]
    ]);
    assert_eq!(reply.json()["query"], expected);
}

async fn headers(trial: Trial) {
    let running = open(trial).await;
    for name in ["x-custom", "X-Custom", "X-CUSTOM"] {
        let mut with_header = request("GET", "/echo/x", Body::empty());
        let name = header::HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        with_header
            .headers_mut()
            .insert(name, HeaderValue::from_static("value"));
        let reply = running.request("shop", with_header).await;
        assert_eq!(reply.json()["custom"], "value");
    }
    let reply = running.fetch("shop", "/cookies").await;
    let cookies: Vec<&[u8]> = reply
        .headers
        .get_all(header::SET_COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    assert_eq!(cookies, [b"a=1", b"b=2"]);
    assert!(
        reply.headers.contains_key(REQUEST_ID),
        "every reply has the request's id"
    );
}

async fn not_found(trial: Trial) {
    let running = open(trial).await;
    assert_eq!(
        running.fetch("shop", "/nothing").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        running.fetch("shop", "/echo").await.status,
        StatusCode::NOT_FOUND
    );
    let reply = running
        .request("shop", request("DELETE", "/cookies", Body::empty()))
        .await;
    assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
}

async fn apart(trial: Trial) {
    let running = open(trial).await;
    assert_eq!(running.fetch("other", "/only-here").await.text, "here");
    assert_eq!(
        running.fetch("shop", "/only-here").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        running.fetch("other", "/cookies").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        running.fetch("shop", "/echo/x").await.json()["unit"],
        "shop"
    );
}

async fn body(trial: Trial) {
    let running = open(trial).await;
    let post = |length: usize| {
        let mut request = request("POST", "/echo/x", Body::from(vec![b'x'; length]));
        request
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length.into());
        request
    };
    let reply = running.request("shop", post(SYNC_BODY_BYTES_MAX)).await;
    assert_eq!(reply.json()["length"], SYNC_BODY_BYTES_MAX);
    let reply = running.request("shop", post(SYNC_BODY_BYTES_MAX + 1)).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
}

fn check_hidden(reply: &Reply) {
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!reply.text.contains("hunter2"), "{reply:?}");
    let id = reply
        .headers
        .get(REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .unwrap_or_default();
    assert!(
        !id.is_empty() && reply.text.contains(id),
        "the reply names the request: {reply:?}"
    );
}

async fn error(trial: Trial) {
    let running = open(trial).await;
    check_hidden(&running.fetch("shop", "/fail").await);
}

async fn panic(trial: Trial) {
    let running = open(trial).await;
    check_hidden(&running.fetch("shop", "/panic").await);
    assert_eq!(
        running.fetch("shop", "/items/new").await.text,
        "new",
        "the unit goes on"
    );
}

async fn status(trial: Trial) {
    let running = open(trial).await;
    let reply = running.fetch("shop", "/teapot").await;
    assert_eq!(reply.status, StatusCode::IM_A_TEAPOT);
    assert!(reply.text.contains("short and stout"), "{reply:?}");
}

async fn timeout(trial: Trial) {
    let running = open(trial).await;
    let reply = running.fetch("other", "/hang").await;
    assert_eq!(reply.status, StatusCode::GATEWAY_TIMEOUT);
}

async fn cors(trial: Trial) {
    let running = open(trial).await;
    let preflight = |origin: &'static str| {
        let mut request = request("OPTIONS", "/only-here", Body::empty());
        let headers = request.headers_mut();
        headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        headers.insert(
            "access-control-request-method",
            HeaderValue::from_static("PUT"),
        );
        request
    };
    let allowed = |reply: &Reply| {
        let value = reply.headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN)?;
        value.to_str().ok().map(str::to_owned)
    };
    let good = running
        .request("other", preflight("https://shop.example"))
        .await;
    assert!(good.status.is_success(), "{good:?}");
    assert_eq!(allowed(&good).as_deref(), Some("https://shop.example"));
    assert_eq!(good.headers[header::ACCESS_CONTROL_MAX_AGE], "600");
    let bad = running
        .request("other", preflight("https://thief.example"))
        .await;
    assert_eq!(allowed(&bad), None);
}
