//! The deploy half of the local provider: a stage is a directory, its parts are files in it, and its
//! data lies beside them. Planning, applying, drifting and destroying work on a laptop as they do
//! on a cloud, with the same engine.
//!
//! [`lower`] is the pure function from a graph to parts; [`Stage`] makes them, changes them and
//! removes them together with their data. It runs no application: `ifc serve` runs what is deployed.
//!
//! It knows the data plane's directory through the runtime half alone.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod artifact;
mod data;
mod lowering;
mod parts;
mod stage;

/// What a stage has otherwise than the code says, for the program that runs on it.
pub use ifc_local::settings;

pub use artifact::{Artifact, ArtifactError};
pub use lowering::{LoweringError, lower};
pub use stage::Stage;

/// The provider's word.
pub const PROVIDER: &str = "local";
