//! Queue: messages with exactly one consumer.

use crate::Undeclared;
use crate::declaration::declaration;
use crate::edge::consumer_knobs;
use crate::message::{self, Checked, Envelope};
use crate::topic::{Filter, Topic};
use crate::unit::unit_knobs;
use ifc_manifest::Kind;
use ifc_manifest::format::Encoder;
use ifc_manifest::kind::edge::{BACKOFF, ConsumerSpec, MAX_ATTEMPTS};
use ifc_manifest::kind::queue::{DELAY, LEASE, QueueSpec, RETENTION, SEND, SEND_BATCH_MAX};
use ifc_manifest::kind::subscription::SubscriptionKnobs;
use ifc_manifest::kind::unit::{TIMEOUT_ASYNC, TIMEOUT_DEFAULT, UnitSpec};
use ifc_manifest::name;
use ifc_manifest::size;
use ifc_manifest::support::Demand;
use ifc_runtime::queue::{OutgoingMessage, Sent};
use ifc_runtime::{
    BoxFuture, Environment, Error, ErrorKind, Grant, Invocation, Operation, Resource, Target, grant,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::time::Duration;

/// Messages of type `T`, delivered at least once to one consumer.
///
/// A standard queue promises no order. A [`fifo`](Queue::fifo) queue keeps the order within each
/// group while one message of the group is in flight at a time; a message that fails blocks its
/// group until it is acknowledged or dead-lettered.
///
/// A message that is not acknowledged comes again after a growing delay
/// ([`backoff`](Queue::backoff)), at most [`max_attempts`](Queue::max_attempts) times; then it
/// goes to the queue's dead-letter queue, where it is kept for at least 7 days with the reason.
///
/// ```
/// # use ifc::prelude::*;
/// #[derive(Serialize, Deserialize)]
/// struct Letter {
///     wish: String,
/// }
///
/// #[resource]
/// static LETTERS: Queue<Letter> = Queue::new("letters").lease(seconds(90)).max_attempts(8);
///
/// #[consumer(LETTERS)]
/// async fn read(letter: Letter) -> Result<()> {
///     println!("{}", letter.wish);
///     Ok(())
/// }
/// ```
pub struct Queue<T, R = Undeclared> {
    name: &'static str,
    spec: QueueSpec,
    subscriptions: SubscriptionKnobs,
    marker: PhantomData<fn() -> (T, R)>,
}

impl<T, R> Queue<T, R> {
    /// A standard queue with the defaults: 4 days retention, 5 attempts, 10 s backoff growing to
    /// 300 s, a lease of 1.5 × the consumer's time-out.
    ///
    /// # Panics
    /// When the name is outside `[a-z][a-z0-9-]{0,31}`; in a static that is a compile error.
    #[track_caller]
    pub const fn new(name: &'static str) -> Self {
        Queue {
            name: name::resource(name),
            spec: QueueSpec::DEFAULT,
            subscriptions: SubscriptionKnobs::NONE,
            marker: PhantomData,
        }
    }

    /// Keeps the order within each group. Messages need a [`group`](Outgoing::group) and cannot be
    /// delayed. Changing this later replaces the queue.
    pub const fn fifo(mut self) -> Self {
        self.spec.fifo = true;
        self
    }

    /// Takes what is published to a topic, as if it were sent to the queue: body, id, attributes
    /// and group stay. The queue still has one consumer, and can be sent to as well. A fifo queue
    /// subscribes to fifo topics, a standard one to standard topics; say [`fifo`](Queue::fifo)
    /// first.
    ///
    /// ```
    /// # use ifc::prelude::*;
    /// #[resource]
    /// static ORDER_EVENTS: Topic<String> = Topic::new("order-events");
    ///
    /// #[resource]
    /// static AUDIT: Queue<String> = Queue::new("audit")
    ///     .retention(days(7))
    ///     .subscribed_to(&ORDER_EVENTS)
    ///     .filter(attribute("region").any_of(&["eu", "uk"]));
    ///
    /// #[consumer(AUDIT, batch = 10)]
    /// async fn audit(lines: Batch<String>) -> Result<()> {
    ///     println!("{} lines", lines.len());
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Panics
    /// With more than 5 topics, or when one keeps an order and the other does not; in a static that
    /// is a compile error.
    #[track_caller]
    pub const fn subscribed_to<S: Resource>(mut self, topic: &Topic<T, S>) -> Self {
        self.subscriptions = self
            .subscriptions
            .to(S::PACKAGE, S::NAME, topic.is_fifo())
            .of_queue(self.spec.fifo);
        self
    }

    /// Which messages it takes of the topic that it was [`subscribed_to`](Queue::subscribed_to)
    /// last. All of them when not given.
    ///
    /// # Panics
    /// Without such a topic, or with a second filter; in a static that is a compile error.
    #[track_caller]
    pub const fn filter(mut self, filter: Filter) -> Self {
        self.subscriptions = self.subscriptions.filter(filter.0);
        self
    }

    /// How long a delivered message stays hidden before it counts as failed, 10 to 600 s. Must not
    /// be shorter than the consumer's time-out.
    ///
    /// # Panics
    /// Outside the range; in a static that is a compile error.
    #[track_caller]
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.spec.lease = Some(LEASE.duration(lease));
        self
    }

    /// How long a message that nobody takes is kept, 10 minutes to 7 days. Default 4 days.
    ///
    /// # Panics
    /// Outside the range; in a static that is a compile error.
    #[track_caller]
    pub const fn retention(mut self, retention: Duration) -> Self {
        self.spec.retention = RETENTION.duration(retention);
        self
    }

    /// Deliveries before a message is dead-lettered, 5 to 100. Default 5.
    ///
    /// # Panics
    /// Outside the range; in a static that is a compile error.
    #[track_caller]
    pub const fn max_attempts(mut self, attempts: u32) -> Self {
        self.spec.retry.max_attempts = MAX_ATTEMPTS.number(attempts as u64) as u32;
        self
    }

    /// Delay before the second delivery and the cap up to which it doubles, each 10 to 600 s.
    /// Best effort, but never earlier than half of it.
    ///
    /// # Panics
    /// Outside the range or when `min` is longer than `max`; in a static that is a compile error.
    #[track_caller]
    pub const fn backoff(mut self, min: Duration, max: Duration) -> Self {
        self.spec.retry.min_backoff = BACKOFF.duration(min);
        self.spec.retry.max_backoff = BACKOFF.duration(max);
        assert!(
            min.as_millis() <= max.as_millis(),
            "the smallest backoff is longer than the largest"
        );
        self
    }

    declaration!(Kind::Queue, spec, subscriptions);
}

