//! The knobs of a unit: one deployable set of handlers with one identity and one scaling rule
//! (contract, 4.1).

use super::{Limit, SpecError, limits};
use crate::capability::Capability;
use crate::format::{Encoder, Value};
use crate::provider::PerProvider;
use crate::support::Demand;
use core::time::Duration;

limits! {
    /// Time-out of a handler behind HTTP, in seconds. Of GCP's hour only as much is offered as
    /// Azure's load balancer allows, too.
    TIMEOUT_HTTP = "the timeout of an HTTP handler", " seconds", "E-API-01" {
        aws 1..=29 because "API Gateway gives up on a request after 30 s",
        gcp 1..=230,
        azure 1..=230,
    } or "answer with 202 and offer a route for the status" or "leave aws out of the targets";
    /// Time-out of a function that is invoked directly, in seconds.
    TIMEOUT_CALL = "the timeout of an invoked function", " seconds", "E-FN-01" {
        aws 1..=900 because "Lambda ends an invocation after 15 minutes",
        gcp 1..=3600,
        azure 1..=230 because "the load balancer gives up on a request after 230 s",
    } or "invoke it with `invoke_async`" or "make it several steps of a workflow";
    /// Time-out of a handler of asynchronous events, in seconds. Azure sets no bound; what it may
    /// run is bounded by the lease, whose renewal beyond 10 minutes is not verified.
    TIMEOUT_ASYNC = "the timeout of an event handler", " seconds", "E-FN-01" {
        aws 1..=900,
        gcp 1..=600 because "Pub/Sub waits 10 minutes for an answer",
        azure 1..=600 because "the lock of a message is not known to be renewed for longer than 10 minutes",
    } or "make it several messages" or "make it several steps of a workflow";
    /// Most instances at a time.
    MAX_INSTANCES = "max_instances", "", "E-FN-02" {
        aws 1..=1000,
        gcp 1..=1000,
        azure 40..=1000 because "Flex Consumption has no maximum below 40 instances",
    } or "ask for 40 or more" or "leave azure out of the targets";
    /// Instances kept ready, which are billed while idle.
    MIN_INSTANCES = "min_instances", 0..=10, "";
    /// Invocations at a time in one instance. AWS runs one whatever is asked.
    CONCURRENCY = "concurrency", 1..=100, "";
    /// Memory in MB. Azure runs 1024 as 2048.
    MEMORY_MB = "memory_mb", " MB", "E-FN-05" {
        aws 128..=10240 because "Lambda has at most 10,240 MB",
        gcp 512..=32768 because "the second generation of Cloud Run starts at 512 MB",
        azure [512, 1024, 2048, 4096] because "Flex Consumption has instances of fixed sizes",
    } or "take one of 512, 1024, 2048 and 4096, which every provider has" or "leave the providers out of the targets that lack it";
}

/// Memory in MB when a unit asks for none: the provider's own where that is cheaper.
pub const MEMORY_MB_DEFAULT: PerProvider<u32> = PerProvider {
    local: 512,
    aws: 256,
    gcp: 512,
    azure: 512,
};

/// Invocations at a time in one instance when a unit asks for none.
pub const CONCURRENCY_DEFAULT: PerProvider<u32> = PerProvider {
    local: 16,
    aws: 1,
    gcp: 40,
    azure: 16,
};

/// Default time-out behind HTTP.
pub const TIMEOUT_HTTP_DEFAULT: Duration = Duration::from_secs(20);

/// Default time-out of invoked functions and event handlers.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);

/// The instructions that a unit is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arch {
    /// 64-bit x86, which every provider runs.
    X86_64,
    /// 64-bit Arm, where a provider has [`Capability::Arm64`].
    Arm64,
}

impl Arch {
    /// The word used in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Arch::X86_64 => "x86-64",
            Arch::Arm64 => "arm64",
        }
    }

    fn parse(word: &str) -> Option<Arch> {
        [Arch::X86_64, Arch::Arm64]
            .into_iter()
            .find(|arch| arch.as_str() == word)
    }
}

/// The configured properties of a unit. `None` leaves the choice to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitSpec {
    /// Memory in MB; [`MEMORY_MB_DEFAULT`] when absent.
    pub memory_mb: Option<u32>,
    /// Longest run of one invocation.
    pub timeout: Duration,
    /// Most instances at a time.
    pub max_instances: u32,
    /// Instances kept ready.
    pub min_instances: u32,
    /// Invocations at a time in one instance; [`CONCURRENCY_DEFAULT`] when absent.
    pub concurrency: Option<u32>,
    /// What it is built for where it is deployed.
    pub arch: Arch,
}

impl UnitSpec {
    /// The defaults, with the time-out of the edge that invokes the unit.
    pub const fn new(timeout: Duration) -> Self {
        UnitSpec {
            memory_mb: None,
            timeout,
            max_instances: 100,
            min_instances: 0,
            concurrency: None,
            arch: Arch::X86_64,
        }
    }

    /// Sets the memory.
    ///
    /// # Panics
    /// When it is more or less than any provider has.
    #[track_caller]
    pub const fn memory_mb(mut self, memory_mb: u32) -> Self {
        self.memory_mb = Some(MEMORY_MB.number(memory_mb as u64) as u32);
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

    /// Sets what it is built for.
    pub const fn arch(mut self, arch: Arch) -> Self {
        self.arch = arch;
        self
    }

    /// Writes the spec as the map `unit`.
    pub const fn encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        encoder
            .map_entry("unit")
            .duration_entry("timeout_ms", self.timeout)
            .uint_entry("max_instances", self.max_instances as u64)
            .uint_entry("min_instances", self.min_instances as u64);
        if let Some(memory_mb) = self.memory_mb {
            encoder.uint_entry("memory_mb", memory_mb as u64);
        }
        if let Some(concurrency) = self.concurrency {
            encoder.uint_entry("concurrency", concurrency as u64);
        }
        if let Arch::Arm64 = self.arch {
            encoder.text_entry("arch", self.arch.as_str());
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
            memory_mb: number("memory_mb").ok(),
            timeout: required(unit.duration("timeout_ms"), "timeout_ms")?,
            max_instances: number("max_instances")?,
            min_instances: number("min_instances")?,
            concurrency: number("concurrency").ok(),
            arch: match unit.text("arch") {
                Some(word) => required(Arch::parse(word), "arch")?,
                None => Arch::X86_64,
            },
        })
    }
    /// What the unit asks of its provider. `timeout` is the limit of the edge that invokes it.
    pub fn demands(&self, timeout: &'static Limit) -> Vec<Demand> {
        let mut demands = vec![
            Demand::Duration(timeout, self.timeout),
            Demand::Number(&MAX_INSTANCES, self.max_instances.into()),
            Demand::Number(&MIN_INSTANCES, self.min_instances.into()),
        ];
        demands.extend(
            self.memory_mb
                .map(|mb| Demand::Number(&MEMORY_MB, mb.into())),
        );
        demands.extend(
            self.concurrency
                .map(|invocations| Demand::Number(&CONCURRENCY, invocations.into())),
        );
        if self.arch == Arch::Arm64 {
            demands.push(Demand::Capability(Capability::Arm64));
        }
        demands
    }
}
