//! Which of our crates may depend on which: the data plane never on the control plane, a suite
//! never on a real provider.
//!
//! A crate's rule follows from its folder, so a new provider brings no edit here.

use super::Finding;
use crate::workspace::Workspace;
use anyhow::Result;
use cargo_metadata::DependencyKind;
use std::collections::BTreeMap;

/// What a crate is for, told by where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Manifest,
    Macros,
    Graph,
    Analyzer,
    Runtime,
    Sdk,
    Engine,
    Conformance,
    /// The engine under every fault, by seed.
    Simulation,
    /// The stores in which the engine keeps state.
    State,
    /// The data half of a provider.
    ProviderRuntime,
    /// The control half of a provider.
    ProviderDeploy,
    Cli,
    Xtask,
    /// Emulators of clouds, for tests.
    Emulators,
    /// Examples and cross-crate tests: users of the public surface.
    Outside,
}

impl Role {
    fn of(folder: &str) -> Option<Role> {
        let parts: Vec<&str> = folder.split('/').collect();
        Some(match parts.as_slice() {
            ["codegen", "manifest"] => Role::Manifest,
            ["codegen", "macros"] => Role::Macros,
            ["codegen", "graph"] => Role::Graph,
            ["codegen", "analyzer"] => Role::Analyzer,
            ["sdk", "runtime"] => Role::Runtime,
            ["sdk", "ifc"] => Role::Sdk,
            ["providers", "engine"] => Role::Engine,
            ["providers", "conformance"] => Role::Conformance,
            ["providers", "simulation"] => Role::Simulation,
            ["providers", "state"] => Role::State,
            ["providers", _, "runtime"] => Role::ProviderRuntime,
            ["providers", _, "deploy"] => Role::ProviderDeploy,
            ["cli"] => Role::Cli,
            ["xtask"] => Role::Xtask,
            ["tests", "emulators"] => Role::Emulators,
            ["examples" | "tests" | "fuzz" | "book", ..] => Role::Outside,
            _ => return None,
        })
    }

    /// What it may depend on, and what it may depend on in addition for its own tests.
    fn allowed(self) -> (&'static [Role], &'static [Role]) {
        use Role::*;
        match self {
            Manifest => (&[], &[]),
            Macros => (&[Manifest], &[Sdk, Runtime]),
            Graph => (&[Manifest], &[]),
            Analyzer => (&[Manifest, Graph], &[Sdk, Runtime]),
            Runtime => (&[Manifest], &[]),
            Sdk => (&[Macros, Manifest, Runtime, ProviderRuntime], &[]),
            Engine => (&[Graph, Manifest], &[Conformance]),
            Conformance => (&[Manifest, Runtime, Graph, Engine], &[]),
            Simulation => (&[Engine, Conformance], &[]),
            State => (&[Engine], &[Conformance, Emulators]),
            ProviderRuntime => (&[Manifest, Runtime], &[Conformance, Emulators]),
            ProviderDeploy => (
                &[Manifest, Graph, Engine, ProviderRuntime],
                &[Conformance, Emulators, Runtime],
            ),
            // The local provider's runtime half, until it has a deploy half of its own: `queue`,
            // `secret` and `local reset` work on its directory.
            Cli => (
                &[
                    Manifest,
                    Graph,
                    Analyzer,
                    Engine,
                    State,
                    ProviderDeploy,
                    ProviderRuntime,
                ],
                &[Sdk, Runtime, Emulators],
            ),
            Xtask => (&[Manifest], &[]),
            Emulators => (&[], &[]),
            Outside => (
                &[
                    Manifest,
                    Macros,
                    Graph,
                    Analyzer,
                    Runtime,
                    Sdk,
                    Engine,
                    Conformance,
                    State,
                    ProviderRuntime,
                    ProviderDeploy,
                    Cli,
                    Emulators,
                    Outside,
                ],
                &[],
            ),
        }
    }
}

