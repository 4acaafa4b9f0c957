//! The promises of a state store as a suite: every store that the engine may be given runs it.
//!
//! The clauses are those of [`ifc_engine::StateStore`]'s documentation, without exemptions: the
//! engine relies on all of them. What a crash leaves is for the store's own tests to show.

mod clauses;
mod faulty;
#[cfg(test)]
mod tests;

pub use faulty::{FaultyStore, StoreFaults};

use crate::Verdict;
use ifc_engine::{BoxFuture, StateStore};
use std::fmt;
use std::sync::Arc;

/// Opens stores for the suite: every call another handle on the root of that name, which is empty
/// when the suite begins. Names are of lower-case letters, digits and `-`.
pub type OpenStore = Arc<dyn Fn(&str) -> Arc<dyn StateStore> + Send + Sync>;

/// One promise of a state store.
#[derive(Clone, Copy)]
pub struct StoreClause {
    /// Stable name.
    pub id: &'static str,
    /// The promise.
    pub promise: &'static str,
    prove: fn(Root) -> BoxFuture<'static, ()>,
}

/// A clause's own root.
#[derive(Clone)]
struct Root {
    name: String,
    open: OpenStore,
}

impl Root {
    /// Another handle on this root, as another process has it.
    fn open(&self) -> Arc<dyn StateStore> {
        (self.open)(&self.name)
    }

    /// A root whose name begins with this one's.
    fn neighbour(&self) -> Arc<dyn StateStore> {
        (self.open)(&format!("{}-neighbour", self.name))
    }
}

/// What became of every clause on one store. Displayed as a table.
#[derive(Clone)]
pub struct StoreReport {
    /// The store, in the words of whoever ran the suite.
    pub store: String,
    /// One row per clause.
    pub rows: Vec<(StoreClause, Verdict)>,
}

/// Every clause.
pub fn store_clauses() -> Vec<StoreClause> {
    clauses::all()
}

/// Tries every clause on the stores that `open` opens, at the same time, each on a root of its own.
///
/// A clause that panics has failed; the panic's message is its finding. Races are real ones only
/// on a runtime with several threads.
pub async fn try_store(store: &str, open: OpenStore) -> StoreReport {
    try_clauses(store, open, store_clauses()).await
}

async fn try_clauses(store: &str, open: OpenStore, clauses: Vec<StoreClause>) -> StoreReport {
    let trials: Vec<_> = clauses
        .into_iter()
        .map(|clause| {
            let root = Root {
                name: clause.id.to_owned(),
                open: Arc::clone(&open),
            };
            (clause, tokio::spawn((clause.prove)(root)))
        })
        .collect();
    let mut rows = Vec::new();
    for (clause, trial) in trials {
        rows.push((clause, crate::runner::verdict(trial.await)));
    }
    StoreReport {
        store: store.to_owned(),
        rows,
    }
}

impl StoreReport {
    /// Prints the table and fails the test when a clause failed.
    ///
    /// # Panics
    /// When the store does not keep its promises.
    #[track_caller]
    pub fn check(&self) {
        println!("{self}");
        let failed = self.failed();
        assert!(
            failed.is_empty(),
            "{} breaks {failed:?}: see the table",
            self.store
        );
    }

    /// The ids of the clauses that failed.
    pub fn failed(&self) -> Vec<&'static str> {
        let failed = |(clause, verdict): &(StoreClause, Verdict)| {
            matches!(verdict, Verdict::Fail(_)).then_some(clause.id)
        };
        self.rows.iter().filter_map(failed).collect()
    }
}

impl fmt::Display for StoreReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "\nthe promises of a state store on {}",
            self.store
        )?;
        for (clause, verdict) in &self.rows {
            let (word, remark) = match verdict {
                Verdict::Pass => ("pass", ""),
                Verdict::Exempt(reason) => ("exempt", reason.as_str()),
                Verdict::Fail(message) => ("FAIL", message.as_str()),
            };
            writeln!(formatter, "{word:<7}{:<20} {}", clause.id, clause.promise)?;
            for line in remark.lines() {
                writeln!(formatter, "{:7}{line}", "")?;
            }
        }
        Ok(())
    }
}
