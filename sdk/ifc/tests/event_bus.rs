//! Event buses through their handles: what the SDK checks, and what rules see.
#![allow(clippy::unwrap_used)]

use ifc::prelude::*;
use ifc::test_kit::TestCloud;
use ifc::{Error, ErrorKind, PutEvent};
use std::time::{Duration, SystemTime};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, BusEvent)]
#[event(type = "order.placed")]
struct Placed {
    order: String,
    region: Option<String>,
    cents: serde_json::Value,
}

fn placed(order: &str, region: &str) -> Placed {
    Placed {
        order: order.to_owned(),
        region: Some(region.to_owned()),
        cents: 100.into(),
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, BusEvent)]
#[event(type = "order.paid", source = "payments")]
struct Paid {
    order: String,
}

fn paid(order: &str) -> Paid {
    Paid {
        order: order.to_owned(),
    }
}

#[derive(Clone, Debug, PartialEq, BusEvent)]
#[event(source = "shop")]
enum OrderEvent {
    #[event(type = "order.placed")]
    Placed(Placed),
    #[event(type = "order.paid")]
    Paid(Paid),
}

/// Publishes under the type of `Placed` what is none.
#[derive(Serialize, Deserialize, BusEvent)]
#[event(type = "order.placed")]
struct Imposter {
    name: String,
}

#[resource]
static EVENTS: EventBus = EventBus::new("events").filterable(&["data.region", "data.cents"]);

#[resource]
static PARTNERS: EventBus = EventBus::new("partner-events").owned_by("partner");

#[resource]
static SEEN: Queue<String> = Queue::new("seen");

#[on_event(EVENTS)]
async fn welcome(placed: Placed) -> Result<()> {
    SEEN.send(&format!("welcome {}", placed.order)).await?;
    Ok(())
}

#[on_event(
    EVENTS,
    pattern = Pattern::new().field("data.region", &["eu", "uk"]).subject_prefix("o-"),
    max_attempts = 6,
    backoff = (seconds(20), seconds(40))
)]
async fn customs(event: CloudEvent<Placed>) -> Result<Outcome> {
    if event.data.order == "broken" {
        return Ok(Outcome::retry("it is broken"));
    }
    let subject = event.subject.unwrap_or_default();
    SEEN.send(&format!("customs {subject} {}", event.event_type))
        .await?;
    Ok(Outcome::Ack)
}

#[on_event(EVENTS, batch = 10)]
async fn ledger(events: Vec<CloudEvent<OrderEvent>>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for event in events {
        let line = match event.data {
            OrderEvent::Placed(placed) => format!("ledger {} by {}", placed.order, event.source),
            OrderEvent::Paid(paid) => format!("ledger paid {} by {}", paid.order, event.source),
        };
        outcomes.push(match SEEN.send(&line).await {
            Ok(_) => Outcome::Ack,
            Err(error) => Outcome::retry(error.to_string()),
        });
    }
    outcomes
}

#[on_event(EVENTS, pattern = Pattern::new().type_prefix("order.p").sources(&["audit"]))]
async fn audit(event: CloudEvent<serde_json::Value>) -> Result<()> {
    let line = format!("audit {} {}", event.id, event.data["order"]);
    SEEN.send(&line).await?;
    Ok(())
}

#[on_event(EVENTS, pattern = Pattern::new().types(&["order.paid"]))]
async fn dated(event: CloudEvent<OrderEvent>) -> Result<()> {
    let since = event.time.duration_since(SystemTime::UNIX_EPOCH);
    let line = format!("dated {:?} by {}", since.unwrap_or_default(), event.source);
    SEEN.send(&line).await?;
    Ok(())
}

#[on_event(PARTNERS)]
async fn partner(event: Paid) -> Result<()> {
    SEEN.send(&format!("partner {}", event.order)).await?;
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
async fn a_rule_gets_the_types_of_its_argument_and_what_its_pattern_leaves(cloud: TestCloud) {
    EVENTS.put(&placed("1", "eu")).subject("o-1").await.unwrap();
    EVENTS.put(&placed("2", "us")).subject("o-2").await.unwrap();
    EVENTS.put(&placed("3", "eu")).await.unwrap();
    cloud.settle().await;
    let package = env!("CARGO_PKG_NAME");
    let expected = [
        "customs o-1 order.placed".to_owned(),
        format!("ledger 1 by {package}"),
        format!("ledger 2 by {package}"),
        format!("ledger 3 by {package}"),
        "welcome 1".to_owned(),
        "welcome 2".to_owned(),
        "welcome 3".to_owned(),
    ];
    assert_eq!(seen(&cloud), expected);
}

#[ifc::test]
async fn an_enum_is_one_of_several_types(cloud: TestCloud) {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
    let event = OrderEvent::Paid(paid("7"));
    EVENTS.put(&event).time(at).await.unwrap();
    EVENTS.put(&paid("8")).time(at).await.unwrap();
    cloud.settle().await;
    assert_eq!(
        seen(&cloud),
        [
            "dated 1.5s by payments",
            "dated 1.5s by shop",
            "ledger paid 7 by shop",
            "ledger paid 8 by payments",
        ]
    );
}

#[ifc::test]
async fn any_type_of_event_with_its_id(cloud: TestCloud) {
    let puts = vec![
        EVENTS.put(&paid("1")).source("audit").id("e-1"),
        EVENTS.put(&placed("2", "x")).source("audit").id("e-2"),
    ];
    let ids: Result<Vec<String>, Error> = PutEvent::all(puts).await.unwrap().into_iter().collect();
    assert_eq!(ids.unwrap(), ["e-1", "e-2"]);
    cloud.settle().await;
    let audited: Vec<String> = seen(&cloud);
    assert_eq!(audited[..2], ["audit e-1 \"1\"", "audit e-2 \"2\""]);
}

#[ifc::test]
async fn a_broken_rule_has_its_own_dead_letters(cloud: TestCloud) {
    let put = EVENTS.put(&placed("broken", "uk")).subject("o-1");
    let id = put.await.unwrap();
    cloud.advance(minutes(10)).await;
    let dead = cloud.edge::<Placed>("customs").dead_letters();
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].attempts, &dead[0].id), (6, &id));
    assert!(
        dead[0].reason.contains("it is broken"),
        "{}",
        dead[0].reason
    );
    assert!(cloud.edge::<Placed>("welcome").dead_letters().is_empty());
    assert!(seen(&cloud).contains(&"welcome broken".to_owned()));
}

