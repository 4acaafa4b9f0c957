//! Queues: messages go to SQS in as few calls as its limits allow.

use crate::aws::{Aws, named};
use crate::batch::{Limits, in_batches, results_by_id};
use crate::envelope;
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
            let results = self.send_to(name, messages).await?;
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
    /// Leaves messages in the queue of this name, in their order, in as many calls as it takes.
    pub(crate) async fn send_to(
        &self,
        name: &str,
        messages: Vec<OutgoingMessage>,
    ) -> Result<Vec<Result<Sent, Error>>, Error> {
        let url = &self.queue_url(name);
        let entries = messages.into_iter().map(entry);
        let entries: Vec<Entry> = entries.collect::<Result<_, Error>>()?;
        let call = |batch: &'_ [Entry]| {
            let inputs: Vec<Value> = batch.iter().enumerate().map(input).collect();
            let request = json!({ "QueueUrl": url, "Entries": inputs });
            let count = batch.len();
            async move {
                let call =
                    self.transport
                        .json(&SQS, "SendMessageBatch", &request, Repeat::Harmless);
                results_by_id(count, &call.await?)
            }
        };
        let results = in_batches(&entries, Limits::MESSAGES, |e| e.text.len(), call).await?;
        let sent =
            |(entry, result): (Entry, Result<(), Error>)| result.map(|()| Sent { id: entry.id });
        Ok(entries.into_iter().zip(results).map(sent).collect())
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
