//! Applications built for AWS, run as Lambda runs them, on an emulator of everything else: what the
//! tests of this crate have in common. Nothing here deploys: resources are made by plain calls, and
//! a test is the one that carries events from their sources to the units.

mod aws;
mod program;

pub use aws::{ACCOUNT, Emulated, REGION};
pub use program::{build_orders, without_permissions};
