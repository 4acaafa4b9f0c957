//! The application in a cloud of its own, in virtual time.

use crate::model::{NewOrder, Order, Status};
use crate::{FULFILMENT, ORDERS, PAYMENT_KEY, RECEIPTS, receipt_key};
use ifc::test_kit::{TestCloud, TestReply};
use ifc::{days, hours, minutes};
use serde_json::{Value, json};

async fn place(cloud: &TestCloud, id: &str) -> TestReply {
    let order = NewOrder {
        id: id.to_owned(),
        customer: "ada".to_owned(),
        total_cents: 1_250,
    };
    cloud.http().post("/orders").json(&order).await
}

// ANCHOR: fulfilled
#[ifc::test]
async fn a_placed_order_is_fulfilled(cloud: TestCloud) {
    cloud.set_secret(&PAYMENT_KEY, "k-123").await;

    assert_eq!(place(&cloud, "o-1").await.status(), 201);
    assert_eq!(cloud.queue(&FULFILMENT).len(), 1);
    cloud.settle().await;

    let order = ORDERS.get("o-1").await.unwrap().unwrap();
    assert_eq!(order.status, Status::Fulfilled);
    assert!(cloud.queue(&FULFILMENT).is_empty());
    assert!(cloud.trace().led_to("POST /orders", "orders.update"));
    // Deliveries may come twice, so a charge is not always the only one.
    let mut charge = cloud.trace().operations_of("charge");
    charge.dedup();
    assert_eq!(charge, ["payment-key.read"]);
}
// ANCHOR_END: fulfilled

#[ifc::test]
async fn events_keep_the_customers_spending(cloud: TestCloud) {
    cloud.set_secret(&PAYMENT_KEY, "k-123").await;
    place(&cloud, "o-1").await;
    place(&cloud, "o-2").await;
    cloud.settle().await;

    let reply = cloud.http().get("/customers/ada/spending").await;
    assert_eq!(
        reply.json::<Value>(),
        json!({ "orders": 2, "cents": 2_500 })
    );
    assert!(cloud.trace().led_to("POST /orders", "spending.put"));
    // The filter lets only the events of fulfilled orders through.
    assert_eq!(cloud.trace().events_to("account").len(), 2);
}

#[ifc::test]
async fn a_fulfilled_order_has_a_receipt(cloud: TestCloud) {
    cloud.set_secret(&PAYMENT_KEY, "k-123").await;
    place(&cloud, "o-1").await;
    let early = cloud.http().get("/orders/o-1/receipt").await;
    assert_eq!(early.status(), 404);
    cloud.settle().await;

    assert_eq!(cloud.bucket(&RECEIPTS).keys(), ["receipts/o-1.txt"]);
    assert!(!cloud.trace().events_to("tell").is_empty());
    let sent = cloud.http().get("/orders/o-1/receipt").await;
    assert_eq!(sent.status(), 303);
    let url = sent.header("location").unwrap().to_owned();
    let receipt = cloud.fetch(&url).await;
    assert_eq!(receipt.text(), "Order o-1\nCustomer ada\nTotal 12.50\n");
    cloud.advance(minutes(6)).await;
    assert_eq!(cloud.fetch(&url).await.status(), 403);
}

#[ifc::test]
async fn no_identifier_reaches_another_orders_receipt(_: TestCloud) {
    let keys = ["a.b", "a_b", "a_2e_b", "../a", "a/b", "ä"].map(receipt_key);
    for (position, key) in keys.iter().enumerate() {
        assert!(!keys[..position].contains(key), "{key}");
        RECEIPTS.put(key, "x").await.unwrap();
    }
}

#[ifc::test]
async fn an_id_is_taken_once(cloud: TestCloud) {
    assert_eq!(place(&cloud, "o-1").await.status(), 201);
    let reply = place(&cloud, "o-1").await;
    assert_eq!(reply.status(), 409);
    assert_eq!(
        reply.json::<Value>(),
        json!({ "error": "there is an order `o-1` already" })
    );
    assert_eq!(cloud.queue(&FULFILMENT).len(), 1);
}

