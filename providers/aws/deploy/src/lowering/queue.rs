//! A queue: one of SQS, with another one for its dead letters.

use super::{About, Lowering, LoweringError, Making, address, entry, seconds};
use crate::catalog::QUEUE;
use crate::naming::FIFO;
use crate::policy;
use ifc_engine::{Naming, PartAddress, Value};
use ifc_graph::{Resource, Source};
use ifc_manifest::Kind;
use ifc_manifest::kind::edge::RetrySpec;
use ifc_manifest::kind::queue::{DEAD_LETTER_RETENTION, QueueSpec};
use ifc_manifest::kind::unit::TIMEOUT_DEFAULT;
use std::time::Duration;

/// SQS keeps a message for 14 days at most.
const RETENTION_MAX: Duration = Duration::from_secs(14 * 86_400);

/// SQS counts 1,000 receipts of a message at most.
const RECEIPTS_MAX: u32 = 1_000;

/// Messages of one group that can be in one batch, of which one holds back the others.
const BATCH_MAX: u32 = 10;

/// Which part of a queue its subscription to a topic is, when it has that many.
pub(crate) fn subscription_part(topic: &str, subscriptions: usize) -> String {
    match subscriptions {
        1 => "subscription".to_owned(),
        _ => format!("subscription-{}", super::owner(topic)),
    }
}

/// What a queue is to be like, be it declared or an inbox.
pub(super) struct Wanted {
    pub(super) fifo: bool,
    pub(super) lease: Duration,
    pub(super) retention: Duration,
    pub(super) retry: RetrySpec,
}

