//! Attribute and derive macros of ifc.
