//! The providers that stages can be at, as one stage of an application sees its own.

#[cfg(feature = "aws")]
use super::aws;
use super::{Granted, local};
use crate::access::Cloud;
use crate::arguments::EmitFormat;
use crate::failure::Failure;
use crate::settings::Place;
use ifc_analyzer::{Built, Project};
use ifc_engine::{ApplicationName, Blueprint, Part, Provider, StageName, State, Value};
use ifc_graph::{Graph, ResourceId};
use ifc_manifest::ProviderId;
use ifc_state::{Credentials, Location};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tokio::runtime::Runtime;

/// A stage, before anything is asked about it.
#[derive(Clone)]
#[cfg_attr(
    not(feature = "aws"),
    expect(dead_code, reason = "only clouds are somewhere, and waited for")
)]
pub(crate) struct Site {
    pub(crate) project: Rc<Project>,
    pub(crate) application: ApplicationName,
    pub(crate) name: StageName,
    pub(crate) place: Place,
    pub(crate) runtime: Rc<Runtime>,
}

/// Who said where state is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    ByUser,
    ByProvider,
}

/// How the place for state stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StatePlace {
    Ready,
    /// It is made by the first apply: this.
    #[cfg_attr(
        not(feature = "aws"),
        expect(dead_code, reason = "only clouds make places")
    )]
    ToBeMade(String),
}

/// Whether a provider may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It may.
    Online,
    /// Nobody is asked, and there need be no credentials.
    Offline,
}

impl Reach {
    /// As `--offline` says.
    pub(crate) fn of_flag(offline: bool) -> Reach {
        match offline {
            true => Reach::Offline,
            false => Reach::Online,
        }
    }
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

    /// Finds out who we are at the provider, before anything that takes time.
    fn connect(&self) -> Result<(), Failure> {
        Ok(())
    }

    /// Where state is kept when nobody says: the place that holds all stages of all applications.
    fn state(&self) -> Result<Location, Failure>;

    /// A place for state that the user named, with what the provider's own settings say of it.
    fn complete(&self, location: Location) -> Result<Location, Failure> {
        Ok(location)
    }

    /// By what state is reached.
    fn credentials(&self, _location: &Location) -> Result<Credentials, Failure> {
        Ok(Credentials::default())
    }

    /// Refuses a place that is not fit for state.
    fn look_at_state(&self, _location: &Location, _chosen: Chosen) -> Result<StatePlace, Failure> {
        Ok(StatePlace::Ready)
    }

    /// Makes what a first apply needs before it, the place for state among it.
    fn prepare(&self, _location: &Location, _place: &StatePlace) -> Result<(), Failure> {
        Ok(())
    }

    /// Refuses a stage that was deployed to elsewhere than where the command would go.
    fn check_recorded(&self, _state: &dyn Fn() -> Result<State, Failure>) -> Result<(), Failure> {
        Ok(())
    }

    /// The way to operate the stage with this state. `None` where it is not by the provider.
    fn operate(&self, _state: State) -> Result<Option<Box<dyn Cloud>>, Failure> {
        Ok(None)
    }

    /// Builds the application for the provider.
    fn build(&self) -> Result<Built, Failure>;

    /// The parts of the stage with what was built.
    fn lower(&self, graph: &Graph, built: &Built, reach: Reach) -> Result<Lowered, Failure>;

    /// The provider of the stage. The program is needed when one is to be deployed.
    fn open(&self, program: Option<&Path>) -> Result<Box<dyn Provider>, Failure>;

    /// What the blueprint is in the form of another tool, which takes over what this state records.
    fn emit(
        &self,
        _blueprint: &Blueprint,
        _format: EmitFormat,
        _reach: Reach,
        _live: Option<&State>,
    ) -> Result<String, Failure> {
        Err(Failure::usage(format!(
            "no other tool knows what provider `{}` deploys",
            self.name()
        ))
        .help("choose a cloud, for example `--provider aws`"))
    }

    /// The least policy that whoever deploys the blueprint needs; a wide one is for other blueprints
    /// of the stage, too.
    fn policy(&self, _blueprint: &Blueprint, _reach: Reach, _wide: bool) -> Result<Json, Failure> {
        Err(Failure::usage(format!(
            "provider `{}` asks nobody for permission",
            self.name()
        ))
        .help("choose a cloud, for example `--provider aws`"))
    }

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
const KNOWN: &[&str] = match cfg!(feature = "aws") {
    true => &["local", "aws"],
    false => &["local"],
};

/// Providers that this command could have and was built without.
const ABSENT: &[&str] = match cfg!(feature = "aws") {
    true => &[],
    false => &["aws"],
};

/// The backend of a provider for a stage.
pub(super) fn at(provider: &str, site: &Site) -> Result<Box<dyn Backend>, Failure> {
    match ProviderId::parse(provider) {
        Some(ProviderId::Local) => Ok(Box::new(local::Local::new(site))),
        #[cfg(feature = "aws")]
        Some(ProviderId::Aws) => Ok(Box::new(aws::Aws::new(site))),
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
