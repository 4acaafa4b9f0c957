//! The stores in which the engine keeps a stage's state: a local folder, and the object stores of
//! the clouds.
//!
//! Responsible for the promises of [`StateStore`](ifc_engine::StateStore), atomic conditional
//! writes before all, and for telling failures apart. It knows nothing of what the bytes mean, and
//! retries nothing: both are the engine's.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ifc_state::{Credentials, Location};
//!
//! let location: Location = "s3://my-company-state/ifc?region=eu-south-1".parse()?;
//! let store = location.within("orders")?.within("dev")?.open(&Credentials::default())?;
//! println!("state is kept in {}", store.location());
//! # Ok(())
//! # }
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod location;

mod folder;
mod object;

mod key;
mod mark;

pub use folder::FolderStore;
pub use location::{Location, LocationError};
pub use object::{AwsKeySource, AwsKeys, Credentials, ObjectStore};
