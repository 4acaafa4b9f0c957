//! What the user may want to decide, each with the flag or command that does it.

use super::{heading, label};
use crate::terminal::{ERROR, QUIET, WARNING, paint};
use ifc_engine::Plan;
use ifc_engine::plan::{Consent, RenameProposal};
use ifc_engine::provider::Severity;
use std::collections::BTreeSet;

/// What is kept though no part needs it.
pub(super) fn orphans(plan: &Plan) -> String {
    if plan.orphans.is_empty() {
        return String::new();
    }
    let mut text = heading("kept", "though nothing needs it");
    for orphan in &plan.orphans {
        let address = &orphan.address;
        text.push_str(&format!("  {}\n", label(&orphan.label)));
        text.push_str(&help(&format!(
            "`--delete {address}` deletes it with all it holds, `ifc state rm {address}` forgets it"
        )));
    }
    text
}

/// What may be an old thing under a new name.
pub(super) fn proposals(plan: &Plan) -> String {
    if plan.proposals.is_empty() {
        return String::new();
    }
    let mut text = heading("renamed?", "");
    let mut said = BTreeSet::new();
    for proposal in &plan.proposals {
        let rename = rename(proposal);
        if said.insert(rename.clone()) {
            text.push_str(&format!(
                "  {} is new, and looks like {}, which is no longer wanted\n",
                label(&proposal.to_label),
                label(&proposal.from_label)
            ));
            text.push_str(&help(&format!(
                "if it is the same under a new name, keep what it holds with `--rename {rename}`"
            )));
        }
    }
    text
}

/// The shortest that says it: resources, unless it is a part that changed its name within one.
fn rename(proposal: &RenameProposal) -> String {
    let RenameProposal { from, to, .. } = proposal;
    match from.part() == to.part() && from.resource() != to.resource() {
        true => format!("{}={}", from.resource(), to.resource()),
        false => format!("{from}={to}"),
    }
}

/// What preflight found.
pub(super) fn findings(plan: &Plan) -> String {
    if plan.findings.is_empty() {
        return String::new();
    }
    let mut text = heading("found", "before anything is done");
    for finding in &plan.findings {
        let severity = match finding.severity {
            Severity::Error => paint(ERROR, "error"),
            Severity::Warning => paint(WARNING, "warning"),
        };
        let part = finding.part.as_ref();
        let part = part.map_or_else(String::new, |part| format!("`{part}`: "));
        text.push_str(&format!("  {severity}: {part}{}\n", finding.message));
        if let Some(sentence) = &finding.help {
            text.push_str(&help(sentence));
        }
    }
    text
}

/// Why it cannot be applied.
pub(super) fn refusals(plan: &Plan) -> String {
    if plan.refusals.is_empty() {
        return String::new();
    }
    let mut text = heading("refused", "");
    for refusal in &plan.refusals {
        text.push_str(&format!("  {} {}\n", paint(ERROR, "!"), refusal.message));
        if let Some(consent) = &refusal.consent {
            text.push_str(&help(&match consent {
                Consent::Replace(address) => {
                    format!("`--allow-replace {address}` agrees to it")
                }
                Consent::Delete(address) => {
                    format!("`--delete {address}` agrees that it is deleted with all it holds")
                }
                Consent::TakeOver(address) => {
                    format!("`--take-over {address}` makes it part of this stage")
                }
            }));
        }
    }
    text
}

fn help(sentence: &str) -> String {
    format!("      {} {sentence}\n", paint(QUIET, "="))
}
