//! A folder of the local disk: a file per object.
//!
//! Writers exclude each other by an advisory lock on a file, which the operating system takes from
//! a process that ends in whatever way; it is held for one comparison and one write. A write goes
//! to a file of its own, which then takes the object's name, so that readers need no lock and see
//! old bytes or new ones.
//!
//! Files with names that are no keys are left alone and not listed.

mod disk;
#[cfg(test)]
mod tests;

use crate::key::{is_key, is_segment};
use crate::mark;
use disk::{Disk, Real};
use ifc_engine::{
    Object, Precondition, StateStore, StoreError, StoreErrorKind, Version, async_trait,
};
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The file that writers lock. Not a key, as is `~new`.
const LOCK: &str = "~lock";

/// Where the next object is written before it gets its name. One is enough, because of the lock;
/// what a killed writer left there is overwritten.
const NEW: &str = "~new";

/// For how long a writer waits for another one. A write takes milliseconds, so that only a stopped
/// process or a hanging disk holds the lock for longer.
const LOCK_WITHIN: Duration = Duration::from_secs(10);

/// Objects in a folder, for one machine and any number of processes. The folder is created by the
/// first write.
///
/// Operations run on tokio's threads for blocking work where there is a tokio runtime, and on the
/// calling thread otherwise. Network file systems are as good as their locks and renames are.
#[derive(Clone)]
pub struct FolderStore {
    folder: Arc<Folder>,
}

struct Folder {
    root: PathBuf,
    disk: Box<dyn Disk>,
    lock_within: Duration,
}

impl FolderStore {
    /// The store in the folder `root`, which need not exist.
    pub fn new(root: impl Into<PathBuf>) -> FolderStore {
        FolderStore::on(root, Box::new(Real), LOCK_WITHIN)
    }

    fn on(root: impl Into<PathBuf>, disk: Box<dyn Disk>, lock_within: Duration) -> FolderStore {
        let folder = Folder {
            root: root.into(),
            disk,
            lock_within,
        };
        FolderStore {
            folder: Arc::new(folder),
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        key: &str,
        work: impl FnOnce(&Folder, &str) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return work(&self.folder, key);
        };
        let (folder, owned) = (Arc::clone(&self.folder), key.to_owned());
        let done = runtime.spawn_blocking(move || work(&folder, &owned)).await;
        done.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Never begun, because the runtime is ending.
            Err(error) => Err(self
                .folder
                .error(StoreErrorKind::Unavailable { retry_after: None }, key)
                .caused_by(error)),
        })
    }
}

#[async_trait]
impl StateStore for FolderStore {
    fn location(&self) -> String {
        self.folder.location()
    }

    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        self.run(key, Folder::get).await
    }

    async fn put(
        &self,
        key: &str,
        bytes: &[u8],
        precondition: &Precondition,
    ) -> Result<Version, StoreError> {
        let (sealed, random) = mark::seal(bytes);
        let precondition = precondition.clone();
        self.run(key, move |folder, key| {
            folder.put(key, &sealed, &precondition)?;
            Ok(Version::new(random))
        })
        .await
    }

    async fn delete(&self, key: &str, precondition: &Precondition) -> Result<(), StoreError> {
        let precondition = precondition.clone();
        self.run(key, move |folder, key| folder.delete(key, &precondition))
            .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.run(prefix, Folder::list).await
    }
}

/// Whether an operation reads or writes: the same answer of the system means different things.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

