//! Looking into the provider and operating it by name, while an application runs.

use crate::bucket::{self, Bucket};
use crate::catalog::Sort;
use crate::config::{self, ConfigStatus};
use crate::local::{Local, Queue};
use crate::message::Message;
use crate::moment;
use crate::names::unknown;
use crate::queue::{self, DeadLetter, Depth, Peeked};
use crate::secret::{self, SecretStatus};
use crate::store::Transaction;
use crate::stream;
use crate::table;
use ifc_runtime::bucket::{ListedObject, Object};
use ifc_runtime::table::Item;
use ifc_runtime::{Error, ErrorKind};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

/// A record of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The event's id.
    pub id: String,
    /// Records of one key keep their order.
    pub key: String,
    /// When it was appended.
    pub appended_at: SystemTime,
    /// JSON.
    pub body: Vec<u8>,
}

impl Local {
    /// A queue by name. The hidden queue of a schedule or a function has the name of its unit,
    /// unless a declared queue has it too.
    fn queue(&self, name: &str) -> Result<&Queue, Error> {
        let named = || self.queues.iter().filter(|queue| queue.name == name);
        let found = named()
            .find(|queue| queue.sort == Sort::Queue)
            .or_else(|| named().next());
        found.ok_or_else(|| {
            let mut names = self.queues.iter().map(|queue| queue.name.as_str());
            Error::new(ErrorKind::NotFound, unknown("queue", name, &mut names))
        })
    }

    /// Names of the declared queues.
    pub fn queues(&self) -> Vec<String> {
        let declared = self.queues.iter().filter(|queue| queue.sort == Sort::Queue);
        declared.map(|queue| queue.name.clone()).collect()
    }

    /// Names of the tables.
    pub fn tables(&self) -> Vec<String> {
        self.tables_by_name.names().map(str::to_owned).collect()
    }

    /// Names of the buckets.
    pub fn buckets(&self) -> Vec<String> {
        self.buckets_by_name.names().map(str::to_owned).collect()
    }

    pub(crate) fn bucket_by_name(&self, name: &str) -> Result<&Arc<Bucket>, Error> {
        self.buckets_by_name.get(name).ok_or_else(|| {
            let mut names = self.buckets_by_name.names();
            Error::new(ErrorKind::NotFound, unknown("bucket", name, &mut names))
        })
    }

    /// The objects of a bucket whose keys begin with `prefix`, in order.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` when the storage fails.
    pub fn objects(&self, bucket: &str, prefix: &str) -> Result<Vec<ListedObject>, Error> {
        let (bucket, now) = (self.bucket_by_name(bucket)?, self.now_moment());
        self.store
            .read(|snapshot| bucket::objects(snapshot, bucket, now, prefix))
    }

    /// An object, with its body to be read.
    ///
    /// # Errors
    /// `NotFound` when there is no such bucket; `Unavailable` when the storage fails.
    pub async fn object(&self, bucket: &str, key: &str) -> Result<Option<Object>, Error> {
        let bucket = self.bucket_by_name(bucket)?;
        self.read_object(bucket, key.to_owned(), None).await
    }

    /// How many messages a queue holds.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` when the storage fails.
    pub fn depth(&self, queue: &str) -> Result<Depth, Error> {
        let (queue, now) = (self.queue(queue)?, self.now_moment());
        self.store
            .read(|snapshot| queue::depth(snapshot, &queue.rules, now))
    }

    /// The first messages of a queue, in the order of their arrival.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` when the storage fails.
    pub fn peek(&self, queue: &str, limit: usize) -> Result<Vec<Peeked>, Error> {
        let (queue, now) = (self.queue(queue)?, self.now_moment());
        self.store
            .read(|snapshot| queue::peek(snapshot, &queue.rules, now, limit))
    }

    /// The dead letters of a queue, oldest first.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` when the storage fails.
    pub fn dead_letters(&self, queue: &str) -> Result<Vec<DeadLetter>, Error> {
        let queue = self.queue(queue)?;
        self.store
            .read(|snapshot| queue::dead_letters(snapshot, &queue.rules, &queue.name, usize::MAX))
    }

    /// Puts dead letters back into their queue: those with these ids, or all when `None`. They
    /// keep their ids and start with a first attempt. Returns how many there were.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` when the storage fails.
    pub async fn redrive(&self, queue: &str, ids: Option<Vec<String>>) -> Result<u64, Error> {
        let (rules, now) = (self.queue(queue)?.rules, self.now_moment());
        let sequence = Arc::clone(&self.sequence);
        let ids: Option<HashSet<String>> = ids.map(|ids| ids.into_iter().collect());
        let command = move |transaction: &mut Transaction<'_, '_>| {
            queue::redrive(transaction, &rules, &sequence, now, ids.as_ref())
        };
        self.store.write(command).await
    }

