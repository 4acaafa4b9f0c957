//! What an `ifc` application writes into its artifact, and how it is read back.
//!
//! Both planes share this crate: the application encodes [`mod@format`] records in const evaluation,
//! the tool and the runtime decode them. It holds the grammar of names, the specs, verbs and limits
//! of every kind, and nothing else: no I/O, no async, no provider.
//!
//! It has no dependencies, because every application compiles it.

pub mod format;

pub mod cron;
pub mod kind;
pub mod name;
pub mod size;

mod descriptor;

pub use descriptor::{
    Address, ApplicationDescriptor, Descriptor, DescriptorError, HandlerDescriptor,
    ResourceDescriptor, SourceSpan, Trigger,
};
pub use kind::{Kind, Verb};
