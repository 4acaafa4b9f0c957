//! Tables through their handles: what the SDK checks, typed expressions, versions, pages.
#![allow(clippy::unwrap_used)]

use ifc::prelude::*;
use ifc::test_kit::TestCloud;
use ifc::{Error, ErrorKind, Page};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Item)]
#[serde(rename_all = "camelCase")]
struct Reading {
    #[item(key)]
    meter: String,
    #[item(sort)]
    at: u64,
    #[item(index = "by-place")]
    place: Option<String>,
    kilowatt_hours: f64,
    corrections: i64,
    #[item(ttl)]
    keep_until: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Item)]
struct Account {
    #[item(key)]
    id: u32,
    balance: i64,
    note: Option<String>,
    #[item(version)]
    version: u64,
}

#[resource]
static READINGS: Table<Reading> = Table::new("readings");

#[resource]
static ACCOUNTS: Table<Account> = Table::new("accounts");

fn reading(meter: &str, at: u64) -> Reading {
    Reading {
        meter: meter.to_owned(),
        at,
        place: at.is_multiple_of(2).then(|| "cellar".to_owned()),
        kilowatt_hours: 0.5,
        corrections: 0,
        keep_until: None,
    }
}

fn kind<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[ifc::test]
async fn what_the_contract_does_not_allow_is_refused() {
    let put = async |reading: &Reading| kind(READINGS.put(reading).await);
    assert_eq!(put(&reading("", 1)).await, ErrorKind::Invalid);
    assert_eq!(
        put(&reading(&"m".repeat(1_025), 1)).await,
        ErrorKind::TooLarge
    );
    assert_eq!(put(&reading("m", 1 << 53)).await, ErrorKind::Invalid);
    let mut large = reading("m", 1);
    large.place = Some("p".repeat(400 * 1024));
    assert_eq!(put(&large).await, ErrorKind::TooLarge);
    let mut beyond = reading("m", 1);
    beyond.corrections = i64::MAX;
    let error = READINGS.put(&beyond).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "put on `readings`: the attribute `corrections` is 9223372036854775807: integers beyond \
         ±(2^53 − 1) are not portable, store it as text"
    );

    READINGS.put(&reading("m", 1)).await.unwrap();
    let update = || READINGS.update(("m", 1));
    assert_eq!(kind(update().await), ErrorKind::Invalid);
    assert_eq!(
        kind(update().set(Reading::AT, 2_u64).await),
        ErrorKind::Invalid
    );
    let twice = update()
        .set(Reading::CORRECTIONS, 1_i64)
        .increment(Reading::CORRECTIONS, 1);
    assert_eq!(kind(twice.await), ErrorKind::Invalid);
    assert_eq!(kind(READINGS.query("m").limit(0).await), ErrorKind::Invalid);
    assert_eq!(
        kind(READINGS.query("m").limit(1_001).await),
        ErrorKind::Invalid
    );
    let keys = (0..101).map(|at| ("m", at));
    assert_eq!(kind(READINGS.batch_get(keys).await), ErrorKind::TooLarge);
    assert_eq!(READINGS.batch_get([]).await.unwrap(), []);
}

#[ifc::test]
async fn conditions_and_updates_are_typed() {
    READINGS
        .put(&reading("m", 2))
        .if_not_exists()
        .await
        .unwrap();
    let again = READINGS.put(&reading("m", 2)).if_not_exists().await;
    assert!(again.unwrap_err().is_conflict());

    let changed = READINGS
        .update(("m", 2))
        .set(Reading::KILOWATT_HOURS, 0.75)
        .increment(Reading::CORRECTIONS, 1)
        .remove(Reading::PLACE)
        .when(Reading::KILOWATT_HOURS.lt(0.6))
        .when(Reading::PLACE.exists())
        .await
        .unwrap();
    assert_eq!(changed.kilowatt_hours, 0.75);
    assert_eq!((changed.corrections, changed.place), (1, None));

    let refused = READINGS
        .update(("m", 2))
        .increment(Reading::CORRECTIONS, 1)
        .when(Reading::PLACE.eq("cellar"))
        .await;
    assert!(refused.unwrap_err().is_conflict());
    let absent = READINGS
        .update(("m", 3))
        .increment(Reading::CORRECTIONS, 1)
        .await;
    assert!(absent.unwrap_err().is_not_found());

    READINGS.delete(("m", 9)).await.unwrap();
    let gone = READINGS.delete(("m", 9)).if_exists().await;
    assert!(gone.unwrap_err().is_conflict());
    READINGS
        .delete(("m", 2))
        .when(Reading::CORRECTIONS.ge(1_i64))
        .await
        .unwrap();
    assert_eq!(READINGS.get(("m", 2)).await.unwrap(), None);
}

