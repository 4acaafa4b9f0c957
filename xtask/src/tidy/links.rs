//! Dead links: relative links of our documents must end at a file and a heading that exist, book
//! pages must be in the summary, includes must find their file and anchor.

use super::Finding;
use crate::markdown::{self, Markdown};
use crate::workspace::Workspace;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};

const SUMMARY: &str = "book/src/SUMMARY.md";

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut documents = BTreeMap::new();
    for file in workspace.files.iter().filter(|file| checked(file)) {
        documents.insert(file.as_str(), markdown::parse(&workspace.read(file)?));
    }
    let mut findings = Vec::new();
    for (document, markdown) in &documents {
        for link in &markdown.links {
            if let Some(message) = dead_link(workspace, &documents, document, &link.text) {
                let at = format!("{document}:{}", link.line);
                findings.push(Finding::new(at, message, "mend the link"));
            }
        }
        for include in &markdown.includes {
            if let Some(message) = dead_include(workspace, document, &include.text) {
                let at = format!("{document}:{}", include.line);
                findings.push(Finding::new(
                    at,
                    message,
                    "mend the include, or add the anchor",
                ));
            }
        }
    }
    findings.extend(orphans(&documents));
    Ok(findings)
}

/// Templates of new projects have links that are only good there.
fn checked(file: &str) -> bool {
    file.ends_with(".md") && !file.starts_with("cli/")
}

fn dead_link(
    workspace: &Workspace,
    documents: &BTreeMap<&str, Markdown>,
    document: &str,
    link: &str,
) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = match link.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (link, None),
    };
    let target = match path {
        "" => document.to_owned(),
        path => resolve(document, path)?,
    };
    if !workspace.exists(&target) {
        return Some(format!(
            "the link `{link}` ends at {target}, which does not exist"
        ));
    }
    let anchor = anchor?;
    let there = documents.get(target.as_str())?;
    let known = there.anchors.iter().any(|known| known == anchor);
    (!known).then(|| format!("the link `{link}` names no heading of {target}"))
}

fn dead_include(workspace: &Workspace, document: &str, include: &str) -> Option<String> {
    let (path, anchor) = match include.split_once(':') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (include, None),
    };
    let target = resolve(document, path).unwrap_or_else(|| path.to_owned());
    let Ok(text) = workspace.read(&target) else {
        return Some(format!("includes {target}, which does not exist"));
    };
    let anchor = anchor.filter(|anchor| anchor.parse::<usize>().is_err())?;
    let complete = ["ANCHOR: ", "ANCHOR_END: "].iter().all(|mark| {
        let mark = format!("{mark}{anchor}");
        text.lines().any(|line| line.trim_end().ends_with(&mark))
    });
    (!complete).then(|| format!("{target} has no anchor `{anchor}`"))
}

/// A relative path as seen from the root; `None` when it leads out of the repository.
fn resolve(document: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Pages that mdBook would leave out.
fn orphans(documents: &BTreeMap<&str, Markdown>) -> Vec<Finding> {
    let Some(summary) = documents.get(SUMMARY) else {
        return vec![Finding::new(
            SUMMARY,
            "the book has no summary",
            "write one",
        )];
    };
    let listed: BTreeSet<String> = summary
        .links
        .iter()
        .filter_map(|link| resolve(SUMMARY, &link.text))
        .collect();
    documents
        .keys()
        .filter(|page| page.starts_with("book/src/") && **page != SUMMARY)
        .filter(|page| !listed.contains(**page))
        .map(|page| Finding::new(*page, "the page is not in the book's summary", "list it"))
        .collect()
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
    fn links() {
        let markdown = markdown::parse("# Here\n");
        let documents = BTreeMap::from([("xtask/Cargo.toml", markdown)]);
        for (link, dead) in [
            ("https://example.com/nothing", false),
            ("#here", false),
            ("#there", true),
            ("Cargo.toml", false),
            ("../Cargo.toml", false),
            ("src/nowhere.rs", true),
        ] {
            let found = dead_link(this(), &documents, "xtask/Cargo.toml", link);
            assert_eq!(found.is_some(), dead, "{link}: {found:?}");
        }
    }

    #[test]
    fn includes() {
        // The next two lines are what the first case looks for.
        // ANCHOR: sample
        // ANCHOR_END: sample
        for (include, dead) in [
            ("links.rs:sample", false),
            ("links.rs", false),
            ("links.rs:1", false),
            ("links.rs:nothing", true),
            ("nowhere.rs", true),
        ] {
            let found = dead_include(this(), "xtask/src/tidy/notes.md", include);
            assert_eq!(found.is_some(), dead, "{include}: {found:?}");
        }
    }

    #[test]
    fn pages_outside_the_summary() {
        let summary = markdown::parse("- [One](one.md)\n");
        let pages = [SUMMARY, "book/src/one.md", "book/src/two.md"];
        let mut documents: BTreeMap<&str, Markdown> = pages
            .into_iter()
            .map(|page| (page, Markdown::default()))
            .collect();
        documents.insert(SUMMARY, summary);
        let found: Vec<String> = orphans(&documents).into_iter().map(|f| f.at).collect();
        assert_eq!(found, ["book/src/two.md"]);
    }
}
