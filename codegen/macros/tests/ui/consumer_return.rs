use ifc::prelude::*;

#[resource]
static ORDERS: Queue<u64> = Queue::new("orders");

#[consumer(ORDERS)]
async fn take(order: u64) -> u64 {
    order
}

fn main() {}
