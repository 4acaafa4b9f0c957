//! Tables, queues, topics and streams of the embedded provider, against the same work by hand on the same
//! store with the same durability: one writer, whose commits concurrent callers share.
//!
//! Both sides run in this process and in turns. Ours goes the whole way of application code:
//! handles, limits, JSON, provider, store.

use ifc::prelude::*;
use ifc::runtime::{Application, Environment, SystemClock};
use ifc_bench::raw::Raw;
use ifc_bench::{Target, median, report};
use ifc_local::{Finished, Local, Storage};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[derive(Serialize, Deserialize, Item)]
struct Order {
    #[item(key)]
    id: String,
    #[item(index = "by-customer")]
    customer: String,
    total_cents: u64,
}

#[resource]
static ORDERS: Table<Order> = Table::new("orders");

#[resource]
static JOBS: Queue<Order> = Queue::new("jobs");

#[resource]
static EVENTS: Topic<Order> = Topic::new("events");

#[resource]
static RECORDS: Stream<Order> = Stream::new("records");

/// The handlers are not run: the bench takes what is due and acknowledges it.
#[consumer(JOBS)]
async fn work(_: Order) {}

#[subscriber(EVENTS)]
async fn first(_: Order) {}

#[subscriber(EVENTS)]
async fn second(_: Order) {}

#[stream_consumer(RECORDS)]
async fn follow(_: Order) {}

const ROUNDS: u64 = 5;
const ROUND: Duration = Duration::from_millis(1_500);
/// Messages of the memory figure.
const MANY: usize = 1_000_000;

fn order(number: u64) -> Order {
    Order {
        id: format!("o-{number}"),
        customer: format!("c-{}", number % 100),
        total_cents: 1_250,
    }
}

/// What one round came to.
struct Round {
    /// Operations a second.
    rate: f64,
    /// Processor time of one operation, in µs, of all threads; `None` where the system does not say.
    processor: Option<f64>,
}

/// Processor time that this process has used, in µs. The system counts it in ticks of 10 ms.
fn processor() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may have spaces; user and system time are the 12th and 13th after it.
    let (_, fields) = status.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some((next()? + next()?) * 10_000.0)
}

/// Lets so many clients work for one round.
async fn round<F, Fut>(clients: u64, operation: F) -> Round
where
    F: Fn(u64) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let (started, before) = (Instant::now(), processor());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let operation = operation.clone();
        tasks.spawn(async move {
            let mut done = 0_u64;
            while started.elapsed() < ROUND {
                operation(NEXT.fetch_add(1, Ordering::Relaxed)).await;
                done += 1;
            }
            done
        });
    }
    let done: u64 = tasks.join_all().await.into_iter().sum();
    Round {
        rate: done as f64 / started.elapsed().as_secs_f64(),
        processor: (processor().zip(before)).map(|(after, before)| (after - before) / done as f64),
    }
}

async fn compare<O, OFut, R, RFut>(what: &str, clients: u64, ours: O, raw: R)
where
    O: Fn(u64) -> OFut + Clone + Send + 'static,
    OFut: Future<Output = ()> + Send,
    R: Fn(u64) -> RFut + Clone + Send + 'static,
    RFut: Future<Output = ()> + Send,
{
    if !chosen(&format!("{what}, {clients} clients")) {
        return;
    }
    let (mut our_rounds, mut raw_rounds) = (Vec::new(), Vec::new());
    // The first round warms up both and is not counted; who goes first changes.
    for number in 0..=ROUNDS {
        let (our_round, raw_round) = if number % 2 == 0 {
            let our_round = round(clients, ours.clone()).await;
            (our_round, round(clients, raw.clone()).await)
        } else {
            let raw_round = round(clients, raw.clone()).await;
            (round(clients, ours.clone()).await, raw_round)
        };
        if number > 0 {
            our_rounds.push(our_round);
            raw_rounds.push(raw_round);
        }
    }
    let pairs = our_rounds.iter().zip(&raw_rounds);
    let ratio = median(pairs.map(|(our, raw)| our.rate / raw.rate).collect());
    let what = format!("{what}, {clients} clients");
    let rate = |rounds: &[Round]| {
        let rates = rounds.iter().map(|round| round.rate);
        format!("{:.0}/s", median(rates.collect()))
    };
    let (ours, raw) = (rate(&our_rounds), rate(&raw_rounds));
    report(&what, &ours, &raw, ratio, Target::AtLeast(0.8));
    let used = |rounds: &[Round]| {
        let times: Option<Vec<f64>> = rounds.iter().map(|round| round.processor).collect();
        times.map(median)
    };
    // Told beside it, because how long a commit waits for the disk changes by the hour.
    if let Some((our, raw)) = used(&our_rounds).zip(used(&raw_rounds)) {
        let (ours, raws) = (format!("{our:.1} µs"), format!("{raw:.1} µs"));
        let what = "  processor time of one";
        println!(
            "{what:<44} {ours:>14} vs {raws:>14}  ratio {:>6.3}",
            our / raw
        );
    }
}

