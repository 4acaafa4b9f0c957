//! Seeded faults.

use super::lock;
use fastrand::Rng;
use std::sync::{Arc, Mutex};

/// The seed of a test: `IFC_SEED`, or the test's own, or a fresh one.
pub(super) fn seed(own: Option<u64>) -> u64 {
    std::env::var("IFC_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .or(own)
        .unwrap_or_else(|| fastrand::u64(..))
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Normal,
    Duplicate,
    CrashBefore,
    CrashAfter { polls: u32 },
}

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OperationFate {
    Normal,
    /// It fails and nothing happened.
    FailBefore,
    /// It happened, and the reply is lost.
    FailAfter,
}

/// The faults in force, and the randomness they are drawn from.
pub(super) struct FaultPlan {
    seed: u64,
    random: Rng,
    duplicate: f64,
    crash: f64,
    fail: f64,
    reorder: bool,
    used: bool,
}

impl FaultPlan {
    pub(super) fn new(seed: u64) -> FaultPlan {
        FaultPlan {
            seed,
            random: Rng::with_seed(seed),
            duplicate: 0.0,
            crash: 0.0,
            fail: 0.0,
            reorder: false,
            used: false,
        }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    pub(super) fn used(&self) -> bool {
        self.used
    }

    pub(super) fn shuffle(&mut self, order: &mut [usize]) {
        if self.reorder {
            self.random.shuffle(order);
        }
    }

    pub(super) fn fate(&mut self) -> Fate {
        if self.random.f64() < self.crash {
            return match self.random.bool() {
                true => Fate::CrashBefore,
                false => Fate::CrashAfter {
                    polls: self.random.u32(1..12),
                },
            };
        }
        if self.random.f64() < self.duplicate {
            return Fate::Duplicate;
        }
        Fate::Normal
    }

    pub(super) fn operation(&mut self) -> OperationFate {
        if self.random.f64() >= self.fail {
            return OperationFate::Normal;
        }
        match self.random.bool() {
            true => OperationFate::FailBefore,
            false => OperationFate::FailAfter,
        }
    }
}

/// Sets the faults that a test meets from here on. Probabilities are from 0 to 1.
///
/// Everything random comes from one seed: `IFC_SEED`, or else [`seed`](Faults::seed), or else a
/// fresh one for every run. A failing test prints its seed with the command that replays it.
pub struct Faults {
    plan: Arc<Mutex<FaultPlan>>,
}

impl Faults {
    pub(super) fn new(plan: Arc<Mutex<FaultPlan>>) -> Faults {
        Faults { plan }
    }

    fn set(self, change: impl FnOnce(&mut FaultPlan)) -> Faults {
        let mut plan = lock(&self.plan);
        plan.used = true;
        change(&mut plan);
        drop(plan);
        self
    }

    /// Delivers events twice.
    ///
    /// # Panics
    /// When it is not a probability.
    pub fn duplicate(self, probability: f64) -> Faults {
        let probability = checked(probability);
        self.set(|plan| plan.duplicate = probability)
    }

    /// Lets the process die before, within or after a handler: what it had done stays, nothing is
    /// acknowledged, the event comes again when its lease has run out.
    ///
    /// # Panics
    /// When it is not a probability.
    pub fn crash(self, probability: f64) -> Faults {
        let probability = checked(probability);
        self.set(|plan| plan.crash = probability)
    }

    /// Lets operations of handlers fail as unavailable, half of them after they took effect.
    /// Operations of the test itself do not fail.
    ///
    /// # Panics
    /// When it is not a probability.
    pub fn fail_operations(self, probability: f64) -> Faults {
        let probability = checked(probability);
        self.set(|plan| plan.fail = probability)
    }

    /// Takes sources in random order.
    pub fn reorder(self) -> Faults {
        self.set(|plan| plan.reorder = true)
    }

    /// Draws from this seed, unless `IFC_SEED` gives another one.
    pub fn seed(self, seed: u64) -> Faults {
        let seed = self::seed(Some(seed));
        self.set(|plan| {
            plan.seed = seed;
            plan.random = Rng::with_seed(seed);
        })
    }

    /// No more faults from here on.
    pub fn none(self) -> Faults {
        self.set(|plan| {
            plan.duplicate = 0.0;
            plan.crash = 0.0;
            plan.fail = 0.0;
            plan.reorder = false;
        })
    }
}

#[track_caller]
fn checked(probability: f64) -> f64 {
    assert!(
        (0.0..=1.0).contains(&probability),
        "{probability} is not a probability: give a number from 0 to 1"
    );
    probability
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_fates() {
        let draw = |seed| {
            let mut plan = FaultPlan::new(seed);
            (plan.duplicate, plan.crash, plan.fail) = (0.3, 0.3, 0.3);
            let fates: Vec<Fate> = (0..100).map(|_| plan.fate()).collect();
            let operations: Vec<OperationFate> = (0..100).map(|_| plan.operation()).collect();
            (fates, operations)
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn without_faults_all_is_normal() {
        let mut plan = FaultPlan::new(1);
        assert!((0..1000).all(|_| plan.fate() == Fate::Normal));
        assert!((0..1000).all(|_| plan.operation() == OperationFate::Normal));
    }
}
