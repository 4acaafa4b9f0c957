//! One request and its answer over the network: TLS by rustls and ring to everyone, plain HTTP to
//! this machine only. Knows no service, signs and repeats nothing.
//!
//! Servers are trusted whose certificates come from Mozilla's roots, or from the roots in one file
//! and no others.

use crate::failure::Failure;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ifc_runtime::BoxFuture;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
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
    /// The network. With `roots`, the path of a PEM file, servers are trusted that its roots vouch
    /// for, and no others.
    ///
    /// # Errors
    /// When the file cannot be read, or has no root in it.
    pub(crate) fn new(roots: Option<&str>) -> Result<Network, String> {
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_WITHIN));
        http.enforce_http(false);
        let provider = rustls::crypto::ring::default_provider();
        let failed = |error: &dyn std::fmt::Display| format!("TLS cannot be set up: {error}");
        let connector = match roots {
            None => HttpsConnectorBuilder::new()
                .with_provider_and_webpki_roots(provider)
                .map_err(|error| failed(&error))?,
            Some(path) => {
                let client = ClientConfig::builder_with_provider(Arc::new(provider))
                    .with_safe_default_protocol_versions()
                    .map_err(|error| failed(&error))?
                    .with_root_certificates(read_roots(path)?)
                    .with_no_client_auth();
                HttpsConnectorBuilder::new().with_tls_config(client)
            }
        };
        let connector = connector
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

fn read_roots(path: &str) -> Result<RootCertStore, String> {
    let unusable = |why: &dyn std::fmt::Display| {
        format!("the root certificates in `{path}` cannot be used: {why}")
    };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unusable(&error))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unusable(&error))?;
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    match roots.is_empty() {
        true => Err(unusable(&"there is none")),
        false => Ok(roots),
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

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ServerConfig, ServerConnection, StreamOwned};
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{SocketAddr, TcpListener};
    use std::thread::JoinHandle;

    /// A root of our own. It and the certificate that it vouches for were made by `openssl` for a
    /// hundred years; the certificate names the address 127.0.0.1 and nothing else.
    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/root.pem");
    const CERTIFICATE: &str = include_str!("../tests/tls/server.pem");
    const KEY: &str = include_str!("../tests/tls/server-key.pem");

    /// Takes one connection, and answers one request. Returns the request's first line, or `None`
    /// when there was none.
    fn server() -> (SocketAddr, JoinHandle<Option<String>>) {
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serve = move || {
            let (stream, _) = listener.accept().unwrap();
            let connection = ServerConnection::new(Arc::new(config)).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, stream));
            let mut first = String::new();
            stream.read_line(&mut first).ok()?;
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";
            stream.get_mut().write_all(answer).unwrap();
            stream.get_mut().flush().unwrap();
            Some(first.trim().to_owned()).filter(|line| !line.is_empty())
        };
        (address, std::thread::spawn(serve))
    }

    async fn get(network: &Network, url: &str) -> Result<Response<Bytes>, Failure> {
        let request = Request::get(url).body(Body::empty()).unwrap();
        collect(network.exchange(request).await?, 100).await
    }

    #[tokio::test]
    async fn a_server_is_trusted_that_a_given_root_vouches_for() {
        let (address, server) = server();
        let network = Network::new(Some(ROOT)).unwrap();
        let answer = get(&network, &format!("https://{address}/a?b"))
            .await
            .unwrap();
        assert_eq!(answer.body().as_ref(), b"hi");
        assert_eq!(server.join().unwrap().as_deref(), Some("GET /a?b HTTP/1.1"));
    }

    #[tokio::test]
    async fn a_server_that_nobody_vouches_for_gets_nothing() {
        for (roots, host) in [(None, "127.0.0.1"), (Some(ROOT), "localhost")] {
            let (address, server) = server();
            let network = Network::new(roots).unwrap();
            let url = format!("https://{host}:{}/", address.port());
            let failure = get(&network, &url).await.unwrap_err();
            assert_eq!(server.join().unwrap(), None, "it got the request");
            assert!(!failure.perhaps_done);
            let mut error: &dyn std::error::Error = &ifc_runtime::Error::from(failure);
            let mut text = error.to_string();
            while let Some(cause) = error.source() {
                text += &format!(": {cause}");
                error = cause;
            }
            assert!(text.contains("no connection to"), "{text}");
            assert!(text.contains("certificate"), "{text}");
        }
    }

    #[test]
    fn roots_that_cannot_be_used_are_named() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content, expected) in [
            ("missing.pem", None, "No such file"),
            ("empty.pem", Some(""), "there is none"),
            (
                "wrong.pem",
                Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                "cannot be used",
            ),
        ] {
            let path = folder.path().join(name);
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            let path = path.display().to_string();
            let error = Network::new(Some(&path)).err().unwrap();
            assert!(error.contains(&path) && error.contains(expected), "{error}");
        }
    }
}
