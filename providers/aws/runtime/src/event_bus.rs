//! Buses: CloudEvents go to EventBridge, type and source in its own words, the rest in the detail.

use crate::aws::{Aws, named};
use crate::batch::{Limits, in_batches, results_in_order};
use crate::envelope::{field_name, seal_with_fields};
use crate::transport::{Repeat, Service};
use crate::wiring;
use ifc_manifest::kind::event_bus::PUT;
use ifc_runtime::event::random_id;
use ifc_runtime::event_bus::{EventBusOperations, OutgoingEvent};
use ifc_runtime::{BoxFuture, Error, ErrorKind, Target};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::SystemTime;

pub(crate) const EVENT_BRIDGE: Service = Service {
    name: "events",
    target: "AWSEvents",
    json: "1.1",
};

/// An event that is ready to be put.
struct Entry {
    id: String,
    event_type: String,
    source: String,
    /// Seconds since 1970. To the millisecond it is in the detail.
    time: u64,
    detail: String,
}

impl EventBusOperations for Aws {
    fn put_events<'a>(
        &'a self,
        bus: Target<'a>,
        events: Vec<OutgoingEvent>,
    ) -> BoxFuture<'a, Result<Vec<Result<String, Error>>, Error>> {
        named(bus, PUT, async move {
            let wiring = &self.wiring.buses;
            let name = wiring::find(wiring, "event bus", &self.application, bus)?;
            let entries = events.into_iter().map(entry);
            let entries: Vec<Entry> = entries.collect::<Result<_, Error>>()?;
            let call = |batch: &[Entry]| {
                let inputs: Vec<Value> = batch.iter().map(|entry| input(name, entry)).collect();
                let count = batch.len();
                async move {
                    let request = json!({ "Entries": inputs });
                    let call =
                        self.transport
                            .json(&EVENT_BRIDGE, "PutEvents", &request, Repeat::Harmless);
                    let accepted = |entry: &Value| entry["EventId"].as_str().map(|_| ());
                    results_in_order(count, &call.await?, "Entries", accepted)
                }
            };
            let results = in_batches(&entries, Limits::MESSAGES, bytes, call).await?;
            let put = |(entry, result): (Entry, Result<(), Error>)| {
                result
                    .map(|()| entry.id)
                    .map_err(|error| error.on(bus, PUT))
            };
            Ok(entries.into_iter().zip(results).map(put).collect())
        })
    }
}

fn entry(event: OutgoingEvent) -> Result<Entry, Error> {
    let id = event.id.unwrap_or_else(random_id);
    let mut fields = BTreeMap::new();
    for (path, value) in event.fields {
        fields.insert(field_name(&path), value);
    }
    let attributes = event.context.to_attributes();
    let detail = seal_with_fields(&id, event.trace, &attributes, fields, &event.data)
        .ok_or_else(|| Error::new(ErrorKind::Invalid, "the data is no JSON"))?;
    let since_epoch = event.context.time.duration_since(SystemTime::UNIX_EPOCH);
    Ok(Entry {
        id,
        event_type: event.context.event_type,
        source: event.context.source,
        time: since_epoch.unwrap_or_default().as_secs(),
        detail,
    })
}

/// What EventBridge counts: the time as 14 bytes, and the texts.
fn bytes(entry: &Entry) -> usize {
    14 + entry.event_type.len() + entry.source.len() + entry.detail.len()
}

fn input(bus: &str, entry: &Entry) -> Value {
    json!({
        "EventBusName": bus,
        "Source": entry.source,
        "DetailType": entry.event_type,
        "Time": entry.time,
        "Detail": entry.detail,
    })
}