/// Takes one event of the edge at this position and acknowledges it. Whoever takes has added one
/// before, so there is one for everybody; others of its key may have to be done first.
async fn take(local: &Local, edge: usize) {
    let edge = local.edges()[edge].id;
    loop {
        let leases = local.receive(edge, 1).await.expect("the store works");
        if let Some(lease) = leases.into_iter().next() {
            let finished = local.finish(edge, lease.receipt, Outcome::Ack).await;
            assert_eq!(finished.expect("the store works"), Finished::Acked);
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// This process's resident memory, in MiB; `None` where the system does not say.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1_024.0)
}

/// Whether the command line asks for this part: a word chooses the parts whose names contain it.
fn chosen(name: &str) -> bool {
    let mut words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"));
    words.next().is_none_or(|word| name.contains(&word))
}

async fn memory() {
    if !chosen("memory") {
        return;
    }
    let before = resident();
    let started = Instant::now();
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..50 {
        senders.spawn(async move {
            for batch in 0..MANY / 500 {
                let first = (sender * MANY + batch * 10) as u64;
                let orders: Vec<Order> = (first..first + 10).map(order).collect();
                let results = JOBS.send_batch(&orders).await.expect("the store works");
                assert!(results.iter().all(Result::is_ok));
            }
        });
    }
    senders.join_all().await;
    let took = started.elapsed().as_secs_f64();
    match (before, resident()) {
        (Some(before), Some(after)) => println!(
            "{MANY} messages waiting in a queue: {before:.0} MiB before, {after:.0} MiB after, \
             sent in {took:.1} s"
        ),
        _ => println!("memory of {MANY} waiting messages: skipped, the system does not tell it"),
    }
}

async fn run() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let application = Arc::new(Application::load("ifc-bench").expect("sound declarations"));
    let storage = Storage::directory(directory.path().join("ours"));
    let local = Local::open(application.clone(), storage, Arc::new(SystemClock));
    let local = local.expect("a new directory");
    Environment::new(local.clone(), application).enter_process();
    let raw = Arc::new(Raw::open(&directory.path().join("raw.redb")));
    let edge = |unit: &str| {
        let mut edges = local.edges().iter();
        let position = edges.position(|edge| edge.unit == unit);
        position.expect("it is declared above")
    };
    let (work, first, second) = (edge("work"), edge("first"), edge("second"));
    let follow = edge("follow");
    for clients in [32, 1] {
        let by_hand = raw.clone();
        compare(
            "table: put with an index",
            clients,
            async |number| ORDERS.put(&order(number)).await.expect("the store works"),
            move |number| {
                let raw = by_hand.clone();
                async move {
                    let order = order(number);
                    let item = serde_json::to_vec(&order).expect("it has a JSON form");
                    raw.put(order.id, order.customer, item).await;
                }
            },
        )
        .await;
        let (ours, by_hand) = (local.clone(), raw.clone());
        compare(
            "queue: send, receive, acknowledge",
            clients,
            move |number| {
                let local = ours.clone();
                async move {
                    JOBS.send(&order(number)).await.expect("the store works");
                    take(&local, work).await;
                }
            },
            move |number| {
                let raw = by_hand.clone();
                async move {
                    let body = serde_json::to_vec(&order(number)).expect("it has a JSON form");
                    raw.send(&[0], body).await;
                    raw.take(0).await;
                }
            },
        )
        .await;
        let (ours, by_hand) = (local.clone(), raw.clone());
        compare(
            "topic: publish to two, receive, acknowledge",
            clients,
            move |number| {
                let local = ours.clone();
                async move {
                    EVENTS
                        .publish(&order(number))
                        .await
                        .expect("the store works");
                    take(&local, first).await;
                    take(&local, second).await;
                }
            },
            move |number| {
                let raw = by_hand.clone();
                async move {
                    let body = serde_json::to_vec(&order(number)).expect("it has a JSON form");
                    raw.send(&[1, 2], body).await;
                    raw.take(1).await;
                    raw.take(2).await;
                }
            },
        )
        .await;
        let (ours, by_hand) = (local.clone(), raw.clone());
        compare(
            "stream: append, receive, acknowledge",
            clients,
            move |number| {
                let local = ours.clone();
                async move {
                    let key = format!("k-{}", number % 64);
                    let append = RECORDS.append(&key, &order(number));
                    append.await.expect("the store works");
                    take(&local, follow).await;
                }
            },
            move |number| {
                let raw = by_hand.clone();
                async move {
                    let key = 64 + (number % 64) as u8;
                    let body = serde_json::to_vec(&order(number)).expect("it has a JSON form");
                    raw.append(key, body).await;
                    raw.follow(key).await;
                }
            },
        )
        .await;
    }
    memory().await;
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("the operating system grants a runtime");
    runtime.block_on(run());
}
