use ifc::prelude::*;

#[resource]
static ORDERS: Queue<u64> = Queue::new("orders");

async fn submit() -> Result<()> {
    ORDERS.send(&"one").await?;
    Ok(())
}

#[consumer(ORDERS)]
async fn take(order: String) {
    let _ = order;
}

fn main() {}
