//! What a message looks like on its way through SQS, SNS, Kinesis and Lambda, and as the detail of
//! an event of EventBridge: the body with what belongs to it.
//!
//! ```json
//! {"ifc":{"id":"…","trace":"00-…-01","attributes":{"region":"eu"}},"body":{"order":"o-1"}}
//! ```
//!
//! Message attributes would be the services' own place for it, but they take ten, and the contract
//! promises ten to the application besides id and trace. Filters of subscriptions look into the body
//! (`FilterPolicyScope` = `MessageBody`, below `ifc` and `attributes`). The body of a message is
//! JSON, and it arrives byte for byte; only EventBridge may write the same JSON otherwise.
//!
//! An event has beside that the declared fields of its bus, as texts, for patterns:
//! `{"detail":{"ifc":{"fields":{"data/region":["eu"]}}}}`. Its `source` and `detail-type` are
//! EventBridge's own, its subject is an attribute.
//!
//! A schedule hands over a text that was written when it was deployed, in which EventBridge
//! Scheduler fills in the time:
//!
//! ```json
//! {"ifc":{"due":"2026-07-01T01:00:00Z"},"body":null}
//! ```
//!
//! A dead letter is the message as it was, with what else is known of it in attributes of SQS:
//! [`DEAD_LETTER_ID`] and those after it. One that SQS moved by itself, because its attempts were
//! used up without an outcome, has none of them.

use ifc_runtime::TraceContext;
use ifc_runtime::by_hand::Message;
pub use ifc_runtime::event_bus::SUBJECT;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Attribute of a dead letter: the event's id.
pub const DEAD_LETTER_ID: &str = "ifc-id";

/// Attribute of a dead letter: where the event came from, as the application names it.
pub const DEAD_LETTER_SOURCE: &str = "ifc-source";

/// Attribute of a dead letter: how often the event was delivered.
pub const DEAD_LETTER_ATTEMPTS: &str = "ifc-attempts";

/// Attribute of a dead letter: why it was given up.
pub const DEAD_LETTER_REASON: &str = "ifc-reason";

/// What EventBridge Scheduler replaces by the time at which a schedule was due.
const DUE_PLACEHOLDER: &str = "<aws.scheduler.scheduled-time>";

/// A message that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enveloped {
    /// The event's id.
    pub id: String,
    /// What caused it.
    pub trace: Option<TraceContext>,
    /// What its sender attached.
    pub attributes: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Outer<'a> {
    #[serde(borrow)]
    ifc: Inner<'a>,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Serialize, Deserialize)]
struct Inner<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    trace: Cow<'a, str>,
    attributes: Cow<'a, BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<String, String>,
}

/// The text to send. `None` when the body is no JSON.
pub(crate) fn seal(
    id: &str,
    trace: TraceContext,
    attributes: &BTreeMap<String, String>,
    body: &[u8],
) -> Option<String> {
    seal_with_fields(id, trace, attributes, BTreeMap::new(), body)
}

/// The text of an event that somebody makes by hand, under a new trace and, when none is given, a
/// new id.
pub fn seal_by_hand(message: &Message) -> String {
    let id = message.id.clone();
    let id = id.unwrap_or_else(ifc_runtime::event::random_id);
    let body = message.body.to_string();
    let trace = TraceContext::root();
    seal(&id, trace, &message.attributes, body.as_bytes()).expect("the body is JSON")
}

/// As [`seal`], with fields for patterns, by [`field_name`].
pub(crate) fn seal_with_fields(
    id: &str,
    trace: TraceContext,
    attributes: &BTreeMap<String, String>,
    fields: BTreeMap<String, String>,
    body: &[u8],
) -> Option<String> {
    let outer = Outer {
        ifc: Inner {
            id: id.into(),
            trace: trace.to_string().into(),
            attributes: Cow::Borrowed(attributes),
            fields,
        },
        body: serde_json::from_slice(body).ok()?,
    };
    let text = serde_json::to_string(&outer).ok()?;
    Some(without_noncharacters(text))
}

