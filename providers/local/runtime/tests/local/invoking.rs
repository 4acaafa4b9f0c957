//! `ifc invoke`: one unit, one event.

use crate::declare::{Manual, application, consumes, cron, handler, open, queue};
use ifc_local::{Local, Storage};
use ifc_manifest::Trigger;
use ifc_runtime::axum::extract::Request;
use ifc_runtime::axum::http::{StatusCode, header};
use ifc_runtime::axum::response::{IntoResponse as _, Response};
use ifc_runtime::handler::Thunk;
use ifc_runtime::{BoxFuture, Delivery, HandlerError, Outcome, axum};
use serde_json::{Value, json};
use std::sync::Arc;

fn echo(argument: Vec<u8>) -> BoxFuture<'static, Result<Vec<u8>, HandlerError>> {
    Box::pin(async move {
        match argument.as_slice() {
            b"\"fail\"" => Err(HandlerError::new("as asked")),
            b"\"panic\"" => panic!("as asked too"),
            _ => Ok(argument),
        }
    })
}

fn tell(deliveries: Vec<Delivery>) -> BoxFuture<'static, Vec<Outcome>> {
    Box::pin(async move {
        let tell = |delivery: Delivery| {
            let body = String::from_utf8(delivery.body).unwrap();
            match body.as_str() {
                "\"ack\"" => Outcome::Ack,
                "\"later\"" => Outcome::retry_after(std::time::Duration::from_secs(5), "busy"),
                _ => Outcome::dead_letter(format!(
                    "{} {:?} {} {body}",
                    delivery.id, delivery.attributes, delivery.attempt
                )),
            }
        };
        deliveries.into_iter().map(tell).collect()
    })
}

fn page(request: Request) -> BoxFuture<'static, Response> {
    Box::pin(async move {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1_000).await.unwrap();
        let get = |name: &str| {
            parts
                .headers
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        let told = json!({
            "target": parts.uri.to_string(),
            "type": get("content-type"),
            "x": get("x-custom"),
            "body": String::from_utf8(body.to_vec()).unwrap(),
        });
        let cookies = [(header::SET_COOKIE, "a=1"), (header::SET_COOKIE, "b=2")];
        let mut response = (StatusCode::CREATED, axum::Json(told)).into_response();
        for (name, value) in cookies {
            response.headers_mut().append(name, value.parse().unwrap());
        }
        response
    })
}

fn local() -> Arc<Local> {
    let route = |method: &str| Trigger::Http {
        api: None,
        method: method.to_owned(),
        path: "/pages/{id}".to_owned(),
    };
    let handlers = vec![
        handler("echo", Trigger::Call, 60, Thunk::Call(echo)),
        handler("work", consumes("jobs", 1), 40, Thunk::Event(tell)),
        handler("nightly", cron("0 3 * * *", 2), 60, Thunk::Event(tell)),
        handler("show", route("GET"), 20, Thunk::Http(page)),
        handler("make", route("POST"), 20, Thunk::Http(page)),
    ];
    let application = application(vec![queue("jobs", false)], handlers);
    open(&application, Storage::Memory, &Manual::at(1_000)).unwrap()
}

async fn invoke(unit: &str, event: Value) -> Value {
    local().invoke_unit(unit, event).await.unwrap()
}

async fn refusal(unit: &str, event: Value) -> String {
    local()
        .invoke_unit(unit, event)
        .await
        .unwrap_err()
        .to_string()
}

#[tokio::test]
async fn functions_reply() {
    assert_eq!(
        invoke("echo", json!({ "a": [1, null] })).await,
        json!({ "a": [1, null] })
    );
    assert_eq!(refusal("echo", json!("fail")).await, "as asked");
    assert_eq!(
        refusal("echo", json!("panic")).await,
        "function `echo` panicked: as asked too"
    );
}

#[tokio::test]
async fn handlers_of_events_reply_their_outcome() {
    assert_eq!(
        invoke("work", json!("ack")).await,
        json!({ "outcome": "ack" })
    );
    assert_eq!(
        invoke("nightly", json!({ "body": "later" })).await,
        json!({ "outcome": "retry", "after_seconds": 5.0, "reason": "busy" })
    );
    let full = json!({ "id": "7", "attributes": { "k": "v", "n": 1 }, "attempt": 3, "body": [1] });
    assert_eq!(
        invoke("work", full).await,
        json!({ "outcome": "dead-letter", "reason": "7 {\"k\": \"v\", \"n\": \"1\"} 3 [1]" })
    );
    let bare = invoke("work", json!({ "id": "no body key, so this is the body" })).await;
    assert!(
        bare["reason"]
            .as_str()
            .unwrap()
            .ends_with("{\"id\":\"no body key, so this is the body\"}")
    );
    for (event, expected) in [
        (json!({ "body": 1, "id": 2 }), "`id` of the event"),
        (
            json!({ "body": 1, "attributes": [] }),
            "`attributes` of the event",
        ),
        (
            json!({ "body": 1, "attributes": { "k": {} } }),
            "`attributes.k`",
        ),
        (json!({ "body": 1, "attempt": 0 }), "`attempt` of the event"),
    ] {
        let error = refusal("work", event).await;
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn apis_answer() {
    let reply = invoke(
        "api",
        json!({
            "method": "post",
            "path": "/pages/1",
            "query": { "q": "a b&c", "n": 2 },
            "headers": { "x-custom": "yes" },
            "body": { "k": 1 },
        }),
    )
    .await;
    assert_eq!(reply["status"], 201);
    assert_eq!(
        reply["body"],
        json!({
            "target": "/pages/1?n=2&q=a%20b%26c",
            "type": "application/json",
            "x": "yes",
            "body": "{\"k\":1}",
        })
    );
    assert_eq!(reply["headers"]["set-cookie"], json!(["a=1", "b=2"]));
    assert_eq!(
        invoke("api", json!({ "path": "/pages/1" })).await["status"],
        201
    );
    assert_eq!(invoke("api", Value::Null).await["status"], 404);
    for (event, expected) in [
        (json!([]), "must be an object"),
        (json!({ "pth": "/" }), "did you mean `path`?"),
        (json!({ "path": "not a path" }), "not an HTTP request"),
        (
            json!({ "headers": { "bad name": "x" } }),
            "not an HTTP request",
        ),
    ] {
        let error = refusal("api", event).await;
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn unknown_units_are_told_from_known_ones() {
    let error = refusal("wrok", Value::Null).await;
    assert!(error.contains("no unit `wrok`"), "{error}");
    assert!(
        error.contains("`api`, `echo`, `nightly`, `work`"),
        "{error}"
    );
}
