use ifc::prelude::*;

#[resource]
static ORDERS: Queue<u64> = Queue::new("Order_Items");

fn main() {}
