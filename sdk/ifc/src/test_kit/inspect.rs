//! Looking into resources, past the handlers.

use crate::Item;
use ifc_local::Local;
use ifc_runtime::axum::body::{Bytes, to_bytes};
use ifc_runtime::bucket::ObjectHead;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::SystemTime;

/// The value, or a panic that names what was looked at.
#[track_caller]
pub(super) fn expect<T>(result: Result<T, ifc_runtime::Error>, name: &str) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("`{name}` cannot be looked at: {error:?}"),
    }
}

/// A message that its queue has given up on.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter<T> {
    /// The event's id.
    pub id: String,
    /// Deliveries it had.
    pub attempts: u32,
    /// Why it is here.
    pub reason: String,
    /// What was sent.
    pub body: T,
}

/// Looks into a queue.
pub struct QueueProbe<T> {
    local: Arc<Local>,
    name: String,
    marker: PhantomData<fn() -> T>,
}

impl<T> QueueProbe<T> {
    pub(super) fn new(local: Arc<Local>, name: String) -> Self {
        QueueProbe {
            local,
            name,
            marker: PhantomData,
        }
    }

    /// Messages that are not acknowledged yet: waiting, delayed or in flight.
    pub fn len(&self) -> usize {
        let depth = expect(self.local.depth(&self.name), &self.name);
        (depth.ready + depth.delayed + depth.in_flight) as usize
    }

    /// Whether every message has been acknowledged or dead-lettered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Dead letters whose bodies may be anything, oldest first.
    pub fn raw_dead_letters(&self) -> Vec<DeadLetter<serde_json::Value>> {
        expect(self.local.dead_letters(&self.name), &self.name)
            .into_iter()
            .map(|letter| DeadLetter {
                id: letter.id,
                attempts: letter.attempts,
                reason: letter.reason,
                body: serde_json::from_slice(&letter.body).unwrap_or_default(),
            })
            .collect()
    }

    /// Delivers the dead letters again, from their first attempt. Returns how many there were.
    pub async fn redrive(&self) -> usize {
        expect(self.local.redrive(&self.name, None).await, &self.name) as usize
    }
}

impl<T: DeserializeOwned> QueueProbe<T> {
    /// The bodies of the messages that are not acknowledged yet, oldest first.
    ///
    /// # Panics
    /// When a body is not a `T`.
    pub fn messages(&self) -> Vec<T> {
        expect(self.local.peek(&self.name, usize::MAX), &self.name)
            .into_iter()
            .map(|message| decode(&message.body, &self.name))
            .collect()
    }

    /// The dead letters, oldest first.
    ///
    /// # Panics
    /// When a body is not a `T`: look at [`raw_dead_letters`](Self::raw_dead_letters).
    pub fn dead_letters(&self) -> Vec<DeadLetter<T>> {
        expect(self.local.dead_letters(&self.name), &self.name)
            .into_iter()
            .map(|letter| DeadLetter {
                body: decode(&letter.body, &self.name),
                id: letter.id,
                attempts: letter.attempts,
                reason: letter.reason,
            })
            .collect()
    }
}

fn decode<T: DeserializeOwned>(body: &[u8], name: &str) -> T {
    match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) => panic!(
            "`{name}` holds a body that is not a `{}`: {error}\n{}",
            std::any::type_name::<T>(),
            String::from_utf8_lossy(body)
        ),
    }
}

/// Looks into a stream.
pub struct StreamProbe<T> {
    local: Arc<Local>,
    name: String,
    marker: PhantomData<fn() -> T>,
}

impl<T> StreamProbe<T> {
    pub(super) fn new(local: Arc<Local>, name: String) -> Self {
        StreamProbe {
            local,
            name,
            marker: PhantomData,
        }
    }

    /// How many records are still kept, consumed or not.
    pub fn len(&self) -> usize {
        expect(self.local.records(&self.name), &self.name).len()
    }

    /// Whether no record is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends a consumer back, or on, to the first record that was appended at `from` or later, as
    /// `ifc stream replay` does. Returns how many records lie before it now.
    ///
    /// # Panics
    /// When the unit is not a consumer of a stream.
    pub async fn replay(&self, unit: &str, from: SystemTime) -> usize {
        expect(self.local.replay(unit, from).await, unit) as usize
    }
}

impl<T: DeserializeOwned> StreamProbe<T> {
    /// Key and body of the records that are still kept, consumed or not, oldest first.
    ///
    /// # Panics
    /// When a body is not a `T`.
    pub fn records(&self) -> Vec<(String, T)> {
        let records = expect(self.local.records(&self.name), &self.name).into_iter();
        records
            .map(|record| (record.key, decode(&record.body, &self.name)))
            .collect()
    }
}

/// Looks into a table.
pub struct TableProbe<T> {
    local: Arc<Local>,
    name: String,
    marker: PhantomData<fn() -> T>,
}

impl<T: Item> TableProbe<T> {
    pub(super) fn new(local: Arc<Local>, name: String) -> Self {
        TableProbe {
            local,
            name,
            marker: PhantomData,
        }
    }

    /// All items that have not expired, by key.
    ///
    /// # Panics
    /// When a stored item is not a `T`.
    pub fn items(&self) -> Vec<T> {
        expect(self.local.items(&self.name), &self.name)
            .into_iter()
            .map(|item| match serde_json::from_value(item.clone().into()) {
                Ok(item) => item,
                Err(error) => panic!(
                    "`{}` holds an item that is not a `{}`: {error}\n{item:?}",
                    self.name,
                    std::any::type_name::<T>()
                ),
            })
            .collect()
    }
}

/// Looks into a bucket.
pub struct BucketProbe {
    local: Arc<Local>,
    name: String,
}

impl BucketProbe {
    pub(super) fn new(local: Arc<Local>, name: String) -> Self {
        BucketProbe { local, name }
    }

    /// All keys, in order.
    pub fn keys(&self) -> Vec<String> {
        let objects = expect(self.local.objects(&self.name, ""), &self.name);
        objects.into_iter().map(|object| object.key).collect()
    }

    /// The body of an object.
    pub async fn get(&self, key: &str) -> Option<Bytes> {
        let object = expect(self.local.object(&self.name, key).await, &self.name)?;
        let body = to_bytes(object.body, usize::MAX).await;
        Some(body.expect("a body in memory can be read"))
    }

    /// What is known of an object.
    pub async fn head(&self, key: &str) -> Option<ObjectHead> {
        let object = expect(self.local.object(&self.name, key).await, &self.name)?;
        Some(object.head)
    }
}
