//! What event handlers take and return.

use ifc_runtime::{Delivery, HandlerError, Outcome, TraceContext};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::SystemTime;

/// An event with its metadata.
#[derive(Clone, Debug)]
pub struct Event<T> {
    /// Stable across redeliveries of the same event: what idempotence is keyed by.
    pub id: String,
    /// The resource it comes from.
    pub source: String,
    /// What sort of event: `queue.message`, `schedule`.
    pub kind: &'static str,
    /// Which delivery of this event this is, from 1.
    pub attempt: u32,
    /// When the event came to be; for a schedule, when it was due.
    pub time: SystemTime,
    /// What the sender attached.
    pub attributes: BTreeMap<String, String>,
    /// The group of a fifo message, the key of a stream's record.
    pub group: Option<String>,
    /// W3C trace context.
    pub trace: TraceContext,
    /// What was sent.
    pub body: T,
}

impl<T: DeserializeOwned> Event<T> {
    fn decode(delivery: Delivery) -> Result<Event<T>, String> {
        let body = body(&delivery)?;
        Ok(Event {
            id: delivery.id,
            source: delivery.source,
            kind: delivery.kind,
            attempt: delivery.attempt,
            time: delivery.time,
            attributes: delivery.attributes,
            group: delivery.group,
            trace: delivery.trace,
            body,
        })
    }
}

fn body<T: DeserializeOwned>(delivery: &Delivery) -> Result<T, String> {
    serde_json::from_slice(&delivery.body).map_err(|error| {
        let name = std::any::type_name::<T>();
        format!("the body is not a `{name}`: {error}")
    })
}

/// Several events of one source, handed over together.
///
/// The handler answers with one [`Outcome`] per event, in order (`Vec<Outcome>`), or with one
/// result for all of them.
#[derive(Clone, Debug)]
pub struct Batch<T>(
    /// The events.
    pub Vec<Event<T>>,
);

impl<T> std::ops::Deref for Batch<T> {
    type Target = [Event<T>];

    fn deref(&self) -> &[Event<T>] {
        &self.0
    }
}

impl<T> IntoIterator for Batch<T> {
    type Item = Event<T>;
    type IntoIter = std::vec::IntoIter<Event<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// One call of a handler: its argument, and which deliveries it is about.
pub struct Portion<A> {
    argument: A,
    positions: Vec<usize>,
}

impl<A> Portion<A> {
    /// One call for all, or none for nothing.
    pub(crate) fn together<B>(
        portions: Vec<Portion<A>>,
        batch: impl FnOnce(Vec<A>) -> B,
    ) -> Vec<Portion<B>> {
        if portions.is_empty() {
            return Vec::new();
        }
        let mut positions = Vec::with_capacity(portions.len());
        let mut arguments = Vec::with_capacity(portions.len());
        for portion in portions {
            positions.extend(portion.positions);
            arguments.push(portion.argument);
        }
        vec![Portion {
            argument: batch(arguments),
            positions,
        }]
    }
}

/// What the first argument of an event handler can be, for events with bodies of type `M`.
#[diagnostic::on_unimplemented(
    message = "the events of this source have bodies of type `{M}`, not `{Self}`",
    label = "take `{M}`, `Event<{M}>` or `Batch<{M}>`"
)]
pub trait Receive<M>: Sized {
    /// Splits deliveries into calls. A delivery that cannot be decoded gets its outcome at once.
    fn portions(
        deliveries: Vec<Delivery>,
        refused: &mut dyn FnMut(usize, String),
    ) -> Vec<Portion<Self>>;
}

pub(crate) fn singles<A>(
    deliveries: Vec<Delivery>,
    refused: &mut dyn FnMut(usize, String),
    decode: impl Fn(Delivery) -> Result<A, String>,
) -> Vec<Portion<A>> {
    let mut portions = Vec::with_capacity(deliveries.len());
    for (position, delivery) in deliveries.into_iter().enumerate() {
        match decode(delivery) {
            Ok(argument) => portions.push(Portion {
                argument,
                positions: vec![position],
            }),
            Err(reason) => refused(position, reason),
        }
    }
    portions
}

impl<M: DeserializeOwned> Receive<M> for M {
    fn portions(
        deliveries: Vec<Delivery>,
        refused: &mut dyn FnMut(usize, String),
    ) -> Vec<Portion<Self>> {
        singles(deliveries, refused, |delivery| body(&delivery))
    }
}

impl<M: DeserializeOwned> Receive<M> for Event<M> {
    fn portions(
        deliveries: Vec<Delivery>,
        refused: &mut dyn FnMut(usize, String),
    ) -> Vec<Portion<Self>> {
        singles(deliveries, refused, Event::decode)
    }
}

