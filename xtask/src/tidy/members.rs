//! What every one of our crates says of itself: lints, edition, licence, and what it is responsible
//! for.

use super::Finding;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use toml_edit::DocumentMut;

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for member in workspace.members() {
        let manifest = member.manifest();
        let text = workspace.read(&manifest)?;
        findings.extend(judge_manifest(&manifest, &text)?);
        for target in &member.package.targets {
            let root = &target.src_path;
            let Ok(file) = root.strip_prefix(&workspace.metadata.workspace_root) else {
                continue;
            };
            let is_root = file.ends_with("src/lib.rs") || file.ends_with("src/main.rs");
            if is_root && !workspace.read(file.as_str())?.starts_with("//!") {
                findings.push(Finding::new(
                    file.as_str(),
                    "the crate does not say what it is responsible for",
                    "begin the file with `//!`",
                ));
            }
        }
    }
    Ok(findings)
}

fn judge_manifest(manifest: &str, text: &str) -> Result<Vec<Finding>> {
    let document: DocumentMut = text.parse().with_context(|| manifest.to_owned())?;
    let inherits = |table: &str, key: &str| {
        let item = document.get(table).and_then(|table| match key {
            "" => Some(table),
            key => table.get(key),
        });
        item.and_then(|item| item.get("workspace")?.as_bool()) == Some(true)
    };
    let mut findings = Vec::new();
    for key in ["edition", "license", "rust-version"] {
        if !inherits("package", key) {
            findings.push(Finding::new(
                manifest,
                format!("`{key}` is not the workspace's"),
                format!("write `{key}.workspace = true`"),
            ));
        }
    }
    // Examples look like a user's project, so they carry lints of their own.
    let forbids_unsafe = document
        .get("lints")
        .and_then(|lints| lints.get("rust")?.get("unsafe_code")?.as_str())
        == Some("forbid");
    let example = manifest.starts_with("examples/");
    if example && !forbids_unsafe {
        findings.push(Finding::new(
            manifest,
            "an example may not use unsafe code",
            "write `unsafe_code = \"forbid\"` under `[lints.rust]`",
        ));
    }
    if !example && !inherits("lints", "") {
        findings.push(Finding::new(
            manifest,
            "the workspace's lints are not in force",
            "write `workspace = true` under `[lints]`",
        ));
    }
    Ok(findings)
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

    const COMMON: &str = "[package]\nedition.workspace = true\nlicense.workspace = true\n\
                          rust-version.workspace = true\n";

    #[test]
    fn lints() {
        for (manifest, lints, findings) in [
            ("cli/Cargo.toml", "[lints]\nworkspace = true", 0),
            ("cli/Cargo.toml", "", 1),
            (
                "examples/x/Cargo.toml",
                "[lints.rust]\nunsafe_code = \"forbid\"",
                0,
            ),
            (
                "examples/x/Cargo.toml",
                "[lints.rust]\nunsafe_code = \"deny\"",
                1,
            ),
        ] {
            let found = judge_manifest(manifest, &format!("{COMMON}{lints}")).unwrap();
            assert_eq!(found.len(), findings, "{manifest} {lints}: {found:?}");
        }
    }

    #[test]
    fn common_keys() {
        let text = "[package]\nedition = \"2021\"\nlicense.workspace = true\n\
                    [lints]\nworkspace = true";
        let found = judge_manifest("cli/Cargo.toml", text).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
