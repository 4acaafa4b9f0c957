//! Records of Kinesis and changes of DynamoDB tables: sources that keep an order, deliver again from
//! the first failed record on, and tell of no attempts.
//!
//! What was done behind a failed record is remembered, so that it is not done again when it comes
//! again. A record whose attempts are used up goes to the dead letters, and what is behind it goes
//! on.

use super::settle::held_back;
use super::unit::{Edge, Unit, event_text};
use crate::envelope::{self, Enveloped};
use crate::table::decode_item;
use crate::{base64, date};
use ifc_runtime::change::encode_change;
use ifc_runtime::{Delivery, Outcome};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// A record.
pub(super) struct Record {
    /// Its place in its shard.
    sequence: String,
    /// The event, or, in what came instead, why there is none.
    event: Result<Delivery, (Delivery, String)>,
}

/// Hands records to the handler, in their order, and tells which of them have to come again.
pub(super) async fn deliver(
    unit: &Unit,
    edge: &Edge,
    records: Vec<Value>,
    left: Option<Duration>,
    read: fn(&Edge, &Value) -> Record,
) -> Value {
    let records: Vec<Record> = records.iter().map(|record| read(edge, record)).collect();
    let mut waiting = Vec::with_capacity(records.len());
    let mut failures: Vec<&str> = Vec::new();
    for Record { sequence, event } in records.iter() {
        match event {
            Ok(event) if unit.memory.is_done(&event.id) => {}
            Ok(event) => {
                let attempt = unit.memory.count(&event.id) + 1;
                let event = Delivery {
                    attempt,
                    ..event.clone()
                };
                waiting.push((sequence.as_str(), event));
            }
            Err((event, reason)) => {
                if !unit.give_up(edge, event, &event_text(event), reason).await {
                    failures.push(sequence);
                }
            }
        }
    }
    let deliveries = waiting.iter().map(|(_, event)| event.clone()).collect();
    let mut outcomes = edge.run(deliveries, left).await;
    let groups = waiting.iter().map(|(_, event)| event.group.as_deref());
    let held = held_back(groups, &mut outcomes);
    for (((sequence, event), outcome), held) in waiting.iter().zip(outcomes).zip(held) {
        let reason = match outcome {
            Outcome::Ack => {
                unit.memory.finish(&event.id);
                continue;
            }
            Outcome::Retry { .. } if held => {
                failures.push(sequence);
                continue;
            }
            Outcome::Retry { reason, .. } if event.attempt < edge.retry.max_attempts => {
                tracing::warn!(
                    unit = &*edge.unit,
                    event = event.id,
                    attempt = event.attempt,
                    reason,
                    "failed, to be tried again"
                );
                unit.memory.add(&event.id);
                failures.push(sequence);
                continue;
            }
            Outcome::Retry { reason, .. } | Outcome::DeadLetter { reason } => reason,
        };
        match unit.give_up(edge, event, &event_text(event), &reason).await {
            true => unit.memory.finish(&event.id),
            false => failures.push(sequence),
        }
    }
    // Lambda goes on behind the first that failed, so what is before it does not come again.
    let mut come_again = false;
    for Record { sequence, event } in &records {
        come_again |= failures.contains(&sequence.as_str());
        if let (Ok(event), false) = (event, come_again) {
            unit.memory.forget(&event.id);
        }
    }
    let failures: Vec<Value> = (records.iter())
        .filter(|record| failures.contains(&record.sequence.as_str()))
        .map(|record| json!({ "itemIdentifier": record.sequence }))
        .collect();
    json!({ "batchItemFailures": failures })
}

/// A record of Kinesis. Its key is the group.
pub(super) fn of_kinesis(edge: &Edge, record: &Value) -> Record {
    let kinesis = &record["kinesis"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let sequence = text(&kinesis["sequenceNumber"]);
    let data = kinesis["data"].as_str();
    let bytes = data.and_then(base64::decode).unwrap_or_default();
    let ours = str::from_utf8(&bytes).ok().and_then(envelope::open);
    let message = ours.unwrap_or_else(|| Enveloped {
        id: text(&record["eventID"]),
        trace: None,
        attributes: BTreeMap::new(),
        body: bytes,
    });
    let event = Delivery {
        time: moment(&kinesis["approximateArrivalTimestamp"]),
        group: kinesis["partitionKey"].as_str().map(str::to_owned),
        ..edge.delivery(message)
    };
    Record {
        sequence,
        event: Ok(event),
    }
}

/// A change of an item. The sequence number is its version: it grows with every change of the item.
pub(super) fn of_dynamodb(edge: &Edge, record: &Value) -> Record {
    let change = &record["dynamodb"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let sequence = text(&change["SequenceNumber"]);
    let delivery = |body| Delivery {
        time: moment(&change["ApproximateCreationDateTime"]),
        ..edge.delivery(Enveloped {
            id: text(&record["eventID"]),
            trace: None,
            attributes: BTreeMap::new(),
            body,
        })
    };
    let body = || -> Result<Vec<u8>, String> {
        let decode = |item: &Value| decode_item(item).map_err(|error| error.to_string());
        let key = decode(&change["Keys"])?;
        let new = match record["eventName"].as_str() {
            Some("REMOVE") => None,
            _ => {
                let image = change.get("NewImage");
                let image = image.ok_or("the stream of the table has no new images")?;
                Some(Value::Object(decode(image)?).to_string())
            }
        };
        let new = new.as_deref().map(str::as_bytes);
        Ok(encode_change(&key, new, &sequence))
    };
    let event = match body() {
        Ok(body) => Ok(delivery(body)),
        Err(reason) => {
            let reason = format!("the change cannot be read: {reason}");
            Err((delivery(change.to_string().into_bytes()), reason))
        }
    };
    Record { sequence, event }
}

/// A time in seconds since 1970, with a fraction, or in ISO 8601.
fn moment(value: &Value) -> SystemTime {
    let seconds = value
        .as_f64()
        .filter(|seconds| (0.0..1e11).contains(seconds));
    let since = seconds.map(|seconds| Duration::from_millis((seconds * 1_000.0).round() as u64));
    let time = since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    time.or_else(|| date::parse(value.as_str()?))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_numbers_or_texts() {
        for (value, expected) in [
            (json!(1_545_084_650.987), 1_545_084_650_987),
            (json!(1_545_084_650), 1_545_084_650_000),
            (json!("2026-01-15T12:00:00Z"), 1_768_478_400_000),
            (json!(null), 0),
            (json!(-1), 0),
            (json!(1e300), 0),
        ] {
            let since = moment(&value).duration_since(SystemTime::UNIX_EPOCH);
            assert_eq!(since.unwrap().as_millis(), expected, "{value}");
        }
    }
}
