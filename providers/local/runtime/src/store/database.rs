//! The redb database, opened again after a failure of the storage.
//!
//! redb refuses everything after the first failed read or write, because it no longer knows what
//! is on the disk. Opening it again rolls back to the last commit that is whole; so a full disk
//! costs the operations that did not fit, and nothing else.

use super::backend::Backend;
use super::writer::Job;
use super::{DATA, Fault, Listener, OpenError, Snapshot, Transaction};
use ifc_runtime::{Error, ErrorKind};
use redb::{ReadableDatabase as _, StorageBackend};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

/// Memory for pages of the file. redb's own default of 1 GiB is more than a laptop should give.
const CACHE_BYTES: usize = 128 * 1024 * 1024;

/// Gives the storage, each time it is opened.
pub(super) type Opener = Box<dyn Fn() -> io::Result<Box<dyn StorageBackend>> + Send + Sync>;

/// The database and how to get it back.
pub(super) struct Database {
    path: PathBuf,
    sync: bool,
    opener: Opener,
    sync_failed: Arc<AtomicBool>,
    /// None after a failure, until it could be opened again.
    open: RwLock<Option<Arc<redb::Database>>>,
    closed: AtomicBool,
    /// One transaction at a time; redb would block too, but not fairly.
    writing: Mutex<()>,
    listener: Listener,
}

