//! Asynchronous edges: from a resource that has events to the handler it feeds (contract, 1.5 and
//! section 3). Each is a queue of its own, hidden but for a declared queue's, with its own
//! redelivery and its own dead letters.

use super::bucket::{self, KeyFilter};
use super::event_bus::{self, Pattern};
use super::topic::{self, Filter};
use super::{Kind, SpecError, Verb, limits, queue, required, stream, table};
use crate::format::{Encoder, Value};
use crate::support::Demand;
use core::time::Duration;
use std::fmt;

limits! {
    /// Deliveries before a message is dead-lettered.
    MAX_ATTEMPTS = "max_attempts", "", "E-EDGE-01" {
        aws 1..=1000,
        gcp 5..=100 because "Pub/Sub gives a message up after 5 to 100 deliveries",
        azure 1..=1000,
    } or "take 5 to 100, which every provider has" or "give an event up in the handler, which sees the number of its attempt";
    /// Delay before the first redelivery, and the cap of the growing delay, in seconds.
    BACKOFF = "the backoff of an edge", " seconds", "E-EDGE-02" {
        aws 1..=43200,
        gcp 10..=600 because "Pub/Sub waits 10 s to 10 minutes before it delivers again",
        azure 1..=43200,
    } or "take 10 s to 10 minutes, which every provider has" or "send the event again from the handler, with a delay";
    /// Messages handed to one invocation.
    BATCH = "batch", 1..=10, "";
    /// How long a batch may wait to fill, in seconds. Only AWS waits.
    MAX_WAIT = "max_wait", 0..=5, " seconds";
    /// Invocations of the consumer at a time.
    MAX_CONCURRENCY = "max_concurrency", "", "E-EDGE-03" {
        aws 2..=1000 because "Lambda takes from a queue with at least 2 invocations at a time",
        gcp 1..=1000,
        azure 1..=1000,
    } or "make the queue fifo and put the messages into one group" or "leave aws out of the targets";
}

/// What sort of edge a handler's attribute declares.
///
/// Exhaustive, as [`Kind`] is: a new one makes the compiler list what owes it an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Edge {
    /// `#[consumer]`: the one consumer of a queue.
    Consumer,
    /// `#[subscriber]`: one of a topic's subscribers.
    Subscriber,
    /// `#[on_change]`: one that follows the changes of a table.
    OnChange,
    /// `#[on_created]`: one that hears of objects that were written.
    OnCreated,
    /// `#[on_deleted]`: one that hears of objects that were removed.
    OnDeleted,
    /// `#[stream_consumer]`: one of a stream's consumers.
    StreamConsumer,
    /// `#[on_event]`: one of a bus's rules.
    OnEvent,
}

impl Edge {
    /// Every edge.
    pub const ALL: [Edge; 7] = [
        Edge::Consumer,
        Edge::Subscriber,
        Edge::OnChange,
        Edge::OnCreated,
        Edge::OnDeleted,
        Edge::StreamConsumer,
        Edge::OnEvent,
    ];

    /// The attribute's name, which is also the word in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Edge::Consumer => "consumer",
            Edge::Subscriber => "subscriber",
            Edge::OnChange => "on_change",
            Edge::OnCreated => "on_created",
            Edge::OnDeleted => "on_deleted",
            Edge::StreamConsumer => "stream_consumer",
            Edge::OnEvent => "on_event",
        }
    }

    /// The edge with this word.
    pub fn parse(word: &str) -> Option<Edge> {
        Edge::ALL.into_iter().find(|edge| edge.as_str() == word)
    }

    /// The kind of resource it comes from.
    pub const fn source(self) -> Kind {
        match self {
            Edge::Consumer => Kind::Queue,
            Edge::Subscriber => Kind::Topic,
            Edge::OnChange => Kind::Table,
            Edge::OnCreated | Edge::OnDeleted => Kind::Bucket,
            Edge::StreamConsumer => Kind::Stream,
            Edge::OnEvent => Kind::EventBus,
        }
    }

    /// The verbs on its source that make events for it.
    pub const fn caused_by(self) -> &'static [Verb] {
        match self {
            Edge::Consumer => queue::VERBS,
            Edge::Subscriber => topic::VERBS,
            Edge::OnChange => table::CHANGING,
            Edge::OnCreated => bucket::CREATING,
            Edge::OnDeleted => bucket::DELETING,
            Edge::StreamConsumer => stream::VERBS,
            Edge::OnEvent => event_bus::VERBS,
        }
    }

    /// What its events call themselves.
    pub const fn event(self) -> &'static str {
        match self {
            Edge::Consumer => "queue.message",
            Edge::Subscriber => "topic.message",
            Edge::OnChange => "table.change",
            Edge::OnCreated => "bucket.created",
            Edge::OnDeleted => "bucket.deleted",
            Edge::StreamConsumer => "stream.record",
            Edge::OnEvent => "bus.event",
        }
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which of a resource's events an edge carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    Everything,
    /// Those with such attributes.
    Attributes(Filter),
    /// Those of objects with such keys.
    Keys(KeyFilter),
    /// Those that match.
    Pattern(Pattern),
}

/// The configured properties of an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeSpec {
    /// Which edge.
    pub edge: Edge,
    /// How events are handed over.
    pub consumer: ConsumerSpec,
    /// When and how often to deliver again; `None` for a queue's consumer, whose queue says it.
    pub retry: Option<RetrySpec>,
    /// Which events.
    pub selection: Selection,
}

