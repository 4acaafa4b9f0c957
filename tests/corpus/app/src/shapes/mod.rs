//! The shapes, by what they have in common.

mod closures;
mod direct;
mod dynamic;
mod helpers;
mod nothing;