impl Database {
    /// Opens it for the first time.
    ///
    /// # Errors
    /// When the storage fails or holds something else.
    pub(super) fn open(
        path: PathBuf,
        sync: bool,
        opener: Opener,
        listener: Listener,
    ) -> Result<Database, OpenError> {
        let database = Database {
            path,
            sync,
            opener,
            sync_failed: Arc::default(),
            open: RwLock::new(None),
            closed: AtomicBool::new(false),
            writing: Mutex::new(()),
            listener,
        };
        let opened = database.connect()?;
        *database
            .open
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(opened));
        Ok(database)
    }

    /// Opens the storage and sees to it that the map is there.
    fn connect(&self) -> Result<redb::Database, OpenError> {
        let unusable = |error| OpenError::Unusable {
            path: self.path.clone(),
            error,
        };
        let backend = (self.opener)().map_err(unusable)?;
        let backend = Backend::new(backend, self.sync, Arc::clone(&self.sync_failed));
        // A damaged file may also trip an assertion within redb.
        let opened = catch_unwind(AssertUnwindSafe(|| -> Result<_, redb::Error> {
            let database = redb::Builder::new()
                .set_cache_size(CACHE_BYTES)
                .create_with_backend(backend)?;
            let missing = match database.begin_read()?.open_table(DATA) {
                Ok(_) => false,
                Err(redb::TableError::TableDoesNotExist(_)) => true,
                Err(error) => return Err(error.into()),
            };
            if missing {
                let transaction = database.begin_write()?;
                transaction.open_table(DATA)?;
                transaction.commit()?;
            }
            Ok(database)
        }));
        match opened {
            Ok(Ok(database)) => Ok(database),
            Ok(Err(redb::Error::Io(error))) if error.kind() != io::ErrorKind::InvalidData => {
                Err(unusable(error))
            }
            Ok(Err(error)) => Err(OpenError::Damaged {
                path: self.path.clone(),
                finding: error.to_string(),
            }),
            Err(_) => Err(OpenError::Damaged {
                path: self.path.clone(),
                finding: "its pages contradict each other".to_owned(),
            }),
        }
    }

    /// The open database, opened again when it was lost.
    fn current(&self) -> Result<Arc<redb::Database>, Error> {
        if let Some(database) = &*self.open.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(database));
        }
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = &*open {
            return Ok(Arc::clone(database));
        }
        if self.closed.load(Ordering::Acquire) {
            let message = "the local store is closed: the application is stopping";
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        match self.connect() {
            Ok(database) => Ok(Arc::clone(open.insert(Arc::new(database)))),
            Err(error) => Err(Error::new(ErrorKind::Unavailable, error.to_string())),
        }
    }

    /// Gives up a database that failed. The next operation opens a new one.
    ///
    /// The old one must be gone by then, because it writes when it is dropped: so this waits for
    /// those who still read from it. They do not wait for anyone while they do.
    fn discard(&self, failed: Arc<redb::Database>) {
        // Given up before the wait, so that two who noticed do not wait for each other.
        let failed = {
            let weak = Arc::downgrade(&failed);
            drop(failed);
            weak
        };
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let Some(mut database) = open.take_if(|open| Weak::ptr_eq(&Arc::downgrade(open), &failed))
        else {
            return;
        };
        loop {
            match Arc::try_unwrap(database) {
                Ok(database) => {
                    // A failure while saving what redb still knows is a failure it recovers from.
                    let _ = catch_unwind(AssertUnwindSafe(|| drop(database)));
                    return;
                }
                Err(shared) => {
                    database = shared;
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
    }

    /// Closes the database for good, so that the next start finds it in order.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let open = self
            .open
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(open) = open {
            self.discard(open);
        }
    }

    /// Reads from the last commit, once more when the database was lost under the reader.
    pub(super) fn read(
        &self,
        read: &mut dyn FnMut(&Snapshot) -> Result<(), Fault>,
    ) -> Result<(), Error> {
        let mut retried = false;
        loop {
            let database = self.current()?;
            let result = (|| {
                let table = database.begin_read()?.open_table(DATA)?;
                read(&table)
            })();
            match result {
                Ok(()) => return Ok(()),
                Err(Fault::Refused(error)) => return Err(error),
                Err(Fault::Storage(error)) => {
                    self.discard(database);
                    if retried {
                        return Err(self.failure("read", &error, false));
                    }
                    retried = true;
                }
            }
        }
    }

    /// The last commit, for as long as it is held; `None` when it cannot be had now.
    pub(super) fn snapshot(&self) -> Option<Snapshot> {
        let transaction = self.current().ok()?.begin_read().ok()?;
        transaction.open_table(DATA).ok()
    }

    /// Runs jobs in one transaction, commits it, and answers them all. `more` gives those that have
    /// arrived meanwhile, and nothing when it is time to commit.
    pub(super) fn run(&self, mut jobs: Vec<Job>, more: &mut dyn FnMut(&mut Vec<Job>)) {
        let guard = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut touched = Vec::new();
        let failure = match self.current() {
            Err(error) => Some(error.to_string()).map(|text| (ErrorKind::Unavailable, text, true)),
            Ok(database) => {
                // A panic in a command is our bug; it must not take the store with it.
                let run = catch_unwind(AssertUnwindSafe(|| {
                    apply(&database, &mut jobs, more, &mut touched)
                }));
                match run {
                    Ok(Ok(())) => None,
                    Ok(Err(error)) => {
                        let ambiguous = self.sync_failed.swap(false, Ordering::AcqRel);
                        self.discard(database);
                        let error = self.failure("write", &error, ambiguous);
                        Some((error.kind(), error.to_string(), !ambiguous))
                    }
                    Err(_) => {
                        self.discard(database);
                        let text = "the local store met a bug of its own and stored nothing of \
                                    this operation: please report the panic printed above";
                        Some((ErrorKind::Unavailable, text.to_owned(), false))
                    }
                }
            }
        };
        drop(guard);
        for job in jobs {
            let error = failure.as_ref().map(|(kind, text, retry_safe)| {
                Error::new(*kind, text.clone()).retry_safe(*retry_safe)
            });
            job.answer(error);
        }
        if failure.is_none() {
            touched.sort_unstable();
            touched.dedup();
            touched.into_iter().for_each(&self.listener);
        }
    }

    fn failure(&self, action: &str, error: &redb::Error, ambiguous: bool) -> Error {
        let consequence = match (action, ambiguous) {
            ("write", false) => "; nothing of this operation was stored",
            ("write", true) => "; the disk did not confirm whether this operation was stored",
            _ => "",
        };
        let message = format!(
            "cannot {action} `{}`: {error}{consequence}",
            self.path.display()
        );
        Error::new(ErrorKind::Unavailable, message).retry_safe(!ambiguous)
    }
}

fn apply(
    database: &redb::Database,
    jobs: &mut Vec<Job>,
    more: &mut dyn FnMut(&mut Vec<Job>),
    touched: &mut Vec<u32>,
) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    let mut changed = false;
    {
        let mut table = transaction.open_table(DATA)?;
        let mut done = 0;
        while done < jobs.len() {
            for job in &mut jobs[done..] {
                job.run(&mut Transaction {
                    table: &mut table,
                    changed: &mut changed,
                    touched,
                })?;
            }
            done = jobs.len();
            more(jobs);
        }
    }
    if changed {
        transaction.commit()?;
    } else {
        transaction.abort()?;
    }
    Ok(())
}