#[ifc::test]
async fn data_of_another_shape_is_dead_lettered_with_the_reason(cloud: TestCloud) {
    let imposter = Imposter {
        name: "x".to_owned(),
    };
    EVENTS.put(&imposter).await.unwrap();
    cloud.settle().await;
    for unit in ["welcome", "ledger"] {
        let dead = cloud.edge::<Imposter>(unit).raw_dead_letters();
        assert!(!dead.is_empty(), "at {unit}");
        let reason = &dead[0].reason;
        assert!(
            reason.contains("of type `order.placed`, is not a"),
            "{reason}"
        );
        assert!(reason.contains("missing field `order`"), "{reason}");
    }
    assert!(seen(&cloud).is_empty());
}

#[ifc::test]
async fn a_rule_can_be_run_by_hand_with_a_cloud_event(cloud: TestCloud) {
    let event = serde_json::json!({
        "specversion": "1.0",
        "type": "order.paid",
        "source": "by-hand",
        "time": "1970-01-01T00:00:02.000Z",
        "data": { "order": "1" },
    });
    let reply = cloud.invoke("dated", event).await.unwrap();
    assert_eq!(reply["outcome"], "ack", "{reply}");
    assert_eq!(seen(&cloud), ["dated 2s by by-hand"]);
    for (event, why) in [
        (serde_json::json!([]), "must be a CloudEvent"),
        (serde_json::json!({ "data": 1 }), "must have a `type`"),
        (
            serde_json::json!({ "type": "a", "time": "now" }),
            "must be UTC",
        ),
    ] {
        let error = cloud.invoke("dated", event).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[ifc::test]
async fn a_bus_of_another_application_reaches_this_one_s_rules(cloud: TestCloud) {
    PARTNERS.put(&paid("9")).await.unwrap();
    cloud.settle().await;
    assert_eq!(seen(&cloud), ["partner 9"]);
}

fn kind(result: Result<String, Error>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[ifc::test]
async fn what_the_contract_does_not_allow_is_refused_before_it_is_put(cloud: TestCloud) {
    let small = placed("1", "eu");
    let large = placed(&"x".repeat(300_000), "eu");
    assert!(EVENTS.put(&large).await.unwrap_err().is_too_large());
    let long = "s".repeat(257);
    assert!(
        EVENTS
            .put(&small)
            .subject(&long)
            .await
            .unwrap_err()
            .is_too_large()
    );
    assert!(
        EVENTS
            .put(&small)
            .source(&long)
            .await
            .unwrap_err()
            .is_too_large()
    );
    assert!(
        EVENTS
            .put(&placed("1", &long))
            .await
            .unwrap_err()
            .is_too_large()
    );
    for put in [
        EVENTS.put(&small).subject(""),
        EVENTS.put(&small).subject("a\nb"),
        EVENTS.put(&small).source("aws.s3"),
        EVENTS.put(&small).id("ä"),
        EVENTS
            .put(&small)
            .time(SystemTime::UNIX_EPOCH - Duration::from_millis(1)),
        EVENTS
            .put(&small)
            .time(SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_800)),
        EVENTS.put(&Placed {
            cents: 1.5.into(),
            ..small.clone()
        }),
    ] {
        assert_eq!(kind(put.await), ErrorKind::Invalid);
    }
    let mixed = vec![EVENTS.put(&small), PARTNERS.put(&paid("1"))];
    let refused = PutEvent::all(mixed).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    let results = EVENTS.put_batch(&[large, small.clone()]).await.unwrap();
    assert!(results[0].as_ref().unwrap_err().is_too_large());
    assert!(results[1].is_ok());
    let eleven: Vec<Placed> = (0..11).map(|_| small.clone()).collect();
    assert!(EVENTS.put_batch(&eleven).await.unwrap_err().is_too_large());
    cloud.settle().await;
    let welcomed = seen(&cloud);
    assert_eq!(
        welcomed.iter().filter(|line| **line == "welcome 1").count(),
        1
    );
}
