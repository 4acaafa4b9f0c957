//! The official SDK crates as the oracle of `ifc-aws`; everything is in the tests.
