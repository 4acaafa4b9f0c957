//! Queues: messages go to SQS in as few calls as its limits allow.

use crate::aws::{Aws, named};
use crate::envelope;
use crate::failure::Failure;
use crate::transport::{Repeat, Service};
use crate::wiring;
use ifc_manifest::kind::queue::SEND;
use ifc_runtime::event::random_id;
use ifc_runtime::queue::{OutgoingMessage, QueueOperations, Sent};
use ifc_runtime::{BoxFuture, Error, ErrorKind, Target, TraceContext};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) const SQS: Service = Service {
    name: "sqs",
    target: "AmazonSQS",
    json: "1.0",
};

/// Messages in one call.
const ENTRIES_MAX: usize = 10;

/// Bytes in one call, of all its messages together. SQS documents 1,048,576 since August 2025; a
/// quarter of it is what it took before, and what older stacks and emulators still have.
const CALL_BYTES_MAX: usize = 262_144;

/// A message that is ready to be sent.
struct Entry {
    id: String,
    text: String,
    group: Option<String>,
    delay_seconds: u64,
}

impl QueueOperations for Aws {
    fn send<'a>(
        &'a self,
        queue: Target<'a>,
        messages: Vec<OutgoingMessage>,
    ) -> BoxFuture<'a, Result<Vec<Result<Sent, Error>>, Error>> {
        named(queue, SEND, async move {
            let wiring = &self.wiring.queues;
            let name = wiring::find(wiring, "queue", &self.application, queue)?;
            let entries: Vec<Entry> = messages
                .into_iter()
                .map(entry)
                .collect::<Result<_, Error>>()?;
            let results = self.send_entries(&self.queue_url(name), &entries).await?;
            let name = |result: Result<Sent, Error>| result.map_err(|error| error.on(queue, SEND));
            Ok(results.into_iter().map(name).collect())
        })
    }
}

fn entry(message: OutgoingMessage) -> Result<Entry, Error> {
    let id = message.id.unwrap_or_else(random_id);
    let text = sealed(&id, message.trace, &message.attributes, &message.body)?;
    // The earliest time of delivery: never before.
    let whole = message.delay.as_secs();
    let rest = u64::from(message.delay.subsec_nanos() > 0);
    Ok(Entry {
        id,
        text,
        group: message.group,
        delay_seconds: whole + rest,
    })
}

/// A message's text, for queues and for topics.
pub(crate) fn sealed(
    id: &str,
    trace: TraceContext,
    attributes: &BTreeMap<String, String>,
    body: &[u8],
) -> Result<String, Error> {
    envelope::seal(id, trace, attributes, body)
        .ok_or_else(|| Error::new(ErrorKind::Invalid, "the body is no JSON"))
}

impl Aws {
    /// Sends entries in their order, in as many calls as it takes.
    async fn send_entries(
        &self,
        url: &str,
        entries: &[Entry],
    ) -> Result<Vec<Result<Sent, Error>>, Error> {
        let mut results = Vec::with_capacity(entries.len());
        for batch in batches(entries, |entry| entry.text.len()) {
            let inputs: Vec<Value> = batch.iter().enumerate().map(input).collect();
            let request = json!({ "QueueUrl": url, "Entries": inputs });
            let call = self
                .transport
                .json(&SQS, "SendMessageBatch", &request, Repeat::Harmless);
            match call
                .await
                .and_then(|answer| batch_results(batch.len(), &answer))
            {
                Ok(answers) => {
                    let sent = batch.iter().zip(answers).map(|(entry, answer)| {
                        let id = entry.id.clone();
                        answer.map(|()| Sent { id }).map_err(Error::from)
                    });
                    results.extend(sent);
                }
                // Nothing was accepted yet.
                Err(failure) if results.is_empty() && batch.len() == entries.len() => {
                    return Err(failure.into());
                }
                Err(failure) => {
                    let cause = Error::from(failure);
                    let again = |_| {
                        Err(
                            Error::new(cause.kind(), "the call for this part of the batch failed")
                                .retry_safe(cause.is_retry_safe())
                                .caused_by(cause.to_string()),
                        )
                    };
                    results.extend(batch.iter().map(again));
                }
            }
        }
        Ok(results)
    }
}

