//! The clauses, each with the code that tries to refute it.

use super::{Root, StoreClause};
use ifc_engine::Precondition::{Absent, Any, Matches};
use ifc_engine::{Object, StateStore, StoreError, Version};
use std::sync::Arc;

/// How many writers race.
const WRITERS: usize = 8;

/// More than one page of any store's list: those of S3 and Google have 1,000 entries.
const MANY: usize = 1_050;

macro_rules! clause {
    ($id:literal, $promise:literal, $prove:ident) => {
        StoreClause {
            id: $id,
            promise: $promise,
            prove: |root| Box::pin($prove(root)),
        }
    };
}

pub(super) fn all() -> Vec<StoreClause> {
    vec![
        clause!(
            "absent",
            "what was never written, or deleted, is not there and not listed",
            absent
        ),
        clause!(
            "create-once",
            "`Absent` writes where nothing is and refuses where something is",
            create_once
        ),
        clause!(
            "create-race",
            "of several that create the same object at once, exactly one succeeds",
            create_race
        ),
        clause!(
            "update",
            "`Matches` writes over exactly that version, and says the new one",
            update
        ),
        clause!(
            "update-stale",
            "`Matches` refuses another version than the present one, and absence",
            update_stale
        ),
        clause!(
            "update-race",
            "no update of several concurrent ones is lost",
            update_race
        ),
        clause!(
            "versions",
            "a version is never used twice for a key, for equal bytes and after a deletion too",
            versions
        ),
        clause!(
            "any",
            "`Any` writes in every case, and the last one stays",
            any
        ),
        clause!(
            "delete",
            "a deletion obeys its condition; `Any` deletes nothing without complaint",
            delete
        ),
        clause!(
            "delete-race",
            "of several that delete the same version at once, exactly one succeeds",
            delete_race
        ),
        clause!(
            "list",
            "a list has exactly the keys that begin with the prefix, by bytes, sorted by bytes",
            list
        ),
        clause!("list-many", "a list is complete, however long", list_many),
        clause!(
            "roots",
            "a root shows nothing of another whose name begins alike",
            roots
        ),
        clause!(
            "bytes",
            "bytes come back as they were: none, every value, 8 MiB",
            bytes
        ),
        clause!("keys", "every key of the grammar can be used", keys),
        clause!(
            "read-your-writes",
            "what was acknowledged to one handle is seen by every other at once",
            read_your_writes
        ),
        clause!("errors", "an error names the store and the key", errors),
    ]
}

async fn present(store: &Arc<dyn StateStore>, key: &str) -> Object {
    let object = store.get(key).await.expect("get");
    object.unwrap_or_else(|| panic!("`{key}` is not there"))
}

#[track_caller]
fn refused<T>(result: Result<T, StoreError>, what: &str) {
    match result {
        Ok(_) => panic!("{what} succeeded"),
        Err(error) => assert!(
            error.is_conflict(),
            "{what} is no conflict but: {error} ({:?})",
            error.kind()
        ),
    }
}

/// Runs `work` in `WRITERS` tasks, each with a handle of its own.
async fn together<F, T>(root: &Root, work: impl Fn(usize, Arc<dyn StateStore>) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let tasks: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(work(writer, root.open())))
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        match task.await {
            Ok(result) => results.push(result),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    results
}

/// The one that succeeded. The others were refused, or were asked to try again: both say that
/// nothing was written.
#[track_caller]
fn winner<T>(results: Vec<Result<T, StoreError>>) -> (usize, T) {
    let mut winners = Vec::new();
    for (writer, result) in results.into_iter().enumerate() {
        match result {
            Ok(value) => winners.push((writer, value)),
            Err(error) => assert!(
                error.is_conflict() || error.is_unavailable(),
                "a loser's error: {error} ({:?})",
                error.kind()
            ),
        }
    }
    let count = winners.len();
    winners
        .pop()
        .filter(|_| count == 1)
        .unwrap_or_else(|| panic!("{count} of {WRITERS} succeeded"))
}

async fn absent(root: Root) {
    let store = root.open();
    assert_eq!(store.get("state").await.expect("get"), None);
    assert!(store.list("").await.expect("list").is_empty());
    store.put("journal/1", b"x", &Absent).await.expect("put");
    store.delete("journal/1", &Any).await.expect("delete");
    assert_eq!(store.get("journal/1").await.expect("get"), None);
    assert!(store.list("").await.expect("list").is_empty());
}

async fn create_once(root: Root) {
    let store = root.open();
    let version = store.put("lock", b"first", &Absent).await.expect("create");
    refused(
        store.put("lock", b"second", &Absent).await,
        "a second creation",
    );
    let object = present(&store, "lock").await;
    assert_eq!(object.bytes, b"first");
    assert_eq!(object.version, version);
}

