//! What would be done to each part.

use super::value::{optional, value};
use super::{heading, label};
use crate::stage::PermissionChanges;
use crate::terminal::{ERROR, HEADING, QUIET, WARNING, paint};
use anstyle::Style;
use ifc_engine::plan::{Action, Change, PropertyChange, ReplaceOrder};
use ifc_engine::{ChangeClass, Plan};

/// Where the words end.
const WORD_WIDTH: usize = 9;

/// The parts that something happens to.
pub(super) fn section(plan: &Plan, permissions: &PermissionChanges, details: bool) -> String {
    let changes = plan.changes.iter();
    // What is retained is listed with everything else that is kept.
    let shown = changes.filter(|change| !matches!(change.action, Action::Keep | Action::Retain));
    let text: String = shown
        .map(|change| one(change, permissions, details))
        .collect();
    match text.is_empty() {
        true => text,
        false => heading("changes", "") + &text,
    }
}

fn one(change: &Change, permissions: &PermissionChanges, details: bool) -> String {
    let (word, style) = word(&change.action);
    let mut line = format!(
        "{}{} {}",
        " ".repeat(WORD_WIDTH.saturating_sub(word.len())),
        paint(style, word),
        label(&change.label)
    );
    if let Some(reason) = reason(change) {
        line.push_str(&format!(": {reason}"));
    }
    if let Some(source) = &change.source {
        line.push_str(&format!("  {}", paint(QUIET, source)));
    }
    line.push('\n');
    let is_new = matches!(change.action, Action::Create);
    if !is_new || details {
        let shown = change.properties.iter();
        for property in shown.filter(|property| !permissions.tells(&property.path)) {
            line.push_str(&self::property(property, is_new));
        }
    }
    line
}

fn word(action: &Action) -> (&'static str, Style) {
    match action {
        Action::Create => ("create", HEADING),
        Action::Adopt => ("adopt", HEADING),
        Action::Update => ("change", WARNING),
        Action::Replace(_) => ("replace", ERROR),
        Action::Delete => ("delete", ERROR),
        Action::Move { .. } => ("rename", HEADING),
        Action::Record => ("record", QUIET),
        Action::Forget => ("forget", QUIET),
        Action::Keep | Action::Retain => ("keep", QUIET),
    }
}

/// Why, where the word and the properties do not say it.
fn reason(change: &Change) -> Option<String> {
    let order = match &change.action {
        Action::Create if change.from.is_none() => return None,
        Action::Update => return None,
        Action::Replace(ReplaceOrder::CreateFirst) => "; the new one is made first",
        Action::Replace(ReplaceOrder::DeleteFirst) => "; the old one is deleted first",
        Action::Replace(ReplaceOrder::CreateAndKeep) => "; the old one is kept",
        _ => "",
    };
    Some(format!("{}{order}", change.reason))
}

fn property(property: &PropertyChange, is_new: bool) -> String {
    let path = &property.path;
    let change = match (&property.old, &property.new) {
        (None, Some(new)) if is_new => value(new),
        (old, new) => format!("{} → {}", optional(old.as_ref()), optional(new.as_ref())),
    };
    let class = match property.class {
        _ if is_new => "",
        ChangeClass::InPlace => "",
        ChangeClass::Replace => "  not possible in place",
        ChangeClass::Refuse => "  only with your consent",
    };
    let class = paint(QUIET, class);
    let class = if class.trim().is_empty() { "" } else { &class };
    format!("{:1$}{path}  {change}{class}\n", "", WORD_WIDTH + 3)
}
