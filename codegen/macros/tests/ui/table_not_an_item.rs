use ifc::prelude::*;

#[derive(Serialize, Deserialize)]
struct Order {
    id: String,
}

#[resource]
static ORDERS: Table<Order> = Table::new("orders");

fn main() {}
