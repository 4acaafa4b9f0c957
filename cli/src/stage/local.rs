//! The local provider: a stage is a directory below the application's package.

use super::{Backend, Granted, Permission};
use crate::application;
use crate::failure::{Context as _, Failure};
use ifc_analyzer::Project;
use ifc_engine::{ApplicationName, Blueprint, Part, Provider, StageName, Value};
use ifc_graph::{Graph, ResourceId};
use ifc_local_deploy::Artifact;
use ifc_state::Location;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub(crate) const BACKEND: Backend = Backend {
    name: ifc_local_deploy::PROVIDER,
    state,
    lower,
    open,
    tells_program: false,
    holds,
    grants,
    permissions: PERMISSIONS,
};

/// Where the lowering writes what a unit may do: from `kind name` to verbs.
const PERMISSIONS: &str = "may";

fn state(project: &Project) -> Location {
    Location::Folder(application::local_directory(project).join("state"))
}

fn lower(
    graph: &Graph,
    executable: &Path,
    application: &ApplicationName,
    stage: &StageName,
) -> Result<Blueprint, Failure> {
    let artifact = Artifact::read(executable).map_err(|error| Failure::of(&error))?;
    ifc_local_deploy::lower(graph, &artifact, application, stage)
        .context(|| "the application cannot be lowered to parts".to_owned())
}

fn open(
    project: &Project,
    stage: &StageName,
    program: Option<PathBuf>,
) -> Result<Box<dyn Provider>, Failure> {
    Ok(Box::new(self::stage(project, stage, program)))
}

/// The stage as the provider knows it.
pub(super) fn stage(
    project: &Project,
    stage: &StageName,
    program: Option<PathBuf>,
) -> ifc_local_deploy::Stage {
    let stages = application::local_directory(project).join("stages");
    ifc_local_deploy::Stage::new(stages.join(stage.as_str()), program)
}

/// A part of a resource is called after it, and is of its kind's type.
fn holds(part: &Part, resource: &ResourceId) -> bool {
    part.part_type.as_str() == resource.kind.as_str()
        && name_of(part.address.resource()) == resource.name
}

/// The name behind an address: names of libraries' things have a slash, which addresses cannot.
fn name_of(address: &str) -> String {
    address.replace(':', "/")
}

/// What a unit with these properties may do.
pub(crate) fn grants(owner: &str, properties: &BTreeMap<String, Value>) -> Option<Granted> {
    let unit = name_of(owner);
    let map = match properties.get(PERMISSIONS)? {
        Value::Map(map) => map,
        _ => return Some(Granted::Everything(unit)),
    };
    let mut permissions = BTreeSet::new();
    for (resource, verbs) in map {
        let (kind, name) = resource.split_once(' ')?;
        let Value::List(verbs) = verbs else { continue };
        for verb in verbs {
            if let Value::Text(verb) = verb {
                permissions.insert(Permission {
                    unit: unit.clone(),
                    kind: kind.to_owned(),
                    resource: name.to_owned(),
                    verb: verb.clone(),
                });
            }
        }
    }
    Some(Granted::Exactly(permissions))
}
