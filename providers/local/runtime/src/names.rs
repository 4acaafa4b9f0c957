//! Finding declared things by name, and what to say when there is none.

use ifc_manifest::Address;
use ifc_runtime::Target;
use std::collections::HashMap;

/// Values by the address of what they belong to, found without allocating.
pub(crate) struct Names<T>(HashMap<String, Vec<(String, T)>>);

impl<T> Names<T> {
    pub(crate) fn new() -> Names<T> {
        Names(HashMap::new())
    }

    pub(crate) fn insert(&mut self, address: &Address, value: T) {
        let same_name = self.0.entry(address.name.clone()).or_default();
        same_name.push((address.package.clone(), value));
    }

    pub(crate) fn get(&self, target: Target<'_>) -> Option<&T> {
        let same_name = self.0.get(target.name)?;
        let found = same_name
            .iter()
            .find(|(package, _)| package == target.package);
        found.map(|(_, value)| value)
    }
}

/// `no unit `x`; did you mean `y`?`, or the list of what there is.
pub(crate) fn unknown<'a>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let list = known
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    let closest = known
        .iter()
        .map(|candidate| (distance(name, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 3)
        .min();
    match (closest, known.is_empty()) {
        (_, true) => format!("there is no {what} `{name}`: the application has none"),
        (Some((_, closest)), _) => {
            format!("there is no {what} `{name}`; did you mean `{closest}`? (there are: {list})")
        }
        (None, _) => format!("there is no {what} `{name}`; there are: {list}"),
    }
}

/// Insertions, deletions and replacements that turn one word into the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, r) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_and_suggestions() {
        for (left, right, expected) in [
            ("", "", 0),
            ("abc", "", 3),
            ("fulfil", "fullfil", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(left, right), expected);
            assert_eq!(distance(right, left), expected);
        }
        let units = ["fulfil", "nightly"];
        assert!(unknown("unit", "fulfill", units).contains("did you mean `fulfil`?"));
        assert_eq!(
            unknown("unit", "zzz", units),
            "there is no unit `zzz`; there are: `fulfil`, `nightly`"
        );
        assert!(unknown("unit", "zzz", []).contains("has none"));
    }

    #[test]
    fn packages_keep_equal_names_apart() {
        let mut names = Names::new();
        names.insert(&Address::new("a", "x"), 1);
        names.insert(&Address::new("b", "x"), 2);
        let get = |package, name| names.get(Target { package, name }).copied();
        assert_eq!(get("a", "x"), Some(1));
        assert_eq!(get("b", "x"), Some(2));
        assert_eq!(get("c", "x"), None);
        assert_eq!(get("a", "y"), None);
    }
}
