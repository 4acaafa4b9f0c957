//! One request and its answer over the network: TLS by rustls and ring to everyone, plain HTTP to
//! this machine only. Knows no service, signs and repeats nothing.
//!
//! Servers are trusted whose certificates come from Mozilla's roots, or from the roots in one file
//! and no others.

use crate::cryptography;
use crate::failure::Failure;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{HOST, HeaderValue};
use axum::http::uri::{PathAndQuery, Scheme};
use axum::http::{Request, Response, Uri};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use ifc_runtime::BoxFuture;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

/// How long a connection to one address may take. Long enough for one packet that is lost.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// Connections that were not used for so long are closed, before the services do.
const IDLE_MAX: Duration = Duration::from_secs(15);

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Takes a request to where its URI says, and brings the answer.
pub(crate) trait Exchange: Send + Sync {
    /// The answer, whatever its status is.
    fn exchange(&self, request: Request<Body>) -> BoxFuture<'_, Result<Response<Body>, Failure>>;
}

/// The network.
pub(crate) struct Network {
    tls: TlsConnector,
    idle: Arc<Pool>,
}

impl Network {
    /// The network. With `roots`, the path of a PEM file, servers are trusted that its roots vouch
    /// for, and no others.
    ///
    /// # Errors
    /// When the file cannot be read, or has no root in it.
    pub(crate) fn new(roots: Option<&str>) -> Result<Network, String> {
        let roots = match roots {
            None => webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
            Some(path) => read_roots(path)?,
        };
        let client = ClientConfig::builder_with_provider(Arc::new(cryptography::provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Network {
            tls: Arc::new(client).into(),
            idle: Arc::default(),
        })
    }

    /// A connection to where a URI says, which nobody uses yet.
    async fn connect(&self, uri: &Uri) -> Result<SendRequest<Body>, Cause> {
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let tls = uri.scheme() != Some(&Scheme::HTTP);
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let stream = reach(host, port).await?;
        let stream: Box<dyn Stream> = match tls {
            false => Box::new(stream),
            true => {
                let name = ServerName::try_from(host)?.to_owned();
                Box::new(self.tls.connect(name, stream).await?)
            }
        };
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // It ends when its sender is dropped, or the other side closes it; whoever waits for an
        // answer is told why.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }
}

/// What bytes go through. Behind a pointer, so that there is one way to speak HTTP and not another
/// with TLS.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The first address of a host that answers.
async fn reach(host: &str, port: u16) -> Result<TcpStream, io::Error> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((host, port)).await? {
        match timeout(CONNECT_WITHIN, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, "it does not answer"),
        }
    }
    Err(last)
}

/// Connections that wait for their next request.
#[derive(Default)]
struct Pool(Mutex<Vec<Idle>>);

struct Idle {
    /// Scheme and authority.
    place: String,
    sender: SendRequest<Body>,
    since: Instant,
}

impl Pool {
    /// The connection to a place that was used last, if it can be used again.
    fn take(&self, place: &str) -> Option<SendRequest<Body>> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|idle| idle.sender.is_ready() && idle.since.elapsed() < IDLE_MAX);
        let found = idle.iter().rposition(|idle| idle.place == place)?;
        Some(idle.remove(found).sender)
    }

    fn put(&self, place: String, sender: SendRequest<Body>) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(Idle {
            place,
            sender,
            since: Instant::now(),
        });
    }
}

/// A connection whose answer is being read. It goes with the answer, so that whoever has read that
/// finds the connection in the pool and makes no other. Dropped earlier, it comes back by itself, if
/// the rest is read.
struct Lent {
    pool: Arc<Pool>,
    place: String,
    sender: Option<SendRequest<Body>>,
}

/// As extensions of an answer have to be.
#[derive(Clone)]
struct With(Arc<Mutex<Lent>>);

