//! EventBus: CloudEvents to every rule whose pattern they match (contract, 4.5).

use super::edge::RetrySpec;
use super::{SpecError, Verb, limits, required};
use crate::format::{Encoder, Value};
use crate::name;
use core::time::Duration;
use std::collections::BTreeMap;

/// Put events on the bus.
pub const PUT: Verb = Verb::new("put");

/// Every verb. Listening is a trigger, not a verb of application code.
pub const VERBS: &[Verb] = &[PUT];

/// Events in one `put_batch`.
pub const PUT_BATCH_MAX: usize = 10;

/// Longest `type` of an event, in bytes.
pub const TYPE_BYTES_MAX: usize = 128;

/// Longest `source` of an event, in bytes.
pub const SOURCE_BYTES_MAX: usize = 256;

/// Longest `subject` of an event, in bytes.
pub const SUBJECT_BYTES_MAX: usize = 256;

/// Longest path of a filterable field, in bytes.
pub const FIELD_PATH_BYTES_MAX: usize = 64;

/// Longest value of a filterable field, in bytes.
pub const FIELD_VALUE_BYTES_MAX: usize = 256;

/// Filterable fields of one bus.
pub const FIELDS_MAX: usize = 5;

limits! {
    /// Filterable fields that a bus may declare.
    FIELDS = "the number of filterable fields of a bus", 0..=5, "";
    /// Values that a pattern may name, all its tests together.
    PATTERN_VALUES = "the number of values of a pattern", 1..=10, "";
    /// Rules of one bus.
    RULES = "the number of rules of a bus", 0..=100, "";
}

/// Redelivery of a rule that says nothing: the delays together, each cut to the half that a backoff
/// promises at least, exceed the 24 hours that an event is to be tried for.
///
/// That is more deliveries than Pub/Sub counts before it gives a message up. So there the runtime
/// half counts by itself, and writes to the rule's dead letters what it gives up, which it may do
/// anyway; it is not a demand that a target could lack.
pub const RETRY: RetrySpec = RetrySpec {
    max_attempts: 300,
    min_backoff: Duration::from_secs(10),
    max_backoff: Duration::from_secs(600),
};

/// The configured properties of a bus, as they are declared.
#[derive(Clone, Copy, Debug)]
pub struct EventBusKnobs {
    filterable: &'static [&'static str],
    owner: Option<&'static str>,
}

impl EventBusKnobs {
    /// No filterable fields, and the application's own.
    pub const DEFAULT: EventBusKnobs = EventBusKnobs {
        filterable: &[],
        owner: None,
    };

    /// With these filterable fields.
    ///
    /// # Panics
    /// With more than five, with one twice, or with a path that is none; in a constant that is a
    /// compile error.
    #[track_caller]
    pub const fn filterable(mut self, paths: &'static [&'static str]) -> EventBusKnobs {
        FIELDS.number(paths.len() as u64);
        let mut at = 0;
        while at < paths.len() {
            assert!(
                is_field_path(paths[at]),
                "a filterable field is a path into the event's data: `data.region`, `data.customer.tier`, at most 64 characters"
            );
            let mut before = 0;
            while before < at {
                assert!(
                    !name::equal(paths[before], paths[at]),
                    "a filterable field is declared once"
                );
                before += 1;
            }
            at += 1;
        }
        self.filterable = paths;
        self
    }

    /// A bus of this application.
    ///
    /// # Panics
    /// When that is no application's name; in a constant that is a compile error.
    #[track_caller]
    pub const fn owned_by(mut self, application: &'static str) -> EventBusKnobs {
        assert!(
            name::check(application, name::APPLICATION_NAME_BYTES_MAX).is_ok(),
            "an application's name has 1 to 16 characters of a-z, 0-9 and -"
        );
        self.owner = Some(application);
        self
    }

    /// The declared fields.
    pub const fn fields(&self) -> &'static [&'static str] {
        self.filterable
    }

    /// Writes the knobs' keys into the open map.
    pub const fn encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        encode_list("filterable", self.filterable, encoder);
        if let Some(owner) = self.owner {
            encoder.text_entry("owner", owner);
        }
    }
}

