//! Table: items by key.

mod check;
mod expression;
mod item;
mod operation;

mod batch_write;
mod change;
mod scan;
mod transaction;

pub use batch_write::BatchWrite;
pub use change::{Change, ChangeKind, ChangeOptions, ChangeSource, ChangeVersion};
pub use expression::{Attribute, Condition, IntoAttribute};
pub use item::{
    Index, IndexAttribute, Item, KeyAttribute, KeyOf, NoSortKey, OwnedKeyOf, SortAttribute,
    TtlAttribute, VersionAttribute,
};
pub use operation::{BatchGet, Delete, Get, Page, Put, Query, Update};
pub use scan::Scan;
pub use transaction::{Check, ItemOperation, Once, Transaction};

use crate::Undeclared;
use ifc_manifest::Verb;
use ifc_manifest::format::Encoder;
use ifc_manifest::kind::Retention;
use ifc_manifest::kind::table::{
    self as kind, BATCH_GET, BATCH_WRITE, CHECK, ChangeStream, DELETE, GET, PUT, QUERY, SCAN,
    TRANSACT, TRANSACT_ACROSS, TableKnobs, UPDATE,
};
use ifc_manifest::name;
use ifc_runtime::{Operation, Resource, grant};
use std::marker::PhantomData;
use transaction::Reach;

/// Items of type `T`, found by their key.
///
/// Key, indexes, expiry and version are fields of the item: see the derive macro
/// [`Item`](derive@crate::Item). Writes of one item are atomic; reads are strongly consistent
/// unless asked otherwise; reads of an index may be some time behind.
///
/// An expired item is invisible to every operation from its expiry on.
///
/// ```
/// # use ifc::prelude::*;
/// #[derive(Serialize, Deserialize, Item)]
/// struct Order {
///     #[item(key)]
///     id: String,
///     #[item(index = "by-customer")]
///     customer: String,
///     status: String,
///     total_cents: u64,
/// }
///
/// #[resource]
/// static ORDERS: Table<Order> = Table::new("orders");
///
/// # async fn example(order: Order) -> Result<()> {
/// ORDERS.put(&order).if_not_exists().await?;
/// let order = ORDERS.get("o-1").await?;
/// ORDERS
///     .update("o-1")
///     .set(Order::STATUS, "paid")
///     .when(Order::STATUS.eq("new"))
///     .await?;
/// let page = ORDERS.query_index(Order::BY_CUSTOMER, "ada").limit(20).await?;
/// # let _ = (order, page); Ok(()) }
/// ```
pub struct Table<T, R = Undeclared> {
    name: &'static str,
    knobs: TableKnobs,
    marker: PhantomData<fn() -> (T, R)>,
}

impl<T, R> Table<T, R> {
    /// A table whose items are retained when its declaration goes away.
    ///
    /// # Panics
    /// When the name is outside `[a-z][a-z0-9-]{0,31}`; in a static that is a compile error.
    #[track_caller]
    pub const fn new(name: &'static str) -> Self {
        Table {
            name: name::resource(name),
            knobs: TableKnobs::DEFAULT,
            marker: PhantomData,
        }
    }

    /// Whether the provider can restore the table to any moment of the last days. Default: only in
    /// stage `prod`.
    pub const fn point_in_time_recovery(mut self, on: bool) -> Self {
        self.knobs.point_in_time_recovery = Some(on);
        self
    }

    /// Makes every change of an item an event for `#[on_change]` handlers, with the item as it then
    /// is: see [`Change`]. Can be changed later; a handler sees changes from its own deployment on.
    pub const fn stream(mut self) -> Self {
        self.knobs.stream = ChangeStream::NewImage;
        self
    }

    /// Gives the table a database of its own where the provider would share one (GCP). Cannot be
    /// changed later.
    pub const fn isolated(mut self) -> Self {
        self.knobs.isolated = true;
        self
    }

    /// What becomes of the items when the declaration goes away. Default `Retain`.
    pub const fn retention(mut self, retention: Retention) -> Self {
        self.knobs.retention = retention;
        self
    }

    #[doc(hidden)]
    pub const fn __ifc_name(&self) -> &'static str {
        self.name
    }

    #[doc(hidden)]
    pub const fn __ifc_encode<const N: usize>(&self, encoder: &mut Encoder<N>)
    where
        T: Item,
    {
        encoder
            .text_entry("kind", "table")
            .text_entry("name", self.name)
            .map_entry("config");
        self.knobs.encode(&T::SCHEMA, encoder);
        encoder.end();
    }
}

macro_rules! operations {
    ($($name:ident = $verb:ident;)*) => {
        $(
            struct $name;

            impl Operation for $name {
                const VERB: Verb = $verb;
            }
        )*
    };
}

operations! {
    GetOperation = GET;
    BatchGetOperation = BATCH_GET;
    PutOperation = PUT;
    UpdateOperation = UPDATE;
    DeleteOperation = DELETE;
    QueryOperation = QUERY;
    ScanOperation = SCAN;
    BatchWriteOperation = BATCH_WRITE;
    TransactOperation = TRANSACT;
    TransactAcrossOperation = TRANSACT_ACROSS;
    CheckOperation = CHECK;
}

