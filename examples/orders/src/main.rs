//! Orders: an HTTP API over a table, a queue with its consumer, a topic with two subscribers, a
//! bucket whose new objects are events, a daily schedule and a secret.

mod model;
#[cfg(test)]
mod tests;

use ifc::axum::response::Redirect;
use ifc::prelude::*;
use ifc::{Cursor, Page};
use model::{Charge, NewOrder, Order, OrderEvent, Receipt, Spent, Status, WAITING};
use std::time::UNIX_EPOCH;

// ANCHOR: resources
#[resource]
pub static ORDERS: Table<Order> = Table::new("orders");

/// Orders that wait for their fulfilment. After 5 attempts an order goes to the dead letters.
#[resource]
pub static FULFILMENT: Queue<Order> = Queue::new("fulfilment").lease(seconds(60)).max_attempts(5);

/// What happened to orders, for whoever is interested.
#[resource]
pub static ORDER_EVENTS: Topic<OrderEvent> = Topic::new("order-events");

/// What each customer has spent, order by order: a view that events keep up to date.
#[resource]
pub static SPENDING: Table<Spent> = Table::new("spending");

#[resource]
pub static RECEIPTS: Bucket = Bucket::new("receipts");

#[resource]
pub static PAYMENT_KEY: Secret = Secret::new("payment-key");
// ANCHOR_END: resources

/// Days after which an unpaid order disappears.
#[resource]
pub static KEEP_DAYS: Config<u64> = Config::new("keep-days").default_json("30");

// ANCHOR: submit
#[post("/orders")]
async fn submit(Json(new): Json<NewOrder>) -> Result<(StatusCode, Json<Order>)> {
    if new.total_cents == 0 {
        return Err(HandlerError::bad_request("an order has a total"));
    }
    let now = now();
    let order = Order {
        id: new.id,
        customer: new.customer,
        placed_at: now,
        total_cents: new.total_cents,
        status: Status::Placed,
        waiting: Some(WAITING.to_owned()),
        expires_at: Some(now + KEEP_DAYS.get().await? * 86_400),
    };
    ORDERS.put(&order).if_not_exists().await.map_err(|error| {
        if error.is_conflict() {
            HandlerError::conflict(format!("there is an order `{}` already", order.id))
        } else {
            error.into()
        }
    })?;
    FULFILMENT.send(&order).id(&order.id).await?;
    announce(&order, "placed").await?;
    Ok((StatusCode::CREATED, Json(order)))
}
// ANCHOR_END: submit

#[get("/orders/{id}")]
async fn read(Path(id): Path<String>) -> Result<Json<Order>> {
    match ORDERS.get(&id).await? {
        Some(order) => Ok(Json(order)),
        None => Err(HandlerError::not_found(format!("no order `{id}`"))),
    }
}

#[derive(Deserialize)]
struct Listing {
    customer: String,
    after: Option<Cursor>,
}

#[derive(Serialize)]
struct Orders {
    orders: Vec<Order>,
    next: Option<Cursor>,
}

#[get("/orders")]
async fn list(Query(listing): Query<Listing>) -> Result<Json<Orders>> {
    let mut query = ORDERS
        .query_index(Order::BY_CUSTOMER, &listing.customer)
        .descending()
        .limit(50);
    if let Some(cursor) = &listing.after {
        query = query.after(cursor);
    }
    let Page { items, cursor } = query.await?;
    Ok(Json(Orders {
        orders: items,
        next: cursor,
    }))
}

#[delete("/orders/{id}")]
async fn cancel(Path(id): Path<String>) -> Result<StatusCode> {
    match ORDERS.delete(&id).if_exists().await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) if error.is_conflict() => {
            Err(HandlerError::not_found(format!("no order `{id}`")))
        }
        Err(error) => Err(error.into()),
    }
}

// ANCHOR: fulfil
/// Takes the payment and marks the order. The message's id is the order's, so paying twice is
/// told apart by the order's status.
#[consumer(FULFILMENT, timeout = seconds(40))]
async fn fulfil(order: Order) -> Result<Outcome> {
    let Some(stored) = ORDERS.get(&order.id).await? else {
        return Ok(Outcome::dead_letter("the order was cancelled"));
    };
    if stored.status == Status::Fulfilled {
        // An earlier delivery may have got this far and no further.
        announce(&stored, "fulfilled").await?;
        return Ok(Outcome::Ack);
    }
    let receipt = charge::invoke(&Charge {
        customer: order.customer,
        cents: order.total_cents,
    })
    .await?;
    ORDERS
        .update(&order.id)
        .set(Order::STATUS, Status::Fulfilled)
        .remove(Order::WAITING)
        .remove(Order::EXPIRES_AT)
        .await?;
    tracing::info!(order = order.id, receipt = receipt.number, "fulfilled");
    announce(&stored, "fulfilled").await?;
    Ok(Outcome::Ack)
}
// ANCHOR_END: fulfil

