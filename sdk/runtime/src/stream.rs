//! Operations of a stream. Consuming is not among them: it is a trigger, see [`crate::handler`].

use crate::{BoxFuture, Error, Target, TraceContext};

/// A record on its way into a stream.
#[derive(Clone, Debug)]
pub struct StreamRecord {
    /// Records of one key keep their order: 1 to 128 bytes.
    pub key: String,
    /// JSON, at most [`ifc_manifest::size::ASYNC_BODY_BYTES_MAX`] bytes.
    pub body: Vec<u8>,
    /// What caused it.
    pub trace: TraceContext,
}

/// What application code can do with a stream.
pub trait StreamOperations {
    /// Appends records, each on its own: the result has the event's id for each, in the order given.
    /// `Ok` means that the record is durable and will be delivered at least once to every consumer
    /// there is, after the records of its key that were acknowledged before, and after those that
    /// stand before it in `records`.
    ///
    /// The caller has checked sizes and keys against the contract.
    ///
    /// # Errors
    /// The outer result fails when nothing was accepted. After a record that was refused, those of
    /// its key are refused too, so that their order is kept.
    fn append<'a>(
        &'a self,
        stream: Target<'a>,
        records: Vec<StreamRecord>,
    ) -> BoxFuture<'a, Result<Vec<Result<String, Error>>, Error>>;
}
