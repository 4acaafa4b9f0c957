//! Everything that the contract allows and nobody likes, drawn from a seed.
//!
//! The adversary decides; it does nothing itself. The [simulation](crate::simulation) asks it about
//! deliveries, [`Disturbed`] about operations, [`Local`](crate::Local) about reads. It never breaks
//! a promise: what is ordered stays in order, what was acknowledged stays, a strong read is strong.
//! Equal seeds and equal questions give equal answers.

use crate::simulation::Observer;
use fastrand::Rng;
use ifc_manifest::{Kind, Verb};
use ifc_runtime::intercept::Interceptor;
use ifc_runtime::{BoxFuture, Error, ErrorKind, Invocation, Target};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The furthest that an index or an eventual read is behind.
pub(crate) const LAG_MAX: Duration = Duration::from_secs(2);

/// The longest that the second copy of an event is under way.
const COPY_DELAY_MAX: Duration = Duration::from_secs(30);

/// Batches of one unit that run at the same time.
const CONCURRENCY_MAX: usize = 4;

/// Turns after which a handler that is to die within its run is dead at the latest.
const TURNS_MAX: u32 = 16;

/// Operations of one delivery among which the one that fails is drawn.
const OPERATIONS_MAX: u32 = 4;

/// How unkind. Probabilities are from 0 to 1 and hold for each delivery.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unkindness {
    /// An event is delivered a second time: at once, or up to 30 s later where no order is kept.
    pub duplicate: f64,
    /// The process dies before, within or after the handler, and forgets its state.
    pub crash: f64,
    /// The handler ends, and its outcome arrives after the lease has run out.
    pub lose_lease: f64,
    /// One operation of the delivery fails as unavailable, half of them after they took effect.
    pub fail: f64,
    /// Each operation of any handler, also of routes and functions, fails so with this probability.
    pub fail_operations: f64,
    /// Indexes and eventual reads are up to 2 s behind.
    pub lag: bool,
    /// What has no order comes in any, several at a time, and operations of handlers take turns.
    pub shuffle: bool,
    /// A batch is of any size up to what was asked for.
    pub split: bool,
    /// An event loses at most one attempt to all this, never its last one, none when it has fewer
    /// than three, and only where the time that is let pass is enough to make up for it.
    pub merciful: bool,
}

impl Unkindness {
    /// Nothing happens that need not: one delivery after the other, in order.
    pub const NONE: Unkindness = Unkindness {
        duplicate: 0.0,
        crash: 0.0,
        lose_lease: 0.0,
        fail: 0.0,
        fail_operations: 0.0,
        lag: false,
        shuffle: false,
        split: false,
        merciful: true,
    };

    /// What every application has to bear, and what tests meet unless they say otherwise.
    pub const DEFAULT: Unkindness = Unkindness {
        duplicate: 0.05,
        crash: 0.03,
        lose_lease: 0.02,
        fail: 0.02,
        fail_operations: 0.0,
        lag: true,
        shuffle: true,
        split: true,
        merciful: true,
    };
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Normal,
    /// It comes twice; the second one this much later, or at once.
    Duplicate(Option<Duration>),
    /// The process dies after this many turns of the handler; `u32::MAX`: when it has ended.
    Crash(u32),
    LoseLease,
    Fail(Failure),
}

/// The operation of a delivery that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Which one, from 0.
    operation: u32,
    /// Whether it takes effect.
    after: bool,
}

/// Draws what happens from a seed.
pub struct Adversary {
    state: Mutex<State>,
}

struct State {
    seed: u64,
    random: Rng,
    unkindness: Unkindness,
}

impl Adversary {
    /// An adversary that draws from `seed`.
    pub fn new(seed: u64, unkindness: Unkindness) -> Arc<Adversary> {
        Arc::new(Adversary {
            state: Mutex::new(State {
                seed,
                random: Rng::with_seed(seed),
                unkindness,
            }),
        })
    }