/// Whether this is `data.` and names of fields between dots.
const fn is_field_path(path: &str) -> bool {
    let bytes = path.as_bytes();
    let start = b"data";
    if bytes.len() > FIELD_PATH_BYTES_MAX || bytes.len() < start.len() + 2 {
        return false;
    }
    let mut at = 0;
    while at < bytes.len() {
        let good = match bytes[at] {
            byte if at < start.len() => byte == start[at],
            _ if at == start.len() => bytes[at] == b'.',
            b'.' => bytes[at - 1] != b'.' && at + 1 < bytes.len(),
            byte => byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-',
        };
        if !good {
            return false;
        }
        at += 1;
    }
    true
}

const fn encode_list<const N: usize>(
    key: &str,
    values: &'static [&'static str],
    encoder: &mut Encoder<N>,
) {
    encoder.array_entry(key);
    let mut at = 0;
    while at < values.len() {
        encoder.text(values[at]);
        at += 1;
    }
    encoder.end();
}

/// The configured properties of a bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventBusSpec {
    /// Paths into the data that patterns may test.
    pub filterable: Vec<String>,
    /// The application that it belongs to, under its declared name; `None`: the one that declares
    /// it.
    pub owner: Option<String>,
}

impl EventBusSpec {
    /// Reads what [`EventBusKnobs::encode`] wrote.
    ///
    /// # Errors
    /// When a required key is missing.
    pub fn decode(config: &Value) -> Result<Self, SpecError> {
        Ok(EventBusSpec {
            filterable: required(config.get("filterable").and_then(texts), "filterable")?,
            owner: config.text("owner").map(str::to_owned),
        })
    }

    /// The other application that it belongs to; `None` when it is `application`'s own.
    pub fn foreign_to(&self, application: &str) -> Option<&str> {
        let owner = self.owner.as_deref();
        owner.filter(|owner| *owner != application)
    }
}

/// A list of texts.
fn texts(value: &Value) -> Option<Vec<String>> {
    let Value::Array(values) = value else {
        return None;
    };
    let texts = values.iter().map(|value| match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    });
    texts.collect()
}

/// What a pattern asks of `type`, `source` or `subject`, as it is declared.
#[derive(Clone, Copy, Debug)]
pub enum MatchKnobs {
    /// It is one of these.
    AnyOf(&'static [&'static str]),
    /// It begins with this.
    Prefix(&'static str),
}

impl MatchKnobs {
    #[track_caller]
    const fn checked(self, bytes_max: usize) -> MatchKnobs {
        match self {
            MatchKnobs::AnyOf(values) => {
                PATTERN_VALUES.number(values.len() as u64);
                check_lengths(values, bytes_max);
            }
            MatchKnobs::Prefix(prefix) => check_length(prefix, bytes_max),
        }
        self
    }

    const fn values(&self) -> u64 {
        match self {
            MatchKnobs::AnyOf(values) => values.len() as u64,
            MatchKnobs::Prefix(_) => 1,
        }
    }

    const fn encode<const N: usize>(&self, key: &str, encoder: &mut Encoder<N>) {
        encoder.map_entry(key);
        match self {
            MatchKnobs::AnyOf(values) => encode_list("any_of", values, encoder),
            MatchKnobs::Prefix(prefix) => {
                encoder.text_entry("prefix", prefix);
            }
        }
        encoder.end();
    }
}

#[track_caller]
const fn check_lengths(values: &[&str], bytes_max: usize) {
    let mut at = 0;
    while at < values.len() {
        check_length(values[at], bytes_max);
        at += 1;
    }
}

#[track_caller]
const fn check_length(value: &str, bytes_max: usize) {
    assert!(!value.is_empty(), "a pattern's value is empty");
    assert!(
        value.len() <= bytes_max,
        "a pattern's value is longer than what it is compared with can be"
    );
}

