//! The server over real sockets: who may ask what, and the control endpoints end to end.

use super::{Control, ControlFile, Front, Sockets};
use crate::live;
use crate::local::Local;
use crate::store::Storage;
use ifc_manifest::format::Value as Config;
use ifc_manifest::kind::unit::UnitSpec;
use ifc_manifest::{Address, HandlerDescriptor, Kind, ResourceDescriptor, SourceSpan, Trigger};
use ifc_runtime::application::Handler;
use ifc_runtime::axum::extract::Request;
use ifc_runtime::axum::response::{IntoResponse as _, Response};
use ifc_runtime::handler::Thunk;
use ifc_runtime::queue::{OutgoingMessage, QueueOperations as _};
use ifc_runtime::{Application, BoxFuture, Delivery, Outcome, SystemClock, Target, TraceContext};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

fn answers(request: Request) -> BoxFuture<'static, Response> {
    Box::pin(async move {
        match request.uri().path() {
            "/slow" => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                "slow".into_response()
            }
            _ => "fine".into_response(),
        }
    })
}

/// Gives up what says so; takes its time with what says so.
fn works(deliveries: Vec<Delivery>) -> BoxFuture<'static, Vec<Outcome>> {
    Box::pin(async move {
        let mut outcomes = Vec::new();
        for delivery in deliveries {
            outcomes.push(match delivery.body.as_slice() {
                b"\"bad\"" => Outcome::dead_letter("bad"),
                b"\"slow\"" => {
                    RUNNING.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    Outcome::Ack
                }
                _ => Outcome::Ack,
            });
        }
        outcomes
    })
}

/// Slow handlers of all tests that have begun.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

fn map<const N: usize>(entries: [(&str, Config); N]) -> Config {
    Config::Map(
        entries
            .map(|(key, value)| (key.to_owned(), value))
            .into_iter()
            .collect(),
    )
}

fn texts(texts: &[&str]) -> Config {
    Config::Array(
        texts
            .iter()
            .map(|text| Config::Text((*text).to_owned()))
            .collect(),
    )
}

fn application() -> Arc<Application> {
    let span = SourceSpan {
        file: "src/main.rs".to_owned(),
        line: 1,
        column: 1,
        length: 1,
    };
    let resource = |kind, name: &str, config| ResourceDescriptor {
        address: Address::new("shop", name),
        kind,
        path: format!("shop::{name}"),
        config,
        span: span.clone(),
    };
    let unit = map([
        ("memory_mb", Config::Integer(512)),
        ("timeout_ms", Config::Integer(20_000)),
        ("max_instances", Config::Integer(100)),
        ("min_instances", Config::Integer(0)),
    ]);
    let cors = map([
        ("max_age_ms", Config::Integer(0)),
        ("credentials", Config::Bool(false)),
        ("origins", texts(&["https://shop.example"])),
        ("methods", texts(&["POST"])),
        ("headers", texts(&[])),
    ]);
    let admin = map([
        ("access_log", Config::Bool(false)),
        ("unit", unit),
        ("cors", cors),
    ]);
    let queue = map([
        ("fifo", Config::Bool(false)),
        ("retention_ms", Config::Integer(4 * 86_400_000)),
        ("max_attempts", Config::Integer(5)),
        ("min_backoff_ms", Config::Integer(10_000)),
        ("max_backoff_ms", Config::Integer(300_000)),
    ]);
    let secret = map([("retention", Config::Text("retain".to_owned()))]);
    let config = map([("dynamic", Config::Bool(true))]);
    let handler = |name: &str, trigger, thunk| Handler {
        descriptor: HandlerDescriptor {
            address: Address::new("shop", name),
            path: format!("shop::{name}"),
            unit: match &trigger {
                Trigger::Http { .. } => None,
                _ => Some(UnitSpec::new(Duration::from_secs(40))),
            },
            trigger,
            span: span.clone(),
        },
        thunk,
    };
    let route = |name: &str, api: Option<&str>, method: &str, path: &str| {
        let trigger = Trigger::Http {
            api: api.map(|api| Address::new("shop", api)),
            method: method.to_owned(),
            path: path.to_owned(),
        };
        handler(name, trigger, Thunk::Http(answers))
    };
    let consumes = Trigger::Source {
        resource: Address::new("shop", "jobs"),
        edge: "consumer".to_owned(),
        config: map([
            ("batch", Config::Integer(1)),
            ("max_wait_ms", Config::Integer(0)),
            ("max_concurrency", Config::Integer(2)),
        ]),
    };
    let application = Application::new(
        "shop",
        vec![
            resource(Kind::HttpApi, "admin", admin),
            resource(Kind::Queue, "jobs", queue),
            resource(Kind::Secret, "payment-key", secret),
            resource(Kind::Config, "days", config),
        ],
        vec![
            route("read", None, "GET", "/"),
            route("slow", None, "GET", "/slow"),
            route("write", None, "POST", "/"),
            route("manage", Some("admin"), "POST", "/"),
            handler("work", consumes, Thunk::Event(works)),
        ],
    );
    Arc::new(application.unwrap())
}

