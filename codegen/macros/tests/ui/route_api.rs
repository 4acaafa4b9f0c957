use ifc::prelude::*;

#[resource]
static ORDERS: Queue<u64> = Queue::new("orders");

#[get("/orders", api = ORDERS)]
async fn orders() {}

fn main() {}
