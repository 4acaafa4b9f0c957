//! A stage as it is recorded and as it stands: `status`, `state show`, the lock.

use super::fingerprint;
use super::outcome::duration;
use super::plan::value::value;
use crate::stage::{host_shown, runs_here};
use crate::terminal::{ERROR, HEADING, NAME, QUIET, WARNING, columns, paint};
use ifc_engine::state::{PartRecord, Unsettled};
use ifc_engine::{
    Fingerprint, Holder, Inspection, PartAddress, PartStatus, Standing, State, Timestamp, Value,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// A stage with every part that it has.
pub(crate) fn status(
    title: &str,
    place: &str,
    inspection: &Inspection,
    parts: &[PartStatus],
    now: Timestamp,
) -> String {
    let mut text = format!("{title}\n");
    if inspection.is_unborn {
        text.push_str(&format!(
            "  nothing was ever applied; its state will be in {place}\n"
        ));
    } else {
        text.push_str(&format!("  state {} in {place}\n", inspection.state.serial));
    }
    if let Some(artifact) = program(&inspection.state) {
        let artifact = fingerprint::shortened(artifact.as_str());
        text.push_str(&format!("  program {artifact}\n"));
    }
    for warning in &inspection.warnings {
        text.push_str(&format!("  {} {warning}\n", paint(WARNING, "warning:")));
    }
    if let Some(holder) = &inspection.holder {
        text.push_str(&format!("  {}\n", locked(holder, now)));
    }
    if let Some(interrupted) = &inspection.interrupted {
        let state = match &inspection.holder {
            Some(_) => "has not come to its end yet",
            None => "was interrupted; the next command that writes accounts for what it did",
        };
        text.push_str(&format!(
            "  `{}` {state} ({} begun and not known to have ended)\n",
            interrupted.command,
            super::summary::counted(interrupted.open_steps, "step")
        ));
    }
    let rows: Vec<Vec<String>> = parts.iter().map(row).collect();
    if !rows.is_empty() {
        text.push('\n');
    }
    text + &columns(&rows)
}

/// The program that is deployed. What was destroyed was made equal to nothing, which has a
/// fingerprint too.
fn program(state: &State) -> Option<&Fingerprint> {
    state.artifact.as_ref().filter(|_| !state.parts.is_empty())
}

fn row(part: &PartStatus) -> Vec<String> {
    let (word, note) = match &part.standing {
        Standing::Present => (paint(HEADING, "present"), String::new()),
        Standing::Absent => (paint(ERROR, "missing"), String::new()),
        Standing::Settling { note } => (paint(WARNING, "settling"), note.clone()),
        Standing::Foreign { owner } => (paint(ERROR, "foreign"), format!("belongs to {owner}")),
    };
    let mut notes = Vec::new();
    if part.leftover {
        notes.push("kept, though nothing needs it".to_owned());
    }
    if let Some(unsettled) = part.unsettled {
        notes.push(format!("an interrupted apply was {} it", doing(unsettled)));
    }
    notes.extend(Some(note).filter(|note| !note.is_empty()));
    let mut cells = vec![
        format!("  {word}"),
        part.label.clone(),
        paint(QUIET, &part.address.to_string()),
    ];
    if !notes.is_empty() {
        cells.push(notes.join("; "));
    }
    cells
}

fn doing(unsettled: Unsettled) -> &'static str {
    match unsettled {
        Unsettled::Creating => "creating",
        Unsettled::Updating => "changing",
        Unsettled::Deleting => "deleting",
    }
}

/// Who holds the lock.
pub(crate) fn locked(holder: &Holder, now: Timestamp) -> String {
    let since = Duration::from_millis(now.0.saturating_sub(holder.since.0));
    let alive = match runs_here(holder) {
        Some(true) => "that process runs",
        Some(false) => "that process has ended, and the next command takes over by itself",
        None => "whether it runs cannot be seen from here",
    };
    format!(
        "locked by `{}` on `{}`, process {}, which runs `{}`, for {}: {alive}",
        holder.person,
        host_shown(&holder.host),
        holder.process,
        holder.command,
        duration(since)
    )
}

