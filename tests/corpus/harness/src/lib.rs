//! Checks the analyzer against the corpus: programs whose handlers state exactly what they may do.
//!
//! [`annotation`] reads the statements out of the sources, [`build`] makes the programs in a
//! [`profile`] through the analyzer's own linker, [`compare`] holds one against the other, in both
//! directions. [`image`] is a second engine that shares no code with the first. Nothing here decides
//! what a handler may do.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod annotation;
pub mod build;
pub mod compare;
pub mod image;
pub mod profile;
pub mod reason;
