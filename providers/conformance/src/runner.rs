//! Tries every clause on a provider, several at a time, each on a stage of its own.

use crate::clause::{Clause, clauses};
use crate::report::{Report, Row, Verdict};
use crate::trial::Trial;
use crate::{Exemption, Harness, Time};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Only clauses whose id begins with the value of this variable are tried.
const FILTER: &str = "IFC_CONFORMANCE";

/// Tries the clauses of the contract on a provider: all of them, or with `IFC_CONFORMANCE` set only
/// those whose id begins with its value.
///
/// A clause that panics has failed; the panic's message is its finding.
///
/// # Panics
/// When no clause's id begins so.
pub async fn run(harness: Arc<dyn Harness>) -> Report {
    let filter = std::env::var(FILTER).unwrap_or_default();
    let chosen: Vec<Clause> = clauses()
        .into_iter()
        .filter(|clause| clause.id.starts_with(&filter))
        .collect();
    assert!(
        !chosen.is_empty(),
        "no clause's id begins with `{filter}`, the value of {FILTER}"
    );
    try_clauses(harness, chosen).await
}

/// Tries the clauses with these ids.
pub async fn run_only(harness: Arc<dyn Harness>, ids: &[&str]) -> Report {
    let chosen = clauses()
        .into_iter()
        .filter(|clause| ids.contains(&clause.id));
    try_clauses(harness, chosen.collect()).await
}

async fn try_clauses(harness: Arc<dyn Harness>, clauses: Vec<Clause>) -> Report {
    let exemptions = harness.exemptions();
    let places = Arc::new(Semaphore::new(harness.parallel().max(1)));
    let trials: Vec<_> = clauses
        .into_iter()
        .map(|clause| {
            let exemption = exemption(&clause, &exemptions, &*harness);
            let (harness, places) = (Arc::clone(&harness), Arc::clone(&places));
            let verdict = tokio::spawn(async move {
                match exemption {
                    Some(reason) => Verdict::Exempt(reason),
                    None => {
                        let _place = places.acquire_owned().await;
                        try_clause(harness, clause).await
                    }
                }
            });
            (clause, verdict)
        })
        .collect();
    let mut rows = Vec::new();
    for (clause, verdict) in trials {
        let verdict = verdict
            .await
            .unwrap_or_else(|error| Verdict::Fail(error.to_string()));
        rows.push(Row { clause, verdict });
    }
    Report {
        provider: harness.provider(),
        rows,
        stale: stale(&exemptions),
    }
}

async fn try_clause(harness: Arc<dyn Harness>, clause: Clause) -> Verdict {
    let trial = Trial::new(harness, &clause);
    match tokio::spawn((clause.prove)(trial)).await {
        Ok(()) => Verdict::Pass,
        Err(error) if error.is_panic() => {
            let panic = error.into_panic();
            let message = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Verdict::Fail(message.unwrap_or_else(|| "a panic without a message".to_owned()))
        }
        Err(error) => Verdict::Fail(error.to_string()),
    }
}

/// Why a clause is not tried.
fn exemption(clause: &Clause, exemptions: &[Exemption], harness: &dyn Harness) -> Option<String> {
    if let Some(exemption) = exemptions
        .iter()
        .find(|exemption| covers(exemption, clause))
    {
        return Some(exemption.reason.clone());
    }
    if clause.outage
        && let Some(reason) = harness.forgets()
    {
        return Some(reason);
    }
    match harness.time() {
        Time::Virtual => None,
        Time::Real { .. } if clause.start.is_some() => {
            Some("it needs a certain date, and the provider's clock is real".to_owned())
        }
        Time::Real { patience } if clause.waits > patience => Some(format!(
            "it waits {} s by the provider's clock, which is real; the harness has patience for {} s",
            clause.waits.as_secs(),
            patience.as_secs()
        )),
        Time::Real { .. } => None,
    }
}

