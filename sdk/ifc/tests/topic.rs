//! Topics through their handles: what the SDK checks, and what subscribers see.
#![allow(clippy::unwrap_used)]

use ifc::prelude::*;
use ifc::test_kit::TestCloud;
use ifc::{Error, ErrorKind, Publication};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Placed {
    order: String,
}

fn placed(order: &str) -> Placed {
    Placed {
        order: order.to_owned(),
    }
}

#[resource]
static PLACED: Topic<Placed> = Topic::new("placed");

#[resource]
static STEPS: Topic<u32> = Topic::new("steps").fifo();

/// Takes the messages of two topics.
#[resource]
static AUDIT: Queue<Placed> = Queue::new("audit")
    .subscribed_to(&PLACED)
    .filter(attribute("audit").exists())
    .subscribed_to(&RETURNED);

#[resource]
static RETURNED: Topic<Placed> = Topic::new("returned");

#[resource]
static SEEN: Queue<String> = Queue::new("seen");

#[resource]
static WALKED: Queue<u32> = Queue::new("walked");

#[subscriber(PLACED)]
async fn all(placed: Placed) -> Result<()> {
    SEEN.send(&format!("all {}", placed.order)).await?;
    Ok(())
}

#[subscriber(
    PLACED,
    name = "europe",
    filter = attribute("region").prefix("eu").and(attribute("test").not_in(&["yes"])),
    max_attempts = 6,
    backoff = (seconds(20), seconds(40))
)]
async fn european(placed: Event<Placed>) -> Result<Outcome> {
    if placed.body.order == "broken" {
        return Ok(Outcome::retry("it is broken"));
    }
    let region = &placed.attributes["region"];
    SEEN.send(&format!("{region} {}", placed.body.order))
        .await?;
    Ok(Outcome::Ack)
}

/// Fails every second step once.
#[subscriber(STEPS)]
async fn walk(step: Event<u32>) -> Result<()> {
    if step.body.is_multiple_of(2) && step.attempt == 1 {
        return Err(HandlerError::new("stumbled"));
    }
    WALKED.send(&step.body).await?;
    Ok(())
}

fn seen(cloud: &TestCloud) -> Vec<String> {
    let mut seen = cloud.queue(&SEEN).messages();
    seen.sort();
    // At least once.
    seen.dedup();
    seen
}

#[ifc::test]
async fn every_subscriber_gets_what_passes_its_filter(cloud: TestCloud) {
    PLACED.publish(&placed("o-1")).await.unwrap();
    let abroad = placed("o-2");
    PLACED
        .publish(&abroad)
        .attribute("region", "eu-west")
        .attribute("test", "no")
        .await
        .unwrap();
    cloud.run_due().await;
    assert_eq!(seen(&cloud), ["all o-1", "all o-2", "eu-west o-2"]);
}

#[ifc::test]
async fn a_broken_subscriber_has_its_own_dead_letters(cloud: TestCloud) {
    let id = PLACED
        .publish(&placed("broken"))
        .attribute("region", "eu")
        .attribute("test", "")
        .await
        .unwrap();
    cloud.run_due().await;
    assert_eq!(seen(&cloud), ["all broken"]);
    cloud.advance(minutes(10)).await;
    let dead = cloud.edge::<Placed>("europe").dead_letters();
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].attempts, &dead[0].id), (6, &id));
    assert!(
        dead[0].reason.contains("it is broken"),
        "{}",
        dead[0].reason
    );
    assert!(cloud.edge::<Placed>("all").dead_letters().is_empty());
}

#[ifc::test]
async fn a_fifo_topic_keeps_the_order_of_a_group(cloud: TestCloud) {
    for step in 1..=6 {
        STEPS.publish(&step).group("left").await.unwrap();
    }
    cloud.advance(minutes(10)).await;
    let mut walked = cloud.queue(&WALKED).messages();
    walked.dedup();
    assert_eq!(walked, [1, 2, 3, 4, 5, 6]);
}

#[ifc::test]
async fn a_queue_takes_the_messages_of_topics(cloud: TestCloud) {
    let with = PLACED.publish(&placed("o-1")).attribute("audit", "");
    with.id("m-1").await.unwrap();
    PLACED.publish(&placed("o-2")).await.unwrap();
    RETURNED.publish(&placed("o-3")).await.unwrap();
    AUDIT.send(&placed("o-4")).await.unwrap();
    let audited = cloud.queue(&AUDIT).messages().into_iter();
    let mut audited: Vec<String> = audited.map(|placed| placed.order).collect();
    audited.sort();
    assert_eq!(audited, ["o-1", "o-3", "o-4"]);
}

fn kind(result: Result<String, Error>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[ifc::test]
async fn what_the_contract_does_not_allow_is_refused_before_it_is_published(cloud: TestCloud) {
    let large = placed(&"x".repeat(300_000));
    assert!(PLACED.publish(&large).await.unwrap_err().is_too_large());
    let small = placed("o-1");
    assert_eq!(
        kind(PLACED.publish(&small).group("g").await),
        ErrorKind::Invalid
    );
    assert_eq!(kind(STEPS.publish(&1).await), ErrorKind::Invalid);
    assert_eq!(
        kind(PLACED.publish(&small).id("").await),
        ErrorKind::Invalid
    );
    let shouted = PLACED.publish(&small).attribute("Region", "eu");
    assert_eq!(kind(shouted.await), ErrorKind::Invalid);
    let results = Publication::all(vec![PLACED.publish(&large), PLACED.publish(&small)]);
    let results = results.await.unwrap();
    assert!(results[0].as_ref().unwrap_err().is_too_large());
    assert!(results[1].is_ok());
    let eleven: Vec<Placed> = (0..11).map(|_| small.clone()).collect();
    let refused = PLACED.publish_batch(&eleven).await.unwrap_err();
    assert!(refused.is_too_large(), "{refused}");
    cloud.run_due().await;
    assert_eq!(seen(&cloud), ["all o-1"]);
}