/// How the declared field of this path is called below `fields`: in the names of a pattern a dot
/// would be a step down.
pub fn field_name(path: &str) -> String {
    path.replace('.', "/")
}

/// SQS refuses the two characters that are in no text; JSON has another way to write them.
fn without_noncharacters(text: String) -> String {
    match text.contains(['\u{fffe}', '\u{ffff}']) {
        true => text
            .replace('\u{fffe}', "\\ufffe")
            .replace('\u{ffff}', "\\uffff"),
        false => text,
    }
}

/// Reads a text that arrived. `None` when it was not sent by an application of ours.
pub fn open(text: &str) -> Option<Enveloped> {
    let outer: Outer<'_> = serde_json::from_str(text).ok()?;
    Some(Enveloped {
        id: outer.ifc.id.into_owned(),
        trace: TraceContext::parse(&outer.ifc.trace),
        attributes: outer.ifc.attributes.into_owned(),
        body: outer.body.get().as_bytes().to_vec(),
    })
}

/// A schedule's firing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// When it was due, in ISO 8601.
    pub due: String,
    /// The schedule's input, JSON.
    pub body: Vec<u8>,
}

/// The input of a schedule's target: what EventBridge Scheduler hands over, but for the time, which
/// it fills in. `body` is JSON.
pub fn seal_firing(body: &Value) -> String {
    serde_json::json!({ "ifc": { "due": DUE_PLACEHOLDER }, "body": body }).to_string()
}

/// Reads what a schedule handed over. `None` when it is something else.
pub(crate) fn open_firing(event: &Value) -> Option<Firing> {
    Some(Firing {
        due: event["ifc"]["due"].as_str()?.to_owned(),
        body: event.get("body")?.to_string().into_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_arrives_byte_for_byte() {
        let trace = TraceContext::root();
        let attributes = BTreeMap::from([("region".to_owned(), "\"eu\"\n".to_owned())]);
        for body in [
            r#"{"b": 1.0, "a":12345678901234567890}"#,
            "null",
            r#""\u0000é""#,
        ] {
            let text = seal("o-1", trace, &attributes, body.as_bytes()).unwrap();
            let expected = Enveloped {
                id: "o-1".to_owned(),
                trace: Some(trace),
                attributes: attributes.clone(),
                body: body.as_bytes().to_vec(),
            };
            assert_eq!(open(&text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_sqs_does_not_take_is_written_otherwise() {
        let text = seal(
            "i",
            TraceContext::root(),
            &BTreeMap::new(),
            "\"\u{ffff}\"".as_bytes(),
        );
        let text = text.unwrap();
        assert!(!text.contains('\u{ffff}'), "{text}");
        assert_eq!(open(&text).unwrap().body, br#""\uffff""#);
    }

    #[test]
    fn firings_are_read_as_they_were_written() {
        let text = seal_firing(&serde_json::json!({ "full": true }));
        assert_eq!(
            text,
            r#"{"body":{"full":true},"ifc":{"due":"<aws.scheduler.scheduled-time>"}}"#
        );
        let handed = text.replace(DUE_PLACEHOLDER, "2026-07-01T01:00:00Z");
        let expected = Firing {
            due: "2026-07-01T01:00:00Z".to_owned(),
            body: br#"{"full":true}"#.to_vec(),
        };
        let read = |text: &str| open_firing(&serde_json::from_str(text).unwrap());
        assert_eq!(read(&handed), Some(expected));
        assert_eq!(read(r#"{"ifc":{"id":"1"},"body":1}"#), None);
        assert_eq!(open(&handed), None);
    }

    #[test]
    fn other_texts_are_not_ours() {
        for text in [
            "",
            "hello",
            "{}",
            r#"{"body":1}"#,
            r#"{"ifc":{"id":"x"},"body":1}"#,
        ] {
            assert_eq!(open(text), None, "{text}");
        }
        assert_eq!(
            seal("i", TraceContext::root(), &BTreeMap::new(), b"no json"),
            None
        );
    }
}
