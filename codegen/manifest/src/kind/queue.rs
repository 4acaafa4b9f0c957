//! Queue: messages with exactly one consumer (contract, 4.3).

use super::edge::RetrySpec;
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
            assert_eq!(
                spec.lease_for(Duration::from_secs(timeout)).as_secs(),
                lease
            );
        }
    }
}
