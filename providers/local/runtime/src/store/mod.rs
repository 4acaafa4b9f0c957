//! The embedded store: one ordered map of bytes with atomic, durable, shared commits.
//!
//! Commands that arrive while a commit is on its way to the disk wait for the next one and share
//! it, so that many writers cost about as much as one. Reads see the last commit and wait for
//! nobody. What the bytes mean is up to the modules above.

mod backend;
mod database;
mod directory;
mod error;
mod history;
pub(crate) mod keys;
mod writer;

pub(crate) use directory::Directory;
pub(crate) use error::Fault;
pub use error::OpenError;

use crate::moment::Moment;
use database::Database;
use history::History;
use ifc_runtime::{Clock, Error, ErrorKind};
use redb::backends::{FileBackend, InMemoryBackend};
use redb::{ReadOnlyTable, ReadableTable, TableDefinition};
use std::fs::OpenOptions;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use writer::{Job, Writer};

/// Where the data lives.
#[derive(Clone, Debug)]
pub enum Storage {
    /// In a directory, held by one process at a time.
    Directory {
        /// The directory; made when it is not there.
        path: PathBuf,
        /// When an operation counts as done.
        fsync: Fsync,
        /// The file with the key of the secrets; `None`: `IFC_KEY_FILE`, else `ifc/local.key` in
        /// the user's configuration directory. Made when it is first needed.
        key_file: Option<PathBuf>,
    },
    /// In memory, gone at the end. Operations run on the calling thread and never wait, so that
    /// a paused clock of tokio sees no idle moment.
    Memory,
}

impl Storage {
    /// A directory with the defaults: durable, key file of the user.
    pub fn directory(path: impl Into<PathBuf>) -> Storage {
        Storage::Directory {
            path: path.into(),
            fsync: Fsync::Always,
            key_file: None,
        }
    }
}

/// When an operation counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fsync {
    /// When the disk has it: it survives a power failure.
    #[default]
    Always,
    /// When the operating system has it: it survives a killed process. A power failure may lose
    /// recent operations or, at worst, damage the store.
    Relaxed,
}

/// The map. Both kinds of transaction open this one.
const DATA: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("ifc");

/// What reads are made on.
pub(crate) type Snapshot = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// What can be read from: the open transaction of a command, or a snapshot.
pub(crate) trait Read: ReadableTable<&'static [u8], &'static [u8]> {}

impl<T: ReadableTable<&'static [u8], &'static [u8]>> Read for T {}

/// One command's view of the open transaction.
pub(crate) struct Transaction<'a, 't> {
    table: &'a mut redb::Table<'t, &'static [u8], &'static [u8]>,
    changed: &'a mut bool,
    touched: &'a mut Vec<u32>,
}

impl<'t> Transaction<'_, 't> {
    /// For reading.
    pub(crate) fn table(&self) -> &redb::Table<'t, &'static [u8], &'static [u8]> {
        self.table
    }

    /// The value under `key`.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.table.get(key)?.map(|value| value.value().to_vec()))
    }

    /// Writes a value. Returns what was there, which spares a look beforehand.
    pub(crate) fn replace(&mut self, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        *self.changed = true;
        let before = self.table.insert(key, value)?;
        Ok(before.map(|before| before.value().to_vec()))
    }

    /// Removes a value and returns it, which spares a look beforehand.
    pub(crate) fn take(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let taken = self.table.remove(key)?;
        *self.changed |= taken.is_some();
        Ok(taken.map(|taken| taken.value().to_vec()))
    }

    /// Writes a value.
    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        *self.changed = true;
        self.table.insert(key, value)?;
        Ok(())
    }

    /// Removes a value; says whether it was there.
    pub(crate) fn remove(&mut self, key: &[u8]) -> Result<bool, Fault> {
        let removed = self.table.remove(key)?.is_some();
        *self.changed |= removed;
        Ok(removed)
    }

    /// Removes everything in a range.
    pub(crate) fn remove_range(&mut self, range: &Range<Vec<u8>>) -> Result<u64, Fault> {
        let mut removed = 0;
        for entry in self.table.extract_from_if(slices(range), |_, _| true)? {
            entry?;
            removed += 1;
        }
        *self.changed |= removed > 0;
        Ok(removed)
    }

    /// After the commit, whoever waits for `queue` looks at it again.
    pub(crate) fn touch(&mut self, queue: u32) {
        self.touched.push(queue);
    }
}

