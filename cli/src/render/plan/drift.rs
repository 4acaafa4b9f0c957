//! What somebody else changed.

use super::value::value;
use super::{heading, label};
use ifc_engine::Plan;
use ifc_engine::plan::{Drift, DriftResponse, DriftSort};

pub(super) fn section(plan: &Plan) -> String {
    match plan.drift.is_empty() {
        true => String::new(),
        false => heading("drift", "what somebody else changed") + &drift(&plan.drift),
    }
}

/// A line for each.
pub(crate) fn drift(drift: &[Drift]) -> String {
    drift.iter().map(one).collect()
}

fn one(drift: &Drift) -> String {
    let found = match &drift.sort {
        DriftSort::Deleted => "is gone".to_owned(),
        DriftSort::Foreign { owner } => format!("belongs to {owner}"),
        DriftSort::Changed {
            path,
            recorded,
            observed,
            desired,
        } => {
            let desired = match desired {
                Some(desired) if desired != recorded && desired != observed => {
                    format!(", and is to be {}", value(desired))
                }
                _ => String::new(),
            };
            format!(
                "has `{path}` {}, was made with {}{desired}",
                value(observed),
                value(recorded)
            )
        }
    };
    let response = match drift.response {
        DriftResponse::Recreate => "it will be made again",
        DriftResponse::Revert => "it will be set back",
        DriftResponse::Accept => "it stays so, and is recorded",
        DriftResponse::Replace => "the part will be replaced",
        DriftResponse::Delete => "the part will be deleted anyway",
        DriftResponse::Forget => "it will be forgotten",
        DriftResponse::Refuse => "nothing is done before you decide",
    };
    format!("  {} {found}: {response}\n", label(&drift.label))
}
