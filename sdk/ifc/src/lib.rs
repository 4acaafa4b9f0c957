//! Infrastructure from code: declare queues, tables, routes, schedules and secrets as typed Rust
//! values beside the code that uses them.
//!
//! ```no_run
//! use ifc::prelude::*;
//!
//! #[derive(Serialize, Deserialize, Item)]
//! pub struct Order {
//!     #[item(key)]
//!     pub id: String,
//!     #[item(index = "by-customer")]
//!     pub customer: String,
//!     pub total_cents: u64,
//! }
//!
//! #[resource]
//! pub static ORDERS: Table<Order> = Table::new("orders");
//!
//! #[resource]
//! pub static FULFILMENT: Queue<Order> = Queue::new("fulfilment").lease(seconds(60));
//!
//! #[post("/orders")]
//! async fn submit(Json(order): Json<Order>) -> Result<Json<Order>> {
//!     ORDERS.put(&order).await?;
//!     FULFILMENT.send(&order).await?;
//!     Ok(Json(order))
//! }
//!
//! #[consumer(FULFILMENT, timeout = seconds(40))]
//! async fn fulfil(order: Order) -> Result<()> {
//!     ORDERS.update(&order.id).increment(Order::TOTAL_CENTS, 0).await?;
//!     Ok(())
//! }
//!
//! ifc::main!();
//! ```
//!
//! `cargo run` serves this on localhost with durable, embedded queues and tables; `#[ifc::test]`
//! runs it in-process in virtual time; `cargo ifc check` reads the resource graph out of the built
//! artifact.
//!
//! This crate knows nothing of plans, state or deployment.

mod awaitable;
mod bucket;
mod config;
mod cursor;
mod declaration;
mod durations;
mod edge;
mod event;
mod event_bus;
mod function;
mod http_api;
mod message;
mod pattern;
mod queue;
mod schedule;
mod secret;
mod state;
mod stream;
mod table;
mod topic;
mod unit;

// The derives name this crate as applications do.
extern crate self as ifc;

pub mod prelude;
#[cfg(feature = "local")]
pub mod test_kit;

#[doc(hidden)]
pub mod __private;

pub use bucket::{
    Bucket, GetObject, HeadObject, ListObjects, Object, ObjectCreated, ObjectDeleted, ObjectPage,
    PresignGet, PresignPut, PresignedPut, PutObject,
};
pub use config::Config;
pub use cursor::Cursor;
pub use durations::{days, hours, minutes, seconds};
pub use event::{Batch, Event};
pub use event_bus::{BusEvent, CloudEvent, EventBus, EventData, Pattern, PutEvent};
pub use http_api::{Cors, HttpApi};
pub use ifc_macros::{
    BusEvent, Item, consumer, delete, function, get, main, on_change, on_created, on_deleted,
    on_event, patch, post, put, resource, schedule, stream_consumer, subscriber, test,
};
pub use ifc_manifest::kind::Retention;
pub use ifc_manifest::kind::secret::Charset;
pub use ifc_manifest::kind::unit::Arch;
/// The contract that provider halves implement.
pub use ifc_runtime as runtime;
pub use ifc_runtime::axum;
pub use ifc_runtime::bucket::{ListedObject, ObjectHead};
pub use ifc_runtime::secret::SecretValue;
pub use ifc_runtime::state::Provide;
pub use ifc_runtime::{Error, ErrorKind, HandlerError, Invocation, Outcome, Resource, Result};
pub use pattern::{
    Circuit, CircuitBreaker, CircuitError, Claim, ClaimCheck, Handled, Idempotent, Outbox, Posting,
    Posts,
};
pub use queue::{Outgoing, Queue};
pub use secret::Secret;
pub use state::State;
pub use stream::Stream;
pub use table::{
    Attribute, BatchGet, BatchWrite, Change, ChangeKind, ChangeVersion, Check, Condition, Delete,
    Get, Index, IndexAttribute, IntoAttribute, Item, ItemOperation, KeyAttribute, KeyOf, NoSortKey,
    Once, OwnedKeyOf, Page, Put, Query, Scan, SortAttribute, Table, Transaction, Update,
};
pub use topic::{AttributeTest, Filter, Publication, Topic, attribute};

/// The tag of a value that was not declared with `#[resource]`.
pub enum Undeclared {}

/// Now, by the clock of the provider: virtual in `#[ifc::test]`, the machine's otherwise.
pub fn now() -> std::time::SystemTime {
    match runtime::Environment::current() {
        Ok(environment) => environment.provider.now(),
        Err(_) => std::time::SystemTime::now(),
    }
}
