//! The validated graph of an ifc application: resources, units, triggers, diagnostics.
