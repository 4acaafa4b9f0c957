//! Tries every clause on a provider, several at a time, each on a stage of its own.

use crate::clause::{Clause, clauses};
use crate::report::{Report, Row, Verdict};
use crate::trial::Trial;
use crate::{Harness, Time};
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
    let places = Arc::new(Semaphore::new(harness.parallel().max(1)));
    let trials: Vec<_> = clauses
        .into_iter()
        .map(|clause| {
            let exemption = exemption(&clause, &*harness);
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
    }
}

async fn try_clause(harness: Arc<dyn Harness>, clause: Clause) -> Verdict {
    let trial = Trial::new(harness, &clause);
    verdict(tokio::spawn((clause.prove)(trial)).await)
}

/// What a clause's task came to.
pub(crate) fn verdict(result: Result<(), tokio::task::JoinError>) -> Verdict {
    match result {
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
fn exemption(clause: &Clause, harness: &dyn Harness) -> Option<String> {
    if let Some(capability) = clause.needs
        && let Err(fact) = capability.on(harness.id())
    {
        return Some(format!("{capability}: {fact}"));
    }
    if let Some(reason) = harness.cannot_try(clause.id) {
        return Some(reason);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clause::clause;
    use crate::{Failure, Stage};
    use ifc_manifest::ProviderId;
    use ifc_manifest::capability::Capability;
    use ifc_runtime::{Application, BoxFuture};
    use std::time::{Duration, SystemTime};

    /// A provider that never comes up.
    struct Broken {
        id: ProviderId,
        time: Time,
    }

    impl Harness for Broken {
        fn provider(&self) -> String {
            "broken".to_owned()
        }

        fn time(&self) -> Time {
            self.time
        }

        fn id(&self) -> ProviderId {
            self.id
        }

        fn cannot_try(&self, clause: &str) -> Option<String> {
            (clause == "queue-impossible").then(|| "nobody can".to_owned())
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
            id: ProviderId::Local,
            time: Time::Virtual,
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
            id: ProviderId::Local,
            time,
        })
        .await;
        assert_eq!(report.counts(), (1, 2, 1));
        assert!(report.to_string().contains("it waits 60 s"), "{report}");
        assert!(report.to_string().contains("a certain date"), "{report}");
    }

    #[tokio::test]
    async fn what_the_harness_cannot_try_is_exempt_with_its_reason() {
        let impossible = vec![clause!("1", "queue-impossible", "fails", does_not_hold)];
        let broken = Broken {
            id: ProviderId::Local,
            time: Time::Virtual,
        };
        let report = try_clauses(Arc::new(broken), impossible).await;
        let expected = Verdict::Exempt("nobody can".to_owned());
        assert_eq!(report.rows[0].verdict, expected);
    }

    #[tokio::test]
    async fn what_a_provider_lacks_is_exempt_for_the_reason_of_its_table() {
        let needs = || {
            let needs = Capability::OldImage;
            vec![clause!("1", "table-needs", "needs", holds, needs = needs)]
        };
        for (id, expected) in [
            (ProviderId::Aws, Verdict::Pass),
            (
                ProviderId::Azure,
                Verdict::Exempt(
                    "OldImage: the change feed of Cosmos DB has only the latest version".to_owned(),
                ),
            ),
        ] {
            let time = Time::Virtual;
            let report = try_clauses(Arc::new(Broken { id, time }), needs()).await;
            assert_eq!(report.rows[0].verdict, expected, "{id}");
        }
    }

    #[tokio::test]
    async fn no_clause_passes_without_a_provider() {
        let broken = Broken {
            id: ProviderId::Local,
            time: Time::Virtual,
        };
        let report = try_clauses(Arc::new(broken), clauses()).await;
        let (passed, exempt, failed) = report.counts();
        assert_eq!((passed, exempt), (0, 0), "{report}");
        assert_eq!(failed, clauses().len());
    }
}
