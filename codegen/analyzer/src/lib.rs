//! Reads the graph of an ifc application out of its compiled artifact.
