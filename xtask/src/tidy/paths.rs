//! Dead paths: what ARCHITECTURE.md, the README and the book say is somewhere must be there, and
//! ARCHITECTURE.md must know every crate.

use super::Finding;
use crate::markdown::{self, Spot};
use crate::workspace::Workspace;
use anyhow::Result;
use std::collections::BTreeSet;

const MAP: &str = "ARCHITECTURE.md";

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let top: BTreeSet<&str> = workspace
        .files
        .iter()
        .filter_map(|file| file.split_once('/'))
        .map(|(folder, _)| folder)
        .collect();
    let mut findings = Vec::new();
    for document in documents(workspace) {
        let text = workspace.read(document)?;
        for span in markdown::parse(&text).spans {
            // The map speaks of this repository only; the other documents also speak of folders in
            // the reader's project, so there a path counts when it begins with a folder of ours.
            let ours = |path: &str| {
                document == MAP
                    || path
                        .split('/')
                        .next()
                        .is_some_and(|first| top.contains(first))
            };
            let dead = path_in(&span)
                .filter(|path| ours(path))
                .filter(|path| !workspace.exists(path));
            if let Some(path) = dead {
                findings.push(Finding::new(
                    format!("{document}:{}", span.line),
                    format!("`{path}` does not exist"),
                    "say where it is now",
                ));
            }
        }
    }
    let map = workspace.read(MAP)?;
    let folders = workspace.members().into_iter().map(|member| member.folder);
    findings.extend(
        folders
            .filter(|folder| !mentions(&map, folder))
            .map(|folder| {
                Finding::new(
                    MAP,
                    format!("the crate in {folder} is missing from the code map"),
                    "give it a line",
                )
            }),
    );
    Ok(findings)
}

/// The documents that speak of this repository.
fn documents(workspace: &Workspace) -> impl Iterator<Item = &str> {
    workspace.files.iter().map(String::as_str).filter(|file| {
        matches!(*file, MAP | "README.md") || (file.starts_with("book/") && file.ends_with(".md"))
    })
}

/// The path that a code span is, when it is one. `providers/<p>/runtime` and `tests/*.rs` are
/// patterns, not paths.
fn path_in(span: &Spot) -> Option<&str> {
    let text = span.text.trim_end_matches('/');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    (text.contains('/') && !text.starts_with('/') && text.chars().all(plain)).then_some(text)
}

fn mentions(map: &str, folder: &str) -> bool {
    let markdown = markdown::parse(map);
    markdown
        .spans
        .iter()
        .any(|span| span.text.trim_end_matches('/') == folder)
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
    fn which_spans_are_paths() {
        for (text, path) in [
            ("codegen/manifest/", Some("codegen/manifest")),
            ("sdk/ifc/src/lib.rs", Some("sdk/ifc/src/lib.rs")),
            ("providers/<p>/runtime", None),
            ("examples/*", None),
            ("/orders", None),
            ("cargo xtask ci", None),
            ("lib.rs", None),
        ] {
            let span = Spot {
                text: text.to_owned(),
                line: 1,
            };
            assert_eq!(path_in(&span), path, "{text}");
        }
    }

    #[test]
    fn a_crate_is_mentioned_by_its_folder() {
        assert!(mentions("- `codegen/graph/`: the graph", "codegen/graph"));
        assert!(!mentions(
            "- `codegen/graph/src`: the graph",
            "codegen/graph"
        ));
    }
}