/// A pattern as it is declared: every test must hold.
#[derive(Clone, Copy, Debug)]
pub struct PatternKnobs {
    event_type: Option<MatchKnobs>,
    source: Option<MatchKnobs>,
    subject: Option<MatchKnobs>,
    fields: [Option<(&'static str, &'static [&'static str])>; FIELDS_MAX],
}

/// Sets one test of a pattern, once.
macro_rules! tests {
    ($($(#[$doc:meta])* $name:ident <= $bytes_max:ident;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Panics
            /// When it is tested already, or a value is impossible; in a constant that is a compile
            /// error.
            #[track_caller]
            pub const fn $name(mut self, test: MatchKnobs) -> PatternKnobs {
                assert!(
                    self.$name.is_none(),
                    "a pattern tests each attribute once: put all values into one list"
                );
                self.$name = Some(test.checked($bytes_max));
                self.checked()
            }
        )*
    };
}

impl PatternKnobs {
    /// A pattern that every event matches.
    pub const ANYTHING: PatternKnobs = PatternKnobs {
        event_type: None,
        source: None,
        subject: None,
        fields: [None; FIELDS_MAX],
    };

    tests! {
        /// With a test of the event's type.
        event_type <= TYPE_BYTES_MAX;
        /// With a test of the event's source.
        source <= SOURCE_BYTES_MAX;
        /// With a test of the event's subject. An event without one passes none.
        subject <= SUBJECT_BYTES_MAX;
    }

    /// With a test of a filterable field: it is one of these.
    ///
    /// # Panics
    /// When it is tested already, a value is impossible, or there are too many fields; in a
    /// constant that is a compile error.
    #[track_caller]
    pub const fn field(
        mut self,
        path: &'static str,
        any_of: &'static [&'static str],
    ) -> PatternKnobs {
        assert!(
            is_field_path(path),
            "a pattern's field is a path into the event's data: `data.region`"
        );
        PATTERN_VALUES.number(any_of.len() as u64);
        check_lengths(any_of, FIELD_VALUE_BYTES_MAX);
        let mut at = 0;
        while let Some((known, _)) = self.fields[at] {
            assert!(
                !name::equal(known, path),
                "a pattern tests each field once: put all values into one list"
            );
            at += 1;
            assert!(at < FIELDS_MAX, "a pattern tests at most 5 fields");
        }
        self.fields[at] = Some((path, any_of));
        self.checked()
    }

    #[track_caller]
    const fn checked(self) -> PatternKnobs {
        let mut values = 0;
        if let Some(test) = self.event_type {
            values += test.values();
        }
        if let Some(test) = self.source {
            values += test.values();
        }
        if let Some(test) = self.subject {
            values += test.values();
        }
        let mut at = 0;
        while at < FIELDS_MAX {
            if let Some((_, any_of)) = self.fields[at] {
                values += any_of.len() as u64;
            }
            at += 1;
        }
        PATTERN_VALUES.number(values);
        self
    }

    /// The pattern of a handler that takes events of `types` only: without a test of the type it is
    /// these; a test may name some of them.
    ///
    /// # Panics
    /// When the test is of other types; in a constant that is a compile error.
    #[track_caller]
    pub const fn of_types(self, types: &'static [&'static str]) -> PatternKnobs {
        match self.event_type {
            None => self.event_type(MatchKnobs::AnyOf(types)),
            Some(MatchKnobs::Prefix(_)) => panic!(
                "the type of the handler's argument says which event types it takes: leave `type_prefix` out, or take `CloudEvent<serde_json::Value>`"
            ),
            Some(MatchKnobs::AnyOf(wanted)) => {
                let mut at = 0;
                while at < wanted.len() {
                    assert!(
                        contains(types, wanted[at]),
                        "the handler's argument is not of this event type"
                    );
                    at += 1;
                }
                self
            }
        }
    }

    /// The pattern, on a bus with these filterable fields.
    ///
    /// # Panics
    /// When it tests another field; in a constant that is a compile error.
    #[track_caller]
    pub const fn on(self, filterable: &'static [&'static str]) -> PatternKnobs {
        let mut at = 0;
        while at < FIELDS_MAX {
            if let Some((path, _)) = self.fields[at] {
                assert!(
                    contains(filterable, path),
                    "the pattern tests a field that its bus does not declare: add it to the bus's `.filterable(&[…])`"
                );
            }
            at += 1;
        }
        self
    }

    /// Writes the pattern's key into the open map.
    pub const fn encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        encoder.map_entry("pattern");
        if let Some(test) = &self.event_type {
            test.encode("type", encoder);
        }
        if let Some(test) = &self.source {
            test.encode("source", encoder);
        }
        if let Some(test) = &self.subject {
            test.encode("subject", encoder);
        }
        encoder.map_entry("fields");
        let mut at = 0;
        while at < FIELDS_MAX {
            if let Some((path, any_of)) = self.fields[at] {
                encode_list(path, any_of, encoder);
            }
            at += 1;
        }
        encoder.end().end();
    }
}

