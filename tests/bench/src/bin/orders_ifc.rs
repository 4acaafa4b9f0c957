//! Taking orders with our handles: a durable put, a durable send, and a consumer.

use ifc::prelude::*;

#[derive(Serialize, Deserialize, Item)]
struct Order {
    #[item(key)]
    id: String,
    #[item(index = "by-customer")]
    customer: String,
    total_cents: u64,
}

#[resource]
static API: HttpApi = HttpApi::new("api").access_log(false);

#[resource]
static ORDERS: Table<Order> = Table::new("orders");

#[resource]
static FULFILMENT: Queue<Order> = Queue::new("fulfilment");

#[get("/hello", api = API)]
async fn hello() {}

#[post("/orders", api = API)]
async fn submit(Json(order): Json<Order>) -> Result<Json<Order>> {
    ORDERS.put(&order).await?;
    FULFILMENT.send(&order).await?;
    Ok(Json(order))
}

#[consumer(FULFILMENT, batch = 10)]
async fn fulfil(orders: Batch<Order>) {
    std::hint::black_box(orders);
}

ifc::main!();