impl Lent {
    /// Brings it back as soon as the answer has been read, if it is open then.
    fn back(&mut self) -> impl Future<Output = ()> + Send + use<> {
        let (pool, place) = (Arc::clone(&self.pool), std::mem::take(&mut self.place));
        let sender = self.sender.take();
        async move {
            if let Some(mut sender) = sender
                && sender.ready().await.is_ok()
            {
                pool.put(place, sender);
            }
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.sender.is_some()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(self.back());
        }
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
    fn exchange(
        &self,
        mut request: Request<Body>,
    ) -> BoxFuture<'_, Result<Response<Body>, Failure>> {
        Box::pin(async move {
            let uri = request.uri().clone();
            let host = uri.authority().map(ToString::to_string);
            let host = host.unwrap_or_default();
            let unreached = |cause: Cause| {
                Failure::lost(format!("no connection to `{host}`"), false, Some(cause))
            };
            if !request.headers().contains_key(HOST) {
                let value = HeaderValue::from_str(&host);
                let value = value.map_err(|error| unreached(error.into()))?;
                request.headers_mut().insert(HOST, value);
            }
            let path = uri.path_and_query().cloned();
            *request.uri_mut() = path.unwrap_or(PathAndQuery::from_static("/")).into();
            let place = format!("{}://{host}", uri.scheme_str().unwrap_or_default());
            loop {
                let waiting = self.idle.take(&place);
                let waited = waiting.is_some();
                let mut sender = match waiting {
                    Some(sender) => sender,
                    None => self.connect(&uri).await.map_err(unreached)?,
                };
                let mut error = match sender.try_send_request(request).await {
                    Ok(mut response) => {
                        let lent = Lent {
                            pool: Arc::clone(&self.idle),
                            place,
                            sender: Some(sender),
                        };
                        let with = With(Arc::new(Mutex::new(lent)));
                        response.extensions_mut().insert(with);
                        return Ok(response.map(Body::new));
                    }
                    Err(error) => error,
                };
                request = match error.take_message() {
                    // The other side closed it while it waited, before it got anything.
                    Some(request) if waited => request,
                    unsent => {
                        return Err(Failure::lost(
                            format!("the connection to `{host}` broke before the answer"),
                            unsent.is_none(),
                            Some(error.into_error().into()),
                        ));
                    }
                };
            }
        })
    }
}

/// Reads the whole body of an answer.
pub(crate) fn collect(
    response: Response<Body>,
    bytes_max: usize,
) -> BoxFuture<'static, Result<Response<Bytes>, Failure>> {
    Box::pin(collected(response, bytes_max))
}

