use ifc::prelude::*;

static ORDERS: Queue<u64> = Queue::new("orders");

async fn submit() -> Result<()> {
    ORDERS.send(&1).await?;
    Ok(())
}

fn main() {}
