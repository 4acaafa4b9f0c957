//! The application in a cloud of its own, in virtual time.

use crate::{LETTERS, Letter, POST, SACK};
use ifc::minutes;
use ifc::test_kit::TestCloud;
use serde_json::{Value, json};

fn letter(number: usize, toy: &str) -> Letter {
    Letter {
        id: format!("l-{number}"),
        child: format!("child-{}", number % 50),
        country: ["it", "de", "fi"][number % 3].to_owned(),
        toy: toy.to_owned(),
    }
}

async fn write(cloud: &TestCloud, letter: &Letter) {
    let reply = cloud.http().post("/letters").json(letter).await;
    assert_eq!(reply.status(), 202);
}

async fn wanted(cloud: &TestCloud, toy: &str) -> u64 {
    let reply = cloud.http().get(&format!("/toys/{toy}")).await;
    reply.json::<Value>()["wanted"].as_u64().unwrap()
}

// ANCHOR: spike
#[ifc::test]
async fn a_spike_is_absorbed_and_worked_off(cloud: TestCloud) {
    for number in 0..300 {
        write(&cloud, &letter(number, ["sledge", "kite"][number % 2])).await;
    }
    assert_eq!(cloud.queue(&POST).len(), 300);
    cloud.advance(minutes(30)).await;

    assert!(cloud.queue(&POST).is_empty());
    assert_eq!(cloud.table(&LETTERS).items().len(), 300);
    assert_eq!(wanted(&cloud, "sledge").await, 150);
    assert_eq!(wanted(&cloud, "kite").await, 150);
}
// ANCHOR_END: spike

#[ifc::test]
async fn the_last_letter_counts(cloud: TestCloud) {
    LETTERS.put(&letter(1, "sledge")).await.unwrap();
    LETTERS.put(&letter(1, "kite")).await.unwrap();
    cloud.advance(minutes(30)).await;
    assert_eq!(wanted(&cloud, "sledge").await, 0);
    assert_eq!(wanted(&cloud, "kite").await, 1);

    let gone = cloud.http().delete("/letters/l-1").await;
    assert_eq!(gone.status(), 204);
    cloud.advance(minutes(30)).await;
    assert_eq!(wanted(&cloud, "kite").await, 0);
    assert_eq!(
        cloud.table(&SACK).items().len(),
        1,
        "that it is gone is remembered"
    );
}

#[ifc::test]
async fn letters_are_found_by_child_and_by_country(cloud: TestCloud) {
    for number in 0..60 {
        LETTERS.put(&letter(number, "kite")).await.unwrap();
    }
    cloud.advance(minutes(1)).await;
    let of_child = cloud.http().get("/children/child-7/letters").await;
    let ids: Vec<Value> = of_child.json::<Vec<Value>>();
    let mut ids: Vec<&str> = ids
        .iter()
        .filter_map(|letter| letter["id"].as_str())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, ["l-57", "l-7"]);
    let of_country = cloud.http().get("/countries/fi/kite").await;
    assert_eq!(of_country.json::<Value>(), json!(20));
}