impl Folder {
    fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        let sealed = match fs::read(self.path(key)?) {
            Ok(sealed) => sealed,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(self.failed(Access::Read, key, error)),
        };
        let (bytes, random) = mark::open(sealed).ok_or_else(|| self.unmarked(key))?;
        Ok(Some(Object {
            bytes,
            version: Version::new(random),
        }))
    }

    fn put(&self, key: &str, sealed: &[u8], precondition: &Precondition) -> Result<(), StoreError> {
        let path = self.path(key)?;
        let failed = |error| self.failed(Access::Write, key, error);
        let _lock = self.lock(key)?;
        self.require(key, &path, precondition)?;
        let new = self.root.join(NEW);
        let parent = path.parent().unwrap_or(&self.root);
        let written = self
            .create_folders(parent)
            .and_then(|()| self.disk.write(&new, sealed))
            .and_then(|()| self.disk.sync_file(&new))
            .and_then(|()| self.disk.rename(&new, &path));
        if let Err(error) = written {
            // It would be overwritten by the next write; on a full disk its space matters.
            let _ = self.disk.remove(&new);
            return Err(failed(error));
        }
        // The object has its new bytes, and could have its old ones again after a power cut.
        self.disk
            .sync_folder(parent)
            .map_err(|error| self.uncertain(key, error))
    }

    fn delete(&self, key: &str, precondition: &Precondition) -> Result<(), StoreError> {
        let path = self.path(key)?;
        if !self.root.exists() {
            return self.require(key, &path, precondition);
        }
        let _lock = self.lock(key)?;
        self.require(key, &path, precondition)?;
        match self.disk.remove(&path) {
            Ok(()) => {}
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(self.failed(Access::Write, key, error)),
        }
        let parents = path.ancestors().skip(1);
        let mut parents = parents.take_while(|folder| *folder != self.root).peekable();
        // Folders that became empty are removed for tidiness; those that are not refuse.
        while parents
            .next_if(|folder| fs::remove_dir(folder).is_ok())
            .is_some()
        {}
        let parent = parents.next().unwrap_or(&self.root);
        self.disk
            .sync_folder(parent)
            .map_err(|error| self.uncertain(key, error))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut keys = Vec::new();
        self.walk(&self.root, "", prefix, &mut keys)
            .map_err(|error| self.failed(Access::Read, prefix, error))?;
        keys.sort_unstable();
        Ok(keys)
    }

    fn walk(
        &self,
        folder: &Path,
        above: &str,
        prefix: &str,
        keys: &mut Vec<String>,
    ) -> io::Result<()> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            // Not written to yet, or emptied while we walk.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| is_segment(name)) else {
                continue;
            };
            let key = format!("{above}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() {
                let below = format!("{key}/");
                if below.starts_with(prefix) || prefix.starts_with(&below) {
                    self.walk(&entry.path(), &below, prefix, keys)?;
                }
            } else if kind.is_file() && key.starts_with(prefix) && is_key(&key) {
                keys.push(key);
            }
        }
        Ok(())
    }

    /// Fails unless `precondition` holds. To be called under the lock when a write follows.
    fn require(
        &self,
        key: &str,
        path: &Path,
        precondition: &Precondition,
    ) -> Result<(), StoreError> {
        let holds = match precondition {
            Precondition::Any => true,
            Precondition::Absent => match fs::symlink_metadata(path) {
                Ok(_) => false,
                Err(error) if is_absent(&error) => true,
                Err(error) => return Err(self.failed(Access::Write, key, error)),
            },
            Precondition::Matches(version) => match ending(path) {
                Ok(ending) => {
                    let present = mark::read(&ending).ok_or_else(|| self.unmarked(key))?;
                    present == version.as_str()
                }
                Err(error) if is_absent(&error) => false,
                Err(error) => return Err(self.failed(Access::Write, key, error)),
            },
        };
        match holds {
            true => Ok(()),
            false => Err(self.error(StoreErrorKind::Conflict, key)),
        }
    }

    /// Waits for its turn to write. Ends with what is returned.
    fn lock(&self, key: &str) -> Result<File, StoreError> {
        let failed = |error| self.failed(Access::Write, key, error);
        self.create_folders(&self.root).map_err(failed)?;
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(self.root.join(LOCK)).map_err(failed)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) if begun.elapsed() >= self.lock_within => {
                    let kind = StoreErrorKind::Unavailable { retry_after: None };
                    return Err(self.error(kind, key).caused_by(format!(
                        "another process has held `{LOCK}` for {} s; is one stopped?",
                        self.lock_within.as_secs()
                    )));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// Creates what is missing of `folder`, durably.
    fn create_folders(&self, folder: &Path) -> io::Result<()> {
        // Of a relative path nothing is left at its end.
        if folder.as_os_str().is_empty() || folder.is_dir() {
            return Ok(());
        }
        let above = folder.parent().unwrap_or(Path::new(""));
        self.create_folders(above)?;
        self.disk.create_folder(folder)?;
        match above.as_os_str().is_empty() {
            true => self.disk.sync_folder(Path::new(".")),
            false => self.disk.sync_folder(above),
        }
    }

    fn path(&self, key: &str) -> Result<PathBuf, StoreError> {
        match is_key(key) {
            true => Ok(self.root.join(key)),
            false => Err(self
                .error(StoreErrorKind::Other, key)
                .caused_by("the key is outside of the grammar of keys")),
        }
    }

    fn location(&self) -> String {
        self.root.display().to_string()
    }

    fn error(&self, kind: StoreErrorKind, key: &str) -> StoreError {
        StoreError::new(kind, self.location(), key)
    }

    fn unmarked(&self, key: &str) -> StoreError {
        self.error(StoreErrorKind::Corrupt, key)
            .caused_by(mark::Unmarked)
    }

    fn uncertain(&self, key: &str, error: io::Error) -> StoreError {
        self.error(StoreErrorKind::Uncertain, key).caused_by(error)
    }

    fn failed(&self, access: Access, key: &str, error: io::Error) -> StoreError {
        self.error(kind(access, error.kind()), key).caused_by(error)
    }
}

fn kind(access: Access, error: ErrorKind) -> StoreErrorKind {
    match (access, error) {
        // A file may also be larger than a limit of the process or of the disk allows.
        (_, ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge) => {
            StoreErrorKind::Full
        }
        (_, ErrorKind::ReadOnlyFilesystem) | (Access::Write, ErrorKind::PermissionDenied) => {
            StoreErrorKind::ReadOnly
        }
        (Access::Read, ErrorKind::PermissionDenied) => StoreErrorKind::Denied,
        _ => StoreErrorKind::Other,
    }
}

/// Whether there is no such file. A key below a file, `a/b` beside `a`, is none either.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// As much of a file's end as a mark is long.
fn ending(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let skipped = length.saturating_sub(mark::LENGTH as u64);
    file.seek(SeekFrom::Start(skipped))?;
    let mut ending = Vec::with_capacity(mark::LENGTH);
    file.read_to_end(&mut ending)?;
    Ok(ending)
}
