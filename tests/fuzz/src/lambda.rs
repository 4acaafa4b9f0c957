//! Events as Lambda hands them over: whatever comes, a unit replies or refuses it with a message, and
//! in a reply to a batch only what was in the batch comes again.
//!
//! The inputs are what AWS documents, the golden files of the provider, with parts of them taken out,
//! replaced, or put elsewhere.

use crate::draw::Draw;
use ifc_aws::entry::{Context, Unit};
use ifc_aws::{Aws, WIRING_VARIABLE, Wiring};
use ifc_manifest::format::Value as Config;
use ifc_manifest::kind::edge::{ConsumerSpec, Edge, RetrySpec};
use ifc_manifest::kind::event_bus::PatternKnobs;
use ifc_manifest::kind::schedule::ScheduleKnobs;
use ifc_manifest::{Address, HandlerDescriptor, SourceSpan, Trigger};
use ifc_runtime::application::Handler;
use ifc_runtime::axum::response::IntoResponse as _;
use ifc_runtime::handler::Thunk;
use ifc_runtime::{Application, Outcome, SystemClock};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use tokio::runtime::Runtime;

/// The golden events, each with the unit that takes it.
static GOLDEN: LazyLock<Vec<(String, Value)>> = LazyLock::new(|| {
    let folder = env!("CARGO_MANIFEST_DIR");
    let folder = PathBuf::from(folder).join("../../providers/aws/runtime/tests/golden");
    let entries = std::fs::read_dir(folder).expect("the golden files");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read(path).expect("a golden file");
        let mut golden: Value = serde_json::from_slice(&text).expect("JSON");
        let unit = golden["unit"].as_str().expect("a text").to_owned();
        (unit, golden["event"].take())
    };
    paths.into_iter().map(read).collect()
});

/// Whether a handler saw an attempt before the first.
static MISCOUNTED: AtomicBool = AtomicBool::new(false);

fn handler(name: &str, trigger: Trigger, thunk: Thunk) -> Handler {
    Handler {
        descriptor: HandlerDescriptor {
            address: Address::new("shop", name),
            path: format!("shop::{name}"),
            trigger,
            unit: None,
            span: SourceSpan {
                file: "src/main.rs".to_owned(),
                line: 1,
                column: 1,
                length: 1,
            },
        },
        thunk,
    }
}

/// Every third event fails, and every fifth is given up.
fn outcome(id: &str) -> Outcome {
    match id.bytes().map(usize::from).sum::<usize>() {
        sum if sum % 3 == 0 => Outcome::retry("busy"),
        sum if sum % 5 == 0 => Outcome::dead_letter("bad"),
        _ => Outcome::Ack,
    }
}

fn application() -> Application {
    let events = Thunk::Event(|deliveries| {
        Box::pin(async move {
            // A panic here would be one of the application's.
            if deliveries.iter().any(|delivery| delivery.attempt == 0) {
                MISCOUNTED.store(true, Ordering::Relaxed);
            }
            deliveries
                .iter()
                .map(|delivery| outcome(&delivery.id))
                .collect()
        })
    });
    let source = |edge: Edge| Trigger::Source {
        resource: Address::new("shop", "source"),
        edge: edge.as_str().to_owned(),
        config: Config::written(|encoder| {
            ConsumerSpec::DEFAULT.encode(encoder);
            RetrySpec::DEFAULT.encode(encoder);
            if edge == Edge::OnEvent {
                PatternKnobs::ANYTHING.encode(encoder);
            }
        }),
    };
    let schedule = ScheduleKnobs {
        expression: Some("0 3 * * *"),
        every: None,
        time_zone: "UTC",
        retries: 2,
        input: None,
    };
    let schedule = Trigger::Schedule(Config::written(|encoder| schedule.encode(encoder)));
    let route = |method: &str| Trigger::Http {
        api: None,
        method: method.to_owned(),
        path: "/{rest..}".to_owned(),
    };
    let http = Thunk::Http(|request| Box::pin(async move { request.into_body().into_response() }));
    let call = Thunk::Call(|argument| Box::pin(async move { Ok(argument) }));
    let handlers = vec![
        handler("read", route("GET"), http),
        handler("write", route("POST"), http),
        handler("charge", Trigger::Call, call),
        handler("nightly", schedule, events),
        handler("fulfil", source(Edge::Consumer), events),
        handler("account", source(Edge::Subscriber), events),
        handler("project", source(Edge::OnChange), events),
        handler("shrink", source(Edge::OnCreated), events),
        handler("forget", source(Edge::OnDeleted), events),
        handler("aggregate", source(Edge::StreamConsumer), events),
        handler("listen", source(Edge::OnEvent), events),
    ];
    Application::new("shop", Vec::new(), handlers).expect("nothing contradicts itself")
}

