//! How long the engine bears with a provider.

use std::time::Duration;

/// How long the engine bears with a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long one call may take before its outcome counts as unknown.
    pub call: Duration,
    /// How long a step goes on when calls fail in ways that pass. Throttling does not count.
    pub trouble: Duration,
    /// How long a step may take in all, operations that the provider is slow at included.
    pub step: Duration,
    /// The first wait before a call is repeated. It doubles from there.
    pub first_retry: Duration,
    /// The longest wait before a call is repeated.
    pub longest_retry: Duration,
    /// The first wait before looking at an operation that goes on. It grows by half from there.
    pub first_poll: Duration,
    /// The longest wait before looking again.
    pub longest_poll: Duration,
    /// How many steps run at once. A bound on memory and sockets: calls are bounded by what each
    /// API takes.
    pub steps_at_once: usize,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            call: Duration::from_secs(120),
            trouble: Duration::from_secs(300),
            step: Duration::from_secs(3600),
            first_retry: Duration::from_millis(200),
            longest_retry: Duration::from_secs(20),
            first_poll: Duration::from_millis(100),
            longest_poll: Duration::from_secs(15),
            steps_at_once: 1000,
        }
    }
}
