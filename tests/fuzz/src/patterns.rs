//! Patterns of rules, against the sentence of the contract: every test must hold, and what an event
//! lacks passes none. A pattern is read as it was written, or not at all: what is overlooked in one
//! would make it wider.

use crate::draw::Draw;
use ifc_manifest::format::Value;
use ifc_manifest::kind::event_bus::{Candidate, Match, Pattern};
use std::collections::BTreeMap;

const PATHS: [&str; 3] = ["data.a", "data.b", "data.a.b"];

/// The pattern and the sentence agree; nothing of a pattern is lost on its way.
pub fn check(bytes: &[u8]) {
    let draw = &mut Draw::from(bytes);
    let pattern = pattern(draw);
    matches_as_the_sentence_says(&pattern, draw);
    let mut config = written(&pattern);
    let read = Pattern::decode(&config).expect("it is what knobs write");
    assert_eq!(read, pattern);
    for _ in 0..=draw.below(2) {
        change(&mut config, draw);
    }
    if let Ok(read) = Pattern::decode(&config) {
        assert_eq!(
            written(&read).get("pattern"),
            config.get("pattern"),
            "something is overlooked"
        );
    }
}

fn pattern(draw: &mut Draw<'_>) -> Pattern {
    let fields = (0..draw.below(3)).map(|_| (draw.one(&PATHS).to_owned(), texts(draw)));
    let fields = fields.collect();
    let mut attribute = || draw.chance().then(|| test(draw));
    Pattern {
        event_type: attribute(),
        source: attribute(),
        subject: attribute(),
        fields,
    }
}

fn texts(draw: &mut Draw<'_>) -> Vec<String> {
    (0..=draw.below(3)).map(|_| draw.text()).collect()
}

fn test(draw: &mut Draw<'_>) -> Match {
    match draw.chance() {
        true => Match::AnyOf(texts(draw)),
        false => Match::Prefix(draw.text()),
    }
}

fn matches_as_the_sentence_says(pattern: &Pattern, draw: &mut Draw<'_>) {
    let fields = (0..draw.below(4)).map(|_| (draw.one(&PATHS).to_owned(), draw.text()));
    let fields: BTreeMap<String, String> = fields.collect();
    let (event_type, source) = (draw.text(), draw.text());
    let subject = draw.chance().then(|| draw.text());
    let event = Candidate {
        event_type: &event_type,
        source: &source,
        subject: subject.as_deref(),
        fields: &fields,
    };
    let attributes = [
        (&pattern.event_type, Some(&event_type)),
        (&pattern.source, Some(&source)),
        (&pattern.subject, subject.as_ref()),
    ];
    let mut expected = true;
    for (test, value) in attributes {
        expected &= match (test, value) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(Match::AnyOf(values)), Some(value)) => values.contains(value),
            (Some(Match::Prefix(prefix)), Some(value)) => {
                value.bytes().take(prefix.len()).eq(prefix.bytes())
            }
        };
    }
    for (path, values) in &pattern.fields {
        expected &= values.iter().any(|value| fields.get(path) == Some(value));
    }
    assert_eq!(
        pattern.matches(&event),
        expected,
        "{pattern:?} on {event:?}"
    );
}

/// The record of a trigger with this pattern.
fn written(pattern: &Pattern) -> Value {
    let list = |texts: &Vec<String>| Value::Array(texts.iter().cloned().map(Value::Text).collect());
    let fields = pattern.fields.iter();
    let fields = fields.map(|(path, values)| (path.clone(), list(values)));
    let mut tests = BTreeMap::from([("fields".to_owned(), Value::Map(fields.collect()))]);
    let attributes = [
        ("type", &pattern.event_type),
        ("source", &pattern.source),
        ("subject", &pattern.subject),
    ];
    for (attribute, test) in attributes {
        let (sort, value) = match test {
            None => continue,
            Some(Match::AnyOf(values)) => ("any_of", list(values)),
            Some(Match::Prefix(prefix)) => ("prefix", Value::Text(prefix.clone())),
        };
        let test = Value::Map([(sort.to_owned(), value)].into());
        tests.insert(attribute.to_owned(), test);
    }
    Value::Map([("pattern".to_owned(), Value::Map(tests))].into())
}

/// Changes something somewhere below `value`, as a newer version might, or nobody ever.
fn change(value: &mut Value, draw: &mut Draw<'_>) {
    const NAMES: [&str; 8] = [
        "pattern", "type", "source", "fields", "any_of", "prefix", "suffix", "data.a",
    ];
    match value {
        Value::Map(entries) if draw.below(8) > 0 => {
            let names: Vec<String> = entries.keys().cloned().collect();
            match draw.below(4) {
                0 => {
                    entries.insert(draw.one(&NAMES).to_owned(), replacement(draw));
                }
                1 if !names.is_empty() => {
                    entries.remove(&draw.one(&names));
                }
                _ if !names.is_empty() => {
                    let inner = entries.get_mut(&draw.one(&names));
                    change(inner.expect("it is one of the names"), draw);
                }
                _ => *value = replacement(draw),
            }
        }
        Value::Array(values) if !values.is_empty() && draw.below(4) > 0 => {
            let place = draw.below(values.len());
            change(&mut values[place], draw);
        }
        value => *value = replacement(draw),
    }
}

fn replacement(draw: &mut Draw<'_>) -> Value {
    match draw.below(8) {
        0 => Value::Null,
        1 => Value::Bool(true),
        2 => Value::Integer(-1),
        3 => Value::Bytes(vec![0xff]),
        4 => Value::Array(Vec::new()),
        5 => Value::Map(BTreeMap::new()),
        6 => Value::Array(vec![Value::Text(draw.text())]),
        _ => Value::Text(draw.text()),
    }
}
