//! Topic: messages to every subscriber (contract, 4.4).

use super::{SpecError, Verb, limits, required};
use crate::capability::Capability;
use crate::format::{Encoder, Value};
use crate::name;
use crate::support::Demand;
use std::collections::BTreeMap;

/// Publish messages.
pub const PUBLISH: Verb = Verb::new("publish");

/// Every verb. Subscribing is a trigger, not a verb of application code.
pub const VERBS: &[Verb] = &[PUBLISH];

/// Messages in one `publish_batch`.
pub const PUBLISH_BATCH_MAX: usize = 10;

/// Attributes that one filter may look at.
pub const FILTER_KEYS_MAX: usize = 3;

limits! {
    /// Values that one test of a filter may name, all its keys together.
    FILTER_VALUES = "the number of values of a filter", 1..=10, "";
    /// Subscriptions of one topic.
    SUBSCRIPTIONS = "the number of subscriptions of a topic", 0..=100, "";
}

/// Longest GCP expression of a filter, in bytes. Unverified: kept here to be corrected.
pub const FILTER_EXPRESSION_BYTES_MAX: usize = 256;

/// The configured properties of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Order per group at every subscriber.
    pub fifo: bool,
}

impl TopicSpec {
    /// The defaults of the contract.
    pub const DEFAULT: TopicSpec = TopicSpec { fifo: false };

    /// Writes the spec's keys into the open map.
    pub const fn encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        encoder.bool_entry("fifo", self.fifo);
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// When a required key is missing.
    pub fn decode(config: &Value) -> Result<Self, SpecError> {
        Ok(TopicSpec {
            fifo: required(config.bool("fifo"), "fifo")?,
        })
    }
}

impl TopicSpec {
    /// What the topic asks of its provider.
    pub fn demands(&self) -> Vec<Demand> {
        let fifo = Demand::Capability(Capability::FifoTopic);
        self.fifo.then_some(fifo).into_iter().collect()
    }
}

/// What a filter asks of one attribute, as it is declared.
#[derive(Clone, Copy, Debug)]
pub enum TestKnobs {
    /// It is one of these.
    AnyOf(&'static [&'static str]),
    /// It begins with this.
    Prefix(&'static str),
    /// It is there.
    Exists,
    /// It is there and none of these.
    NotIn(&'static [&'static str]),
}

/// A filter as it is declared: every test must hold.
#[derive(Clone, Copy, Debug)]
pub struct FilterKnobs {
    tests: [Option<(&'static str, TestKnobs)>; FILTER_KEYS_MAX],
}

impl FilterKnobs {
    /// One test.
    ///
    /// # Panics
    /// When the key cannot be an attribute's, or there are no values or too many; in a constant
    /// that is a compile error.
    #[track_caller]
    pub const fn new(key: &'static str, test: TestKnobs) -> FilterKnobs {
        assert!(
            name::is_attribute_key(key),
            "an attribute key has 1 to 64 characters of a-z 0-9 _ . -"
        );
        if let TestKnobs::AnyOf(values) | TestKnobs::NotIn(values) = test {
            FILTER_VALUES.number(values.len() as u64);
        }
        FilterKnobs {
            tests: [Some((key, test)), None, None],
        }
    }

    /// Both filters.
    ///
    /// # Panics
    /// With more than three keys or more than ten values together, or with one key twice; in a
    /// constant that is a compile error.
    #[track_caller]
    pub const fn and(mut self, other: FilterKnobs) -> FilterKnobs {
        let mut at = 0;
        while at < FILTER_KEYS_MAX {
            if let Some(test) = other.tests[at] {
                self.add(test);
            }
            at += 1;
        }
        FILTER_VALUES.number(self.values());
        self
    }

    #[track_caller]
    const fn add(&mut self, test: (&'static str, TestKnobs)) {
        let mut at = 0;
        while at < FILTER_KEYS_MAX {
            match self.tests[at] {
                None => {
                    self.tests[at] = Some(test);
                    return;
                }
                Some((key, _)) => assert!(
                    !name::equal(key, test.0),
                    "a filter tests an attribute once: put all values into one `any_of`"
                ),
            }
            at += 1;
        }
        panic!("a filter tests at most 3 attributes");
    }

    const fn values(&self) -> u64 {
        let mut values = 0;
        let mut at = 0;
        while at < FILTER_KEYS_MAX {
            values += match self.tests[at] {
                Some((_, TestKnobs::AnyOf(list) | TestKnobs::NotIn(list))) => list.len() as u64,
                Some(_) => 1,
                None => 0,
            };
            at += 1;
        }
        values
    }

    /// Writes the filter's key into the open map.
    pub const fn encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        encoder.array_entry("filter");
        let mut at = 0;
        while at < FILTER_KEYS_MAX {
            if let Some((key, test)) = self.tests[at] {
                encoder.map().text_entry("key", key);
                match test {
                    TestKnobs::AnyOf(values) => encode_list("any_of", values, encoder),
                    TestKnobs::Prefix(prefix) => {
                        encoder.text_entry("prefix", prefix);
                    }
                    TestKnobs::Exists => {
                        encoder.bool_entry("exists", true);
                    }
                    TestKnobs::NotIn(values) => encode_list("not_in", values, encoder),
                }
                encoder.end();
            }
            at += 1;
        }
        encoder.end();
    }
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

/// What a filter asks of one attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// It is one of these.
    AnyOf(Vec<String>),
    /// It begins with this.
    Prefix(String),
    /// It is there.
    Exists,
    /// It is there and none of these.
    NotIn(Vec<String>),
}

impl Test {
    /// Whether an attribute with this value passes. One that is absent passes no test.
    pub fn passes(&self, value: &str) -> bool {
        match self {
            Test::AnyOf(values) => values.iter().any(|known| known == value),
            Test::Prefix(prefix) => value.starts_with(prefix),
            Test::Exists => true,
            Test::NotIn(values) => values.iter().all(|known| known != value),
        }
    }
}

/// A conjunction of tests over attributes, by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// What each attribute must pass.
    pub tests: BTreeMap<String, Test>,
}

impl Filter {
    /// Reads what [`FilterKnobs::encode`] wrote; `None` when there is no filter.
    ///
    /// # Errors
    /// When a test is of a sort that only a newer version knows.
    pub fn decode(config: &Value) -> Result<Option<Self>, SpecError> {
        let tests = config.list("filter");
        if tests.is_empty() {
            return Ok(None);
        }
        let mut filter = Filter {
            tests: BTreeMap::new(),
        };
        for test in tests {
            let key = required(test.text("key"), "filter")?;
            filter
                .tests
                .insert(key.to_owned(), required(decode_test(test), "filter")?);
        }
        Ok(Some(filter))
    }