const fn contains(values: &[&str], wanted: &str) -> bool {
    let mut at = 0;
    while at < values.len() {
        if name::equal(values[at], wanted) {
            return true;
        }
        at += 1;
    }
    false
}

/// What a pattern asks of `type`, `source` or `subject`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// It is one of these.
    AnyOf(Vec<String>),
    /// It begins with this.
    Prefix(String),
}

impl Match {
    /// Whether this value passes.
    pub fn passes(&self, value: &str) -> bool {
        match self {
            Match::AnyOf(values) => values.iter().any(|known| known == value),
            Match::Prefix(prefix) => value.starts_with(prefix),
        }
    }
}

/// What of an event patterns look at.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its type.
    pub event_type: &'a str,
    /// Its source.
    pub source: &'a str,
    /// Its subject, if it has one.
    pub subject: Option<&'a str>,
    /// The bus's filterable fields that its data has, by path.
    pub fields: &'a BTreeMap<String, String>,
}

/// A conjunction of tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    /// Of the event's type.
    pub event_type: Option<Match>,
    /// Of its source.
    pub source: Option<Match>,
    /// Of its subject; an event without one does not pass.
    pub subject: Option<Match>,
    /// Of filterable fields: the value is one of these. A field that the data lacks does not pass.
    pub fields: BTreeMap<String, Vec<String>>,
}

impl Pattern {
    /// Reads what [`PatternKnobs::encode`] wrote.
    ///
    /// # Errors
    /// When it is missing, or a test is of a sort that only a newer version knows.
    pub fn decode(config: &Value) -> Result<Self, SpecError> {
        required(decode(config), "pattern")
    }

    /// Whether it asks nothing.
    pub fn is_anything(&self) -> bool {
        *self == Pattern::default()
    }

    /// Whether an event passes every test.
    pub fn matches(&self, event: &Candidate<'_>) -> bool {
        let passes = |test: &Option<Match>, value: Option<&str>| {
            let passes = |test: &Match| value.is_some_and(|value| test.passes(value));
            test.as_ref().is_none_or(passes)
        };
        let in_field = |(path, any_of): (&String, &Vec<String>)| {
            let value = event.fields.get(path);
            value.is_some_and(|value| any_of.contains(value))
        };
        passes(&self.event_type, Some(event.event_type))
            && passes(&self.source, Some(event.source))
            && passes(&self.subject, event.subject)
            && self.fields.iter().all(in_field)
    }
}

fn decode(config: &Value) -> Option<Pattern> {
    // A test that only a newer version knows must not widen the pattern, here and below.
    let Value::Map(tests) = config.get("pattern")? else {
        return None;
    };
    let known = ["type", "source", "subject", "fields"];
    if tests.keys().any(|test| !known.contains(&test.as_str())) {
        return None;
    }
    let test = |key| match tests.get(key) {
        None => Some(None),
        Some(test) => decode_match(test).map(Some),
    };
    let Value::Map(fields) = tests.get("fields")? else {
        return None;
    };
    // Not collected, which would bring a sort of its own into every program.
    let mut by_path = BTreeMap::new();
    for (path, values) in fields {
        by_path.insert(path.clone(), texts(values)?);
    }
    Some(Pattern {
        event_type: test("type")?,
        source: test("source")?,
        subject: test("subject")?,
        fields: by_path,
    })
}

fn decode_match(test: &Value) -> Option<Match> {
    let Value::Map(entries) = test else {
        return None;
    };
    let mut entries = entries.iter();
    match (entries.next()?, entries.next()) {
        ((sort, Value::Text(prefix)), None) if sort == "prefix" => {
            Some(Match::Prefix(prefix.clone()))
        }
        ((sort, values), None) if sort == "any_of" => texts(values).map(Match::AnyOf),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
