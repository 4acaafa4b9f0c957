//! `cargo xtask simulate`: runs the seeded simulation of the engine, as a release build.
//!
//! The simulation is a program of its own; this only starts it.

use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::process::Command;

/// Runs it with these arguments. True when every invariant held.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<bool> {
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(&workspace.root)
        .args(["run", "--quiet", "--release"])
        .args(["--package", "ifc-simulation", "--"])
        .args(arguments);
    Ok(command
        .status()
        .context("cannot run the simulation")?
        .success())
}
