//! Requests of HTTP APIs, in their format 2.0, and the replies to them.

use crate::base64;
use ifc_runtime::axum::body::{Body, Bytes, to_bytes};
use ifc_runtime::axum::http::header::{CONTENT_LENGTH, COOKIE, SET_COOKIE};
use ifc_runtime::axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// The request in an event.
///
/// # Errors
/// What is wrong with it.
pub(super) fn request(mut event: Value) -> Result<Request<Body>, String> {
    let base64 = event["isBase64Encoded"].as_bool().unwrap_or_default();
    let body = match (event["body"].take(), base64) {
        (Value::Null, _) => Bytes::new(),
        (Value::String(text), false) => Bytes::from(text),
        (Value::String(text), true) => match base64::decode(&text) {
            Some(bytes) => bytes.into(),
            None => return Err("its body is not the base64 that it is said to be".to_owned()),
        },
        // As some write it who send events by hand.
        (value, _) => Bytes::from(value.to_string()),
    };
    let context = &event["requestContext"];
    let method = context["http"]["method"].as_str().unwrap_or("GET");
    let mut request = Request::builder()
        .method(method)
        .uri(target(&event))
        .body(Body::empty())
        .map_err(|error| format!("it is no HTTP request: {error}"))?;
    let headers = request.headers_mut();
    for (name, value) in event["headers"].as_object().into_iter().flatten() {
        let name = HeaderName::try_from(name.as_str());
        let value = value
            .as_str()
            .and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok());
        if let (Ok(name), Some(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    let cookies: Vec<&str> = (event["cookies"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .collect();
    if !cookies.is_empty()
        && let Ok(cookies) = HeaderValue::try_from(cookies.join("; "))
    {
        headers.insert(COOKIE, cookies);
    }
    // What the router's limits go by. The client's own number is about what API Gateway received.
    headers.remove(CONTENT_LENGTH);
    if !body.is_empty() {
        headers.insert(CONTENT_LENGTH, body.len().into());
    }
    *request.body_mut() = Body::from(body);
    Ok(request)
}

/// Path and query, of which HTTP APIs leave the second alone.
fn target(event: &Value) -> String {
    let context = &event["requestContext"];
    let path = event["rawPath"]
        .as_str()
        .or(context["http"]["path"].as_str());
    let mut path = path.unwrap_or("/");
    // A stage other than the default one is a part of the path that no route knows.
    if let Some(stage) = context["stage"].as_str()
        && let Some(rest) = path
            .strip_prefix('/')
            .and_then(|path| path.strip_prefix(stage))
        && stage != "$default"
        && (rest.is_empty() || rest.starts_with('/'))
    {
        path = rest;
    }
    let mut target = encoded_path(path);
    if let Some(query) = event["rawQueryString"]
        .as_str()
        .filter(|query| !query.is_empty())
    {
        target.push('?');
        target.push_str(query);
    }
    target
}

/// A path as it was before HTTP APIs decoded it, as far as that can be told: they decode everything
/// but `%25`, so what is encoded in it stays, and what cannot stand in a path is encoded.
fn encoded_path(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len() + 1);
    if !path.starts_with('/') {
        encoded.push('/');
    }
    for (place, byte) in path.bytes().enumerate() {
        let stands = match byte {
            b'%' => {
                let digits = path.as_bytes().get(place + 1..place + 3);
                digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            }
            _ => byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte),
        };
        match stands {
            true => encoded.push(byte.into()),
            false => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

/// The reply in the form that HTTP APIs take, when its body can be had and is no longer than
/// `bytes_max`.
///
/// # Errors
/// Why not.
pub(super) async fn reply(response: Response<Body>, bytes_max: usize) -> Result<Value, String> {
    let (head, body) = response.into_parts();
    let body = to_bytes(body, bytes_max).await.map_err(|error| {
        format!("the response body cannot be sent, or is larger than {bytes_max} bytes: {error}")
    })?;
    let (headers, cookies) = headers(&head.headers);
    let mut reply = json!({ "statusCode": head.status.as_u16(), "headers": headers });
    if !cookies.is_empty() {
        reply["cookies"] = cookies.into();
    }
    let (body, base64) = text(&body);
    reply["body"] = body.into();
    reply["isBase64Encoded"] = base64.into();
    Ok(reply)
}

/// Headers, values of one name joined, and the cookies, which may not be.
fn headers(from: &HeaderMap) -> (Map<String, Value>, Vec<Value>) {
    let (mut headers, mut cookies) = (Map::new(), Vec::new());
    for name in from.keys() {
        let values = from.get_all(name).iter();
        let mut values = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        match *name == SET_COOKIE {
            true => cookies.extend(values.map(Value::from)),
            false => {
                let first = values.next().unwrap_or_default();
                let joined = values.fold(first, |joined, value| joined + ", " + &value);
                headers.insert(name.to_string(), joined.into());
            }
        }
    }
    (headers, cookies)
}

/// A body as text, or in base64 when it is none or would take more room as JSON: what Lambda takes
/// is limited in that form.
fn text(body: &[u8]) -> (String, bool) {
    let room = |text: &str| -> usize {
        let each = text.bytes().map(|byte| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
            0..0x20 => 6,
            _ => 1,
        });
        each.sum()
    };
    match str::from_utf8(body) {
        Ok(text) if room(text) <= body.len().div_ceil(3) * 4 => (text.to_owned(), false),
        _ => (base64::encode(body), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_encoded_once() {
        for (path, expected) in [
            ("", "/"),
            ("/a/b", "/a/b"),
            ("/a b/ü", "/a%20b/%C3%BC"),
            ("/a%20b", "/a%20b"),
            ("/100%", "/100%25"),
            ("/%zz", "/%25zz"),
            ("/a?b#c", "/a%3Fb%23c"),
            ("/{x}|\"", "/%7Bx%7D%7C%22"),
        ] {
            assert_eq!(encoded_path(path), expected, "{path}");
        }
    }

    #[test]
    fn bodies_are_texts_where_that_is_shorter() {
        for (body, expected) in [
            (&b""[..], ("", false)),
            (b"hello", ("hello", false)),
            (b"\xff\x00", ("/wA=", true)),
            (b"\"\"\"\"\"\"", ("IiIiIiIi", true)),
        ] {
            let (text, base64) = text(body);
            assert_eq!((text.as_str(), base64), expected);
        }
    }
}
