//! The kinds: one file each with the spec, the verbs and the limits common to all providers.
//!
//! `Kind` is deliberately exhaustive, so that a new kind makes the compiler list every table that
//! owes it an answer.

pub mod bucket;
pub mod config;
pub mod edge;
pub mod event_bus;
pub mod function;
pub mod http_api;
pub mod queue;
pub mod schedule;
pub mod secret;
pub mod stream;
pub mod subscription;
pub mod table;
pub mod topic;
pub mod unit;

pub use crate::limit::Limit;
pub(crate) use crate::limit::limits;

use crate::capability::Capability;
use std::fmt;

/// A type of resource with one contract on every provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Routes behind one entry point.
    HttpApi,
    /// A handler invoked directly.
    Function,
    /// Messages with one consumer.
    Queue,
    /// Messages to every subscriber.
    Topic,
    /// Records in order per key.
    Stream,
    /// CloudEvents to every rule they match.
    EventBus,
    /// Items by key.
    Table,
    /// Objects by key.
    Bucket,
    /// A handler invoked by the clock.
    Schedule,
    /// A value that is never printed.
    Secret,
    /// A typed value resolved at deploy.
    Config,
}

impl Kind {
    /// Every kind, in the order in which the book presents them.
    pub const ALL: [Kind; 11] = [
        Kind::HttpApi,
        Kind::Function,
        Kind::Queue,
        Kind::Topic,
        Kind::Stream,
        Kind::EventBus,
        Kind::Table,
        Kind::Bucket,
        Kind::Schedule,
        Kind::Secret,
        Kind::Config,
    ];

    /// The word used in records, output and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::HttpApi => "http-api",
            Kind::Function => "function",
            Kind::Queue => "queue",
            Kind::Topic => "topic",
            Kind::Stream => "stream",
            Kind::EventBus => "event-bus",
            Kind::Table => "table",
            Kind::Bucket => "bucket",
            Kind::Schedule => "schedule",
            Kind::Secret => "secret",
            Kind::Config => "config",
        }
    }

    /// The kind with this word.
    pub fn parse(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The verbs a binding to a resource of this kind can allow.
    pub const fn verbs(self) -> &'static [Verb] {
        match self {
            Kind::HttpApi => &[],
            Kind::Function => function::VERBS,
            Kind::Queue => queue::VERBS,
            Kind::Topic => topic::VERBS,
            Kind::Stream => stream::VERBS,
            Kind::EventBus => event_bus::VERBS,
            Kind::Table => table::VERBS,
            Kind::Bucket => bucket::VERBS,
            Kind::Schedule => &[],
            Kind::Secret => secret::VERBS,
            Kind::Config => config::VERBS,
        }
    }

    /// What a provider must be able to do for a verb of this kind; `None` when every provider can.
    pub fn needs(self, verb: Verb) -> Option<Capability> {
        match self {
            Kind::Table => table::needs(verb),
            Kind::HttpApi
            | Kind::Function
            | Kind::Queue
            | Kind::Topic
            | Kind::Stream
            | Kind::EventBus
            | Kind::Bucket
            | Kind::Schedule
            | Kind::Secret
            | Kind::Config => None,
        }
    }
}

/// Every limit, by what it is about, in the order in which the book presents them.
pub fn limits() -> Vec<(&'static str, &'static [&'static Limit])> {
    vec![
        ("unit", unit::LIMITS),
        ("http-api", http_api::LIMITS),
        ("edge", edge::LIMITS),
        ("queue", queue::LIMITS),
        ("topic", topic::LIMITS),
        ("stream", stream::LIMITS),
        ("event-bus", event_bus::LIMITS),
        ("table", table::LIMITS),
        ("bucket", bucket::LIMITS),
        ("schedule", schedule::LIMITS),
        ("secret", secret::LIMITS),
        ("size", crate::size::LIMITS),
    ]
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One data-plane action that a kind offers, for example `send`.
///
/// Only this crate makes verbs: they are the constants in the files of the kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Verb(&'static str);

impl Verb {
    /// Longest verb in bytes: the room a grant has for it.
    pub const BYTES_MAX: usize = 24;

    const fn new(word: &'static str) -> Verb {
        assert!(word.len() <= Verb::BYTES_MAX);
        Verb(word)
    }

    /// The word used in records, output and messages.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What becomes of a resource's data when its declaration goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// It stays, listed in every plan, until the user says otherwise.
    Retain,
    /// It is deleted with the resource.
    Delete,
}

impl Retention {
    /// The word used in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Retention::Retain => "retain",
            Retention::Delete => "delete",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Retention> {
        [Retention::Retain, Retention::Delete]
            .into_iter()
            .find(|retention| retention.as_str() == word)
    }
}

/// A record's configuration that this version cannot read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    /// The key that is missing or has an unexpected value.
    pub key: &'static str,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "configuration key `{}` is missing or unreadable",
            self.key
        )
    }
}

impl std::error::Error for SpecError {}

/// Turns an absent value into an error that names its key.
pub(crate) fn required<T>(value: Option<T>, key: &'static str) -> Result<T, SpecError> {
    value.ok_or(SpecError { key })
}
