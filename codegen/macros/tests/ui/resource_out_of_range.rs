use ifc::prelude::*;

#[resource]
static ORDERS: Queue<u64> = Queue::new("orders").lease(hours(20));

fn main() {}
