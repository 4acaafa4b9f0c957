use ifc::prelude::*;

#[derive(Serialize, Deserialize, Item)]
struct Order {
    #[item(key)]
    id: String,
    customer: String,
    total_cents: u64,
}

#[resource]
static ORDERS: Table<Order> = Table::new("orders");

async fn change() -> Result<()> {
    ORDERS.update("o-1").set(Order::CUSTOMER, 7_u8).await?;
    ORDERS.update("o-1").increment(Order::CUSTOMER, 1).await?;
    ORDERS.update("o-1").set(Order::TOTAL, 7).await?;
    ORDERS.get(7).await?;
    ORDERS.transact().with(ORDERS.get("o-1")).await?;
    ORDERS.check("o-1").if_exists().await?;
    Ok(())
}

fn main() {}
