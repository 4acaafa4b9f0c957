//! Full disks, dying machines and foreign files. What needs a second process is in
//! `providers/state/tests/processes.rs`.

use super::*;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use tempfile::TempDir;

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

/// What happens at one step of a write.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The step fails; the process goes on.
    Fails(ErrorKind),
    /// The step fails and so does every later one: as if the process were dead.
    Dies,
}

/// A disk of which the step `at` has a fault. A file that cannot be written gets half of its bytes.
struct Faulty {
    fault: Fault,
    steps: Mutex<Steps>,
}

struct Steps {
    left: usize,
    taken: bool,
}

impl Faulty {
    fn new(at: usize, fault: Fault) -> Faulty {
        let steps = Steps {
            left: at,
            taken: false,
        };
        Faulty {
            fault,
            steps: Mutex::new(steps),
        }
    }

    fn step(&self) -> io::Result<()> {
        let mut steps = self.steps.lock().unwrap();
        if steps.taken && matches!(self.fault, Fault::Dies) {
            return Err(ErrorKind::Other.into());
        }
        if !steps.taken && steps.left == 0 {
            steps.taken = true;
            return Err(match self.fault {
                Fault::Fails(kind) => kind.into(),
                Fault::Dies => ErrorKind::Other.into(),
            });
        }
        steps.left = steps.left.saturating_sub(1);
        Ok(())
    }
}

/// So that a test can still ask whether its fault was met.
struct Shared(Arc<Faulty>);

impl Disk for Shared {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.0.step()?;
        Real.create_folder(folder)
    }

    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        match self.0.step() {
            Ok(()) => Real.write(file, bytes),
            Err(error) => {
                Real.write(file, &bytes[..bytes.len() / 2])?;
                Err(error)
            }
        }
    }

    fn sync_file(&self, file: &Path) -> io::Result<()> {
        self.0.step()?;
        Real.sync_file(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.step()?;
        Real.rename(from, to)
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        self.0.step()?;
        Real.remove(file)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.0.step()?;
        Real.sync_folder(folder)
    }
}

fn bytes(store: &FolderStore, key: &str) -> Option<Vec<u8>> {
    now(store.get(key)).unwrap().map(|object| object.bytes)
}

/// Tries a write with a fault at each of its steps in turn, until there are no more. `judge` is
/// given the result and the store without faults.
fn at_every_step(
    fault: Fault,
    prepare: impl Fn(&FolderStore),
    write: impl Fn(&FolderStore) -> Result<(), StoreError>,
    judge: impl Fn(usize, Result<(), StoreError>, &FolderStore),
) {
    for step in 0.. {
        let place = TempDir::new().unwrap();
        let root = place.path().join("stage");
        let sound = FolderStore::new(&root);
        prepare(&sound);
        let disk = Arc::new(Faulty::new(step, fault));
        let faulty = FolderStore::on(&root, Box::new(Shared(disk.clone())), LOCK_WITHIN);
        let result = write(&faulty);
        let met = disk.steps.lock().unwrap().taken;
        if !met {
            result.unwrap();
            assert!(step > 0, "a write has steps");
            return;
        }
        judge(step, result, &sound);
        // Whatever happened, the next writer finds an order that it can go on from.
        now(sound.put("journal/1", b"next", &Precondition::Any)).unwrap();
        assert_eq!(bytes(&sound, "journal/1").unwrap(), b"next");
        assert_eq!(now(sound.list("")).unwrap().last().unwrap(), "journal/1");
    }
}

fn put(store: &FolderStore, new: &[u8]) -> Result<(), StoreError> {
    now(store.put("journal/1", new, &Precondition::Any)).map(drop)
}

#[test]
fn a_full_disk_costs_nothing_that_is_there() {
    for existing in [None, Some(&b"old"[..])] {
        at_every_step(
            Fault::Fails(ErrorKind::StorageFull),
            |store| {
                if let Some(old) = existing {
                    put(store, old).unwrap();
                }
            },
            |store| put(store, &[7; 100_000]),
            |step, result, store| {
                let error = result.unwrap_err();
                let present = bytes(store, "journal/1");
                match error.is_uncertain() {
                    // Only what follows the rename can leave that open.
                    true => assert_eq!(present.unwrap(), [7; 100_000], "step {step}"),
                    false => {
                        assert_eq!(*error.kind(), StoreErrorKind::Full, "step {step}");
                        assert_eq!(present.as_deref(), existing, "step {step}");
                    }
                }
                let left = store.folder.root.join(NEW);
                assert!(!left.exists(), "step {step} leaves {}", left.display());
            },
        );
    }
}

#[test]
fn a_process_that_dies_at_any_step_leaves_old_or_new() {
    for existing in [None, Some(&b"old"[..])] {
        at_every_step(
            Fault::Dies,
            |store| {
                if let Some(old) = existing {
                    put(store, old).unwrap();
                }
            },
            |store| put(store, b"new"),
            |step, result, store| {
                result.unwrap_err();
                let present = bytes(store, "journal/1");
                let old_or_new =
                    present.as_deref() == existing || present.as_deref() == Some(b"new");
                assert!(old_or_new, "step {step}: {present:?}");
            },
        );
    }
}

#[test]
fn a_deletion_fails_or_is_done_at_any_step() {
    for fault in [Fault::Dies, Fault::Fails(ErrorKind::ReadOnlyFilesystem)] {
        at_every_step(
            fault,
            |store| put(store, b"old").unwrap(),
            |store| now(store.delete("journal/1", &Precondition::Any)),
            |step, result, store| {
                let error = result.unwrap_err();
                let present = bytes(store, "journal/1");
                match error.is_uncertain() {
                    true => assert_eq!(present, None, "step {step}"),
                    false => assert_eq!(present.unwrap(), b"old", "step {step}"),
                }
            },
        );
    }
}

