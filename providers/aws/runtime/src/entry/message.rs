//! Messages of SQS: those of a declared queue, and those that topics, buses, buckets, schedules and
//! callers left in the hidden queue of a unit.

use super::settle::{FIFO, held_back};
use super::unit::{Edge, Sort, Unit, firing_delivery};
use crate::date;
use crate::envelope::{self, Enveloped};
use ifc_manifest::kind::edge::Edge as EdgeSort;
use ifc_runtime::bucket::encode_object_event;
use ifc_runtime::event_bus::EventContext;
use ifc_runtime::{Delivery, Outcome};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// A message.
pub(super) struct Message {
    /// SQS's id of it.
    id: String,
    /// By which it can be spoken of as long as it is leased.
    pub(super) receipt: Option<String>,
    /// The name of the queue that it is in.
    pub(super) queue: Option<String>,
    /// In a queue that keeps the order of a group.
    group: Option<String>,
    /// As it was sent.
    pub(super) text: String,
    /// Which delivery of it counts as this one.
    pub(super) attempt: u32,
    sent: SystemTime,
    attributes: BTreeMap<String, String>,
}

/// An event of EventBridge. Its detail stays as it was written.
#[derive(Deserialize)]
struct BusEvent<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "detail-type")]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    detail: &'a RawValue,
}

/// Hands messages to the handler, and tells what became of each.
pub(super) async fn deliver(
    unit: &Unit,
    edge: &Edge,
    records: Vec<Value>,
    left: Option<Duration>,
) -> Value {
    let messages: Vec<Message> = records
        .into_iter()
        .map(|record| Message::read(unit, record))
        .collect();
    let mut deliveries = Vec::with_capacity(messages.len());
    // Where the events of each message are among the deliveries, or why there are none.
    let mut places = Vec::with_capacity(messages.len());
    for message in &messages {
        let first = deliveries.len();
        places.push(match message.events(edge) {
            Ok(events) => {
                deliveries.extend(events);
                Ok(first..deliveries.len())
            }
            Err(reason) => Err(reason),
        });
    }
    let events = deliveries.clone();
    let mut outcomes = edge.run(deliveries, left).await;
    let held = {
        let groups = events.iter().map(|event| event.group.as_deref());
        held_back(groups, &mut outcomes)
    };
    let mut failures = Vec::new();
    let mut later = Vec::new();
    for (message, place) in messages.iter().zip(places) {
        let event = place
            .as_ref()
            .ok()
            .and_then(|place| events.get(place.start));
        let is_held = place
            .as_ref()
            .is_ok_and(|place| held[place.clone()].contains(&true));
        let outcome = match place {
            Ok(place) => worst(&outcomes[place]),
            Err(reason) => Outcome::DeadLetter { reason },
        };
        let event = event.cloned().unwrap_or_else(|| message.unread(edge));
        let comes_again = match outcome {
            Outcome::Ack => None,
            Outcome::Retry { after, reason } if is_held => {
                unit.memory.add(&message.id);
                tracing::debug!(event = event.id, reason, "held back");
                Some(after.unwrap_or_default())
            }
            Outcome::Retry { after, reason } if message.attempt < edge.retry.max_attempts => {
                let attempt = message.attempt;
                let wait = after.unwrap_or_else(|| edge.retry.backoff_after(attempt));
                tracing::warn!(
                    unit = &*edge.unit,
                    event = event.id,
                    attempt,
                    reason,
                    wait_s = wait.as_secs_f64(),
                    "failed, to be tried again"
                );
                Some(wait)
            }
            Outcome::Retry { reason, .. } | Outcome::DeadLetter { reason } => {
                let given_up = unit.give_up(edge, &event, &message.text, &reason).await;
                (!given_up).then(|| edge.retry.backoff_after(message.attempt))
            }
        };
        match comes_again {
            Some(wait) => {
                failures.push(json!({ "itemIdentifier": message.id }));
                later.push((message, wait));
            }
            None => unit.memory.forget(&message.id),
        }
    }
    unit.show_later(&later).await;
    json!({ "batchItemFailures": failures })
}

