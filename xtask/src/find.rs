//! `cargo xtask where <kind>`: a kind has the same file name in every crate, so all of it can be
//! read in a row.

use crate::workspace::Workspace;
use anyhow::{Result, bail};
use ifc_manifest::Kind;

/// The order in which to read: what it is, what it promises, what applications see, how it is
/// proved, who implements it, what the guide says.
const ORDER: &[&str] = &[
    "codegen/manifest/",
    "sdk/runtime/",
    "sdk/ifc/",
    "codegen/",
    "providers/conformance/",
    "providers/",
    "cli/",
    "book/",
    "",
];

/// Prints every file of a kind.
pub(crate) fn print(workspace: &Workspace, word: &str) -> Result<bool> {
    let Some(kind) = Kind::parse(word) else {
        let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        bail!("`{word}` is not a kind; the kinds are {}", kinds.join(", "));
    };
    for file in files_of(kind, &workspace.files) {
        println!("{file}");
    }
    Ok(true)
}

fn files_of(kind: Kind, files: &[String]) -> Vec<&str> {
    let stem = kind.as_str().replace('-', "_");
    let mut found: Vec<&str> = files
        .iter()
        .map(String::as_str)
        .filter(|file| {
            // The file itself, or what lies in its folder of the same name.
            file.rsplit('/').any(|part| {
                let name = part.split('.').next().unwrap_or_default();
                name.replace('-', "_") == stem
            })
        })
        .collect();
    let rank = |file: &str| ORDER.iter().position(|folder| file.starts_with(folder));
    found.sort_by_key(|file| (rank(file), *file));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::this;

    #[test]
    fn every_kind_has_its_files() {
        for kind in Kind::ALL {
            let found = files_of(kind, &this().files);
            let stem = kind.as_str().replace('-', "_");
            assert_eq!(found[0], format!("codegen/manifest/src/kind/{stem}.rs"));
            let page = format!("book/src/kinds/{kind}.md");
            assert!(found.contains(&page.as_str()), "{kind}: {found:?}");
        }
    }

    #[test]
    fn folders_count_and_other_names_do_not() {
        let files = [
            "cli/src/queue/peek.rs",
            "a/queue.rs",
            "a/queue_test.rs",
            "a/requeue.rs",
        ];
        let files: Vec<String> = files.map(str::to_owned).to_vec();
        assert_eq!(
            files_of(Kind::Queue, &files),
            ["cli/src/queue/peek.rs", "a/queue.rs"]
        );
    }
}