async fn collected(response: Response<Body>, bytes_max: usize) -> Result<Response<Bytes>, Failure> {
    let (mut parts, body) = response.into_parts();
    let connection = parts.extensions.remove::<With>();
    match to_bytes(body, bytes_max).await {
        Ok(bytes) => {
            if let Some(With(lent)) = connection {
                let back = lent.lock().unwrap_or_else(PoisonError::into_inner).back();
                back.await;
            }
            Ok(Response::from_parts(parts, bytes))
        }
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
    use rustls::version::{TLS12, TLS13};
    use rustls::{
        ALL_VERSIONS, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
    };
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{SocketAddr, TcpListener};
    use std::thread::JoinHandle;

    /// A root of our own, the certificate that it vouches for, and its key: made by `openssl` for a
    /// hundred years; the certificate names the address 127.0.0.1 and nothing else.
    struct Identity {
        root: &'static str,
        certificate: &'static str,
        key: &'static str,
    }

    /// On a curve.
    const CURVE: Identity = Identity {
        root: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/root.pem"),
        certificate: include_str!("../tests/tls/server.pem"),
        key: include_str!("../tests/tls/server-key.pem"),
    };

    const RSA: Identity = Identity {
        root: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/rsa-root.pem"),
        certificate: include_str!("../tests/tls/rsa-server.pem"),
        key: include_str!("../tests/tls/rsa-server-key.pem"),
    };

    /// Takes one connection, and answers one request. Returns the request's first line, or `None`
    /// when there was none.
    fn server(
        identity: &Identity,
        versions: &[&'static SupportedProtocolVersion],
    ) -> (SocketAddr, JoinHandle<Option<String>>) {
        let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
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
        for identity in [CURVE, RSA] {
            for version in [&TLS12, &TLS13] {
                let (address, server) = server(&identity, &[version]);
                let network = Network::new(Some(identity.root)).unwrap();
                let url = format!("https://{address}/a?b");
                let answer = get(&network, &url).await.unwrap();
                assert_eq!(answer.body().as_ref(), b"hi");
                assert_eq!(server.join().unwrap().as_deref(), Some("GET /a?b HTTP/1.1"));
            }
        }
    }

    #[tokio::test]
    async fn a_server_that_nobody_vouches_for_gets_nothing() {
        for (roots, host) in [
            (None, "127.0.0.1"),
            (Some(CURVE.root), "localhost"),
            (Some(RSA.root), "127.0.0.1"),
        ] {
            let (address, server) = server(&CURVE, ALL_VERSIONS);
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

    /// What a connection is answered, in its order, before it is closed, or left alone for ever.
    struct Script(&'static [&'static str], bool);

    /// Takes connections one by one; each tells how many requests it got.
    fn servers(scripts: &'static [Script]) -> (SocketAddr, JoinHandle<Vec<usize>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serve = move || {
            let mut counts = Vec::new();
            for Script(answers, closes) in scripts {
                let (stream, _) = listener.accept().unwrap();
                let mut stream = BufReader::new(stream);
                let mut count = 0;
                for answer in *answers {
                    let mut line = String::new();
                    while line != "\r\n" {
                        line.clear();
                        if stream.read_line(&mut line).unwrap() == 0 {
                            break;
                        }
                    }
                    count += usize::from(!line.is_empty());
                    stream.get_mut().write_all(answer.as_bytes()).unwrap();
                }
                if !closes {
                    // Until the other side closes it.
                    let _ = std::io::copy(&mut stream, &mut std::io::sink());
                }
                counts.push(count);
            }
            counts
        };
        (address, std::thread::spawn(serve))
    }

    const HI: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
    const CLOSES: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";

    #[tokio::test]
    async fn a_connection_is_used_again_when_its_answer_was_read() {
        let (address, servers) = servers(&[Script(&[HI, HI, CLOSES], true), Script(&[HI], false)]);
        let network = Network::new(None).unwrap();
        for _ in 0..4 {
            let answer = get(&network, &format!("http://{address}")).await.unwrap();
            assert_eq!(answer.body().as_ref(), b"hi");
        }
        drop(network);
        let counts = tokio::task::spawn_blocking(move || servers.join());
        assert_eq!(counts.await.unwrap().unwrap(), [3, 1]);
    }

    #[tokio::test]
    async fn answers_that_are_read_at_the_same_time_have_connections_of_their_own() {
        let (address, servers) = servers(&[Script(&[HI, HI], true), Script(&[HI], true)]);
        let network = Network::new(None).unwrap();
        let url = format!("http://{address}/");
        let request = || Request::get(&url).body(Body::empty()).unwrap();
        // The second server is there when the first has answered twice.
        let first = network.exchange(request()).await.unwrap();
        let first = collect(first, 100).await.unwrap();
        let second = network.exchange(request()).await.unwrap();
        let third = network.exchange(request()).await.unwrap();
        assert_eq!(first.body().as_ref(), b"hi");
        for answer in [second, third] {
            let answer = collect(answer, 100).await.unwrap();
            assert_eq!(answer.body().as_ref(), b"hi");
        }
        assert_eq!(servers.join().unwrap(), [2, 1]);
    }

    #[tokio::test]
    async fn a_connection_that_was_closed_while_it_waited_is_replaced() {
        let (address, servers) = servers(&[Script(&[HI], true), Script(&[HI], true)]);
        let network = Network::new(None).unwrap();
        for _ in 0..2 {
            let answer = get(&network, &format!("http://{address}/")).await.unwrap();
            assert_eq!(answer.body().as_ref(), b"hi");
        }
        assert_eq!(servers.join().unwrap(), [1, 1]);
    }

    #[tokio::test]
    async fn a_connection_that_breaks_may_have_done_something() {
        let (address, servers) = servers(&[Script(&[HI, "HTTP/1.1 "], true)]);
        let network = Network::new(None).unwrap();
        let url = format!("http://{address}/");
        assert!(get(&network, &url).await.is_ok());
        let failure = get(&network, &url).await.unwrap_err();
        assert!(failure.perhaps_done, "{failure:?}");
        assert_eq!(servers.join().unwrap(), [2]);
        let failure = get(&network, &url).await.unwrap_err();
        assert!(!failure.perhaps_done, "{failure:?}");
        assert!(failure.message.contains("no connection"), "{failure:?}");
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
