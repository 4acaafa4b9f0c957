//! The AWS provider, data half: what application code asks of queues, secrets and the rest becomes
//! signed calls of SQS, Secrets Manager and their sisters.
//!
//! Thin typed clients on `hyper`, because every user's function compiles, ships and
//! starts them. Nothing here deploys anything or knows another provider.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod aws;
pub mod entry;
pub mod envelope;
pub mod wiring;

mod bucket;
mod config;
mod event_bus;
mod function;
mod queue;
mod secret;
mod stream;
mod table;
mod topic;

mod batch;
mod cursor;
mod transport;

mod base64;
mod connection;
mod credentials;
mod cryptography;
mod date;
mod endpoint;
mod failure;
mod held;
mod percent;
mod signature;
mod xml;

pub use aws::Aws;
pub use ifc_runtime::by_hand;
pub use wiring::{WIRING_VARIABLE, Wiring};

/// The provider's word.
pub(crate) const PROVIDER: &str = "aws";

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod emulated;
