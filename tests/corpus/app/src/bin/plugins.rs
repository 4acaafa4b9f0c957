//! Code of the user that runs before `main`: what it can reach is lent to every unit.

fn main() {}
