//! `ifc check`: everything that is wrong with the application's declarations, and what its units
//! may do.

use crate::application;
use crate::arguments::{Check, Global};
use crate::exit::Exit;
use crate::failure::{Context as _, Failure};
use crate::render::{diagnostic, permissions, summary};
use crate::terminal;
use ifc_analyzer::{Analysis, Derivation, Project};
use ifc_graph::Severity;
use ifc_graph::wire::{self, FindingJson};
use serde::Serialize;
use std::fs;

/// The file with the permissions that are meant to be there, beside the application's `Cargo.toml`.
const LOCK: &str = "grants.lock";

/// The code of the finding that `--deny-unused` turns into a failure.
const UNUSED: &str = "unused-resource";

#[derive(Serialize)]
struct CheckJson<'a> {
    /// Whether nothing that was asked for is missing.
    valid: bool,
    findings: Vec<FindingJson>,
    /// Whether the permissions were read from the program's link; otherwise everything is allowed.
    permissions_exact: bool,
    /// `unit resource.verb`, sorted.
    permissions: Vec<&'a str>,
    /// Differences to `grants.lock`.
    permission_changes: Vec<String>,
}

pub(crate) fn run(global: &Global, check: &Check) -> Result<Exit, Failure> {
    let project = application::find(global)?;
    let analysis = application::analyze(&project)?;
    let lock = permissions::lock(&analysis.graph);
    let changes = match check.locked {
        true => changes(&project, &analysis, &lock)?,
        false => Vec::new(),
    };
    let valid = analysis.is_valid() && !denied(&analysis, check) && changes.is_empty();
    if check.output.json {
        terminal::print_json(&CheckJson {
            valid,
            findings: wire::findings(&analysis.diagnostics),
            permissions_exact: matches!(analysis.derivation, Derivation::Exact { .. }),
            permissions: permissions::lines(&lock).collect(),
            permission_changes: changes,
        })?;
    } else {
        terminal::print(&diagnostic::all(
            &analysis.diagnostics,
            &project.workspace_root,
        ))?;
        terminal::print(&permissions::of(&analysis))?;
        terminal::print(&summary::of(&analysis))?;
        if !changes.is_empty() {
            terminal::print(&permissions::changes(&changes))?;
        }
    }
    if check.write_lock && analysis.is_valid() {
        write(&project, &analysis, &lock)?;
    }
    Ok(if valid { Exit::Success } else { Exit::Failure })
}

fn denied(analysis: &Analysis, check: &Check) -> bool {
    analysis.diagnostics.iter().any(|finding| {
        finding.severity == Severity::Warning
            && (check.deny_warnings || (check.deny_unused && finding.code == UNUSED))
    })
}

/// The derived permissions, or a failure: a lock of permissions that were not derived would allow
/// everything.
fn exact(analysis: &Analysis) -> Result<(), Failure> {
    match &analysis.derivation {
        Derivation::Exact { .. } => Ok(()),
        Derivation::Widest { reason } => Err(Failure::new(format!(
            "the permissions cannot be compared with `{LOCK}`: they could not be derived"
        ))
        .because(reason)),
    }
}

/// What differs from the committed lock, as `+ unit resource.verb` and `- unit resource.verb`.
fn changes(project: &Project, analysis: &Analysis, lock: &str) -> Result<Vec<String>, Failure> {
    exact(analysis)?;
    let path = project.package_root.join(LOCK);
    let committed = fs::read_to_string(&path).context(|| {
        format!(
            "there is no readable `{}`: write it with `ifc check --write-lock` and commit it",
            application::shown(&path)
        )
    })?;
    Ok(permissions::difference(&committed, lock))
}

fn write(project: &Project, analysis: &Analysis, lock: &str) -> Result<(), Failure> {
    exact(analysis)?;
    let path = project.package_root.join(LOCK);
    fs::write(&path, lock).context(|| format!("cannot write `{}`", path.display()))?;
    terminal::status("Written", &application::shown(&path));
    Ok(())
}
