//! The `ifc` command.
fn main() {}
