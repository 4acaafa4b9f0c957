//! Any bytes as a section of records, and as one encoded value.

use ifc_manifest::Descriptor;
use ifc_manifest::format::{decode, records};
use ifc_manifest::kind::edge::{Edge, EdgeSpec};

/// Reading them never panics.
pub fn check(bytes: &[u8]) {
    for record in records(bytes).flatten() {
        let _ = Descriptor::decode(&record);
    }
    if let Ok(value) = decode(bytes) {
        for edge in Edge::ALL {
            let _ = EdgeSpec::decode(edge.as_str(), &value);
        }
    }
}
