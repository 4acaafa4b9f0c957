//! Handling an event once, although it is delivered at least once.

use super::{epoch_seconds, millis, now_millis};
use crate::{Event, Item, Table};
use ifc_runtime::event::random_id;
use ifc_runtime::{Environment, HandlerError, Invocation, Resource};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Shortest time that a handled event is remembered: a day.
const KEEP_MIN: Duration = Duration::from_secs(24 * 3_600);

/// Longest time: 30 days, more than any queue keeps a message and its dead letter.
const KEEP_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);

/// How long one attempt may run when its unit does not say.
const RUN_DEFAULT: Duration = Duration::from_secs(60);

/// By how much the clocks of two instances may differ.
const CLOCKS_APART: Duration = Duration::from_secs(5);

/// How often the result is tried to be written down.
const RECORD_TRIES: u32 = 3;

/// What is remembered of an event: the items of the table that an [`Idempotent`] works with.
#[derive(Clone, Debug, Serialize, Deserialize, Item)]
pub struct Handled {
    #[item(key)]
    key: String,
    /// What the effect returned, as JSON. None: it has not been seen to end.
    result: Option<String>,
    /// Which run of a handler has it in hand.
    holder: Option<String>,
    /// Until when, in milliseconds since 1970.
    held_until: u64,
    #[item(ttl)]
    forget_at: u64,
}

/// Runs the effect of an event once, although the event is delivered at least once: it remembers in
/// a table what has been done and what came of it.
///
/// ```
/// # use ifc::prelude::*;
/// # use ifc::{Handled, Idempotent};
/// # #[derive(Serialize, Deserialize)] struct Order { id: String, cents: u64 }
/// # #[resource] static ORDERS: Queue<Order> = Queue::new("orders");
/// # async fn pay(key: &str, cents: u64) -> Result<String> { Ok(format!("{key} {cents}")) }
/// #[resource]
/// static HANDLED: Table<Handled> = Table::new("handled");
///
/// static ONCE: Idempotent<HANDLED> = Idempotent::new(&HANDLED);
///
/// #[consumer(ORDERS)]
/// async fn charge(order: Event<Order>) -> Result<()> {
///     let receipt = ONCE
///         .once(&order, async || pay(&order.id, order.body.cents).await)
///         .await?;
///     tracing::info!(receipt, "charged");
///     Ok(())
/// }
/// ```
///
/// # What is guaranteed
///
/// Once the effect has succeeded and that is written down, it is not run again for as long as it is
/// [kept](Idempotent::keep): every further delivery gets the same result. Two deliveries that arrive
/// at the same time do not run it at the same time: one of them fails, and comes again when the
/// other one has ended, or, if it died, when its unit's time-out is over. An effect that fails is not
/// remembered; the next attempt runs it again.
///
/// # What is not
///
/// The effect and the note of it are two steps, and a process can die in between. Nobody can tell
/// then whether the effect happened, so it runs once more. Where that matters, there are two ways:
///
/// - An effect elsewhere: hand on [`Event::id`], which stays the same, as the other side's key of
///   idempotence. Payment services have one.
/// - An effect on a table: put the note into the same transaction with
///   [`Transaction::once`](crate::Transaction::once). That is exactly once, and needs no `Idempotent`.
///
/// Give the source a retry policy that outlasts the unit's time-out, or an event whose process died
/// may use up its attempts while it waits.
pub struct Idempotent<R: Resource> {
    table: &'static Table<Handled, R>,
    keep: Duration,
}

impl<R: Resource> Idempotent<R> {
    /// Remembers in `table`, for a day. Several handlers may share a table: what is remembered is
    /// remembered for each unit.
    pub const fn new(table: &'static Table<Handled, R>) -> Self {
        Idempotent {
            table,
            keep: KEEP_MIN,
        }
    }

    /// How long it remembers, 1 to 30 days. It should be longer than an event can be under way: its
    /// source's retention, and the time until dead letters are sent again.
    ///
    /// # Panics
    /// Outside the range; in a static that is a compile error.
    #[track_caller]
    pub const fn keep(mut self, keep: Duration) -> Self {
        assert!(
            keep.as_secs() >= KEEP_MIN.as_secs() && keep.as_secs() <= KEEP_MAX.as_secs(),
            "handled events are remembered for 1 to 30 days"
        );
        self.keep = keep;
        self
    }

