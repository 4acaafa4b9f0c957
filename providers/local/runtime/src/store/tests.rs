use super::*;
use redb::StorageBackend;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;

fn open(path: &Path) -> Result<Store, OpenError> {
    Store::open(&Storage::directory(path), Box::new(|_| {}))
}

fn message(result: Result<Store, OpenError>) -> String {
    match result {
        Ok(_) => panic!("opened"),
        Err(error) => error.to_string(),
    }
}

/// Every file of a directory with its content.
fn content(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .filter(|(name, _)| name != "lock")
        .collect();
    files.sort();
    files
}

fn put(store: &Store, key: &'static str, value: &'static str) -> Result<(), Error> {
    store.write_now(move |transaction| transaction.put(key.as_bytes(), value.as_bytes()))
}

fn get(store: &Store, key: &str) -> Option<String> {
    let read = |snapshot: &Snapshot| {
        let value = snapshot.get(key.as_bytes())?;
        Ok(value.map(|value| String::from_utf8(value.value().to_vec()).unwrap()))
    };
    store.read(read).unwrap()
}

#[test]
fn a_directory_is_made_used_and_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a").join("b");
    let store = open(&path).unwrap();
    put(&store, "k", "v").unwrap();
    drop(store);
    assert_eq!(fs::read_to_string(path.join("VERSION")).unwrap(), "1\n");
    assert_eq!(fs::read_to_string(path.join(".gitignore")).unwrap(), "*\n");
    assert_eq!(get(&open(&path).unwrap(), "k").as_deref(), Some("v"));
}

#[test]
fn a_relaxed_store_waits_for_no_disk_and_keeps_what_it_was_given() {
    let directory = tempfile::tempdir().unwrap();
    let relaxed = || {
        let storage = Storage::Directory {
            path: directory.path().to_owned(),
            fsync: Fsync::Relaxed,
            key_file: None,
        };
        Store::open(&storage, Box::new(|_| {})).unwrap()
    };
    put(&relaxed(), "k", "v").unwrap();
    assert_eq!(get(&relaxed(), "k").as_deref(), Some("v"));

    let disk = Arc::new(Disk::default());
    for (sync, expected) in [(false, false), (true, true)] {
        let backend = Arc::clone(&disk);
        let open = move || -> io::Result<Box<dyn StorageBackend>> {
            Ok(Box::new(OnDisk(Arc::clone(&backend))))
        };
        let store = Store::threaded("test".into(), sync, Box::new(open), Box::new(|_| {})).unwrap();
        put(&store, "k", "v").unwrap();
        assert_eq!(disk.syncs.load(Ordering::SeqCst) > 0, expected);
    }
}

#[test]
fn a_directory_in_use_names_its_process() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    put(&store, "k", "v").unwrap();
    let error = message(open(directory.path()));
    assert!(
        error.contains(&format!("in use by process {}", std::process::id())),
        "{error}"
    );
    assert!(error.contains("IFC_DATA_DIR"), "{error}");
    assert_eq!(
        get(&store, "k").as_deref(),
        Some("v"),
        "the holder is undisturbed"
    );
    drop(store);
    open(directory.path()).unwrap();
}

#[test]
fn a_newer_format_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    put(&open(directory.path()).unwrap(), "k", "v").unwrap();
    fs::write(directory.path().join("VERSION"), "2\n").unwrap();
    let before = content(directory.path());
    let error = message(open(directory.path()));
    assert!(
        error.contains("has format 2") && error.contains("up to 1"),
        "{error}"
    );
    assert_eq!(content(directory.path()), before);
}

#[test]
fn damage_is_named_and_left_alone() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage, &str); 5] = [
        (
            "no store",
            |path| fs::remove_file(path.join("store.redb")).unwrap(),
            "missing",
        ),
        (
            "empty store",
            |path| fs::write(path.join("store.redb"), "").unwrap(),
            "empty",
        ),
        (
            "another file",
            |path| fs::write(path.join("store.redb"), "not a store".repeat(1_000)).unwrap(),
            "store.redb",
        ),
        (
            "overwritten pages",
            |path| {
                let file = path.join("store.redb");
                let mut bytes = fs::read(&file).unwrap();
                for byte in &mut bytes[512..] {
                    *byte = byte.wrapping_add(77);
                }
                fs::write(file, bytes).unwrap();
            },
            "store.redb",
        ),
        (
            "version",
            |path| fs::write(path.join("VERSION"), "x").unwrap(),
            "not a format version",
        ),
    ];
    for (name, damage, expected) in damages {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        put(&open(path).unwrap(), "k", "v").unwrap();
        damage(path);
        let before = content(path);
        let error = message(open(path));
        assert!(
            error.contains("is damaged") && error.contains(expected),
            "{name}: {error}"
        );
        assert!(error.contains("ifc local reset"), "{name}: {error}");
        assert_eq!(content(path), before, "{name}");
    }
}

#[test]
fn a_start_that_was_interrupted_begins_again() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("store.redb"), "half a header").unwrap();
    let store = open(directory.path()).unwrap();
    put(&store, "k", "v").unwrap();
    assert_eq!(get(&store, "k").as_deref(), Some("v"));
}

