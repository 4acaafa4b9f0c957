//! Every shape of event that Lambda hands over, as AWS documents it: what the handler sees, what is
//! replied, and what is called on the way. One file each in `tests/golden`;
//! `IFC_GOLDEN=write cargo test -p ifc-aws golden` writes what is seen into them, for a review.

use super::{Context, Unit};
use crate::aws::Aws;
use crate::connection::Exchange;
use crate::failure::Failure;
use crate::wiring::{WIRING_VARIABLE, Wiring};
use ifc_manifest::format::Value as Config;
use ifc_manifest::kind::edge::{ConsumerSpec, Edge, RetrySpec};
use ifc_manifest::kind::event_bus::PatternKnobs;
use ifc_manifest::kind::queue::QueueSpec;
use ifc_manifest::kind::schedule::ScheduleKnobs;
use ifc_manifest::kind::unit::UnitSpec;
use ifc_manifest::{Address, HandlerDescriptor, Kind, ResourceDescriptor, SourceSpan, Trigger};
use ifc_runtime::application::Handler;
use ifc_runtime::axum::body::{Body, to_bytes};
use ifc_runtime::axum::extract::Request;
use ifc_runtime::axum::http::header::SET_COOKIE;
use ifc_runtime::axum::response::{AppendHeaders, IntoResponse as _, Response};
use ifc_runtime::event::repeat_ids;
use ifc_runtime::handler::Thunk;
use ifc_runtime::log::{parse_timestamp, timestamp};
use ifc_runtime::{Application, BoxFuture, Clock, Delivery, HandlerError, Outcome};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

thread_local! {
    /// What handlers saw.
    static SEEN: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
}

fn saw(value: Value) {
    SEEN.with_borrow_mut(|seen| seen.push(value));
}

/// Does what the body of each event says.
fn on_events(deliveries: Vec<Delivery>) -> BoxFuture<'static, Vec<Outcome>> {
    Box::pin(async move {
        let mut outcomes = Vec::new();
        for delivery in deliveries {
            let text = String::from_utf8_lossy(&delivery.body).into_owned();
            let body: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
            saw(json!({
                "id": delivery.id,
                "source": delivery.source,
                "kind": delivery.kind,
                "attempt": delivery.attempt,
                "time": timestamp(delivery.time),
                "attributes": delivery.attributes,
                "group": delivery.group,
                "trace": delivery.trace.to_string(),
                "body": body,
            }));
            outcomes.push(match body["say"].as_str() {
                Some("retry") => Outcome::retry("busy"),
                Some("in a while") => Outcome::retry_after(Duration::from_millis(2_500), "busy"),
                Some("never") => Outcome::dead_letter("it makes no sense"),
                Some("panic") => panic!("it is too much"),
                Some("sleep") => {
                    tokio::time::sleep(Duration::from_secs(3_600)).await;
                    Outcome::Ack
                }
                Some("sleep well") => {
                    tokio::time::sleep(Duration::from_secs(100)).await;
                    Outcome::Ack
                }
                _ => Outcome::Ack,
            });
        }
        outcomes
    })
}

fn on_call(argument: Vec<u8>) -> BoxFuture<'static, Result<Vec<u8>, HandlerError>> {
    Box::pin(async move {
        let argument: Value = serde_json::from_slice(&argument)?;
        saw(argument.clone());
        match argument["say"].as_str() {
            Some("fail") => Err(HandlerError::new("the card was refused")),
            Some("panic") => panic!("it is too much"),
            _ => Ok(json!({ "charged": argument }).to_string().into_bytes()),
        }
    })
}

fn on_request(request: Request) -> BoxFuture<'static, Response> {
    Box::pin(async move {
        let (head, body) = request.into_parts();
        let body = match to_bytes(body, usize::MAX).await {
            Ok(body) => body,
            Err(error) => return HandlerError::bad_request(error.to_string()).into_response(),
        };
        let headers: BTreeMap<String, String> = (head.headers.iter())
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        saw(json!({
            "method": head.method.as_str(),
            "uri": head.uri.to_string(),
            "headers": headers,
            "body": String::from_utf8_lossy(&body),
        }));
        match head.uri.path() {
            "/panic" => panic!("it is too much"),
            "/bytes" => Body::from(vec![0xff, 0, 1]).into_response(),
            "/slow" => {
                tokio::time::sleep(Duration::from_secs(100)).await;
                "done\n".into_response()
            }
            "/large" => "x".repeat(5 * 1024 * 1024).into_response(),
            _ => {
                let headers = AppendHeaders([(SET_COOKIE, "a=1"), (SET_COOKIE, "b=2; HttpOnly")]);
                (headers, "hello\n").into_response()
            }
        }
    })
}

