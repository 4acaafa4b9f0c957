//! The engine under every fault that can be thought of, by seed.
//!
//! A run is a [`Scenario`]: parts that an application wants and how they change, what somebody else
//! does to them, and commands of which some are killed, stopped, suspended or raced while provider
//! and store fail. [`simulate`] carries it out on one thread in virtual time, so that a seed always
//! gives the same run; after every command, and once all is quiet, it checks what must hold.
//! [`shrink`] finds the smallest scenario that fails alike, and [`Scenario::to_source`] writes it
//! down as a test.
//!
//! Nothing of the engine is replaced: only what it takes from outside (provider, store, time,
//! chance) is simulated. [`Defect`]s show that the simulation would notice an engine, a store or a
//! provider that is broken.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod scenario;

mod application;
mod chance;
mod defect;
mod machine;
mod shrink;
mod simulate;
mod witness;
mod world;

pub use defect::Defect;
pub use scenario::Scenario;
pub use shrink::shrink;
pub use simulate::{Tally, Violation, simulate};
