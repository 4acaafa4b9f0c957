//! The portable contract as a test suite that every provider runs.
//!
//! A provider's tests implement [`Harness`] and call [`run`]; the suite declares applications of
//! its own, drives them through the operations traits of `ifc_runtime`, and says for every clause
//! of the contract whether it holds. What a provider lacks by the support tables is exempt with
//! the table's reason: a clause is never passed silently, and there is no other list.
//!
//! The suite knows no provider. Clauses tolerate what the contract tolerates (an event delivered
//! twice, an index that is behind), so that real clouds can be held to them as well.
//!
//! State stores have a suite of their own, [`try_store`], and [`FaultyStore`] makes of any of them
//! one that fails by a seed.
//!
//! One file per kind, named as everywhere; each begins with its list of clauses.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod harness;
mod report;
mod runner;

mod declare;
mod pieces;
mod script;
mod trial;

mod bucket;
mod config;
mod event_bus;
mod function;
mod http_api;
mod queue;
mod schedule;
mod secret;
mod stream;
mod table;
mod topic;

mod state_store;

mod clause;

pub use clause::{Clause, clauses};
pub use harness::{DeadLetter, Failure, Harness, Stage, Time};
pub use report::{Report, Row, Verdict};
pub use runner::{run, run_only};
pub use state_store::{
    FaultyStore, OpenStore, StoreClause, StoreFaults, StoreReport, store_clauses, try_store,
};
