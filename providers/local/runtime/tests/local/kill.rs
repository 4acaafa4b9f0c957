//! A process killed under mixed load: whatever it was told is stored, is stored; whatever it was
//! told is done, stays done; and a fifo queue keeps its order through all of it.
//!
//! The test runs its own binary as the process to kill. It reports every acknowledged operation on
//! a pipe, which outlives it. `IFC_TEST_ROUNDS=250` kills it a thousand times.

use crate::changes::message;
use crate::declare::{
    Manual, application, consumes, follows, handler, key, map, queue, resource, subscribes, table,
    target, text,
};
use ifc_local::{EdgeId, Finished, Local, Storage};
use ifc_manifest::Kind;
use ifc_manifest::format::Value;
use ifc_runtime::bucket::{BucketOperations as _, Content, PutCondition, PutObject};
use ifc_runtime::handler::Thunk;
use ifc_runtime::queue::{OutgoingMessage, QueueOperations as _};
use ifc_runtime::stream::{StreamOperations as _, StreamRecord};
use ifc_runtime::table::TableOperations as _;
use ifc_runtime::topic::{TopicMessage, TopicOperations as _};
use ifc_runtime::{Application, BoxFuture, Delivery, Outcome, SystemClock, TraceContext};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const DIRECTORY: &str = "IFC_TEST_KILL_DIRECTORY";
/// The number of the process: what it writes has this in its ids, and sorts after what earlier
/// ones wrote.
const RUN: &str = "IFC_TEST_KILL_RUN";
const ROUNDS: &str = "IFC_TEST_ROUNDS";
const KILLS_PER_ROUND: usize = 4;

const WRITERS: u64 = 4;
/// Units with queues, and what their queues are called.
const UNITS: [(&str, &str); 4] = [
    ("work", "jobs"),
    ("walk", "steps"),
    ("first", "first"),
    ("second", "second"),
];
/// Fifo messages of one run have numbers from a thousand thousands on.
const NUMBERS_PER_RUN: u64 = 1_000_000;

fn acks(deliveries: Vec<Delivery>) -> BoxFuture<'static, Vec<Outcome>> {
    Box::pin(async move { vec![Outcome::Ack; deliveries.len()] })
}

fn shop() -> Arc<Application> {
    let resources = vec![
        table("orders", key("id", "string"), Vec::new(), None),
        queue("jobs", false),
        queue("steps", true),
        resource(Kind::Topic, "events", map([("fifo", Value::Bool(false))])),
        resource(
            Kind::Stream,
            "records",
            map([("retention_ms", Value::Integer(86_400_000))]),
        ),
        resource(
            Kind::Bucket,
            "objects",
            map([
                ("retention", text("retain")),
                ("expiry", Value::Array(Vec::new())),
            ]),
        ),
    ];
    let handlers = vec![
        handler("work", consumes("jobs", 1), 40, Thunk::Event(acks)),
        handler("walk", consumes("steps", 1), 40, Thunk::Event(acks)),
        handler("first", subscribes("events"), 40, Thunk::Event(acks)),
        handler("second", subscribes("events"), 40, Thunk::Event(acks)),
        handler("follow", follows("records"), 40, Thunk::Event(acks)),
    ];
    application(resources, handlers)
}

fn open(directory: &Path) -> Arc<Local> {
    Local::open(shop(), Storage::directory(directory), Arc::new(SystemClock)).unwrap()
}

