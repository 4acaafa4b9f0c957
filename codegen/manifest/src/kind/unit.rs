//! The knobs of a unit: one deployable set of handlers with one identity and one scaling rule
//! (contract, 4.1).

use super::{Limit, SpecError, limits};
use crate::format::{Encoder, Value};
use core::time::Duration;

limits! {
    /// Time-out of a handler behind HTTP, in seconds.
    TIMEOUT_HTTP = "the timeout of an HTTP handler", 1..=29, " seconds";
    /// Time-out of a function that is invoked directly, in seconds.
    TIMEOUT_CALL = "the timeout of an invoked function", 1..=230, " seconds";
    /// Time-out of a handler of asynchronous events, in seconds.
    TIMEOUT_ASYNC = "the timeout of an event handler", 1..=600, " seconds";
    /// Most instances at a time. Azure allows no fewer than 40.
    MAX_INSTANCES = "max_instances", 40..=1000, "";
    /// Instances kept ready, which are billed while idle.
    MIN_INSTANCES = "min_instances", 0..=10, "";
    /// Invocations at a time in one instance. AWS runs one whatever is asked.
    CONCURRENCY = "concurrency", 1..=100, "";
}

/// Memory sizes in MB that every provider has. Azure runs 1024 as 2048.
pub const MEMORY_MB: [u32; 4] = [512, 1024, 2048, 4096];

/// Default time-out behind HTTP.
pub const TIMEOUT_HTTP_DEFAULT: Duration = Duration::from_secs(20);

/// Default time-out of invoked functions and event handlers.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);

/// The configured properties of a unit. `None` leaves the choice to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitSpec {
    /// Memory in MB.
    pub memory_mb: u32,
    /// Longest run of one invocation.
    pub timeout: Duration,
    /// Most instances at a time.
    pub max_instances: u32,
    /// Instances kept ready.
    pub min_instances: u32,
    /// Invocations at a time in one instance.
    pub concurrency: Option<u32>,
}

impl UnitSpec {
    /// The defaults, with the time-out of the edge that invokes the unit.
    pub const fn new(timeout: Duration) -> Self {
        UnitSpec {
            memory_mb: 512,
            timeout,
            max_instances: 100,
            min_instances: 0,
            concurrency: None,
        }
    }

    /// Sets the memory.
    ///
    /// # Panics
    /// When it is not one of [`MEMORY_MB`].
    #[track_caller]
    pub const fn memory_mb(mut self, memory_mb: u32) -> Self {
        assert!(
            matches!(memory_mb, 512 | 1024 | 2048 | 4096),
            "memory_mb must be 512, 1024, 2048 or 4096"
        );
        self.memory_mb = memory_mb;
        self
    }

    /// Sets the time-out, which must lie within `limit`.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub const fn timeout(mut self, timeout: Duration, limit: Limit) -> Self {
        self.timeout = limit.duration(timeout);
        self
    }

    /// Sets the most instances at a time.
    ///
    /// # Panics
    /// Outside [`MAX_INSTANCES`].
    #[track_caller]
    pub const fn max_instances(mut self, instances: u32) -> Self {
        self.max_instances = MAX_INSTANCES.number(instances as u64) as u32;
        self
    }

    /// Sets the instances kept ready.
    ///
    /// # Panics
    /// Outside [`MIN_INSTANCES`].
    #[track_caller]
    pub const fn min_instances(mut self, instances: u32) -> Self {
        self.min_instances = MIN_INSTANCES.number(instances as u64) as u32;
        self
    }

    /// Sets the invocations at a time in one instance.
    ///
    /// # Panics
    /// Outside [`CONCURRENCY`].
    #[track_caller]
    pub const fn concurrency(mut self, invocations: u32) -> Self {
        self.concurrency = Some(CONCURRENCY.number(invocations as u64) as u32);
        self
    }

    /// Writes the spec as the map `unit`.
    pub const fn encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        encoder
            .map_entry("unit")
            .uint_entry("memory_mb", self.memory_mb as u64)
            .duration_entry("timeout_ms", self.timeout)
            .uint_entry("max_instances", self.max_instances as u64)
            .uint_entry("min_instances", self.min_instances as u64);
        if let Some(concurrency) = self.concurrency {
            encoder.uint_entry("concurrency", concurrency as u64);
        }
        encoder.end();
    }

    /// Reads what [`encode`](Self::encode) wrote, out of the map that contains `unit`.
    ///
    /// # Errors
    /// When a required key is missing.
    pub fn decode(value: &Value) -> Result<Self, SpecError> {
        use super::required;
        let unit = required(value.get("unit"), "unit")?;
        let number = |key: &'static str| -> Result<u32, SpecError> {
            required(unit.uint(key).and_then(|n| u32::try_from(n).ok()), key)
        };
        Ok(UnitSpec {
            memory_mb: number("memory_mb")?,
            timeout: required(unit.duration("timeout_ms"), "timeout_ms")?,
            max_instances: number("max_instances")?,
            min_instances: number("min_instances")?,
            concurrency: number("concurrency").ok(),
        })
    }
}