    /// Runs `effect` unless it has succeeded for this event before; returns what it returned then.
    ///
    /// The result is kept as JSON of at most 380 KiB.
    ///
    /// # Errors
    /// What `effect` fails with. When another delivery of the event is being handled: return that
    /// error, and the event comes again. What the table fails with.
    pub async fn once<M, T, Fut>(
        &self,
        event: &Event<M>,
        effect: impl FnOnce() -> Fut,
    ) -> Result<T, HandlerError>
    where
        T: Serialize + DeserializeOwned,
        Fut: Future<Output = Result<T, HandlerError>>,
    {
        let key = format!("{}/{}", event.source, event.id);
        self.once_for(&key, effect).await
    }

    /// As [`once`](Idempotent::once), for something that has a name of its own: the key that a
    /// client sent with its request, say. At most 900 bytes.
    ///
    /// # Errors
    /// As [`once`](Idempotent::once).
    pub async fn once_for<T, Fut>(
        &self,
        key: &str,
        effect: impl FnOnce() -> Fut,
    ) -> Result<T, HandlerError>
    where
        T: Serialize + DeserializeOwned,
        Fut: Future<Output = Result<T, HandlerError>>,
    {
        let (unit, longest_run) = current_unit();
        let key = format!("{unit}/{key}");
        let hold = Hold {
            holder: random_id(),
            until: now_millis() + millis(longest_run + CLOCKS_APART),
            forget_at: epoch_seconds(crate::now() + self.keep),
        };
        if let Some(result) = self.take(&key, &hold).await? {
            return decode(&result);
        }
        match effect().await {
            Ok(value) => {
                let result = serde_json::to_string(&value)?;
                self.record(&key, &hold, result).await?;
                Ok(value)
            }
            Err(error) => {
                // Best effort: what is not let go is over with the time-out.
                let mine = Handled::HOLDER.eq(hold.holder.as_str());
                let _ = self.table.delete(&key).when(mine).await;
                Err(error)
            }
        }
    }

    /// Takes the event in hand. The result, when it is done already.
    async fn take(&self, key: &str, hold: &Hold) -> Result<Option<String>, HandlerError> {
        let fresh = Handled {
            key: key.to_owned(),
            result: None,
            holder: Some(hold.holder.clone()),
            held_until: hold.until,
            forget_at: hold.forget_at,
        };
        match self.table.put(&fresh).if_not_exists().await {
            Ok(()) => return Ok(None),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
        let busy = || HandlerError::new(format!("`{key}` is being handled by another delivery"));
        let Some(known) = self.table.get(key).await? else {
            return Err(busy());
        };
        if known.result.is_some() {
            return Ok(known.result);
        }
        if known.held_until > now_millis() {
            return Err(busy());
        }
        // Its holder died. Whoever is first takes it over.
        let taken = self
            .table
            .update(key)
            .set(Handled::HOLDER, hold.holder.as_str())
            .set(Handled::HELD_UNTIL, hold.until)
            .set(Handled::FORGET_AT, hold.forget_at)
            .when(Handled::HELD_UNTIL.eq(known.held_until))
            .when(Handled::RESULT.missing())
            .await;
        match taken {
            Ok(_) => Ok(None),
            Err(error) if error.is_conflict() => Err(busy()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the result down. This is the step that must not fail, so it is tried again.
    async fn record(&self, key: &str, hold: &Hold, result: String) -> Result<(), HandlerError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let recorded = self
                .table
                .update(key)
                .set(Handled::RESULT, result.as_str())
                .set(Handled::FORGET_AT, hold.forget_at)
                .when(Handled::HOLDER.eq(hold.holder.as_str()))
                .await;
            match recorded {
                Ok(_) => return Ok(()),
                Err(error) if tries >= RECORD_TRIES || error.is_conflict() => {
                    return Err(error.into());
                }
                Err(_) => {}
            }
        }
    }
}

/// A run of a handler that has an event in hand.
struct Hold {
    holder: String,
    until: u64,
    forget_at: u64,
}

/// The unit that runs, and how long it may.
fn current_unit() -> (String, Duration) {
    let unit = Invocation::current().map_or_else(String::new, |run| run.unit.to_string());
    let timeout = Environment::current().ok().and_then(|environment| {
        let application = &environment.application;
        let mut handlers = application.handlers.iter();
        let handler = handlers.find(|h| application.unit_of(&h.descriptor) == unit)?;
        Some(handler.descriptor.unit?.timeout)
    });
    (unit, timeout.unwrap_or(RUN_DEFAULT))
}

fn decode<T: DeserializeOwned>(result: &str) -> Result<T, HandlerError> {
    serde_json::from_str(result).map_err(|error| {
        let name = std::any::type_name::<T>();
        HandlerError::new(format!(
            "what an earlier delivery returned is not a `{name}`: {error}"
        ))
    })
}
