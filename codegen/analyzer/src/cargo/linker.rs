//! The linker that the user chose in cargo's configuration, so that ours can call it.
//!
//! `CARGO_TARGET_<TRIPLE>_LINKER` reaches the shim through its environment. What stands in the
//! files `.cargo/config.toml` does not, so it is looked up here, in the places where cargo looks.

use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item};

/// The linker of the `[target.…]` table for the chosen target, or of the first that names one when
/// none was chosen; nearest file first.
pub(super) fn of_user(workspace_root: &Path, target: Option<&str>) -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let folders = workspace_root
        .ancestors()
        .map(|folder| folder.join(".cargo"))
        .chain(home);
    for folder in folders {
        for name in ["config.toml", "config"] {
            if let Ok(text) = std::fs::read_to_string(folder.join(name))
                && let Some(linker) = linker_in(&text, target)
            {
                return Some(resolve(&linker, &folder));
            }
        }
    }
    None
}

fn linker_in(text: &str, target: Option<&str>) -> Option<String> {
    let document: DocumentMut = text.parse().ok()?;
    let targets = document.get("target")?.as_table_like()?;
    targets
        .iter()
        .filter(|(name, _)| target.is_none_or(|target| *name == target))
        .filter_map(|(_, target)| target.get("linker").and_then(Item::as_str))
        .map(str::to_owned)
        .next()
}

/// As cargo does: a name is searched on the path, a path is relative to the folder that holds
/// `.cargo`.
fn resolve(linker: &str, folder: &Path) -> PathBuf {
    match (linker.contains('/'), folder.parent()) {
        (true, Some(parent)) => parent.join(linker),
        _ => PathBuf::from(linker),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linker_of_any_target_table_is_found() {
        let text = "[build]\njobs = 2\n[target.x86_64-unknown-linux-gnu]\nlinker = \"clang\"\n";
        assert_eq!(linker_in(text, None).as_deref(), Some("clang"));
        assert_eq!(
            linker_in("[target.'cfg(unix)']\nrustflags = []\n", None),
            None
        );
        assert_eq!(linker_in("not toml =", None), None);
        assert_eq!(linker_in(text, Some("aarch64-unknown-linux-gnu")), None);
    }

    #[test]
    fn the_nearest_file_wins_and_paths_are_relative_to_it() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        std::fs::create_dir_all(inner.join(".cargo")).unwrap();
        std::fs::create_dir_all(root.path().join(".cargo")).unwrap();
        let write = |folder: &Path, linker: &str| {
            let text = format!("[target.x]\nlinker = \"{linker}\"\n");
            std::fs::write(folder.join(".cargo/config.toml"), text).unwrap();
        };
        write(root.path(), "far");
        assert_eq!(of_user(&inner, None), Some("far".into()));
        write(&inner, "tools/near");
        assert_eq!(of_user(&inner, None), Some(inner.join("tools/near")));
    }
}
