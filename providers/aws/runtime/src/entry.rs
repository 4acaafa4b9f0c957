//! What `ifc::main!()` runs where Lambda starts the program: one unit of the application, which
//! invocation after invocation is handed an event, until Lambda ends the process.
//!
//! Events of every shape become requests and deliveries here, and what handlers say becomes what
//! each source understands. Knows nothing of deploying, and nothing of what handlers do.

mod event;
mod http;
mod memory;
mod message;
mod record;
mod settle;
mod unit;

#[cfg(test)]
mod tests;

pub use unit::{Context, Failed, Unit};
