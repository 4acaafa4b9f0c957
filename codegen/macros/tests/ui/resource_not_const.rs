use ifc::prelude::*;

fn name() -> &'static str {
    "orders"
}

#[resource]
static ORDERS: Queue<u64> = Queue::new(name());

fn main() {}