impl<M: DeserializeOwned> Receive<M> for Batch<M> {
    fn portions(
        deliveries: Vec<Delivery>,
        refused: &mut dyn FnMut(usize, String),
    ) -> Vec<Portion<Self>> {
        Portion::together(singles(deliveries, refused, Event::decode), Batch)
    }
}

/// What a handler said: one outcome for all it was handed, or one for each.
pub enum Outcomes {
    /// For all.
    All(Outcome),
    /// For each, in order.
    Each(Vec<Outcome>),
}

/// What an event handler can return.
#[diagnostic::on_unimplemented(
    message = "an event handler cannot return `{Self}`",
    label = "return `()`, `Result<()>`, `Outcome` or, for a batch, `Vec<Outcome>`"
)]
pub trait IntoOutcomes {
    /// The outcomes.
    fn into_outcomes(self) -> Outcomes;
}

impl IntoOutcomes for () {
    fn into_outcomes(self) -> Outcomes {
        Outcomes::All(Outcome::Ack)
    }
}

impl IntoOutcomes for Outcome {
    fn into_outcomes(self) -> Outcomes {
        Outcomes::All(self)
    }
}

impl IntoOutcomes for Vec<Outcome> {
    fn into_outcomes(self) -> Outcomes {
        Outcomes::Each(self)
    }
}

impl<T: IntoOutcomes, E: Display> IntoOutcomes for Result<T, E> {
    fn into_outcomes(self) -> Outcomes {
        match self {
            Ok(value) => value.into_outcomes(),
            Err(error) => Outcomes::All(Outcome::retry(format!("{error:#}"))),
        }
    }
}

/// Runs a handler over deliveries, one call after the other: the calls of a fifo group must not
/// overtake each other, and after a failed one those behind it wait for their turn.
pub async fn run<M, A, F, Fut>(deliveries: Vec<Delivery>, handler: F) -> Vec<Outcome>
where
    A: Receive<M>,
    F: Fn(A) -> Fut,
    Fut: Future<Output = Result<Outcomes, HandlerError>>,
{
    let mut round = Round::of(&deliveries);
    let portions = A::portions(deliveries, &mut |position, reason| {
        round.outcomes[position] = Outcome::DeadLetter { reason };
    });
    for portion in portions {
        if !round.waits(&portion.positions) {
            let result = handler(portion.argument).await;
            round.settle(&portion.positions, result);
        }
    }
    round.outcomes
}

/// What becomes of deliveries that are handled one after the other. Apart from [`run`], because that
/// is compiled for each handler.
struct Round {
    groups: Vec<Option<String>>,
    outcomes: Vec<Outcome>,
    /// Groups of which a message failed.
    blocked: Vec<String>,
}

impl Round {
    fn of(deliveries: &[Delivery]) -> Round {
        Round {
            groups: deliveries.iter().map(|d| d.group.clone()).collect(),
            outcomes: vec![Outcome::Ack; deliveries.len()],
            blocked: Vec::new(),
        }
    }

    /// Whether deliveries have to wait behind one of their group that failed: they are retried then.
    fn waits(&mut self, positions: &[usize]) -> bool {
        let waits = |position: &usize| {
            let group = self.groups[*position].as_ref();
            group.is_some_and(|group| self.blocked.contains(group))
        };
        let waits = positions.iter().any(waits);
        if waits {
            for position in positions {
                self.outcomes[*position] = Outcome::retry("an earlier message of its group failed");
            }
        }
        waits
    }

    /// Notes what a handler said to the deliveries at these positions.
    fn settle(&mut self, positions: &[usize], result: Result<Outcomes, HandlerError>) {
        let result = match result {
            Ok(outcomes) => outcomes,
            Err(error) => Outcomes::All(Outcome::retry(error.chain())),
        };
        let count = positions.len();
        let each = match result {
            Outcomes::All(outcome) => vec![outcome; count],
            Outcomes::Each(each) if each.len() == count => each,
            Outcomes::Each(each) => {
                let reason = format!(
                    "the handler gave {} outcomes for {count} events: give one for each",
                    each.len()
                );
                vec![Outcome::retry(reason); count]
            }
        };
        for (position, outcome) in positions.iter().zip(each) {
            if let (Outcome::Retry { .. }, Some(group)) = (&outcome, &self.groups[*position]) {
                self.blocked.push(group.clone());
            }
            self.outcomes[*position] = outcome;
        }
    }
}

