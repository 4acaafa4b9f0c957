use ifc::prelude::*;

#[resource]
static ORDERS: Queue<u64> = Queue::new("orders").lease(minutes(20));

fn main() {}
