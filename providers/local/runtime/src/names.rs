//! Finding declared things by name, and what to say when there is none.

use ifc_manifest::Address;
use ifc_manifest::suggest::nearest;
use ifc_runtime::Target;

// Sorted lists rather than maps: they hold what one application declares, and a map would be
// compiled anew for every type of value, in every application.

/// Values by name, in the order of the names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Named<T>(Vec<(String, T)>);

impl<T> Named<T> {
    pub(crate) const fn new() -> Named<T> {
        Named(Vec::new())
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0
            .binary_search_by(|(known, _)| known.as_str().cmp(name))
    }

    /// Takes the place of the value that had the name.
    pub(crate) fn insert(&mut self, name: String, value: T) {
        match self.find(&name) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (name, value)),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        let at = self.find(name).ok()?;
        Some(&self.0[at].1)
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<T> {
        let at = self.find(name).ok()?;
        Some(self.0.remove(at).1)
    }

    pub(crate) fn entries(&self) -> &[(String, T)] {
        &self.0
    }

    pub(crate) fn into_entries(self) -> Vec<(String, T)> {
        self.0
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

/// Values by the address of what they belong to, found without allocating.
pub(crate) struct Names<T>(Vec<(Address, T)>);

impl<T> Names<T> {
    pub(crate) const fn new() -> Names<T> {
        Names(Vec::new())
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }

    fn find(&self, target: Target<'_>) -> Result<usize, usize> {
        let wanted = (target.name, target.package);
        self.0.binary_search_by(|(address, _)| {
            (address.name.as_str(), address.package.as_str()).cmp(&wanted)
        })
    }

    /// Of two values of one address the first stays.
    pub(crate) fn insert(&mut self, address: &Address, value: T) {
        let target = Target {
            package: &address.package,
            name: &address.name,
        };
        if let Err(at) = self.find(target) {
            self.0.insert(at, (address.clone(), value));
        }
    }

    pub(crate) fn get(&self, target: Target<'_>) -> Option<&T> {
        let at = self.find(target).ok()?;
        Some(&self.0[at].1)
    }
}

/// `no unit `x`; did you mean `y`?`, or the list of what there is.
pub(crate) fn unknown(what: &str, name: &str, known: &mut dyn Iterator<Item = &str>) -> String {
    let known: Vec<&str> = known.collect();
    let list = known
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    let closest = nearest(name, known.iter().copied());
    match (closest, known.is_empty()) {
        (_, true) => format!("there is no {what} `{name}`: the application has none"),
        (Some(closest), _) => {
            format!("there is no {what} `{name}`; did you mean `{closest}`? (there are: {list})")
        }
        (None, _) => format!("there is no {what} `{name}`; there are: {list}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_told_by_what_is_known() {
        let units = ["fulfil", "nightly"];
        assert!(
            unknown("unit", "fulfill", &mut units.into_iter()).contains("did you mean `fulfil`?")
        );
        assert_eq!(
            unknown("unit", "zzz", &mut units.into_iter()),
            "there is no unit `zzz`; there are: `fulfil`, `nightly`"
        );
        assert!(unknown("unit", "zzz", &mut [].into_iter()).contains("has none"));
    }

    #[test]
    fn names_are_in_order_and_the_last_value_counts() {
        let mut named = Named::new();
        for (name, value) in [("b", 1), ("c", 2), ("a", 3), ("b", 4)] {
            named.insert(name.to_owned(), value);
        }
        assert_eq!(named.names().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(named.get("b"), Some(&4));
        assert_eq!(named.get("d"), None);
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
