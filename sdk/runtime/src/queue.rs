//! Operations of a queue. Consuming is not among them: it is a trigger, see [`crate::handler`].

use crate::{BoxFuture, Error, Target, TraceContext};
use std::collections::BTreeMap;
use std::time::Duration;

/// A message on its way into a queue.
#[derive(Clone, Debug)]
pub struct OutgoingMessage {
    /// The event's id; the provider makes one when absent.
    pub id: Option<String>,
    /// JSON, at most [`ifc_manifest::size::ASYNC_BODY_BYTES_MAX`] bytes.
    pub body: Vec<u8>,
    /// Attributes for the consumer.
    pub attributes: BTreeMap<String, String>,
    /// Group within which a fifo queue keeps the order.
    pub group: Option<String>,
    /// Earliest time of the first delivery, from now.
    pub delay: Duration,
    /// What caused it.
    pub trace: TraceContext,
}

/// A message that the provider has durably accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The event's id.
    pub id: String,
}

/// What application code can do with a queue.
pub trait QueueOperations {
    /// Puts messages into `queue`, each on its own: the result has one entry per message, in the
    /// order given. `Ok` means that the message is durable and will be delivered at least once.
    ///
    /// The caller has checked sizes, ids, groups and delays against the contract.
    ///
    /// # Errors
    /// The outer result fails when nothing was accepted.
    fn send<'a>(
        &'a self,
        queue: Target<'a>,
        messages: Vec<OutgoingMessage>,
    ) -> BoxFuture<'a, Result<Vec<Result<Sent, Error>>, Error>>;
}
