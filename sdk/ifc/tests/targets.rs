//! An application for one provider has that provider's limits, and no others.
#![allow(clippy::unwrap_used)]

use ifc::prelude::*;
use ifc::test_kit::TestCloud;

ifc::main!(targets = ["aws"]);

#[resource]
static JOBS: Queue<u32> = Queue::new("jobs").lease(minutes(20)).retention(days(14));

#[resource]
static NAMES: Queue<String> = Queue::new("names");

#[derive(Serialize, Deserialize, Item)]
struct Order {
    #[item(key)]
    id: String,
    article: String,
}

#[derive(Serialize, Deserialize, Item)]
struct Stock {
    #[item(key)]
    article: String,
    pieces: i64,
}

#[resource]
static ORDERS: Table<Order> = Table::new("orders");

#[resource]
static STOCK: Table<Stock> = Table::new("stock");

fn order(id: &str) -> Order {
    Order {
        id: id.to_owned(),
        article: "lamp".to_owned(),
    }
}

#[consumer(NAMES)]
async fn greet(name: String) {
    let _ = name;
}

#[consumer(JOBS, timeout = minutes(15), memory_mb = 128, max_instances = 1)]
async fn work(job: u32) {
    let _ = job;
}

#[ifc::test]
async fn the_limits_of_the_target_are_in_force(cloud: TestCloud) {
    JOBS.send(&1).delay(minutes(15)).await.unwrap();
    cloud.settle().await;
    assert!(cloud.queue(&JOBS).is_empty());
}

#[ifc::test]
async fn what_the_target_lacks_is_refused_with_its_reason(_: TestCloud) {
    let error = JOBS.send(&1).delay(hours(1)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "send on `jobs`: 3600 seconds for the delay of a message is not available on aws because \
         SQS delays a message by 15 minutes at most (aws allows 0 to 900 seconds); let a schedule \
         look for what is due, or send it again from the consumer until it is due"
    );
}

#[ifc::test]
async fn sizes_are_those_of_the_target(cloud: TestCloud) {
    NAMES.send(&"x".repeat(1_000_000)).await.unwrap();
    cloud.settle().await;
    assert!(cloud.queue(&NAMES).is_empty());
    let error = NAMES.send(&"x".repeat(1_100_000)).await.unwrap_err();
    assert!(error.is_too_large());
    let reason = "because SQS takes 1 MiB with attributes";
    assert!(error.to_string().contains(reason), "{error}");
}

/// Takes an article from the stock for an order, if there is one.
async fn submit(id: &str) -> Result<()> {
    ORDERS
        .transact_across()
        .with(ORDERS.put(&order(id)).if_not_exists())
        .with(
            STOCK
                .update("lamp")
                .increment(Stock::PIECES, -1)
                .when(Stock::PIECES.gt(0)),
        )
        .await?;
    Ok(())
}

#[ifc::test]
async fn a_transaction_spans_tables_where_every_target_has_it(_: TestCloud) {
    let stock = Stock {
        article: "lamp".to_owned(),
        pieces: 1,
    };
    STOCK.put(&stock).await.unwrap();
    submit("o-1").await.unwrap();
    assert!(submit("o-2").await.is_err());
    assert_eq!(STOCK.get("lamp").await.unwrap().unwrap().pieces, 0);
    assert!(ORDERS.get("o-1").await.unwrap().is_some());
    assert!(ORDERS.get("o-2").await.unwrap().is_none());

    let again = ORDERS
        .transact_across()
        .with(STOCK.update("lamp").increment(Stock::PIECES, 5))
        .with(ORDERS.put(&order("o-1")).if_not_exists());
    let error = again.await.unwrap_err();
    assert!(error.is_conflict());
    assert_eq!(
        error.to_string(),
        "transact_across on `orders`: operation 2 (put): the condition does not hold: the item \
         exists already"
    );
    assert_eq!(STOCK.get("lamp").await.unwrap().unwrap().pieces, 0);

    let apart = ORDERS.transact().with(STOCK.delete("lamp")).await;
    let error = apart.unwrap_err();
    assert!(error.is_unsupported());
    assert!(error.to_string().contains("`transact_across`"), "{error}");

    let twice = ORDERS.transact_across();
    let twice = twice.with(STOCK.delete("lamp")).with(STOCK.delete("lamp"));
    assert_eq!(twice.await.unwrap_err().kind(), ifc::ErrorKind::Invalid);
}

#[ifc::test]
async fn a_transaction_over_tables_happens_once(_: TestCloud) {
    let once = async || {
        ORDERS
            .transact_across()
            .with(STOCK.put(&Stock {
                article: "lamp".to_owned(),
                pieces: 3,
            }))
            .once(ORDERS.put(&order("o-1")))
            .await
            .unwrap()
    };
    assert!(once().await);
    STOCK.delete("lamp").await.unwrap();
    assert!(!once().await);
    assert!(STOCK.get("lamp").await.unwrap().is_none());
}
