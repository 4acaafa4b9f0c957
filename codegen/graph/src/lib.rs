//! The validated graph of an `ifc` application: resources, units, triggers and bindings as plain
//! data, and what is wrong with them.
//!
//! [`build`] is a pure function of the descriptors found in an artifact. This crate names no
//! provider, reads no files but the schema it is compiled with, and renders nothing: findings are
//! [`Diagnostic`]s, for whoever has a terminal.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod build;
mod diagnostic;
mod model;

pub mod diagnostics;
pub mod suggest;
pub mod wire;

pub use build::build;
pub use diagnostic::{Diagnostic, Label, Severity};
pub use model::{
    Application, Binding, Graph, Handler, Resource, ResourceId, Source, Spec, Subscription,
    Trigger, Unit, UnitSort,
};

#[cfg(any(test, feature = "fixture"))]
pub mod fixture;
