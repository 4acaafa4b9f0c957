//! Queues as subscribers of topics (contract, 4.4): messages of a topic go into a declared queue,
//! and its consumer takes them from there.

use super::topic::{Filter, FilterKnobs};
use super::{SpecError, required};
use crate::Address;
use crate::format::{Encoder, Value};

/// Topics that one queue can subscribe to.
pub const TOPICS_MAX: usize = 5;

/// One topic of a queue, as it is declared.
#[derive(Clone, Copy, Debug)]
struct TopicKnobs {
    package: &'static str,
    name: &'static str,
    filter: Option<FilterKnobs>,
}

/// The topics of a queue, as they are declared.
#[derive(Clone, Copy, Debug)]
pub struct SubscriptionKnobs {
    topics: [Option<TopicKnobs>; TOPICS_MAX],
    count: usize,
    /// Whether the topics keep an order; meaningless without any.
    fifo: bool,
}

impl SubscriptionKnobs {
    /// A queue that subscribes to nothing.
    pub const NONE: SubscriptionKnobs = SubscriptionKnobs {
        topics: [None; TOPICS_MAX],
        count: 0,
        fifo: false,
    };

    /// With one more topic.
    ///
    /// # Panics
    /// With more than five, or with a standard and a fifo one; in a constant that is a compile
    /// error.
    #[track_caller]
    pub const fn to(
        mut self,
        package: &'static str,
        name: &'static str,
        fifo: bool,
    ) -> SubscriptionKnobs {
        assert!(
            self.count < TOPICS_MAX,
            "a queue subscribes to at most 5 topics"
        );
        assert!(
            self.count == 0 || self.fifo == fifo,
            "a queue subscribes to standard topics or to fifo topics, not to both"
        );
        self.topics[self.count] = Some(TopicKnobs {
            package,
            name,
            filter: None,
        });
        self.count += 1;
        self.fifo = fifo;
        self
    }

    /// With a filter on the topic that was named last.
    ///
    /// # Panics
    /// When there is none, or it has a filter; in a constant that is a compile error.
    #[track_caller]
    pub const fn filter(mut self, filter: FilterKnobs) -> SubscriptionKnobs {
        assert!(
            self.count > 0,
            "a filter is on a subscription: write `.subscribed_to(&TOPIC)` before it"
        );
        let at = self.count - 1;
        match &mut self.topics[at] {
            Some(topic) => {
                assert!(
                    topic.filter.is_none(),
                    "a subscription has one filter: join tests with `.and(…)`"
                );
                topic.filter = Some(filter);
            }
            None => panic!("there are as many topics as were counted"),
        }
        self
    }

    /// The subscriptions, of a queue of this sort.
    ///
    /// # Panics
    /// When a fifo queue subscribes to a standard topic, whose messages have no group, or the other
    /// way round; in a constant that is a compile error.
    #[track_caller]
    pub const fn of_queue(self, fifo: bool) -> SubscriptionKnobs {
        assert!(
            self.count == 0 || self.fifo == fifo,
            "a fifo queue subscribes to fifo topics, a standard queue to standard topics"
        );
        self
    }

    /// Writes the key, if there is anything to write, into the open map.
    pub const fn encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        if self.count == 0 {
            return;
        }
        encoder.array_entry("subscribed_to");
        let mut at = 0;
        while at < self.count {
            if let Some(topic) = &self.topics[at] {
                encoder
                    .map()
                    .text_entry("package", topic.package)
                    .text_entry("name", topic.name);
                if let Some(filter) = &topic.filter {
                    filter.encode(encoder);
                }
                encoder.end();
            }
            at += 1;
        }
        encoder.end();
    }
}

/// A topic whose messages go into a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSubscription {
    /// The topic.
    pub topic: Address,
    /// Which of its messages; all of them when `None`.
    pub filter: Option<Filter>,
}

impl QueueSubscription {
    /// Reads the subscriptions out of a queue's configuration: none when nothing was written.
    ///
    /// # Errors
    /// When one of them is unreadable.
    pub fn decode(config: &Value) -> Result<Vec<QueueSubscription>, SpecError> {
        let subscriptions = config.list("subscribed_to").iter().map(|subscription| {
            let text = |key| required(subscription.text(key), "subscribed_to");
            Ok(QueueSubscription {
                topic: Address::new(text("package")?, text("name")?),
                filter: Filter::decode(subscription)?,
            })
        });
        subscriptions.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::topic::TestKnobs;

    const EUROPE: FilterKnobs = FilterKnobs::new("region", TestKnobs::AnyOf(&["eu", "uk"]));

    #[test]
    fn what_is_declared_is_what_is_read() {
        let knobs = SubscriptionKnobs::NONE
            .to("shop", "orders", false)
            .to("bank", "payments", false)
            .filter(EUROPE);
        let config = Value::written(|encoder| knobs.of_queue(false).encode(encoder));
        let subscriptions = QueueSubscription::decode(&config).expect("it was written");
        assert_eq!(subscriptions.len(), 2);
        assert_eq!(subscriptions[0].topic, Address::new("shop", "orders"));
        assert_eq!(subscriptions[0].filter, None);
        assert_eq!(subscriptions[1].topic, Address::new("bank", "payments"));
        let filter = subscriptions[1].filter.as_ref().expect("it has one");
        assert!(filter.matches(&[("region".to_owned(), "uk".to_owned())].into()));
        let nothing = Value::written(|encoder| SubscriptionKnobs::NONE.encode(encoder));
        assert_eq!(QueueSubscription::decode(&nothing), Ok(Vec::new()));
    }

    #[test]
    #[should_panic(expected = "write `.subscribed_to(&TOPIC)` before it")]
    fn a_filter_belongs_to_a_subscription() {
        let _ = SubscriptionKnobs::NONE.filter(EUROPE);
    }

    #[test]
    #[should_panic(expected = "to fifo topics, a standard queue to standard topics")]
    fn order_is_kept_on_the_whole_way_or_not_at_all() {
        let _ = SubscriptionKnobs::NONE.to("a", "b", false).of_queue(true);
    }

    #[test]
    #[should_panic(expected = "at most 5 topics")]
    fn a_queue_has_at_most_five_topics() {
        let mut knobs = SubscriptionKnobs::NONE;
        for name in ["a", "b", "c", "d", "e", "f"] {
            knobs = knobs.to("shop", name, false);
        }
    }
}
