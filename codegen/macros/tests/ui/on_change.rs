use ifc::prelude::*;

#[derive(Serialize, Deserialize, Item)]
struct Order {
    #[item(key)]
    id: String,
}

#[resource]
static QUIET: Table<Order> = Table::new("quiet");

#[resource]
static ORDERS: Table<Order> = Table::new("orders").stream();

#[resource]
static JOBS: Queue<Order> = Queue::new("jobs");

#[on_change(QUIET)]
async fn without_a_stream(change: Change<Order>) {
    let _ = change.key;
}

#[on_change(ORDERS)]
async fn takes_the_item(order: Order) {
    let _ = order;
}

#[on_change(JOBS)]
async fn of_a_queue(change: Change<Order>) {
    let _ = change.key;
}

fn main() {}