/// The provider, with a wiring that has nothing: nothing is called.
fn aws() -> Arc<Aws> {
    let wiring = Wiring::<String>::new("eu-west-1", "123456789012", "shop-dev-").to_json();
    let variable = |name: &str| match name {
        WIRING_VARIABLE => Some(wiring.clone()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("key".to_owned()),
        _ => None,
    };
    let aws = Aws::from_environment(Arc::new(application()), Arc::new(SystemClock), variable);
    Arc::new(aws.expect("the environment is complete"))
}

thread_local! {
    static AWS: (Runtime, Arc<Aws>) = {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        (runtime.expect("the operating system grants a runtime"), aws())
    };
}

/// What stands in the place of something else.
fn replacement(draw: &mut Draw<'_>) -> Value {
    match draw.below(13) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(1e300),
        4 => json!(u64::MAX),
        5 => json!([]),
        6 => json!({}),
        7 => json!(["aws:sqs", "aws:kinesis", "aws:dynamodb", "aws:s3"][draw.below(4)]),
        8 => json!("ey%JhIjoxfQ==\u{ffff}"),
        9 => json!("{\"ifc\":{\"due\":\"2026-13-01T01:00:00Z\"},\"body\":1}"),
        10 => json!({ "ifc": { "id": "i", "trace": "00-x", "attributes": {} }, "body": [1] }),
        11 => json!("9999999999999999999-01-01T00:00:00Z"),
        _ => Value::String(draw.text()),
    }
}

/// Changes something somewhere below `value`.
fn change(value: &mut Value, draw: &mut Draw<'_>) {
    match value {
        Value::Object(fields) if !fields.is_empty() && draw.below(8) > 0 => {
            let names: Vec<String> = fields.keys().cloned().collect();
            let name = draw.one(&names);
            match draw.below(6) {
                0 => {
                    fields.remove(&name);
                }
                1 => {
                    let moved = fields.remove(&name).unwrap_or_default();
                    fields.insert(draw.one(&names), moved);
                }
                _ => change(&mut fields[&name], draw),
            }
        }
        Value::Array(values) if !values.is_empty() && draw.below(8) > 0 => {
            let place = draw.below(values.len());
            match draw.below(6) {
                0 => {
                    values.remove(place);
                }
                1 => values.push(values[place].clone()),
                _ => change(&mut values[place], draw),
            }
        }
        // JSON within a text, as bodies of messages are.
        Value::String(text) if draw.chance() => match serde_json::from_str::<Value>(text) {
            Ok(mut inner) => {
                change(&mut inner, draw);
                *text = inner.to_string();
            }
            Err(_) => {
                let cut = text.floor_char_boundary(draw.below(text.len() + 1));
                text.truncate(cut);
            }
        },
        value => *value = replacement(draw),
    }
}

/// Takes out of the event by what SQS could be called.
fn disconnect(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("eventSourceARN");
            fields.values_mut().for_each(disconnect);
        }
        Value::Array(values) => values.iter_mut().for_each(disconnect),
        _ => {}
    }
}

/// A reply to each event, or a message; and no other failures than there were records.
pub fn check(bytes: &[u8]) {
    let draw = &mut Draw::from(bytes);
    let (unit, mut event) = draw.one(&GOLDEN);
    for _ in 0..draw.below(4) {
        change(&mut event, draw);
    }
    disconnect(&mut event);
    let text = match draw.below(8) {
        0 => draw.rest().to_vec(),
        _ => event.to_string().into_bytes(),
    };
    let context = Context {
        request_id: "r-1".to_owned(),
        time_left: None,
    };
    let reply = AWS.with(|(runtime, aws)| {
        let unit = Unit::new(Arc::clone(aws), &unit).expect("it is a unit of the application");
        runtime.block_on(unit.deliver(&text, &context))
    });
    assert!(
        !MISCOUNTED.load(Ordering::Relaxed),
        "attempts are counted from 1"
    );
    match reply {
        Err(failed) => assert!(!failed.message.is_empty()),
        Ok(reply) => {
            let reply: Value = serde_json::from_slice(&reply).expect("replies are JSON");
            let known = String::from_utf8_lossy(&text);
            for failure in reply["batchItemFailures"].as_array().into_iter().flatten() {
                let id = failure["itemIdentifier"]
                    .as_str()
                    .expect("identifiers are texts");
                let id = Value::from(id).to_string();
                assert!(id == "\"\"" || known.contains(id.trim_matches('"')), "{id}");
            }
        }
    }
}
