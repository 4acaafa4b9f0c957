//! The change stream of a table through its handlers.
#![allow(clippy::unwrap_used)]

use ifc::prelude::*;
use ifc::test_kit::TestCloud;
use ifc::{ChangeKind, ChangeVersion, Error};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Item)]
struct Order {
    #[item(key)]
    id: String,
    total_cents: u64,
}

#[resource]
static ORDERS: Table<Order> = Table::new("orders").stream();

/// What is known of an order elsewhere, by the newest change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Item)]
struct Summary {
    #[item(key)]
    order: String,
    total_cents: Option<u64>,
    seen: ChangeVersion,
}

#[resource]
static SUMMARIES: Table<Summary> = Table::new("summaries");

#[on_change(ORDERS, backoff = (seconds(10), seconds(20)))]
async fn project(change: Change<Order>) -> Result<()> {
    assert_eq!(change.kind == ChangeKind::Delete, change.new.is_none());
    let summary = Summary {
        order: change.key,
        total_cents: change.new.map(|order| order.total_cents),
        seen: change.version.clone(),
    };
    let newer = |error: &Error| error.is_conflict();
    match SUMMARIES.put(&summary).if_not_exists().await {
        Err(error) if newer(&error) => {}
        result => return Ok(result?),
    }
    let newest = Summary::SEEN.lt(change.version);
    match SUMMARIES.put(&summary).when(newest).await {
        Err(error) if newer(&error) => Ok(()),
        result => Ok(result?),
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Item)]
struct Reading {
    #[item(key)]
    meter: u32,
    #[item(sort)]
    at: u64,
    #[item(ttl)]
    keep_until: Option<u64>,
}

#[resource]
static READINGS: Table<Reading> = Table::new("readings").stream();

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Item)]
struct Count {
    #[item(key)]
    meter: u32,
    readings: u64,
}

#[resource]
static COUNTS: Table<Count> = Table::new("counts");

#[on_change(READINGS, name = "count-readings", batch = 10)]
async fn count(changes: Batch<Change<Reading>>) -> Result<()> {
    for change in changes {
        let (meter, _at): (u32, u64) = change.body.key;
        let start = Count { meter, readings: 0 };
        match COUNTS.put(&start).if_not_exists().await {
            Err(error) if !error.is_conflict() => return Err(error.into()),
            _ => {}
        }
        COUNTS.update(meter).increment(Count::READINGS, 1).await?;
    }
    Ok(())
}

fn order(id: &str, total_cents: u64) -> Order {
    Order {
        id: id.to_owned(),
        total_cents,
    }
}

async fn total(id: &str) -> Option<u64> {
    SUMMARIES.get(id).await.unwrap().unwrap().total_cents
}

#[ifc::test]
async fn changes_are_told_with_the_item_as_it_then_is(cloud: TestCloud) {
    ORDERS.put(&order("o-1", 100)).await.unwrap();
    cloud.settle().await;
    assert_eq!(total("o-1").await, Some(100));
    ORDERS
        .update("o-1")
        .increment(Order::TOTAL_CENTS, 20)
        .await
        .unwrap();
    cloud.settle().await;
    assert_eq!(total("o-1").await, Some(120));
    ORDERS.delete("o-1").await.unwrap();
    cloud.settle().await;
    assert_eq!(total("o-1").await, None);
    // Made again, it is newer than before it was removed.
    ORDERS.put(&order("o-1", 7)).await.unwrap();
    cloud.settle().await;
    assert_eq!(total("o-1").await, Some(7));
}

#[ifc::test]
async fn versions_undo_duplicates_and_disorder(cloud: TestCloud) {
    cloud.faults().duplicate(0.5).crash(0.2).seed(11);
    for round in 0..20 {
        for id in ["a", "b", "c"] {
            ORDERS.put(&order(id, round)).await.unwrap();
        }
    }
    ORDERS.delete("b").await.unwrap();
    cloud.settle().await;
    assert_eq!(total("a").await, Some(19));
    assert_eq!(total("b").await, None);
    assert_eq!(total("c").await, Some(19));
}

/// The count is of deliveries, so the cloud is kind.
#[ifc::test(benign)]
async fn a_batch_of_changes_has_keys_of_both_parts(cloud: TestCloud) {
    let writes = (0..5).map(|at| {
        READINGS.put(&Reading {
            meter: 3,
            at,
            keep_until: None,
        })
    });
    READINGS.transact().with_all(writes).await.unwrap();
    cloud.settle().await;
    assert_eq!(COUNTS.get(3).await.unwrap().unwrap().readings, 5);
}
