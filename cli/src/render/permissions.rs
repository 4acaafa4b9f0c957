//! What units may do: for people, and as the lines of `grants.lock`.

use crate::terminal::{HEADING, NAME, QUIET, WARNING, columns, paint};
use ifc_analyzer::{Analysis, Derivation};
use ifc_graph::Graph;
use std::collections::BTreeSet;

/// The permissions of each unit.
pub(crate) fn of(analysis: &Analysis) -> String {
    let graph = &analysis.graph;
    if graph.application.span.is_none() {
        return String::new();
    }
    let mut text = match &analysis.derivation {
        Derivation::Exact { .. } => format!("{}\n", paint(HEADING, "permissions")),
        Derivation::Widest { reason } => {
            return format!(
                "{} {}\n  {} {reason}\n",
                paint(WARNING, "permissions"),
                "could not be derived: every unit counts as allowed everything",
                paint(QUIET, "because")
            );
        }
    };
    let rows: Vec<Vec<String>> = graph
        .units
        .iter()
        .map(|unit| {
            let grants: Vec<String> = graph
                .bindings
                .iter()
                .flatten()
                .filter(|binding| binding.unit == unit.name)
                .flat_map(|binding| {
                    let resource = &binding.resource.name;
                    binding
                        .grants
                        .iter()
                        .map(move |verb| format!("{resource}.{verb}"))
                })
                .collect();
            let grants = match grants.is_empty() {
                true => paint(QUIET, "nothing"),
                false => grants.join(", "),
            };
            vec![format!("  {}", paint(NAME, &unit.name)), grants]
        })
        .collect();
    text.push_str(&columns(&rows));
    if let Derivation::Exact { notes, .. } = &analysis.derivation {
        for note in notes {
            text.push_str(&format!("  {} {note}\n", paint(WARNING, "note:")));
        }
    }
    text
}

const LOCK_HEAD: &str = "\
# What each unit may do, read from the compiled program. Written by `ifc check --write-lock`,
# compared by `ifc check --locked`: a permission that a change adds is a line of its diff.
";

/// The content of `grants.lock`.
pub(crate) fn lock(graph: &Graph) -> String {
    let mut lines = BTreeSet::new();
    for binding in graph.bindings.iter().flatten() {
        for verb in &binding.grants {
            lines.insert(format!(
                "{} {}.{verb}\n",
                binding.unit, binding.resource.name
            ));
        }
    }
    lines
        .into_iter()
        .fold(LOCK_HEAD.to_owned(), |text, line| text + &line)
}

/// The permissions in a lock.
pub(crate) fn lines(lock: &str) -> impl Iterator<Item = &str> {
    lock.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// What `derived` has more (`+`) and less (`-`) than `committed`.
pub(crate) fn difference(committed: &str, derived: &str) -> Vec<String> {
    let (committed, derived): (BTreeSet<&str>, BTreeSet<&str>) =
        (lines(committed).collect(), lines(derived).collect());
    let gained = derived
        .difference(&committed)
        .map(|line| format!("+ {line}"));
    let lost = committed
        .difference(&derived)
        .map(|line| format!("- {line}"));
    gained.chain(lost).collect()
}

/// The differences for people, with what to do.
pub(crate) fn changes(changes: &[String]) -> String {
    let mut text = format!(
        "{} differ from grants.lock\n",
        paint(WARNING, "permissions")
    );
    for change in changes {
        text.push_str(&format!("  {change}\n"));
    }
    text.push_str("  `ifc why UNIT RESOURCE.VERB` shows the way to each; accept them with `ifc check --write-lock`\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_differs_by_what_was_gained_and_lost() {
        let committed = format!("{LOCK_HEAD}api orders.get\napi orders.put\n");
        let derived = format!("{LOCK_HEAD}api orders.delete\napi orders.get\n");
        assert_eq!(
            difference(&committed, &derived),
            ["+ api orders.delete", "- api orders.put"]
        );
        assert!(difference(&committed, &committed).is_empty());
        assert_eq!(lines(&committed).count(), 2);
    }
}
