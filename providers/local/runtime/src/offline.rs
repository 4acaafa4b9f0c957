//! A data directory without its application: what the command line does when nothing runs.
//!
//! It takes the same lock as an application. It knows of declarations what the last run left in
//! the store.

use crate::catalog::{Catalog, Sort};
use crate::config::{self, ConfigStatus};
use crate::moment;
use crate::names::unknown;
use crate::queue::{self, DeadLetter, Depth, Peeked, Rules, Sequence};
use crate::removal::Removal;
use crate::secret::{self, KeyRing, SecretStatus};
use crate::store::{self, Fsync, OpenError, Storage, Transaction};
use crate::stream;
use ifc_runtime::{Clock, Error, ErrorKind, SystemClock};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// An opened data directory.
pub struct Store {
    store: store::Store,
    catalog: Catalog,
    sequence: Arc<Sequence>,
    key_ring: KeyRing,
}

impl Store {
    /// Opens a data directory; makes it when it is not there. The key of secrets is the user's.
    ///
    /// # Errors
    /// See [`OpenError`]; [`OpenError::InUse`] while an application runs on it.
    pub fn open(directory: &Path) -> Result<Store, OpenError> {
        Store::open_with_key(directory, None)
    }

    /// As [`open`](Store::open), with the key of secrets in another file.
    ///
    /// # Errors
    /// As [`open`](Store::open).
    pub fn open_with_key(directory: &Path, key_file: Option<PathBuf>) -> Result<Store, OpenError> {
        let storage = Storage::Directory {
            path: directory.to_owned(),
            fsync: Fsync::Always,
            key_file: None,
        };
        let store = store::Store::open(&storage, Box::new(|_| {}))?;
        let catalog = store.read(Catalog::load).map_err(OpenError::Failed)?;
        let sequence = Arc::new(Sequence::default());
        store
            .read(|snapshot| sequence.resume(snapshot))
            .map_err(OpenError::Failed)?;
        Ok(Store {
            store,
            catalog,
            sequence,
            key_ring: KeyRing::in_file(key_file),
        })
    }

    fn rules(&self, name: &str) -> Result<Rules, Error> {
        let found = self.catalog.queues().find(|(known, _)| *known == name);
        found.map(|(_, rules)| rules).ok_or_else(|| {
            let mut names = self.catalog.queues().map(|(name, _)| name);
            Error::new(ErrorKind::NotFound, unknown("queue", name, &mut names))
        })
    }

    fn now(&self) -> moment::Moment {
        moment::from_system(SystemClock.now())
    }

    /// Names of the declared queues of the last run.
    pub fn queues(&self) -> Vec<String> {
        self.catalog
            .of(Sort::Queue)
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    /// How many messages a queue holds.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` when the storage fails.
    pub fn depth(&self, queue: &str) -> Result<Depth, Error> {
        let (rules, now) = (self.rules(queue)?, self.now());
        self.store
            .read(|snapshot| queue::depth(snapshot, &rules, now))
    }

    /// The first messages of a queue, in the order of their arrival.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` when the storage fails.
    pub fn peek(&self, queue: &str, limit: usize) -> Result<Vec<Peeked>, Error> {
        let (rules, now) = (self.rules(queue)?, self.now());
        self.store
            .read(|snapshot| queue::peek(snapshot, &rules, now, limit))
    }

    /// The dead letters of a queue, oldest first.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` when the storage fails.
    pub fn dead_letters(&self, queue: &str) -> Result<Vec<DeadLetter>, Error> {
        let rules = self.rules(queue)?;
        self.store
            .read(|snapshot| queue::dead_letters(snapshot, &rules, queue, usize::MAX))
    }

    /// Puts dead letters back into their queue: those with these ids, or all when `None`. Returns
    /// how many there were.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` when the storage fails.
    pub fn redrive(&self, queue: &str, ids: Option<Vec<String>>) -> Result<u64, Error> {
        let (rules, now) = (self.rules(queue)?, self.now());
        let sequence = Arc::clone(&self.sequence);
        let ids: Option<HashSet<String>> = ids.map(|ids| ids.into_iter().collect());
        self.store
            .write_now(move |transaction: &mut Transaction<'_, '_>| {
                queue::redrive(transaction, &rules, &sequence, now, ids.as_ref())
            })
    }

    /// Removes all messages of a queue, but not its dead letters. Returns how many there were.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` when the storage fails.
    pub fn purge(&self, queue: &str) -> Result<u64, Error> {
        let rules = self.rules(queue)?;
        self.store
            .write_now(move |transaction| queue::purge(transaction, &rules))
    }

    /// Removes what is stored for a resource or an edge. What was never stored is removed too; the
    /// bodies of objects go when an application starts the next time.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub fn remove(&self, removal: &Removal) -> Result<(), Error> {
        let removal = removal.clone();
        self.store
            .write_now(move |transaction| removal.carry_out(transaction))
    }

    /// Sends a consumer of a stream back, or on, to the first record of `from`; see
    /// [`Local::replay`](crate::Local::replay).
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when the unit consumes no stream; `Unavailable` when the storage fails.
    pub fn replay(&self, unit: &str, from: SystemTime) -> Result<u64, Error> {
        let rules = self.rules(unit)?;
        let Some(log) = self.catalog.log_of(unit) else {
            return Err(stream::not_a_consumer(unit));
        };
        let (sequence, from) = (Arc::clone(&self.sequence), moment::from_system(from));
        self.store.write_now(move |transaction| {
            stream::replay(transaction, &log, &rules, &sequence, from)
        })
    }

    /// Sets the value of a secret, declared or not: it may be declared by the next run. Returns
    /// its version.
    ///
    /// # Errors
    /// `TooLarge`, `NotReady` without a key; `Unavailable` when the storage fails.
    pub fn set_secret(&self, name: &str, value: &[u8]) -> Result<u64, Error> {
        let (name, sealed) = (name.to_owned(), self.key_ring.seal(name, value)?);
        self.store
            .write_now(move |transaction| secret::put(transaction, &name, &sealed))
    }

    /// Which secrets there are, declared by the last run or with a value.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub fn secrets(&self) -> Result<Vec<SecretStatus>, Error> {
        let values = self.store.read(secret::list)?;
        let declared = self.catalog.of(Sort::Secret).map(|(name, _)| name);
        Ok(secret::statuses(declared, values))
    }

    /// Sets a configuration value, as JSON text, declared or not.
    ///
    /// # Errors
    /// `Invalid`; `Unavailable` when the storage fails.
    pub fn set_config(&self, name: &str, json: &str) -> Result<(), Error> {
        let (name, json) = (name.to_owned(), json.to_owned());
        self.store
            .write_now(move |transaction| config::put(transaction, &name, &json))
    }

    /// The configuration values, declared by the last run or set.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub fn configs(&self) -> Result<Vec<ConfigStatus>, Error> {
        self.store.read(|snapshot| {
            let declared = self.catalog.of(Sort::Config).map(|(name, entry)| {
                (
                    name,
                    entry
                        .facts
                        .get("default")
                        .and_then(|default| default.as_str()),
                )
            });
            config::statuses(snapshot, declared)
        })
    }
}
