//! `ifc check`: everything that is wrong with the application's declarations.

use crate::application;
use crate::arguments::{Global, Output};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{diagnostic, summary};
use crate::terminal;
use ifc_graph::wire::{self, FindingJson};
use serde::Serialize;

#[derive(Serialize)]
struct CheckJson {
    /// Whether there is no error among the findings.
    valid: bool,
    findings: Vec<FindingJson>,
}

pub(crate) fn run(global: &Global, output: &Output) -> Result<Exit, Failure> {
    let project = application::find(global)?;
    let analysis = application::analyze(&project)?;
    let valid = analysis.is_valid();
    if output.json {
        terminal::print_json(&CheckJson {
            valid,
            findings: wire::findings(&analysis.diagnostics),
        })?;
    } else {
        terminal::print(&diagnostic::all(
            &analysis.diagnostics,
            &project.workspace_root,
        ))?;
        terminal::print(&summary::of(&analysis))?;
    }
    Ok(if valid { Exit::Success } else { Exit::Failure })
}