struct Running {
    local: Arc<Local>,
    port: u16,
    token: String,
    stop: watch::Sender<bool>,
    servers: JoinSet<()>,
    drivers: JoinSet<()>,
}

async fn start() -> Running {
    let local = Local::open(application(), Storage::Memory, Arc::new(SystemClock)).unwrap();
    let sockets = Sockets::bind(0).await.unwrap();
    let port = sockets.port;
    let (stop, stopping) = watch::channel(false);
    let control = Arc::new(Control::new(Arc::clone(&local), stop.clone()));
    let directory = tempfile::tempdir().unwrap();
    let file = ControlFile::write(directory.path(), port, &control).unwrap();
    let path = directory.path().join("control.json");
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    drop(file);
    assert!(!path.exists(), "it is removed at the end");
    assert_eq!(
        (&written["port"], &written["pid"]),
        (&json!(port), &json!(std::process::id()))
    );
    let front = Front::new(port, control);
    Running {
        servers: sockets.serve(&front, &stopping),
        drivers: live::start(&local, &stopping),
        token: written["token"].as_str().unwrap().to_owned(),
        local,
        port,
        stop,
    }
}

struct Reply {
    status: u16,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Running {
    /// Sends a request with exactly these headers.
    async fn raw(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let mut request = format!("{line} HTTP/1.1\r\nconnection: close\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        Reply {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            body: body.to_owned(),
        }
    }

    fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    async fn control(&self, line: &str, body: &str) -> Reply {
        let bearer = format!("Bearer {}", self.token);
        self.raw(
            line,
            &[("host", &self.host()), ("authorization", &bearer)],
            body,
        )
        .await
    }

    async fn send(&self, bodies: &[&str]) {
        let messages = bodies.iter().map(|body| OutgoingMessage {
            id: None,
            body: body.as_bytes().to_vec(),
            attributes: BTreeMap::new(),
            group: None,
            delay: Duration::ZERO,
            trace: TraceContext::root(),
        });
        let target = Target {
            package: "shop",
            name: "jobs",
        };
        self.local.send(target, messages.collect()).await.unwrap();
    }

    /// Waits until something is so; the test's own timeout is the limit.
    async fn until(&self, what: impl Fn(&Local) -> bool) {
        while !what(&self.local) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn only_local_names_and_pages_get_in() {
    let running = start().await;
    let own = running.host();
    let (other_port, admin) = (
        format!("localhost:{}", running.port ^ 1),
        format!("admin.localhost:{}", running.port),
    );
    let evil = format!("evil.example:{}", running.port);
    for (line, headers, expected) in [
        ("GET /", vec![("host", own.as_str())], 200),
        ("GET /", vec![("host", evil.as_str())], 421),
        ("GET /", vec![("host", other_port.as_str())], 421),
        (
            "GET http://evil.example/",
            vec![("host", own.as_str())],
            421,
        ),
        (
            "GET /",
            vec![("host", own.as_str()), ("origin", "https://evil.example")],
            200,
        ),
        ("POST /", vec![("host", own.as_str())], 200),
        (
            "POST /",
            vec![("host", own.as_str()), ("origin", "http://localhost:5173")],
            200,
        ),
        (
            "POST /",
            vec![("host", own.as_str()), ("origin", "https://evil.example")],
            403,
        ),
        (
            "POST /",
            vec![("host", own.as_str()), ("origin", "null")],
            403,
        ),
        // The CORS rule of one API is not that of another.
        (
            "POST /",
            vec![("host", own.as_str()), ("origin", "https://shop.example")],
            403,
        ),
        (
            "POST /",
            vec![("host", admin.as_str()), ("origin", "https://shop.example")],
            200,
        ),
        (
            "POST /",
            vec![("host", admin.as_str()), ("origin", "https://evil.example")],
            403,
        ),
        ("GET /slow", vec![("host", admin.as_str())], 404),
    ] {
        let reply = running.raw(line, &headers, "").await;
        assert_eq!(reply.status, expected, "{line} {headers:?}: {}", reply.body);
        if expected == 421 || expected == 403 {
            assert!(reply.json()["error"].is_string());
        }
    }
    let unknown = format!("admim.localhost:{}", running.port);
    let reply = running.raw("GET /", &[("host", &unknown)], "").await;
    assert_eq!(reply.status, 404);
    assert!(
        reply.body.contains("did you mean `admin`?"),
        "{}",
        reply.body
    );
}

#[tokio::test]
async fn heads_are_limited_to_8_kib() {
    let running = start().await;
    let host = running.host();
    for (length, expected) in [(7_000, 200), (8_300, 431)] {
        let filler = "x".repeat(length);
        let reply = running
            .raw("GET /", &[("host", &host), ("x-filler", &filler)], "")
            .await;
        assert_eq!(reply.status, expected);
        let reply = running
            .raw(&format!("GET /?{filler}"), &[("host", &host)], "")
            .await;
        assert_eq!(reply.status, expected);
    }
}

#[tokio::test]
async fn control_endpoints_ask_for_the_token() {
    let running = start().await;
    let host = running.host();
    let (bearer, short) = (
        format!("Bearer {}", running.token),
        format!("Bearer {}", &running.token[1..]),
    );
    let wrong = format!("Bearer {}", "0".repeat(running.token.len()));
    for (headers, expected) in [
        (vec![], 401),
        (vec![("authorization", wrong.as_str())], 401),
        (vec![("authorization", short.as_str())], 401),
        (vec![("authorization", "Bearer ")], 401),
        (
            vec![
                ("authorization", bearer.as_str()),
                ("origin", "https://evil.example"),
            ],
            403,
        ),
        (
            vec![
                ("authorization", bearer.as_str()),
                ("origin", "http://localhost:1"),
            ],
            200,
        ),
        (vec![("authorization", bearer.as_str())], 200),
    ] {
        let headers: Vec<_> = [("host", host.as_str())]
            .into_iter()
            .chain(headers)
            .collect();
        let reply = running.raw("GET /__ifc/status", &headers, "").await;
        assert_eq!(reply.status, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn an_operator_sees_and_changes_what_runs() {
    let running = start().await;
    running.send(&["\"bad\"", "\"good\""]).await;
    running
        .until(|local| {
            let depth = local.depth("jobs").unwrap();
            depth.dead == 1 && depth.ready + depth.in_flight == 0
        })
        .await;
    let status = running.control("GET /__ifc/status", "").await.json();
    assert_eq!(status["units"], json!(["admin", "api", "work"]));
    assert_eq!(status["queues"]["jobs"]["dead"], 1);

    let dead = running
        .control("GET /__ifc/queues/jobs?dead=true", "")
        .await
        .json();
    assert_eq!(dead["dead_letters"][0]["reason"], "bad");
    assert_eq!(dead["dead_letters"][0]["body"], "bad");
    let none = running
        .control("POST /__ifc/queues/jobs/redrive", "{\"ids\":[\"x\"]}")
        .await;
    assert_eq!(none.json(), json!({ "redriven": 0 }));
    let all = running
        .control("POST /__ifc/queues/jobs/redrive", "{\"ids\":null}")
        .await;
    assert_eq!(all.json(), json!({ "redriven": 1 }));
    running
        .until(|local| local.depth("jobs").unwrap().dead == 1)
        .await;

    let reply = running
        .control("PUT /__ifc/secrets/payment-key", "s3cret")
        .await;
    assert_eq!(reply.json(), json!({ "version": 1 }));
    let secrets = running.control("GET /__ifc/secrets", "").await;
    assert_eq!(
        secrets.json(),
        json!({ "secrets": [{ "name": "payment-key", "set": true, "version": 1 }] })
    );
    assert!(!secrets.body.contains("s3cret"));
    assert_eq!(
        running.control("PUT /__ifc/config/days", "3").await.status,
        200
    );
    assert_eq!(
        running.control("GET /__ifc/config", "").await.json(),
        json!({ "config": [{ "name": "days", "value": 3, "set": true }] })
    );
    let reply = running.control("POST /__ifc/invoke/work", "\"bad\"").await;
    assert_eq!(
        reply.json(),
        json!({ "outcome": "dead-letter", "reason": "bad" })
    );
    for (line, body, status) in [
        ("GET /__ifc/queues/none", "", 404),
        ("POST /__ifc/invoke/none", "", 404),
        ("POST /__ifc/invoke/work", "{", 400),
        ("POST /__ifc/queues/jobs/redrive", "{\"ids\":1}", 400),
        ("PUT /__ifc/secrets/none", "x", 404),
        ("PUT /__ifc/config/days", "{", 400),
        ("DELETE /__ifc/status", "", 404),
        ("GET /__ifc/", "", 404),
    ] {
        assert_eq!(running.control(line, body).await.status, status, "{line}");
    }
}

#[tokio::test]
async fn stopping_finishes_what_runs_and_takes_nothing_new() {
    let mut running = start().await;
    let host = running.host();
    let begun = RUNNING.load(Ordering::SeqCst);
    // Two run at a time; the others must wait for the next start.
    running.send(&["\"slow\""; 4]).await;
    running
        .until(|_| RUNNING.load(Ordering::SeqCst) >= begun + 2)
        .await;
    let headers = [("host", host.as_str())];
    let (slow, ()) = tokio::join!(running.raw("GET /slow", &headers, ""), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let reply = running.control("POST /__ifc/stop", "").await;
        assert_eq!(reply.json(), json!({ "stopping": true }));
    });
    assert_eq!(slow.body, "slow", "a request that runs is answered");
    while running.servers.join_next().await.is_some() {}
    while running.drivers.join_next().await.is_some() {}
    assert!(
        TcpStream::connect(("127.0.0.1", running.port))
            .await
            .is_err()
    );
    let depth = running.local.depth("jobs").unwrap();
    assert_eq!((depth.ready, depth.in_flight), (2, 0));
    assert!(*running.stop.borrow());
}

#[tokio::test]
async fn a_taken_port_is_an_error() {
    let first = Sockets::bind(0).await.unwrap();
    let error = Sockets::bind(first.port).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn many_messages_are_all_consumed() {
    let running = start().await;
    for _ in 0..20 {
        running.send(&["\"good\""; 10]).await;
    }
    running
        .until(|local| local.depth("jobs").unwrap() == Default::default())
        .await;
}