struct SendOperation;

impl Operation for SendOperation {
    const VERB: ifc_manifest::Verb = SEND;
}

impl<T: Serialize, R> Queue<T, R> {
    /// Puts a message into the queue. Sent when awaited: `QUEUE.send(&message).await?`, with
    /// options `QUEUE.send(&message).delay(minutes(5)).await?`.
    ///
    /// Returns the event's id once the message is durable. It is delivered at least once.
    /// The body is JSON of at most 245,760 bytes, 65,536 with a delay.
    ///
    /// # Errors
    /// `is_too_large` before anything is sent; `is_denied`; `is_throttled` after the retry budget
    /// is spent. Options that contradict the queue's kind are of kind `Invalid`.
    pub fn send(&self, message: &T) -> Outgoing
    where
        R: Resource,
    {
        Outgoing {
            grant: grant::<R, SendOperation>(),
            fifo: self.spec.fifo,
            envelope: Envelope::new(message),
            delay: Duration::ZERO,
        }
    }

    /// Puts up to 10 messages into the queue, each on its own: one result per message, in order.
    ///
    /// # Errors
    /// The outer result fails when nothing was sent. As [`send`](Queue::send) for the inner ones.
    pub fn send_batch<'a>(
        &self,
        messages: impl IntoIterator<Item = &'a T>,
    ) -> BoxFuture<'static, Result<Vec<Result<String, Error>>, Error>>
    where
        R: Resource,
        T: 'a,
    {
        let sends: Vec<Outgoing> = messages
            .into_iter()
            .map(|message| self.send(message))
            .collect();
        Box::pin(Outgoing::all(sends))
    }
}

/// A message about to be sent; awaiting it sends.
#[must_use = "the message is sent when this is awaited"]
pub struct Outgoing {
    grant: &'static Grant,
    fifo: bool,
    envelope: Envelope,
    delay: Duration,
}

impl Outgoing {
    /// Delivers it not earlier than this, at most 15 minutes from now. Standard queues only.
    pub fn delay(mut self, delay: Duration) -> Outgoing {
        self.delay = delay;
        self
    }

    /// The group whose order a fifo queue keeps: at most 128 ASCII characters.
    pub fn group(mut self, group: impl Into<String>) -> Outgoing {
        self.envelope.group = Some(group.into());
        self
    }

    /// The event's id, by which a consumer can tell that it has seen it: at most 128 ASCII
    /// characters. Made by the provider when not given. It does not suppress duplicates.
    pub fn id(mut self, id: impl Into<String>) -> Outgoing {
        self.envelope.id = Some(id.into());
        self
    }

