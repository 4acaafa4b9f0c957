//! How unkind the cloud of a test is.

use ifc_local::{Adversary, Unkindness};
use std::sync::Arc;

/// Makes a test's cloud more or less unkind from here on. Probabilities are from 0 to 1.
///
/// # What happens without it
///
/// A test meets what every cloud does now and then. To each event, with these probabilities:
///
/// | | |
/// |---|---|
/// | 5 % | it is delivered twice: at once, or, where no order is promised, half of them up to 30 s later |
/// | 3 % | the process dies: half of them when the handler has ended and not yet acknowledged, the others anywhere before; [`State`](crate::State) is made anew |
/// | 2 % | the handler ends after its lease: what it said does not count |
/// | 2 % | one operation of the handler fails as unavailable, half of them after they took effect |
///
/// Whatever has no promised order comes in any order, up to four batches of a unit at a time, and
/// handlers that run at the same time take turns at each operation. A batch is of any size up to
/// what was asked for. Half of the reads of indexes, and of those marked `eventual`, show the table as
/// it was up to 2 s ago.
///
/// It never breaks a promise, and it is fair: an event loses at most one attempt to it, never its
/// last one, none when it has fewer than three in all; and an attempt is lost only where the test
/// lets enough time pass to make up for it. [`run_due`](super::TestCloud::run_due) lets none pass, so
/// nothing is lost there; after [`settle`](super::TestCloud::settle) everything is made up for, and no
/// read is behind. Requests, functions that the test calls, and operations of the test itself
/// neither fail nor wait.
///
/// # Seeds
///
/// All of it comes from one seed: `IFC_SEED`, or else [`seed`](Faults::seed), or else a fresh one
/// for every run. A failing test prints its seed with the command that replays it exactly.
pub struct Faults {
    adversary: Arc<Adversary>,
}

impl Faults {
    pub(super) fn new(adversary: Arc<Adversary>) -> Faults {
        Faults { adversary }
    }

    fn set(self, change: impl FnOnce(&mut Unkindness)) -> Faults {
        self.adversary.change(change);
        self
    }

    /// Delivers events twice with this probability.
    ///
    /// # Panics
    /// When it is not a probability.
    #[track_caller]
    pub fn duplicate(self, probability: f64) -> Faults {
        let probability = checked(probability);
        self.set(|unkindness| unkindness.duplicate = probability)
    }

    /// Lets the process die before, within or after a handler with this probability: what it had
    /// done stays, nothing is acknowledged, the event comes again when its lease has run out.
    ///
    /// This is without mercy: an event may lose all its attempts and end as a dead letter.
    ///
    /// # Panics
    /// When it is not a probability.
    #[track_caller]
    pub fn crash(self, probability: f64) -> Faults {
        let probability = checked(probability);
        self.set(|unkindness| {
            unkindness.crash = probability;
            unkindness.merciful = false;
        })
    }

    /// Lets operations of handlers, also of routes and functions, fail as unavailable with this
    /// probability, half of them after they took effect. Operations of the test itself do not fail.
    ///
    /// # Panics
    /// When it is not a probability.
    #[track_caller]
    pub fn fail_operations(self, probability: f64) -> Faults {
        let probability = checked(probability);
        self.set(|unkindness| unkindness.fail_operations = probability)
    }

    /// Delivers what has no promised order in any, several at a time, in batches of any size.
    pub fn reorder(self) -> Faults {
        self.set(|unkindness| (unkindness.shuffle, unkindness.split) = (true, true))
    }

    /// Lets indexes and eventual reads be up to 2 s behind.
    pub fn stale_reads(self) -> Faults {
        self.set(|unkindness| unkindness.lag = true)
    }

    /// Draws from this seed from here on, unless `IFC_SEED` gives another one.
    pub fn seed(self, seed: u64) -> Faults {
        self.adversary
            .reseed(super::seed::of_variable().unwrap_or(seed));
        self
    }

    /// Nothing unkind from here on.
    pub fn none(self) -> Faults {
        self.set(|unkindness| *unkindness = Unkindness::NONE)
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
