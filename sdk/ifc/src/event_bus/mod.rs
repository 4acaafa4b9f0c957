//! EventBus: CloudEvents to every rule they match.

mod event;
mod pattern;
mod put;

pub use event::{
    BusBody, BusEvent, CloudEvent, EventData, HandlesEvents, another_type, from_data, to_data,
};
pub use pattern::Pattern;
pub use put::PutEvent;

use crate::Undeclared;
use crate::declaration::declaration;
use crate::edge::{consumer_knobs, retry_knobs};
use crate::unit::unit_knobs;
use ifc_manifest::Kind;
use ifc_manifest::format::Encoder;
use ifc_manifest::kind::edge::{ConsumerSpec, RetrySpec};
use ifc_manifest::kind::event_bus::{EventBusKnobs, PUT, PatternKnobs, RETRY};
use ifc_manifest::kind::unit::{TIMEOUT_ASYNC, TIMEOUT_DEFAULT, UnitSpec};
use ifc_manifest::name;
use ifc_runtime::{BoxFuture, Error, Operation, Resource, grant};
use std::marker::PhantomData;

/// Events of many types, each delivered at least once to every rule that it matches.
///
/// An event is a [CloudEvent](https://cloudevents.io) 1.0: a type, a source, perhaps a subject, and
/// JSON data. A Rust type that derives [`BusEvent`] is one type of event, or several. A handler with
/// `#[on_event]` is a rule: it gets the events of its argument's type, or fewer when it has a
/// [`Pattern`]. Each rule has a queue of its own: its own redelivery, its own dead letters, and it
/// sees what was put since it was deployed. There is no order.
///
/// ```
/// # use ifc::prelude::*;
/// #[derive(Serialize, Deserialize, BusEvent)]
/// #[event(type = "order.placed")]
/// struct OrderPlaced {
///     order: String,
///     region: String,
/// }
///
/// #[resource]
/// static SHOP_EVENTS: EventBus = EventBus::new("shop-events").filterable(&["data.region"]);
///
/// #[on_event(SHOP_EVENTS)]
/// async fn welcome(placed: OrderPlaced) -> Result<()> {
///     println!("{}", placed.order);
///     Ok(())
/// }
///
/// #[on_event(SHOP_EVENTS, pattern = Pattern::new().field("data.region", &["eu", "uk"]))]
/// async fn customs(event: CloudEvent<OrderPlaced>) -> Result<()> {
///     println!("{:?} in {}", event.subject, event.data.region);
///     Ok(())
/// }
///
/// # async fn put() -> Result<()> {
/// let placed = OrderPlaced { order: "o-1".into(), region: "eu".into() };
/// SHOP_EVENTS.put(&placed).subject("o-1").await?;
/// # Ok(()) }
/// ```
///
/// # A bus of another application
///
/// Applications meet on a bus. One of them owns it; the others declare it with
/// [`owned_by`](EventBus::owned_by), put events on it and listen to it in the same way.
pub struct EventBus<R = Undeclared> {
    name: &'static str,
    knobs: EventBusKnobs,
    marker: PhantomData<fn() -> R>,
}

impl<R> EventBus<R> {
    /// A bus without filterable fields.
    ///
    /// # Panics
    /// When the name is outside `[a-z][a-z0-9-]{0,31}`; in a static that is a compile error.
    #[track_caller]
    pub const fn new(name: &'static str) -> Self {
        EventBus {
            name: name::resource(name),
            knobs: EventBusKnobs::DEFAULT,
            marker: PhantomData,
        }
    }

    /// The fields of the data that patterns may test, as paths: `data.region`,
    /// `data.customer.tier`. At most 5.
    ///
    /// What an event has there is a text, a whole number or a boolean of at most 256 bytes, or
    /// absent. Publishers lift it out of the data, so one that was deployed before a field was
    /// declared does not set it.
    ///
    /// # Panics
    /// With more than 5 fields, one of them twice, or with something that is not such a path; in a
    /// static that is a compile error.
    #[track_caller]
    pub const fn filterable(mut self, paths: &'static [&'static str]) -> Self {
        self.knobs = self.knobs.filterable(paths);
        self
    }

    /// The bus belongs to this application, which declares one of the same name. It is not made or
    /// removed with this application; at each stage it is the owner's bus of that stage.
    ///
    /// The declaration can stand in a library that both link: in the owner it is the bus itself.
    /// The owner has to be deployed first.
    ///
    /// # Providers
    /// The local provider serves one application: what is put on a bus of another one is checked,
    /// is delivered to this application's own rules, and goes nowhere else. It says so when it
    /// starts.
    ///
    /// # Panics
    /// When that is no application's name; in a static that is a compile error.
    #[track_caller]
    pub const fn owned_by(mut self, application: &'static str) -> Self {
        self.knobs = self.knobs.owned_by(application);
        self
    }

    declaration!(Kind::EventBus, knobs);
}

