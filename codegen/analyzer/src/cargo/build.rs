//! Has cargo build the program and collects what it made.

use super::select::{SDK, closure};
use super::{CargoError, Project, feature_arguments, linker, program};
use crate::link::shim;
use cargo_metadata::{Artifact, Message, PackageId};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What a build made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The program.
    pub executable: PathBuf,
    /// The libraries whose code can be in the program and that could hold declarations: the
    /// package's own, and dependencies that use the SDK themselves.
    pub libraries: Vec<Library>,
}

/// A Rust library of the build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// Its cargo package.
    pub package: String,
    /// Its name in the application's code.
    pub crate_name: String,
    /// Whether it is the library of the application's own package.
    pub own: bool,
    /// The package that brings it, when the application does not depend on it directly.
    pub brought_by: Option<String>,
    /// The `.rlib` files: one, or several when it was built in several ways.
    pub paths: Vec<PathBuf>,
}

pub(super) fn build(project: &Project) -> Result<Built, CargoError> {
    let selection = &project.selection;
    let builder = selection.builder.clone().map(PathBuf::into_os_string);
    let mut command = Command::new(builder.unwrap_or_else(program));
    command
        .current_dir(&project.package_root)
        // The linker and its flags are given for the program alone: given for all, they would be
        // part of what cargo knows every dependency by, and every one would be built again.
        .arg(if selection.shim.is_some() {
            "rustc"
        } else {
            "build"
        })
        .arg("--message-format=json-render-diagnostics")
        .args(["--package", &project.package_id.repr])
        .args(["--bin", &project.binary])
        .args(feature_arguments(&selection.features))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if selection.release {
        command.arg("--release");
    }
    if let Some(target) = &selection.target {
        command.args(["--target", target]);
    }
    if let Some(directory) = &selection.target_directory {
        command.arg("--target-dir").arg(directory);
    }
    if let Some(color) = &selection.color {
        command.args(["--color", color]);
    }
    if let Some(shim) = &selection.shim {
        let mut linker = OsString::from("-Clinker=");
        linker.push(shim);
        command.arg("--").arg(linker);
        // Where LLVM puts variables of a codegen unit together (not on x86-64), a function that
        // needs one of them would seem to need all.
        command.arg("-Cllvm-args=-enable-global-merge=false");
        let target = selection.target.as_deref();
        if let Some(linker) = linker::of_user(&project.workspace_root, target) {
            command.env(shim::LINKER_VARIABLE, linker);
        }
    }
    let mut cargo = command.spawn().map_err(CargoError::Missing)?;
    let output = cargo.stdout.take().expect("standard output is piped");
    let mut artifacts = Vec::new();
    for message in Message::parse_stream(BufReader::new(output)) {
        if let Ok(Message::CompilerArtifact(artifact)) = message {
            artifacts.push(artifact);
        }
    }
    let status = cargo.wait().map_err(CargoError::Missing)?;
    if !status.success() {
        return Err(CargoError::Failed);
    }
    let executable = artifacts
        .iter()
        .filter(|artifact| artifact.package_id == project.package_id)
        .filter(|artifact| artifact.target.is_bin() && artifact.target.name == project.binary)
        .find_map(|artifact| artifact.executable.clone())
        .ok_or_else(|| CargoError::NoExecutable {
            binary: project.binary.clone(),
        })?;
    Ok(Built {
        executable: executable.into_std_path_buf(),
        libraries: libraries(project, &artifacts),
    })
}

fn libraries(project: &Project, artifacts: &[Artifact]) -> Vec<Library> {
    let metadata = &project.metadata;
    let reached = closure(metadata, &project.package_id);
    let using_sdk: BTreeSet<&PackageId> = reached
        .keys()
        .filter(|id| {
            metadata[id].name.as_str() != SDK
                && closure(metadata, id)
                    .into_keys()
                    .any(|id| metadata[id].name.as_str() == SDK)
        })
        .copied()
        .collect();
    let mut libraries = BTreeMap::<&PackageId, Library>::new();
    for artifact in artifacts {
        let id = &artifact.package_id;
        let paths: Vec<PathBuf> = artifact
            .filenames
            .iter()
            .filter(|path| path.extension() == Some("rlib"))
            .map(|path| path.as_std_path().to_owned())
            .collect();
        let Some(brought_by) = reached.get(id).filter(|_| using_sdk.contains(id)) else {
            continue;
        };
        if paths.is_empty() {
            continue;
        }
        let own = *id == project.package_id;
        let library = libraries.entry(id).or_insert_with(|| Library {
            package: metadata[id].name.to_string(),
            crate_name: crate_name(project, artifact),
            own,
            brought_by: brought_by
                .filter(|by| **by != project.package_id)
                .map(|by| metadata[by].name.to_string()),
            paths: Vec::new(),
        });
        library.paths.extend(paths);
    }
    let mut libraries: Vec<Library> = libraries.into_values().collect();
    libraries.sort_by(|a, b| a.package.cmp(&b.package));
    libraries
}

/// The name by which the application's code can mention a library: its own, unless the
/// application's manifest renames it.
fn crate_name(project: &Project, artifact: &Artifact) -> String {
    let renamed = project
        .metadata
        .resolve
        .iter()
        .flat_map(|resolve| &resolve.nodes)
        .filter(|node| node.id == project.package_id)
        .flat_map(|node| &node.deps)
        .find(|dependency| dependency.pkg == artifact.package_id)
        .map(|dependency| dependency.name.clone());
    renamed
        .unwrap_or_else(|| artifact.target.name.clone())
        .replace('-', "_")
}
