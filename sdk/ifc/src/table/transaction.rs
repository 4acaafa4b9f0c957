//! Several operations that happen together or not at all.

use super::check;
use super::expression::Condition;
use super::item::{Item, KeyOf, SortAttribute};
use super::operation::{Clauses, Delete, Put, Update, environment, version_is, within};
use crate::awaitable::{awaitable, named};
use crate::message::check_size;
use ifc_manifest::kind::table as kind;
use ifc_manifest::size::TRANSACTION;
use ifc_manifest::support::Demand;
use ifc_manifest::{Kind, Verb};
use ifc_runtime::table::{self as runtime, Clause, Key};
use ifc_runtime::{Environment, Error, ErrorKind, Grant, Target};
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

/// An operation with its table.
type Targeted = (Target<'static>, runtime::ItemOperation);

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

/// How far a transaction reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Over one partition of one table, as every provider can.
    Partition,
    /// Over all tables of the application.
    Tables,
}

impl Reach {
    fn verb(self) -> Verb {
        match self {
            Reach::Partition => kind::TRANSACT,
            Reach::Tables => kind::TRANSACT_ACROSS,
        }
    }

    /// Refuses what a target lacks.
    fn check(self, target: Target<'_>) -> Result<(), Error> {
        let Some(capability) = Kind::Table.needs(self.verb()) else {
            return Ok(());
        };
        let demand = Demand::Capability(capability);
        demand.check(Environment::targets()).map_err(|unavailable| {
            let message = format!("{} {}: {unavailable}", unavailable.code, target.name);
            Error::new(ErrorKind::Unsupported, message)
        })
    }
}

/// Operations that all happen, or none. See [`Table::transact`](super::Table::transact) and
/// [`Table::transact_across`](super::Table::transact_across).
#[must_use = "the operations happen when this is awaited"]
pub struct Transaction {
    grant: &'static Grant,
    reach: Reach,
    operations: Vec<ItemOperation>,
}

impl Transaction {
    pub(super) fn new(grant: &'static Grant, reach: Reach) -> Self {
        Transaction {
            grant,
            reach,
            operations: Vec::new(),
        }
    }

    /// Adds an operation: a `put`, `update`, `delete` or `check` of the table, not awaited. When the
    /// transaction reaches across, of any table.
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
    /// The mark is one of the transaction's 100 operations, and of the same partition as the others
    /// unless it reaches [across](super::Table::transact_across).
    ///
    /// # Errors
    /// As [`Table::transact`](super::Table::transact). Nothing has happened then, unless the reply
    /// was lost; trying again is safe.
    pub fn once(self, mark: Put) -> Once {
        Once {
            grant: self.grant,
            // First, so that its conflict is the one that is told.
            transaction: Transaction::new(self.grant, self.reach)
                .with(mark.if_not_exists())
                .with_all(self.operations),
        }
    }

    /// The operations, or why the contract does not allow them.
    fn checked(self, target: Target<'static>) -> Result<Vec<Targeted>, Error> {
        self.reach.check(target)?;
        let count = self.operations.len();
        if count > 0 {
            within(
                &kind::TRANSACT_OPERATIONS,
                count as u64,
                ErrorKind::TooLarge,
            )?;
        }
        let mut operations = Vec::with_capacity(count);
        let mut items: BTreeSet<(&str, &str, Key)> = BTreeSet::new();
        let mut bytes = 0;
        for (place, added) in self.operations.into_iter().enumerate() {
            let failed = |error: Error| error.in_operation(place, added.verb);
            let (key, operation) = added.operation.map_err(failed)?;
            let table = added.grant.target();
            let same_partition = items
                .first()
                .is_none_or(|(_, _, first)| first.partition == key.partition);
            if self.reach == Reach::Partition && (table != target || !same_partition) {
                return Err(failed(across_partitions(target)));
            }
            bytes += size(&operation);
            if !items.insert((table.package, table.name, key)) {
                let message = "an earlier operation of the transaction is about the same item";
                return Err(failed(Error::new(ErrorKind::Invalid, message)));
            }
            operations.push((table, operation));
        }
        check_size(&TRANSACTION, bytes)?;
        Ok(operations)
    }

    async fn run(self, target: Target<'static>) -> Result<(), Error> {
        let reach = self.reach;
        let result = self.perform(target).await;
        result.map_err(|error| named(error, target, reach.verb()))
    }

    async fn perform(self, target: Target<'static>) -> Result<(), Error> {
        let reach = self.reach;
        let operations = self.checked(target)?;
        if operations.is_empty() {
            return Ok(());
        }
        let provider = &environment(target, reach.verb())?.provider;
        match reach {
            Reach::Partition => {
                let operations = operations.into_iter().map(|(_, operation)| operation);
                provider.transact(target, operations.collect()).await
            }
            Reach::Tables => provider.transact_across(target, operations).await,
        }
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

/// The refusal of items that lie apart: why they must not, or how they may.
fn across_partitions(target: Target<'_>) -> Error {
    Reach::Tables.check(target).err().unwrap_or_else(|| {
        let message = "the items are of several partitions or tables: `transact_across` may do \
                       that on every target of the application";
        Error::new(ErrorKind::Unsupported, message)
    })
}

/// What an operation writes, in bytes of JSON.
fn size(operation: &runtime::ItemOperation) -> usize {
    match operation {
        runtime::ItemOperation::Put { item, .. } => check::bytes(item),
        runtime::ItemOperation::Update { update, .. } => check::bytes(&update.set),
        runtime::ItemOperation::Delete { .. } | runtime::ItemOperation::Check { .. } => 0,
    }
}
