//! Events as Rust types: what can be put, and what a handler can take.

use crate::event::{Portion, Receive, singles};
use ifc_runtime::event_bus::EventContext;
use ifc_runtime::{Delivery, TraceContext};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::SystemTime;

/// A Rust type that is an event: derive it.
///
/// ```
/// # use ifc::prelude::*;
/// /// A struct is the data of one type of event.
/// #[derive(Serialize, Deserialize, BusEvent)]
/// #[event(type = "order.placed")]
/// struct OrderPlaced {
///     order: String,
/// }
///
/// /// The source is the package that defines the type, if nothing else is said.
/// #[derive(Serialize, Deserialize, BusEvent)]
/// #[event(type = "order.paid", source = "https://shop.example/payments")]
/// struct OrderPaid {
///     order: String,
///     cents: u64,
/// }
///
/// /// An enum is one of several types, each the data of a variant: one handler takes them all.
/// #[derive(BusEvent)]
/// enum OrderEvent {
///     #[event(type = "order.placed")]
///     Placed(OrderPlaced),
///     #[event(type = "order.paid")]
///     Paid(OrderPaid),
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "derive it: #[derive(Serialize, Deserialize, BusEvent)] #[event(type = \"…\")]"
)]
pub trait BusEvent: Sized {
    /// The event types that a value can be: each at most 128 bytes.
    const TYPES: &'static [&'static str];
    /// The source of its events, at most 256 bytes, when `put` names no other.
    const SOURCE: &'static str;
    /// The event type of this value: one of [`TYPES`](BusEvent::TYPES).
    fn event_type(&self) -> &'static str;
    /// The data as JSON.
    ///
    /// # Errors
    /// When there is no JSON form.
    fn to_data(&self) -> serde_json::Result<Vec<u8>>;
    /// The value that an event of this type with this data is.
    ///
    /// # Errors
    /// When the type is another one, or the data is not such a value.
    fn from_data(event_type: &str, data: &[u8]) -> serde_json::Result<Self>;
}

/// What `derive(BusEvent)` writes data with.
pub fn to_data(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(value)
}

/// What `derive(BusEvent)` reads data with.
pub fn from_data<T: DeserializeOwned>(data: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(data)
}

/// What `derive(BusEvent)` on an enum says about a type that is none of its variants.
pub fn another_type<T>(event_type: &str) -> serde_json::Result<T> {
    let message = format!("it is none of the types of events of type `{event_type}`");
    Err(serde::de::Error::custom(message))
}

/// What the data of an event can be for a handler: a [`BusEvent`], or any JSON as
/// `serde_json::Value`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the data of an event",
    label = "take a type that derives `BusEvent`, or `serde_json::Value` for events of any type"
)]
pub trait EventData: Sized {
    /// The event types that it can be; `None`: any.
    const TYPES: Option<&'static [&'static str]>;
    /// Reads the data of an event of this type.
    ///
    /// # Errors
    /// When the data is not such a value.
    fn read(event_type: &str, data: &[u8]) -> serde_json::Result<Self>;
}

impl<T: BusEvent> EventData for T {
    const TYPES: Option<&'static [&'static str]> = Some(<T as BusEvent>::TYPES);

    fn read(event_type: &str, data: &[u8]) -> serde_json::Result<Self> {
        T::from_data(event_type, data)
    }
}

impl EventData for serde_json::Value {
    const TYPES: Option<&'static [&'static str]> = None;

    fn read(_: &str, data: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(data)
    }
}

/// An event of a bus with its context.
#[derive(Clone, Debug)]
pub struct CloudEvent<T> {
    /// Stable across redeliveries, and the same at every rule: what idempotence is keyed by.
    pub id: String,
    /// What happened.
    pub event_type: String,
    /// Where it happened.
    pub source: String,
    /// What it happened to.
    pub subject: Option<String>,
    /// When it happened, to the millisecond.
    pub time: SystemTime,
    /// The bus that it came by.
    pub bus: String,
    /// Which delivery of this event to this rule this is, from 1.
    pub attempt: u32,
    /// W3C trace context.
    pub trace: TraceContext,
    /// What its publisher says about it.
    pub data: T,
}

impl<T: EventData> CloudEvent<T> {
    fn decode(delivery: Delivery) -> Result<CloudEvent<T>, String> {
        let context = EventContext::of(&delivery).ok_or(
            "the message has no `ce-type`, `ce-source` and `ce-time`: it is no CloudEvent",
        )?;
        let data = T::read(&context.event_type, &delivery.body).map_err(|error| {
            let name = std::any::type_name::<T>();
            let event_type = &context.event_type;
            format!("the data of the event, of type `{event_type}`, is not a `{name}`: {error}")
        })?;
        Ok(CloudEvent {
            id: delivery.id,
            event_type: context.event_type,
            source: context.source,
            subject: context.subject,
            time: context.time,
            bus: delivery.source,
            attempt: delivery.attempt,
            trace: delivery.trace,
            data,
        })
    }
}

/// What the first argument of a handler of events can be.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a handler of events cannot take `{Self}`",
    label = "take `T`, `CloudEvent<T>` or `Vec<CloudEvent<T>>` of a type `T` that derives `BusEvent`"
)]
pub trait HandlesEvents {
    type Data: EventData;
}

impl<T: BusEvent> HandlesEvents for T {
    type Data = T;
}

impl<T: EventData> HandlesEvents for CloudEvent<T> {
    type Data = T;
}

impl<T: EventData> HandlesEvents for Vec<CloudEvent<T>> {
    type Data = T;
}

/// The body of a bus's deliveries, for [`Receive`]: it is read with the event's type.
#[doc(hidden)]
pub struct BusBody<T>(std::marker::PhantomData<T>);

impl<T: BusEvent> Receive<BusBody<T>> for T {
    fn portions(
        deliveries: Vec<Delivery>,
        refused: &mut dyn FnMut(usize, String),
    ) -> Vec<Portion<Self>> {
        let decode = |delivery| CloudEvent::decode(delivery).map(|event| event.data);
        singles(deliveries, refused, decode)
    }
}

impl<T: EventData> Receive<BusBody<T>> for CloudEvent<T> {
    fn portions(
        deliveries: Vec<Delivery>,
        refused: &mut dyn FnMut(usize, String),
    ) -> Vec<Portion<Self>> {
        singles(deliveries, refused, CloudEvent::decode)
    }
}

impl<T: EventData> Receive<BusBody<T>> for Vec<CloudEvent<T>> {
    fn portions(
        deliveries: Vec<Delivery>,
        refused: &mut dyn FnMut(usize, String),
    ) -> Vec<Portion<Self>> {
        Portion::together(singles(deliveries, refused, CloudEvent::decode), |all| all)
    }
}
