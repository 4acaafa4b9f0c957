//! The front door: checks every request and hands it to its API or to the control endpoints.

use super::control::Control;
use crate::names::{Named, unknown};
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::future::RouteFuture;
use ifc_manifest::kind::http_api::{Cors, DEFAULT_NAME};
use ifc_manifest::size::HTTP_HEAD_BYTES_MAX;
use ifc_runtime::http::problem;
use ifc_runtime::{BoxFuture, axum};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::Service;

/// Where the control endpoints are.
pub(super) const CONTROL_PREFIX: &str = "/__ifc/";

/// Where the objects of presigned URLs are.
pub(crate) const OBJECTS_PREFIX: &str = "/__ifc/objects/";

/// An API as the front door knows it.
struct Api {
    router: Router,
    cors: Option<Cors>,
}

struct Inner {
    port: u16,
    apis: Named<Api>,
    control: Arc<Control>,
}

/// The service behind every connection.
#[derive(Clone)]
pub(crate) struct Front(Arc<Inner>);

impl Front {
    /// The front door of an application, on this port.
    pub(crate) fn new(port: u16, control: Arc<Control>) -> Front {
        let local = &control.local;
        let specs = local.application().apis();
        let mut apis = Named::new();
        for (name, router) in local.routers().entries() {
            let cors = specs.get(name).and_then(|spec| spec.cors.clone());
            let router = router.clone();
            apis.insert(name.clone(), Api { router, cors });
        }
        Front(Arc::new(Inner {
            port,
            apis,
            control,
        }))
    }
}

impl Service<Request> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Answer {
        match self.0.admit(&request) {
            Err(refusal) => Answer::Ready(Some(refusal)),
            // A router is a pointer; it is always ready.
            Ok(Destination::Api(api)) => Answer::Api(api.router.clone().call(request)),
            Ok(Destination::Object) => {
                let local = Arc::clone(&self.0.control.local);
                Answer::Boxed(Box::pin(
                    async move { local.answer_presigned(request).await },
                ))
            }
            Ok(Destination::Control) => {
                let control = Arc::clone(&self.0.control);
                Answer::Boxed(Box::pin(async move {
                    let (parts, body) = request.into_parts();
                    control.answer(parts, body).await
                }))
            }
        }
    }
}

/// An answer on its way. Not one boxed future for all, because every request would pay for it.
#[expect(clippy::large_enum_variant)]
pub(crate) enum Answer {
    Ready(Option<Box<Response>>),
    Api(RouteFuture<Infallible>),
    Boxed(BoxFuture<'static, Response>),
}

impl Future for Answer {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Answer::Ready(response) => {
                let response = response
                    .take()
                    .expect("a future is not polled after its end");
                Poll::Ready(Ok(*response))
            }
            Answer::Api(future) => Pin::new(future).poll(context),
            Answer::Boxed(future) => future.as_mut().poll(context).map(Ok),
        }
    }
}

enum Destination<'a> {
    Control,
    Object,
    Api(&'a Api),
}

fn refuse(status: StatusCode, message: &str) -> Box<Response> {
    Box::new(problem(status, message))
}

impl Inner {
    fn admit(&self, request: &Request) -> Result<Destination<'_>, Box<Response>> {
        if head_bytes(request) > HTTP_HEAD_BYTES_MAX {
            let message = "the request line and headers are larger than 8 KiB";
            return Err(refuse(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, message));
        }
        let host = requested_host(request)
            .ok_or_else(|| refuse(StatusCode::BAD_REQUEST, "the request names no host"))?;
        let Some(label) = own_name(host, self.port) else {
            let message = format!(
                "`{host}` is not this server: it is `localhost:{}` and answers to no other name",
                self.port
            );
            return Err(refuse(StatusCode::MISDIRECTED_REQUEST, &message));
        };
        // Whoever has a presigned URL may use it, from wherever.
        if request.uri().path().starts_with(OBJECTS_PREFIX) {
            return Ok(Destination::Object);
        }
        let origin = request
            .headers()
            .get(header::ORIGIN)
            .map(|origin| origin.to_str().unwrap_or(""));
        if request.uri().path().starts_with(CONTROL_PREFIX) {
            return match origin {
                Some(origin) if !is_local_origin(origin) => {
                    let message = "the control endpoints answer no other sites";
                    Err(refuse(StatusCode::FORBIDDEN, message))
                }
                _ => Ok(Destination::Control),
            };
        }
        let api = self.api(label)?;
        match origin {
            Some(origin) if changes_something(request.method()) && !api.allows(origin) => {
                let message = format!(
                    "pages of `{origin}` may not send this request: allow it with `.cors(…)` on \
                     the HttpApi"
                );
                Err(refuse(StatusCode::FORBIDDEN, &message))
            }
            _ => Ok(Destination::Api(api)),
        }
    }

    /// The API of a name below `localhost`; of the bare name the default one, or the only one.
    fn api(&self, label: &str) -> Result<&Api, Box<Response>> {
        let found = if label.is_empty() {
            self.apis
                .get(DEFAULT_NAME)
                .or_else(|| match self.apis.entries() {
                    [(_, only)] => Some(only),
                    _ => None,
                })
        } else {
            // APIs of libraries are named `library/api`, which is no host name.
            self.apis.get(label).or_else(|| {
                let (name, library) = label.split_once('.')?;
                self.apis.get(&format!("{library}/{name}"))
            })
        };
        found.ok_or_else(|| {
            let name = if label.is_empty() {
                DEFAULT_NAME
            } else {
                label
            };
            let mut message = unknown("API", name, &mut self.apis.names());
            if !self.apis.entries().is_empty() {
                let port = self.port;
                message.push_str(&format!(" (each at http://NAME.localhost:{port})"));
            }
            refuse(StatusCode::NOT_FOUND, &message)
        })
    }
}

