//! Topic: messages to every subscriber.

use crate::Undeclared;
use crate::declaration::declaration;
use crate::edge::{consumer_knobs, retry_knobs};
use crate::message::{Checked, Envelope};
use crate::unit::unit_knobs;
use ifc_manifest::Kind;
use ifc_manifest::format::Encoder;
use ifc_manifest::kind::edge::{ConsumerSpec, RetrySpec};
use ifc_manifest::kind::topic::{FilterKnobs, PUBLISH, PUBLISH_BATCH_MAX, TestKnobs, TopicSpec};
use ifc_manifest::kind::unit::{TIMEOUT_ASYNC, TIMEOUT_DEFAULT, UnitSpec};
use ifc_manifest::{name, size};
use ifc_runtime::topic::TopicMessage;
use ifc_runtime::{
    BoxFuture, Environment, Error, ErrorKind, Grant, Invocation, Operation, Resource, grant,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// Messages of type `T`, each delivered at least once to every subscriber.
///
/// A subscriber has a queue of its own: its own redelivery, its own dead letters, and it sees what
/// was published since it was deployed. A failing subscriber holds up no other. A standard topic
/// promises no order; a [`fifo`](Topic::fifo) topic keeps the order within each group, at every
/// subscriber.
///
/// A subscriber may ask for a part of the messages, by their attributes: see [`attribute`].
///
/// ```
/// # use ifc::prelude::*;
/// #[derive(Serialize, Deserialize)]
/// struct Placed {
///     order: String,
/// }
///
/// #[resource]
/// static ORDER_EVENTS: Topic<Placed> = Topic::new("order-events");
///
/// #[subscriber(ORDER_EVENTS)]
/// async fn welcome(placed: Placed) -> Result<()> {
///     println!("{}", placed.order);
///     Ok(())
/// }
///
/// #[subscriber(ORDER_EVENTS, filter = attribute("region").any_of(&["eu", "uk"]))]
/// async fn customs(placed: Event<Placed>) -> Result<()> {
///     println!("{} in {}", placed.body.order, placed.attributes["region"]);
///     Ok(())
/// }
///
/// # async fn publish() -> Result<()> {
/// let placed = Placed { order: "o-1".into() };
/// ORDER_EVENTS.publish(&placed).attribute("region", "eu").await?;
/// # Ok(()) }
/// ```
pub struct Topic<T, R = Undeclared> {
    name: &'static str,
    spec: TopicSpec,
    marker: PhantomData<fn() -> (T, R)>,
}

impl<T, R> Topic<T, R> {
    /// A standard topic.
    ///
    /// # Panics
    /// When the name is outside `[a-z][a-z0-9-]{0,31}`; in a static that is a compile error.
    #[track_caller]
    pub const fn new(name: &'static str) -> Self {
        Topic {
            name: name::resource(name),
            spec: TopicSpec::DEFAULT,
            marker: PhantomData,
        }
    }

    /// Keeps the order within each group at every subscriber. Messages need a
    /// [`group`](Publication::group). Changing this later replaces the topic.
    pub const fn fifo(mut self) -> Self {
        self.spec.fifo = true;
        self
    }

    /// For a queue that subscribes.
    pub(crate) const fn is_fifo(&self) -> bool {
        self.spec.fifo
    }

    declaration!(Kind::Topic, spec);
}

struct PublishOperation;

impl Operation for PublishOperation {
    const VERB: ifc_manifest::Verb = PUBLISH;
}

impl<T: Serialize, R> Topic<T, R> {
    /// Publishes a message to every subscriber whose filter it passes. Sent when awaited:
    /// `TOPIC.publish(&message).attribute("kind", "placed").await?`.
    ///
    /// Returns the event's id, the same at every subscriber, once the message is durable. The body
    /// is JSON of at most 245,760 bytes.
    ///
    /// # Errors
    /// `is_too_large` before anything is sent; `is_denied`; `is_throttled` after the retry budget
    /// is spent. Options that contradict the topic's kind are of kind `Invalid`.
    pub fn publish(&self, message: &T) -> Publication
    where
        R: Resource,
    {
        Publication {
            grant: grant::<R, PublishOperation>(),
            fifo: self.spec.fifo,
            envelope: Envelope::new(message),
        }
    }

    /// Publishes up to 10 messages, each on its own: one result per message, in order.
    ///
    /// # Errors
    /// The outer result fails when nothing was sent. As [`publish`](Topic::publish) for the inner
    /// ones.
    pub fn publish_batch<'a>(
        &self,
        messages: impl IntoIterator<Item = &'a T>,
    ) -> BoxFuture<'static, Result<Vec<Result<String, Error>>, Error>>
    where
        R: Resource,
        T: 'a,
    {
        let publications: Vec<Publication> = messages
            .into_iter()
            .map(|message| self.publish(message))
            .collect();
        Box::pin(Publication::all(publications))
    }
}

