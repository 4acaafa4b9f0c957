//! The local provider through its public surface: what changes between runs, what goes wrong, and
//! what the command line sees. The contract itself is checked by `conformance`.

#![allow(clippy::unwrap_used)]

mod bodies;
mod changes;
mod declare;
mod driving;
mod invoking;
mod kill;
mod offline;
mod secrets;
