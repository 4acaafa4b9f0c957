//! The engine's behaviour over the life of a stage, on a small provider in memory: one file per
//! scenario.

#![allow(clippy::unwrap_used)]

mod support;

mod bad_answers;
mod create;
mod drift;
mod kill;
mod partial;
mod replace;
mod store_faults;
mod update;
