//! The local provider: a stage is a directory below the application's package.

use super::backend::{Backend, Lowered, Reach, Site, StatePlace};
use super::{Granted, Permission};
use crate::application;
use crate::failure::{Context as _, Failure};
use ifc_analyzer::{Built, Project};
use ifc_engine::{Part, Provider, StageName, Value};
use ifc_graph::{Graph, ResourceId};
use ifc_local_deploy::Artifact;
use ifc_state::Location;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The local provider, for one stage.
pub(super) struct Local {
    site: Site,
}

/// Where the lowering writes what a unit may do: from `kind name` to verbs.
pub(crate) const PERMISSIONS: &str = "may";

impl Local {
    pub(super) fn new(site: &Site) -> Local {
        Local { site: site.clone() }
    }
}

impl Backend for Local {
    fn name(&self) -> &'static str {
        ifc_local_deploy::PROVIDER
    }

    fn state(&self) -> Result<Location, Failure> {
        let directory = application::local_directory(&self.site.project);
        Ok(Location::Folder(directory.join("state")))
    }

    fn prepare(&self, _location: &Location, _place: &StatePlace) -> Result<(), Failure> {
        application::make_local_directory(&self.site.project)
    }

    fn build(&self) -> Result<Built, Failure> {
        Ok(self.site.project.build()?)
    }

    fn lower(&self, graph: &Graph, built: &Built, _reach: Reach) -> Result<Lowered, Failure> {
        let artifact = Artifact::read(&built.executable).map_err(|error| Failure::of(&error))?;
        let Site {
            application, name, ..
        } = &self.site;
        let blueprint = ifc_local_deploy::lower(graph, &artifact, application, name)
            .context(|| "the application cannot be lowered to parts".to_owned())?;
        Ok(Lowered {
            blueprint,
            program: built.executable.clone(),
        })
    }

    fn open(&self, program: Option<&Path>) -> Result<Box<dyn Provider>, Failure> {
        let program = program.map(Path::to_owned);
        let stage = self::stage(&self.site.project, &self.site.name, program);
        Ok(Box::new(stage))
    }

    /// A part of a resource is called after it, and is of its kind's type.
    fn holds(&self, part: &Part, resource: &ResourceId) -> bool {
        part.part_type.as_str() == resource.kind.as_str()
            && name_of(part.address.resource()) == resource.name
    }

    fn grants(&self, owner: &str, properties: &BTreeMap<String, Value>) -> Option<Granted> {
        grants(owner, properties)
    }

    fn permissions(&self) -> &'static str {
        PERMISSIONS
    }
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
