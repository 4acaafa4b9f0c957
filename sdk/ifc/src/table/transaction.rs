//! Several operations that happen together or not at all.

use super::check;
use super::expression::Condition;
use super::item::{Item, KeyOf, SortAttribute};
use super::operation::{Clauses, Delete, Put, Update, environment, version_is, within};
use crate::awaitable::awaitable;
use crate::message::check_size;
use ifc_manifest::capability::Capability;
use ifc_manifest::kind::table as kind;
use ifc_manifest::size::TRANSACTION;
use ifc_manifest::support::Demand;
use ifc_manifest::{Targets, Verb};
use ifc_runtime::table::{self as runtime, Clause, Key};
use ifc_runtime::{Error, ErrorKind, Grant, Target};
use std::collections::BTreeSet;
use std::marker::PhantomData;

/// A condition of a transaction on an item that it does not change. See
/// [`Table::check`](super::Table::check).
#[must_use = "the condition is checked by the transaction that this is handed to"]
pub struct Check<T> {
    grant: &'static Grant,
    key: Result<Key, Error>,
    clauses: Clauses,
    marker: PhantomData<fn() -> T>,
}

impl<T: Item> Check<T> {
    pub(super) fn new(grant: &'static Grant, key: KeyOf<'_, T>) -> Self {
        Check {
            grant,
            key: T::Sort::key::<T::Partition>(key),
            clauses: Clauses::default(),
            marker: PhantomData,
        }
    }

    /// Something is stored under the key.
    pub fn if_exists(mut self) -> Self {
        self.clauses.add(Ok(Clause::ItemExists));
        self
    }

    /// Nothing is stored under the key.
    pub fn if_not_exists(mut self) -> Self {
        self.clauses.add(Ok(Clause::ItemMissing));
        self
    }

    /// The condition holds of the stored item; several must all hold.
    pub fn when(mut self, condition: Condition<T>) -> Self {
        self.clauses.add(condition.clause);
        self
    }

    /// The stored item has this version.
    pub fn if_version(mut self, version: u64) -> Self {
        if let Some(attribute) = T::SCHEMA.version {
            self.clauses.add(Ok(version_is(attribute, version)));
        }
        self
    }

    fn checked(self) -> Result<(Key, Vec<Clause>), Error> {
        let clauses = self.clauses.finish()?;
        if clauses.is_empty() {
            let message =
                "a check needs a condition: `.if_exists()`, `.if_not_exists()` or `.when(…)`";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok((self.key?, clauses))
    }
}

/// What a transaction does with one item: made from a [`Put`], an [`Update`], a [`Delete`] or a
/// [`Check`] of a table.
pub struct ItemOperation {
    grant: &'static Grant,
    verb: Verb,
    operation: Result<(Key, runtime::ItemOperation), Error>,
}

impl From<Put> for ItemOperation {
    fn from(put: Put) -> Self {
        ItemOperation {
            grant: put.grant,
            verb: kind::PUT,
            operation: put.checked().map(|(key, item, condition)| {
                (key, runtime::ItemOperation::Put { item, condition })
            }),
        }
    }
}

impl<T: Item> From<Update<T>> for ItemOperation {
    fn from(update: Update<T>) -> Self {
        ItemOperation {
            grant: update.grant,
            verb: kind::UPDATE,
            operation: update.checked().map(|(key, update, condition)| {
                let operation = runtime::ItemOperation::Update {
                    key: key.clone(),
                    update,
                    condition,
                };
                (key, operation)
            }),
        }
    }
}

impl<T: Item> From<Delete<T>> for ItemOperation {
    fn from(delete: Delete<T>) -> Self {
        ItemOperation {
            grant: delete.grant,
            verb: kind::DELETE,
            operation: delete.checked().map(|(key, condition)| {
                let operation = runtime::ItemOperation::Delete {
                    key: key.clone(),
                    condition,
                };
                (key, operation)
            }),
        }
    }
}

impl<T: Item> From<Check<T>> for ItemOperation {
    fn from(check: Check<T>) -> Self {
        ItemOperation {
            grant: check.grant,
            verb: kind::CHECK,
            operation: check.checked().map(|(key, condition)| {
                let operation = runtime::ItemOperation::Check {
                    key: key.clone(),
                    condition,
                };
                (key, operation)
            }),
        }
    }
}

/// Operations that all happen, or none. See [`Table::transact`](super::Table::transact).
#[must_use = "the operations happen when this is awaited"]
pub struct Transaction {
    grant: &'static Grant,
    operations: Vec<ItemOperation>,
}

impl Transaction {
    pub(super) fn new(grant: &'static Grant) -> Self {
        Transaction {
            grant,
            operations: Vec::new(),
        }
    }

    /// Adds an operation: a `put`, `update`, `delete` or `check` of the table, not awaited.
    pub fn with(mut self, operation: impl Into<ItemOperation>) -> Self {
        self.operations.push(operation.into());
        self
    }

    /// Adds several operations.
    pub fn with_all<O: Into<ItemOperation>>(
        mut self,
        operations: impl IntoIterator<Item = O>,
    ) -> Self {
        self.operations
            .extend(operations.into_iter().map(Into::into));
        self
    }