    /// Removes all messages of a queue, also those in flight, but not its dead letters. Returns
    /// how many there were.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` when the storage fails.
    pub async fn purge(&self, queue: &str) -> Result<u64, Error> {
        let rules = self.queue(queue)?.rules;
        self.store
            .write(move |transaction| queue::purge(transaction, &rules))
            .await
    }

    /// Sends a consumer of a stream back, or on, to the first record that was appended at `from` or
    /// later: it gets that and all after it, those that it had before once more. What it has not
    /// finished of those before counts as done. Returns how many records lie before it now.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when the unit consumes no stream; `Unavailable` when the storage fails.
    pub async fn replay(&self, unit: &str, from: SystemTime) -> Result<u64, Error> {
        let consumers = self.queues.iter().filter(|queue| queue.log.is_some());
        let Some((queue, log)) = consumers
            .filter(|queue| queue.name == unit)
            .find_map(|queue| Some((queue, queue.log?)))
        else {
            return Err(stream::not_a_consumer(unit));
        };
        let (rules, from) = (queue.rules, moment::from_system(from));
        let sequence = Arc::clone(&self.sequence);
        let command = move |transaction: &mut Transaction<'_, '_>| {
            stream::replay(transaction, &log, &rules, &sequence, from)
        };
        self.store.write(command).await
    }

    /// The records of a stream that are still kept, oldest first.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` when the storage fails.
    pub fn records(&self, stream: &str) -> Result<Vec<Record>, Error> {
        let mut streams = self.streams.values();
        let found = streams.find(|(name, _)| name == stream);
        let Some((_, log)) = found else {
            let mut names = self.streams.values().map(|(name, _)| name.as_str());
            let message = unknown("stream", stream, &mut names);
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        let now = self.now_moment();
        let records = self
            .store
            .read(|snapshot| stream::records(snapshot, log, now))?;
        let record = |message: Message| Record {
            id: message.id,
            key: message.group.unwrap_or_default(),
            appended_at: moment::to_system(message.sent_at),
            body: message.body,
        };
        Ok(records.into_iter().map(record).collect())
    }

    /// Every visible item of a table, in the order of the keys.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` when the storage fails.
    pub fn items(&self, table: &str) -> Result<Vec<Item>, Error> {
        let now = self.now_moment();
        let found = self.tables_by_name.get(table).ok_or_else(|| {
            let message = unknown("table", table, &mut self.tables_by_name.names());
            Error::new(ErrorKind::NotFound, message)
        })?;
        self.store
            .read(|snapshot| table::items(snapshot, found, now))
    }

    /// Sets the value of a declared secret; returns its version. Readers see it at once, except
    /// for what they keep in memory.
    ///
    /// # Errors
    /// `NotFound`, `TooLarge`; `Unavailable` when the storage fails.
    pub async fn set_secret(&self, name: &str, value: &[u8]) -> Result<u64, Error> {
        if !self.secret_names.iter().any(|known| known == name) {
            let mut names = self.secret_names.iter().map(String::as_str);
            return Err(Error::new(
                ErrorKind::NotFound,
                unknown("secret", name, &mut names),
            ));
        }
        let (name, sealed) = (name.to_owned(), self.key_ring.seal(name, value)?);
        let command =
            move |transaction: &mut Transaction<'_, '_>| secret::put(transaction, &name, &sealed);
        self.store.write(command).await
    }

    /// Which secrets there are and which have a value.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub fn secrets(&self) -> Result<Vec<SecretStatus>, Error> {
        let values = self.store.read(secret::list)?;
        let declared = self.secret_names.iter().map(String::as_str);
        // A value whose declaration is gone is kept, but it is not this application's business.
        let known = |(name, _): &(String, u64)| self.secret_names.contains(name);
        Ok(secret::statuses(
            declared,
            values.into_iter().filter(known).collect(),
        ))
    }

    /// Sets a declared configuration value, as JSON text. A value that is not dynamic and was read
    /// before stays as it was until the next start.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`; `Unavailable` when the storage fails.
    pub async fn set_config(&self, name: &str, json: &str) -> Result<(), Error> {
        if self.config_defaults.get(name).is_none() {
            let message = unknown("config", name, &mut self.config_defaults.names());
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        let (name, json) = (name.to_owned(), json.to_owned());
        self.store
            .write(move |transaction| config::put(transaction, &name, &json))
            .await
    }

    /// The configuration values in force.
    ///
    /// # Errors
    /// `Unavailable` when the storage fails.
    pub fn configs(&self) -> Result<Vec<ConfigStatus>, Error> {
        let declared = || {
            let declared = self.config_defaults.entries().iter();
            declared.map(|(name, d)| (name.as_str(), d.as_deref()))
        };
        let mut configs = self
            .store
            .read(|snapshot| config::statuses(snapshot, declared()))?;
        configs.retain(|config| self.config_defaults.get(&config.name).is_some());
        Ok(configs)
    }
}