// `R: Resource` stands on the methods, not on the impl: only then does the compiler show that
// trait's own message for a table that was not declared with `#[resource]`.
impl<T: Item, R> Table<T, R> {
    /// The item under `key`, or `None`. The key is the partition key, or `(partition, sort)` for
    /// items with a sort key. Strongly consistent; [`eventual`](Get::eventual) is cheaper.
    ///
    /// # Errors
    /// Of kind `Invalid` for an empty or too long key, `Malformed` when the stored item is not a
    /// `T`; `is_denied`; `is_throttled` after the retry budget is spent.
    pub fn get<'a>(&self, key: KeyOf<'a, T>) -> Get<T>
    where
        R: Resource,
    {
        Get::new(grant::<R, GetOperation>(), key)
    }

    /// The items under up to 100 keys, those that exist, in the order of the keys.
    ///
    /// # Errors
    /// As [`get`](Table::get); of kind `TooLarge` for more than 100 keys.
    pub fn batch_get<'a>(&self, keys: impl IntoIterator<Item = KeyOf<'a, T>>) -> BatchGet<T>
    where
        R: Resource,
    {
        BatchGet::new(grant::<R, BatchGetOperation>(), keys)
    }

    /// Writes `item`, replacing what is under its key. Durable when it returns.
    ///
    /// An item type with a `#[item(version)]` field is written only if the stored version is the
    /// one in `item` (0: nothing is stored), and with the next version: two writers that read the
    /// same item cannot both succeed. See [`Put::overwrite`].
    ///
    /// # Errors
    /// `is_conflict` when a condition does not hold; `is_too_large` above 380 KiB, before anything
    /// is sent; of kind `Invalid` for values without a portable form: integers beyond ±(2^53 − 1),
    /// empty keys.
    pub fn put(&self, item: &T) -> Put
    where
        R: Resource,
    {
        Put::new(grant::<R, PutOperation>(), item)
    }

    /// Changes attributes of the item under `key`, up to 10 at once, and returns the item as it
    /// then is. Raises the version of an item type that has one.
    ///
    /// # Errors
    /// `is_not_found` when there is no item, `is_conflict` when a condition does not hold; of kind
    /// `Invalid` for a change of a key attribute.
    pub fn update<'a>(&self, key: KeyOf<'a, T>) -> Update<T>
    where
        R: Resource,
    {
        Update::new(grant::<R, UpdateOperation>(), key)
    }

    /// Removes the item under `key`. Without a condition it succeeds when there is none.
    ///
    /// # Errors
    /// `is_conflict` when a condition does not hold.
    pub fn delete<'a>(&self, key: KeyOf<'a, T>) -> Delete<T>
    where
        R: Resource,
    {
        Delete::new(grant::<R, DeleteOperation>(), key)
    }

    /// As [`delete`](Table::delete), by an item that has the key.
    pub(crate) fn delete_item(&self, item: &T) -> Delete<T>
    where
        R: Resource,
    {
        Delete::of(grant::<R, DeleteOperation>(), item)
    }

    /// Items of one partition in order of their sort keys, page by page.
    ///
    /// # Errors
    /// Of kind `Invalid` for a limit outside 1 to 1,000 or a cursor of another query.
    pub fn query<'a>(&self, partition: <T::Partition as KeyAttribute>::Ref<'a>) -> Query<T, T::Sort>
    where
        R: Resource,
    {
        Query::new::<T::Partition>(grant::<R, QueryOperation>(), None, partition)
    }

    /// Items of one partition of an index, page by page: `query_index(Order::BY_CUSTOMER, "ada")`.
    /// May be some time behind the table.
    ///
    /// # Errors
    /// As [`query`](Table::query); of kind `NotReady` while the index is being built.
    pub fn query_index<'a, P: KeyAttribute, S>(
        &self,
        index: Index<T, P, S>,
        partition: P::Ref<'a>,
    ) -> Query<T, S>
    where
        R: Resource,
    {
        Query::new::<P>(grant::<R, QueryOperation>(), Some(index.name()), partition)
    }

    /// All items, in no order, page by page.
    ///
    /// It reads, and is billed for, the whole table; `ifc check` notes it. Prefer a query of an
    /// index. An item that is there from the first page to the last is on exactly one of them.
    ///
    /// # Errors
    /// Of kind `Invalid` for a limit outside 1 to 1,000 or a cursor of something else.
    pub fn scan(&self) -> Scan<T>
    where
        R: Resource,
    {
        Scan::new(grant::<R, ScanOperation>())
    }

    /// Writes and removes up to 25 different items, each on its own and without a condition: one
    /// result for each, in order.
    ///
    /// ```
    /// # use ifc::prelude::*;
    /// # #[derive(Serialize, Deserialize, Item)]
    /// # struct Order { #[item(key)] id: String }
    /// # #[resource]
    /// # static ORDERS: Table<Order> = Table::new("orders");
    /// # async fn example(new: &[Order]) -> Result<()> {
    /// let mut batch = ORDERS.batch_write().delete("o-1");
    /// for order in new {
    ///     batch = batch.put(order);
    /// }
    /// for (place, result) in batch.await?.into_iter().enumerate() {
    ///     if let Err(error) = result {
    ///         tracing::warn!(place, %error, "not written");
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The outer result fails when nothing was written: of kind `TooLarge` for more than 25 items,
    /// `Invalid` when two are about the same item. The inner ones as [`put`](Table::put) and
    /// [`delete`](Table::delete).
    pub fn batch_write(&self) -> BatchWrite<T>
    where
        R: Resource,
    {
        BatchWrite::new(grant::<R, BatchWriteOperation>())
    }

    /// Up to 100 operations on different items of one partition: all of them happen, or none.
    ///
    /// Conditions look at the items as they were before. It is durable when it returns. A read of
    /// several items that runs meanwhile may see some of the changes before the others.
    ///
    /// ```
    /// # use ifc::prelude::*;
    /// #[derive(Serialize, Deserialize, Item)]
    /// struct Account {
    ///     #[item(key)]
    ///     owner: String,
    ///     #[item(sort)]
    ///     name: String,
    ///     cents: i64,
    /// }
    ///
    /// #[resource]
    /// static ACCOUNTS: Table<Account> = Table::new("accounts");
    ///
    /// # async fn example() -> Result<()> {
    /// let moved = ACCOUNTS
    ///     .transact()
    ///     .with(ACCOUNTS.check(("ada", "limit")).when(Account::CENTS.ge(500)))
    ///     .with(
    ///         ACCOUNTS
    ///             .update(("ada", "current"))
    ///             .increment(Account::CENTS, -500)
    ///             .when(Account::CENTS.ge(500)),
    ///     )
    ///     .with(ACCOUNTS.update(("ada", "savings")).increment(Account::CENTS, 500))
    ///     .await;
    /// match moved {
    ///     Err(error) if error.is_conflict() => match error.failed_operation() {
    ///         Some(1) => Err(HandlerError::conflict("not enough money")),
    ///         _ => Err(error.into()),
    ///     },
    ///     result => Ok(result?),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// `is_conflict` when a condition does not hold, `is_not_found` when an updated item is not
    /// there, with [`failed_operation`](crate::Error::failed_operation) saying which operation it
    /// was; `is_conflict` without it when another transaction was faster. `is_too_large` for more
    /// than 100 operations or 1.9 MB; `is_unsupported` for items of different partitions or tables,
    /// which [`transact_across`](Table::transact_across) takes;
    /// of kind `Invalid` when two operations are about the same item.
    pub fn transact(&self) -> Transaction
    where
        R: Resource,
    {
        Transaction::new(grant::<R, TransactOperation>(), Reach::Partition)
    }

    /// As [`transact`](Table::transact), over items of several partitions, and of several tables of
    /// the application: put them in with [`with`](Transaction::with). This table is the one that the
    /// permission to commit is about; what happens to each item is a permission of its own.
    ///
    /// Not every provider has it, so the application must say that it is meant for those that do:
    ///
    /// ```
    /// # use ifc::prelude::*;
    /// #[derive(Serialize, Deserialize, Item)]
    /// struct Order {
    ///     #[item(key)]
    ///     id: String,
    ///     article: String,
    /// }
    ///
    /// #[derive(Serialize, Deserialize, Item)]
    /// struct Stock {
    ///     #[item(key)]
    ///     article: String,
    ///     pieces: i64,
    /// }
    ///
    /// #[resource]
    /// static ORDERS: Table<Order> = Table::new("orders");
    ///
    /// #[resource]
    /// static STOCK: Table<Stock> = Table::new("stock");
    ///
    /// #[post("/orders")]
    /// async fn submit(Json(order): Json<Order>) -> Result<()> {
    ///     ORDERS
    ///         .transact_across()
    ///         .with(ORDERS.put(&order).if_not_exists())
    ///         .with(
    ///             STOCK
    ///                 .update(&order.article)
    ///                 .increment(Stock::PIECES, -1)
    ///                 .when(Stock::PIECES.gt(0)),
    ///         )
    ///         .await?;
    ///     Ok(())
    /// }
    ///
    /// ifc::main!(targets = ["aws", "gcp"]);
    /// ```
    ///
    /// # Errors
    /// As [`transact`](Table::transact); `is_unsupported` where a target of the application lacks
    /// it, which `ifc check` finds as well.
    pub fn transact_across(&self) -> Transaction
    where
        R: Resource,
    {
        Transaction::new(grant::<R, TransactAcrossOperation>(), Reach::Tables)
    }

    /// A condition of a [transaction](Table::transact) on an item that it does not change.
    pub fn check<'a>(&self, key: KeyOf<'a, T>) -> Check<T>
    where
        R: Resource,
    {
        Check::new(grant::<R, CheckOperation>(), key)
    }
}

/// The longest key attribute that `position` allows.
fn key_bytes_max(sort: bool) -> usize {
    match sort {
        true => kind::SORT_KEY_BYTES_MAX,
        false => kind::KEY_BYTES_MAX,
    }
}
