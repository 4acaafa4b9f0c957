//! One test command: the one in the README is the one that continuous integration runs.

use super::Finding;
use crate::workspace::Workspace;
use anyhow::Result;

const README: &str = "README.md";
const SCRIPT: &str = ".ci/run";

/// Runs everything.
const COMMAND: &str = "cargo xtask ci";

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings = judge(&workspace.read(README)?, &workspace.read(SCRIPT)?);
    if !executable(workspace) {
        findings.push(Finding::new(
            SCRIPT,
            "the script is not executable",
            "chmod +x it",
        ));
    }
    Ok(findings)
}

fn judge(readme: &str, script: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !readme.lines().any(|line| line.trim() == COMMAND) {
        findings.push(Finding::new(
            README,
            format!("no line of the README is the test command `{COMMAND}`"),
            "show it in a code block of its own",
        ));
    }
    let last = script.lines().rev().find(|line| !line.trim().is_empty());
    if last.map(str::trim) != Some(COMMAND) {
        findings.push(Finding::new(
            SCRIPT,
            format!("the script does not end by running `{COMMAND}`"),
            "run what the README says, and nothing else",
        ));
    }
    if !script
        .lines()
        .any(|line| line.trim() == "set -euo pipefail")
    {
        let message = "a failing command would not stop the script";
        findings.push(Finding::new(SCRIPT, message, "write `set -euo pipefail`"));
    }
    findings
}

#[cfg(unix)]
fn executable(workspace: &Workspace) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(workspace.root.join(SCRIPT))
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn executable(_: &Workspace) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::assert_none;
    use crate::workspace::this;

    #[test]
    fn this_repository() {
        assert_none(&check(this()).unwrap());
    }

    #[test]
    fn each_side_is_checked() {
        let readme = "Run\n\n```sh\ncargo xtask ci\n```\n";
        let script = "#!/usr/bin/env bash\nset -euo pipefail\ncargo xtask ci\n";
        assert_none(&judge(readme, script));
        assert_eq!(judge("cargo test", script).len(), 1);
        assert_eq!(
            judge(readme, "set -euo pipefail\ncargo xtask ci || true\n").len(),
            1
        );
        assert_eq!(judge(readme, "cargo xtask ci\n").len(), 1);
    }
}