    /// Whether a message with these attributes passes.
    pub fn matches(&self, attributes: &BTreeMap<String, String>) -> bool {
        self.tests.iter().all(|(key, test)| {
            attributes
                .get(key)
                .is_some_and(|attribute| test.passes(attribute))
        })
    }
}

fn decode_test(test: &Value) -> Option<Test> {
    let values = |key| {
        let texts = test.list(key).iter().map(|value| match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        });
        texts.collect::<Option<Vec<String>>>()
    };
    if test.get("any_of").is_some() {
        return values("any_of").map(Test::AnyOf);
    }
    if test.get("not_in").is_some() {
        return values("not_in").map(Test::NotIn);
    }
    if let Some(prefix) = test.text("prefix") {
        return Some(Test::Prefix(prefix.to_owned()));
    }
    test.bool("exists")?.then_some(Test::Exists)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(knobs: FilterKnobs) -> Filter {
        let config = Value::written(|encoder| knobs.encode(encoder));
        Filter::decode(&config)
            .expect("it was written")
            .expect("it has tests")
    }

    fn check(knobs: FilterKnobs, attributes: &[(&str, &str)], expected: bool) {
        let attributes = attributes
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let filter = decoded(knobs);
        assert_eq!(filter.matches(&attributes), expected, "{filter:?}");
    }

    #[test]
    fn a_filter_is_a_conjunction_and_an_absent_attribute_passes_no_test() {
        let kind = FilterKnobs::new("kind", TestKnobs::AnyOf(&["placed", "paid"]));
        check(kind, &[("kind", "paid")], true);
        check(kind, &[("kind", "lost")], false);
        check(kind, &[], false);
        let not = FilterKnobs::new("region", TestKnobs::NotIn(&["us"]));
        check(not, &[("region", "eu")], true);
        check(not, &[("region", "us")], false);
        check(not, &[], false);
        let both = kind.and(FilterKnobs::new("id", TestKnobs::Prefix("o-")));
        check(both, &[("kind", "paid"), ("id", "o-1")], true);
        check(both, &[("kind", "paid"), ("id", "x")], false);
        check(
            FilterKnobs::new("id", TestKnobs::Exists),
            &[("id", "")],
            true,
        );
    }

    #[test]
    #[should_panic(expected = "at most 3 attributes")]
    fn a_filter_has_at_most_three_keys() {
        let test = |key| FilterKnobs::new(key, TestKnobs::Exists);
        let _ = test("a").and(test("b")).and(test("c")).and(test("d"));
    }

    #[test]
    #[should_panic(expected = "between 1 and 10")]
    fn a_filter_has_at_most_ten_values() {
        let six = FilterKnobs::new("a", TestKnobs::AnyOf(&["1", "2", "3", "4", "5", "6"]));
        let five = FilterKnobs::new("b", TestKnobs::AnyOf(&["1", "2", "3", "4", "5"]));
        let _ = six.and(five);
    }

    #[test]
    #[should_panic(expected = "tests an attribute once")]
    fn a_filter_tests_an_attribute_once() {
        let test = FilterKnobs::new("a", TestKnobs::Exists);
        let _ = test.and(test);
    }
}
