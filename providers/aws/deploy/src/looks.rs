//! Looks that serve more than once. While a plan is made, nothing of ours changes: parts that hang
//! on the same thing share one look at it. And what the plan has seen of a part serves the write
//! that follows it, so that nobody looks twice at what was seen a moment ago. What AWS answers, and
//! what to make of it, is the business of others.

use crate::parts::Found;
use ifc_engine::{Identity, Target};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// How long what was seen of a part may serve a write. Others may change it meanwhile, as they may
/// between any look and the write after it; a plan that is pondered for longer is looked after again.
const FRESH: Duration = Duration::from_secs(30);

/// How long a shared look serves. All reads of a plan begin together.
const SHARED: Duration = Duration::from_secs(2);

/// What was seen of each part a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<BTreeMap<Identity, (Instant, Found)>>);

impl Seen {
    /// A look at a part came to this.
    pub(crate) fn note(&self, target: &Target, found: &Found) {
        let mut seen = lock(&self.0);
        match found {
            // It says nothing of what it will be.
            Found::Settling(_) => drop(seen.remove(&target.identity())),
            found => drop(seen.insert(target.identity(), (Instant::now(), found.clone()))),
        }
    }

    /// What was seen a moment ago. It serves once: whoever comes again, because something went
    /// wrong, looks anew.
    pub(crate) fn take(&self, target: &Target) -> Option<Found> {
        let (when, found) = lock(&self.0).remove(&target.identity())?;
        (when.elapsed() < FRESH).then_some(found)
    }
}

/// When it was asked for, and what was answered, once it is.
type Answer<T> = (Instant, Arc<OnceCell<T>>);

/// Answers that several parts ask for, by what they ask about.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    answers: Mutex<BTreeMap<String, Answer<T>>>,
    is_over: AtomicBool,
}

impl<T> Default for Shared<T> {
    fn default() -> Shared<T> {
        Shared {
            answers: Mutex::default(),
            is_over: AtomicBool::new(false),
        }
    }
}

impl<T: Clone> Shared<T> {
    /// The answer to a question about `what`, asked unless somebody has just done so. A failure is
    /// nobody else's.
    pub(crate) async fn ask<E>(
        &self,
        what: &str,
        question: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        if self.is_over.load(Ordering::SeqCst) {
            return question.await;
        }
        let answer = {
            let mut answers = lock(&self.answers);
            answers.retain(|_, (asked, _)| asked.elapsed() < SHARED);
            let new = || (Instant::now(), Arc::default());
            let (_, answer) = answers.entry(what.to_owned()).or_insert_with(new);
            Arc::clone(answer)
        };
        answer.get_or_try_init(|| question).await.cloned()
    }

    /// From now on everybody looks for themselves: something is about to be changed.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifc_engine::{PartType, PhysicalName};
    use std::cell::Cell;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(future)
    }

    #[test]
    fn one_look_serves_all_until_something_is_changed() {
        let (shared, asked) = (Shared::default(), Cell::new(0));
        let question = || async {
            asked.set(asked.get() + 1);
            tokio::task::yield_now().await;
            Result::<_, String>::Ok(asked.get())
        };
        block_on(async {
            let together = tokio::join!(shared.ask("a", question()), shared.ask("a", question()));
            assert_eq!(together, (Ok(1), Ok(1)));
            assert_eq!(shared.ask("b", question()).await, Ok(2));
            assert_eq!(shared.ask("a", question()).await, Ok(1));
            shared.end();
            assert_eq!(shared.ask("a", question()).await, Ok(3));
        });
    }

    #[test]
    fn a_failure_is_not_shared() {
        let shared = Shared::default();
        block_on(async {
            let failed = shared.ask("a", async { Err("too many") }).await;
            assert_eq!(failed, Err("too many"));
            assert_eq!(shared.ask("a", async { Ok::<_, &str>(1) }).await, Ok(1));
        });
    }

    #[test]
    fn what_was_seen_serves_one_write() {
        let target = Target {
            address: "orders/queue".parse().unwrap(),
            part_type: PartType::new("AWS::SQS::Queue"),
            physical_name: PhysicalName::new("shop-dev-orders"),
            outputs: BTreeMap::new(),
            tags: BTreeMap::new(),
        };
        let seen = Seen::default();
        seen.note(&target, &Found::Absent);
        assert_eq!(seen.take(&target), Some(Found::Absent));
        assert_eq!(seen.take(&target), None);
        seen.note(&target, &Found::Absent);
        seen.note(&target, &Found::Settling("it is being made".to_owned()));
        assert_eq!(seen.take(&target), None);
    }
}
