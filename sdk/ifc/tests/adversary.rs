//! The unkind cloud of a test: what it does, what it never does, and that a seed repeats it.
#![allow(clippy::unwrap_used)]

use ifc::prelude::*;
use ifc::test_kit::{Plan, TestCloud, TraceEvent, run};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::SystemTime;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Item)]
struct Parcel {
    #[item(key)]
    id: u32,
    #[item(index = "by-shelf")]
    shelf: String,
    touched: u32,
}

#[resource]
static PARCELS: Table<Parcel> = Table::new("parcels");

#[resource]
static INCOMING: Queue<u32> = Queue::new("incoming");

#[resource]
static STEPS: Queue<u32> = Queue::new("steps").fifo();

/// What came out of a handler, in order.
#[resource]
static LOG: Queue<String> = Queue::new("log");

/// Counts what a process has done since it started.
struct Memory(Mutex<u32>);

impl Provide for Memory {
    async fn provide() -> Result<Self> {
        Ok(Memory(Mutex::new(0)))
    }
}

#[consumer(INCOMING, batch = 5)]
async fn store(parcels: Batch<u32>, memory: State<Memory>) -> Result<()> {
    let size = parcels.len();
    let so_far = {
        let mut done = memory.0.lock().unwrap();
        *done += 1;
        *done
    };
    for parcel in parcels {
        let stored = PARCELS.get(parcel.body).await?;
        PARCELS
            .put(&Parcel {
                id: parcel.body,
                shelf: "a".to_owned(),
                touched: stored.map_or(0, |stored| stored.touched) + 1,
            })
            .await?;
        LOG.send(&format!("{} in {size}, {so_far}", parcel.body))
            .await?;
    }
    Ok(())
}

#[consumer(STEPS, batch = 3)]
async fn step(step: Event<u32>) -> Result<()> {
    LOG.send(&format!("{} {}", step.group.unwrap(), step.body))
        .await?;
    Ok(())
}

async fn send_parcels() {
    for parcel in 0..30 {
        INCOMING.send(&parcel).await.unwrap();
    }
}

/// Everything that can be seen of a run.
async fn history(cloud: &TestCloud) -> String {
    send_parcels().await;
    for step in 0..9 {
        let group = ["x", "y", "z"][step as usize % 3];
        STEPS.send(&step).group(group).await.unwrap();
    }
    cloud.advance(seconds(200)).await;
    let mut seen = format!("{:#?}", cloud.trace());
    for _ in 0..5 {
        let shelf = PARCELS.query_index(Parcel::BY_SHELF, "a").limit(7).await;
        seen += &format!("{shelf:?}");
        PARCELS.delete(seen.len() as u32 % 30).await.unwrap();
        tokio::time::sleep(seconds(1)).await;
    }
    cloud.settle().await;
    seen + &format!("{:?}{:#?}", cloud.now(), cloud.queue(&LOG).messages())
}

fn with_seed(seed: u64) -> String {
    let plan = Plan {
        seed: Some(seed),
        ..Plan::default()
    };
    let kept = Mutex::new(String::new());
    run(
        env!("CARGO_PKG_NAME"),
        "adversary::with_seed",
        plan,
        async |cloud| {
            *kept.lock().unwrap() = history(&cloud).await;
        },
    );
    kept.into_inner().unwrap()
}

#[test]
fn a_seed_repeats_a_run_to_the_last_id() {
    if std::env::var_os("IFC_SEED").is_some() {
        return;
    }
    let runs: Vec<String> = (0..8).map(with_seed).collect();
    for (seed, first) in (0..).zip(&runs) {
        assert!(*first == with_seed(seed), "seed {seed} gave two histories");
    }
    let distinct: BTreeSet<&String> = runs.iter().collect();
    assert_eq!(distinct.len(), runs.len(), "two seeds gave one history");
}

#[ifc::test(seeds = 60)]
async fn nothing_is_lost_and_no_order_that_is_promised_is_broken(cloud: TestCloud) {
    send_parcels().await;
    for number in 0..12 {
        let group = ["x", "y", "z"][number as usize % 3];
        STEPS.send(&number).group(group).await.unwrap();
    }
    cloud.settle().await;

    let stored: Vec<u32> = cloud.table(&PARCELS).items().iter().map(|p| p.id).collect();
    assert_eq!(stored, (0..30).collect::<Vec<_>>());
    assert!(cloud.dead_letters(&INCOMING).is_empty());
    assert!(cloud.dead_letters(&STEPS).is_empty());
    let log = cloud.queue(&LOG).messages();
    for group in ["x", "y", "z"] {
        let mut steps: Vec<u32> = (log.iter().filter_map(|line| line.strip_prefix(group)))
            .map(|step| step.trim().parse().unwrap())
            .collect();
        steps.dedup();
        assert!(steps.is_sorted(), "{group}: {steps:?}");
        assert_eq!(steps.len(), 4);
    }
    // No read is behind any more.
    let shelf = PARCELS.query_index(Parcel::BY_SHELF, "a").all().await;
    assert_eq!(shelf.unwrap().len(), 30);
}

