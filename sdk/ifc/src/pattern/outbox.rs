//! A write and a message that happen together or not at all.

use crate::{Change, Item, Queue, Table};
use ifc_runtime::{Error, Resource};
use serde::Serialize;

/// A message that waits in an item for being sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting<M> {
    /// The event's id: the same each time it is sent, and another one for another message. At most
    /// 128 visible ASCII characters.
    pub id: String,
    /// The group, for a fifo queue.
    pub group: Option<String>,
    /// What is sent.
    pub message: M,
}

/// Items of which some are messages that are to be sent. See [`Outbox`].
#[diagnostic::on_unimplemented(
    message = "items of type `{Self}` carry no messages of type `{M}`",
    note = "implement it: `impl ifc::Posts<{M}> for {Self} {{ fn posting(&self) -> Option<ifc::Posting<{M}>> {{ … }} }}`"
)]
pub trait Posts<M>: Item {
    /// The message, when this item is one.
    fn posting(&self) -> Option<Posting<M>>;
}

/// Sends what a transaction has left in a table, so that a write and its message happen together or
/// not at all.
///
/// A table and a queue have no transaction in common: a process that writes and then sends can die in
/// between. So the message is written as an item of its own, in the transaction that writes what it
/// tells of; the table's change stream hands it to a unit that sends it and removes the item.
///
/// ```
/// # use ifc::prelude::*;
/// # use ifc::{Outbox, Posting, Posts};
/// #[derive(Serialize, Deserialize, Item)]
/// struct Order {
///     #[item(key)]
///     id: String,
///     /// `order`, or `placed`: the message that it was placed.
///     #[item(sort)]
///     part: String,
///     cents: u64,
/// }
///
/// #[resource]
/// static ORDERS: Table<Order> = Table::new("orders").stream();
///
/// #[resource]
/// static PLACED: Queue<u64> = Queue::new("placed");
///
/// impl Posts<u64> for Order {
///     fn posting(&self) -> Option<Posting<u64>> {
///         (self.part == "placed").then(|| Posting {
///             id: format!("{}-placed", self.id),
///             group: None,
///             message: self.cents,
///         })
///     }
/// }
///
/// static OUTBOX: Outbox<Order, u64, ORDERS, PLACED> = Outbox::new(&ORDERS, &PLACED);
///
/// async fn place(id: &str, cents: u64) -> Result<()> {
///     let part = |part: &str| Order { id: id.to_owned(), part: part.to_owned(), cents };
///     ORDERS
///         .transact()
///         .with(ORDERS.put(&part("order")).if_not_exists())
///         .with(ORDERS.put(&part("placed")))
///         .await?;
///     Ok(())
/// }
///
/// #[on_change(ORDERS)]
/// async fn relay(change: Change<Order>) -> Result<()> {
///     Ok(OUTBOX.relay(change).await?)
/// }
///
/// # #[consumer(PLACED)] async fn count(cents: u64) -> Result<()> { let _ = cents; Ok(()) }
/// ```
///
/// The message is sent at least once, always with the same id; it may be sent twice, as any message
/// may arrive twice. In which order messages are sent is not promised: changes have none.
pub struct Outbox<T: Item, M: 'static, R: Resource, Q: Resource> {
    table: &'static Table<T, R>,
    queue: &'static Queue<M, Q>,
}

impl<T: Posts<M>, M: Serialize, R: Resource, Q: Resource> Outbox<T, M, R, Q> {
    /// Sends messages that are written to `table` to `queue`.
    pub const fn new(table: &'static Table<T, R>, queue: &'static Queue<M, Q>) -> Self {
        Outbox { table, queue }
    }

    /// Sends the message that a change has written, if it has written one, and removes it from the
    /// table.
    ///
    /// # Errors
    /// What the queue and the table fail with: return it, and the change comes again.
    pub async fn relay(&self, change: Change<T>) -> Result<(), Error> {
        let Some(item) = change.new else {
            return Ok(());
        };
        let Some(posting) = item.posting() else {
            return Ok(());
        };
        let mut send = self.queue.send(&posting.message).id(posting.id);
        if let Some(group) = posting.group {
            send = send.group(group);
        }
        send.await?;
        self.table.delete_item(&item).await
    }
}
