use ifc::prelude::*;

#[resource]
static ORDERS: Queue<u64> = Queue::new("orders");

#[consumer(ORDERS, batch = 11)]
async fn too_many(order: Batch<u64>) {
    let _ = order;
}

#[resource]
static LETTERS: Queue<u64> = Queue::new("letters");

#[consumer(LETTERS, bach = 10)]
async fn misspelt(order: Batch<u64>) {
    let _ = order;
}

#[consumer]
async fn of_nothing(order: u64) {
    let _ = order;
}

#[consumer(LETTERS)]
async fn without_argument() {}

fn main() {}
