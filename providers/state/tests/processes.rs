//! Several processes on one folder: they exclude each other, and may be killed at any moment.
//!
//! The other processes are this test program again, told by the environment what to do.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use ifc_engine::{Precondition, StateStore, StoreError};
use ifc_state::FolderStore;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tempfile::TempDir;

/// Names the folder to a child.
const FOLDER: &str = "IFC_STATE_TEST_FOLDER";

/// Without a runtime every operation is done when it is first asked.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a folder's operation waits"),
    }
}

/// Starts this program again to run one of the tests that are children.
fn child(test: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// The folder of a child; `None` when a person runs ignored tests.
fn folder() -> Option<FolderStore> {
    Some(FolderStore::new(std::env::var_os(FOLDER)?))
}

fn number(store: &FolderStore, key: &str) -> u64 {
    let object = now(store.get(key)).unwrap();
    object.map_or(0, |object| whole(&object.bytes))
}

/// A body that shows a mixture of two: a number, many times.
fn body(number: u64) -> Vec<u8> {
    number
        .to_le_bytes()
        .repeat(8_000 + (number % 7) as usize * 1_000)
}

/// The number of a body.
fn whole(body: &[u8]) -> u64 {
    let number = u64::from_le_bytes(body[..8].try_into().unwrap());
    assert_eq!(body, self::body(number), "a mixture of two writes");
    number
}

fn increment(store: &FolderStore, key: &str) -> Result<u64, StoreError> {
    let (next, precondition) = match now(store.get(key))? {
        Some(object) => (
            whole(&object.bytes) + 1,
            Precondition::Matches(object.version),
        ),
        None => (1, Precondition::Absent),
    };
    now(store.put(key, &body(next), &precondition)).map(|_| next)
}

#[test]
#[ignore = "a child of `a_killed_writer_leaves_old_or_new`"]
fn child_that_is_killed() {
    let Some(store) = folder() else { return };
    loop {
        let next = increment(&store, "deep/state").unwrap();
        // Acknowledged: from now on nobody may see less.
        let acknowledged = now(store.put("acknowledged", &body(next), &Precondition::Any));
        acknowledged.unwrap();
        now(store.put("deep/er/journal", b"x", &Precondition::Any)).unwrap();
        now(store.delete("deep/er/journal", &Precondition::Any)).unwrap();
    }
}

#[test]
fn a_killed_writer_leaves_old_or_new() {
    const KILLS: u64 = 60;
    let place = TempDir::new().unwrap();
    let store = FolderStore::new(place.path());
    let mut random = fastrand::Rng::with_seed(7);
    let mut last = 0;
    for kill in 0..KILLS {
        let mut child = child("child_that_is_killed", place.path());
        // Every other one has written at all when it is killed; how far it gets is chance.
        while kill % 2 == 0 && number(&store, "deep/state") == last {
            assert!(child.try_wait().unwrap().is_none(), "the writer failed");
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(Duration::from_micros(random.u64(..8_000)));
        child.kill().unwrap();
        child.wait().unwrap();

        let state = number(&store, "deep/state");
        let acknowledged = number(&store, "acknowledged");
        let known = acknowledged == state || acknowledged + 1 == state;
        assert!(
            known,
            "kill {kill}: {acknowledged} acknowledged, {state} found"
        );
        for key in now(store.list("")).unwrap() {
            assert!(now(store.get(&key)).unwrap().is_some(), "{key} is listed");
        }
        // The lock died with its holder, and what it left does not matter.
        last = increment(&store, "deep/state").unwrap();
        assert_eq!(last, state + 1);
        now(store.put("acknowledged", &body(last), &Precondition::Any)).unwrap();
    }
}

const ROUNDS: u64 = 150;

#[test]
#[ignore = "a child of `of_several_processes_exactly_one_wins`"]
fn child_that_races() {
    let Some(store) = folder() else { return };
    for round in 0..ROUNDS {
        let winner = std::process::id().to_string();
        let key = format!("round/{round}");
        match now(store.put(&key, winner.as_bytes(), &Precondition::Absent)) {
            // Every victory is counted, so that two in one round would be seen.
            Ok(_) => loop {
                match increment(&store, "victories") {
                    Ok(_) => break,
                    Err(error) => assert!(error.is_conflict(), "{error}"),
                }
            },
            Err(error) => assert!(error.is_conflict(), "{error}"),
        }
    }
}

#[test]
fn of_several_processes_exactly_one_wins() {
    let place = TempDir::new().unwrap();
    let children: Vec<Child> = (0..4)
        .map(|_| child("child_that_races", place.path()))
        .collect();
    let ids: Vec<String> = children
        .iter()
        .map(|child| child.id().to_string())
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let store = FolderStore::new(place.path());
    assert_eq!(number(&store, "victories"), ROUNDS);
    for round in 0..ROUNDS {
        let object = now(store.get(&format!("round/{round}"))).unwrap().unwrap();
        let winner = String::from_utf8(object.bytes).unwrap();
        assert!(ids.contains(&winner), "round {round}: {winner}");
    }
}

#[test]
#[ignore = "a child of `a_file_that_may_not_grow_costs_nothing_that_is_there`"]
fn child_that_may_write_little() {
    let Some(store) = folder() else { return };
    let error = now(store.put("state", &[1; 100_000], &Precondition::Any)).unwrap_err();
    assert_eq!(*error.kind(), ifc_engine::StoreErrorKind::Full, "{error}");
    now(store.put("small", b"x", &Precondition::Any)).unwrap();
}

#[test]
fn a_file_that_may_not_grow_costs_nothing_that_is_there() {
    let place = TempDir::new().unwrap();
    let store = FolderStore::new(place.path());
    now(store.put("state", b"old", &Precondition::Any)).unwrap();
    // The shell's unit is 512 or 1,024 bytes; both are less than what is written. With the signal
    // ignored, which children inherit, the system call fails as on a full disk.
    let limited = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 20; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_may_write_little", "--ignored"])
        .env(FOLDER, place.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&limited.stdout);
    assert!(
        limited.status.success() && said.contains("1 passed"),
        "{limited:?}"
    );
    assert_eq!(now(store.get("state")).unwrap().unwrap().bytes, b"old");
    assert_eq!(now(store.list("")).unwrap(), ["small", "state"]);
}
