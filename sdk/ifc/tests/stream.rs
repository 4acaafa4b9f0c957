//! Streams through their handles: what the SDK checks, what consumers see, replays.
#![allow(clippy::unwrap_used)]

use ifc::prelude::*;
use ifc::test_kit::TestCloud;
use ifc::{Error, ErrorKind};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Reading {
    number: u64,
    watts: u64,
}

#[resource]
static METERS: Stream<Reading> = Stream::new("meters").retention(days(2));

/// What a consumer has of a meter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Item)]
struct Seen {
    #[item(key)]
    meter: String,
    numbers: Vec<u64>,
    batches: u64,
}

#[resource]
static SEEN: Table<Seen> = Table::new("seen");

/// Fails on 13, and then leaves the later ones of the meter alone.
#[stream_consumer(METERS, batch = 50, max_attempts = 5)]
async fn collect(readings: Batch<Reading>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut failed = std::collections::HashSet::new();
    for reading in readings {
        if failed.contains(&reading.group) {
            outcomes.push(Outcome::retry("after one that failed"));
            continue;
        }
        outcomes.push(match note(&reading).await {
            Ok(()) => Outcome::Ack,
            Err(error) => {
                failed.insert(reading.group);
                Outcome::retry(error.to_string())
            }
        });
    }
    outcomes
}

async fn note(reading: &Event<Reading>) -> Result<()> {
    if reading.body.watts == 13 {
        return Err(HandlerError::new("unlucky"));
    }
    let meter = reading.group.clone().unwrap_or_default();
    let mut seen = SEEN.get(&meter).await?.unwrap_or_else(|| Seen {
        meter,
        ..Seen::default()
    });
    if !seen.numbers.contains(&reading.body.number) {
        seen.numbers.push(reading.body.number);
    }
    seen.batches += 1;
    Ok(SEEN.put(&seen).await?)
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Item)]
struct Total {
    #[item(key)]
    name: String,
    readings: u64,
}

#[resource]
static TOTALS: Table<Total> = Table::new("totals");

#[stream_consumer(METERS, name = "count")]
async fn count(_: Reading) -> Result<()> {
    let name = "all".to_owned();
    let total = TOTALS.get("all").await?;
    let readings = total.map_or(0, |total| total.readings) + 1;
    Ok(TOTALS.put(&Total { name, readings }).await?)
}

fn reading(number: u64) -> Reading {
    Reading { number, watts: 0 }
}

async fn numbers(meter: &str) -> Vec<u64> {
    SEEN.get(meter).await.unwrap().unwrap_or_default().numbers
}

async fn total() -> u64 {
    let total = TOTALS.get("all").await.unwrap();
    total.map_or(0, |total| total.readings)
}

#[ifc::test]
async fn what_the_contract_does_not_allow_is_refused() {
    let kind = |result: Result<String, Error>| result.unwrap_err().kind();
    let append = async |key: &str| kind(METERS.append(key, &reading(1)).await);
    assert_eq!(append("").await, ErrorKind::Invalid);
    assert_eq!(append(&"k".repeat(129)).await, ErrorKind::Invalid);
    METERS.append(&"é".repeat(64), &reading(1)).await.unwrap();
    let many: Vec<Reading> = (0..101).map(reading).collect();
    let error = METERS
        .append_batch(many.iter().map(|reading| ("m", reading)))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "append on `meters`: 101 records in one batch, the limit is 100"
    );
    assert_eq!(METERS.append_batch([]).await.unwrap().len(), 0);
}

#[resource]
static TEXTS: Stream<String> = Stream::new("texts");

#[ifc::test]
async fn a_refused_record_holds_back_those_of_its_key(cloud: TestCloud) {
    let (small, large) = ("x".to_owned(), "x".repeat(250_000));
    let records = [("a", &small), ("b", &large), ("b", &small), ("c", &small)];
    let results = TEXTS.append_batch(records).await.unwrap();
    let kinds: Vec<_> = (results.iter())
        .map(|result| result.as_ref().err().map(Error::kind))
        .collect();
    let expected = [
        None,
        Some(ErrorKind::TooLarge),
        Some(ErrorKind::Invalid),
        None,
    ];
    assert_eq!(kinds, expected);
    let kept = cloud.stream(&TEXTS).records();
    let kept: Vec<&str> = kept.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(kept, ["a", "c"]);
}

