//! The application in a cloud of its own, in virtual time. The cloud delivers twice, splits batches
//! and loses workers by itself.

use crate::{DAYS, HALF_HOUR, READINGS, Reading};
use ifc::hours;
use ifc::test_kit::TestCloud;
use serde_json::{Value, json};

/// 2026-03-01 00:00 UTC.
const MARCH: i64 = 1_772_323_200;

fn reading(number: i64, watt_hours: u64) -> Reading {
    Reading {
        at: MARCH + number * HALF_HOUR,
        watt_hours,
        revision: 0,
    }
}

async fn report(cloud: &TestCloud, meter: &str, readings: &[Reading]) {
    let path = format!("/meters/{meter}/readings");
    let reply = cloud.http().post(&path).json(&readings).await;
    assert_eq!(reply.status(), 202, "{}", reply.text());
}

async fn day(cloud: &TestCloud, meter: &str, day: &str) -> (u64, u64) {
    let reply = cloud
        .http()
        .get(&format!("/meters/{meter}/days/{day}"))
        .await;
    let day = reply.json::<Value>();
    let number = |key: &str| day[key].as_u64().unwrap_or_default();
    (number("watt_hours"), number("half_hours"))
}

// ANCHOR: days
#[ifc::test]
async fn half_hours_are_added_up_by_day(cloud: TestCloud) {
    let all: Vec<Reading> = (0..60).map(|number| reading(number, 100)).collect();
    report(&cloud, "m-1", &all).await;
    report(&cloud, "m-2", &all[..10]).await;
    cloud.advance(hours(1)).await;
    assert_eq!(day(&cloud, "m-1", "2026-03-01").await, (4_800, 48));
    assert_eq!(day(&cloud, "m-1", "2026-03-02").await, (1_200, 12));
    assert_eq!(day(&cloud, "m-2", "2026-03-01").await, (1_000, 10));
}
// ANCHOR_END: days

// ANCHOR: late
#[ifc::test]
async fn a_late_reading_corrects_its_day(cloud: TestCloud) {
    report(&cloud, "m-1", &[reading(0, 100), reading(1, 900)]).await;
    cloud.advance(hours(30)).await;
    assert_eq!(day(&cloud, "m-1", "2026-03-01").await, (1_000, 2));

    let corrected = Reading {
        revision: 1,
        ..reading(1, 90)
    };
    report(&cloud, "m-1", &[corrected, reading(2, 10)]).await;
    // What was corrected is reported once more, by a meter that does not know.
    report(&cloud, "m-1", &[reading(1, 900)]).await;
    cloud.advance(hours(1)).await;
    assert_eq!(day(&cloud, "m-1", "2026-03-01").await, (200, 3));
}
// ANCHOR_END: late

#[ifc::test]
async fn reading_everything_again_changes_nothing(cloud: TestCloud) {
    let begun = cloud.now();
    let all: Vec<Reading> = (0..30).map(|number| reading(number, 7)).collect();
    report(&cloud, "m-1", &all).await;
    cloud.advance(hours(1)).await;
    let sent = cloud.stream(&READINGS).replay("aggregate", begun).await;
    assert_eq!(sent, 30);
    cloud.advance(hours(1)).await;
    assert_eq!(day(&cloud, "m-1", "2026-03-01").await, (210, 30));
    assert_eq!(cloud.table(&DAYS).items().len(), 1);
}

#[ifc::test]
async fn a_reading_begins_on_the_half_hour(cloud: TestCloud) {
    let crooked = json!([{ "at": MARCH + 7, "watt_hours": 1 }]);
    let reply = cloud
        .http()
        .post("/meters/m-1/readings")
        .json(&crooked)
        .await;
    assert_eq!(reply.status(), 400);
    let nothing = cloud.http().get("/meters/m-1/days/2026-03-01").await;
    assert_eq!(nothing.status(), 404);
}
