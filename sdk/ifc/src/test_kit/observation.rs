//! What happens in a test is written down, and what dies forgets.

use super::lock;
use super::trace::{TraceEntry, TraceEvent};
use ifc_local::{Edge, Lease, Local, Observer};
use ifc_manifest::Verb;
use ifc_runtime::{Environment, Invocation, Outcome, Target, TraceContext};
use std::sync::{Arc, Mutex};

/// Writes down every operation and every delivery.
pub(super) struct Observation {
    pub(super) local: Arc<Local>,
    pub(super) trace: Arc<Mutex<Vec<TraceEntry>>>,
}

impl Observer for Observation {
    fn delivered(&self, edge: &Edge, leases: &[Lease], outcomes: Option<&[Outcome]>) {
        let mut trace = lock(&self.trace);
        for (position, lease) in leases.iter().enumerate() {
            let delivery = &lease.delivery;
            trace.push(TraceEntry {
                time: self.local.now(),
                unit: Some(edge.unit.clone()),
                trace_id: delivery.trace.trace_id,
                cause: Some(delivery.trace.parent_id),
                event: TraceEvent::Delivery {
                    source: edge.source.clone(),
                    event_id: delivery.id.clone(),
                    attempt: delivery.attempt,
                    outcome: outcomes.and_then(|outcomes| outcomes.get(position).cloned()),
                },
            });
        }
    }

    fn died(&self, _: &str) {
        if let Ok(environment) = Environment::current() {
            environment.states.forget();
        }
    }

    fn operated(&self, target: Target<'_>, verb: Verb, succeeded: bool) {
        let invocation = Invocation::current();
        let trace = invocation
            .as_ref()
            .map_or_else(TraceContext::root, |invocation| invocation.trace);
        lock(&self.trace).push(TraceEntry {
            time: self.local.now(),
            unit: invocation
                .as_ref()
                .map(|invocation| invocation.unit.to_string()),
            trace_id: trace.trace_id,
            cause: invocation.map(|invocation| invocation.trace.parent_id),
            event: TraceEvent::Operation {
                resource: target.name.to_owned(),
                verb: verb.to_string(),
                succeeded,
            },
        });
    }
}
