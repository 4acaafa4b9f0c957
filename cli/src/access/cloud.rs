//! A stage in a cloud, operated by its provider. Answers are the same JSON as those of a running
//! application.

use crate::failure::Failure;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::SystemTime;

/// What can be done with what is deployed.
pub(crate) trait Cloud {
    /// What is to be known before looking into a queue.
    fn caveat(&self) -> Option<&'static str>;
    /// The first messages of a queue.
    fn messages(&self, queue: &str, limit: usize) -> Result<Value, Failure>;
    /// The first dead letters of a queue.
    fn dead_letters(&self, queue: &str, limit: usize) -> Result<Value, Failure>;
    /// Puts dead letters back. `{"redriven": n}`.
    fn redrive(&self, queue: &str, ids: Option<&BTreeSet<String>>) -> Result<Value, Failure>;
    /// Which secrets there are.
    fn secrets(&self) -> Result<Value, Failure>;
    /// Sets a secret. `{"version": n}`.
    fn set_secret(&self, name: &str, value: &[u8]) -> Result<Value, Failure>;
    /// Which configuration values there are.
    fn configs(&self) -> Result<Value, Failure>;
    /// Sets a configuration value.
    fn set_config(&self, name: &str, value: &str) -> Result<(), Failure>;
    /// Runs a unit: its reply, and whether it succeeded.
    fn invoke(&self, unit: &str, event: Value) -> Result<(Value, bool), Failure>;
    /// The units that are deployed.
    fn units(&self) -> Vec<String>;
    /// Hands over what was logged from a time on, by one unit or by all; when it follows, until the
    /// process ends.
    fn logs(
        &self,
        unit: Option<&str>,
        since: SystemTime,
        follow: bool,
        line: &mut dyn FnMut(LogLine) -> Result<(), Failure>,
    ) -> Result<(), Failure>;
}

/// A line that a unit logged.
pub(crate) struct LogLine {
    pub(crate) unit: String,
    /// In milliseconds of Unix time.
    pub(crate) time: i64,
    pub(crate) message: String,
}
