//! The const side against the decoded side, and patterns against a naive reading of them.

use super::*;

fn decoded(knobs: PatternKnobs) -> Pattern {
    let config = Value::written(|encoder| knobs.encode(encoder));
    Pattern::decode(&config).unwrap()
}

#[test]
fn what_is_declared_is_what_is_read() {
    let knobs = EventBusKnobs::DEFAULT
        .filterable(&["data.region", "data.customer.tier"])
        .owned_by("shop");
    let config = Value::written(|encoder| knobs.encode(encoder));
    let spec = EventBusSpec::decode(&config).unwrap();
    assert_eq!(spec.filterable, ["data.region", "data.customer.tier"]);
    assert_eq!(spec.foreign_to("billing"), Some("shop"));
    assert_eq!(spec.foreign_to("shop"), None);
    assert!(decoded(PatternKnobs::ANYTHING).is_anything());
    let pattern = decoded(
        PatternKnobs::ANYTHING
            .event_type(MatchKnobs::AnyOf(&["a", "b"]))
            .subject(MatchKnobs::Prefix("o-"))
            .field("data.region", &["eu"]),
    );
    let expected = Pattern {
        event_type: Some(Match::AnyOf(vec!["a".into(), "b".into()])),
        source: None,
        subject: Some(Match::Prefix("o-".into())),
        fields: [("data.region".to_owned(), vec!["eu".to_owned()])].into(),
    };
    assert_eq!(pattern, expected);
}

#[test]
fn a_pattern_of_a_newer_version_is_refused_and_not_read_as_a_wider_one() {
    let text = |text: &str| Value::Text(text.to_owned());
    let map = |entries: &[(&str, Value)]| {
        let entries = entries.iter().cloned();
        Value::Map(
            entries
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    };
    let prefix = ("prefix", text("eu"));
    let none = ("fields", map(&[]));
    for tests in [
        map(&[
            none.clone(),
            ("type", map(&[prefix.clone(), ("suffix", text("x"))])),
        ]),
        map(&[
            none.clone(),
            ("type", map(&[prefix.clone(), ("any_of", text("x"))])),
        ]),
        map(&[none.clone(), ("type", map(&[("any_of", text("x"))]))]),
        map(&[none.clone(), ("time", map(std::slice::from_ref(&prefix)))]),
        map(&[("fields", map(&[("data.region", map(&[prefix]))]))]),
        map(&[("fields", text("data.region"))]),
    ] {
        let read = Pattern::decode(&map(&[("pattern", tests.clone())]));
        assert!(read.is_err(), "{tests:?} was read as {read:?}");
    }
}

#[test]
fn a_rule_is_tried_for_a_day_by_default_even_with_the_shortest_backoffs() {
    let delays = (1..RETRY.max_attempts).map(|attempt| RETRY.backoff_after(attempt) / 2);
    assert!(delays.sum::<Duration>() >= Duration::from_secs(24 * 3600));
}

#[test]
fn paths_of_fields() {
    for good in ["data.a", "data.customer.tier", "data.line_items-2.X"] {
        assert!(is_field_path(good), "{good}");
    }
    let long = format!("data.{}", "x".repeat(60));
    for bad in [
        "", "data", "data.", "region", "date.x", "data..x", "data.x.", "data.x y", "data.ä",
        "data_x", &long,
    ] {
        assert!(!is_field_path(bad), "{bad}");
    }
}

#[test]
#[should_panic(expected = "add it to the bus's `.filterable(&[…])`")]
fn a_field_is_declared_by_the_bus() {
    let pattern = PatternKnobs::ANYTHING.field("data.region", &["eu"]);
    let _ = pattern.on(&["data.customer", "data.regio"]);
}

#[test]
#[should_panic(expected = "the handler's argument is not of this event type")]
fn a_pattern_names_only_types_that_the_handler_takes() {
    let pattern = PatternKnobs::ANYTHING.event_type(MatchKnobs::AnyOf(&["a", "c"]));
    let _ = pattern.of_types(&["a", "b"]);
}

#[test]
fn a_handler_of_types_takes_these_unless_the_pattern_names_some() {
    let all = decoded(PatternKnobs::ANYTHING.of_types(&["a", "b"]));
    assert_eq!(
        all.event_type,
        Some(Match::AnyOf(vec!["a".into(), "b".into()]))
    );
    let one = PatternKnobs::ANYTHING.event_type(MatchKnobs::AnyOf(&["b"]));
    let one = decoded(one.of_types(&["a", "b"]));
    assert_eq!(one.event_type, Some(Match::AnyOf(vec!["b".into()])));
}

#[test]
#[should_panic(expected = "between 1 and 10")]
fn a_pattern_has_at_most_ten_values() {
    let six = MatchKnobs::AnyOf(&["1", "2", "3", "4", "5", "6"]);
    let _ = PatternKnobs::ANYTHING.source(six).subject(six);
}

#[test]
#[should_panic(expected = "tests each attribute once")]
fn a_pattern_tests_an_attribute_once() {
    let test = MatchKnobs::Prefix("a");
    let _ = PatternKnobs::ANYTHING.source(test).source(test);
}

#[test]
#[should_panic(expected = "tests each field once")]
fn a_pattern_tests_a_field_once() {
    let pattern = PatternKnobs::ANYTHING.field("data.a", &["x"]);
    let _ = pattern.field("data.a", &["y"]);
}

#[test]
#[should_panic(expected = "longer than what it is compared with")]
fn a_value_that_no_type_can_have_is_refused() {
    const LONG: &str = match std::str::from_utf8(&[b'x'; TYPE_BYTES_MAX + 1]) {
        Ok(text) => text,
        Err(_) => "",
    };
    let _ = PatternKnobs::ANYTHING.event_type(MatchKnobs::Prefix(LONG));
}

/// SplitMix64: the same rounds every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % bound
    }

    /// Short texts over few letters, so that equality and prefixes are frequent.
    fn text(&mut self) -> String {
        let length = self.below(4);
        (0..length)
            .map(|_| ['a', 'b', 'é'][self.below(3)])
            .collect()
    }

    fn maybe<T>(&mut self, make: impl Fn(&mut Random) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| make(self))
    }

    fn texts(&mut self) -> Vec<String> {
        (0..=self.below(3)).map(|_| self.text()).collect()
    }

    fn test(&mut self) -> Match {
        match self.below(2) {
            0 => Match::AnyOf(self.texts()),
            _ => Match::Prefix(self.text()),
        }
    }
}