fn unit(name: &str, trigger: Trigger, thunk: Thunk) -> Handler {
    Handler {
        descriptor: HandlerDescriptor {
            address: Address::new("shop", name),
            path: format!("shop::{name}"),
            trigger,
            unit: Some(UnitSpec::new(Duration::from_secs(60))),
            span: span(),
        },
        thunk,
    }
}

fn span() -> SourceSpan {
    SourceSpan {
        file: "src/main.rs".to_owned(),
        line: 1,
        column: 1,
        length: 1,
    }
}

fn source(edge: Edge, resource: &str) -> Trigger {
    Trigger::Source {
        resource: Address::new("shop", resource),
        edge: edge.as_str().to_owned(),
        config: Config::written(|encoder| {
            ConsumerSpec::DEFAULT.encode(encoder);
            RetrySpec::DEFAULT.encode(encoder);
            if edge == Edge::OnEvent {
                PatternKnobs::ANYTHING.encode(encoder);
            }
        }),
    }
}

fn application() -> Application {
    let schedule = ScheduleKnobs {
        expression: Some("0 3 * * *"),
        every: None,
        time_zone: "UTC",
        retries: 2,
        input: None,
    };
    let route = Trigger::Http {
        api: None,
        method: "GET".to_owned(),
        path: "/{rest..}".to_owned(),
    };
    let posted = Trigger::Http {
        api: None,
        method: "POST".to_owned(),
        path: "/{rest..}".to_owned(),
    };
    let events = Thunk::Event(on_events);
    let handlers = vec![
        unit("read", route, Thunk::Http(on_request)),
        unit("write", posted, Thunk::Http(on_request)),
        unit("charge", Trigger::Call, Thunk::Call(on_call)),
        unit(
            "nightly",
            Trigger::Schedule(Config::written(|encoder| schedule.encode(encoder))),
            events,
        ),
        unit("fulfil", source(Edge::Consumer, "orders"), events),
        unit("account", source(Edge::Subscriber, "news"), events),
        unit("project", source(Edge::OnChange, "items"), events),
        unit("shrink", source(Edge::OnCreated, "photos"), events),
        unit("forget", source(Edge::OnDeleted, "photos"), events),
        unit("aggregate", source(Edge::StreamConsumer, "meters"), events),
        unit("listen", source(Edge::OnEvent, "shop-events"), events),
    ];
    let queue = ResourceDescriptor {
        address: Address::new("shop", "orders"),
        kind: Kind::Queue,
        config: Config::written(|encoder| QueueSpec::DEFAULT.encode(encoder)),
        path: "shop::ORDERS".to_owned(),
        span: span(),
    };
    Application::new("shop", vec![queue], handlers).unwrap()
}

/// AWS, where everything succeeds, with what it was asked.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Value>>>);

impl Exchange for Recorder {
    fn exchange(
        &self,
        request: axum::http::Request<Body>,
    ) -> BoxFuture<'_, Result<axum::http::Response<Body>, Failure>> {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            let input: Value = serde_json::from_slice(&body).unwrap();
            let entries = input["Entries"].as_array().unwrap();
            let done = entries.iter().map(|entry| json!({ "Id": entry["Id"] }));
            let answer = json!({ "Successful": done.collect::<Vec<_>>() });
            let operation = head.headers["x-amz-target"].to_str().unwrap().to_owned();
            self.0
                .lock()
                .unwrap()
                .push(json!({ "operation": operation, "input": input }));
            Ok(axum::http::Response::new(Body::from(answer.to_string())))
        })
    }
}

/// A clock that stands still.
struct Noon;

impl Clock for Noon {
    fn now(&self) -> SystemTime {
        parse_timestamp("2026-01-15T12:00:00.000Z").unwrap()
    }
}