impl Api {
    fn allows(&self, origin: &str) -> bool {
        let allowed = |cors: &Cors| {
            cors.origins
                .iter()
                .any(|known| known == "*" || known == origin)
        };
        is_local_origin(origin) || self.cors.as_ref().is_some_and(allowed)
    }
}

/// Bytes of request line and headers, as they were on the wire.
fn head_bytes(request: &Request) -> usize {
    let path = request
        .uri()
        .path_and_query()
        .map_or(1, |path| path.as_str().len());
    let line = request.method().as_str().len() + path + " HTTP/1.1\r\n ".len();
    let header = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
        name.as_str().len() + value.len() + ": \r\n".len()
    };
    line + request.headers().iter().map(header).sum::<usize>()
}

fn requested_host(request: &Request) -> Option<&str> {
    match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => host_header(request.headers()),
    }
}

fn host_header(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

/// What stands before `localhost` in our own name with our own port; empty for our bare names.
fn own_name(host: &str, port: u16) -> Option<&str> {
    let (name, found) = split_port(host)?;
    let expected = match port {
        80 => found.is_none_or(|found| found == 80),
        _ => found == Some(port),
    };
    if !expected {
        return None;
    }
    local_label(name)
}

/// What stands before `localhost`; empty for the loopback interface's other names too.
fn local_label(name: &str) -> Option<&str> {
    match name {
        "localhost" | "127.0.0.1" | "[::1]" => Some(""),
        _ => name
            .strip_suffix(".localhost")
            .filter(|label| !label.is_empty()),
    }
}

fn split_port(host: &str) -> Option<(&str, Option<u16>)> {
    let after_address = host.rfind(']').map_or(0, |at| at + 1);
    match host[after_address..].find(':') {
        Some(at) => {
            let at = after_address + at;
            Some((&host[..at], Some(host[at + 1..].parse().ok()?)))
        }
        None => Some((host, None)),
    }
}

/// Whether a page of this origin was itself served from this machine.
fn is_local_origin(origin: &str) -> bool {
    let host = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    host.and_then(split_port)
        .is_some_and(|(name, _)| local_label(name).is_some())
}

fn changes_something(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_with_our_own_port_are_ours() {
        for (host, expected) in [
            ("localhost:3000", Some("")),
            ("127.0.0.1:3000", Some("")),
            ("[::1]:3000", Some("")),
            ("admin.localhost:3000", Some("admin")),
            ("api.shop.localhost:3000", Some("api.shop")),
            ("localhost", None),
            ("localhost:80", None),
            ("localhost:3001", None),
            ("localhost:x", None),
            ("localhost:", None),
            (".localhost:3000", None),
            ("evil.com:3000", None),
            ("localhost.evil.com:3000", None),
            ("evillocalhost:3000", None),
            ("127.0.0.1.evil.com:3000", None),
            ("127.0.0.2:3000", None),
            ("[::2]:3000", None),
            ("", None),
        ] {
            assert_eq!(own_name(host, 3000), expected, "{host}");
        }
        assert_eq!(own_name("localhost", 80), Some(""));
        assert_eq!(own_name("localhost:80", 80), Some(""));
    }

    #[test]
    fn local_origins() {
        for (origin, expected) in [
            ("http://localhost:5173", true),
            ("https://localhost", true),
            ("http://127.0.0.1:3000", true),
            ("http://[::1]:3000", true),
            ("http://admin.localhost:3000", true),
            ("http://evil.com", false),
            ("http://localhost.evil.com", false),
            ("http://evil.com:3000", false),
            ("null", false),
            ("", false),
            ("localhost", false),
        ] {
            assert_eq!(is_local_origin(origin), expected, "{origin}");
        }
    }
}