/// A pattern read word for word, byte for byte.
fn naively(pattern: &Pattern, event: &Candidate<'_>) -> bool {
    fn holds(test: &Match, value: &[u8]) -> bool {
        match test {
            Match::AnyOf(values) => values.iter().filter(|v| v.as_bytes() == value).count() > 0,
            Match::Prefix(prefix) => {
                let prefix = prefix.as_bytes();
                value.len() >= prefix.len() && value[..prefix.len()] == *prefix
            }
        }
    }
    let mut all = true;
    if let Some(test) = &pattern.event_type {
        all &= holds(test, event.event_type.as_bytes());
    }
    if let Some(test) = &pattern.source {
        all &= holds(test, event.source.as_bytes());
    }
    match (&pattern.subject, event.subject) {
        (None, _) => {}
        (Some(_), None) => all = false,
        (Some(test), Some(subject)) => all &= holds(test, subject.as_bytes()),
    }
    for (path, values) in &pattern.fields {
        let mut one = false;
        for (present, value) in event.fields {
            for wanted in values {
                one |= present == path && value == wanted;
            }
        }
        all &= one;
    }
    all
}

#[test]
fn patterns_match_what_a_naive_reading_matches() {
    let mut random = Random(5);
    let (mut matched, rounds) = (0, 50_000);
    for _ in 0..rounds {
        let fields = |random: &mut Random| {
            let path = format!("data.{}", ['x', 'y'][random.below(2)]);
            (path, random.texts())
        };
        let count = random.below(2);
        let pattern = Pattern {
            event_type: random.maybe(Random::test),
            source: random.maybe(Random::test),
            subject: random.maybe(Random::test),
            fields: (0..count).map(|_| fields(&mut random)).collect(),
        };
        let (event_type, source) = (random.text(), random.text());
        let subject = random.maybe(Random::text);
        let count = random.below(3);
        let present = (0..count).map(|_| fields(&mut random));
        let present = present.filter_map(|(path, values)| Some((path, values.first()?.clone())));
        let present: BTreeMap<String, String> = present.collect();
        let event = Candidate {
            event_type: &event_type,
            source: &source,
            subject: subject.as_deref(),
            fields: &present,
        };
        let matches = pattern.matches(&event);
        assert_eq!(matches, naively(&pattern, &event), "{pattern:?} {event:?}");
        matched += usize::from(matches);
    }
    // Both answers are frequent, or the comparison would say little.
    assert!(
        (rounds / 10..rounds * 9 / 10).contains(&matched),
        "{matched}"
    );
}
