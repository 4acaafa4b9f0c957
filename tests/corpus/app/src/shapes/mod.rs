//! The shapes, by what they have in common.

mod callbacks;
mod closures;
mod conditions;
mod direct;
mod dynamic;
mod helpers;
mod implicit;
mod nothing;
mod passing;
mod patterns;
mod pointers;
mod state;
mod tasks;
mod triggers;
mod twins;