/// An entry of the call; `Id` is its place.
fn input((place, entry): (usize, &Entry)) -> Value {
    let mut input = json!({ "Id": place.to_string(), "MessageBody": entry.text });
    match &entry.group {
        Some(group) => {
            input["MessageGroupId"] = group.as_str().into();
            // New for each send and the same when the call is repeated: SQS then drops what it has
            // already, and nothing that the application sends twice on purpose.
            input["MessageDeduplicationId"] = random_id().into();
        }
        None if entry.delay_seconds > 0 => input["DelaySeconds"] = entry.delay_seconds.into(),
        None => {}
    }
    input
}

/// Parts of `entries` that each fit into one call, in their order.
pub(crate) fn batches<T>(entries: &[T], bytes: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut batches = Vec::new();
    let (mut first, mut size) = (0, 0);
    for (place, entry) in entries.iter().enumerate() {
        let more = bytes(entry);
        if place > first && (place - first == ENTRIES_MAX || size + more > CALL_BYTES_MAX) {
            batches.push(&entries[first..place]);
            (first, size) = (place, 0);
        }
        size += more;
    }
    if first < entries.len() {
        batches.push(&entries[first..]);
    }
    batches
}

/// What became of each entry of a batch, by the answer of SQS or SNS in JSON.
///
/// # Errors
/// When the answer is silent about one.
pub(crate) fn batch_results(
    count: usize,
    answer: &Value,
) -> Result<Vec<Result<(), Failure>>, Failure> {
    let list = |name: &str| {
        let list = answer.get(name).and_then(Value::as_array);
        list.map(Vec::as_slice).unwrap_or_default()
    };
    let place = |entry: &Value| entry["Id"].as_str()?.parse::<usize>().ok();
    let mut results: Vec<Option<Result<(), Failure>>> = (0..count).map(|_| None).collect();
    let mut set = |entry: &Value, result| {
        if let Some(slot) = place(entry).and_then(|place| results.get_mut(place)) {
            *slot = Some(result);
        }
    };
    for entry in list("Successful") {
        set(entry, Ok(()));
    }
    for entry in list("Failed") {
        set(entry, Err(refused(entry)));
    }
    results
        .into_iter()
        .map(|result| {
            result.ok_or_else(|| Failure::malformed("the answer leaves out a message of the batch"))
        })
        .collect()
}

/// Why one entry of a batch was not accepted.
fn refused(entry: &Value) -> Failure {
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let sender = entry["SenderFault"].as_bool().unwrap_or_default();
    Failure {
        code: text("Code"),
        status: if sender { 400 } else { 500 },
        perhaps_done: false,
        ..Failure::local("", text("Message"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_the_order_and_the_limits() {
        let lengths = |sizes: &[usize]| -> Vec<usize> {
            batches(sizes, |size| *size)
                .iter()
                .map(|batch| batch.len())
                .collect()
        };
        assert_eq!(lengths(&[]), [0; 0]);
        assert_eq!(lengths(&[1; 25]), [10, 10, 5]);
        assert_eq!(lengths(&[CALL_BYTES_MAX, 1]), [1, 1]);
        assert_eq!(lengths(&[CALL_BYTES_MAX / 2; 5]), [2, 2, 1]);
        assert_eq!(lengths(&[CALL_BYTES_MAX + 1]), [1]);
    }

    #[test]
    fn each_entry_has_its_own_result() {
        let answer = json!({
            "Successful": [{ "Id": "1", "MessageId": "m" }],
            "Failed": [
                { "Id": "0", "Code": "InternalError", "SenderFault": false },
                { "Id": "2", "Code": "AccessDenied", "SenderFault": true, "Message": "no" },
            ],
        });
        let results = batch_results(3, &answer).unwrap();
        let kinds: Vec<Option<ErrorKind>> = results
            .into_iter()
            .map(|result| result.err().map(|failure| Error::from(failure).kind()))
            .collect();
        let expected = [Some(ErrorKind::Unavailable), None, Some(ErrorKind::Denied)];
        assert_eq!(kinds, expected);
        assert!(batch_results(4, &answer).is_err());
    }
}
