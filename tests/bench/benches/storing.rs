//! Tables, queues, topics and streams of the embedded provider, against the same work by hand on the same
//! store with the same durability: one writer, whose commits concurrent callers share.
//!
//! Both sides run in this process and in turns. Ours goes the whole way of application code:
//! handles, limits, JSON, provider, store.

use ifc::prelude::*;
use ifc::runtime::{Application, Environment, SystemClock};
use ifc_bench::raw::Raw;
use ifc_bench::{Target, median, report};
use ifc_local::{Local, Storage};
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

/// Operations a second that so many clients get done in one round.
async fn rate<F, Fut>(clients: u64, operation: F) -> f64
where
    F: Fn(u64) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let started = Instant::now();
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
    done as f64 / started.elapsed().as_secs_f64()
}

async fn compare<O, OFut, R, RFut>(what: &str, clients: u64, ours: O, raw: R)
where
    O: Fn(u64) -> OFut + Clone + Send + 'static,
    OFut: Future<Output = ()> + Send,
    R: Fn(u64) -> RFut + Clone + Send + 'static,
    RFut: Future<Output = ()> + Send,
{
    let (mut our_rates, mut raw_rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    // The first round warms up both and is not counted; who goes first changes.
    for round in 0..=ROUNDS {
        let (our_rate, raw_rate) = if round % 2 == 0 {
            let our_rate = rate(clients, ours.clone()).await;
            (our_rate, rate(clients, raw.clone()).await)
        } else {
            let raw_rate = rate(clients, raw.clone()).await;
            (rate(clients, ours.clone()).await, raw_rate)
        };
        if round > 0 {
            our_rates.push(our_rate);
            raw_rates.push(raw_rate);
            ratios.push(our_rate / raw_rate);
        }
    }
    let rate = |rates| format!("{:.0}/s", median(rates));
    let what = format!("{what}, {clients} clients");
    report(
        &what,
        &rate(our_rates),
        &rate(raw_rates),
        median(ratios),
        Target::AtLeast(0.8),
    );
}

/// Takes one event of the edge at this position and acknowledges it.
async fn take(local: &Local, edge: usize) {
    let edge = local.edges()[edge].id;
    for lease in local.receive(edge, 1).await.expect("the store works") {
        let finished = local.finish(edge, lease.receipt, Outcome::Ack).await;
        finished.expect("the store works");
    }
}

/// This process's resident memory, in MiB; `None` where the system does not say.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1_024.0)
}

async fn memory() {
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