#[ifc::test]
async fn every_consumer_gets_every_record_in_the_order_of_its_key(cloud: TestCloud) {
    for number in 0..120 {
        let meter = ["a", "b", "c"][number as usize % 3];
        METERS.append(meter, &reading(number)).await.unwrap();
    }
    cloud.settle().await;
    for (at, meter) in ["a", "b", "c"].into_iter().enumerate() {
        let seen = numbers(meter).await;
        assert_eq!(seen.len(), 40, "{meter}");
        assert!(seen.is_sorted(), "{meter}: {seen:?}");
        assert_eq!(seen[0], at as u64);
    }
    assert!(total().await >= 120);
    assert_eq!(cloud.stream(&METERS).len(), 120);
}

/// The count is of deliveries, so the cloud is kind.
#[ifc::test(benign)]
async fn what_is_exhausted_is_given_up_and_its_key_continues(cloud: TestCloud) {
    METERS.append("a", &reading(1)).await.unwrap();
    let unlucky = Reading {
        number: 2,
        watts: 13,
    };
    METERS.append("a", &unlucky).await.unwrap();
    METERS.append("a", &reading(3)).await.unwrap();
    METERS.append("b", &reading(4)).await.unwrap();
    cloud.run_due().await;
    assert_eq!(numbers("a").await, [1]);
    assert_eq!(numbers("b").await, [4]);
    cloud.settle().await;
    assert_eq!(numbers("a").await, [1, 3]);
    let dead = cloud.edge::<Reading>("collect").dead_letters();
    assert_eq!(dead.len(), 1);
    assert_eq!((&dead[0].body, dead[0].attempts), (&unlucky, 5));
    assert_eq!(total().await, 4, "the other consumer has nothing of it");
}

/// The count is of deliveries, so the cloud is kind.
#[ifc::test(benign)]
async fn a_batch_has_many_records_of_one_key(cloud: TestCloud) {
    let many: Vec<Reading> = (0..100).map(reading).collect();
    let records = many.iter().map(|reading| ("a", reading));
    METERS.append_batch(records).await.unwrap();
    cloud.settle().await;
    assert_eq!(numbers("a").await.len(), 100);
    let batches = cloud
        .trace()
        .entries()
        .iter()
        .filter(|entry| entry.unit.as_deref() == Some("collect"))
        .filter(|entry| entry.label().starts_with("seen.get"))
        .map(|entry| entry.cause)
        .collect::<std::collections::HashSet<_>>();
    assert_eq!(batches.len(), 2, "two runs of 50");
}

/// The count is of deliveries, so the cloud is kind.
#[ifc::test(benign)]
async fn a_replay_sends_one_consumer_back(cloud: TestCloud) {
    METERS.append("a", &reading(1)).await.unwrap();
    cloud.advance(minutes(10)).await;
    let from = cloud.now();
    METERS.append("a", &reading(2)).await.unwrap();
    METERS.append("b", &reading(3)).await.unwrap();
    cloud.settle().await;
    assert_eq!(total().await, 3);
    assert_eq!(cloud.stream(&METERS).replay("count", from).await, 2);
    cloud.settle().await;
    assert_eq!(total().await, 5);
    let before = SEEN.get("a").await.unwrap().unwrap().batches;
    assert_eq!(before, 2, "the other consumer goes on");
    // To a time that is yet to come: nothing again, and nothing lost.
    let later = cloud.now() + hours(1);
    assert_eq!(cloud.stream(&METERS).replay("count", later).await, 0);
    METERS.append("a", &reading(4)).await.unwrap();
    cloud.settle().await;
    assert_eq!(total().await, 6);
}

#[ifc::test]
async fn records_go_after_their_retention(cloud: TestCloud) {
    METERS.append("a", &reading(1)).await.unwrap();
    cloud.advance(hours(47)).await;
    METERS.append("a", &reading(2)).await.unwrap();
    cloud.advance(hours(2)).await;
    let kept = cloud.stream(&METERS).records();
    assert_eq!(kept, [("a".to_owned(), reading(2))]);
}
