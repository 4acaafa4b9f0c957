//! The providers that stages can be at, as one stage of an application sees its own.

use super::{Granted, local};
use crate::failure::Failure;
use ifc_analyzer::{Built, Project};
use ifc_engine::{ApplicationName, Blueprint, Part, Provider, StageName, Value};
use ifc_graph::{Graph, ResourceId};
use ifc_manifest::ProviderId;
use ifc_state::{Credentials, Location};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A stage, before anything is asked about it.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) project: Rc<Project>,
    pub(crate) application: ApplicationName,
    pub(crate) name: StageName,
}

/// Whether a provider may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It may.
    Online,
    /// Nobody is asked, and there need be no credentials.
    Offline,
}

/// A graph as parts, and what is uploaded for them.
pub(crate) struct Lowered {
    pub(crate) blueprint: Blueprint,
    /// The file that a provider deploys.
    pub(crate) program: PathBuf,
}

/// What the command line asks of a provider's deploy half, for one stage.
pub(crate) trait Backend {
    /// The provider's word.
    fn name(&self) -> &'static str;

    /// Where at the provider the stage is, for people, when there is more than one place.
    fn whereabouts(&self, _reach: Reach) -> Result<Option<String>, Failure> {
        Ok(None)
    }

    /// Where state is kept when nobody says: the place that holds all stages of all applications.
    fn state(&self) -> Result<Location, Failure>;

    /// By what state is reached.
    fn credentials(&self, _location: &Location) -> Result<Credentials, Failure> {
        Ok(Credentials::default())
    }

    /// Makes what a first apply needs before it.
    fn prepare(&self) -> Result<(), Failure> {
        Ok(())
    }

    /// Builds the application for the provider.
    fn build(&self) -> Result<Built, Failure>;

    /// The parts of the stage with what was built.
    fn lower(&self, graph: &Graph, built: &Built, reach: Reach) -> Result<Lowered, Failure>;

    /// The provider of the stage. The program is needed when one is to be deployed.
    fn open(&self, program: Option<&Path>) -> Result<Box<dyn Provider>, Failure>;

    /// Whether the deployed program runs with what the stage says of units and configuration
    /// values, rather than with what its code says.
    fn tells_program(&self) -> bool;

    /// Whether a part is that of a resource which holds its data.
    fn holds(&self, part: &Part, resource: &ResourceId) -> bool;

    /// What a part may do, by its owner's name and its properties, if it is of a type that says so.
    fn grants(&self, owner: &str, properties: &BTreeMap<String, Value>) -> Option<Granted>;

    /// The property that says so. It is shown as permissions, not as a property.
    fn permissions(&self) -> &'static str;
}

/// The provider when nobody says.
pub(super) const USUAL: ProviderId = ProviderId::Local;

/// The words of the providers that there are: one arm each.
const KNOWN: &[&str] = &["local"];

/// Providers that this command could have and was built without.
const ABSENT: &[&str] = match cfg!(feature = "aws") {
    true => &[],
    false => &["aws"],
};

/// The backend of a provider for a stage.
pub(super) fn at(provider: &str, site: &Site) -> Result<Box<dyn Backend>, Failure> {
    match ProviderId::parse(provider) {
        Some(ProviderId::Local) => Ok(Box::new(local::Local::new(site))),
        _ => Err(unavailable(provider)),
    }
}

/// Why there is no backend of this name.
pub(crate) fn unavailable(name: &str) -> Failure {
    if ABSENT.contains(&name) {
        return Failure::usage(format!("this `ifc` was built without provider `{name}`")).help(
            "build it with its default cargo features; in the repository of `ifc` itself, run \
             `cargo ifc-aws` in the place of `cargo ifc`",
        );
    }
    let failure = Failure::usage(format!("nothing can be deployed to provider `{name}`"));
    match ifc_graph::suggest::sentence(name, KNOWN) {
        Some(sentence) => failure.help(sentence),
        None => failure,
    }
}