struct PutOperation;

impl Operation for PutOperation {
    const VERB: ifc_manifest::Verb = PUT;
}

impl<R> EventBus<R> {
    /// Puts an event on the bus. It is put when awaited:
    /// `BUS.put(&OrderPlaced { … }).subject("o-1").await?`.
    ///
    /// Returns the event's id, the same at every rule, once the event is durable. The data is JSON
    /// of at most 245,760 bytes.
    ///
    /// # Errors
    /// `is_too_large` before anything is sent; `is_denied`; `is_throttled` after the retry budget
    /// is spent. An attribute or a filterable field that cannot be one is of kind `Invalid`.
    pub fn put<T: BusEvent>(&self, event: &T) -> PutEvent
    where
        R: Resource,
    {
        PutEvent::new(
            grant::<R, PutOperation>(),
            self.knobs.fields(),
            event.event_type(),
            T::SOURCE,
            event.to_data(),
        )
    }

    /// Puts up to 10 events on the bus, each on its own: one result per event, in order. For events
    /// of several types, or with options, see [`PutEvent::all`].
    ///
    /// # Errors
    /// The outer result fails when nothing was put. As [`put`](EventBus::put) for the inner ones.
    pub fn put_batch<'a, T: BusEvent + 'a>(
        &self,
        events: impl IntoIterator<Item = &'a T>,
    ) -> BoxFuture<'static, Result<Vec<Result<String, Error>>, Error>>
    where
        R: Resource,
    {
        let puts: Vec<PutEvent> = events.into_iter().map(|event| self.put(event)).collect();
        Box::pin(PutEvent::all(puts))
    }
}

/// What `#[on_event]` accepts, for a handler whose first argument is `A`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no events for a handler that takes `{A}`",
    label = "#[on_event] takes an event bus"
)]
pub trait Listenable<A> {
    type Body;
    const OPTIONS: OnEventOptions;
}

impl<A: HandlesEvents, R> Listenable<A> for EventBus<R> {
    type Body = BusBody<A::Data>;
    const OPTIONS: OnEventOptions = OnEventOptions {
        consumer: ConsumerSpec::DEFAULT,
        retry: RETRY,
        types: A::Data::TYPES,
        filterable: &[],
        pattern: PatternKnobs::ANYTHING,
        unit: UnitSpec::new(TIMEOUT_DEFAULT),
    };
}

/// The knobs of `#[on_event]`.
#[derive(Clone, Copy)]
pub struct OnEventOptions {
    consumer: ConsumerSpec,
    retry: RetrySpec,
    /// The event types of the handler's argument; `None`: any.
    types: Option<&'static [&'static str]>,
    filterable: &'static [&'static str],
    pattern: PatternKnobs,
    unit: UnitSpec,
}

impl OnEventOptions {
    unit_knobs!(TIMEOUT_ASYNC, unit);
    consumer_knobs!(consumer);
    retry_knobs!(retry, "as many as a day needs");

    /// Looks at which fields the bus declares.
    #[doc(hidden)]
    pub const fn __ifc_of<R>(mut self, bus: &EventBus<R>) -> Self {
        self.filterable = bus.knobs.fields();
        self
    }

    /// Which events it gets, of those that its argument can be. All of them when not given.
    ///
    /// # Panics
    /// When the pattern tests a field that the bus does not declare as filterable, or an event type
    /// that the argument cannot be; in a constant that is a compile error.
    #[track_caller]
    pub const fn pattern(mut self, pattern: Pattern) -> Self {
        self.pattern = pattern.knobs().on(self.filterable);
        if let Some(types) = self.types {
            self.pattern = self.pattern.of_types(types);
        }
        self
    }

    /// Writes the edge's knobs, closes the trigger and writes the unit.
    #[doc(hidden)]
    pub const fn __ifc_encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        self.consumer.encode(encoder);
        self.retry.encode(encoder);
        let pattern = match self.types {
            Some(types) => self.pattern.of_types(types),
            None => self.pattern,
        };
        pattern.encode(encoder);
        encoder.end();
        self.unit.encode(encoder);
    }
}
