//! Filters over attributes, against the sentence of the contract: an attribute that is absent
//! passes no test, and every test must hold.

use crate::draw::Draw;
use ifc_manifest::kind::topic::{Filter, Test};
use std::collections::BTreeMap;

/// The filter and the sentence agree.
pub fn check(bytes: &[u8]) {
    let draw = &mut Draw::from(bytes);
    const KEYS: [&str; 4] = ["a", "b", "c", "d"];
    let mut tests = BTreeMap::new();
    for _ in 0..draw.below(4) {
        tests.insert(draw.one(&KEYS).to_owned(), test(draw));
    }
    let filter = Filter { tests };
    let mut attributes = BTreeMap::new();
    for _ in 0..draw.below(5) {
        attributes.insert(draw.one(&KEYS).to_owned(), draw.text());
    }
    let mut expected = true;
    for (key, test) in &filter.tests {
        let Some(value) = attributes.get(key) else {
            expected = false;
            continue;
        };
        let holds = match test {
            Test::AnyOf(values) => values.contains(value),
            Test::Prefix(prefix) => {
                value.bytes().zip(prefix.bytes()).all(|(a, b)| a == b)
                    && value.len() >= prefix.len()
            }
            Test::Exists => true,
            Test::NotIn(values) => !values.contains(value),
        };
        expected &= holds;
    }
    assert_eq!(
        filter.matches(&attributes),
        expected,
        "{filter:?} on {attributes:?}"
    );
}

fn test(draw: &mut Draw<'_>) -> Test {
    let values = |draw: &mut Draw<'_>| (0..=draw.below(3)).map(|_| draw.text()).collect();
    match draw.below(4) {
        0 => Test::AnyOf(values(draw)),
        1 => Test::Prefix(draw.text()),
        2 => Test::Exists,
        _ => Test::NotIn(values(draw)),
    }
}
