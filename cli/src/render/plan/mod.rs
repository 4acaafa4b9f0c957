//! A plan for people: what would be done, why, and what the user is asked to decide.

mod change;
mod decision;
mod drift;
mod permission;
pub(crate) mod value;

#[cfg(test)]
mod tests;

pub(crate) use drift::drift;

use crate::stage::PermissionChanges;
use crate::terminal::{HEADING, NAME, QUIET, paint};
use ifc_engine::Plan;
use ifc_engine::plan::{Action, Change};

/// The plan of `stage`, which is a title. With `details` the properties of what is made are shown
/// too.
pub(crate) fn text(
    plan: &Plan,
    stage: &str,
    permissions: &PermissionChanges,
    details: bool,
) -> String {
    let sections = [
        change::section(plan, permissions, details),
        permission::section(permissions),
        drift::section(plan),
        decision::orphans(plan),
        decision::proposals(plan),
        decision::findings(plan),
        decision::refusals(plan),
    ];
    let mut text = format!("{} {stage}\n\n", paint(HEADING, "plan"));
    for section in sections.iter().filter(|section| !section.is_empty()) {
        text.push_str(section);
        text.push('\n');
    }
    text + &outcome(plan)
}

/// The heading of a section, with what is said about it.
fn heading(word: &str, note: &str) -> String {
    match note {
        "" => format!("{}\n", paint(HEADING, word)),
        note => format!("{} {}\n", paint(HEADING, word), paint(QUIET, note)),
    }
}

/// A label as the engine has it, such as "table `orders`", with the name made to stand out.
fn label(label: &str) -> String {
    match label.split_once('`') {
        Some((before, rest)) => format!("{before}{}", paint(NAME, &format!("`{rest}"))),
        None => paint(NAME, label),
    }
}

/// The last line.
fn outcome(plan: &Plan) -> String {
    let counts = counts(&plan.changes);
    let line = match (plan.is_applicable(), plan.is_empty(), plan.destroy) {
        (false, _, _) => "the plan cannot be applied as it is".to_owned(),
        (true, true, true) => "nothing to do: the stage is empty".to_owned(),
        (true, true, false) => "nothing to do: the stage is as the application says".to_owned(),
        (true, false, _) => counts,
    };
    format!("{}\n", paint(NAME, &line))
}

/// "3 to create, 1 to change; 12 stay".
fn counts(changes: &[Change]) -> String {
    type Test = fn(&Action) -> bool;
    let sorts: [(Test, &str); 8] = [
        (|action| matches!(action, Action::Create), "to create"),
        (|action| matches!(action, Action::Adopt), "to adopt"),
        (|action| matches!(action, Action::Update), "to change"),
        (|action| matches!(action, Action::Replace(_)), "to replace"),
        (|action| matches!(action, Action::Move { .. }), "to rename"),
        (|action| matches!(action, Action::Delete), "to delete"),
        (
            |action| matches!(action, Action::Record | Action::Forget),
            "to record",
        ),
        (|action| matches!(action, Action::Retain), "to keep"),
    ];
    let count = |test: Test| changes.iter().filter(|change| test(&change.action)).count();
    let parts: Vec<String> = sorts
        .iter()
        .map(|(test, words)| (count(*test), words))
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    match count(|action| matches!(action, Action::Keep)) {
        0 => parts.join(", "),
        1 => format!("{}; 1 stays", parts.join(", ")),
        stay => format!("{}; {stay} stay", parts.join(", ")),
    }
}