    /// Happens once, however often it is tried: `mark` is an item that the transaction writes as well,
    /// and where it is there already, everything has happened before. Resolves to whether it happened
    /// now.
    ///
    /// This is how an event has its effect exactly once, although it is delivered at least once: the
    /// effect and the note of it are one write.
    ///
    /// ```
    /// # use ifc::prelude::*;
    /// # #[derive(Serialize, Deserialize)] struct Sale { article: String, pieces: i64 }
    /// # #[resource] static SALES: Queue<Sale> = Queue::new("sales");
    /// #[derive(Serialize, Deserialize, Item)]
    /// struct Stock {
    ///     #[item(key)]
    ///     article: String,
    ///     /// `total`, or the id of an event that is counted in it.
    ///     #[item(sort)]
    ///     part: String,
    ///     pieces: i64,
    ///     #[item(ttl)]
    ///     forget_at: Option<u64>,
    /// }
    ///
    /// #[resource]
    /// static STOCK: Table<Stock> = Table::new("stock");
    ///
    /// #[consumer(SALES)]
    /// async fn count(sale: Event<Sale>) -> Result<()> {
    ///     let article = &sale.body.article;
    ///     let counted = Stock {
    ///         article: article.clone(),
    ///         part: sale.id.clone(),
    ///         pieces: 0,
    ///         // Longer than the event can be under way.
    ///         forget_at: Some(sale.time.duration_since(std::time::UNIX_EPOCH)?.as_secs() + 15 * 86_400),
    ///     };
    ///     STOCK
    ///         .transact()
    ///         .with(STOCK.update((article, "total")).increment(Stock::PIECES, -sale.body.pieces))
    ///         .once(STOCK.put(&counted))
    ///         .await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// The mark is one of the transaction's 100 operations, and of the same partition as the others.
    ///
    /// # Errors
    /// As [`Table::transact`](super::Table::transact). Nothing has happened then, unless the reply
    /// was lost; trying again is safe.
    pub fn once(self, mark: Put) -> Once {
        Once {
            grant: self.grant,
            // First, so that its conflict is the one that is told.
            transaction: Transaction::new(self.grant)
                .with(mark.if_not_exists())
                .with_all(self.operations),
        }
    }

    /// The operations, or why the contract does not allow them.
    fn checked(self, target: Target<'static>) -> Result<Vec<runtime::ItemOperation>, Error> {
        let count = self.operations.len();
        if count > 0 {
            within(
                &kind::TRANSACT_OPERATIONS,
                count as u64,
                ErrorKind::TooLarge,
            )?;
        }
        let mut operations = Vec::with_capacity(count);
        let mut keys: BTreeSet<Key> = BTreeSet::new();
        let mut bytes = 0;
        for (place, added) in self.operations.into_iter().enumerate() {
            let failed = |error: Error| error.in_operation(place, added.verb);
            let (key, operation) = added.operation.map_err(failed)?;
            let same_partition = keys.first().is_none_or(|k| k.partition == key.partition);
            if added.grant.target() != target || !same_partition {
                return Err(failed(across_partitions(target)));
            }
            bytes += size(&operation);
            if !keys.insert(key) {
                let message = "an earlier operation of the transaction is about the same item";
                return Err(failed(Error::new(ErrorKind::Invalid, message)));
            }
            operations.push(operation);
        }
        check_size(&TRANSACTION, bytes)?;
        Ok(operations)
    }

    async fn run(self, target: Target<'static>) -> Result<(), Error> {
        let operations = self.checked(target)?;
        if operations.is_empty() {
            return Ok(());
        }
        environment(target, kind::TRANSACT)?
            .provider
            .transact(target, operations)
            .await
    }
}

awaitable!([] Transaction => (), kind::TRANSACT);

/// A transaction that happens once. See [`Transaction::once`].
#[must_use = "the operations happen when this is awaited"]
pub struct Once {
    grant: &'static Grant,
    transaction: Transaction,
}

impl Once {
    async fn run(self, target: Target<'static>) -> Result<bool, Error> {
        match self.transaction.run(target).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_conflict() && error.failed_operation() == Some(0) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

awaitable!([] Once => bool, kind::TRANSACT);

/// The refusal of what only some providers have. A transaction of one table is portable, so it is
/// refused whatever the targets are.
fn across_partitions(target: Target<'_>) -> Error {
    let demand = Demand::Capability(Capability::CrossPartitionTx);
    let finding = match demand.check(Targets::ALL) {
        Err(unavailable) => format!("{} {}: {unavailable}", unavailable.code, target.name),
        Ok(()) => "its items are of several partitions or tables".to_owned(),
    };
    Error::new(ErrorKind::Unsupported, finding)
}

/// What an operation writes, in bytes of JSON.
fn size(operation: &runtime::ItemOperation) -> usize {
    match operation {
        runtime::ItemOperation::Put { item, .. } => check::bytes(item),
        runtime::ItemOperation::Update { update, .. } => check::bytes(&update.set),
        runtime::ItemOperation::Delete { .. } | runtime::ItemOperation::Check { .. } => 0,
    }
}
