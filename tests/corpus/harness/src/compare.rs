//! One set against the other, in both directions.

use crate::annotation::{INITIALISATION, Shape};
use crate::profile::Profile;
use ifc_analyzer::link::{Permissions, Use};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What an analysis found: by function, the operations and a way to each.
pub type Found = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// How the analyses of several programs and profiles compare with the statements.
#[derive(Debug, Default)]
pub struct Comparison {
    /// What is wrong.
    pub failures: Vec<String>,
    /// Admitted excesses that occurred, as handler and operation.
    occurred: BTreeSet<(String, String)>,
}

/// Counts of one comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Handlers whose set is exact.
    pub exact: usize,
    /// Handlers with an admitted excess.
    pub wider: usize,
}

/// An analysis of the first engine, with the initialisation under its own name.
pub fn found(permissions: &Permissions) -> Found {
    let operations = |uses: &[Use]| {
        uses.iter()
            .map(|found| {
                let grant = &found.grant;
                let way = found.way.iter().filter_map(|step| step.symbol());
                let way = way.map(str::to_owned).collect();
                (format!("{}.{}", grant.name, grant.verb), way)
            })
            .collect()
    };
    let mut all: Found = permissions
        .handlers
        .iter()
        .map(|handler| (function(&handler.path), operations(&handler.uses)))
        .collect();
    all.insert(
        INITIALISATION.to_owned(),
        operations(&permissions.initialisation),
    );
    all
}

/// The name of a function, from its path.
pub fn function(path: &str) -> String {
    path.rsplit("::").next().unwrap_or(path).to_owned()
}

impl Comparison {
    /// Compares what was found in one program with what its sources say.
    pub fn add(
        &mut self,
        label: &str,
        profile: &Profile,
        shapes: &BTreeMap<String, Shape>,
        found: &Found,
    ) -> Score {
        let mut score = Score::default();
        let label = format!("{label}, {}", profile.name);
        for name in found.keys() {
            if name != INITIALISATION && !shapes.contains_key(name) {
                self.failures.push(format!(
                    "{label}: handler `{name}` says nothing about itself"
                ));
            }
        }
        let nothing = Shape::default();
        let initialisation = shapes.get(INITIALISATION).is_none();
        let all = shapes
            .iter()
            .map(|(name, shape)| (name.as_str(), shape))
            .chain(initialisation.then_some((INITIALISATION, &nothing)));
        for (name, shape) in all {
            let Some(uses) = found.get(name) else {
                self.failures.push(format!(
                    "{label}: {}: there is no handler `{name}`",
                    shape.place
                ));
                continue;
            };
            let expected = shape.expected(profile.unwinds);
            // What initialisation can do is lent to every unit.
            let lent = &found[INITIALISATION];
            let allowed = |one: &String| uses.contains_key(one) || lent.contains_key(one);
            for missing in expected.iter().filter(|one| !allowed(one)) {
                self.failures.push(format!(
                    "{label}: {}: `{name}` MISSES {missing}",
                    shape.place
                ));
            }
            let mut admitted = false;
            for (excess, way) in uses.iter().filter(|(one, _)| !expected.contains(*one)) {
                if shape.wider.contains_key(excess) {
                    admitted = true;
                    self.occurred.insert((name.to_owned(), excess.clone()));
                } else {
                    let mut failure =
                        format!("{label}: {}: `{name}` has {excess} besides", shape.place);
                    for symbol in way {
                        let _ = write!(failure, "\n      {:#}", rustc_demangle::demangle(symbol));
                    }
                    self.failures.push(failure);
                }
            }
            if name != INITIALISATION {
                match admitted {
                    true => score.wider += 1,
                    false => score.exact += 1,
                }
            }
        }
        score
    }

    /// Admitted excesses must occur somewhere, or they are not true any more.
    pub fn finish(mut self, shapes: &BTreeMap<String, Shape>) -> Vec<String> {
        for (name, shape) in shapes {
            for (excess, reason) in &shape.wider {
                if !self.occurred.contains(&(name.clone(), excess.clone())) {
                    self.failures.push(format!(
                        "{}: the excess {excess} of `{name}` ({}) occurs in no profile any more",
                        shape.place,
                        reason.word()
                    ));
                }
            }
        }
        self.failures
    }
}

/// What `one` engine finds and `other` does not: by handler and operation, with a line that says so.
///
/// What only the first finds is a failure. What only the second finds is one when it does so in
/// every profile: the second engine works on addresses, where the end of one thing is the beginning
/// of its neighbour, so in a single layout it can find too much by chance; a missing edge of the
/// first would show in all of them.
pub fn only_in(
    label: &str,
    which: &str,
    one: &Found,
    other: &Found,
) -> BTreeMap<(String, String), String> {
    let mut only = BTreeMap::new();
    for (name, uses) in one {
        for (operation, way) in uses {
            let there = other
                .get(name)
                .is_some_and(|uses| uses.contains_key(operation));
            if !there {
                let line = format!(
                    "{label}: only the {which} engine finds {operation} for `{name}`\n      {}",
                    way.join("\n      ")
                );
                only.insert((name.clone(), operation.clone()), line);
            }
        }
    }
    only
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::DEV;
    use crate::reason::Reason;

    fn set(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn uses(words: &[&str]) -> BTreeMap<String, Vec<String>> {
        words
            .iter()
            .map(|word| ((*word).to_owned(), vec![]))
            .collect()
    }

    fn check(found: &[&str]) -> (Score, Vec<String>) {
        let shape = Shape {
            place: "x.rs:1".to_owned(),
            exact: set(&["a.get", "b.put"]),
            unwinding: BTreeSet::new(),
            wider: BTreeMap::from([("c.send".to_owned(), Reason::RunTimeValue)]),
        };
        let shapes = BTreeMap::from([("one".to_owned(), shape)]);
        let found = BTreeMap::from([
            ("one".to_owned(), uses(found)),
            (INITIALISATION.to_owned(), uses(&[])),
        ]);
        let mut comparison = Comparison::default();
        let score = comparison.add("app", &DEV, &shapes, &found);
        (score, comparison.finish(&shapes))
    }

    #[test]
    fn both_directions_are_compared() {
        let (score, failures) = check(&["a.get", "b.put", "c.send"]);
        assert_eq!((score.exact, score.wider), (0, 1));
        assert!(failures.is_empty(), "{failures:?}");

        let (_, failures) = check(&["a.get", "c.send"]);
        assert_eq!(failures, ["app, dev: x.rs:1: `one` MISSES b.put"]);

        let (_, failures) = check(&["a.get", "b.put", "c.send", "d.get"]);
        assert_eq!(failures, ["app, dev: x.rs:1: `one` has d.get besides"]);
    }

    #[test]
    fn an_excess_that_is_gone_is_a_failure() {
        let (score, failures) = check(&["a.get", "b.put"]);
        assert_eq!(score.exact, 1);
        assert_eq!(
            failures,
            ["x.rs:1: the excess c.send of `one` (run-time-value) occurs in no profile any more"]
        );
    }
}