impl EdgeSpec {
    /// Reads the knobs of an edge with this word.
    ///
    /// # Errors
    /// When the word is unknown or a required key is missing.
    pub fn decode(word: &str, config: &Value) -> Result<Self, SpecError> {
        let edge = required(Edge::parse(word), "edge")?;
        Ok(EdgeSpec {
            edge,
            consumer: ConsumerSpec::decode(config)?,
            retry: match edge {
                Edge::Consumer => None,
                _ => Some(RetrySpec::decode(config)?),
            },
            selection: match edge {
                Edge::Consumer | Edge::OnChange | Edge::StreamConsumer => Selection::Everything,
                Edge::OnCreated | Edge::OnDeleted => match KeyFilter::decode(config) {
                    filter if filter.is_empty() => Selection::Everything,
                    filter => Selection::Keys(filter),
                },
                Edge::Subscriber => match Filter::decode(config)? {
                    Some(filter) => Selection::Attributes(filter),
                    None => Selection::Everything,
                },
                Edge::OnEvent => match Pattern::decode(config)? {
                    pattern if pattern.is_anything() => Selection::Everything,
                    pattern => Selection::Pattern(pattern),
                },
            },
        })
    }
}

impl EdgeSpec {
    /// What the edge asks of its provider.
    pub fn demands(&self) -> Vec<Demand> {
        let mut demands = match self.edge {
            Edge::StreamConsumer => stream::consumer_demands(&self.consumer),
            _ => self.consumer.demands(),
        };
        // A rule's default is every provider's concern, see there.
        let declared = self.retry.filter(|retry| *retry != event_bus::RETRY);
        demands.extend(declared.iter().flat_map(RetrySpec::demands));
        demands
    }
}

/// Redelivery of what was not acknowledged (contract, section 3): the delay doubles from
/// `min_backoff` up to `max_backoff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySpec {
    /// Deliveries before the message goes to the dead-letter queue.
    pub max_attempts: u32,
    /// Delay before the second delivery.
    pub min_backoff: Duration,
    /// Cap of the delay.
    pub max_backoff: Duration,
}

impl RetrySpec {
    /// 5 deliveries, 10 s growing to 300 s.
    pub const DEFAULT: RetrySpec = RetrySpec {
        max_attempts: 5,
        min_backoff: Duration::from_secs(10),
        max_backoff: Duration::from_secs(300),
    };

    /// Writes the spec's keys into the open map.
    pub const fn encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        encoder
            .uint_entry("max_attempts", self.max_attempts as u64)
            .duration_entry("min_backoff_ms", self.min_backoff)
            .duration_entry("max_backoff_ms", self.max_backoff);
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// When a required key is missing.
    pub fn decode(config: &Value) -> Result<Self, SpecError> {
        Ok(RetrySpec {
            max_attempts: number(config, "max_attempts")?,
            min_backoff: required(config.duration("min_backoff_ms"), "min_backoff_ms")?,
            max_backoff: required(config.duration("max_backoff_ms"), "max_backoff_ms")?,
        })
    }

    /// What the redelivery asks of its provider.
    pub fn demands(&self) -> Vec<Demand> {
        vec![
            Demand::Number(&MAX_ATTEMPTS, self.max_attempts.into()),
            Demand::Duration(&BACKOFF, self.min_backoff),
            Demand::Duration(&BACKOFF, self.max_backoff),
        ]
    }

    /// The delay between the end of delivery number `attempt` (from 1) and the next one.
    pub fn backoff_after(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(16);
        (self.min_backoff * (1 << doublings)).min(self.max_backoff)
    }
}

/// The configured properties of a consumer: of the edge, not of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerSpec {
    /// Most messages handed to one invocation.
    pub batch: u32,
    /// How long a batch may wait to fill.
    pub max_wait: Duration,
    /// Invocations at a time.
    pub max_concurrency: u32,
}

impl ConsumerSpec {
    /// What the edge asks of its provider.
    pub fn demands(&self) -> Vec<Demand> {
        vec![
            Demand::Number(&BATCH, self.batch.into()),
            Demand::Duration(&MAX_WAIT, self.max_wait),
            Demand::Number(&MAX_CONCURRENCY, self.max_concurrency.into()),
        ]
    }

    /// One message at a time, no waiting, 100 invocations at a time.
    pub const DEFAULT: ConsumerSpec = ConsumerSpec {
        batch: 1,
        max_wait: Duration::ZERO,
        max_concurrency: 100,
    };

    /// Writes the spec's keys into the open map.
    pub const fn encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        encoder
            .uint_entry("batch", self.batch as u64)
            .duration_entry("max_wait_ms", self.max_wait)
            .uint_entry("max_concurrency", self.max_concurrency as u64);
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// When a required key is missing.
    pub fn decode(config: &Value) -> Result<Self, SpecError> {
        Ok(ConsumerSpec {
            batch: number(config, "batch")?,
            max_wait: required(config.duration("max_wait_ms"), "max_wait_ms")?,
            max_concurrency: number(config, "max_concurrency")?,
        })
    }
}

fn number(config: &Value, key: &'static str) -> Result<u32, SpecError> {
    required(config.uint(key).and_then(|n| u32::try_from(n).ok()), key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_cap() {
        let retry = RetrySpec::DEFAULT;
        let seconds: Vec<u64> = (1..9).map(|n| retry.backoff_after(n).as_secs()).collect();
        assert_eq!(seconds, [10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(retry.backoff_after(u32::MAX).as_secs(), 300);
    }

    #[test]
    fn every_edge_has_a_word_of_its_own() {
        for edge in Edge::ALL {
            assert_eq!(Edge::parse(edge.as_str()), Some(edge));
        }
        assert_eq!(Edge::parse("stranger"), None);
    }
}