    /// A seed that is not likely to have been used, short enough to be typed.
    pub fn fresh_seed() -> u64 {
        fastrand::u32(..).into()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where its draws began.
    pub fn seed(&self) -> u64 {
        self.state().seed
    }

    /// Draws from another seed from here on.
    pub fn reseed(&self, seed: u64) {
        let mut state = self.state();
        state.seed = seed;
        state.random = Rng::with_seed(seed);
    }

    /// How unkind it is now.
    pub fn unkindness(&self) -> Unkindness {
        self.state().unkindness
    }

    /// Is more or less unkind from here on.
    pub fn change(&self, change: impl FnOnce(&mut Unkindness)) {
        change(&mut self.state().unkindness);
    }

    pub(crate) fn lags(&self) -> bool {
        self.state().unkindness.lag
    }

    /// How far the next read that may be behind is behind, in nanoseconds. Every other one is not.
    pub(crate) fn lag(&self) -> i64 {
        let mut state = self.state();
        match state.unkindness.lag && state.random.bool() {
            true => state.random.i64(0..=LAG_MAX.as_millis() as i64) * 1_000_000,
            false => 0,
        }
    }

    pub(crate) fn shuffle<T>(&self, things: &mut [T]) {
        let mut state = self.state();
        if state.unkindness.shuffle {
            state.random.shuffle(things);
        }
    }

    /// How many events to take for a unit at once, when it asks for batches of this size.
    pub(crate) fn appetite(&self, batch: usize, max_concurrency: usize) -> usize {
        let mut state = self.state();
        match state.unkindness.shuffle {
            true => batch * state.random.usize(1..=max_concurrency.min(CONCURRENCY_MAX)),
            false => batch,
        }
    }

    /// The size of the next batch.
    pub(crate) fn batch(&self, most: usize) -> usize {
        let mut state = self.state();
        match state.unkindness.split && most > 1 {
            true => state.random.usize(1..=most),
            false => most,
        }
    }

    /// What becomes of a delivery. `ordered`: a second copy must not come later than what follows.
    /// `may_lose`: it may lose its attempt.
    pub(crate) fn fate(&self, ordered: bool, may_lose: bool) -> Fate {
        let mut state = self.state();
        let State {
            random, unkindness, ..
        } = &mut *state;
        // Always as many draws, so that a change here or there does not change all that follows.
        let (first, second) = (random.f64(), random.f64());
        let (amount, coin) = (random.u32(..), random.bool());
        if may_lose {
            let mut left = first;
            let mut falls_into = |probability: f64| {
                left -= probability;
                left < 0.0
            };
            if falls_into(unkindness.crash) {
                // Often when all is done but the acknowledgement: the most is repeated then.
                return Fate::Crash(match coin {
                    true => amount % TURNS_MAX,
                    false => u32::MAX,
                });
            }
            if falls_into(unkindness.lose_lease) {
                return Fate::LoseLease;
            }
            if falls_into(unkindness.fail) {
                return Fate::Fail(Failure {
                    operation: amount % OPERATIONS_MAX,
                    after: coin,
                });
            }
        }
        if second < unkindness.duplicate {
            let delay = COPY_DELAY_MAX.mul_f64(f64::from(amount) / f64::from(u32::MAX));
            return Fate::Duplicate((coin && !ordered).then_some(delay));
        }
        Fate::Normal
    }

    /// Whether one that could go on has to wait for another turn.
    pub(crate) fn holds_back(&self) -> bool {
        let mut state = self.state();
        state.unkindness.shuffle && state.random.u32(0..3) == 0
    }

    /// Whether an operation outside deliveries fails, and then whether it takes effect.
    fn fails(&self) -> Option<bool> {
        let mut state = self.state();
        let probability = state.unkindness.fail_operations;
        let fails = probability > 0.0 && state.random.f64() < probability;
        fails.then(|| state.random.bool())
    }
}

/// One delivery while its handler runs.
pub(crate) struct Delivered {
    failure: Option<Failure>,
    operations: AtomicU32,
    /// Whether operations give others their turn.
    takes_turns: bool,
}

impl Delivered {
    pub(crate) fn new(fate: Fate, takes_turns: bool) -> Arc<Delivered> {
        Arc::new(Delivered {
            failure: match fate {
                Fate::Fail(failure) => Some(failure),
                _ => None,
            },
            operations: AtomicU32::new(0),
            takes_turns,
        })
    }

    /// Runs `handler` as this delivery.
    pub(crate) async fn run<F: Future>(self: Arc<Self>, handler: F) -> F::Output {
        DELIVERED.scope(self, handler).await
    }