fn tell(what: &str, id: &str) {
    // One write, so that a line is in the pipe as a whole or not at all.
    let line = format!("told {what} {id}\n");
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

/// The body of an object can be told from its key: long enough for several pages.
fn body_of(key: &str) -> Vec<u8> {
    key.as_bytes().repeat(200)
}

async fn write(local: &Local, run: u64, writer: u64) {
    for number in 0_u64.. {
        let id = format!("{run}-{writer}-{number}");
        let order = json!({ "id": id, "n": number })
            .as_object()
            .unwrap()
            .clone();
        local
            .put(target("orders"), order, Vec::new())
            .await
            .unwrap();
        tell("put", &id);
        let job = OutgoingMessage {
            id: Some(id.clone()),
            ..message("1", None)
        };
        local.send(target("jobs"), vec![job]).await.unwrap();
        tell("sent:jobs", &id);
        let step = format!("{writer}:{}", run * NUMBERS_PER_RUN + number);
        let walked = OutgoingMessage {
            id: Some(step.clone()),
            group: Some(format!("g{writer}")),
            ..message("1", None)
        };
        local.send(target("steps"), vec![walked]).await.unwrap();
        tell("sent:steps", &step);
        let event = TopicMessage {
            id: Some(id.clone()),
            body: b"1".to_vec(),
            attributes: BTreeMap::new(),
            group: None,
            trace: TraceContext::root(),
        };
        local.publish(target("events"), vec![event]).await.unwrap();
        tell("sent:first", &id);
        tell("sent:second", &id);
        let record = StreamRecord {
            key: format!("k{writer}"),
            body: format!("\"{step}\"").into_bytes(),
            trace: TraceContext::root(),
        };
        local.append(target("records"), vec![record]).await.unwrap();
        tell("sent:records", &step);
        if number.is_multiple_of(4) {
            let object = PutObject {
                key: id.clone(),
                content: Content::Bytes(body_of(&id).into()),
                content_type: "text/plain".to_owned(),
                metadata: BTreeMap::new(),
                condition: PutCondition::Always,
            };
            local.put_object(target("objects"), object).await.unwrap();
            tell("object", &id);
        }
    }
}

/// A record of the stream is known by its body.
fn step_of(body: &[u8]) -> String {
    String::from_utf8_lossy(body).trim_matches('"').to_owned()
}

async fn follow(local: &Local, edge: EdgeId) {
    loop {
        for lease in local.receive(edge, 3).await.unwrap() {
            tell("finishing:records", &step_of(&lease.delivery.body));
            let _ = local
                .finish(edge, lease.receipt, Outcome::Ack)
                .await
                .unwrap();
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn consume(local: &Local, edge: EdgeId, queue: &str) {
    loop {
        for lease in local.receive(edge, 3).await.unwrap() {
            tell(&format!("finishing:{queue}"), &lease.delivery.id);
            let end = local.finish(edge, lease.receipt, Outcome::Ack).await;
            assert_eq!(end.unwrap(), Finished::Acked);
            tell(&format!("finished:{queue}"), &lease.delivery.id);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn edge_of(local: &Local, unit: &str) -> EdgeId {
    let mut edges = local.edges().iter();
    edges.find(|edge| edge.unit == unit).unwrap().id
}

#[test]
#[ignore = "it is the process that the other test starts and kills"]
fn writes_until_killed() {
    let directory = std::env::var_os(DIRECTORY).expect("started by the other test");
    let run: u64 = std::env::var(RUN).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let local = open(Path::new(&directory));
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let local = Arc::clone(&local);
            tasks.spawn(async move { write(&local, run, writer).await });
        }
        for (unit, queue) in UNITS {
            let local = Arc::clone(&local);
            let edge = edge_of(&local, unit);
            tasks.spawn(async move { consume(&local, edge, queue).await });
        }
        let edge = edge_of(&local, "follow");
        tasks.spawn(async move { follow(&local, edge).await });
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    });
}

/// What the killed processes were told, by what it is about.
#[derive(Default)]
struct Told {
    ids: BTreeMap<String, BTreeSet<String>>,
    /// The fifo messages, in the order in which they were handed to the consumer.
    steps: Vec<String>,
    /// The records of the stream, likewise.
    records: Vec<String>,
}

impl Told {
    fn of(&self, what: &str) -> BTreeSet<String> {
        self.ids.get(what).cloned().unwrap_or_default()
    }
}

/// Starts the writing process, kills it after some reports, and takes down what it was told.
fn run_and_kill(directory: &Path, run: usize, reports: usize, told: &mut Told) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "kill::writes_until_killed",
            "--exact",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DIRECTORY, directory)
        .env(RUN, run.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut seen = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // The test runner's own output may stand before the first report.
        let Some((_, report)) = line.split_once("told ") else {
            continue;
        };
        let (what, id) = report.split_once(' ').unwrap();
        match what {
            "finishing:steps" => told.steps.push(id.to_owned()),
            "finishing:records" => told.records.push(id.to_owned()),
            _ => {}
        }
        let ids = told.ids.entry(what.to_owned()).or_default();
        ids.insert(id.to_owned());
        seen += 1;
        if seen == reports {
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(
        seen >= reports && !status.success(),
        "it ended by itself: {status}"
    );
}

/// Nothing that was acknowledged is lost, and nothing that was done comes back.
fn check_queues(local: &Local, told: &Told, run: usize) {
    for (_, queue) in UNITS {
        let peeked = local.peek(queue, usize::MAX).unwrap();
        let waiting: BTreeSet<String> = peeked.into_iter().map(|peeked| peeked.id).collect();
        let (sent, finishing) = (
            told.of(&format!("sent:{queue}")),
            told.of(&format!("finishing:{queue}")),
        );
        let lost: Vec<_> = sent
            .iter()
            .filter(|id| !waiting.contains(*id) && !finishing.contains(*id))
            .collect();
        assert!(lost.is_empty(), "kill {run}: `{queue}` lost {lost:?}");
        let finished = told.of(&format!("finished:{queue}"));
        let back: Vec<_> = finished.intersection(&waiting).collect();
        assert!(
            back.is_empty(),
            "kill {run}: in `{queue}` came back {back:?}"
        );
        assert_eq!(local.depth(queue).unwrap().dead, 0, "kill {run}: `{queue}`");
    }
}

/// Each group's messages were handed over in the order in which they were sent; one may have been
/// handed over again before the next.
fn check_order(handed: &[String], sent: &BTreeSet<String>, run: usize) {
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for step in handed {
        let (group, number) = step.split_once(':').unwrap();
        let number: u64 = number.parse().unwrap();
        let before = last.insert(group, number).unwrap_or(0);
        assert!(
            number >= before,
            "kill {run}: in group {group} {number} came after {before}"
        );
    }
    // None was passed over: what was told to be sent before another has been handed over before it.
    let handed: BTreeSet<&String> = handed.iter().collect();
    for id in sent {
        let (group, number) = id.split_once(':').unwrap();
        let number: u64 = number.parse().unwrap();
        let passed = last.get(group).is_some_and(|last| number < *last);
        assert!(
            !passed || handed.contains(id),
            "kill {run}: {id} was passed over"
        );
    }
}

/// Reads what is left of the stream.
async fn read_to_the_end(local: &Local, records: &mut Vec<String>) {
    let edge = edge_of(local, "follow");
    loop {
        let leases = local.receive(edge, 100).await.unwrap();
        if leases.is_empty() {
            return;
        }
        for lease in leases {
            records.push(step_of(&lease.delivery.body));
            let _ = local
                .finish(edge, lease.receipt, Outcome::Ack)
                .await
                .unwrap();
        }
    }
}

async fn check_objects(local: &Local, told: &Told, run: usize) {
    for key in told.of("object") {
        let object = local.get_object(target("objects"), key.clone(), None);
        let object = object.await.unwrap();
        let object = object.unwrap_or_else(|| panic!("kill {run}: object {key} is lost"));
        let body = ifc_runtime::axum::body::to_bytes(object.body, usize::MAX).await;
        assert!(body.unwrap() == body_of(&key), "kill {run}: object {key}");
    }
}

#[test]
fn nothing_that_was_acknowledged_is_lost() {
    let rounds: usize = std::env::var(ROUNDS)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut operations = 0;
    for round in 0..rounds {
        // A directory for each round, or looking through everything would take longer every time.
        let directory = tempfile::tempdir().unwrap();
        let mut told = Told::default();
        for kill in 0..KILLS_PER_ROUND {
            let run = round * KILLS_PER_ROUND + kill;
            // Anything between a few and many reports, different from kill to kill.
            let reports = 1 + (run * 7_919 + 13) % 1_200;
            run_and_kill(directory.path(), run + 1, reports, &mut told);

            let local = open(directory.path());
            let items = local.items("orders").unwrap();
            let stored: BTreeSet<String> = items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned())
                .collect();
            let put = told.of("put");
            let lost: Vec<_> = put.difference(&stored).collect();
            assert!(lost.is_empty(), "kill {run}: lost items {lost:?}");
            check_queues(&local, &told, run);
            check_order(&told.steps, &told.of("sent:steps"), run);
            check_order(&told.records, &told.of("sent:records"), run);
            runtime.block_on(check_objects(&local, &told, run));
        }
        // An hour later nothing waits for its next delivery any more.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let later = Manual::at(since.unwrap().as_secs() + 3_600);
        let local = Local::open(shop(), Storage::directory(directory.path()), later).unwrap();
        runtime.block_on(read_to_the_end(&local, &mut told.records));
        drop(local);
        let read: BTreeSet<&String> = told.records.iter().collect();
        let sent = told.of("sent:records");
        let lost: Vec<_> = sent.iter().filter(|id| !read.contains(id)).collect();
        assert!(lost.is_empty(), "round {round}: the stream lost {lost:?}");
        check_order(&told.records, &sent, round * KILLS_PER_ROUND);
        for what in [
            "put",
            "sent:jobs",
            "finished:steps",
            "finished:second",
            "object",
        ] {
            assert!(
                !told.of(what).is_empty(),
                "round {round}: nothing was {what}"
            );
        }
        operations += told.ids.values().map(BTreeSet::len).sum::<usize>();
    }
    println!(
        "{} kills, {operations} acknowledged operations, none lost",
        rounds * KILLS_PER_ROUND
    );
}
