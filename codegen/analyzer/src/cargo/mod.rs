//! The only place that talks to cargo: which program is the application, and building it.
//!
//! The build is the user's own: same profile, flags, target directory and lock file as when they
//! run `cargo build` themselves, so neither invalidates the other's cache.

mod build;
mod error;
mod linker;
mod select;

pub use build::{Built, Library};
pub use error::{Candidate, CargoError};

use cargo_metadata::Metadata;
use cargo_metadata::PackageId;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Which program of which directory, built how.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// A directory inside the package or workspace.
    pub directory: PathBuf,
    /// The package, when the directory does not settle it.
    pub package: Option<String>,
    /// The binary, when the package does not settle it.
    pub binary: Option<String>,
    /// Whether to use the release profile.
    pub release: bool,
    /// Cargo features.
    pub features: Features,
    /// What to build for, as `cargo build --target` takes it, instead of the usual.
    pub target: Option<String>,
    /// The program that builds in the place of cargo, and takes its arguments.
    pub builder: Option<PathBuf>,
    /// Where to build instead of the user's own target directory.
    pub target_directory: Option<PathBuf>,
    /// What to tell cargo about colours: `always`, `never` or `auto`.
    pub color: Option<String>,
    /// The program that acts as the linker of the application and reads its permissions, see
    /// [`link::shim`](crate::link::shim). It should be the same path from build to build, because
    /// cargo links anew when it changes.
    pub shim: Option<PathBuf>,
}

/// Cargo features of the application's package.
#[derive(Clone, Debug, Default)]
pub struct Features {
    /// Features to enable.
    pub enable: Vec<String>,
    /// Leave out the default ones.
    pub no_default: bool,
}

/// A program that was found, not yet built.
#[derive(Clone, Debug)]
pub struct Project {
    /// The directory that the spans of workspace members are relative to.
    pub workspace_root: PathBuf,
    /// Where the package's `Cargo.toml` stands.
    pub package_root: PathBuf,
    /// Where cargo puts its output.
    pub target_directory: PathBuf,
    /// The package.
    pub package: String,
    /// The binary.
    pub binary: String,
    /// The newest Rust version that the package says it needs, if it says so.
    pub rust_version: Option<String>,
    selection: Selection,
    package_id: PackageId,
    metadata: Box<Metadata>,
}

impl Project {
    /// Finds the program that `selection` means.
    ///
    /// # Errors
    /// When there is no package, no such package or binary, or more than one that could be meant.
    pub fn find(selection: &Selection) -> Result<Project, CargoError> {
        select::find(selection)
    }

    /// What it was found by.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Directories whose files make the program: those of its package and of every local package
    /// that it depends on, sorted.
    pub fn source_roots(&self) -> Vec<PathBuf> {
        let mut roots: Vec<PathBuf> = select::closure(&self.metadata, &self.package_id)
            .into_keys()
            .map(|id| &self.metadata[id])
            .filter(|package| package.source.is_none())
            .filter_map(|package| package.manifest_path.parent())
            .map(|root| root.as_std_path().to_owned())
            .collect();
        roots.sort();
        roots.dedup();
        roots
    }

    /// The cargo features that the package declares, each with what it enables.
    pub fn features(&self) -> &BTreeMap<String, Vec<String>> {
        &self.metadata[&self.package_id].features
    }

    /// The features of the SDK that the package's dependency on it names, and whether that brings
    /// the default ones: whatever features of its own the package is built with.
    pub fn features_of_sdk(&self) -> (Vec<&str>, bool) {
        let dependencies = &self.metadata[&self.package_id].dependencies;
        let dependencies = dependencies.iter().filter(|dependency| {
            dependency.name == select::SDK
                && dependency.kind == cargo_metadata::DependencyKind::Normal
        });
        let mut features = Vec::new();
        let mut defaults = false;
        for dependency in dependencies {
            features.extend(dependency.features.iter().map(String::as_str));
            defaults |= dependency.uses_default_features;
        }
        (features, defaults)
    }

    /// Has `shim` act as the linker of the program, see [`Selection::shim`].
    pub fn link_through(&mut self, shim: PathBuf) {
        self.selection.shim = Some(shim);
    }

    /// Builds the program. The compiler's messages go to standard error as they come.
    ///
    /// # Errors
    /// When it does not compile, or cargo cannot be run.
    pub fn build(&self) -> Result<Built, CargoError> {
        build::build(self)
    }
}

/// The cargo that started us, or the one on the path.
pub fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The arguments for cargo that choose features.
fn feature_arguments(features: &Features) -> Vec<String> {
    let mut arguments = Vec::new();
    if features.no_default {
        arguments.push("--no-default-features".to_owned());
    }
    if !features.enable.is_empty() {
        arguments.push("--features".to_owned());
        arguments.push(features.enable.join(","));
    }
    arguments
}

/// `directory` as it is, or the current one when it is empty.
fn working_directory(directory: &Path) -> &Path {
    if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    }
}
