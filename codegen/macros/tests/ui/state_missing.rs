use ifc::prelude::*;

struct Rates;

#[resource]
static ORDERS: Queue<u64> = Queue::new("orders");

#[consumer(ORDERS)]
async fn take(order: u64, rates: State<Rates>) {
    let _ = (order, rates);
}

#[resource]
static LETTERS: Queue<u64> = Queue::new("letters");

#[consumer(LETTERS)]
async fn other(order: u64, extra: String) {
    let _ = (order, extra);
}

fn main() {}
