//! Circuit breaker, claim check and outbox, on an unkind cloud.
#![allow(clippy::unwrap_used)]

use ifc::prelude::*;
use ifc::test_kit::TestCloud;
use ifc::{Circuit, CircuitBreaker, CircuitError, Claim, ClaimCheck, Outbox, Posting, Posts};
use std::collections::BTreeSet;

#[resource]
static CIRCUITS: Table<Circuit> = Table::new("circuits");

static WEATHER: CircuitBreaker<CIRCUITS> = CircuitBreaker::new("weather", &CIRCUITS)
    .failures(3, seconds(60))
    .delay(seconds(30));

async fn ask(fails: bool) -> Result<u32, CircuitError<&'static str>> {
    let call = async || if fails { Err("overcast") } else { Ok(21) };
    WEATHER.call(call).await
}

fn is_open<T: std::fmt::Debug>(result: Result<T, CircuitError<&'static str>>) -> bool {
    matches!(result, Err(CircuitError::Open))
}

#[ifc::test]
async fn a_circuit_opens_after_its_failures_and_closes_after_a_probe(cloud: TestCloud) {
    assert_eq!(ask(false).await.unwrap(), 21);
    for _ in 0..3 {
        assert!(matches!(
            ask(true).await,
            Err(CircuitError::Failed("overcast"))
        ));
    }
    assert!(WEATHER.is_open().await.unwrap());
    assert!(is_open(ask(false).await));
    cloud.advance(seconds(29)).await;
    assert!(is_open(ask(false).await));

    // The probe fails: it waits anew.
    cloud.advance(seconds(1)).await;
    assert!(matches!(ask(true).await, Err(CircuitError::Failed(_))));
    assert!(is_open(ask(false).await));
    cloud.advance(seconds(30)).await;
    assert_eq!(ask(false).await.unwrap(), 21);
    assert_eq!(ask(false).await.unwrap(), 21);

    // It counts from the start again.
    let _ = ask(true).await;
    let _ = ask(true).await;
    assert_eq!(ask(false).await.unwrap(), 21);
}

#[ifc::test]
async fn failures_that_are_far_apart_do_not_open_it(cloud: TestCloud) {
    for _ in 0..6 {
        let _ = ask(true).await;
        cloud.advance(seconds(31)).await;
    }
    assert!(!WEATHER.is_open().await.unwrap());
}

