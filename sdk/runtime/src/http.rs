//! The router of an API: matching, limits, request ids and error pages are done here, in the unit,
//! and so are the same on every provider.

mod cors;

use crate::application::Handler;
use crate::error::HiddenCause;
use crate::handler::{HttpThunk, Thunk};
use crate::{Application, Invocation, TraceContext};
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use cors::Rule;
use ifc_manifest::Trigger;
use ifc_manifest::kind::http_api::{HttpApiSpec, SAMPLE_ALL};
use ifc_manifest::size::SYNC_BODY;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Carries the request's id in every reply.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A route template without the names of its parameters: two routes of one shape cannot be told
/// apart.
pub fn route_shape(path: &str) -> String {
    let shape = |segment: &str| match segment.strip_prefix('{') {
        Some(parameter) if parameter.ends_with("..}") => "{..}".to_owned(),
        Some(_) => "{}".to_owned(),
        None => segment.to_owned(),
    };
    path.split('/').map(shape).collect::<Vec<_>>().join("/")
}

/// The template in the router's own syntax: `{rest..}` is `{*rest}` there.
pub(crate) fn router_path(path: &str) -> String {
    match path.rsplit_once("/{") {
        Some((before, last)) if last.ends_with("..}") => {
            format!("{before}/{{*{}}}", last.trim_end_matches("..}"))
        }
        _ => path.to_owned(),
    }
}

/// What every route of an API has in common.
struct Served {
    unit: Arc<str>,
    timeout: Duration,
    /// How many of [`SAMPLE_ALL`] requests write a record.
    access_log_sample: u32,
    /// Most bytes of a body, each way.
    body_max: usize,
    /// Who else's pages may call it.
    cors: Option<Rule>,
}

/// The router of the API called `api`: all its routes, ready to be called.
pub fn router(application: &Application, api: &str, spec: &HttpApiSpec) -> Router {
    let served = Arc::new(Served {
        unit: api.into(),
        timeout: spec.unit.timeout,
        access_log_sample: match spec.access_log {
            true => spec.access_log_sample,
            false => 0,
        },
        body_max: SYNC_BODY.in_force(application.targets).max as usize,
        cors: spec.cors.as_ref().map(Rule::of),
    });
    let mut router = Router::new();
    for Handler { descriptor, thunk } in &application.handlers {
        let (Trigger::Http { method, path, .. }, Thunk::Http(thunk)) =
            (&descriptor.trigger, *thunk)
        else {
            continue;
        };
        if application.unit_of(descriptor) != api {
            continue;
        }
        let Some(filter) = method_filter(method) else {
            continue;
        };
        let served = Arc::clone(&served);
        let endpoint = on(filter, move |request: Request| {
            serve(Arc::clone(&served), thunk, request)
        });
        router = router.route(&router_path(path), endpoint);
    }
    let refuse = |refusal: Refusal| {
        let served = Arc::clone(&served);
        move |request: Request| {
            let reply = refused(&served, refusal, &request);
            async { reply }
        }
    };
    router
        .fallback(refuse(no_route))
        .method_not_allowed_fallback(refuse(no_method))
}

/// The reply to a request that no handler is for.
type Refusal = fn(&Request) -> Response;

fn refused(served: &Served, refusal: Refusal, request: &Request) -> Response {
    let origin = request.headers().get(header::ORIGIN);
    match &served.cors {
        Some(rule) if request.method() == Method::OPTIONS => rule.preflight(origin),
        Some(rule) => {
            let mut response = refusal(request);
            rule.allow(origin, response.headers_mut());
            response
        }
        None => refusal(request),
    }
}

fn method_filter(method: &str) -> Option<MethodFilter> {
    let method = Method::from_bytes(method.as_bytes()).ok()?;
    MethodFilter::try_from(method).ok()
}

