//! The application in a cloud of its own, in virtual time.

use crate::FINDINGS;
use ifc::minutes;
use ifc::test_kit::TestCloud;
use lab_events::{LAB_EVENTS, SampleReceived};
use serde_json::Value;

fn received(sample: &str, site: &str) -> SampleReceived {
    SampleReceived {
        sample: sample.to_owned(),
        site: site.to_owned(),
        test: "lead".to_owned(),
    }
}

// ANCHOR: analysed
#[ifc::test]
async fn a_sample_that_is_announced_is_analysed(cloud: TestCloud) {
    LAB_EVENTS.put(&received("s-1", "river")).await.unwrap();
    LAB_EVENTS.put(&received("s-2", "harbour")).await.unwrap();
    cloud.advance(minutes(30)).await;

    assert_eq!(cloud.table(&FINDINGS).items().len(), 2);
    let reply = cloud.http().get("/findings/s-1").await;
    assert_eq!(reply.json::<Value>()["site"], "river");
    assert_eq!(cloud.trace().events_to("alarm").len(), 1, "the harbour's");
    let river = cloud.http().get("/sites/river/findings").await;
    assert_eq!(river.json::<Vec<Value>>().len(), 1);
}
// ANCHOR_END: analysed

#[ifc::test]
async fn an_event_that_comes_twice_changes_nothing(cloud: TestCloud) {
    LAB_EVENTS.put(&received("s-1", "river")).await.unwrap();
    cloud.advance(minutes(30)).await;
    let before = cloud.table(&FINDINGS).items();
    LAB_EVENTS.put(&received("s-1", "river")).await.unwrap();
    cloud.advance(minutes(30)).await;
    assert_eq!(cloud.table(&FINDINGS).items(), before);
}

#[ifc::test]
async fn nothing_is_found_in_what_is_unknown(cloud: TestCloud) {
    let reply = cloud.http().get("/findings/s-1").await;
    assert_eq!(reply.status(), 404);
}