/// A message about to be published; awaiting it publishes.
#[must_use = "the message is published when this is awaited"]
pub struct Publication {
    grant: &'static Grant,
    fifo: bool,
    envelope: Envelope,
}

impl Publication {
    /// The group whose order a fifo topic keeps: at most 128 ASCII characters.
    pub fn group(mut self, group: impl Into<String>) -> Publication {
        self.envelope.group = Some(group.into());
        self
    }

    /// The event's id, by which a subscriber can tell that it has seen it: at most 128 ASCII
    /// characters. Made by the provider when not given. It does not suppress duplicates.
    pub fn id(mut self, id: impl Into<String>) -> Publication {
        self.envelope.id = Some(id.into());
        self
    }

    /// Attaches an attribute, which filters can look at: at most 10, keys of at most 64 of
    /// `a-z 0-9 _ . -`, values of at most 1,024 bytes, together 8 KiB.
    pub fn attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Publication {
        self.envelope.attributes.insert(key.into(), value.into());
        self
    }

    /// Publishes several messages of one topic together, each with its own options.
    ///
    /// # Errors
    /// As [`Topic::publish_batch`].
    pub async fn all(publications: Vec<Publication>) -> Result<Vec<Result<String, Error>>, Error> {
        let Some(first) = publications.first() else {
            return Ok(Vec::new());
        };
        let target = first.grant.target();
        if publications.len() > PUBLISH_BATCH_MAX {
            let message = format!(
                "{} messages in one batch, the limit is {PUBLISH_BATCH_MAX}",
                publications.len()
            );
            return Err(Error::new(ErrorKind::TooLarge, message).on(target, PUBLISH));
        }
        if publications.iter().any(|one| one.grant.target() != target) {
            let message = "the messages of one batch belong to one topic";
            return Err(Error::new(ErrorKind::Invalid, message).on(target, PUBLISH));
        }
        let mut messages = Vec::new();
        let mut results: Vec<Option<Error>> = Vec::new();
        for publication in publications {
            match (publication.envelope).checked(publication.fifo, "topic", &size::ASYNC_BODY) {
                Ok(checked) => {
                    messages.push(outgoing(checked));
                    results.push(None);
                }
                Err(error) => results.push(Some(error.on(target, PUBLISH))),
            }
        }
        let mut published = Vec::new().into_iter();
        if !messages.is_empty() {
            let environment = Environment::current().map_err(|error| error.on(target, PUBLISH))?;
            published = environment
                .provider
                .publish(target, messages)
                .await?
                .into_iter();
        }
        let mut next = || {
            published.next().unwrap_or_else(|| {
                let message = "the provider gave no result for a message";
                Err(Error::new(ErrorKind::Malformed, message).on(target, PUBLISH))
            })
        };
        let result = |refused: Option<Error>| refused.map_or_else(&mut next, Err);
        Ok(results.into_iter().map(result).collect())
    }
}

fn outgoing(checked: Checked) -> TopicMessage {
    TopicMessage {
        id: checked.id,
        body: checked.body,
        attributes: checked.attributes,
        group: checked.group,
        trace: Invocation::trace(),
    }
}

impl IntoFuture for Publication {
    type Output = Result<String, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let results = Publication::all(vec![self]).await?;
            results.into_iter().collect::<Result<String, Error>>()
        })
    }
}

