//! Queue: messages with exactly one consumer (contract, 4.3).

use super::edge::RetrySpec;
use super::{SpecError, Verb, limits, required};
use crate::format::{Encoder, Value};
use crate::provider::Targets;
use crate::support::Demand;
use core::time::Duration;

/// Put one message into the queue.
pub const SEND: Verb = Verb::new("send");

/// Every verb. Consuming is a trigger, not a verb of application code.
pub const VERBS: &[Verb] = &[SEND];

limits! {
    /// How long a delivered message stays hidden, in seconds.
    LEASE = "the lease of a queue", " seconds", "E-Q-03" {
        aws 1..=43200,
        gcp 10..=600 because "Pub/Sub waits 10 s to 10 minutes for an acknowledgement",
        azure 10..=600 because "the lock of a message is not known to be renewed for longer than 10 minutes",
    } or "make the work of one message shorter" or "leave the lease to the time-out of the consumer";
    /// How long an unconsumed message is kept, in seconds.
    RETENTION = "the retention of a queue", " seconds", "E-Q-04" {
        aws 60..=1209600,
        gcp 600..=604800 because "Pub/Sub keeps a message for 10 minutes to 7 days",
        azure 60..=1209600,
    } or "take 10 minutes to 7 days, which every provider has" or "keep what has to stay in a table";
    /// Delay of a single message, in seconds. Cloud Tasks holds a task for 30 days; Service Bus
    /// sets no bound.
    DELAY = "the delay of a message", " seconds", "E-Q-05" {
        aws 0..=900 because "SQS delays a message by 15 minutes at most",
        gcp 0..=2592000,
        azure 0..=2592000,
    } or "let a schedule look for what is due" or "send it again from the consumer until it is due";
}

/// Longest message id and group id, in bytes of ASCII.
pub const ID_BYTES_MAX: usize = 128;

/// Messages in one `send_batch`.
pub const SEND_BATCH_MAX: usize = 10;

/// How long dead letters are kept at least.
pub const DEAD_LETTER_RETENTION: Duration = Duration::from_secs(7 * 86_400);

/// The configured properties of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    /// Order per group, one message of a group in flight at a time.
    pub fifo: bool,
    /// How long a delivered message stays hidden; `None`: 1.5 × the consumer's time-out, as far as
    /// the targets allow.
    pub lease: Option<Duration>,
    /// How long an unconsumed message is kept.
    pub retention: Duration,
    /// When and how often to deliver again.
    pub retry: RetrySpec,
}

impl QueueSpec {
    /// The defaults of the contract.
    pub const DEFAULT: QueueSpec = QueueSpec {
        fifo: false,
        lease: None,
        retention: Duration::from_secs(4 * 86_400),
        retry: RetrySpec::DEFAULT,
    };

    /// The lease in force for a consumer with this time-out, on these targets.
    pub fn lease_for(&self, timeout: Duration, targets: Targets) -> Duration {
        let range = LEASE.in_force(targets);
        self.lease.unwrap_or_else(|| {
            (timeout * 3 / 2).clamp(
                Duration::from_secs(range.min.max(LEASE.min)),
                Duration::from_secs(range.max),
            )
        })
    }

    /// What the queue asks of its provider.
    pub fn demands(&self) -> Vec<Demand> {
        let mut demands = vec![Demand::Duration(&RETENTION, self.retention)];
        demands.extend(self.retry.demands());
        demands.extend(self.lease.map(|lease| Demand::Duration(&LEASE, lease)));
        demands
    }

    /// Writes the spec's keys into the open map.
    pub const fn encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        encoder
            .bool_entry("fifo", self.fifo)
            .duration_entry("retention_ms", self.retention);
        self.retry.encode(encoder);
        if let Some(lease) = self.lease {
            encoder.duration_entry("lease_ms", lease);
        }
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// When a required key is missing.
    pub fn decode(config: &Value) -> Result<Self, SpecError> {
        Ok(QueueSpec {
            fifo: required(config.bool("fifo"), "fifo")?,
            lease: config.duration("lease_ms"),
            retention: required(config.duration("retention_ms"), "retention_ms")?,
            retry: RetrySpec::decode(config)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lease_follows_the_timeout_within_its_range() {
        let spec = QueueSpec::DEFAULT;
        for (timeout, lease) in [(1, 10), (60, 90), (600, 600)] {
            let timeout = Duration::from_secs(timeout);
            assert_eq!(spec.lease_for(timeout, Targets::ALL).as_secs(), lease);
        }
        let aws = Targets::only(crate::ProviderId::Aws);
        let quarter = Duration::from_secs(900);
        assert_eq!(spec.lease_for(quarter, aws).as_secs(), 1_350);
    }
}
