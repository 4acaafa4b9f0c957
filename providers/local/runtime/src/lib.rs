//! The embedded local provider of ifc: durable queues, tables, schedules and secrets in one
//! directory.
//!
//! [`Local`] implements the data-plane contract over one embedded store. It does nothing by
//! itself; a driver moves events along: the live server behind `ifc::main!()`, or the test kit in
//! virtual time. [`offline`] looks into a data directory when no application runs.
//!
//! It knows no graph, no plan and no other provider.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod entry;
mod live;
mod server;

mod adversary;
mod simulation;

mod local;
mod operations;

mod drive;
mod inspect;
mod invoke;
pub mod offline;
pub mod report;

mod bucket;
mod catalog;
mod config;
pub mod cron;
mod prepare;
mod queue;
mod removal;
mod schedule;
mod secret;
mod stream;
mod table;

mod message;
mod moment;
mod names;
mod percent;
mod store;

#[cfg(test)]
mod test_support;

pub use adversary::{Adversary, Disturbed, Unkindness};
pub use config::ConfigStatus;
pub use drive::Lease;
pub use ifc_runtime::settings;
pub use inspect::Record;
pub use local::{Edge, EdgeId, EdgeKind, Local};
pub use queue::{DeadLetter, Depth, Finished, Peeked, PeekedState, Receipt};
pub use removal::Removal;
pub use secret::SecretStatus;
pub use simulation::{Observer, Simulation, VirtualTime};
pub use store::{Fsync, OpenError, Storage};