/// [`status`] for programs.
pub(crate) fn status_json(inspection: &Inspection, parts: &[PartStatus]) -> Json {
    let parts: Vec<Json> = parts
        .iter()
        .map(|part| {
            let (standing, note) = match &part.standing {
                Standing::Present => ("present", None),
                Standing::Absent => ("absent", None),
                Standing::Settling { note } => ("settling", Some(note)),
                Standing::Foreign { owner } => ("foreign", Some(owner)),
            };
            json!({
                "address": part.address.to_string(),
                "label": part.label,
                "type": part.identity.part_type.as_str(),
                "physical_name": part.identity.physical_name.to_string(),
                "kept": part.leftover,
                "unsettled": part.unsettled.map(doing),
                "standing": standing,
                "note": note,
            })
        })
        .collect();
    json!({
        "application": inspection.state.application.as_str(),
        "stage": inspection.state.stage.as_str(),
        "provider": inspection.state.provider,
        "serial": inspection.state.serial,
        "artifact": program(&inspection.state).map(ToString::to_string),
        "holder": inspection.holder.as_ref().map(|holder| json!({
            "person": holder.person,
            "host": host_shown(&holder.host),
            "process": holder.process,
            "command": holder.command,
            "since_ms": holder.since.0,
            "runs": runs_here(holder),
        })),
        "interrupted": inspection.interrupted.as_ref().map(|interrupted| json!({
            "command": interrupted.command,
            "open_steps": interrupted.open_steps,
        })),
        "warnings": inspection.warnings,
        "parts": parts,
    })
}

/// Everything that is recorded about these parts.
pub(crate) fn state(state: &State, chosen: &dyn Fn(&PartAddress) -> bool) -> String {
    let mut text = String::new();
    for (address, record) in state.parts.iter().filter(|(address, _)| chosen(address)) {
        text.push_str(&part(address, record, ""));
    }
    let leftovers = state.leftovers.values();
    for leftover in leftovers.filter(|leftover| chosen(&leftover.address)) {
        text.push_str(&part(
            &leftover.address,
            &leftover.record,
            " (kept, though nothing needs it)",
        ));
    }
    match text.is_empty() {
        true => "nothing is recorded\n".to_owned(),
        false => text,
    }
}

fn part(address: &PartAddress, record: &PartRecord, note: &str) -> String {
    let mut text = format!(
        "{} {}{note}\n",
        paint(NAME, &address.to_string()),
        paint(QUIET, &record.label)
    );
    let mut line = |name: &str, content: &str| {
        text.push_str(&format!("  {name}  {content}\n"));
    };
    line("type", record.part_type.as_str());
    line("name", &record.physical_name.to_string());
    if let Some(unsettled) = record.unsettled {
        line(
            "unsettled",
            &format!("an interrupted apply was {} it", doing(unsettled)),
        );
    }
    let lifecycle = [
        (record.lifecycle.retain, "retained"),
        (record.lifecycle.protected, "protected"),
    ];
    for (_, word) in lifecycle.iter().filter(|(is, _)| *is) {
        line("lifecycle", word);
    }
    for (name, property) in &record.properties {
        line(name, &value(property));
    }
    for (name, output) in &record.outputs {
        line(&format!("→ {name}"), &value(output));
    }
    text
}

/// [`state`] for programs.
pub(crate) fn state_json(state: &State, chosen: &dyn Fn(&PartAddress) -> bool) -> Json {
    let parts = state.parts.iter();
    let parts = parts.map(|(address, record)| (address, record, false));
    let leftovers = state.leftovers.values();
    let leftovers = leftovers.map(|leftover| (&leftover.address, &leftover.record, true));
    let all: Vec<Json> = parts
        .chain(leftovers)
        .filter(|(address, ..)| chosen(address))
        .map(|(address, record, kept)| {
            json!({
                "address": address.to_string(),
                "label": record.label,
                "type": record.part_type.as_str(),
                "physical_name": record.physical_name.to_string(),
                "kept": kept,
                "retain": record.lifecycle.retain,
                "protected": record.lifecycle.protected,
                "unsettled": record.unsettled.map(doing),
                "properties": values_json(&record.properties),
                "outputs": values_json(&record.outputs),
                "tags": record.tags,
            })
        })
        .collect();
    json!({
        "application": state.application.as_str(),
        "stage": state.stage.as_str(),
        "provider": state.provider,
        "lineage": state.lineage,
        "serial": state.serial,
        "parts": all,
    })
}

fn values_json(values: &BTreeMap<String, Value>) -> Json {
    let pairs = values.iter();
    pairs
        .map(|(name, value)| (name.clone(), value_json(value)))
        .collect()
}

/// Recorded values have no references left in them; a secret is its name.
fn value_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(bool) => json!(bool),
        Value::Integer(number) => json!(number),
        Value::Text(text) => json!(text),
        Value::List(items) | Value::Join(items) => items.iter().map(value_json).collect(),
        Value::Map(map) => values_json(map),
        Value::Output(output) => json!({ "output": output.to_string() }),
        Value::Secret(name) => json!({ "secret": name.0 }),
    }
}
