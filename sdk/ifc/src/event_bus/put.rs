//! Putting events on a bus: their attributes, and what the contract asks of them.

use crate::message;
use ifc_manifest::kind::event_bus::{
    FIELD_VALUE_BYTES_MAX, PUT, PUT_BATCH_MAX, SOURCE_BYTES_MAX, SUBJECT_BYTES_MAX, TYPE_BYTES_MAX,
};
use ifc_manifest::size;
use ifc_runtime::event_bus::{EventContext, OutgoingEvent};
use ifc_runtime::{BoxFuture, Environment, Error, ErrorKind, Grant, Invocation};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// An event about to be put on a bus; awaiting it puts it.
#[must_use = "the event is put when this is awaited"]
pub struct PutEvent {
    grant: &'static Grant,
    filterable: &'static [&'static str],
    event_type: &'static str,
    source: Cow<'static, str>,
    subject: Option<String>,
    id: Option<String>,
    time: Option<SystemTime>,
    data: serde_json::Result<Vec<u8>>,
}

impl PutEvent {
    pub(super) fn new(
        grant: &'static Grant,
        filterable: &'static [&'static str],
        event_type: &'static str,
        source: &'static str,
        data: serde_json::Result<Vec<u8>>,
    ) -> PutEvent {
        PutEvent {
            grant,
            filterable,
            event_type,
            source: Cow::Borrowed(source),
            subject: None,
            id: None,
            time: None,
            data,
        }
    }

    /// What it happened to: at most 256 bytes, for example an order's id. Patterns can test it.
    pub fn subject(mut self, subject: impl Into<String>) -> PutEvent {
        self.subject = Some(subject.into());
        self
    }

    /// Where it happened: at most 256 bytes. That of the event's type when not given.
    pub fn source(mut self, source: impl Into<String>) -> PutEvent {
        self.source = Cow::Owned(source.into());
        self
    }

    /// The event's id, by which a handler can tell that it has seen it: at most 128 ASCII
    /// characters. Made by the provider when not given. It does not suppress duplicates.
    pub fn id(mut self, id: impl Into<String>) -> PutEvent {
        self.id = Some(id.into());
        self
    }

    /// When it happened, to the millisecond, in the years from 1970 to 9999. Now when not given.
    pub fn time(mut self, time: SystemTime) -> PutEvent {
        self.time = Some(time);
        self
    }

    /// Puts several events on one bus together, of any types, each with its own options.
    ///
    /// # Errors
    /// As [`EventBus::put_batch`](crate::EventBus::put_batch).
    pub async fn all(puts: Vec<PutEvent>) -> Result<Vec<Result<String, Error>>, Error> {
        let Some(first) = puts.first() else {
            return Ok(Vec::new());
        };
        let target = first.grant.target();
        if puts.len() > PUT_BATCH_MAX {
            let message = format!(
                "{} events in one batch, the limit is {PUT_BATCH_MAX}",
                puts.len()
            );
            return Err(Error::new(ErrorKind::TooLarge, message).on(target, PUT));
        }
        if puts.iter().any(|put| put.grant.target() != target) {
            let message = "the events of one batch go to one bus";
            return Err(Error::new(ErrorKind::Invalid, message).on(target, PUT));
        }
        let mut events = Vec::new();
        let mut results: Vec<Option<Error>> = Vec::new();
        for put in puts {
            match put.checked() {
                Ok(event) => {
                    events.push(event);
                    results.push(None);
                }
                Err(error) => results.push(Some(error.on(target, PUT))),
            }
        }
        let mut put = Vec::new().into_iter();
        if !events.is_empty() {
            let environment = Environment::current().map_err(|error| error.on(target, PUT))?;
            put = environment
                .provider
                .put_events(target, events)
                .await?
                .into_iter();
        }
        let mut next = || {
            put.next().unwrap_or_else(|| {
                let message = "the provider gave no result for an event";
                Err(Error::new(ErrorKind::Malformed, message).on(target, PUT))
            })
        };
        let result = |refused: Option<Error>| refused.map_or_else(&mut next, Err);
        Ok(results.into_iter().map(result).collect())
    }

    /// The event, or why the contract does not allow it.
    fn checked(self) -> Result<OutgoingEvent, Error> {
        let data = self.data.map_err(|error| {
            Error::new(ErrorKind::Invalid, "the event has no JSON form").caused_by(error)
        })?;
        message::check_size(&size::ASYNC_BODY, data.len())?;
        if let Some(id) = &self.id {
            message::check_token("id", id)?;
        }
        check_attribute("type", self.event_type, TYPE_BYTES_MAX)?;
        check_attribute("source", &self.source, SOURCE_BYTES_MAX)?;
        if let Some(subject) = &self.subject {
            check_attribute("subject", subject, SUBJECT_BYTES_MAX)?;
        }
        if self.source.starts_with("aws.") {
            let message = format!(
                "the source `{}` begins with `aws.`, which aws keeps for itself",
                self.source
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let time = self.time.unwrap_or_else(crate::now);
        if !EventContext::tells(time) {
            let message = "the time of the event is not in the years from 1970 to 9999";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(OutgoingEvent {
            id: self.id,
            fields: lifted(self.filterable, &data)?,
            context: EventContext {
                event_type: self.event_type.to_owned(),
                source: self.source.into_owned(),
                subject: self.subject,
                time,
            },
            data,
            trace: Invocation::trace(),
        })
    }
}

impl IntoFuture for PutEvent {
    type Output = Result<String, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let results = PutEvent::all(vec![self]).await?;
            results.into_iter().collect::<Result<String, Error>>()
        })
    }
}

