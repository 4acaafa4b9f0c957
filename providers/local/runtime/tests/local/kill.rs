//! A process killed under load: whatever it was told is stored, is stored.
//!
//! The test runs its own binary as the process to kill. It reports every acknowledged operation on
//! a pipe, which outlives it.

use crate::changes::message;
use crate::declare::{application, consumes, handler, key, queue, table, target};
use ifc_local::{Finished, Local, Storage};
use ifc_runtime::handler::Thunk;
use ifc_runtime::queue::{OutgoingMessage, QueueOperations as _};
use ifc_runtime::table::TableOperations as _;
use ifc_runtime::{Application, BoxFuture, Delivery, Outcome, SystemClock};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const DIRECTORY: &str = "IFC_TEST_KILL_DIRECTORY";
const WRITERS: usize = 8;

fn acks(deliveries: Vec<Delivery>) -> BoxFuture<'static, Vec<Outcome>> {
    Box::pin(async move { vec![Outcome::Ack; deliveries.len()] })
}

fn shop() -> Arc<Application> {
    let orders = table("orders", key("id", "string"), Vec::new(), None);
    let work = handler("work", consumes("jobs", 1), 40, Thunk::Event(acks));
    application(vec![orders, queue("jobs", false)], vec![work])
}

fn open(directory: &Path) -> Arc<Local> {
    Local::open(shop(), Storage::directory(directory), Arc::new(SystemClock)).unwrap()
}

fn tell(what: &str, id: &str) {
    // One write, so that a line is in the pipe as a whole or not at all.
    let line = format!("told {what} {id}\n");
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

#[test]
#[ignore = "it is the process that the other test starts and kills"]
fn writes_until_killed() {
    let directory = std::env::var_os(DIRECTORY).expect("started by the other test");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let local = open(Path::new(&directory));
        let run = std::process::id();
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let local = Arc::clone(&local);
            tasks.spawn(async move {
                for n in 0_u64.. {
                    let id = format!("{run}-{writer}-{n}");
                    let order = json!({ "id": id, "n": n }).as_object().unwrap().clone();
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
                    tell("sent", &id);
                }
            });
        }
        tasks.spawn(async move {
            let edge = local.edges()[0].id;
            loop {
                for lease in local.receive(edge, 3).await.unwrap() {
                    tell("finishing", &lease.delivery.id);
                    let end = local
                        .finish(edge, lease.receipt, Outcome::Ack)
                        .await
                        .unwrap();
                    assert_eq!(end, Finished::Acked);
                    tell("finished", &lease.delivery.id);
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        while tasks.join_next().await.is_some() {}
    });
}

#[derive(Default)]
struct Told {
    put: BTreeSet<String>,
    sent: BTreeSet<String>,
    finishing: BTreeSet<String>,
    finished: BTreeSet<String>,
}

/// Starts the writing process, kills it after some reports, and takes down what it was told.
fn run_and_kill(directory: &Path, reports: usize, told: &mut Told) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "kill::writes_until_killed",
            "--exact",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DIRECTORY, directory)
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
        let list = match what {
            "put" => &mut told.put,
            "sent" => &mut told.sent,
            "finishing" => &mut told.finishing,
            _ => &mut told.finished,
        };
        list.insert(id.to_owned());
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

#[test]
fn nothing_that_was_acknowledged_is_lost() {
    let rounds: usize = std::env::var("IFC_TEST_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    let directory = tempfile::tempdir().unwrap();
    let mut told = Told::default();
    for round in 0..rounds * 4 {
        // Anything between a few and many reports, different from round to round.
        let reports = 1 + (round * 7_919 + 13) % 800;
        run_and_kill(directory.path(), reports, &mut told);

        let local = open(directory.path());
        let texts = |items: Vec<serde_json::Map<_, serde_json::Value>>| -> BTreeSet<String> {
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned())
                .collect()
        };
        let stored = texts(local.items("orders").unwrap());
        let lost: Vec<_> = told.put.difference(&stored).collect();
        assert!(lost.is_empty(), "round {round}: lost items {lost:?}");

        let waiting: BTreeSet<String> = local
            .peek("jobs", usize::MAX)
            .unwrap()
            .into_iter()
            .map(|peeked| peeked.id)
            .collect();
        let lost: Vec<_> = told
            .sent
            .iter()
            .filter(|id| !waiting.contains(*id) && !told.finishing.contains(*id))
            .collect();
        assert!(lost.is_empty(), "round {round}: lost messages {lost:?}");
        let back: Vec<_> = told.finished.intersection(&waiting).collect();
        assert!(
            back.is_empty(),
            "round {round}: finished messages came back {back:?}"
        );
    }
    assert!(!told.put.is_empty());
}
