//! From values to text. Nothing here prints.

pub(crate) mod diagnostic;
pub(crate) mod fingerprint;
pub(crate) mod graph;
pub(crate) mod log;
pub(crate) mod outcome;
pub(crate) mod permissions;
pub(crate) mod plan;
pub(crate) mod reason;
pub(crate) mod stage;
pub(crate) mod summary;
