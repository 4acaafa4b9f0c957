//! The seeds that a test runs with, and what is said of the one it failed with.

use ifc_local::Adversary;
use std::ops::Range;

/// What `#[ifc::test]` says about a test.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    /// `seed = 7`.
    pub seed: Option<u64>,
    /// `seeds = 100`.
    pub seeds: Option<u64>,
    /// `benign`.
    pub benign: bool,
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    match text.parse() {
        Ok(number) => Some(number),
        Err(_) => panic!("`{name}` is `{text}`, which is not a number"),
    }
}

/// The seed that the environment asks for.
pub(super) fn of_variable() -> Option<u64> {
    variable("IFC_SEED")
}

impl Plan {
    /// The seeds to run with, one run after the other: the one of `IFC_SEED`, or as many as the
    /// test or `IFC_SEEDS` asks for, whichever is more. A test that fixes its seed has one.
    pub(super) fn seeds(self) -> Range<u64> {
        self.choose(of_variable(), variable("IFC_SEEDS"))
    }

    fn choose(self, seed: Option<u64>, seeds: Option<u64>) -> Range<u64> {
        let count = match (seed, self.seed, self.benign) {
            (Some(_), _, _) | (None, None, true) => 1,
            (None, Some(_), _) => self.seeds.unwrap_or(1),
            (None, None, false) => self.seeds.max(seeds).unwrap_or(1),
        };
        // A test that asks for many seeds gets the same ones in every run.
        let first = match (seed.or(self.seed), self.seeds) {
            (Some(seed), _) => seed,
            (None, Some(_)) => 0,
            (None, None) => Adversary::fresh_seed(),
        };
        first..first.saturating_add(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_goes_before_the_test() {
        let plan = Plan {
            seed: Some(7),
            seeds: Some(10),
            benign: false,
        };
        assert_eq!(plan.choose(None, None), 7..17);
        assert_eq!(plan.choose(None, Some(90)), 7..17);
        assert_eq!(plan.choose(Some(3), Some(90)), 3..4);
        let many = Plan { seed: None, ..plan };
        assert_eq!(many.choose(None, None), 0..10);
        assert_eq!(many.choose(None, Some(90)), 0..90);
        let one = Plan::default().choose(None, None);
        assert_eq!(one.end - one.start, 1);
        let some = Plan::default().choose(None, Some(5));
        assert_eq!(some.end - some.start, 5);
    }
}