/// What becomes of a message with several events: it comes again when one of them does.
fn worst(outcomes: &[Outcome]) -> Outcome {
    let retry = |outcome: &&Outcome| matches!(outcome, Outcome::Retry { .. });
    let dead = |outcome: &&Outcome| matches!(outcome, Outcome::DeadLetter { .. });
    let mut each = outcomes.iter();
    let worst = each.clone().find(retry).or_else(|| each.find(dead));
    worst.cloned().unwrap_or(Outcome::Ack)
}

impl Message {
    fn read(unit: &Unit, mut record: Value) -> Message {
        let attributes = &record["attributes"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        // A number, that is written as a text.
        let number = |value: &Value| -> Option<u64> {
            value.as_u64().or_else(|| value.as_str()?.parse().ok())
        };
        let id = text(&record["messageId"]).unwrap_or_default();
        let received = number(&attributes["ApproximateReceiveCount"]).unwrap_or(1);
        let received = u32::try_from(received).unwrap_or(u32::MAX);
        let sent = number(&attributes["SentTimestamp"]).unwrap_or_default();
        let mut own = BTreeMap::new();
        for (name, value) in record["messageAttributes"]
            .as_object()
            .into_iter()
            .flatten()
        {
            if let Some(value) = value["stringValue"].as_str() {
                own.insert(name.to_ascii_lowercase(), value.to_owned());
            }
        }
        let queue = record["eventSourceARN"].as_str();
        let queue = queue.and_then(|arn| Some(arn.rsplit_once(':')?.1.to_owned()));
        // Other queues take groups too, and keep no order.
        let fifo = queue.as_deref().is_some_and(|name| name.ends_with(FIFO));
        Message {
            receipt: text(&record["receiptHandle"]),
            group: text(&attributes["MessageGroupId"]).filter(|_| fifo),
            queue,
            attempt: received.saturating_sub(unit.memory.count(&id)).max(1),
            sent: SystemTime::UNIX_EPOCH
                .checked_add(Duration::from_millis(sent))
                .unwrap_or(SystemTime::UNIX_EPOCH),
            attributes: own,
            text: match record["body"].take() {
                Value::String(text) => text,
                // As some write it who send events by hand.
                value => value.to_string(),
            },
            id,
        }
    }

    /// The events in it: usually one, none when it is only noise.
    ///
    /// # Errors
    /// Why there can be none.
    fn events(&self, edge: &Edge) -> Result<Vec<Delivery>, String> {
        let mut events = match edge.sort {
            Sort::Source(EdgeSort::OnEvent) => vec![self.bus_event(edge)?],
            Sort::Source(EdgeSort::OnCreated | EdgeSort::OnDeleted) => self.object_events(edge)?,
            Sort::Schedule => {
                let firing = self.text.parse().ok();
                let firing = firing.as_ref().and_then(envelope::open_firing);
                let firing = firing.ok_or("the message is not the firing of a schedule")?;
                let mut event = firing_delivery(edge, firing)?;
                event.attempt = self.attempt;
                return Ok(vec![event]);
            }
            Sort::Source(_) | Sort::AsyncCall => vec![self.sent(edge)],
        };
        for event in &mut events {
            event.attempt = self.attempt;
            event.group.clone_from(&self.group);
            if event.time == SystemTime::UNIX_EPOCH {
                event.time = self.sent;
            }
        }
        Ok(events)
    }

    /// A message of an application of ours, or of someone else.
    fn sent(&self, edge: &Edge) -> Delivery {
        match envelope::open(&self.text) {
            Some(ours) => edge.delivery(ours),
            None => self.unread(edge),
        }
    }

    /// The message as it is, without a look into it.
    fn unread(&self, edge: &Edge) -> Delivery {
        Delivery {
            attempt: self.attempt,
            time: self.sent,
            group: self.group.clone(),
            ..edge.delivery(Enveloped {
                id: self.id.clone(),
                trace: None,
                attributes: self.attributes.clone(),
                body: self.text.as_bytes().to_vec(),
            })
        }
    }

    /// What a rule of EventBridge sent on. An event of an application of ours has its own id, time
    /// and subject in its detail; any other is a CloudEvent as far as it goes.
    fn bus_event(&self, edge: &Edge) -> Result<Delivery, String> {
        let event: BusEvent<'_> = serde_json::from_str(&self.text)
            .map_err(|_| "the message is not an event of EventBridge")?;
        if let Some(ours) = envelope::open(event.detail.get()) {
            let delivery = edge.delivery(ours);
            if let Some(context) = EventContext::of(&delivery) {
                return Ok(Delivery {
                    time: context.time,
                    ..delivery
                });
            }
        }
        let context = EventContext {
            event_type: event.event_type.into_owned(),
            source: event.source.into_owned(),
            subject: None,
            time: date::parse(&event.time).unwrap_or(self.sent),
        };
        Ok(Delivery {
            time: context.time,
            ..edge.delivery(Enveloped {
                id: event.id.into_owned(),
                trace: None,
                attributes: context.to_attributes(),
                body: event.detail.get().as_bytes().to_vec(),
            })
        })
    }

    /// What S3 tells of objects. The message that it sends when notifications are set up has none.
    fn object_events(&self, edge: &Edge) -> Result<Vec<Delivery>, String> {
        let foreign = "the message is not a notification of S3";
        let notification: Value = self.text.parse().map_err(|_| foreign)?;
        if notification["Event"] == "s3:TestEvent" {
            return Ok(Vec::new());
        }
        let records = notification["Records"].as_array().ok_or(foreign)?;
        let mut events = Vec::new();
        for record in records {
            let name = record["eventName"].as_str().ok_or(foreign)?;
            let name = name.strip_prefix("s3:").unwrap_or(name);
            let created = name.starts_with("ObjectCreated:");
            let deleted =
                name.starts_with("ObjectRemoved:") || name.starts_with("LifecycleExpiration:");
            let wanted = match edge.sort {
                Sort::Source(EdgeSort::OnCreated) => created,
                _ => deleted,
            };
            if !wanted {
                continue;
            }
            let object = &record["s3"]["object"];
            let key = object["key"]
                .as_str()
                .and_then(decoded_key)
                .ok_or(foreign)?;
            let (size, version) = match created {
                true => (
                    Some(object["size"].as_u64().unwrap_or_default()),
                    Some(object["eTag"].as_str().unwrap_or_default()),
                ),
                false => (None, None),
            };
            let time = record["eventTime"].as_str().and_then(date::parse);
            events.push(Delivery {
                time: time.unwrap_or(self.sent),
                ..edge.delivery(Enveloped {
                    id: self.object_event_id(record, &key),
                    trace: None,
                    attributes: BTreeMap::new(),
                    body: encode_object_event(&key, size, version),
                })
            });
        }
        Ok(events)
    }

    /// The same id for what S3 tells twice, in two messages: the request that made the change, the
    /// change's place in the history of the key, and the key.
    fn object_event_id(&self, record: &Value, key: &str) -> String {
        let request = record["responseElements"]["x-amz-request-id"].as_str();
        let sequencer = record["s3"]["object"]["sequencer"].as_str();
        let hash = fnv(key.as_bytes());
        match (request, sequencer) {
            (Some(request), Some(sequencer)) => format!("{request}-{sequencer}-{hash:016x}"),
            _ => format!("{}-{hash:016x}", self.id),
        }
    }
}

/// The key of an object, which notifications have as forms have their values.
fn decoded_key(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while let Some(byte) = bytes.get(place) {
        place += 1;
        match byte {
            b'+' => decoded.push(b' '),
            b'%' => {
                let digits = text.get(place..place + 2)?;
                decoded.push(u8::from_str_radix(digits, 16).ok()?);
                place += 2;
            }
            byte => decoded.push(*byte),
        }
    }
    String::from_utf8(decoded).ok()
}

/// FNV-1a: tells keys of one request apart.
fn fnv(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded() {
        for (text, expected) in [
            ("a/b.txt", Some("a/b.txt")),
            ("a+b%2Bc", Some("a b+c")),
            ("%C3%BC", Some("ü")),
            ("%", None),
            ("%C", None),
            ("%zz", None),
            ("%FF", None),
            ("%€", None),
        ] {
            assert_eq!(decoded_key(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_message_comes_again_when_one_of_its_events_does() {
        let retry = Outcome::retry("busy");
        let dead = Outcome::dead_letter("bad");
        for (outcomes, expected) in [
            (vec![], Outcome::Ack),
            (vec![Outcome::Ack, dead.clone()], dead.clone()),
            (vec![dead, retry.clone(), Outcome::Ack], retry),
        ] {
            assert_eq!(worst(&outcomes), expected);
        }
    }
}