/// A range of keys in the form that tables take.
pub(crate) fn slices(range: &Range<Vec<u8>>) -> Range<&[u8]> {
    range.start.as_slice()..range.end.as_slice()
}

/// A key and its value.
pub(crate) type Entry = (Vec<u8>, Vec<u8>);

/// The first entry of a range.
pub(crate) fn first(table: &impl Read, range: &Range<Vec<u8>>) -> Result<Option<Entry>, Fault> {
    let mut entries = table.range(slices(range))?;
    match entries.next() {
        Some(entry) => {
            let (key, value) = entry?;
            Ok(Some((key.value().to_vec(), value.value().to_vec())))
        }
        None => Ok(None),
    }
}

/// Called with a queue's number after a commit that touched it.
pub(crate) type Listener = Box<dyn Fn(u32) + Send + Sync>;

/// The store.
pub(crate) struct Store {
    /// Kept when reads may be behind. Declared first: it lets go of the database before that closes.
    history: OnceLock<History>,
    database: Arc<Database>,
    /// The thread that commits; none in memory.
    writer: Option<Writer>,
    /// Held as long as the store is open. Declared last, so released last.
    _directory: Option<Directory>,
}

impl Store {
    /// Opens the store. `listener` hears of the queues that commits touch.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub(crate) fn open(storage: &Storage, listener: Listener) -> Result<Store, OpenError> {
        match storage {
            Storage::Memory => {
                let backend = std::sync::Mutex::new(Some(InMemoryBackend::new()));
                let open = move || -> io::Result<Box<dyn redb::StorageBackend>> {
                    let backend = backend.lock().ok().and_then(|mut slot| slot.take());
                    let backend = backend.ok_or_else(|| io::Error::other("memory is gone"))?;
                    Ok(Box::new(backend))
                };
                let database = Database::open("memory".into(), false, Box::new(open), listener)?;
                Ok(Store {
                    history: OnceLock::new(),
                    database: Arc::new(database),
                    writer: None,
                    _directory: None,
                })
            }
            Storage::Directory { path, fsync, .. } => {
                let directory = Directory::open(path)?;
                Store::in_directory(directory, *fsync == Fsync::Always, listener)
            }
        }
    }

    fn in_directory(
        directory: Directory,
        sync: bool,
        listener: Listener,
    ) -> Result<Store, OpenError> {
        let file = directory.store_file();
        let initialised = directory.is_initialised();
        if initialised {
            let length = std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
            if length == 0 {
                return Err(OpenError::Damaged {
                    path: file,
                    finding: "the data directory is in use since before, but this file is missing \
                              or empty"
                        .to_owned(),
                });
            }
        } else if file.exists() {
            // A start that was interrupted before the store was complete: nothing is in it.
            std::fs::remove_file(&file).map_err(|error| OpenError::Unusable {
                path: file.clone(),
                error,
            })?;
        }
        let path = file.clone();
        let open = move || -> io::Result<Box<dyn redb::StorageBackend>> {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)?;
            let backend = FileBackend::new(file).map_err(io::Error::other)?;
            Ok(Box::new(backend))
        };
        let store = Store::threaded(file, sync, Box::new(open), listener)?;
        if !initialised {
            let path = directory.path().to_owned();
            directory
                .set_initialised()
                .map_err(|error| OpenError::Unusable { path, error })?;
        }
        Ok(Store {
            _directory: Some(directory),
            ..store
        })
    }

    /// A store with a committing thread on any storage.
    fn threaded(
        name: PathBuf,
        sync: bool,
        open: database::Opener,
        listener: Listener,
    ) -> Result<Store, OpenError> {
        let database = Arc::new(Database::open(name, sync, open, listener)?);
        let writer = Writer::start(Arc::clone(&database)).map_err(|error| OpenError::Unusable {
            path: "the thread that writes".into(),
            error,
        })?;
        Ok(Store {
            history: OnceLock::new(),
            database,
            writer: Some(writer),
            _directory: None,
        })
    }

    /// A store on storage of the caller's, for tests of what happens when it fails.
    #[cfg(test)]
    pub(crate) fn on_backend(
        open: impl Fn() -> io::Result<Box<dyn redb::StorageBackend>> + Send + Sync + 'static,
    ) -> Result<Store, OpenError> {
        Store::threaded("test".into(), true, Box::new(open), Box::new(|_| {}))
    }

    /// Commits what is waiting and closes the store. Everything after is refused.
    pub(crate) fn close(&self) {
        if let Some(history) = self.history.get() {
            history.forget();
        }
        if let Some(writer) = &self.writer {
            writer.close();
        }
        self.database.close();
    }

    /// Reads from the last commit.
    ///
    /// # Errors
    /// What `read` refuses with; `Unavailable` when the storage fails.
    pub(crate) fn read<T>(&self, read: impl Fn(&Snapshot) -> Result<T, Fault>) -> Result<T, Error> {
        let mut value = None;
        self.database.read(&mut |snapshot| {
            value = Some(read(snapshot)?);
            Ok(())
        })?;
        Ok(value.expect("a read that succeeds leaves its value"))
    }

    /// Keeps what the store was for `span` nanoseconds, for [`read_behind`](Store::read_behind).
    pub(crate) fn keep_history(&self, clock: Arc<dyn Clock>, span: i64) {
        let _ = self.history.set(History::new(clock, span));
    }

    /// As [`read`](Store::read), from what the store was `behind` nanoseconds ago, as far as that is
    /// kept.
    ///
    /// # Errors
    /// As [`read`](Store::read).
    pub(crate) fn read_behind<T>(
        &self,
        behind: i64,
        read: impl Fn(&Snapshot) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        let history = self.history.get().filter(|_| behind > 0);
        match history.and_then(|history| history.read(behind, &read)) {
            Some(Ok(value)) => Ok(value),
            Some(Err(Fault::Refused(error))) => Err(error),
            Some(Err(Fault::Storage(_))) | None => self.read(read),
        }
    }

    /// When no read is behind what was written so far; `None` when none ever is.
    pub(crate) fn caught_up(&self) -> Option<Moment> {
        self.history.get()?.caught_up()
    }

    /// Runs a command in the next transaction and waits until it is committed.
    ///
    /// A command that refuses must not have written anything. It may run on another thread; when
    /// the caller goes away it runs all the same.
    ///
    /// # Errors
    /// What the command refuses with; `Unavailable` when the storage fails, and then nothing of
    /// the command is applied.
    pub(crate) async fn write<T, F>(&self, command: F) -> Result<T, Error>
    where
        F: FnOnce(&mut Transaction<'_, '_>) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        self.write_any(erased(command)).await.map(restored)
    }

    async fn write_any(&self, command: writer::Command) -> Result<writer::Value, Error> {
        if let Some(history) = self.history.get() {
            history.before_write(|| self.database.snapshot());
        }
        let Some(writer) = &self.writer else {
            return self.write_any_now(command);
        };
        writer.submit(command).await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Unavailable,
                "the local store stopped before the operation was stored",
            ))
        })
    }

    /// As [`write`](Store::write), on the calling thread, which it blocks.
    ///
    /// # Errors
    /// As [`write`](Store::write).
    pub(crate) fn write_now<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Transaction<'_, '_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        self.write_any_now(erased(command)).map(restored)
    }

    fn write_any_now(&self, command: writer::Command) -> Result<writer::Value, Error> {
        let (job, mut receiver) = Job::new(command);
        self.database.run(vec![job], &mut |_| {});
        receiver.try_recv().unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Unavailable,
                "the local store failed while it ran the operation; nothing of it was stored",
            ))
        })
    }
}

fn erased<T: Send + 'static>(
    command: impl FnOnce(&mut Transaction<'_, '_>) -> Result<T, Fault> + Send + 'static,
) -> writer::Command {
    Box::new(move |transaction| Ok(Box::new(command(transaction)?)))
}

fn restored<T: 'static>(value: writer::Value) -> T {
    let value = value.downcast();
    *value.expect("the answer to a command is what the command made")
}

#[cfg(test)]
mod tests;