#[ifc::test]
async fn orders_are_listed_by_customer_newest_first(cloud: TestCloud) {
    for id in ["o-1", "o-2", "o-3"] {
        place(&cloud, id).await;
        cloud.advance(minutes(1)).await;
    }
    let reply = cloud.http().get("/orders?customer=ada").await;
    let ids: Vec<Value> = reply.json::<Value>()["orders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|order| order["id"].clone())
        .collect();
    assert_eq!(ids, ["o-3", "o-2", "o-1"]);
    let none = cloud.http().get("/orders?customer=grace").await;
    assert_eq!(none.json::<Value>(), json!({ "orders": [], "next": null }));
}

#[ifc::test]
async fn a_cancelled_order_is_gone(cloud: TestCloud) {
    place(&cloud, "o-1").await;
    assert_eq!(cloud.http().delete("/orders/o-1").await.status(), 204);
    assert_eq!(cloud.http().get("/orders/o-1").await.status(), 404);
    assert_eq!(cloud.http().delete("/orders/o-1").await.status(), 404);

    cloud.settle().await;
    let dead = cloud.dead_letters(&FULFILMENT);
    assert_eq!(dead[0].reason, "the order was cancelled");
    assert!(dead[0].attempts < 5, "it was given up at once");
}

#[ifc::test]
async fn without_the_key_an_order_ends_among_the_dead_letters(cloud: TestCloud) {
    place(&cloud, "o-1").await;
    cloud.settle().await;

    let dead = cloud.dead_letters(&FULFILMENT);
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].attempts, 5);
    assert!(dead[0].reason.contains("payment-key"), "{}", dead[0].reason);

    cloud.set_secret(&PAYMENT_KEY, "k-123").await;
    assert_eq!(cloud.queue(&FULFILMENT).redrive().await, 1);
    cloud.settle().await;
    let order = ORDERS.get("o-1").await.unwrap().unwrap();
    assert_eq!(order.status, Status::Fulfilled);
}

#[ifc::test]
async fn what_is_left_over_is_sent_again_at_night(cloud: TestCloud) {
    place(&cloud, "o-1").await;
    cloud.settle().await;
    assert_eq!(cloud.dead_letters(&FULFILMENT).len(), 1);

    cloud.set_secret(&PAYMENT_KEY, "k-123").await;
    cloud.advance(hours(24)).await;
    let order = ORDERS.get("o-1").await.unwrap().unwrap();
    assert_eq!(order.status, Status::Fulfilled);
    // 03:00 in Rome is 02:00 UTC in January.
    let night = cloud.trace().deliveries_to("nightly")[0].time;
    let midnight = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_767_225_600);
    assert_eq!(night.duration_since(midnight).unwrap(), hours(2));
}

#[ifc::test]
async fn an_unpaid_order_disappears_after_its_time(cloud: TestCloud) {
    place(&cloud, "o-1").await;
    cloud.advance(days(29)).await;
    assert!(ORDERS.get("o-1").await.unwrap().is_some());
    cloud.advance(days(1)).await;
    assert!(ORDERS.get("o-1").await.unwrap().is_none());
    assert!(cloud.table(&ORDERS).items().is_empty());
}

// ANCHOR: faults
#[ifc::test]
async fn orders_survive_crashes_and_duplicates(cloud: TestCloud) {
    cloud.set_secret(&PAYMENT_KEY, "k-123").await;
    cloud
        .faults()
        .duplicate(0.3)
        .crash(0.2)
        .fail_operations(0.05)
        .reorder();

    let mut placed = Vec::new();
    for number in 0..50 {
        let id = format!("o-{number}");
        if place(&cloud, &id).await.status() == 201 {
            placed.push(id);
        }
    }
    cloud.advance(hours(12)).await;
    cloud.faults().none();
    cloud.queue(&FULFILMENT).redrive().await;
    cloud.settle().await;

    for id in placed {
        let order: Order = ORDERS.get(&id).await.unwrap().unwrap();
        assert_eq!(order.status, Status::Fulfilled, "{id}");
    }
}
// ANCHOR_END: faults

#[ifc::test]
async fn wrong_requests_are_explained(cloud: TestCloud) {
    let no_json = cloud
        .http()
        .post("/orders")
        .body("{")
        .header("content-type", "application/json");
    assert_eq!(no_json.await.status(), 400);
    let incomplete = cloud
        .http()
        .post("/orders")
        .json(&json!({ "id": "o-1" }))
        .await;
    assert_eq!(incomplete.status(), 422);
    assert!(incomplete.text().contains("missing field `customer`"));
    let free = cloud.http().post("/orders");
    let free = free
        .json(&json!({ "id": "o-1", "customer": "ada", "total_cents": 0 }))
        .await;
    assert_eq!(
        free.json::<Value>(),
        json!({ "error": "an order has a total" })
    );
    let no_customer = cloud.http().get("/orders").await;
    assert_eq!(no_customer.status(), 400);
}
