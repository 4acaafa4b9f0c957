//! `cargo xtask conformance <provider>`: runs the contract suite on a provider's runtime half and
//! shows the clauses with their results.
//!
//! The suite runs as the provider's own test program; this only starts it.

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::process::Command;

/// Clauses whose id begins with this are run; all when it is not set.
const FILTER: &str = "IFC_CONFORMANCE";

/// Runs the suite. True when every clause passed or is exempt.
pub(crate) fn run(workspace: &Workspace, provider: &str, id: Option<&str>) -> Result<bool> {
    let folder = format!("providers/{provider}/runtime");
    let members = workspace.members();
    let Some(member) = members.iter().find(|member| member.folder == folder) else {
        let known: Vec<&str> = members
            .iter()
            .filter_map(|member| {
                member
                    .folder
                    .strip_prefix("providers/")?
                    .strip_suffix("/runtime")
            })
            .collect();
        bail!(
            "there is no provider `{provider}`; there is {}",
            known.join(", ")
        );
    };
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(&workspace.root)
        .args(["test", "--quiet", "--package", member.name()])
        .args(
            match workspace
                .root
                .join(&folder)
                .join("tests/conformance")
                .exists()
            {
                true => ["--test", "conformance"],
                // It needs more of the provider than others may use.
                false => ["--lib", "conformance"],
            },
        )
        .args([
            "--",
            "--nocapture",
            "--test-threads=1",
            // Those show that the suite notices defects; their tables would only confuse.
            "--skip=defect",
        ]);
    if let Some(id) = id {
        command.env(FILTER, id);
    }
    Ok(command.status().context("cargo test")?.success())
}
