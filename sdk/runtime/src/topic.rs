//! Operations of a topic. Subscribing is not among them: it is a trigger, see [`crate::handler`].

use crate::{BoxFuture, Error, Target, TraceContext};
use std::collections::BTreeMap;

/// A message on its way to the subscribers of a topic.
#[derive(Clone, Debug)]
pub struct TopicMessage {
    /// The event's id, the same at every subscriber; the provider makes one when absent.
    pub id: Option<String>,
    /// JSON, at most [`ifc_manifest::size::ASYNC_BODY_BYTES_MAX`] bytes.
    pub body: Vec<u8>,
    /// Attributes, which filters look at.
    pub attributes: BTreeMap<String, String>,
    /// Group within which a fifo topic keeps the order.
    pub group: Option<String>,
    /// What caused it.
    pub trace: TraceContext,
}

/// What application code can do with a topic.
pub trait TopicOperations {
    /// Publishes messages, each on its own: the result has one entry per message, in the order
    /// given, with the event's id. `Ok` means that the message is durable and will be delivered at
    /// least once to every subscription that exists now and whose filter it passes.
    ///
    /// The caller has checked sizes, ids, groups and attributes against the contract.
    ///
    /// # Errors
    /// The outer result fails when nothing was accepted.
    fn publish<'a>(
        &'a self,
        topic: Target<'a>,
        messages: Vec<TopicMessage>,
    ) -> BoxFuture<'a, Result<Vec<Result<String, Error>>, Error>>;
}