#[test]
fn what_the_system_says_is_passed_on() {
    use StoreErrorKind::*;
    for (error, read, write) in [
        (ErrorKind::StorageFull, Full, Full),
        (ErrorKind::QuotaExceeded, Full, Full),
        (ErrorKind::FileTooLarge, Full, Full),
        (ErrorKind::ReadOnlyFilesystem, ReadOnly, ReadOnly),
        (ErrorKind::PermissionDenied, Denied, ReadOnly),
        (ErrorKind::IsADirectory, Other, Other),
    ] {
        assert_eq!(kind(Access::Read, error), read, "{error}");
        assert_eq!(kind(Access::Write, error), write, "{error}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_can_be_read() {
    let place = TempDir::new().unwrap();
    let store = FolderStore::new(place.path());
    put(&store, b"old").unwrap();
    let denied = Faulty::new(0, Fault::Fails(ErrorKind::PermissionDenied));
    let denied = FolderStore::on(
        place.path(),
        Box::new(Shared(Arc::new(denied))),
        LOCK_WITHIN,
    );
    let error = put(&denied, b"new").unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::ReadOnly);
    let text = error.to_string();
    assert!(text.contains("`journal/1` cannot be written"), "{text}");
    assert!(text.contains(&place.path().display().to_string()), "{text}");
    assert_eq!(bytes(&denied, "journal/1").unwrap(), b"old");
}

#[test]
fn foreign_files_are_left_alone() {
    let place = TempDir::new().unwrap();
    let store = FolderStore::new(place.path());
    put(&store, b"ours").unwrap();
    for name in [
        "README.md",
        ".DS_Store",
        "~new",
        "state copy",
        "Ä",
        "journal/1~",
    ] {
        fs::write(place.path().join(name), "foreign").unwrap();
    }
    fs::create_dir(place.path().join("Trash")).unwrap();
    fs::write(place.path().join("Trash/state"), "foreign").unwrap();
    assert_eq!(now(store.list("")).unwrap(), ["journal/1"]);
    now(store.delete("journal/1", &Precondition::Any)).unwrap();
    assert!(now(store.list("")).unwrap().is_empty());
    assert!(place.path().join("journal/1~").exists());
    assert!(place.path().join("Trash/state").exists());
}

#[test]
fn what_was_cut_or_written_by_hand_is_damaged() {
    let place = TempDir::new().unwrap();
    let store = FolderStore::new(place.path());
    let version = now(store.put("state", b"serial 7", &Precondition::Absent)).unwrap();
    let file = place.path().join("state");
    let whole = fs::read(&file).unwrap();
    for cut in [0, 1, whole.len() - 1] {
        fs::write(&file, &whole[..cut]).unwrap();
        let error = now(store.get("state")).unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Corrupt, "cut to {cut}");
        let matches = Precondition::Matches(version.clone());
        let error = now(store.put("state", b"8", &matches)).unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Corrupt, "cut to {cut}");
        assert!(
            now(store.put("state", b"8", &Precondition::Absent))
                .unwrap_err()
                .is_conflict()
        );
        assert_eq!(
            fs::read(&file).unwrap(),
            &whole[..cut],
            "nothing was changed"
        );
    }
}

#[test]
fn keys_cannot_leave_the_folder() {
    let place = TempDir::new().unwrap();
    let store = FolderStore::new(place.path().join("stage"));
    for key in ["../escape", "/etc/passwd", "a/../../escape", "", "~lock"] {
        for result in [
            now(store.get(key)).map(drop),
            now(store.put(key, b"x", &Precondition::Any)).map(drop),
            now(store.delete(key, &Precondition::Any)),
        ] {
            assert_eq!(*result.unwrap_err().kind(), StoreErrorKind::Other, "{key}");
        }
    }
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn reading_creates_nothing() {
    let place = TempDir::new().unwrap();
    let root = place.path().join("not/there");
    let store = FolderStore::new(&root);
    assert_eq!(bytes(&store, "state"), None);
    assert!(now(store.list("")).unwrap().is_empty());
    now(store.delete("state", &Precondition::Any)).unwrap();
    let version = Precondition::Matches(Version::new("0"));
    assert!(
        now(store.delete("state", &version))
            .unwrap_err()
            .is_conflict()
    );
    assert!(!root.exists());
    put(&store, b"x").unwrap();
    assert_eq!(bytes(&store, "journal/1").unwrap(), b"x");
}

#[test]
fn a_stopped_writer_is_named_and_not_waited_for_forever() {
    let place = TempDir::new().unwrap();
    let store = FolderStore::on(place.path(), Box::new(Real), Duration::ZERO);
    put(&store, b"old").unwrap();
    // Another handle on the file is another holder, as another process would be.
    let holder = File::create(place.path().join(LOCK)).unwrap();
    holder.lock().unwrap();
    let error = put(&store, b"new").unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("`~lock`"), "{cause}");
    assert_eq!(bytes(&store, "journal/1").unwrap(), b"old");
    drop(holder);
    put(&store, b"new").unwrap();
}

#[cfg(unix)]
#[test]
fn others_cannot_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let place = TempDir::new().unwrap();
    let root = place.path().join("stage");
    put(&FolderStore::new(&root), b"x").unwrap();
    for (path, mode) in [
        ("", 0o700),
        ("journal", 0o700),
        ("journal/1", 0o600),
        (LOCK, 0o600),
    ] {
        let found = fs::metadata(root.join(path)).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{path}");
    }
}
