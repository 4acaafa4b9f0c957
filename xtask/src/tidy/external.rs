//! What the crates that every application compiles may take from outside. Each line here is paid
//! for in every user's build, so adding one is a deliberate edit.

use super::Finding;
use crate::workspace::Workspace;
use anyhow::Result;
use cargo_metadata::DependencyKind;
use std::collections::BTreeSet;

/// By folder: the external crates in `[dependencies]` and `[build-dependencies]`.
const ALLOWED: &[(&str, &[&str])] = &[
    ("codegen/manifest", &[]),
    ("codegen/macros", &["proc-macro2", "quote", "syn"]),
    (
        "sdk/runtime",
        &[
            "axum",
            "getrandom",
            "matchit",
            "serde_json",
            "tokio",
            "tracing",
        ],
    ),
    (
        "sdk/ifc",
        &["serde", "serde_json", "tokio", "tower", "tracing"],
    ),
    (
        "providers/aws/runtime",
        &[
            "axum",
            "fastrand",
            "hyper",
            "hyper-util",
            "ring",
            "rustls",
            "rustls-webpki",
            "serde",
            "serde_json",
            "tokio",
            "tokio-rustls",
            "tower",
            "tracing",
            "webpki-roots",
        ],
    ),
    (
        "providers/local/runtime",
        &[
            "axum",
            "chacha20-poly1305",
            "fastrand",
            "getrandom",
            "http-body",
            "jiff",
            "redb",
            "serde",
            "serde_json",
            "tokio",
            "tower",
            "tracing",
        ],
    ),
];

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let members = workspace.members();
    let ours: BTreeSet<&str> = members.iter().map(|member| member.name()).collect();
    let mut findings = Vec::new();
    for (folder, allowed) in ALLOWED {
        let Some(member) = members.iter().find(|member| member.folder == *folder) else {
            findings.push(Finding::new(
                "xtask/src/tidy/external.rs",
                format!("there is no crate in {folder}"),
                "remove its line",
            ));
            continue;
        };
        let declared: BTreeSet<&str> = member
            .package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind != DependencyKind::Development)
            .map(|dependency| dependency.name.as_str())
            .filter(|name| !ours.contains(name))
            .collect();
        findings.extend(compare(folder, &declared, allowed));
    }
    Ok(findings)
}

fn compare(folder: &str, declared: &BTreeSet<&str>, allowed: &[&str]) -> Vec<Finding> {
    let unexpected = declared
        .iter()
        .filter(|name| !allowed.contains(name))
        .map(|name| {
            Finding::new(
                format!("{folder}/Cargo.toml"),
                format!("`{name}` is not on the list of what applications may be made to compile"),
                "do without it, or add it in xtask/src/tidy/external.rs and say in the commit what \
                 it saves and what it costs to compile",
            )
        });
    let unused = allowed
        .iter()
        .filter(|name| !declared.contains(*name))
        .map(|name| {
            Finding::new(
                "xtask/src/tidy/external.rs",
                format!("{folder} no longer depends on `{name}`"),
                "take it off the list",
            )
        });
    unexpected.chain(unused).collect()
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
    fn both_additions_and_leftovers_are_found() {
        let declared = BTreeSet::from(["syn", "regex"]);
        let findings = compare("codegen/macros", &declared, &["quote", "syn"]);
        let messages: Vec<&str> = findings.iter().map(|f| f.message.as_str()).collect();
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert!(messages[0].contains("`regex`"), "{messages:?}");
        assert!(messages[1].contains("`quote`"), "{messages:?}");
    }
}