async fn create_race(root: Root) {
    for round in 0..5 {
        let key = format!("lock/{round}");
        let results = together(&root, |writer, store| {
            let key = key.clone();
            async move { store.put(&key, &[writer as u8; 100], &Absent).await }
        })
        .await;
        let (writer, version) = winner(results);
        let object = present(&root.open(), &key).await;
        assert_eq!(object.bytes, [writer as u8; 100]);
        assert_eq!(object.version, version);
    }
}

async fn update(root: Root) {
    let store = root.open();
    let mut version = store.put("state", b"0", &Absent).await.expect("create");
    for serial in 1..5_u8 {
        let bytes = [serial];
        let next = store
            .put("state", &bytes, &Matches(version.clone()))
            .await
            .expect("update");
        assert_ne!(next, version);
        let expected = Object {
            bytes: bytes.to_vec(),
            version: next.clone(),
        };
        assert_eq!(present(&store, "state").await, expected);
        version = next;
    }
}

async fn update_stale(root: Root) {
    let store = root.open();
    let old = store.put("state", b"1", &Absent).await.expect("create");
    let new = store
        .put("state", b"2", &Matches(old.clone()))
        .await
        .expect("update");
    refused(
        store.put("state", b"3", &Matches(old.clone())).await,
        "an update of an old version",
    );
    assert_eq!(present(&store, "state").await.bytes, b"2");
    store
        .delete("state", &Matches(new.clone()))
        .await
        .expect("delete");
    for version in [old, new] {
        refused(
            store.put("state", b"3", &Matches(version)).await,
            "an update of what was deleted",
        );
    }
    assert_eq!(store.get("state").await.expect("get"), None);
}

async fn update_race(root: Root) {
    const EACH: usize = 5;
    let created = root.open().put("counter", b"0", &Absent).await;
    created.expect("create");
    together(&root, |_, store| async move {
        for _ in 0..EACH {
            increment(&store).await;
        }
    })
    .await;
    let bytes = present(&root.open(), "counter").await.bytes;
    let counted = String::from_utf8_lossy(&bytes).into_owned();
    assert_eq!(counted, (WRITERS * EACH).to_string(), "updates were lost");
}

async fn increment(store: &Arc<dyn StateStore>) {
    loop {
        let Object { bytes, version } = present(store, "counter").await;
        let text = String::from_utf8(bytes).expect("the counter is text");
        let count: usize = text.parse().expect("the counter is a number");
        let next = (count + 1).to_string();
        match store
            .put("counter", next.as_bytes(), &Matches(version))
            .await
        {
            Ok(_) => return,
            Err(error) => assert!(error.is_conflict() || error.is_unavailable(), "{error}"),
        }
    }
}

async fn versions(root: Root) {
    let store = root.open();
    let mut seen: Vec<Version> = Vec::new();
    for _ in 0..3 {
        for precondition in [Absent, Any] {
            let version = store.put("state", b"same", &precondition).await;
            seen.push(version.expect("put"));
        }
        store.delete("state", &Any).await.expect("delete");
    }
    let distinct: std::collections::BTreeSet<&Version> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len(), "versions repeat: {seen:?}");
}

async fn any(root: Root) {
    let store = root.open();
    for bytes in [&b"1"[..], b"2", b""] {
        let version = store.put("state", bytes, &Any).await.expect("put");
        let object = present(&store, "state").await;
        assert_eq!((object.bytes.as_slice(), object.version), (bytes, version));
    }
}

async fn delete(root: Root) {
    let store = root.open();
    store
        .delete("state", &Any)
        .await
        .expect("nothing is deleted");
    let old = store.put("state", b"1", &Absent).await.expect("create");
    let new = store.put("state", b"2", &Any).await.expect("put");
    refused(
        store.delete("state", &Matches(old)).await,
        "the deletion of an old version",
    );
    refused(
        store.delete("state", &Absent).await,
        "the deletion of what shall not be there",
    );
    assert_eq!(present(&store, "state").await.bytes, b"2");
    store
        .delete("state", &Matches(new.clone()))
        .await
        .expect("delete");
    refused(
        store.delete("state", &Matches(new)).await,
        "the second deletion of a version",
    );
    store
        .put("state", b"3", &Absent)
        .await
        .expect("create again");
    assert_eq!(present(&store, "state").await.bytes, b"3");
    store.delete("state", &Any).await.expect("delete");
    store.delete("state", &Absent).await.expect("it is absent");
}

async fn delete_race(root: Root) {
    for round in 0..5 {
        let key = format!("lock/{round}");
        let version = root.open().put(&key, b"x", &Absent).await.expect("create");
        let results = together(&root, |_, store| {
            let (key, version) = (key.clone(), version.clone());
            async move { store.delete(&key, &Matches(version)).await }
        })
        .await;
        winner(results);
        assert_eq!(root.open().get(&key).await.expect("get"), None);
    }
}