/// Tells everyone who is interested. The id is the same when a message is handled twice.
async fn announce(order: &Order, kind: &str) -> Result<()> {
    let event = OrderEvent {
        order: order.id.clone(),
        customer: order.customer.clone(),
        total_cents: order.total_cents,
    };
    ORDER_EVENTS
        .publish(&event)
        .id(format!("{}-{kind}", order.id))
        .attribute("kind", kind)
        .await?;
    Ok(())
}

// ANCHOR: subscribers
/// Keeps the view of what customers have spent. It says the same however often it is told.
#[subscriber(ORDER_EVENTS, filter = attribute("kind").any_of(&["fulfilled"]))]
async fn account(event: OrderEvent) -> Result<()> {
    let spent = Spent {
        customer: event.customer,
        order: event.order,
        cents: event.total_cents,
    };
    SPENDING.put(&spent).await?;
    Ok(())
}

/// Writes the receipt. Written twice, it is the same receipt.
#[subscriber(ORDER_EVENTS, filter = attribute("kind").any_of(&["fulfilled"]))]
async fn write_receipt(event: OrderEvent) -> Result<()> {
    let text = format!(
        "Order {}\nCustomer {}\nTotal {}.{:02}\n",
        event.order,
        event.customer,
        event.total_cents / 100,
        event.total_cents % 100
    );
    RECEIPTS
        .put(receipt_key(&event.order), text)
        .content_type("text/plain")
        .await?;
    Ok(())
}
// ANCHOR_END: subscribers

// ANCHOR: receipts
/// Tells the customer that the receipt is there.
#[on_created(RECEIPTS, suffix = ".txt")]
async fn tell(created: ObjectCreated) -> Result<()> {
    tracing::info!(
        receipt = created.key,
        bytes = created.size,
        "your receipt is ready"
    );
    Ok(())
}

/// Sends the browser to the receipt, at an address that is good for five minutes.
#[get("/orders/{id}/receipt")]
async fn receipt(Path(id): Path<String>) -> Result<Redirect> {
    let key = receipt_key(&id);
    if RECEIPTS.head(&key).await?.is_none() {
        return Err(HandlerError::not_found(format!(
            "no receipt for order `{id}`"
        )));
    }
    let url = RECEIPTS.presign_get(&key).expires_in(minutes(5)).await?;
    Ok(Redirect::to(&url))
}
// ANCHOR_END: receipts

/// A customer chooses the identifiers of orders, and not every one can be a part of a key: what
/// cannot is written as its code, so that two orders never share a receipt.
fn receipt_key(order: &str) -> String {
    let mut key = "receipts/".to_owned();
    for character in order.chars() {
        match character.is_ascii_alphanumeric() || character == '-' {
            true => key.push(character),
            false => key.push_str(&format!("_{:x}_", u32::from(character))),
        }
    }
    key + ".txt"
}

#[derive(Serialize)]
struct Spending {
    orders: usize,
    cents: u64,
}

#[get("/customers/{customer}/spending")]
async fn spending(Path(customer): Path<String>) -> Result<Json<Spending>> {
    let spent = SPENDING.query(&customer).all().await?;
    Ok(Json(Spending {
        orders: spent.len(),
        cents: spent.iter().map(|spent| spent.cents).sum(),
    }))
}

/// Talks to the payment service: the only unit that may read its key.
#[function(timeout = seconds(10))]
async fn charge(charge: Charge) -> Result<Receipt> {
    let key = PAYMENT_KEY.get().await?;
    let signature = key.expose()?.bytes().fold(charge.cents, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    Ok(Receipt {
        number: format!("{}-{signature:016x}", charge.customer),
    })
}

// ANCHOR: nightly
/// Every night, sends orders that are still not fulfilled once more.
#[schedule("0 3 * * *", tz = "Europe/Rome")]
async fn nightly() -> Result<()> {
    let waiting = ORDERS.query_index(Order::BY_WAITING, WAITING).all().await?;
    for order in &waiting {
        FULFILMENT.send(order).id(&order.id).await?;
    }
    tracing::info!(orders = waiting.len(), "sent again");
    Ok(())
}
// ANCHOR_END: nightly

/// Epoch seconds by the provider's clock, which is virtual in tests.
fn now() -> u64 {
    ifc::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

ifc::main!();