/// A unit of the application, in which AWS takes everything.
fn start(name: &str) -> (Unit, Recorder) {
    let mut wiring = Wiring::new("eu-west-1", "123456789012", "shop-dev-");
    let fifo = if name == "account" { ".fifo" } else { "" };
    wiring.dead_letters = Some(format!("shop-dev-{name}-dlq-a1b2c3{fifo}"));
    let variables = BTreeMap::from([
        (WIRING_VARIABLE, wiring.to_json()),
        ("AWS_ACCESS_KEY_ID", "id".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
    ]);
    let variable = |name: &str| variables.get(name).cloned();
    let application = Arc::new(application());
    let mut aws = Aws::from_environment(application, Arc::new(Noon), variable).unwrap();
    let recorder = Recorder::default();
    aws.transport.exchange = Box::new(recorder.clone());
    (Unit::new(Arc::new(aws), name).unwrap(), recorder)
}

fn context() -> Context {
    Context {
        request_id: "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned(),
        time_left: Some(Duration::from_secs(30)),
    }
}

/// What becomes of one event.
async fn outcome(unit: &Unit, recorder: &Recorder, event: &str) -> Value {
    SEEN.take();
    recorder.0.lock().unwrap().clear();
    let reply = unit.deliver(event.as_bytes(), &context()).await;
    let mut outcome = json!({ "seen": SEEN.take() });
    match reply {
        Ok(reply) => outcome["reply"] = serde_json::from_slice(&reply).unwrap(),
        Err(failed) => {
            outcome["failed"] = json!({ "sort": failed.sort, "message": failed.message });
        }
    }
    let calls = recorder.0.lock().unwrap().clone();
    if !calls.is_empty() {
        outcome["calls"] = calls.into();
    }
    outcome
}

#[tokio::test(start_paused = true)]
async fn golden_files() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let write = std::env::var_os("IFC_GOLDEN").is_some_and(|value| value == "write");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() > 20, "{}", folder.display());
    let mut wrong = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let golden: Value = serde_json::from_str(&text).unwrap();
        let (unit, recorder) = start(golden["unit"].as_str().unwrap());
        repeat_ids(Some(1));
        let is = outcome(&unit, &recorder, &golden["event"].to_string()).await;
        let mut now =
            json!({ "about": golden["about"], "unit": golden["unit"], "event": golden["event"] });
        for (name, value) in is.as_object().unwrap() {
            now[name] = value.clone();
        }
        if write {
            std::fs::write(&path, format!("{now:#}\n")).unwrap();
        } else if now != golden {
            wrong.push(format!("{}: is\n{is:#}", path.display()));
        }
    }
    repeat_ids(None);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn envelope(id: &str, say: &str) -> String {
    let ifc = json!({ "id": id, "trace": "", "attributes": {} });
    json!({ "ifc": ifc, "body": { "say": say } }).to_string()
}

fn record(place: u32, key: &str, say: &str) -> Value {
    let data = crate::base64::encode(envelope(&format!("r-{place}"), say).as_bytes());
    let place = place.to_string();
    json!({
        "eventSource": "aws:kinesis",
        "kinesis": { "partitionKey": key, "sequenceNumber": place, "data": data },
    })
}

/// The ids and attempts that handlers saw.
fn attempts(outcome: &Value) -> Vec<(&str, u64)> {
    let seen = outcome["seen"].as_array().unwrap().iter();
    seen.map(|event| {
        (
            event["id"].as_str().unwrap(),
            event["attempt"].as_u64().unwrap(),
        )
    })
    .collect()
}

