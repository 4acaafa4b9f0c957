//! What an operator sees, as JSON: for the control endpoints and for the command line.

use crate::config::ConfigStatus;
use crate::queue::{DeadLetter, Depth, Peeked, PeekedState};
use crate::secret::SecretStatus;
use ifc_runtime::bucket::ObjectPage;
use ifc_runtime::log::timestamp;
use serde_json::{Value, json};

/// `{"ready", "delayed", "in_flight", "dead"}`.
pub fn depth(depth: &Depth) -> Value {
    json!({
        "ready": depth.ready,
        "delayed": depth.delayed,
        "in_flight": depth.in_flight,
        "dead": depth.dead,
    })
}

/// `{"name", "depth", "messages": […]}`.
pub fn queue(name: &str, queue_depth: &Depth, peeked: &[Peeked]) -> Value {
    let messages: Vec<Value> = peeked.iter().map(message).collect();
    json!({ "name": name, "depth": depth(queue_depth), "messages": messages })
}

/// A message in a queue; `until` where it waits for a moment.
pub fn message(peeked: &Peeked) -> Value {
    let (state, until) = match peeked.state {
        PeekedState::Ready => ("ready", None),
        PeekedState::Blocked => ("blocked", None),
        PeekedState::DelayedUntil(time) => ("delayed", Some(timestamp(time))),
        PeekedState::InFlightUntil(time) => ("in-flight", Some(timestamp(time))),
    };
    json!({
        "id": peeked.id,
        "state": state,
        "until": until,
        "attempts": peeked.attempts,
        "sent": timestamp(peeked.sent_at),
        "group": peeked.group,
        "attributes": peeked.attributes,
        "body": body(&peeked.body),
    })
}

/// `{"objects": […], "folders": […], "cursor"}`.
pub fn objects(page: &ObjectPage) -> Value {
    let objects = page.objects.iter().map(|object| {
        json!({
            "key": object.key,
            "size": object.size,
            "version": object.version,
            "modified": timestamp(object.modified),
        })
    });
    json!({
        "objects": objects.collect::<Vec<_>>(),
        "folders": page.folders,
        "cursor": page.cursor,
    })
}

/// `{"dead_letters": […]}`.
pub fn dead_letters(letters: &[DeadLetter]) -> Value {
    json!({ "dead_letters": letters.iter().map(dead_letter).collect::<Vec<_>>() })
}

fn dead_letter(letter: &DeadLetter) -> Value {
    json!({
        "id": letter.id,
        "source": letter.source,
        "attempts": letter.attempts,
        "reason": letter.reason,
        "sent": timestamp(letter.sent_at),
        "dead": timestamp(letter.dead_at),
        "group": letter.group,
        "attributes": letter.attributes,
        "body": body(&letter.body),
    })
}

/// `{"secrets": [{"name", "set", "version"}]}`; never a value.
pub fn secrets(secrets: &[SecretStatus]) -> Value {
    let status = |secret: &SecretStatus| {
        json!({
            "name": secret.name,
            "set": secret.version.is_some(),
            "version": secret.version,
        })
    };
    json!({ "secrets": secrets.iter().map(status).collect::<Vec<_>>() })
}

/// `{"config": [{"name", "value", "set"}]}`.
pub fn configs(configs: &[ConfigStatus]) -> Value {
    let status = |config: &ConfigStatus| {
        let value = config.value.as_ref().map(|value| body(value.as_bytes()));
        json!({ "name": config.name, "value": value, "set": config.set })
    };
    json!({ "config": configs.iter().map(status).collect::<Vec<_>>() })
}

/// A body as JSON, or as a text when it is none.
fn body(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
}
