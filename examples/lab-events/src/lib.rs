//! What the services of the laboratory tell each other: the bus and the types of its events.

use ifc::prelude::*;

// ANCHOR: events
/// A sample has arrived at the laboratory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, BusEvent)]
#[event(type = "sample.received")]
pub struct SampleReceived {
    pub sample: String,
    /// Where it was taken; rules can match it.
    pub site: String,
    /// What is to be looked for.
    pub test: String,
}

/// The bus of the laboratory. `lab-fulfilment` owns it; everyone else refers to it.
#[resource]
pub static LAB_EVENTS: EventBus = EventBus::new("lab-events")
    .filterable(&["data.site"])
    .owned_by("lab-fulfilment");
// ANCHOR_END: events
