use ifc::prelude::*;

#[resource]
fn orders() {}

#[resource(name = "orders")]
static ORDERS: Secret = Secret::new("orders");

fn main() {}
