use ifc::prelude::*;

#[resource]
static ORDERS: Secret = Secret::new("a");

#[resource]
static ORDERS: Secret = Secret::new("b");

fn main() {}
