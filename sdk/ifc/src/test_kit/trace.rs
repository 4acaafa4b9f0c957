//! What happened in a test, and what caused it.

use ifc_runtime::Outcome;
use std::time::SystemTime;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct TraceEntry {
    /// Virtual time.
    pub time: SystemTime,
    /// The unit that did it or received it; `None` for the test itself.
    pub unit: Option<String>,
    /// Shared by everything that one request, schedule or operation of the test led to.
    pub trace_id: [u8; 16],
    /// The invocation that caused it, where there is one.
    pub cause: Option<[u8; 8]>,
    /// What happened.
    pub event: TraceEvent,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceEvent {
    /// The test sent a request.
    Request {
        /// Its method.
        method: String,
        /// Its path and query.
        path: String,
        /// The reply's status.
        status: u16,
    },
    /// An operation on a resource.
    Operation {
        /// The resource, as the application names it.
        resource: String,
        /// The verb.
        verb: String,
        /// Whether it succeeded.
        succeeded: bool,
    },
    /// An event was handed to a unit.
    Delivery {
        /// Where it came from.
        source: String,
        /// The event's id.
        event_id: String,
        /// Which delivery, from 1.
        attempt: u32,
        /// What the handler said; `None` when it crashed.
        outcome: Option<Outcome>,
    },
}

impl TraceEntry {
    /// As `orders.put`, `POST /orders` or `fulfilment → fulfil`.
    pub fn label(&self) -> String {
        match &self.event {
            TraceEvent::Request { method, path, .. } => format!("{method} {path}"),
            TraceEvent::Operation { resource, verb, .. } => format!("{resource}.{verb}"),
            TraceEvent::Delivery { source, .. } => {
                format!("{source} → {}", self.unit.as_deref().unwrap_or("?"))
            }
        }
    }
}

/// The history of a test.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    entries: Vec<TraceEntry>,
}

impl Trace {
    pub(super) fn new(entries: Vec<TraceEntry>) -> Trace {
        Trace { entries }
    }

    /// Everything, in the order in which it happened.
    pub fn entries(&self) -> &[TraceEntry] {
        &self.entries
    }

    /// What a unit did: its operations, as `orders.put`.
    pub fn operations_of(&self, unit: &str) -> Vec<String> {
        self.entries
            .iter()
            .filter(|entry| entry.unit.as_deref() == Some(unit))
            .filter(|entry| matches!(entry.event, TraceEvent::Operation { .. }))
            .map(TraceEntry::label)
            .collect()
    }

    /// The deliveries to a unit, also second copies and repeated ones.
    pub fn deliveries_to(&self, unit: &str) -> Vec<&TraceEntry> {
        self.entries
            .iter()
            .filter(|entry| entry.unit.as_deref() == Some(unit))
            .filter(|entry| matches!(entry.event, TraceEvent::Delivery { .. }))
            .collect()
    }

    /// The ids of the events that were delivered to a unit, each once, in the order of their first
    /// delivery.
    pub fn events_to(&self, unit: &str) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        for entry in self.deliveries_to(unit) {
            if let TraceEvent::Delivery { event_id, .. } = &entry.event
                && !ids.contains(event_id)
            {
                ids.push(event_id.clone());
            }
        }
        ids
    }

    /// Whether something labelled `cause` led to something labelled `effect`: both happened in one
    /// trace. Labels are those of [`TraceEntry::label`], for example
    /// `led_to("POST /orders", "orders.update")`.
    pub fn led_to(&self, cause: &str, effect: &str) -> bool {
        self.entries
            .iter()
            .filter(|entry| entry.label() == cause)
            .any(|first| {
                self.entries
                    .iter()
                    .any(|entry| entry.trace_id == first.trace_id && entry.label() == effect)
            })
    }
}
