//! The engine's behaviour over the life of a stage, on a small provider in memory: one file per
//! scenario.

#![allow(clippy::unwrap_used)]

mod support;

mod adopt;
mod announce;
mod bad_answers;
mod create;
mod damage;
mod drift;
mod kill;
mod newer;
mod operations;
mod partial;
mod preflight;
mod random;
mod rename;
mod replace;
mod retain;
mod stale;
mod stop;
mod store_faults;
mod two_engines;
mod update;