#[ifc::test]
async fn one_probe_is_made_at_a_time(cloud: TestCloud) {
    for _ in 0..3 {
        let _ = ask(true).await;
    }
    cloud.advance(seconds(30)).await;
    let slow = async || {
        tokio::time::sleep(seconds(5)).await;
        Ok::<u32, &'static str>(1)
    };
    let calls = tokio::join!(WEATHER.call(slow), WEATHER.call(slow), WEATHER.call(slow));
    let open = [calls.0, calls.1, calls.2].map(is_open);
    assert_eq!(open.iter().filter(|open| **open).count(), 2);
    assert!(!WEATHER.is_open().await.unwrap());

    // A probe that never ends is given up after a delay.
    for _ in 0..3 {
        let _ = ask(true).await;
    }
    cloud.advance(seconds(30)).await;
    let lost = WEATHER.call(std::future::pending::<Result<u32, &'static str>>);
    let _ = tokio::time::timeout(seconds(1), lost).await;
    assert!(is_open(ask(false).await));
    cloud.advance(seconds(30)).await;
    assert_eq!(ask(false).await.unwrap(), 21);
}

#[resource]
static FORECASTS: Queue<bool> = Queue::new("forecasts");

#[resource]
static ASKED: Queue<bool> = Queue::new("asked");

#[consumer(FORECASTS)]
async fn forecast(fails: bool) -> Result<()> {
    let call = async || {
        ASKED.send(&fails).await?;
        match fails {
            true => Err(HandlerError::new("overcast")),
            false => Ok(()),
        }
    };
    Ok(WEATHER.call(call).await?)
}

#[ifc::test(seeds = 50)]
async fn a_circuit_spares_what_is_behind_it_whatever_happens(cloud: TestCloud) {
    for _ in 0..40 {
        FORECASTS.send(&true).await.unwrap();
    }
    cloud.run_due().await;
    // Up to four run at the same time, and as many may be on their way when it opens; some are
    // delivered twice.
    let asked = cloud.queue(&ASKED).len();
    assert!((3..20).contains(&asked), "{asked} of 40 calls went through");
    cloud.settle().await;
    assert_eq!(cloud.dead_letters(&FORECASTS).len(), 40);
    cloud.advance(minutes(1)).await;
    assert_eq!(ask(false).await.unwrap(), 21);
}

#[resource]
static LARGE: Bucket = Bucket::new("large").expire("claims/", days(15));

#[resource]
static REPORTS: Queue<Claim<Vec<String>>> = Queue::new("reports");

#[resource]
static LENGTHS: Queue<usize> = Queue::new("lengths");

static CLAIMS: ClaimCheck<LARGE> = ClaimCheck::new(&LARGE);

#[consumer(REPORTS)]
async fn read(claim: Claim<Vec<String>>) -> Result<()> {
    let report = CLAIMS.redeem(&claim).await?;
    LENGTHS.send(&report.iter().map(String::len).sum()).await?;
    Ok(())
}

#[ifc::test(seeds = 20)]
async fn values_of_any_size_arrive(cloud: TestCloud) {
    let sizes = [0, 10, 100_000, 244_000, 245_760, 3_000_000];
    for size in sizes {
        let report = vec!["\"".repeat(size / 4), "x".repeat(size / 2)];
        let claim = CLAIMS.check_in(&report).await.unwrap();
        assert_eq!(claim.key().is_some(), size > 200_000, "{size}");
        REPORTS.send(&claim).await.unwrap();
    }
    cloud.settle().await;
    let lengths: BTreeSet<usize> = cloud.queue(&LENGTHS).messages().into_iter().collect();
    assert_eq!(lengths, sizes.map(|size| size / 4 + size / 2).into());
    assert!(cloud.dead_letters(&REPORTS).is_empty());

    let sparing = ClaimCheck::new(&LARGE).up_to(10);
    let report = vec!["a long one".to_owned()];
    let claim = sparing.check_in(&report).await.unwrap();
    LARGE.delete(claim.key().unwrap()).await.unwrap();
    let gone = CLAIMS.redeem(&claim).await.unwrap_err();
    assert!(gone.is_not_found());
    assert!(gone.to_string().contains("is gone"), "{gone}");
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Item)]
struct Order {
    #[item(key)]
    id: String,
    /// `order`, or `placed`: the message that it was placed.
    #[item(sort)]
    part: String,
    cents: u64,
}

#[resource]
static ORDERS: Table<Order> = Table::new("orders").stream();

#[resource]
static PLACED: Queue<u64> = Queue::new("placed").fifo();

impl Posts<u64> for Order {
    fn posting(&self) -> Option<Posting<u64>> {
        (self.part == "placed").then(|| Posting {
            id: format!("{}-placed", self.id),
            group: Some(self.id.clone()),
            message: self.cents,
        })
    }
}

static OUTBOX: Outbox<Order, u64, ORDERS, PLACED> = Outbox::new(&ORDERS, &PLACED);

#[on_change(ORDERS)]
async fn relay(change: Change<Order>) -> Result<()> {
    Ok(OUTBOX.relay(change).await?)
}

#[resource]
static SEEN: Queue<String> = Queue::new("seen");

#[consumer(PLACED)]
async fn see(placed: Event<u64>) -> Result<()> {
    SEEN.send(&placed.id).await?;
    Ok(())
}

async fn place(id: &str) -> Result<(), ifc::Error> {
    let part = |part: &str| Order {
        id: id.to_owned(),
        part: part.to_owned(),
        cents: 5,
    };
    ORDERS
        .transact()
        .with(ORDERS.put(&part("order")).if_not_exists())
        .with(ORDERS.put(&part("placed")))
        .await
}

#[ifc::test(seeds = 50)]
async fn a_write_and_its_message_happen_together(cloud: TestCloud) {
    for number in 0..8 {
        place(&format!("o-{number}")).await.unwrap();
    }
    assert!(place("o-3").await.unwrap_err().is_conflict());
    cloud.settle().await;
    let seen: BTreeSet<String> = cloud.queue(&SEEN).messages().into_iter().collect();
    let expected: BTreeSet<String> = (0..8).map(|number| format!("o-{number}-placed")).collect();
    assert_eq!(seen, expected);
    let left = cloud.table(&ORDERS).items();
    assert_eq!(left.len(), 8, "what is sent is removed");
    assert!(left.iter().all(|order| order.part == "order"));
}
