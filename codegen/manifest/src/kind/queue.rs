//! Queue: messages with exactly one consumer (contract, 4.3).

use super::{SpecError, Verb, limits, required};
use crate::format::{Encoder, Value};
use core::time::Duration;

/// Put one message into the queue.
pub const SEND: Verb = Verb::new("send");

/// Every verb. Consuming is a trigger, not a verb of application code.
pub const VERBS: &[Verb] = &[SEND];

limits! {
    /// How long a delivered message stays hidden, in seconds.
    LEASE = "the lease of a queue", 10..=600, " seconds";
    /// How long an unconsumed message is kept, in seconds.
    RETENTION = "the retention of a queue", 600..=604800, " seconds (10 minutes to 7 days)";
    /// Deliveries before a message is dead-lettered.
    MAX_ATTEMPTS = "max_attempts", 5..=100, "";
    /// Delay before the first redelivery, and the cap of the growing delay, in seconds.
    BACKOFF = "the backoff of a queue", 10..=600, " seconds";
    /// Messages handed to one invocation.
    BATCH = "batch", 1..=10, "";
    /// How long a batch may wait to fill, in seconds. Only AWS waits.
    MAX_WAIT = "max_wait", 0..=5, " seconds";
    /// Invocations of the consumer at a time.
    MAX_CONCURRENCY = "max_concurrency", 2..=1000, "";
    /// Delay of a single message, in seconds.
    DELAY = "the delay of a message", 0..=900, " seconds";
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
    /// How long a delivered message stays hidden; `None`: 1.5 × the consumer's time-out, at most
    /// 600 s.
    pub lease: Option<Duration>,
    /// How long an unconsumed message is kept.
    pub retention: Duration,
    /// When and how often to deliver again.
    pub retry: RetrySpec,
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

    /// The delay between the end of delivery number `attempt` (from 1) and the next one.
    pub fn backoff_after(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(16);
        (self.min_backoff * (1 << doublings)).min(self.max_backoff)
    }
}

impl QueueSpec {
    /// The defaults of the contract.
    pub const DEFAULT: QueueSpec = QueueSpec {
        fifo: false,
        lease: None,
        retention: Duration::from_secs(4 * 86_400),
        retry: RetrySpec::DEFAULT,
    };

    /// The lease in force for a consumer with this time-out.
    pub fn lease_for(&self, timeout: Duration) -> Duration {
        self.lease.unwrap_or_else(|| {
            (timeout * 3 / 2).clamp(
                Duration::from_secs(LEASE.min),
                Duration::from_secs(LEASE.max),
            )
        })
    }

    /// Writes the spec's keys into the open map.
    pub const fn encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        encoder
            .bool_entry("fifo", self.fifo)
            .duration_entry("retention_ms", self.retention)
            .uint_entry("max_attempts", self.retry.max_attempts as u64)
            .duration_entry("min_backoff_ms", self.retry.min_backoff)
            .duration_entry("max_backoff_ms", self.retry.max_backoff);
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
            retry: RetrySpec {
                max_attempts: required(
                    config
                        .uint("max_attempts")
                        .and_then(|n| u32::try_from(n).ok()),
                    "max_attempts",
                )?,
                min_backoff: required(config.duration("min_backoff_ms"), "min_backoff_ms")?,
                max_backoff: required(config.duration("max_backoff_ms"), "max_backoff_ms")?,
            },
        })
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
        let number = |key: &'static str| -> Result<u32, SpecError> {
            required(config.uint(key).and_then(|n| u32::try_from(n).ok()), key)
        };
        Ok(ConsumerSpec {
            batch: number("batch")?,
            max_wait: required(config.duration("max_wait_ms"), "max_wait_ms")?,
            max_concurrency: number("max_concurrency")?,
        })
    }
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
    fn the_lease_follows_the_timeout_within_its_range() {
        let spec = QueueSpec::DEFAULT;
        for (timeout, lease) in [(1, 10), (60, 90), (600, 600)] {
            assert_eq!(
                spec.lease_for(Duration::from_secs(timeout)).as_secs(),
                lease
            );
        }
    }
}
