//! Operations of a table, with items, keys, conditions, updates and queries as plain data.

use crate::{BoxFuture, Error, Target};
use ifc_manifest::Verb;
use ifc_manifest::kind::table as kind;
use serde_json::{Map, Value};

/// A stored item: attribute names to values.
pub type Item = Map<String, Value>;

/// Value of a key attribute. Ordered as the contract orders keys: numbers by value, strings by
/// their UTF-8 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyValue {
    /// An integer within ±(2^53 − 1).
    Number(i64),
    /// Not empty; at most 1,024 bytes as partition key, 1,000 as sort key.
    String(String),
}

/// Identifies an item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Partition key.
    pub partition: KeyValue,
    /// Sort key, present exactly when the table has one.
    pub sort: Option<KeyValue>,
}

/// How fresh a read must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// Sees every write that was acknowledged before.
    #[default]
    Strong,
    /// May be some time behind.
    Eventual,
}

/// How an attribute compares to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Equal.
    Equal,
    /// Not equal. As with the others, a missing attribute does not compare: nothing holds of it.
    NotEqual,
    /// Less.
    Less,
    /// Less or equal.
    LessOrEqual,
    /// Greater.
    Greater,
    /// Greater or equal.
    GreaterOrEqual,
}

/// One part of a condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Clause {
    /// The item exists.
    ItemExists,
    /// The item does not exist.
    ItemMissing,
    /// The attribute exists (and is not null).
    AttributeExists(String),
    /// The attribute is missing or null.
    AttributeMissing(String),
    /// The attribute exists and compares so. Values of different types are unequal and unordered.
    Compare {
        /// The attribute's name.
        attribute: String,
        /// How.
        comparison: Comparison,
        /// To what.
        value: Value,
    },
}

/// All clauses must hold; an empty condition always holds.
pub type Condition = Vec<Clause>;

/// Changes of an item, applied as one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// Attributes to set.
    pub set: Vec<(String, Value)>,
    /// Attributes to remove.
    pub remove: Vec<String>,
    /// Attributes to add to. A missing attribute counts as 0.
    pub increment: Vec<(String, i64)>,
}

/// Which sort keys a query wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortRange {
    /// Equal to.
    Equal(KeyValue),
    /// Less than.
    Less(KeyValue),
    /// Less than or equal to.
    LessOrEqual(KeyValue),
    /// Greater than.
    Greater(KeyValue),
    /// Greater than or equal to.
    GreaterOrEqual(KeyValue),
    /// From the first to the second, both included.
    Between(KeyValue, KeyValue),
    /// Strings that begin with this.
    BeginsWith(String),
}

/// A read of several items of one partition.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The index to read, or the table itself.
    pub index: Option<String>,
    /// Partition key, of the index when there is one.
    pub partition: KeyValue,
    /// Restriction of the sort key, of the index when there is one.
    pub sort: Option<SortRange>,
    /// Largest first.
    pub descending: bool,
    /// Most items on the page, 1 to 1,000.
    pub limit: u32,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// How fresh. An index is always eventual.
    pub consistency: Consistency,
}

/// A read of all items.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// Most items on the page, 1 to 1,000.
    pub limit: u32,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// How fresh.
    pub consistency: Consistency,
}

/// One item of a `batch_write`.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemWrite {
    /// Writes a whole item, whatever is there.
    Put(Item),
    /// Removes the item under a key, if there is one.
    Delete(Key),
}

/// What a transaction does with one item.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemOperation {
    /// As [`TableOperations::put`].
    Put {
        /// The item.
        item: Item,
        /// What must hold of the one that is there.
        condition: Condition,
    },
    /// As [`TableOperations::update`], but for the item that it returns.
    Update {
        /// Which item.
        key: Key,
        /// The changes.
        update: Update,
        /// What must hold of the item.
        condition: Condition,
    },
    /// As [`TableOperations::delete`].
    Delete {
        /// Which item.
        key: Key,
        /// What must hold of it.
        condition: Condition,
    },
    /// Changes nothing: the transaction happens only if the condition holds.
    Check {
        /// Which item.
        key: Key,
        /// What must hold of it.
        condition: Condition,
    },
}

impl ItemOperation {
    /// The verb that a unit needs for it.
    pub const fn verb(&self) -> Verb {
        match self {
            ItemOperation::Put { .. } => kind::PUT,
            ItemOperation::Update { .. } => kind::UPDATE,
            ItemOperation::Delete { .. } => kind::DELETE,
            ItemOperation::Check { .. } => kind::CHECK,
        }
    }
}

