//! Which program is the application.

use super::error::Candidate;
use super::{CargoError, Project, Selection, feature_arguments, program, working_directory};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use std::collections::BTreeMap;

/// The crate that applications depend on.
pub(crate) const SDK: &str = "ifc";

pub(super) fn find(selection: &Selection) -> Result<Project, CargoError> {
    let metadata = metadata(selection)?;
    let (package, binary) = choose(&metadata, selection)?;
    Ok(Project {
        workspace_root: metadata.workspace_root.as_std_path().to_owned(),
        package_root: match package.manifest_path.parent() {
            Some(root) => root.as_std_path().to_owned(),
            None => selection.directory.clone(),
        },
        target_directory: match &selection.target_directory {
            Some(directory) => directory.clone(),
            None => metadata.target_directory.as_std_path().to_owned(),
        },
        package: package.name.to_string(),
        binary,
        rust_version: package.rust_version.as_ref().map(ToString::to_string),
        selection: selection.clone(),
        package_id: package.id.clone(),
        metadata: Box::new(metadata),
    })
}

fn metadata(selection: &Selection) -> Result<Metadata, CargoError> {
    let directory = working_directory(&selection.directory);
    if !directory.is_dir() {
        return Err(CargoError::NoDirectory(directory.to_owned()));
    }
    let mut command = MetadataCommand::new();
    command.cargo_path(program()).current_dir(directory);
    // Features of a package can only be given where the package is the current one.
    if selection.package.is_none() {
        command.other_options(feature_arguments(&selection.features));
    }
    command.exec().map_err(|error| match error {
        cargo_metadata::Error::Io(error) => CargoError::Missing(error),
        cargo_metadata::Error::CargoMetadata { stderr } => {
            let message = stderr.trim().trim_start_matches("error: ").to_owned();
            CargoError::Metadata(message)
        }
        error => CargoError::Metadata(error.to_string()),
    })
}

fn choose<'a>(
    metadata: &'a Metadata,
    selection: &Selection,
) -> Result<(&'a Package, String), CargoError> {
    let chosen = match &selection.package {
        Some(name) => Some(package(metadata, name)?),
        None => metadata.root_package(),
    };
    let candidates: Vec<(&Package, Candidate)> = match chosen {
        Some(package) => binaries(package),
        // Of a whole workspace only programs that use the SDK are meant.
        None => metadata
            .workspace_default_packages()
            .into_iter()
            .filter(|package| uses_sdk(metadata, &package.id))
            .flat_map(binaries)
            .collect(),
    };
    if let Some(name) = &selection.binary {
        let found = candidates.iter().find(|(_, (_, binary))| binary == name);
        return match found {
            Some((package, _)) => Ok((package, name.clone())),
            None => Err(CargoError::UnknownBinary {
                name: name.clone(),
                known: names(&candidates),
            }),
        };
    }
    if let Some(Package {
        default_run: Some(name),
        ..
    }) = chosen
        && let Some((package, _)) = candidates.iter().find(|(_, (_, binary))| binary == name)
    {
        return Ok((package, name.clone()));
    }
    match candidates.as_slice() {
        [] => Err(CargoError::NoBinary {
            package: chosen.map(|package| package.name.to_string()),
        }),
        [(package, (_, binary))] => Ok((package, binary.clone())),
        _ => Err(CargoError::Ambiguous {
            candidates: names(&candidates),
        }),
    }
}

fn package<'a>(metadata: &'a Metadata, name: &str) -> Result<&'a Package, CargoError> {
    let packages = metadata.workspace_packages();
    match packages
        .iter()
        .find(|package| package.name.as_str() == name)
    {
        Some(package) => Ok(package),
        None => Err(CargoError::UnknownPackage {
            name: name.to_owned(),
            known: packages
                .iter()
                .map(|package| package.name.to_string())
                .collect(),
        }),
    }
}

fn binaries(package: &Package) -> Vec<(&Package, Candidate)> {
    package
        .targets
        .iter()
        .filter(|target| target.is_bin())
        .map(|target| (package, (package.name.to_string(), target.name.clone())))
        .collect()
}

fn names(candidates: &[(&Package, Candidate)]) -> Vec<Candidate> {
    let mut names: Vec<Candidate> = candidates.iter().map(|(_, name)| name.clone()).collect();
    names.sort();
    names
}

fn uses_sdk(metadata: &Metadata, package: &PackageId) -> bool {
    closure(metadata, package)
        .into_keys()
        .any(|id| metadata[id].name.as_str() == SDK)
}

/// The packages whose code can be in the program of `root`: itself and what it normally depends on,
/// each with the one that brings it (`None` for the root) on a shortest way.
pub(super) fn closure<'a>(
    metadata: &'a Metadata,
    root: &'a PackageId,
) -> BTreeMap<&'a PackageId, Option<&'a PackageId>> {
    let nodes: BTreeMap<&PackageId, _> = metadata
        .resolve
        .iter()
        .flat_map(|resolve| &resolve.nodes)
        .map(|node| (&node.id, node))
        .collect();
    let mut reached = BTreeMap::from([(root, None)]);
    let mut queue = std::collections::VecDeque::from([root]);
    while let Some(id) = queue.pop_front() {
        for dependency in nodes.get(id).into_iter().flat_map(|node| &node.deps) {
            let normal = dependency
                .dep_kinds
                .iter()
                .any(|kind| kind.kind == DependencyKind::Normal);
            if normal && !reached.contains_key(&dependency.pkg) {
                reached.insert(&dependency.pkg, Some(id));
                queue.push_back(&dependency.pkg);
            }
        }
    }
    reached
}