#[ifc::test]
async fn pages_follow_each_other_in_order(cloud: TestCloud) {
    for at in [5, 1, 4, 2, 3] {
        READINGS.put(&reading("m", at)).await.unwrap();
    }
    READINGS.put(&reading("other", 9)).await.unwrap();
    let times = |readings: &[Reading]| readings.iter().map(|r| r.at).collect::<Vec<_>>();

    let mut seen = Vec::new();
    let mut query = READINGS.query("m").limit(2);
    loop {
        let Page { items, cursor } = query.await.unwrap();
        seen.extend(times(&items));
        match cursor {
            Some(cursor) => query = READINGS.query("m").limit(2).after(&cursor),
            None => break,
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);

    let newest = READINGS.query("m").descending().limit(2).await.unwrap();
    assert_eq!(times(&newest.items), [5, 4]);
    let foreign = READINGS.query("other").after(&newest.cursor.unwrap()).await;
    assert_eq!(kind(foreign), ErrorKind::Invalid);
    let some = READINGS.query("m").sort_between(2, 4).all().await.unwrap();
    assert_eq!(times(&some), [2, 3, 4]);
    assert_eq!(
        times(&READINGS.query("m").sort_gt(3).all().await.unwrap()),
        [4, 5]
    );
    assert_eq!(
        times(&READINGS.query("m").sort_le(2).all().await.unwrap()),
        [1, 2]
    );

    // An index may be behind until then.
    cloud.settle().await;
    let cellar = READINGS
        .query_index(Reading::BY_PLACE, "cellar")
        .all()
        .await
        .unwrap();
    let mut cellar = times(&cellar);
    cellar.sort_unstable();
    assert_eq!(cellar, [2, 4]);
    let known = READINGS
        .batch_get([("m", 4), ("m", 77), ("m", 1)])
        .await
        .unwrap();
    assert_eq!(times(&known), [4, 1]);
}

#[ifc::test]
async fn an_expired_item_is_invisible_to_everything(cloud: TestCloud) {
    let now = cloud
        .now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let mut brief = reading("m", 2);
    brief.keep_until = Some(now + 60);
    READINGS.put(&brief).await.unwrap();
    cloud.advance(seconds(59)).await;
    assert!(READINGS.get(("m", 2)).await.unwrap().is_some());
    cloud.advance(seconds(1)).await;
    assert!(READINGS.get(("m", 2)).await.unwrap().is_none());
    assert_eq!(READINGS.query("m").all().await.unwrap(), []);
    assert_eq!(
        READINGS
            .query_index(Reading::BY_PLACE, "cellar")
            .all()
            .await
            .unwrap(),
        []
    );
    assert!(
        READINGS
            .update(("m", 2))
            .increment(Reading::CORRECTIONS, 1)
            .await
            .unwrap_err()
            .is_not_found()
    );
    READINGS
        .put(&reading("m", 2))
        .if_not_exists()
        .await
        .unwrap();
}

#[ifc::test]
async fn of_two_writers_that_read_the_same_one_wins() {
    let account = Account {
        id: 7,
        balance: 100,
        note: None,
        version: 0,
    };
    ACCOUNTS.put(&account).await.unwrap();
    assert!(ACCOUNTS.put(&account).await.unwrap_err().is_conflict());

    let mut mine = ACCOUNTS.get(7).await.unwrap().unwrap();
    let mut yours = mine.clone();
    assert_eq!(mine.version, 1);
    mine.balance -= 30;
    yours.balance -= 80;
    ACCOUNTS.put(&mine).await.unwrap();
    assert!(ACCOUNTS.put(&yours).await.unwrap_err().is_conflict());

    let updated = ACCOUNTS
        .update(7)
        .increment(Account::BALANCE, 5)
        .if_version(2)
        .await
        .unwrap();
    assert_eq!((updated.balance, updated.version), (75, 3));
    let stale = ACCOUNTS
        .update(7)
        .set(Account::NOTE, "x")
        .if_version(2)
        .await;
    assert!(stale.unwrap_err().is_conflict());
    ACCOUNTS.put(&yours).overwrite().await.unwrap();
    assert_eq!(ACCOUNTS.get(7).await.unwrap().unwrap().balance, 20);
}

#[ifc::test]
async fn a_transaction_happens_as_a_whole() {
    READINGS.put(&reading("m", 1)).await.unwrap();
    READINGS.put(&reading("m", 2)).await.unwrap();
    let write = |limit: i64| {
        READINGS
            .transact()
            .with(READINGS.put(&reading("m", 3)).if_not_exists())
            .with(
                READINGS
                    .update(("m", 1))
                    .increment(Reading::CORRECTIONS, 1)
                    .when(Reading::CORRECTIONS.lt(limit)),
            )
            .with(READINGS.delete(("m", 2)).if_exists())
            .with(READINGS.check(("m", 9)).if_not_exists())
    };
    let error = write(0).await.unwrap_err();
    assert!(error.is_conflict());
    assert_eq!(error.failed_operation(), Some(1));
    assert_eq!(
        error.to_string(),
        "transact on `readings`: operation 2 (update): the condition does not hold: attribute \
         `corrections` does not compare as the condition demands"
    );
    assert_eq!(READINGS.query("m").all().await.unwrap().len(), 2);

    write(1).await.unwrap();
    let left = READINGS.query("m").all().await.unwrap();
    let left: Vec<_> = left.iter().map(|r| (r.at, r.corrections)).collect();
    assert_eq!(left, [(1, 1), (3, 0)]);
}

#[ifc::test]
async fn a_transaction_outside_the_contract_is_refused() {
    assert!(READINGS.transact().await.is_ok(), "of nothing");
    let across = READINGS
        .transact()
        .with(READINGS.put(&reading("m", 1)))
        .with(READINGS.put(&reading("other", 1)));
    let error = across.await.unwrap_err();
    assert!(error.is_unsupported());
    assert_eq!(
        error.to_string(),
        "transact on `readings`: operation 2 (put): E-TBL-02 readings: a transaction over several \
         partitions or tables is not available on azure because a batch of Cosmos DB stays within \
         one partition of one container; give the items one partition key, or make it a workflow \
         whose steps can be undone"
    );
    let meant = READINGS
        .transact_across()
        .with(READINGS.delete(("m", 1)))
        .with(ACCOUNTS.delete(1));
    let error = meant.await.unwrap_err();
    assert!(error.is_unsupported());
    assert!(
        error
            .to_string()
            .starts_with("transact_across on `readings`: E-TBL-02 readings: "),
        "{error}"
    );
    let tables = READINGS.transact().with(ACCOUNTS.delete(1));
    assert!(tables.await.unwrap_err().is_unsupported());
    let twice = READINGS
        .transact()
        .with(READINGS.put(&reading("m", 1)))
        .with(READINGS.delete(("m", 1)));
    assert_eq!(kind(twice.await), ErrorKind::Invalid);
    let nothing = READINGS.transact().with(READINGS.check(("m", 1)));
    assert_eq!(kind(nothing.await), ErrorKind::Invalid);
    let many = (0..101).map(|at| READINGS.delete(("m", at)));
    let many = READINGS.transact().with_all(many);
    assert_eq!(kind(many.await), ErrorKind::TooLarge);
    let large = (0..6).map(|at| {
        let mut reading = reading("m", at);
        reading.place = Some("p".repeat(320_000));
        READINGS.put(&reading)
    });
    let large = READINGS.transact().with_all(large).await.unwrap_err();
    assert!(large.is_too_large(), "{large}");
    assert_eq!(READINGS.query("m").all().await.unwrap(), []);
}

#[ifc::test]
async fn versions_hold_in_transactions() {
    let account = |id, version| Account {
        id,
        balance: 0,
        note: None,
        version,
    };
    ACCOUNTS.put(&account(7, 0)).await.unwrap();
    let stale = ACCOUNTS.transact().with(ACCOUNTS.put(&account(7, 0)));
    assert!(stale.await.unwrap_err().is_conflict());
    let checked = ACCOUNTS.transact().with(ACCOUNTS.check(7).if_version(1));
    checked.await.unwrap();
    let next = ACCOUNTS.transact().with(ACCOUNTS.put(&account(7, 1)));
    next.await.unwrap();
    assert_eq!(ACCOUNTS.get(7).await.unwrap().unwrap().version, 2);
}

#[ifc::test]
async fn a_batch_has_a_result_for_each_item() {
    READINGS.put(&reading("old", 1)).await.unwrap();
    let mut large = reading("m", 2);
    large.place = Some("p".repeat(400 * 1024));
    let results = READINGS
        .batch_write()
        .put(&reading("m", 1))
        .put(&large)
        .delete(("old", 1))
        .delete(("", 1))
        .await
        .unwrap();
    let kinds: Vec<_> = (results.iter())
        .map(|result| result.as_ref().err().map(Error::kind))
        .collect();
    let expected = [
        None,
        Some(ErrorKind::TooLarge),
        None,
        Some(ErrorKind::Invalid),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(READINGS.query("m").all().await.unwrap().len(), 1);
    assert_eq!(READINGS.query("old").all().await.unwrap(), []);

    let batch = |count| {
        (0..count).fold(READINGS.batch_write(), |batch, at| {
            batch.put(&reading("b", at))
        })
    };
    assert_eq!(batch(25).await.unwrap().len(), 25);
    assert_eq!(kind(batch(26).await), ErrorKind::TooLarge);
    let twice = batch(1).delete(("b", 0)).await;
    assert_eq!(kind(twice), ErrorKind::Invalid);
    assert!(READINGS.batch_write().await.unwrap().is_empty());
}

#[ifc::test]
async fn a_scan_reads_everything_once() {
    for meter in ["a", "b", "c"] {
        for at in 0..10 {
            READINGS.put(&reading(meter, at)).await.unwrap();
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut scan = READINGS.scan().limit(7);
    loop {
        let Page { items, cursor } = scan.await.unwrap();
        assert!(items.len() <= 7);
        for item in items {
            assert!(seen.insert((item.meter, item.at)), "seen twice");
        }
        match cursor {
            Some(cursor) => scan = READINGS.scan().limit(7).after(&cursor),
            None => break,
        }
    }
    assert_eq!(seen.len(), 30);
    assert_eq!(kind(READINGS.scan().limit(0).await), ErrorKind::Invalid);
    assert_eq!(kind(READINGS.scan().limit(1_001).await), ErrorKind::Invalid);
}

#[derive(Serialize, Deserialize, Item)]
struct Loose {
    #[item(key)]
    id: String,
    #[serde(flatten)]
    more: std::collections::BTreeMap<String, u8>,
}

#[resource]
static LOOSE: Table<Loose> = Table::new("loose");

#[ifc::test]
async fn attributes_of_the_provider_are_reserved() {
    let more = [("_version".to_owned(), 1)].into();
    let id = "a".to_owned();
    let error = LOOSE.put(&Loose { id, more }).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "put on `loose`: the attribute `_version` begins with `_`: such names are the provider's"
    );
}

#[derive(Debug, Serialize, Deserialize, Item)]
struct Wide {
    #[item(key)]
    id: String,
    a: u8,
    b: u8,
    c: u8,
    d: u8,
    e: u8,
    f: u8,
    g: u8,
    h: u8,
    i: u8,
    j: u8,
    #[item(version)]
    version: u64,
}

#[resource]
static WIDE: Table<Wide> = Table::new("wide");

#[ifc::test]
async fn the_version_is_one_of_ten_changes() {
    let nine = || {
        WIDE.update("x")
            .set(Wide::A, 1)
            .set(Wide::B, 1)
            .set(Wide::C, 1)
            .set(Wide::D, 1)
            .set(Wide::E, 1)
            .set(Wide::F, 1)
            .set(Wide::G, 1)
            .set(Wide::H, 1)
            .set(Wide::I, 1)
    };
    assert_eq!(kind(nine().await), ErrorKind::NotFound);
    assert_eq!(kind(nine().set(Wide::J, 1).await), ErrorKind::Invalid);
}
