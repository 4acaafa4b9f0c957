//! The knobs that every asynchronous edge has, wherever it is declared.

/// Adds the knobs of taking events to a builder with a `ConsumerSpec` in the field `$consumer`.
macro_rules! consumer_knobs {
    ($consumer:ident) => {
        /// Most messages handed to one invocation, 1 to 10. Default 1. A hint: fewer may come.
        ///
        /// # Panics
        /// Outside the range; in a constant that is a compile error.
        #[track_caller]
        pub const fn batch(mut self, messages: u32) -> Self {
            self.$consumer.batch = ::ifc_manifest::kind::edge::BATCH.number(messages as u64) as u32;
            self
        }

        /// How long a batch may wait to fill, at most 5 s. Default 0. Only AWS waits.
        ///
        /// # Panics
        /// Outside the range; in a constant that is a compile error.
        #[track_caller]
        pub const fn max_wait(mut self, wait: ::std::time::Duration) -> Self {
            self.$consumer.max_wait = ::ifc_manifest::kind::edge::MAX_WAIT.duration(wait);
            self
        }

        /// Invocations at a time, 2 to 1,000. Default 100.
        ///
        /// # Panics
        /// Outside the range; in a constant that is a compile error.
        #[track_caller]
        pub const fn max_concurrency(mut self, invocations: u32) -> Self {
            self.$consumer.max_concurrency =
                ::ifc_manifest::kind::edge::MAX_CONCURRENCY.number(invocations as u64) as u32;
            self
        }
    };
}
pub(crate) use consumer_knobs;

/// Adds the knobs of redelivery to a builder with a `RetrySpec` in the field `$retry`.
macro_rules! retry_knobs {
    ($retry:ident) => {
        $crate::edge::retry_knobs!($retry, 5);
    };
    ($retry:ident, $default:literal) => {
        #[doc = concat!("Deliveries before an event is dead-lettered, 5 to 100. Default ", $default, ".")]
        ///
        /// # Panics
        /// Outside the range; in a constant that is a compile error.
        #[track_caller]
        pub const fn max_attempts(mut self, attempts: u32) -> Self {
            self.$retry.max_attempts =
                ::ifc_manifest::kind::edge::MAX_ATTEMPTS.number(attempts as u64) as u32;
            self
        }

        /// Delay before the second delivery and the cap up to which it doubles, each 10 to 600 s.
        ///
        /// # Panics
        /// Outside the range or when `min` is longer than `max`; in a constant that is a compile
        /// error.
        #[track_caller]
        pub const fn backoff(
            mut self,
            (min, max): (::std::time::Duration, ::std::time::Duration),
        ) -> Self {
            self.$retry.min_backoff = ::ifc_manifest::kind::edge::BACKOFF.duration(min);
            self.$retry.max_backoff = ::ifc_manifest::kind::edge::BACKOFF.duration(max);
            assert!(
                min.as_millis() <= max.as_millis(),
                "the smallest backoff is longer than the largest"
            );
            self
        }
    };
}
pub(crate) use retry_knobs;