#[ifc::test(seeds = 50)]
async fn a_strong_read_sees_every_write_and_a_stale_one_is_at_most_two_seconds_old(
    cloud: TestCloud,
) {
    let parcel = |touched| Parcel {
        id: 1,
        shelf: "a".to_owned(),
        touched,
    };
    let mut written = BTreeMap::new();
    for touched in 1..=20 {
        PARCELS.put(&parcel(touched)).await.unwrap();
        written.insert(cloud.now(), touched);
        let strong = PARCELS.get(1).await.unwrap().unwrap();
        assert_eq!(strong.touched, touched);
        let eventual = PARCELS.get(1).eventual().await.unwrap();
        let eventual = eventual.map_or(0, |parcel| parcel.touched);
        let then = cloud.now().checked_sub(seconds(2)).unwrap();
        let oldest = written.range(..=then).next_back();
        let oldest = oldest.map_or(0, |(_, touched)| *touched);
        assert!((oldest..=touched).contains(&eventual), "{eventual}");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
}

/// How often something was seen in so many seeds.
#[derive(Default)]
struct Sightings(Mutex<BTreeMap<&'static str, u32>>);

impl Sightings {
    fn see(&self, what: &'static str, is_there: bool) {
        *self.0.lock().unwrap().entry(what).or_default() += u32::from(is_there);
    }
}

/// The mode is worth nothing if it does not do what it says.
#[test]
fn each_unkindness_is_met() {
    let sightings = Sightings::default();
    let plan = Plan {
        seeds: Some(60),
        ..Plan::default()
    };
    run(
        env!("CARGO_PKG_NAME"),
        "adversary::each",
        plan,
        async |cloud| {
            let start = cloud.now();
            send_parcels().await;
            cloud.settle().await;
            look(&sightings, &cloud, start);
            PARCELS.delete(3).await.unwrap();
            let shelf = PARCELS.query_index(Parcel::BY_SHELF, "a").all().await;
            sightings.see("a stale index", shelf.unwrap().len() == 30);
        },
    );
    if std::env::var_os("IFC_SEED").is_some() {
        return;
    }
    let seen = sightings.0.into_inner().unwrap();
    assert!(seen.values().all(|times| *times > 0), "{seen:?}");
}

fn look(sightings: &Sightings, cloud: &TestCloud, start: SystemTime) {
    let trace = cloud.trace();
    let mut attempts: BTreeMap<(&str, u32), u32> = BTreeMap::new();
    // Attempts of which the handler said that they were done.
    let mut said: BTreeSet<(&str, u32)> = BTreeSet::new();
    for entry in trace.deliveries_to("store") {
        let TraceEvent::Delivery {
            event_id,
            attempt,
            outcome,
            ..
        } = &entry.event
        else {
            continue;
        };
        *attempts.entry((event_id, *attempt)).or_default() += 1;
        sightings.see("a killed unit", outcome.is_none());
        let known = said.contains(&(event_id.as_str(), attempt - 1));
        sightings.see("an outcome that came too late", known);
        if *outcome == Some(Outcome::Ack) {
            said.insert((event_id, *attempt));
        }
        sightings.see(
            "a second copy",
            attempts[&(event_id.as_str(), *attempt)] > 1,
        );
        let late = entry.time.duration_since(start).unwrap() >= seconds(1);
        sightings.see("a second copy, later", late && *attempt == 1);
    }
    let failed = trace
        .entries()
        .iter()
        .any(|entry| matches!(entry.event, TraceEvent::Operation { succeeded, .. } if !succeeded));
    sightings.see("an operation that fails", failed);
    let log = cloud.queue(&LOG).messages();
    let order: Vec<&str> = log
        .iter()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let sent: Vec<String> = (0..30).map(|parcel| parcel.to_string()).collect();
    sightings.see("another order", order != sent);
    for size in ["in 1,", "in 2,", "in 4,", "in 5,"] {
        sightings.see(
            "a batch of any size",
            log.iter().any(|line| line.contains(size)),
        );
    }
    let fresh = log.iter().filter(|line| line.ends_with(", 1")).count();
    sightings.see("a process that forgot", fresh > 5);
    let parcels = cloud.table(&PARCELS).items();
    sightings.see("a double effect", parcels.iter().any(|p| p.touched > 1));
}

#[ifc::test(benign)]
async fn a_kind_cloud_delivers_once_in_order(cloud: TestCloud) {
    send_parcels().await;
    cloud.settle().await;
    let log = cloud.queue(&LOG).messages();
    let expected: Vec<String> = (0..30)
        .map(|parcel| format!("{parcel} in 5, {}", parcel / 5 + 1))
        .collect();
    assert_eq!(log, expected);
    PARCELS.delete(3).await.unwrap();
    let shelf = PARCELS.query_index(Parcel::BY_SHELF, "a").all().await;
    assert_eq!(shelf.unwrap().len(), 29);
}

#[ifc::test(seeds = 30)]
async fn where_no_time_passes_nothing_is_lost(cloud: TestCloud) {
    send_parcels().await;
    cloud.run_due().await;
    assert!(cloud.queue(&INCOMING).is_empty());
    assert_eq!(cloud.table(&PARCELS).items().len(), 30);
}

#[ifc::test(seeds = 30)]
async fn kindness_can_be_had_from_here_on(cloud: TestCloud) {
    cloud.benign();
    send_parcels().await;
    cloud.settle().await;
    let parcels = cloud.table(&PARCELS).items();
    assert!(parcels.iter().all(|parcel| parcel.touched == 1));
}