    /// Whether the operation that begins now fails, and then whether it takes effect.
    fn fails(&self) -> Option<bool> {
        let operation = self.operations.fetch_add(1, Ordering::Relaxed);
        let failure = self
            .failure
            .filter(|failure| failure.operation == operation);
        failure.map(|failure| failure.after)
    }
}

tokio::task_local! {
    static DELIVERED: Arc<Delivered>;
}

/// Lets operations of handlers fail and wait, as the adversary wants, and tells of each. What a test
/// itself does is left alone.
pub struct Disturbed {
    /// Who decides.
    pub adversary: Arc<Adversary>,
    /// Who hears of it.
    pub observer: Arc<dyn Observer>,
}

impl Interceptor for Disturbed {
    fn around<'a, T: Send + 'a>(
        &'a self,
        target: Target<'a>,
        _: Kind,
        verb: Verb,
        operation: BoxFuture<'a, Result<T, Error>>,
    ) -> BoxFuture<'a, Result<T, Error>> {
        Box::pin(async move {
            let (fails, takes_turns) = self.decide();
            if takes_turns {
                turn().await;
            }
            let unavailable = |message: &str| {
                let error = Error::new(ErrorKind::Unavailable, message);
                Err(error.on(target, verb).from_provider("test"))
            };
            let result = match fails {
                None => operation.await,
                Some(false) => unavailable("injected fault: nothing happened"),
                Some(true) => match operation.await {
                    Ok(_) => unavailable("injected fault: the reply was lost"),
                    Err(error) => Err(error),
                },
            };
            // At once: the handler may be gone after the next turn.
            self.observer.operated(target, verb, result.is_ok());
            if takes_turns {
                turn().await;
            }
            result
        })
    }
}

impl Disturbed {
    /// Whether the operation that begins now fails, and then whether it takes effect; and whether
    /// it gives others their turn.
    fn decide(&self) -> (Option<bool>, bool) {
        match DELIVERED.try_with(Arc::clone) {
            Ok(delivered) => {
                let fails = delivered.fails().or_else(|| self.adversary.fails());
                (fails, delivered.takes_turns)
            }
            Err(_) if Invocation::current().is_some() => (self.adversary.fails(), false),
            Err(_) => (None, false),
        }
    }
}

/// Gives others their turn.
async fn turn() {
    let mut waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(seed: u64, unkindness: Unkindness) -> Vec<Fate> {
        let adversary = Adversary::new(seed, unkindness);
        (0..1_000)
            .map(|number| adversary.fate(number % 2 == 0, number % 3 != 0))
            .collect()
    }

    #[test]
    fn equal_seeds_give_equal_fates() {
        let unkindness = Unkindness::DEFAULT;
        assert_eq!(fates(7, unkindness), fates(7, unkindness));
        assert_ne!(fates(7, unkindness), fates(8, unkindness));
    }

    #[test]
    fn without_unkindness_all_is_normal() {
        let fates = fates(1, Unkindness::NONE);
        assert!(fates.iter().all(|fate| *fate == Fate::Normal));
        let adversary = Adversary::new(1, Unkindness::NONE);
        assert_eq!((adversary.lag(), adversary.batch(7)), (0, 7));
        assert_eq!((adversary.appetite(3, 9), adversary.fails()), (3, None));
        assert!((0..100).all(|_| !adversary.holds_back()));
    }

    #[test]
    fn what_is_ordered_is_not_delayed_and_what_is_spared_loses_no_attempt() {
        let adversary = Adversary::new(3, Unkindness::DEFAULT);
        for _ in 0..10_000 {
            assert!(!matches!(
                adversary.fate(true, true),
                Fate::Duplicate(Some(_))
            ));
            let spared = adversary.fate(false, false);
            assert!(
                matches!(spared, Fate::Normal | Fate::Duplicate(_)),
                "{spared:?}"
            );
        }
    }

    #[test]
    fn every_fate_befalls_some() {
        let fates = fates(5, Unkindness::DEFAULT);
        let count = |is: fn(&Fate) -> bool| fates.iter().filter(|fate| is(fate)).count();
        // 5 % of 1,000, roughly: the seed is fixed, so this is no matter of luck.
        let duplicates = count(|fate| matches!(fate, Fate::Duplicate(_)));
        assert!((30..70).contains(&duplicates), "{duplicates}");
        for present in [
            count(|fate| matches!(fate, Fate::Duplicate(None))),
            count(|fate| matches!(fate, Fate::Duplicate(Some(_)))),
            count(|fate| matches!(fate, Fate::Crash(u32::MAX))),
            count(|fate| matches!(fate, Fate::Crash(0..TURNS_MAX))),
            count(|fate| matches!(fate, Fate::LoseLease)),
            count(|fate| matches!(fate, Fate::Fail(Failure { after: true, .. }))),
            count(|fate| matches!(fate, Fate::Fail(Failure { after: false, .. }))),
        ] {
            assert!(present > 0, "{fates:?}");
        }
    }
}