    /// Attaches an attribute: at most 10, keys of at most 64 of `a-z 0-9 _ . -`, values of at most
    /// 1,024 bytes, together 8 KiB.
    pub fn attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Outgoing {
        self.envelope.attributes.insert(key.into(), value.into());
        self
    }

    /// Sends several messages of one queue together, each with its own options.
    ///
    /// # Errors
    /// As [`Queue::send_batch`].
    pub async fn all(sends: Vec<Outgoing>) -> Result<Vec<Result<String, Error>>, Error> {
        let Some(first) = sends.first() else {
            return Ok(Vec::new());
        };
        let target = first.grant.target();
        if sends.len() > SEND_BATCH_MAX {
            let message = format!(
                "{} messages in one batch, the limit is {SEND_BATCH_MAX}",
                sends.len()
            );
            return Err(Error::new(ErrorKind::TooLarge, message).on(target, SEND));
        }
        if sends.iter().any(|send| send.grant.target() != target) {
            let message = "the messages of one batch belong to one queue";
            return Err(Error::new(ErrorKind::Invalid, message).on(target, SEND));
        }
        let mut messages = Vec::new();
        let mut results: Vec<Option<Error>> = Vec::new();
        for send in sends {
            match send.checked() {
                Ok(message) => {
                    messages.push(message);
                    results.push(None);
                }
                Err(error) => results.push(Some(error.on(target, SEND))),
            }
        }
        if messages.is_empty() {
            return Ok(results.into_iter().flatten().map(Err).collect());
        }
        let environment = Environment::current().map_err(|error| error.on(target, SEND))?;
        let mut sent = environment
            .provider
            .send(target, messages)
            .await?
            .into_iter();
        Ok(results
            .into_iter()
            .map(|refused| match refused {
                Some(error) => Err(error),
                None => sent.next().map_or_else(
                    || Err(Outgoing::no_result(target)),
                    |result| result.map(|Sent { id }| id),
                ),
            })
            .collect())
    }

    /// The message, or why the contract does not allow it.
    fn checked(self) -> Result<OutgoingMessage, Error> {
        if !self.delay.is_zero() {
            if self.fifo {
                let message = "a fifo queue delivers in order, so a message cannot be delayed: use a standard queue, or a schedule";
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            if let Err(refused) = Demand::Duration(&DELAY, self.delay).check(Environment::targets())
            {
                return Err(Error::new(ErrorKind::Invalid, refused.to_string()));
            }
        }
        let Checked {
            id,
            body,
            attributes,
            group,
        } = (self.envelope).checked(self.fifo, "queue", &size::QUEUE_BODY)?;
        if !self.delay.is_zero() {
            message::check_size(&size::DELAYED_BODY, body.len())?;
        }
        Ok(OutgoingMessage {
            id,
            body,
            attributes,
            group,
            delay: self.delay,
            trace: Invocation::trace(),
        })
    }

    fn no_result(target: Target<'_>) -> Error {
        let message = "the provider gave no result for a message";
        Error::new(ErrorKind::Malformed, message).on(target, SEND)
    }
}

impl IntoFuture for Outgoing {
    type Output = Result<String, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let target = self.grant.target();
            let mut results = Outgoing::all(vec![self]).await?;
            let result = results.pop();
            result.unwrap_or_else(|| Err(Outgoing::no_result(target)))
        })
    }
}

/// What `#[consumer]` accepts.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be consumed",
    label = "#[consumer] takes a queue"
)]
pub trait Consumable {
    type Body: DeserializeOwned + std::marker::Send;
    const OPTIONS: ConsumerOptions;
}

impl<T: DeserializeOwned + std::marker::Send, R> Consumable for Queue<T, R> {
    type Body = T;
    const OPTIONS: ConsumerOptions = ConsumerOptions {
        consumer: ConsumerSpec::DEFAULT,
        unit: UnitSpec::new(TIMEOUT_DEFAULT),
    };
}

/// The knobs of `#[consumer]`.
#[derive(Clone, Copy)]
pub struct ConsumerOptions {
    consumer: ConsumerSpec,
    unit: UnitSpec,
}

impl ConsumerOptions {
    unit_knobs!(TIMEOUT_ASYNC, unit);
    consumer_knobs!(consumer);

    /// Writes the edge's knobs, closes the trigger and writes the unit.
    #[doc(hidden)]
    pub const fn __ifc_encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        self.consumer.encode(encoder);
        encoder.end();
        self.unit.encode(encoder);
    }
}
