//! Stages at AWS from the first apply to the last destroy, as a user works on them: by the command,
//! with the real program of an example, at an emulator that runs its functions under their roles
//! with policies enforced. Every call of the command is held against AWS's own models.
#![allow(clippy::unwrap_used)]

mod cloud;
mod contention;
mod end_to_end;
mod identity;
mod inventory;
mod kills;
mod lifecycle;
mod permissions;
mod refusals;
#[path = "../support/mod.rs"]
mod support;