async fn serve(served: Arc<Served>, thunk: HttpThunk, mut request: Request) -> Response {
    let origin = match &served.cors {
        Some(rule) => {
            let origin = request.headers().get(header::ORIGIN);
            if request.method() == Method::OPTIONS {
                return rule.preflight(origin);
            }
            origin.cloned()
        }
        None => None,
    };
    // Applied here and not as a layer, which would cost every request two more allocations.
    if request.body().size_hint().upper() != Some(0) {
        DefaultBodyLimit::max(served.body_max).apply(&mut request);
    }
    let trace = request
        .headers()
        .get("traceparent")
        .and_then(|value| value.to_str().ok())
        .and_then(TraceContext::parse)
        .map_or_else(TraceContext::root, |caller| caller.child());
    let request_id = crate::event::hex(&trace.parent_id);
    let access = sampled(&trace, served.access_log_sample).then(|| {
        (
            Instant::now(),
            request.method().clone(),
            request.uri().path().to_owned(),
        )
    });
    let invocation = Invocation {
        unit: Arc::clone(&served.unit),
        event_id: request_id.clone(),
        attempt: 1,
        trace,
    };
    let (timeout, body_max) = (served.timeout, served.body_max);
    invocation
        .run(async move {
            let mut response = if declared_length(&request) > body_max as u64 {
                let message = format!("the request body is larger than {body_max} bytes");
                problem(StatusCode::PAYLOAD_TOO_LARGE, &message)
            } else {
                run(thunk, request, timeout, body_max).await
            };
            if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
                response = error_page(response, &request_id);
            }
            if let Ok(value) = HeaderValue::from_str(&request_id) {
                response.headers_mut().insert(REQUEST_ID, value);
            }
            if let Some(rule) = &served.cors {
                rule.allow(origin.as_ref(), response.headers_mut());
            }
            if let Some((started, method, path)) = access {
                let status = response.status().as_u16();
                tracing::info!(
                    target: "ifc::access",
                    status,
                    duration_us = started.elapsed().as_micros() as u64,
                    "{method} {path}"
                );
            }
            response
        })
        .await
}

/// Whether a request belongs to a sample of so many in [`SAMPLE_ALL`]. Its own id decides, which is
/// random.
fn sampled(trace: &TraceContext, sample: u32) -> bool {
    let random = u64::from_be_bytes(trace.parent_id);
    random % u64::from(SAMPLE_ALL) < u64::from(sample)
}

async fn run(thunk: HttpThunk, request: Request, timeout: Duration, body_max: usize) -> Response {
    let run = crate::handler::catch_panic(move || thunk(request));
    let response = match tokio::time::timeout(timeout, run).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => hidden(format!("handler panicked: {panic}")),
        Err(_) => {
            tracing::error!(
                timeout_s = timeout.as_secs(),
                "the handler did not answer within its timeout"
            );
            return problem(
                StatusCode::GATEWAY_TIMEOUT,
                "the request took longer than its timeout",
            );
        }
    };
    match response.body().size_hint().exact() {
        Some(length) if length > body_max as u64 => hidden(format!(
            "the response body has {length} bytes, the limit is {body_max}"
        )),
        _ => response,
    }
}

fn declared_length(request: &Request) -> u64 {
    request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .unwrap_or(0)
}

fn hidden(cause: String) -> Response {
    let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    response.extensions_mut().insert(HiddenCause(cause));
    response
}

/// The client learns the request's id and nothing else; the log has the cause. A handler that
/// answers 500 with a body of its own keeps it.
fn error_page(mut response: Response, request_id: &str) -> Response {
    let Some(HiddenCause(cause)) = response.extensions_mut().remove() else {
        return response;
    };
    tracing::error!(request = request_id, "{cause}");
    let body = serde_json::json!({ "error": "internal error", "request": request_id });
    *response.body_mut() = Body::from(body.to_string());
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}

/// A JSON error reply.
pub fn problem(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(serde_json::json!({ "error": message }))).into_response()
}

fn no_route(request: &Request) -> Response {
    let message = format!("no route for {} {}", request.method(), request.uri().path());
    problem(StatusCode::NOT_FOUND, &message)
}

fn no_method(request: &Request) -> Response {
    let path = request.uri().path();
    let message = format!("{path} does not answer {}", request.method());
    problem(StatusCode::METHOD_NOT_ALLOWED, &message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_a_share_of_all_requests() {
        let mut trace = TraceContext::root();
        for (sample, expected) in [(0, 0), (1, 1), (2_500, 2_500), (SAMPLE_ALL, 10_000)] {
            let taken = (0..10_000_u64).filter(|request| {
                trace.parent_id = request.to_be_bytes();
                sampled(&trace, sample)
            });
            assert_eq!(taken.count(), expected, "{sample}");
        }
    }

    #[test]
    fn shapes_and_router_paths() {
        for (path, shape, router) in [
            ("/", "/", "/"),
            ("/a/{id}", "/a/{}", "/a/{id}"),
            ("/a/{id}/b", "/a/{}/b", "/a/{id}/b"),
            ("/files/{rest..}", "/files/{..}", "/files/{*rest}"),
        ] {
            assert_eq!(route_shape(path), shape);
            assert_eq!(router_path(path), router);
        }
    }
}