/// Begins a filter on the attribute `key`, for `#[subscriber(TOPIC, filter = …)]`.
///
/// A filter has tests on up to 3 attributes, joined by [`and`](Filter::and), and names up to 10
/// values. A message without the attribute passes no test on it.
///
/// ```
/// # use ifc::prelude::*;
/// # use ifc::Filter;
/// const FILTER: Filter = attribute("kind")
///     .any_of(&["placed", "paid"])
///     .and(attribute("region").not_in(&["us"]));
/// ```
pub const fn attribute(key: &'static str) -> AttributeTest {
    AttributeTest { key }
}

/// The attribute that a test is about; see [`attribute`].
#[derive(Clone, Copy)]
#[must_use = "say what the attribute must be: `.any_of(&[…])`, `.prefix(…)`, `.exists()`"]
pub struct AttributeTest {
    key: &'static str,
}

impl AttributeTest {
    /// It is one of these.
    ///
    /// # Panics
    /// With no or more than 10 values, or an impossible key; in a constant that is a compile error.
    #[track_caller]
    pub const fn any_of(self, values: &'static [&'static str]) -> Filter {
        Filter(FilterKnobs::new(self.key, TestKnobs::AnyOf(values)))
    }

    /// It begins with this.
    ///
    /// # Panics
    /// With an impossible key; in a constant that is a compile error.
    #[track_caller]
    pub const fn prefix(self, prefix: &'static str) -> Filter {
        Filter(FilterKnobs::new(self.key, TestKnobs::Prefix(prefix)))
    }

    /// It is there.
    ///
    /// # Panics
    /// With an impossible key; in a constant that is a compile error.
    #[track_caller]
    pub const fn exists(self) -> Filter {
        Filter(FilterKnobs::new(self.key, TestKnobs::Exists))
    }

    /// It is there and none of these.
    ///
    /// # Panics
    /// With no or more than 10 values, or an impossible key; in a constant that is a compile error.
    #[track_caller]
    pub const fn not_in(self, values: &'static [&'static str]) -> Filter {
        Filter(FilterKnobs::new(self.key, TestKnobs::NotIn(values)))
    }
}

/// Which messages a subscriber gets, by their attributes; see [`attribute`].
#[derive(Clone, Copy)]
pub struct Filter(pub(crate) FilterKnobs);

impl Filter {
    /// Both must hold.
    ///
    /// # Panics
    /// With more than 3 attributes or 10 values together, or one attribute twice; in a constant
    /// that is a compile error.
    #[track_caller]
    pub const fn and(self, other: Filter) -> Filter {
        Filter(self.0.and(other.0))
    }
}

/// What `#[subscriber]` accepts.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no subscribers",
    label = "#[subscriber] takes a topic"
)]
pub trait Subscribable {
    type Body: DeserializeOwned + Send;
    const OPTIONS: SubscriberOptions;
}

impl<T: DeserializeOwned + Send, R> Subscribable for Topic<T, R> {
    type Body = T;
    const OPTIONS: SubscriberOptions = SubscriberOptions {
        consumer: ConsumerSpec::DEFAULT,
        retry: RetrySpec::DEFAULT,
        filter: None,
        unit: UnitSpec::new(TIMEOUT_DEFAULT),
    };
}

/// The knobs of `#[subscriber]`.
#[derive(Clone, Copy)]
pub struct SubscriberOptions {
    consumer: ConsumerSpec,
    retry: RetrySpec,
    filter: Option<Filter>,
    unit: UnitSpec,
}

impl SubscriberOptions {
    unit_knobs!(TIMEOUT_ASYNC, unit);
    consumer_knobs!(consumer);
    retry_knobs!(retry);

    /// Which messages it gets. All of them when not given.
    pub const fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Writes the edge's knobs, closes the trigger and writes the unit.
    #[doc(hidden)]
    pub const fn __ifc_encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        self.consumer.encode(encoder);
        self.retry.encode(encoder);
        if let Some(filter) = &self.filter {
            filter.0.encode(encoder);
        }
        encoder.end();
        self.unit.encode(encoder);
    }
}