impl Lowering<'_> {
    pub(super) fn queue(
        &mut self,
        resource: &Resource,
        spec: &QueueSpec,
    ) -> Result<(), LoweringError> {
        let name = &resource.id.name;
        let timeout = self.consumer_timeout(resource).unwrap_or(TIMEOUT_DEFAULT);
        let targets = self.graph.application.targets;
        let wanted = Wanted {
            fifo: spec.fifo,
            lease: spec.lease_for(timeout, targets).max(timeout),
            retention: spec.retention,
            retry: spec.retry,
        };
        let about = About::resource(resource);
        self.queue_and_dead_letters(name, ["queue", "dead-letters"], &wanted, &about)?;
        Ok(())
    }

    /// How long the consumer may run. Lambda takes nothing from a queue whose lease is shorter.
    fn consumer_timeout(&self, resource: &Resource) -> Option<Duration> {
        let consumer = self.graph.triggers.iter().find(|trigger| {
            matches!(&trigger.source, Source::Events { resource: of, .. } if *of == resource.id)
        });
        Some(self.graph.unit(&consumer?.unit)?.spec.timeout)
    }

    /// The queue, and before it the one of its dead letters.
    pub(super) fn queue_and_dead_letters(
        &mut self,
        owner: &str,
        [queue, dead_letters]: [&str; 2],
        wanted: &Wanted,
        about: &About,
    ) -> Result<PartAddress, LoweringError> {
        let beside = about.beside(
            "dead letters",
            "what was given up is kept here until someone looks after it",
        );
        let mut making = self.queue_called(owner, dead_letters, wanted.fifo, &beside)?;
        // A dead letter is as old as the message, so it has the message's time beside its own.
        let kept = (wanted.retention + DEAD_LETTER_RETENTION).min(RETENTION_MAX);
        if wanted.fifo {
            making = making.set("FifoQueue", true);
        }
        let dead_letters = self.add(
            making
                .set("MessageRetentionPeriod", seconds(kept))
                .set("SqsManagedSseEnabled", true),
        );

        let mut making = self.queue_called(owner, queue, wanted.fifo, about)?;
        // The runtime gives an event up by itself when its attempts are used up. SQS counts the
        // receipts of a message that waited for an earlier one of its group, too.
        let receipts = match wanted.fifo {
            true => wanted.retry.max_attempts.saturating_mul(BATCH_MAX),
            false => wanted.retry.max_attempts,
        };
        if wanted.fifo {
            making = making
                .set("FifoQueue", true)
                // As many messages as groups, not 300 a second.
                .set("DeduplicationScope", "messageGroup")
                .set("FifoThroughputLimit", "perMessageGroupId");
        }
        let redrive = Value::map([
            ("deadLetterTargetArn", Value::output(&dead_letters, "Arn")),
            (
                "maxReceiveCount",
                i64::from(receipts.min(RECEIPTS_MAX)).into(),
            ),
        ]);
        Ok(self.add(
            making
                .set("MessageRetentionPeriod", seconds(wanted.retention))
                .set("RedrivePolicy", redrive)
                .set("SqsManagedSseEnabled", true)
                .set("VisibilityTimeout", seconds(wanted.lease)),
        ))
    }

    /// A queue with a name that does not vary. For a minute after a queue's deletion nothing may bear
    /// its name, which is waited for.
    pub(super) fn queue_called(
        &self,
        owner: &str,
        part: &str,
        fifo: bool,
        about: &About,
    ) -> Result<Making, LoweringError> {
        self.keeping(owner, part, QUEUE, fifo, about)
    }

    /// A part that may keep an order, with a name that does not vary: policies and subscriptions are
    /// found by it. One that comes to keep an order, or to keep none, is called otherwise by its
    /// ending.
    pub(super) fn keeping(
        &self,
        owner: &str,
        part: &str,
        part_type: &str,
        fifo: bool,
        about: &About,
    ) -> Result<Making, LoweringError> {
        let naming = self.context.naming(entry(part_type), owner, part);
        let naming = match fifo {
            true => naming.ending(FIFO),
            false => naming,
        };
        let naming = Naming::Fixed(naming.name(0));
        self.make(owner, part, part_type, naming, about)
    }

    /// The policies of declared queues: that the topics they subscribe to may send to them.
    pub(super) fn queue_policies(&mut self) -> Result<(), LoweringError> {
        let graph = self.graph;
        for resource in graph.of_kind(Kind::Queue) {
            let topics = graph.subscriptions.iter();
            let topics = topics.filter(|subscription| subscription.queue == resource.id);
            let topics: Vec<&str> = topics.map(|edge| edge.topic.name.as_str()).collect();
            if topics.is_empty() {
                continue;
            }
            let name = &resource.id.name;
            let queue = address(name, "queue")?;
            let mut senders = Vec::new();
            for topic in &topics {
                let topic = address(topic, "topic")?;
                senders.push(policy::Sender::of_topic(Value::output(&topic, "Ref")));
            }
            let about = About::resource(resource);
            let policy = self.queue_policy((name, "queue-policy"), &queue, senders, &about)?;
            for edge in (graph.subscriptions.iter()).filter(|edge| edge.queue == resource.id) {
                let part = subscription_part(&edge.topic.name, topics.len());
                let about = about.beside(
                    "subscription",
                    format!("queue `{name}` subscribes to topic `{}`", edge.topic.name),
                );
                self.subscription(
                    (name, &part),
                    &edge.topic.name,
                    [&queue, &policy],
                    &edge.selection,
                    &about,
                )?;
            }
        }
        Ok(())
    }

    /// Lets services send to a queue.
    pub(super) fn queue_policy(
        &mut self,
        part: (&str, &str),
        queue: &PartAddress,
        senders: Vec<policy::Sender>,
        about: &About,
    ) -> Result<PartAddress, LoweringError> {
        let about = about.beside("policy", "services may send to the queue for those who may");
        let name = format!("{}/policy", self.first_name(queue));
        let making = self.within(part, crate::catalog::QUEUE_POLICY, name, &about)?;
        let document = policy::for_senders(&Value::output(queue, "Arn"), senders);
        Ok(self.add(
            making
                .set("PolicyDocument", document)
                .set("Queues", super::list([Value::output(queue, "Ref")])),
        ))
    }
}