/// A context attribute is not empty and has no control characters (CloudEvents 1.0, type system).
fn check_attribute(what: &str, value: &str, bytes_max: usize) -> Result<(), Error> {
    let (kind, why) = if value.is_empty() {
        (ErrorKind::Invalid, "is empty".to_owned())
    } else if value.len() > bytes_max {
        let why = format!("has {} bytes, the limit is {bytes_max}", value.len());
        (ErrorKind::TooLarge, why)
    } else if value.chars().any(char::is_control) {
        (ErrorKind::Invalid, "has control characters".to_owned())
    } else {
        return Ok(());
    };
    Err(Error::new(kind, format!("the {what} of the event {why}")))
}

/// The filterable fields that the data has.
fn lifted(paths: &[&str], data: &[u8]) -> Result<BTreeMap<String, String>, Error> {
    let mut fields = BTreeMap::new();
    if paths.is_empty() {
        return Ok(fields);
    }
    let data = ifc_runtime::json::parse(data).map_err(|error| {
        Error::new(ErrorKind::Invalid, "the event's data is not JSON").caused_by(error)
    })?;
    for path in paths {
        if let Some(value) = lift(path, &data)? {
            fields.insert((*path).to_owned(), value);
        }
    }
    Ok(fields)
}

fn lift(path: &str, data: &Value) -> Result<Option<String>, Error> {
    // The first segment is `data` itself.
    let mut value = Some(data);
    for segment in path.split('.').skip(1) {
        value = value.and_then(|value| value.get(segment));
    }
    let text = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(flag)) => flag.to_string(),
        Some(Value::Number(number)) if !number.is_f64() => number.to_string(),
        Some(other) => {
            let what = match other {
                Value::Number(_) => "a number with a fraction",
                Value::Array(_) => "a list",
                _ => "an object",
            };
            let message = format!(
                "the filterable field `{path}` is {what}: only a text, a whole number or a boolean \
                 can be matched"
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
    };
    if text.len() > FIELD_VALUE_BYTES_MAX {
        let message = format!(
            "the filterable field `{path}` has {} bytes, the limit is {FIELD_VALUE_BYTES_MAX}",
            text.len()
        );
        return Err(Error::new(ErrorKind::TooLarge, message));
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_lifted_as_they_are_written() {
        let data = json!({
            "region": "eu", "count": 3, "paid": true, "gone": null,
            "customer": { "tier": "gold" },
        });
        let paths = [
            "data.region",
            "data.count",
            "data.paid",
            "data.gone",
            "data.customer.tier",
            "data.customer.tier.deeper",
            "data.absent.tier",
        ];
        let fields = lifted(&paths, data.to_string().as_bytes()).expect("every field is a scalar");
        let expected = [
            ("data.region", "eu"),
            ("data.count", "3"),
            ("data.paid", "true"),
            ("data.customer.tier", "gold"),
        ];
        let expected = expected.map(|(path, value)| (path.to_owned(), value.to_owned()));
        assert_eq!(fields, expected.into());
    }

    #[test]
    fn what_cannot_be_matched_is_refused_with_the_reason() {
        let refused = |data: Value| {
            let error = lifted(&["data.x"], data.to_string().as_bytes())
                .expect_err("the field is no scalar");
            (error.kind(), error.to_string())
        };
        let (kind, text) = refused(json!({ "x": 1.5 }));
        assert_eq!(kind, ErrorKind::Invalid);
        assert!(
            text.contains("`data.x` is a number with a fraction"),
            "{text}"
        );
        assert_eq!(refused(json!({ "x": [] })).0, ErrorKind::Invalid);
        assert_eq!(refused(json!({ "x": {} })).0, ErrorKind::Invalid);
        let (kind, text) = refused(json!({ "x": "v".repeat(257) }));
        assert_eq!(kind, ErrorKind::TooLarge);
        assert!(text.contains("257 bytes, the limit is 256"), "{text}");
    }
}
