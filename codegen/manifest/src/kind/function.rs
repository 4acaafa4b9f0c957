//! Function: a handler invoked directly (contract, 4.1). Its knobs are those of its
//! [unit](super::unit).

use super::Verb;
use core::time::Duration;

/// Run the function and wait for its reply.
pub const INVOKE: Verb = Verb::new("invoke");

/// Leave the argument for the function to run with later.
pub const INVOKE_ASYNC: Verb = Verb::new("invoke_async");

/// Every verb.
pub const VERBS: &[Verb] = &[INVOKE, INVOKE_ASYNC];

/// Start-up must be complete within this time.
pub const START_UP_MAX: Duration = Duration::from_secs(8);