/// Some items of a query, in order of their sort keys, or of a scan, in no order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The items.
    pub items: Vec<Item>,
    /// Where to go on; `None` on the last page. Opaque, good for at least an hour.
    pub cursor: Option<String>,
}

/// What application code can do with a table.
///
/// An expired item (the table's ttl attribute is not after now) is invisible to every operation:
/// reads skip it, conditions see it as missing. Callers have checked sizes and key values.
pub trait TableOperations {
    /// The item under `key`.
    fn get<'a>(
        &'a self,
        table: Target<'a>,
        key: Key,
        consistency: Consistency,
    ) -> BoxFuture<'a, Result<Option<Item>, Error>>;

    /// The items under `keys` that exist, in the order of `keys`.
    fn batch_get<'a>(
        &'a self,
        table: Target<'a>,
        keys: Vec<Key>,
        consistency: Consistency,
    ) -> BoxFuture<'a, Result<Vec<Item>, Error>>;

    /// Writes a whole item if `condition` holds of the one that is there.
    ///
    /// # Errors
    /// `Conflict` when the condition does not hold.
    fn put<'a>(
        &'a self,
        table: Target<'a>,
        item: Item,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Removes an item if `condition` holds of it. Without a condition, removing what is not there
    /// succeeds.
    ///
    /// # Errors
    /// `Conflict` when the condition does not hold.
    fn delete<'a>(
        &'a self,
        table: Target<'a>,
        key: Key,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Changes attributes of an existing item if `condition` holds of it, and returns the item as
    /// it then is.
    ///
    /// # Errors
    /// `NotFound` when there is no item, `Conflict` when the condition does not hold, `Invalid`
    /// when an incremented attribute is not an integer or leaves ±(2^53 − 1), `TooLarge` when the
    /// item would exceed its limit.
    fn update<'a>(
        &'a self,
        table: Target<'a>,
        key: Key,
        update: Update,
        condition: Condition,
    ) -> BoxFuture<'a, Result<Item, Error>>;

    /// One page of a query.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another query, `NotReady` while an index is being built.
    fn query<'a>(&'a self, table: Target<'a>, query: Query) -> BoxFuture<'a, Result<Page, Error>>;

    /// One page of all items, in no order. An item that is there from the first page to the last is
    /// on exactly one of them; one that is written meanwhile may be on any or none.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another scan.
    fn scan<'a>(&'a self, table: Target<'a>, scan: Scan) -> BoxFuture<'a, Result<Page, Error>>;

    /// Writes and removes 1 to 25 different items, each on its own: the result has one entry for
    /// each, in the order given.
    ///
    /// # Errors
    /// The outer result fails when nothing was written. The inner ones as [`put`](Self::put) and
    /// [`delete`](Self::delete) without a condition.
    fn batch_write<'a>(
        &'a self,
        table: Target<'a>,
        writes: Vec<ItemWrite>,
    ) -> BoxFuture<'a, Result<Vec<Result<(), Error>>, Error>>;

    /// Performs 1 to 100 operations on different items of one partition: all of them, or none.
    ///
    /// Conditions look at the items as they were before. A read of several items may see some of the
    /// changes before the others.
    ///
    /// # Errors
    /// Those of the single operations, with [`Error::failed_operation`] saying which; `Conflict`
    /// without it when another transaction was faster; `TooLarge` when what is written together
    /// exceeds [`TRANSACTION_BYTES_MAX`](ifc_manifest::size::TRANSACTION_BYTES_MAX).
    fn transact<'a>(
        &'a self,
        table: Target<'a>,
        operations: Vec<ItemOperation>,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// As [`transact`](Self::transact), over several partitions or tables, by providers that have
    /// [`Capability::CrossPartitionTx`](ifc_manifest::capability::Capability). `table` is the one it
    /// is committed through; each operation comes with its own.
    ///
    /// # Errors
    /// As [`transact`](Self::transact), `TooLarge` beyond the target's limit for transactions;
    /// `Unsupported` without the capability.
    fn transact_across<'a>(
        &'a self,
        table: Target<'a>,
        operations: Vec<(Target<'a>, ItemOperation)>,
    ) -> BoxFuture<'a, Result<(), Error>>;
}
