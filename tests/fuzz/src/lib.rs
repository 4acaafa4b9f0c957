//! What a fuzzer is let loose on: one function for each place where input from outside is read, or
//! where two ways of computing the same must agree. Each takes any bytes and panics when it finds
//! something.
//!
//! The targets in `fuzz/` call these for as long as one likes; the tests of this crate call them a
//! bounded number of times, with seeded bytes.

pub mod cloud_events;
pub mod cron;
pub mod cursors;
pub mod events;
pub mod expressions;
pub mod filters;
pub mod lambda;
pub mod patterns;
pub mod records;

mod draw;
mod shop;

/// Takes any bytes and panics when it finds something.
pub type Check = fn(&[u8]);

/// Every entry with its name, and how many bounded runs it gets.
pub const ENTRIES: [(&str, Check, usize); 9] = [
    ("records", records::check, 40_000),
    ("cron", cron::check, 20_000),
    ("filters", filters::check, 40_000),
    ("patterns", patterns::check, 40_000),
    ("events", events::check, 2_000),
    ("cloud_events", cloud_events::check, 4_000),
    ("cursors", cursors::check, 1_000),
    ("expressions", expressions::check, 1_000),
    ("lambda", lambda::check, 4_000),
];
