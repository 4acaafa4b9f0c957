//! What crosses the process boundary: the graph and its findings as JSON.
//!
//! These types are the published format, `schema/graph.schema.json`; they are converted by hand
//! from the crate's own types, so that a change there cannot change the format by accident. Equal
//! graphs give byte-equal JSON.

mod finding;
mod graph;

pub use finding::{FindingJson, LabelJson, PlaceJson, findings};
pub use graph::{GraphJson, graph};

/// Version of the format: raised when a key is removed or changes its meaning.
pub const VERSION: u32 = 1;

/// The published JSON schema of [`GraphJson`].
pub const GRAPH_SCHEMA: &str = include_str!("../schema/graph.schema.json");
