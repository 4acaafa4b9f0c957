//! One request and its answer over the network: TLS by rustls and ring to everyone, plain HTTP to
//! this machine only. Knows no service, signs and repeats nothing.

use crate::failure::Failure;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ifc_runtime::BoxFuture;
use std::time::Duration;

/// How long a connection may take. Long enough for one packet that is lost.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// Connections that were not used for so long are closed, before the services do.
const IDLE_MAX: Duration = Duration::from_secs(15);

/// Takes a request to where its URI says, and brings the answer.
pub(crate) trait Exchange: Send + Sync {
    /// The answer, whatever its status is.
    fn exchange(&self, request: Request<Body>) -> BoxFuture<'_, Result<Response<Body>, Failure>>;
}

/// The network.
pub(crate) struct Network {
    client: Client<HttpsConnector<HttpConnector>, Body>,
}

impl Network {
    pub(crate) fn new() -> Result<Network, String> {
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_WITHIN));
        http.enforce_http(false);
        let provider = rustls::crypto::ring::default_provider();
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)
            .map_err(|error| format!("TLS cannot be set up: {error}"))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Network { client })
    }
}

impl Exchange for Network {
    fn exchange(&self, request: Request<Body>) -> BoxFuture<'_, Result<Response<Body>, Failure>> {
        Box::pin(async move {
            let host = request.uri().authority().map(ToString::to_string);
            let host = host.unwrap_or_default();
            match self.client.request(request).await {
                Ok(response) => Ok(response.map(Body::new)),
                Err(error) if error.is_connect() => Err(Failure::lost(
                    format!("no connection to `{host}`"),
                    false,
                    Some(error.into()),
                )),
                Err(error) => Err(Failure::lost(
                    format!("the connection to `{host}` broke before the answer"),
                    true,
                    Some(error.into()),
                )),
            }
        })
    }
}

/// Reads the whole body of an answer.
pub(crate) async fn collect(
    response: Response<Body>,
    bytes_max: usize,
) -> Result<Response<Bytes>, Failure> {
    let (parts, body) = response.into_parts();
    match to_bytes(body, bytes_max).await {
        Ok(bytes) => Ok(Response::from_parts(parts, bytes)),
        Err(error) => Err(Failure::lost(
            "the connection broke within the answer",
            true,
            Some(error.into()),
        )),
    }
}

/// A network that answers what a test wrote down.
#[cfg(test)]
pub(crate) mod scripted {
    use super::*;
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    /// Answers in this order, and keeps what it was asked.
    pub(crate) struct Scripted {
        answers: Mutex<VecDeque<Result<Response<Body>, Failure>>>,
        requests: Mutex<Vec<Request<Bytes>>>,
    }

    impl Scripted {
        pub(crate) fn new(
            answers: impl IntoIterator<Item = Result<Response<Body>, Failure>>,
        ) -> Scripted {
            Scripted {
                answers: Mutex::new(answers.into_iter().collect()),
                requests: Mutex::default(),
            }
        }

        pub(crate) fn requests(&self) -> Vec<Request<Bytes>> {
            self.requests.lock().unwrap().clone()
        }
    }

    impl Exchange for Scripted {
        fn exchange(
            &self,
            request: Request<Body>,
        ) -> BoxFuture<'_, Result<Response<Body>, Failure>> {
            Box::pin(async move {
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap();
                let request = Request::from_parts(parts, body);
                self.requests.lock().unwrap().push(request);
                let answer = self.answers.lock().unwrap().pop_front();
                answer.expect("the script has an answer")
            })
        }
    }

    impl Exchange for Arc<Scripted> {
        fn exchange(
            &self,
            request: Request<Body>,
        ) -> BoxFuture<'_, Result<Response<Body>, Failure>> {
            (**self).exchange(request)
        }
    }

    /// An answer of this status with this body.
    pub(crate) fn answer(status: u16, body: &str) -> Result<Response<Body>, Failure> {
        let response = Response::builder().status(status);
        Ok(response.body(Body::from(body.to_owned())).unwrap())
    }
}
