//! What an apply does and did: words, times, and the summary.

use crate::render::summary::counted;
use crate::terminal::{ERROR, HEADING, QUIET, paint};
use ifc_engine::{Phase, StepReport, Summary};
use std::collections::BTreeMap;
use std::time::Duration;

/// The word for a step that is done.
pub(crate) fn verb(call: &str) -> &'static str {
    match call {
        "create" => "Created",
        "update" => "Changed",
        "delete" => "Deleted",
        "adopt" => "Adopted",
        "forget" => "Forgot",
        "retain" => "Kept",
        "move" => "Renamed",
        _ => "Recorded",
    }
}

/// The word for a step that is under way.
pub(crate) fn under_way(call: &str) -> &'static str {
    match call {
        "create" => "Creating",
        "update" => "Changing",
        "delete" => "Deleting",
        _ => "Recording",
    }
}

/// A time as people say it.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{}.{} s", seconds, time.subsec_millis() / 100),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => counted(
            usize::try_from(seconds / 86_400).unwrap_or(usize::MAX),
            "day",
        ),
    }
}

/// What became of an apply.
pub(crate) fn summary(summary: &Summary) -> String {
    let mut text = failures(summary);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for step in summary.in_phase(Phase::Done) {
        *counts.entry(verb(step.call)).or_default() += 1;
    }
    let mut parts: Vec<String> = counts
        .iter()
        .map(|(verb, count)| format!("{count} {}", verb.to_lowercase()))
        .collect();
    let count = |phase| summary.in_phase(phase).count();
    let not_begun = count(Phase::Blocked) + count(Phase::Left);
    for (count, words) in [(count(Phase::Failed), "failed"), (not_begun, "not begun")] {
        if count > 0 {
            parts.push(format!("{count} {words}"));
        }
    }
    if parts.is_empty() {
        parts.push("nothing to do".to_owned());
    }
    let (word, style) = match summary.is_complete() {
        true => ("applied", HEADING),
        false => ("not finished", ERROR),
    };
    text.push_str(&format!(
        "{} {} {}\n",
        paint(style, word),
        parts.join(", "),
        paint(QUIET, &format!("in {}", duration(summary.elapsed)))
    ));
    text
}

/// What failed, and what was not begun for it.
fn failures(summary: &Summary) -> String {
    let mut text = String::new();
    for step in summary.in_phase(Phase::Failed) {
        let failure = step.failure.as_deref().unwrap_or("it is not known why");
        text.push_str(&format!(
            "{} {}: {failure}\n",
            paint(ERROR, "failed"),
            what(step)
        ));
    }
    let reasons = [
        (Phase::Blocked, "something it needs failed"),
        (Phase::Left, "the apply was stopped before it"),
    ];
    for (phase, reason) in reasons {
        for step in summary.in_phase(phase) {
            text.push_str(&format!(
                "{} {}: {reason}\n",
                paint(QUIET, "not begun"),
                what(step)
            ));
        }
    }
    text
}

fn what(step: &StepReport) -> String {
    format!("{} {}", step.call, step.label)
}
