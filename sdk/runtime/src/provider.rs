//! The trait a provider's runtime half implements, and what all its operations have in common.

use crate::{bucket, config, event_bus, function, queue, secret, stream, table, topic};
use std::fmt;
use std::pin::Pin;
use std::time::SystemTime;

/// A boxed future: operations are called through `dyn Provider`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The resource an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target<'a> {
    /// The cargo package that declares it.
    pub package: &'a str,
    /// Its declared name.
    pub name: &'a str,
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// All operations of the data plane.
///
/// One implementation serves every resource of the application; it finds the thing behind a
/// [`Target`] in its wiring. A target without wiring is an error, never a no-op.
pub trait Provider:
    queue::QueueOperations
    + topic::TopicOperations
    + stream::StreamOperations
    + event_bus::EventBusOperations
    + table::TableOperations
    + bucket::BucketOperations
    + secret::SecretOperations
    + config::ConfigOperations
    + function::FunctionOperations
    + Send
    + Sync
{
    /// The provider's word, for example `local`.
    fn name(&self) -> &'static str;

    /// The provider's notion of now: virtual in tests.
    fn now(&self) -> SystemTime;
}

/// Where now comes from.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> SystemTime;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}
