//! Patterns that most applications need sooner or later, built from portable kinds alone: a handle
//! or two and code that anyone could write, so they hold on every provider. What they use is seen
//! like any other use: a unit gets the permissions of the operations it can reach.

mod circuit_breaker;
mod claim_check;
mod idempotent;
mod outbox;

pub use circuit_breaker::{Circuit, CircuitBreaker, CircuitError};
pub use claim_check::{Claim, ClaimCheck};
pub use idempotent::{Handled, Idempotent};
pub use outbox::{Outbox, Posting, Posts};

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970 by the provider's clock.
fn now_millis() -> u64 {
    let since = crate::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    millis(since)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn epoch_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