async fn list(root: Root) {
    let store = root.open();
    let keys = [
        "a", "a-b", "a.b", "a0", "b/1", "b/10", "b/2", "b/2.new", "bc/1", "c/d/e/f", "state",
    ];
    // Written in another order than they are listed in.
    for key in keys.iter().rev() {
        store.put(key, key.as_bytes(), &Absent).await.expect("put");
    }
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    for prefix in [
        "", "a", "b", "b/", "b/1", "b/2", "c/d", "c/d/e/f", "c/d/e/f/", "z", "sta",
    ] {
        let found = store.list(prefix).await.expect("list");
        let expected: Vec<&str> = sorted
            .iter()
            .filter(|key| key.starts_with(prefix))
            .copied()
            .collect();
        assert_eq!(found, expected, "of prefix `{prefix}`");
    }
}

async fn list_many(root: Root) {
    let tasks = together(&root, |writer, store| async move {
        for number in (writer..MANY).step_by(WRITERS) {
            let key = format!("journal/{number:08}");
            store.put(&key, b"", &Absent).await.expect("put");
        }
    });
    tasks.await;
    let found = root.open().list("journal/").await.expect("list");
    let expected: Vec<String> = (0..MANY)
        .map(|number| format!("journal/{number:08}"))
        .collect();
    assert_eq!(found.len(), expected.len());
    assert_eq!(found, expected);
}

async fn roots(root: Root) {
    let (store, neighbour) = (root.open(), root.neighbour());
    store.put("state", b"mine", &Absent).await.expect("put");
    neighbour
        .put("state", b"theirs", &Absent)
        .await
        .expect("put");
    neighbour
        .put("more", b"theirs", &Absent)
        .await
        .expect("put");
    assert_eq!(store.list("").await.expect("list"), ["state"]);
    assert_eq!(present(&store, "state").await.bytes, b"mine");
    store.delete("state", &Any).await.expect("delete");
    assert_eq!(present(&neighbour, "state").await.bytes, b"theirs");
}

async fn bytes(root: Root) {
    let store = root.open();
    let every: Vec<u8> = (0..=255).collect();
    // Not compressible, and of no period that a buffer has.
    let mut random = fastrand::Rng::with_seed(7);
    let large: Vec<u8> = std::iter::repeat_with(|| random.u8(..))
        .take(8 * 1024 * 1024)
        .collect();
    for (key, bytes) in [("none", Vec::new()), ("every", every), ("large", large)] {
        let version = store.put(key, &bytes, &Absent).await.expect("put");
        let object = present(&store, key).await;
        assert!(
            object.bytes == bytes,
            "{key}: {} bytes came back",
            object.bytes.len()
        );
        assert_eq!(object.version, version);
        store
            .put(key, &bytes, &Matches(version))
            .await
            .expect("update");
    }
}

async fn keys(root: Root) {
    let store = root.open();
    let deep = ["x"; 100].join("/");
    let long = format!("{}/{}", "a".repeat(100), "b".repeat(99));
    let mut keys = vec![
        "0",
        "-",
        "...",
        "a.",
        ".a",
        "-./-",
        "a/b.c-d/0",
        "con",
        "index.html",
        &deep,
        &long,
    ];
    for key in &keys {
        store.put(key, key.as_bytes(), &Absent).await.expect(key);
    }
    for key in &keys {
        assert_eq!(present(&store, key).await.bytes, key.as_bytes(), "{key}");
    }
    keys.sort_unstable();
    assert_eq!(store.list("").await.expect("list"), keys);
    for key in &keys {
        store.delete(key, &Any).await.expect(key);
    }
    assert!(store.list("").await.expect("list").is_empty());
}

async fn read_your_writes(root: Root) {
    let (writer, reader) = (root.open(), root.open());
    for round in 0..20_u8 {
        let version = writer.put("state", &[round], &Any).await.expect("put");
        let expected = Object {
            bytes: vec![round],
            version,
        };
        assert_eq!(present(&reader, "state").await, expected);
        let key = format!("journal/{round:02}");
        writer.put(&key, b"x", &Absent).await.expect("put");
        assert_eq!(reader.list("journal/").await.expect("list"), [key.as_str()]);
        writer.delete(&key, &Any).await.expect("delete");
        assert_eq!(reader.get(&key).await.expect("get"), None);
        assert!(reader.list("journal/").await.expect("list").is_empty());
    }
}

async fn errors(root: Root) {
    let store = root.open();
    store.put("lock", b"x", &Absent).await.expect("put");
    let error = store.put("lock", b"x", &Absent).await;
    let error = error.expect_err("a second creation is refused");
    assert_eq!(error.key(), "lock");
    assert_eq!(error.location(), store.location());
    assert!(!store.location().is_empty());
}