fn covers(exemption: &Exemption, clause: &Clause) -> bool {
    match exemption.clause.strip_suffix('-') {
        Some(_) => clause.id.starts_with(exemption.clause),
        None => clause.id == exemption.clause,
    }
}

fn stale(exemptions: &[Exemption]) -> Vec<String> {
    let all = clauses();
    exemptions
        .iter()
        .filter(|exemption| !all.iter().any(|clause| covers(exemption, clause)))
        .map(|exemption| format!("the exemption of `{}` names no clause", exemption.clause))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clause::clause;
    use crate::{Failure, Stage};
    use ifc_runtime::{Application, BoxFuture};
    use std::time::{Duration, SystemTime};

    /// A provider that never comes up.
    struct Broken {
        time: Time,
        exemptions: Vec<Exemption>,
    }

    impl Harness for Broken {
        fn provider(&self) -> String {
            "broken".to_owned()
        }

        fn time(&self) -> Time {
            self.time
        }

        fn exemptions(&self) -> Vec<Exemption> {
            self.exemptions.clone()
        }

        fn open<'a>(
            &'a self,
            _: Arc<Application>,
            _: SystemTime,
        ) -> BoxFuture<'a, Result<Box<dyn Stage>, Failure>> {
            Box::pin(async { Err("nothing here".into()) })
        }
    }

    async fn holds(_: Trial) {}

    async fn does_not_hold(_: Trial) {
        panic!("two is not {}", 3);
    }

    fn samples() -> Vec<Clause> {
        vec![
            clause!("1", "queue-holds", "holds", holds),
            clause!("1", "queue-fails", "fails", does_not_hold),
            clause!("1", "queue-waits", "waits", holds, waits = 60),
            clause!("1", "queue-dated", "dated", holds, start = 0),
        ]
    }

    async fn verdicts(broken: Broken) -> Report {
        try_clauses(Arc::new(broken), samples()).await
    }

    #[tokio::test]
    async fn a_panic_is_a_failure_with_its_message() {
        let broken = Broken {
            time: Time::Virtual,
            exemptions: Vec::new(),
        };
        let report = verdicts(broken).await;
        assert_eq!(report.counts(), (3, 0, 1));
        assert_eq!(
            report.rows[1].verdict,
            Verdict::Fail("two is not 3".to_owned())
        );
        assert!(report.to_string().contains("two is not 3"), "{report}");
    }

    #[tokio::test]
    async fn a_real_clock_exempts_what_it_cannot_show() {
        let time = Time::Real {
            patience: Duration::from_secs(59),
        };
        let report = verdicts(Broken {
            time,
            exemptions: Vec::new(),
        })
        .await;
        assert_eq!(report.counts(), (1, 2, 1));
        assert!(report.to_string().contains("it waits 60 s"), "{report}");
        assert!(report.to_string().contains("a certain date"), "{report}");
    }

    #[tokio::test]
    async fn exemptions_carry_their_reason_and_must_name_a_clause() {
        let exempt = |clause| Exemption {
            clause,
            reason: "has no queues".to_owned(),
        };
        let exemptions = vec![exempt("queue-"), exempt("quark-spin")];
        let report = verdicts(Broken {
            time: Time::Virtual,
            exemptions,
        })
        .await;
        assert_eq!(report.counts(), (0, 4, 0));
        assert_eq!(
            report.stale,
            ["the exemption of `quark-spin` names no clause"]
        );
        assert!(std::panic::catch_unwind(|| report.check()).is_err());
    }

    #[tokio::test]
    async fn no_clause_passes_without_a_provider() {
        let broken = Broken {
            time: Time::Virtual,
            exemptions: Vec::new(),
        };
        let report = try_clauses(Arc::new(broken), clauses()).await;
        let (passed, exempt, failed) = report.counts();
        assert_eq!((passed, exempt), (0, 0), "{report}");
        assert_eq!(failed, clauses().len());
    }
}
