//! The engine: makes a stage equal to a blueprint, and survives being killed at any moment.
//!
//! It names no kind and no cloud, starts no tasks, reads no clock and prints nothing. Providers,
//! state stores, time and randomness come in through traits and values, so that a single thread
//! with a virtual clock can drive every interleaving.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod clock;
pub mod store;

pub use async_trait::async_trait;
pub use clock::{Clock, Timestamp, VirtualClock};
pub use store::{
    MemoryStore, Object, Precondition, StateStore, StoreError, StoreErrorKind, Version,
};

/// A boxed future that borrows what it was made from.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