#[test]
fn a_path_that_cannot_be_a_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = message(open(&file.join("below")));
    assert!(
        error.contains("cannot use") && error.contains("below"),
        "{error}"
    );
}

/// A disk in memory that survives its database, with a limit.
#[derive(Debug, Default)]
struct Disk {
    bytes: Mutex<Vec<u8>>,
    is_full: AtomicBool,
    sync_fails: AtomicBool,
    syncs: AtomicU64,
}

#[derive(Debug)]
struct OnDisk(Arc<Disk>);

fn full() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

impl StorageBackend for OnDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.bytes.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.0.bytes.lock().unwrap();
        out.copy_from_slice(&bytes[offset as usize..offset as usize + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut bytes = self.0.bytes.lock().unwrap();
        if len as usize > bytes.len() && self.0.is_full.load(Ordering::SeqCst) {
            return Err(full());
        }
        bytes.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.syncs.fetch_add(1, Ordering::SeqCst);
        match self.0.sync_fails.load(Ordering::SeqCst) {
            true => Err(io::Error::other("the disk went away")),
            false => Ok(()),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut bytes = self.0.bytes.lock().unwrap();
        let place = &mut bytes[offset as usize..offset as usize + data.len()];
        // A file with holes: what was never written needs space; the header was written long ago.
        if self.0.is_full.load(Ordering::SeqCst) && place.iter().all(|byte| *byte == 0) {
            return Err(full());
        }
        place.copy_from_slice(data);
        Ok(())
    }
}

fn on_disk() -> (Arc<Disk>, Store) {
    let disk = Arc::new(Disk::default());
    let backend = Arc::clone(&disk);
    let store = Store::on_backend(move || Ok(Box::new(OnDisk(Arc::clone(&backend))))).unwrap();
    (disk, store)
}

#[test]
fn a_full_disk_costs_only_what_does_not_fit() {
    let (disk, store) = on_disk();
    put(&store, "before", "1").unwrap();
    disk.is_full.store(true, Ordering::SeqCst);
    let mut refused = 0;
    for round in 0..3 {
        // Each needs fresh pages, and with a full disk there are few.
        let result = store.write_now(move |transaction| {
            transaction.put(b"large", &vec![1_u8; 200_000 * (round + 5)])
        });
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let text = error.to_string();
        assert!(
            text.contains("cannot write") && text.contains("nothing of this"),
            "{text}"
        );
        assert!(error.is_retry_safe());
        refused += 1;
        assert_eq!(get(&store, "before").as_deref(), Some("1"), "reads go on");
        assert_eq!(get(&store, "large"), None, "nothing is half done");
    }
    assert_eq!(refused, 3);
    disk.is_full.store(false, Ordering::SeqCst);
    put(&store, "after", "2").unwrap();
    assert_eq!(get(&store, "after").as_deref(), Some("2"));
    assert_eq!(get(&store, "before").as_deref(), Some("1"));
}

fn job<T: Send + 'static>(
    command: impl FnOnce(&mut Transaction<'_, '_>) -> Result<T, Fault> + Send + 'static,
) -> (
    Job,
    tokio::sync::oneshot::Receiver<Result<writer::Value, Error>>,
) {
    Job::new(erased(command))
}

