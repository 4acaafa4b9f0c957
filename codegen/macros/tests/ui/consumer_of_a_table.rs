use ifc::prelude::*;

#[derive(Serialize, Deserialize, Item)]
struct Order {
    #[item(key)]
    id: String,
}

#[resource]
static ORDERS: Table<Order> = Table::new("orders");

#[consumer(ORDERS)]
async fn take(order: Order) {
    let _ = order;
}

fn main() {}
