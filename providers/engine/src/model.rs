//! What a stage is made of: parts with names, properties and dependencies, and the blueprint of
//! them all. Plain data; nothing here knows how to reach a provider.

mod address;
mod blueprint;
mod name;
mod naming;
mod part;
mod value;

pub use address::{OutputRef, PartAddress, PartType};
pub use blueprint::{Blueprint, BlueprintError};
pub use name::{ApplicationName, NameError, StageName};
pub use naming::{Naming, PhysicalName};
pub use part::{ChangeClass, Identity, Lifecycle, Part, Property};
pub use value::{SecretRef, Value};
