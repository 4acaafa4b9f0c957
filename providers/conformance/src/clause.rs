//! Clauses: sentences of the contract, each with the code that tries to refute it.

use crate::trial::Trial;
use ifc_manifest::capability::Capability;
use ifc_runtime::BoxFuture;
use std::time::Duration;

/// One promise of the contract.
#[derive(Clone, Copy)]
pub struct Clause {
    /// Stable name: the kind, then what it is about.
    pub id: &'static str,
    /// Section of the contract.
    pub section: &'static str,
    /// The promise.
    pub promise: &'static str,
    /// How long trying it waits, at most, by the provider's clock.
    pub waits: Duration,
    /// When it has to be tried, in seconds since the epoch; any time will do when `None`.
    pub start: Option<u64>,
    /// Whether it takes the provider down and up again.
    pub outage: bool,
    /// What the provider must be able to do. A provider that lacks it is exempt, for the reason
    /// that its support table gives.
    pub needs: Option<Capability>,
    pub(crate) prove: fn(Trial) -> BoxFuture<'static, ()>,
}

/// Declares a clause: section, id, promise, function; optionally `waits = seconds`,
/// `start = epoch seconds`, `outage = true` and `needs = Capability::…`.
macro_rules! clause {
    (@set $clause:ident waits $seconds:expr) => {
        $clause.waits = std::time::Duration::from_secs($seconds);
    };
    (@set $clause:ident start $seconds:expr) => {
        $clause.start = Some($seconds);
    };
    (@set $clause:ident outage $needed:expr) => {
        $clause.outage = $needed;
    };
    (@set $clause:ident needs $capability:expr) => {
        $clause.needs = Some($capability);
    };
    ($section:literal, $id:literal, $promise:literal, $prove:path $(, $need:ident = $value:expr)*) => {{
        #[allow(unused_mut, reason = "a clause without needs is not changed")]
        let mut clause = $crate::clause::Clause {
            id: $id,
            section: $section,
            promise: $promise,
            waits: std::time::Duration::ZERO,
            start: None,
            outage: false,
            needs: None,
            prove: |trial| Box::pin($prove(trial)),
        };
        $(clause!(@set clause $need $value);)*
        clause
    }};
}
pub(crate) use clause;

/// Every clause, by kind.
pub fn clauses() -> Vec<Clause> {
    [
        crate::http_api::clauses(),
        crate::function::clauses(),
        crate::queue::clauses(),
        crate::stream::clauses(),
        crate::table::clauses(),
        crate::topic::clauses(),
        crate::bucket::clauses(),
        crate::event_bus::clauses(),
        crate::schedule::clauses(),
        crate::secret::clauses(),
        crate::config::clauses(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifc_manifest::Kind;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_distinct_and_begin_with_a_kind() {
        let all = clauses();
        let ids: BTreeSet<&str> = all.iter().map(|clause| clause.id).collect();
        assert_eq!(ids.len(), all.len());
        for kind in Kind::ALL {
            let prefix = format!("{kind}-");
            assert!(
                ids.iter().any(|id| id.starts_with(&prefix)),
                "{kind} has no clause"
            );
        }
        for id in ids {
            let known = Kind::ALL
                .iter()
                .any(|kind| id.starts_with(&format!("{kind}-")));
            assert!(known, "{id}");
        }
    }
}
