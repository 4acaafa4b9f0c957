//! The AWS provider, deploy half: what a graph becomes on AWS, and how it is made, changed, read and
//! removed there.
//!
//! A part is a CloudFormation resource: its type, its properties and its outputs have the names and
//! shapes that AWS documents for CloudFormation, so that lowering, emitters and the calls of the SDK
//! share one public vocabulary. Nothing here runs in an application.
//!
//! The command line asks for an [`Account`] and hands it to [`Aws`], the engine's provider.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod catalog;
pub mod deployer;
pub mod emit;
mod json;
pub mod lowering;
pub mod naming;
pub mod operate;
pub mod package;
pub mod policy;
pub mod state_bucket;
pub mod wiring;

pub use lowering::{LoweringError, PROVIDER, lower};
pub use naming::Context;

mod account;
mod discover;
mod looks;
mod parts;
mod preflight;
mod provider;

#[cfg(test)]
mod emulated;
#[cfg(test)]
mod published;

pub use account::{Account, AccountError, AccountSettings};
pub use provider::Aws;
