//! The data-plane contract: what application code may ask of a provider at run time, and what a
//! provider needs to know of an application.
//!
//! Provider runtime halves implement [`Provider`]; the `ifc` crate calls it through typed handles.
//! Nothing here names a cloud, deploys anything, or opens a socket.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod access;
pub mod application;
pub mod bucket;
pub mod by_hand;
pub mod change;
pub mod config;
pub mod environment;
pub mod error;
pub mod event;
pub mod event_bus;
pub mod function;
pub mod handler;
pub mod http;
pub mod intercept;
pub mod json;
pub mod log;
pub mod permissions;
pub mod queue;
pub mod secret;
pub mod settings;
pub mod state;
pub mod stream;
pub mod table;
pub mod topic;

mod provider;

pub use access::{Grant, Operation, Resource, grant};
pub use application::Application;
pub use environment::{Environment, Invocation};
pub use error::{Error, ErrorKind, HandlerError, Result};
pub use event::{Delivery, Outcome, TraceContext};
pub use provider::{BoxFuture, Clock, Provider, SystemClock, Target};
pub use settings::Settings;

/// The axum that the contract's HTTP types come from.
pub use axum;
