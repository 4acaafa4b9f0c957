//! Carrying out a plan: every step as soon as what it waits for is done.
//!
//! One future does it all and starts no tasks. Time passes only through the clock, so the same
//! seed, provider and clock give the same run.

mod announce;
mod call;
mod limiter;
mod options;
mod report;
mod run;
mod stop;

pub(crate) use call::{guarded, within};
pub(crate) use limiter::Limiter;
pub use options::Patience;
pub use report::{ApplyEvent, StepReport, Summary};
pub(crate) use run::{Ended, Run};
pub use stop::StopSignal;
