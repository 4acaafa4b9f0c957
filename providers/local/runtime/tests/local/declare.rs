//! Applications for the tests, declared without macros.

use ifc_local::{Local, OpenError, Storage};
use ifc_manifest::format::Value;
use ifc_manifest::kind::unit::UnitSpec;
use ifc_manifest::{Address, HandlerDescriptor, Kind, ResourceDescriptor, SourceSpan, Trigger};
use ifc_runtime::application::Handler;
use ifc_runtime::handler::Thunk;
use ifc_runtime::{Application, Clock, Target};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

pub(crate) const PACKAGE: &str = "shop";

pub(crate) fn target(name: &str) -> Target<'_> {
    Target {
        package: PACKAGE,
        name,
    }
}

pub(crate) fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(
        entries
            .map(|(key, value)| (key.to_owned(), value))
            .into_iter()
            .collect(),
    )
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn span() -> SourceSpan {
    SourceSpan {
        file: "src/main.rs".to_owned(),
        line: 1,
        column: 1,
        length: 1,
    }
}

pub(crate) fn resource(kind: Kind, name: &str, config: Value) -> ResourceDescriptor {
    ResourceDescriptor {
        address: Address::new(PACKAGE, name),
        kind,
        path: format!("shop::{name}"),
        config,
        span: span(),
    }
}

pub(crate) fn queue(name: &str, fifo: bool) -> ResourceDescriptor {
    let config = map([
        ("fifo", Value::Bool(fifo)),
        ("retention_ms", Value::Integer(4 * 86_400_000)),
        ("max_attempts", Value::Integer(5)),
        ("min_backoff_ms", Value::Integer(10_000)),
        ("max_backoff_ms", Value::Integer(300_000)),
        ("lease_ms", Value::Integer(60_000)),
    ]);
    resource(Kind::Queue, name, config)
}

pub(crate) fn key(name: &str, scalar: &str) -> Value {
    map([("name", text(name)), ("type", text(scalar))])
}

pub(crate) fn table(
    name: &str,
    partition: Value,
    indexes: Vec<Value>,
    ttl: Option<&str>,
) -> ResourceDescriptor {
    let mut config = map([
        ("isolated", Value::Bool(false)),
        ("retention", text("retain")),
        ("key", partition),
        ("indexes", Value::Array(indexes)),
    ]);
    if let (Value::Map(entries), Some(ttl)) = (&mut config, ttl) {
        entries.insert("ttl".to_owned(), text(ttl));
    }
    resource(Kind::Table, name, config)
}

pub(crate) fn index(name: &str, partition: Value) -> Value {
    map([("name", text(name)), ("key", partition)])
}

pub(crate) fn handler(name: &str, trigger: Trigger, timeout_seconds: u64, thunk: Thunk) -> Handler {
    Handler {
        descriptor: HandlerDescriptor {
            address: Address::new(PACKAGE, name),
            path: format!("shop::{name}"),
            unit: match &trigger {
                Trigger::Http { .. } => None,
                _ => Some(UnitSpec::new(Duration::from_secs(timeout_seconds))),
            },
            trigger,
            span: span(),
        },
        thunk,
    }
}

pub(crate) fn consumes(queue: &str, batch: i64) -> Trigger {
    Trigger::Source {
        resource: Address::new(PACKAGE, queue),
        edge: "consumer".to_owned(),
        config: map([
            ("batch", Value::Integer(batch)),
            ("max_wait_ms", Value::Integer(0)),
            ("max_concurrency", Value::Integer(100)),
        ]),
    }
}

pub(crate) fn subscribes(topic: &str) -> Trigger {
    retried(topic, "subscriber")
}

pub(crate) fn follows(stream: &str) -> Trigger {
    retried(stream, "stream_consumer")
}

/// An edge that has its own redelivery.
fn retried(source: &str, edge: &str) -> Trigger {
    let Trigger::Source { config, .. } = consumes(source, 1) else {
        unreachable!("a consumer takes from a source");
    };
    let Value::Map(mut config) = config else {
        unreachable!("knobs are a map");
    };
    let retry = [
        ("max_attempts", 5),
        ("min_backoff_ms", 10_000),
        ("max_backoff_ms", 300_000),
    ];
    config.extend(retry.map(|(key, value)| (key.to_owned(), Value::Integer(value))));
    Trigger::Source {
        resource: Address::new(PACKAGE, source),
        edge: edge.to_owned(),
        config: Value::Map(config),
    }
}

pub(crate) fn cron(expression: &str, retries: i64) -> Trigger {
    Trigger::Schedule(map([
        ("cron", text(expression)),
        ("time_zone", text("UTC")),
        ("retries", Value::Integer(retries)),
        ("input", text("{\"n\":1}")),
    ]))
}

pub(crate) fn application(
    resources: Vec<ResourceDescriptor>,
    handlers: Vec<Handler>,
) -> Arc<Application> {
    Arc::new(Application::new(PACKAGE, resources, handlers).unwrap())
}

/// A clock that is set by hand.
#[derive(Default)]
pub(crate) struct Manual(AtomicU64);

impl Manual {
    pub(crate) fn at(seconds: u64) -> Arc<Manual> {
        let clock = Manual::default();
        clock.set(seconds);
        Arc::new(clock)
    }

    pub(crate) fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for Manual {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) fn open(
    application: &Arc<Application>,
    storage: Storage,
    clock: &Arc<Manual>,
) -> Result<Arc<Local>, OpenError> {
    Local::open(
        Arc::clone(application),
        storage,
        Arc::clone(clock) as Arc<dyn Clock>,
    )
}

pub(crate) fn refusal(result: Result<Arc<Local>, OpenError>) -> String {
    match result {
        Ok(_) => panic!("opened"),
        Err(error) => error.to_string(),
    }
}