/// The messages or records that come again.
fn failures(outcome: &Value) -> Vec<&str> {
    let failures = outcome["reply"]["batchItemFailures"].as_array().unwrap();
    let failures = failures.iter();
    failures
        .map(|failure| failure["itemIdentifier"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn records_that_come_again_are_counted_and_not_done_twice() {
    let (unit, recorder) = start("aggregate");
    let records = [
        record(1, "a", "yes"),
        record(2, "b", "retry"),
        record(3, "b", "yes"),
        record(4, "a", "yes"),
        record(5, "c", "never"),
    ];
    let event = json!({ "Records": records }).to_string();
    let first = outcome(&unit, &recorder, &event).await;
    assert_eq!(attempts(&first).len(), 5);
    assert_eq!(failures(&first), ["2", "3"]);
    assert_eq!(first["calls"].as_array().unwrap().len(), 1);
    // Lambda goes on with the first that failed.
    let event = json!({ "Records": records[1..] }).to_string();
    for attempt in 2..5 {
        let again = outcome(&unit, &recorder, &event).await;
        assert_eq!(attempts(&again), [("r-2", attempt), ("r-3", 1)]);
        assert_eq!(failures(&again), ["2", "3"]);
        assert!(again.get("calls").is_none(), "{again:#}");
    }
    // The fifth attempt is the last one. What is behind it has not had one that counts.
    let last = outcome(&unit, &recorder, &event).await;
    assert_eq!(attempts(&last), [("r-2", 5), ("r-3", 1)]);
    assert_eq!(failures(&last), ["3"]);
    let buried = &last["calls"][0]["input"]["Entries"][0]["MessageAttributes"];
    assert_eq!(buried["ifc-attempts"]["StringValue"], "5");
    let event = json!({ "Records": records[2..] }).to_string();
    let rest = outcome(&unit, &recorder, &event).await;
    assert_eq!(attempts(&rest), [("r-3", 1)]);
    assert_eq!(failures(&rest), [""; 0]);
}

#[tokio::test]
async fn waiting_for_an_earlier_message_of_the_group_is_no_attempt() {
    let (unit, recorder) = start("account");
    let message = |id: &str, received: u32, say: &str| {
        json!({
            "messageId": id,
            "receiptHandle": id,
            "body": envelope(id, say),
            "attributes": { "ApproximateReceiveCount": received.to_string(), "MessageGroupId": "g" },
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:hidden.fifo",
        })
    };
    for received in 1..5 {
        let batch = [
            message("a", received, "retry"),
            message("b", received, "yes"),
        ];
        let event = json!({ "Records": batch }).to_string();
        let outcome = outcome(&unit, &recorder, &event).await;
        assert_eq!(failures(&outcome), ["a", "b"]);
        assert_eq!(attempts(&outcome), [("a", u64::from(received)), ("b", 1)]);
    }
    let batch = [message("a", 5, "retry"), message("b", 5, "yes")];
    let event = json!({ "Records": batch }).to_string();
    let last = outcome(&unit, &recorder, &event).await;
    assert_eq!(failures(&last), ["b"]);
    let event = json!({ "Records": [message("b", 6, "yes")] }).to_string();
    let rest = outcome(&unit, &recorder, &event).await;
    assert_eq!(attempts(&rest), [("b", 1)]);
}

#[tokio::test]
async fn firings_that_fail_are_given_up_after_their_retries() {
    let (unit, recorder) = start("nightly");
    let event = r#"{"ifc":{"due":"2026-07-01T01:00:00Z"},"body":{"say":"retry"}}"#;
    for attempt in 1..3 {
        let failed = outcome(&unit, &recorder, event).await;
        assert_eq!(failed["failed"]["sort"], "HandlerFailed", "{attempt}");
        assert_eq!(failed["seen"][0]["attempt"], attempt);
    }
    let last = outcome(&unit, &recorder, event).await;
    assert_eq!(last["reply"], Value::Null);
    assert_eq!(last["calls"].as_array().unwrap().len(), 1);
}

/// AWS, where nothing succeeds.
struct Down;

impl Exchange for Down {
    fn exchange(
        &self,
        _: axum::http::Request<Body>,
    ) -> BoxFuture<'_, Result<axum::http::Response<Body>, Failure>> {
        Box::pin(async { Err(Failure::lost("no connection", false, None)) })
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_given_up_comes_again() {
    for name in ["fulfil", "aggregate", "nightly"] {
        let (mut unit, recorder) = start(name);
        let aws = Arc::get_mut(&mut unit.aws).unwrap();
        aws.transport.exchange = Box::new(Down);
        let message = json!({
            "messageId": "7",
            "receiptHandle": "7",
            "body": envelope("7", "never"),
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:q",
        });
        let event = match name {
            "fulfil" => json!([message]),
            "aggregate" => json!([record(7, "a", "never")]),
            _ => json!({ "ifc": { "due": "2026-07-01T01:00:00Z" }, "body": { "say": "never" } }),
        };
        let outcome = outcome(&unit, &recorder, &event.to_string()).await;
        match name {
            "nightly" => assert_eq!(outcome["failed"]["message"], "it makes no sense"),
            _ => assert_eq!(failures(&outcome), ["7"]),
        }
    }
}

/// The code says 60 s, and 20 s for the API.
#[tokio::test(start_paused = true)]
async fn a_stage_may_give_more_time_than_the_code() {
    let long = Context {
        time_left: Some(Duration::from_secs(200)),
        ..context()
    };
    let (consumer, _) = start("aggregate");
    let event = json!({ "Records": [record(1, "a", "sleep well")] }).to_string();
    let reply = consumer.deliver(event.as_bytes(), &long).await.unwrap();
    assert_eq!(reply, br#"{"batchItemFailures":[]}"#);

    let (api, _) = start("api");
    let event = json!({
        "version": "2.0", "rawPath": "/slow", "rawQueryString": "", "headers": {},
        "requestContext": { "http": { "method": "GET", "path": "/slow" } },
    });
    let reply = api.deliver(event.to_string().as_bytes(), &long).await;
    let reply: Value = serde_json::from_slice(&reply.unwrap()).unwrap();
    assert_eq!(reply["statusCode"], 200, "{reply}");
}

#[test]
fn an_unknown_unit_is_said_with_those_there_are() {
    let (unit, _) = start("fulfil");
    let error = Unit::new(Arc::clone(&unit.aws), "fulfill").err();
    assert_eq!(
        error.as_deref(),
        Some(
            "there is no unit `fulfill` in this program: it has `account`, `aggregate`, `api`, \
             `charge`, `forget`, `fulfil`, `listen`, `nightly`, `project`, `shrink`"
        )
    );
}