#[test]
fn a_failed_commit_fails_everyone_who_shared_it() {
    let (disk, store) = on_disk();
    put(&store, "before", "1").unwrap();
    disk.is_full.store(true, Ordering::SeqCst);
    let (refusing, mut refused) =
        job(|_| -> Result<(), Fault> { Err(Fault::refused(ErrorKind::Conflict, "no")) });
    let (small, mut small_answer) = job(|t| t.put(b"small", b"x"));
    let (large, mut large_answer) = job(|t| t.put(b"large", &vec![1_u8; 4_000_000]));
    let (late, mut late_answer) = job(|t| t.put(b"late", b"x"));
    // Two have come together, two while those ran.
    let mut more = vec![large, late];
    let mut arrived = |jobs: &mut Vec<Job>| jobs.append(&mut more);
    store.database.run(vec![refusing, small], &mut arrived);
    assert!(
        refused.try_recv().unwrap().unwrap_err().is_conflict(),
        "a refusal stands"
    );
    for answer in [&mut small_answer, &mut large_answer, &mut late_answer] {
        let error = answer.try_recv().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
    for key in ["small", "large", "late"] {
        assert_eq!(get(&store, key), None);
    }
    assert_eq!(get(&store, "before").as_deref(), Some("1"));
}

#[test]
fn an_unconfirmed_commit_is_reported_as_such() {
    let (disk, store) = on_disk();
    put(&store, "before", "1").unwrap();
    disk.sync_fails.store(true, Ordering::SeqCst);
    let error = put(&store, "k", "v").unwrap_err();
    assert!(error.to_string().contains("did not confirm"), "{error}");
    assert!(!error.is_retry_safe());
    disk.sync_fails.store(false, Ordering::SeqCst);
    assert_eq!(get(&store, "before").as_deref(), Some("1"));
    put(&store, "later", "2").unwrap();
    assert_eq!(get(&store, "later").as_deref(), Some("2"));
}

#[test]
fn a_refused_command_leaves_no_commit_and_a_panicking_one_no_trace() {
    let (disk, store) = on_disk();
    put(&store, "k", "v").unwrap();
    let syncs = disk.syncs.load(Ordering::SeqCst);
    let refused = store
        .write_now(|_| -> Result<(), Fault> { Err(Fault::refused(ErrorKind::Conflict, "no")) });
    assert!(refused.unwrap_err().is_conflict());
    assert_eq!(
        disk.syncs.load(Ordering::SeqCst),
        syncs,
        "nothing to commit"
    );

    let panicked = store.write_now(|transaction| -> Result<(), Fault> {
        transaction.put(b"k", b"half")?;
        panic!("a bug");
    });
    assert!(panicked.unwrap_err().to_string().contains("bug"));
    assert_eq!(get(&store, "k").as_deref(), Some("v"));
    put(&store, "k", "w").unwrap();
    assert_eq!(get(&store, "k").as_deref(), Some("w"));
}

#[tokio::test]
async fn what_arrives_while_others_run_shares_their_commit() {
    let (disk, store) = on_disk();
    let syncs = || disk.syncs.load(Ordering::SeqCst);
    let before = syncs();
    store.write(|t| t.put(b"alone", b"")).await.unwrap();
    let one_commit = syncs() - before;

    let before = syncs();
    let (begun, has_begun) = std::sync::mpsc::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel();
    let mut first = std::pin::pin!(store.write(move |transaction| {
        begun.send(()).unwrap();
        may_go_on.recv().unwrap();
        transaction.put(b"first", b"")
    }));
    let mut second = std::pin::pin!(store.write(|t| t.put(b"second", b"")));
    assert!(is_pending(&mut first).await);
    has_begun.recv().unwrap();
    assert!(is_pending(&mut second).await);
    go_on.send(()).unwrap();
    first.await.unwrap();
    second.await.unwrap();
    assert_eq!(syncs() - before, one_commit);
    assert!(get(&store, "first").is_some() && get(&store, "second").is_some());
}

/// Polls once; whether it is still pending.
async fn is_pending<F: Future>(future: &mut std::pin::Pin<&mut F>) -> bool {
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_share_commits_and_lose_nothing() {
    const WRITERS: u64 = 32;
    const EACH: u64 = 25;
    let (disk, store) = on_disk();
    let store = Arc::new(store);
    let before = disk.syncs.load(Ordering::SeqCst);
    let key = b"counter";
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut last = 0;
            for round in 0..EACH {
                let count = store
                    .write(move |transaction| {
                        let count = transaction
                            .get(key)?
                            .map_or(0, |value| u64::from_be_bytes(value.try_into().unwrap()))
                            + 1;
                        transaction.put(key, &count.to_be_bytes())?;
                        let own = [writer.to_be_bytes(), round.to_be_bytes()].concat();
                        transaction.put(&own, b"")?;
                        Ok(count)
                    })
                    .await
                    .unwrap();
                assert!(count > last, "commands run one after the other");
                last = count;
                let own = [writer.to_be_bytes(), round.to_be_bytes()].concat();
                let seen = store
                    .read(|s| Ok(s.get(own.as_slice())?.is_some()))
                    .unwrap();
                assert!(seen, "what is answered is visible");
            }
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
    let total = store
        .read(|s| Ok(s.get(key.as_slice())?.unwrap().value().to_vec()))
        .unwrap();
    assert_eq!(
        u64::from_be_bytes(total.try_into().unwrap()),
        WRITERS * EACH
    );
    let syncs = disk.syncs.load(Ordering::SeqCst) - before;
    assert!(
        syncs < WRITERS * EACH,
        "{syncs} commits for {} commands",
        WRITERS * EACH
    );
}

#[test]
fn listeners_hear_of_commits_and_only_of_them() {
    let heard = Arc::new(AtomicUsize::new(0));
    let listener = {
        let heard = Arc::clone(&heard);
        Box::new(move |queue: u32| {
            assert_eq!(queue, 4);
            heard.fetch_add(1, Ordering::SeqCst);
        })
    };
    let store = Store::open(&Storage::Memory, listener).unwrap();
    let touch = |refuse: bool| {
        store.write_now(move |transaction| {
            transaction.touch(4);
            match refuse {
                true => panic!("before the commit"),
                false => transaction.put(b"k", b"v"),
            }
        })
    };
    touch(false).unwrap();
    assert_eq!(heard.load(Ordering::SeqCst), 1);
    assert!(touch(true).is_err());
    assert_eq!(heard.load(Ordering::SeqCst), 1);
}

#[test]
fn a_closed_store_refuses_and_opens_again_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    put(&store, "k", "v").unwrap();
    store.close();
    assert_eq!(
        put(&store, "k", "w").unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    assert!(store.read(|_| Ok(())).is_err());
    drop(store);
    assert_eq!(
        get(&open(directory.path()).unwrap(), "k").as_deref(),
        Some("v")
    );
}
