//! What an HTTP API of API Gateway makes of a request, and of what a function replies: format 2.0.

use crate::base64;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::response::Response;
use ifc_runtime::event::random_id;
use serde_json::{Map, Value, json};

pub(super) async fn event(request: Request) -> Value {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let mut headers: Map<String, Value> = Map::new();
    let mut cookies = Vec::new();
    for (name, value) in &parts.headers {
        let value = value.to_str().unwrap_or_default();
        if name == COOKIE {
            cookies.extend(value.split("; ").map(str::to_owned));
            continue;
        }
        // Headers that are there twice are joined.
        let joined = match headers.get(name.as_str()).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value.to_owned(),
        };
        headers.insert(name.as_str().to_owned(), joined.into());
    }
    let path = parts.uri.path();
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": parts.uri.query().unwrap_or_default(),
        "headers": headers,
        "requestContext": {
            "apiId": "api",
            "domainName": "api.execute-api.eu-west-1.amazonaws.com",
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "test",
            },
            "requestId": random_id(),
            "stage": "$default",
        },
        "isBase64Encoded": true,
    });
    if !cookies.is_empty() {
        event["cookies"] = cookies.into();
    }
    if !body.is_empty() {
        event["body"] = base64::encode(&body).into();
    }
    event
}

pub(super) fn response(reply: &Value) -> Response {
    let mut response = Response::builder().status(reply["statusCode"].as_u64().unwrap() as u16);
    for (name, value) in reply["headers"].as_object().into_iter().flatten() {
        response = response.header(name, value.as_str().unwrap());
    }
    for cookie in reply["cookies"].as_array().into_iter().flatten() {
        response = response.header(SET_COOKIE, cookie.as_str().unwrap());
    }
    let body = reply["body"].as_str().unwrap_or_default();
    let body = match reply["isBase64Encoded"].as_bool() {
        Some(true) => base64::decode(body).unwrap(),
        _ => body.as_bytes().to_vec(),
    };
    response.body(Body::from(body)).unwrap()
}
