//! The repository as the checks see it: its root, its tracked files, its packages.
//!
//! Read once and handed to every check, so that a check is a function of plain values.

use anyhow::{Context, Result, ensure};
use cargo_metadata::camino::Utf8Path;
use cargo_metadata::{CargoOpt, Metadata, MetadataCommand, Package};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository.
pub(crate) struct Workspace {
    /// Its folder.
    pub(crate) root: PathBuf,
    /// Every tracked file, relative to the root, sorted.
    pub(crate) files: Vec<String>,
    /// What cargo knows, with every feature on.
    pub(crate) metadata: Metadata,
}

impl Workspace {
    /// Reads the repository that this program was compiled in.
    pub(crate) fn open() -> Result<Workspace> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("the xtask crate lies directly below the repository's root")?
            .to_owned();
        let metadata = MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .features(CargoOpt::AllFeatures)
            .exec()
            .context("cargo metadata")?;
        let files = tracked_files(&root)?;
        Ok(Workspace {
            root,
            files,
            metadata,
        })
    }

    /// The text of a file, given relative to the root.
    pub(crate) fn read(&self, file: &str) -> Result<String> {
        std::fs::read_to_string(self.root.join(file)).with_context(|| format!("cannot read {file}"))
    }

    /// Whether a file or folder is there, given relative to the root.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// Our own packages.
    pub(crate) fn members(&self) -> Vec<Member<'_>> {
        let mut members: Vec<Member<'_>> = self
            .metadata
            .workspace_packages()
            .into_iter()
            .map(|package| Member {
                package,
                folder: self.relative(&package.manifest_path),
            })
            .collect();
        members.sort_by(|a, b| a.folder.cmp(&b.folder));
        members
    }

    /// The folder of a `Cargo.toml`, relative to the root.
    fn relative(&self, manifest: &Utf8Path) -> String {
        manifest
            .strip_prefix(&self.metadata.workspace_root)
            .unwrap_or(manifest)
            .parent()
            .map(ToString::to_string)
            .unwrap_or_default()
    }
}

/// One of our own packages.
pub(crate) struct Member<'a> {
    /// What cargo knows of it.
    pub(crate) package: &'a Package,
    /// Its folder, relative to the root.
    pub(crate) folder: String,
}

impl Member<'_> {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.package.name.as_str()
    }

    /// Its `Cargo.toml`, relative to the root.
    pub(crate) fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }
}

/// What git tracks and is still there; outside of a git checkout (an unpacked release, say) every
/// file that is neither hidden nor a build product.
fn tracked_files(root: &Path) -> Result<Vec<String>> {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root)
        .output();
    let mut files = match listed {
        Ok(output) if output.status.success() && !output.stdout.is_empty() => {
            let names = String::from_utf8(output.stdout).context("git ls-files")?;
            names
                .split('\0')
                .filter(|name| !name.is_empty() && root.join(name).is_file())
                .map(str::to_owned)
                .collect()
        }
        _ => {
            let mut files = Vec::new();
            walk(root, "", &mut files)?;
            files
        }
    };
    files.sort();
    ensure!(!files.is_empty(), "found no files in {}", root.display());
    Ok(files)
}

fn walk(root: &Path, folder: &str, files: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() {
            name.clone()
        } else {
            format!("{folder}/{name}")
        };
        let build_product = name == "target" || path == "book/book";
        if entry.file_type()?.is_dir() {
            if !build_product && !matches!(name.as_str(), ".git" | ".ifc") {
                walk(root, &path, files)?;
            }
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The repository, for the tests of the checks: read once per test program.
#[cfg(test)]
pub(crate) fn this() -> &'static Workspace {
    static THIS: std::sync::LazyLock<Workspace> =
        std::sync::LazyLock::new(|| Workspace::open().unwrap());
    &THIS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_know_their_folders() {
        let folders: Vec<String> = this().members().into_iter().map(|m| m.folder).collect();
        assert!(
            folders.contains(&"codegen/manifest".to_owned()),
            "{folders:?}"
        );
        assert!(folders.contains(&"xtask".to_owned()), "{folders:?}");
    }

    #[test]
    fn without_git_the_walk_finds_files_and_leaves_out_build_products() {
        let mut files = Vec::new();
        walk(&this().root.join("xtask"), "", &mut files).unwrap();
        assert!(files.contains(&"src/workspace.rs".to_owned()), "{files:?}");
        assert!(
            files.iter().all(|file| !file.starts_with("target/")),
            "{files:?}"
        );
    }
}
