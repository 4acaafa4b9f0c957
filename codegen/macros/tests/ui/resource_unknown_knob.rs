use ifc::prelude::*;

#[resource]
static ORDERS: Queue<u64> = Queue::new("orders").max_atempts(5);

fn main() {}
