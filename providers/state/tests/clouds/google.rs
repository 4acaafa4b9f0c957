//! A model of Google Cloud Storage's XML API, as far as a state store uses it, by its public
//! documentation: objects with generations, `x-goog-if-generation-match`, listing by pages. What it
//! does not know it refuses, so that a request with something forgotten does not pass.
//!
//! It is ours: it shows that we ask as documented, not that Google answers so.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

/// How many objects a page of a list has at most.
const PAGE: usize = 1_000;

const OBJECT_MAX: usize = 64 * 1024 * 1024;

struct Model {
    bucket: &'static str,
    token: &'static str,
    objects: Mutex<Objects>,
}

#[derive(Default)]
struct Objects {
    by_name: BTreeMap<String, (u64, Bytes)>,
    /// Generations grow over the whole bucket.
    generation: u64,
}

/// Serves the model on a free port of the loopback interface for as long as the runtime runs.
pub(super) async fn serve(bucket: &'static str, token: &'static str) -> u16 {
    let model = Arc::new(Model {
        bucket,
        token,
        objects: Mutex::default(),
    });
    let routes = Router::new()
        .route("/{bucket}", get(list))
        .route("/{bucket}/{*name}", any(object))
        .with_state(model);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    port
}

fn refuse(status: StatusCode, code: &str, detail: &str) -> Response {
    let body = format!("<Error><Code>{code}</Code><Details>{detail}</Details></Error>");
    (status, body).into_response()
}

impl Model {
    fn refusal(&self, bucket: &str, headers: &HeaderMap) -> Option<Response> {
        let given = headers.get("authorization");
        let expected = format!("Bearer {}", self.token);
        if given.is_none_or(|given| given.as_bytes() != expected.as_bytes()) {
            let code = "AuthenticationRequired";
            return Some(refuse(StatusCode::UNAUTHORIZED, code, ""));
        }
        let known = bucket == self.bucket;
        (!known).then(|| refuse(StatusCode::NOT_FOUND, "NoSuchBucket", bucket))
    }
}

async fn list(
    State(model): State<Arc<Model>>,
    Path(bucket): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = model.refusal(&bucket, &headers) {
        return refusal;
    }
    let known = ["list-type", "prefix", "continuation-token"];
    let unknown = query.keys().find(|name| !known.contains(&name.as_str()));
    if let Some(unknown) = unknown {
        return refuse(StatusCode::BAD_REQUEST, "InvalidArgument", unknown);
    }
    if query.get("list-type").map(String::as_str) != Some("2") {
        return refuse(StatusCode::BAD_REQUEST, "InvalidArgument", "list-type");
    }
    let prefix = query.get("prefix").map(String::as_str).unwrap_or_default();
    let after = query.get("continuation-token");
    let objects = model.objects.lock().unwrap();
    let mut names = objects
        .by_name
        .iter()
        .filter(|(name, _)| name.starts_with(prefix) && after.is_none_or(|after| *name > after))
        .peekable();
    let mut contents = String::new();
    let mut last = String::new();
    for (name, (generation, bytes)) in names.by_ref().take(PAGE) {
        contents.push_str(&format!(
            "<Contents><Key>{name}</Key><Generation>{generation}</Generation>\
             <LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>\"e\"</ETag>\
             <Size>{}</Size></Contents>",
            bytes.len()
        ));
        last.clone_from(name);
    }
    let next = match names.peek() {
        Some(_) => format!("<NextContinuationToken>{last}</NextContinuationToken>"),
        None => String::new(),
    };
    format!("<ListBucketResult><Name>{bucket}</Name>{contents}{next}</ListBucketResult>")
        .into_response()
}

async fn object(
    State(model): State<Arc<Model>>,
    Path((bucket, name)): Path<(String, String)>,
    request: Request,
) -> Response {
    let headers = request.headers();
    if let Some(refusal) = model.refusal(&bucket, headers) {
        return refusal;
    }
    if let Some(query) = request.uri().query() {
        return refuse(StatusCode::BAD_REQUEST, "InvalidArgument", query);
    }
    let wanted: Option<u64> = match headers.get("x-goog-if-generation-match") {
        None => None,
        Some(value) => match value.to_str().ok().and_then(|value| value.parse().ok()) {
            Some(generation) => Some(generation),
            None => return refuse(StatusCode::BAD_REQUEST, "InvalidArgument", "generation"),
        },
    };
    // Conditions of the other clouds mean nothing to the XML API's writes.
    for foreign in ["if-match", "if-none-match"] {
        if headers.contains_key(foreign) {
            return refuse(StatusCode::BAD_REQUEST, "InvalidArgument", foreign);
        }
    }
    let method = request.method().clone();
    let body = axum::body::to_bytes(request.into_body(), OBJECT_MAX).await;
    let Ok(body) = body else {
        return refuse(StatusCode::BAD_REQUEST, "IncompleteBody", "");
    };
    let mut objects = model.objects.lock().unwrap();
    let present = objects.by_name.get(&name).cloned();
    let generation = present.as_ref().map_or(0, |(generation, _)| *generation);
    if wanted.is_some_and(|wanted| wanted != generation) {
        return refuse(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", &name);
    }
    let marks = |generation: u64| {
        [
            ("x-goog-generation", generation.to_string()),
            ("etag", format!("\"{generation}-e\"")),
            ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT".to_owned()),
        ]
    };
    match (method, present) {
        (Method::PUT, _) => {
            objects.generation += 1;
            let generation = objects.generation;
            objects.by_name.insert(name, (generation, body));
            marks(generation).into_response()
        }
        (Method::GET, Some((generation, bytes))) => (marks(generation), bytes).into_response(),
        (Method::DELETE, Some(_)) => {
            objects.by_name.remove(&name);
            StatusCode::NO_CONTENT.into_response()
        }
        (Method::GET | Method::DELETE, None) => refuse(StatusCode::NOT_FOUND, "NoSuchKey", &name),
        (method, _) => refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            method.as_str(),
        ),
    }
}