/// What a handler of a schedule can take.
#[diagnostic::on_unimplemented(
    message = "a handler of a schedule cannot take `{Self}`",
    label = "take `Event<T>` for the due time and the input, or `State<T>`"
)]
pub trait FromSchedule: Sized {
    /// Makes the argument.
    fn from_schedule(
        delivery: &Delivery,
    ) -> impl Future<Output = Result<Self, HandlerError>> + Send;
}

impl<T: DeserializeOwned> FromSchedule for Event<T> {
    async fn from_schedule(delivery: &Delivery) -> Result<Self, HandlerError> {
        Event::decode(delivery.clone()).map_err(HandlerError::new)
    }
}

/// What handlers other than routes can take behind their first argument.
#[diagnostic::on_unimplemented(
    message = "a handler cannot take `{Self}` here",
    label = "behind the first argument a handler takes `State<T>`"
)]
pub trait FromInvocation: Sized {
    /// Makes the argument.
    fn from_invocation() -> impl Future<Output = Result<Self, HandlerError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::time::UNIX_EPOCH;

    fn delivery(id: &str, group: Option<&str>, body: &str) -> Delivery {
        Delivery {
            id: id.to_owned(),
            source: "letters".to_owned(),
            kind: "queue.message",
            attempt: 1,
            time: UNIX_EPOCH,
            attributes: BTreeMap::new(),
            body: body.as_bytes().to_vec(),
            group: group.map(str::to_owned),
            trace: TraceContext::root(),
        }
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(future)
    }

    #[test]
    fn a_body_of_another_type_is_dead_lettered_with_the_reason() {
        let deliveries = vec![
            delivery("a", None, "1"),
            delivery("b", None, "\"two\""),
            delivery("c", None, "3"),
        ];
        let seen = Mutex::new(Vec::new());
        let outcomes = block_on(run::<u64, u64, _, _>(deliveries, |body| {
            seen.lock().expect("not poisoned").push(body);
            async { Ok(Outcomes::All(Outcome::Ack)) }
        }));
        assert_eq!(*seen.lock().expect("not poisoned"), [1, 3]);
        assert_eq!(outcomes[0], Outcome::Ack);
        let Outcome::DeadLetter { reason } = &outcomes[1] else {
            panic!("{outcomes:?}");
        };
        assert!(
            reason.starts_with("the body is not a `u64`: invalid type"),
            "{reason}"
        );
        assert_eq!(outcomes[2], Outcome::Ack);
    }

    #[test]
    fn a_failed_message_holds_back_its_group_and_no_other() {
        let deliveries = vec![
            delivery("a", Some("x"), "1"),
            delivery("b", Some("y"), "2"),
            delivery("c", Some("x"), "3"),
            delivery("d", Some("y"), "4"),
        ];
        let seen = Mutex::new(Vec::new());
        let outcomes = block_on(run::<u64, u64, _, _>(deliveries, |body| {
            seen.lock().expect("not poisoned").push(body);
            async move {
                match body {
                    1 => Err(HandlerError::new("no")),
                    _ => Ok(Outcomes::All(Outcome::Ack)),
                }
            }
        }));
        assert_eq!(*seen.lock().expect("not poisoned"), [1, 2, 4]);
        assert_eq!(outcomes[0], Outcome::retry("no"));
        assert_eq!(
            outcomes[2],
            Outcome::retry("an earlier message of its group failed")
        );
        assert_eq!([&outcomes[1], &outcomes[3]], [&Outcome::Ack; 2]);
    }

    #[test]
    fn a_batch_is_one_call_with_an_outcome_each() {
        let deliveries = vec![
            delivery("a", None, "1"),
            delivery("b", None, "x"),
            delivery("c", None, "3"),
        ];
        let outcomes = block_on(run::<u64, Batch<u64>, _, _>(
            deliveries,
            |batch| async move {
                let ids: Vec<&str> = batch.iter().map(|event| event.id.as_str()).collect();
                assert_eq!(ids, ["a", "c"]);
                Ok(Outcomes::Each(vec![Outcome::Ack, Outcome::retry("later")]))
            },
        ));
        assert_eq!(outcomes[0], Outcome::Ack);
        assert!(matches!(outcomes[1], Outcome::DeadLetter { .. }));
        assert_eq!(outcomes[2], Outcome::retry("later"));
    }

    #[test]
    fn a_wrong_number_of_outcomes_loses_nothing() {
        let deliveries = vec![delivery("a", None, "1"), delivery("b", None, "2")];
        let outcomes = block_on(run::<u64, Batch<u64>, _, _>(deliveries, |_| async {
            Ok(Outcomes::Each(vec![Outcome::Ack]))
        }));
        let reason = "the handler gave 1 outcomes for 2 events: give one for each";
        assert_eq!(outcomes, vec![Outcome::retry(reason); 2]);
    }
}
