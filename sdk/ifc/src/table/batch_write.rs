//! Writing several items at once, each on its own.

use super::check;
use super::item::{self, Item, KeyOf, SortAttribute};
use super::operation::{environment, within};
use crate::awaitable::awaitable;
use ifc_manifest::kind::table as kind;
use ifc_runtime::table::{ItemWrite, Key};
use ifc_runtime::{Error, ErrorKind, Grant, Target};
use std::collections::BTreeSet;
use std::marker::PhantomData;

/// Writes of several items. See [`Table::batch_write`](super::Table::batch_write).
#[must_use = "the items are written when this is awaited"]
pub struct BatchWrite<T> {
    grant: &'static Grant,
    writes: Vec<Result<(Key, ItemWrite), Error>>,
    marker: PhantomData<fn() -> T>,
}

impl<T: Item> BatchWrite<T> {
    pub(super) fn new(grant: &'static Grant) -> Self {
        BatchWrite {
            grant,
            writes: Vec::new(),
            marker: PhantomData,
        }
    }

    /// Writes `item`, whatever is there. A version is written as it is in the item, without a look
    /// at the stored one: no provider checks conditions in a batch.
    pub fn put(mut self, item: &T) -> Self {
        let write =
            item::key_of(item).and_then(|key| Ok((key, ItemWrite::Put(check::stored(item)?))));
        self.writes.push(write);
        self
    }

    /// Removes the item under `key`, if there is one.
    pub fn delete(mut self, key: KeyOf<'_, T>) -> Self {
        let key = T::Sort::key::<T::Partition>(key);
        self.writes
            .push(key.map(|key| (key.clone(), ItemWrite::Delete(key))));
        self
    }

    async fn run(self, target: Target<'static>) -> Result<Vec<Result<(), Error>>, Error> {
        if !self.writes.is_empty() {
            let items = self.writes.len() as u64;
            within(&kind::BATCH_WRITE_ITEMS, items, ErrorKind::TooLarge)?;
        }
        let mut keys = BTreeSet::new();
        let mut writes = Vec::new();
        let mut results = Vec::new();
        for write in self.writes {
            results.push(match write {
                Err(error) => Some(error.on(target, kind::BATCH_WRITE)),
                Ok((key, write)) => {
                    if !keys.insert(key) {
                        let message = "two writes of one batch are about the same item";
                        return Err(Error::new(ErrorKind::Invalid, message));
                    }
                    writes.push(write);
                    None
                }
            });
        }
        let mut written = Vec::new();
        if !writes.is_empty() {
            let environment = environment(target, kind::BATCH_WRITE)?;
            written = environment.provider.batch_write(target, writes).await?;
        }
        let mut written = written.into_iter();
        let no_result = || {
            let message = "the provider gave no result for an item";
            Err(Error::new(ErrorKind::Malformed, message).on(target, kind::BATCH_WRITE))
        };
        Ok(results
            .into_iter()
            .map(|refused| match refused {
                Some(error) => Err(error),
                None => written.next().unwrap_or_else(no_result),
            })
            .collect())
    }
}

awaitable!([T: Item] BatchWrite<T> => Vec<Result<(), Error>>, kind::BATCH_WRITE);
