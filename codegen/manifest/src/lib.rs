//! What an `ifc` application writes into its artifact, and how it is read back.
//!
//! Both planes share this crate: the application encodes [`mod@format`] records in const evaluation,
//! the tool and the runtime decode them. It holds the grammar of names, the specs and verbs of every
//! kind, and the tables of what each provider supports. It knows no provider's API: no I/O, no async.
//!
//! It has no dependencies, because every application compiles it.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod format;

pub mod capability;
pub mod cron;
pub mod kind;
pub mod limit;
pub mod name;
pub mod provider;
pub mod size;
pub mod suggest;
pub mod support;

mod descriptor;

pub use descriptor::{
    Address, ApplicationDescriptor, Descriptor, DescriptorError, HandlerDescriptor,
    ResourceDescriptor, SourceSpan, Trigger,
};
pub use kind::{Kind, Verb};
pub use provider::{ProviderId, Targets};
