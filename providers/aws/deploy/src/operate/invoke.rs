//! Running a unit once, by hand, through its live alias.
//!
//! The event is what `ifc invoke` takes for every provider, see [`by_hand`]. The argument of a
//! function is the body of a message, too.

use super::{OperateError, Operator, refused};
use aws_sdk_lambda::types::InvocationType;
use aws_smithy_types::Blob;
use ifc_aws::by_hand::{self, HttpRequest, Message};
use ifc_aws::envelope;
use serde_json::{Value, json};
use std::time::SystemTime;

/// What a unit answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Invoked {
    /// Its reply, JSON; what failed and why, when it did.
    pub reply: Value,
    /// Whether it failed.
    pub failed: bool,
}

impl Operator {
    /// Runs a unit with an event.
    ///
    /// # Errors
    /// When the stage has no such unit, the event does not fit, or AWS refuses.
    pub async fn invoke(&self, unit: &str, event: Value) -> Result<Invoked, OperateError> {
        let function = self.part("unit", unit, "function")?;
        let is_api = self.part("unit", unit, "api").is_ok();
        let is_rule = self.part("unit", unit, "rule").is_ok();
        let message = match (is_api, is_rule) {
            (true, _) => HttpRequest::read(event).map(|event| request(event).to_string()),
            (_, true) => Message::read_cloud_event(event, SystemTime::now())
                .map(|message| envelope::seal_by_hand(&message)),
            _ => Message::read(event).map(|message| envelope::seal_by_hand(&message)),
        };
        let payload = message.map_err(|error| OperateError::Invalid(error.to_string()))?;
        let answer = self
            .lambda
            .invoke()
            .function_name(function.physical_name.as_str())
            .qualifier("live")
            .invocation_type(InvocationType::RequestResponse)
            .payload(Blob::new(payload))
            .send()
            .await
            .map_err(refused(format!("invoke unit `{unit}`")))?;
        let reply = answer.payload().map(|payload| payload.as_ref().to_vec());
        let reply = reply.unwrap_or_default();
        let reply: Value = serde_json::from_slice(&reply)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&reply).into_owned()));
        let failed = answer.function_error().is_some();
        Ok(Invoked {
            reply: match is_api && !failed {
                true => response(&reply).unwrap_or(reply),
                false => reply,
            },
            failed,
        })
    }
}

/// A request in format 2.0 of HTTP APIs.
fn request(request: HttpRequest) -> Value {
    let HttpRequest {
        method,
        path,
        query,
        headers,
        body,
    } = request;
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1" },
            "stage": "$default",
            "requestId": "ifc-invoke",
        },
        "body": (!body.is_empty()).then_some(body),
        "isBase64Encoded": false,
    })
}

/// The reply of an API, as `ifc invoke` shows it. `None` when it is none.
fn response(reply: &Value) -> Option<Value> {
    let status = u16::try_from(reply["statusCode"].as_u64()?).ok()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let headers = reply["headers"].as_object().into_iter().flatten();
    let headers = headers.filter_map(|(name, value)| Some((name.as_str(), text(value)?)));
    let cookies = reply["cookies"].as_array().into_iter().flatten();
    let cookies = cookies.filter_map(|value| Some(("set-cookie", text(value)?)));
    let body = reply["body"].as_str().unwrap_or_default();
    Some(by_hand::http_reply(
        status,
        headers.chain(cookies),
        body.as_bytes(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_as_an_api_hands_it_over() {
        let event = json!({
            "method": "POST", "path": "/orders", "query": { "a b": "é" }, "body": { "id": "o-1" },
        });
        let request = self::request(HttpRequest::read(event).unwrap());
        assert_eq!(request["rawPath"], "/orders");
        assert_eq!(request["rawQueryString"], "a%20b=%C3%A9");
        assert_eq!(request["headers"]["content-type"], "application/json");
        assert_eq!(request["body"], r#"{"id":"o-1"}"#);
        assert_eq!(request["requestContext"]["http"]["method"], "POST");
        let nothing = self::request(HttpRequest::read(Value::Null).unwrap());
        assert_eq!(nothing["body"], Value::Null);
    }

    #[test]
    fn a_reply_of_an_api_is_shown_as_json() {
        let reply = json!({
            "statusCode": 201, "headers": { "content-type": "application/json" },
            "body": "{\"id\":1}", "isBase64Encoded": false, "cookies": ["a=1"],
        });
        let shown = response(&reply).unwrap();
        assert_eq!(shown["status"], 201);
        assert_eq!(shown["body"]["id"], 1);
        assert_eq!(shown["headers"]["set-cookie"], json!(["a=1"]));
        assert_eq!(response(&json!("no reply")), None);
    }
}