/// One declared dependency between our own crates.
#[derive(Clone, Debug)]
struct Edge {
    source: String,
    source_folder: String,
    target: String,
    target_folder: String,
    development: bool,
}

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let members = workspace.members();
    let folders: BTreeMap<&str, &str> = members
        .iter()
        .map(|member| (member.name(), member.folder.as_str()))
        .collect();
    let mut findings: Vec<Finding> = members
        .iter()
        .filter(|member| Role::of(&member.folder).is_none())
        .map(|member| {
            Finding::new(
                member.manifest(),
                format!(
                    "crate `{}` lies in a folder that has no rule",
                    member.name()
                ),
                "say in xtask/src/tidy/edges.rs what may depend on what there",
            )
        })
        .collect();
    let edges = members.iter().flat_map(|member| {
        member.package.dependencies.iter().filter_map(|dependency| {
            Some(Edge {
                source: member.name().to_owned(),
                source_folder: member.folder.clone(),
                target: dependency.name.clone(),
                target_folder: (*folders.get(dependency.name.as_str())?).to_owned(),
                development: dependency.kind == DependencyKind::Development,
            })
        })
    });
    findings.extend(edges.filter_map(|edge| forbidden(&edge)));
    Ok(findings)
}

fn forbidden(edge: &Edge) -> Option<Finding> {
    let source = Role::of(&edge.source_folder)?;
    let target = Role::of(&edge.target_folder)?;
    // A crate may turn on features of its own for its tests.
    if edge.development && edge.source == edge.target {
        return None;
    }
    let (always, in_tests) = source.allowed();
    // The two halves of a provider belong together; different providers never meet.
    let same_provider = || {
        let provider = |folder: &str| folder.split('/').nth(1).map(str::to_owned);
        provider(&edge.source_folder) == provider(&edge.target_folder)
    };
    let strangers =
        source == Role::ProviderDeploy && target == Role::ProviderRuntime && !same_provider();
    let allowed = !strangers
        && (always.contains(&target) || (edge.development && in_tests.contains(&target)));
    if allowed {
        return None;
    }
    let words: Vec<String> = always.iter().map(|role| format!("{role:?}")).collect();
    let sort = if edge.development {
        "dev-dependency"
    } else {
        "dependency"
    };
    Some(Finding::new(
        format!("{}/Cargo.toml", edge.source_folder),
        format!(
            "{sort} `{}` ─▶ `{}` is a forbidden edge",
            edge.source, edge.target
        ),
        format!(
            "{source:?} may depend on {}; remove the edge, or argue for it in \
             xtask/src/tidy/edges.rs and ARCHITECTURE.md",
            if words.is_empty() {
                "none of our crates".to_owned()
            } else {
                words.join(", ")
            },
        ),
    ))
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

    fn edge(source: &str, target: &str, development: bool) -> Edge {
        Edge {
            source: source.replace('/', "-"),
            source_folder: source.to_owned(),
            target: target.replace('/', "-"),
            target_folder: target.to_owned(),
            development,
        }
    }

    #[test]
    fn the_planes_stay_apart() {
        for (source, target, development, fine) in [
            ("sdk/runtime", "codegen/manifest", false, true),
            ("sdk/runtime", "codegen/graph", false, false),
            ("sdk/ifc", "providers/aws/runtime", false, true),
            ("sdk/ifc", "providers/aws/deploy", false, false),
            ("codegen/manifest", "codegen/graph", true, false),
            ("codegen/graph", "codegen/graph", true, true),
            (
                "providers/conformance",
                "providers/local/runtime",
                true,
                false,
            ),
            (
                "providers/local/runtime",
                "providers/conformance",
                true,
                true,
            ),
            (
                "providers/local/runtime",
                "providers/conformance",
                false,
                false,
            ),
            ("providers/aws/deploy", "providers/aws/runtime", false, true),
            (
                "providers/aws/deploy",
                "providers/gcp/runtime",
                false,
                false,
            ),
            (
                "providers/aws/runtime",
                "providers/gcp/runtime",
                false,
                false,
            ),
            ("cli", "sdk/ifc", false, false),
            ("tests/bench", "sdk/ifc", false, true),
            ("providers/aws/deploy", "tests/emulators", true, true),
            ("providers/aws/deploy", "tests/emulators", false, false),
            ("tests/emulators", "providers/aws/deploy", false, false),
            ("examples/orders", "sdk/ifc", false, true),
        ] {
            let finding = forbidden(&edge(source, target, development));
            assert_eq!(finding.is_none(), fine, "{source} -> {target}: {finding:?}");
        }
    }

    #[test]
    fn a_finding_names_edge_rule_and_file() {
        let finding = forbidden(&edge("sdk/runtime", "cli", false)).unwrap();
        assert_eq!(finding.at, "sdk/runtime/Cargo.toml");
        assert!(
            finding.message.contains("`sdk-runtime` ─▶ `cli`"),
            "{finding}"
        );
        assert!(finding.help.contains("may depend on Manifest"), "{finding}");
    }
}
