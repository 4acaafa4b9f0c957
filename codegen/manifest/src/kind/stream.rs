//! Stream: records in order per key, for any number of consumers (contract, 4.6).

use super::edge::{ConsumerSpec, MAX_CONCURRENCY, RetrySpec};
use super::{SpecError, Verb, limits, required};
use crate::format::{Encoder, Value};
use crate::support::Demand;
use core::time::Duration;

/// Append records.
pub const APPEND: Verb = Verb::new("append");

/// Every verb. Consuming is a trigger, not a verb of application code.
pub const VERBS: &[Verb] = &[APPEND];

limits! {
    /// How long a record is kept, in seconds.
    RETENTION = "the retention of a stream", " seconds", "E-STR-01" {
        aws 86400..=31536000,
        gcp 86400..=2678400 because "Pub/Sub keeps the messages of a topic for 31 days at most",
        azure 86400..=604800 because "Event Hubs keeps events for 7 days at most",
    } or "copy the records into a bucket" or "take 7 days or less, which every provider has";
    /// Records in one `append_batch`.
    APPEND_BATCH = "the number of records of append_batch", 1..=100, "";
    /// Records handed to one invocation.
    BATCH = "the batch of a stream consumer", 1..=500, "";
    /// How long a batch may wait to fill, in seconds.
    MAX_WAIT = "the max_wait of a stream consumer", 0..=60, " seconds";
}

/// Longest key, in bytes of UTF-8.
pub const KEY_BYTES_MAX: usize = 128;

/// The configured properties of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSpec {
    /// How long a record is kept.
    pub retention: Duration,
}

impl StreamSpec {
    /// The defaults of the contract.
    pub const DEFAULT: StreamSpec = StreamSpec {
        retention: Duration::from_secs(86_400),
    };

    /// What the stream asks of its provider.
    pub fn demands(&self) -> Vec<Demand> {
        vec![Demand::Duration(&RETENTION, self.retention)]
    }

    /// Writes the spec's keys into the open map.
    pub const fn encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        encoder.duration_entry("retention_ms", self.retention);
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// When a required key is missing.
    pub fn decode(config: &Value) -> Result<Self, SpecError> {
        Ok(StreamSpec {
            retention: required(config.duration("retention_ms"), "retention_ms")?,
        })
    }
}

/// How a stream's consumer takes records when it says nothing: up to 100 at a time, which may wait
/// for 1 s to become as many.
pub const CONSUMER_DEFAULT: ConsumerSpec = ConsumerSpec {
    batch: 100,
    max_wait: Duration::from_secs(1),
    max_concurrency: 100,
};

/// Redelivery of a stream's records when nobody says anything else.
pub const RETRY_DEFAULT: RetrySpec = RetrySpec {
    max_attempts: 10,
    ..RetrySpec::DEFAULT
};

/// What the way in which a consumer takes records asks of its provider.
pub(super) fn consumer_demands(consumer: &ConsumerSpec) -> Vec<Demand> {
    vec![
        Demand::Number(&BATCH, consumer.batch.into()),
        Demand::Duration(&MAX_WAIT, consumer.max_wait),
        Demand::Number(&MAX_CONCURRENCY, consumer.max_concurrency.into()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_inverts_encoding() {
        let spec = StreamSpec {
            retention: Duration::from_secs(3 * 86_400),
        };
        let written = Value::written(|encoder| spec.encode(encoder));
        assert_eq!(StreamSpec::decode(&written), Ok(spec));
        let error = StreamSpec::decode(&Value::empty()).expect_err("incomplete");
        assert_eq!(error.key, "retention_ms");
    }
}
