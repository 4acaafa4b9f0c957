//! `ifc.toml`, beside the application's `Cargo.toml`: where stages are, and what is different in
//! each. The architecture stays in the code.
//!
//! It says nothing that is not understood: unknown keys and wrong values are findings, at their
//! place in the file, all of them at once.

mod overrides;
mod reader;

use crate::failure::{Context as _, Failure};
use crate::render::diagnostic;
use ifc_analyzer::Project;
use ifc_graph::ResourceId;
use ifc_manifest::SourceSpan;
use ifc_manifest::kind::Retention;
use ifc_state::Location;
use std::collections::BTreeMap;
use std::io::ErrorKind;

/// The file's name.
const FILE: &str = "ifc.toml";

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The provider of stages that name none.
    pub(crate) provider: Option<String>,
    /// Where the state of stages is that name no place.
    pub(crate) state: Option<Location>,
    place: Place,
    stages: BTreeMap<String, StageSettings>,
}

/// What the file says about one stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StageSettings {
    pub(crate) provider: Option<String>,
    pub(crate) state: Option<Location>,
    pub(crate) place: Place,
    /// Whether everything that holds data is protected.
    protect: bool,
    resources: BTreeMap<ResourceId, ResourceSettings>,
    units: BTreeMap<String, UnitSettings>,
    /// Defaults of configuration values, as JSON.
    config: BTreeMap<String, (String, SourceSpan)>,
}

/// Where in a cloud a stage is. What is left out comes from where the cloud's own tools have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) region: Option<String>,
    /// Credentials of another account are refused.
    pub(crate) account: Option<String>,
}

/// What is different about a resource that holds data.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ResourceSettings {
    place: SourceSpan,
    retention: Option<Retention>,
    protect: Option<bool>,
}

/// What is different about a unit. Numbers stand beside their places.
#[derive(Clone, Debug, PartialEq, Eq)]
struct UnitSettings {
    place: SourceSpan,
    memory_mb: Option<Number>,
    timeout_seconds: Option<Number>,
    max_instances: Option<Number>,
    min_instances: Option<Number>,
    concurrency: Option<Number>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Number {
    value: u32,
    place: SourceSpan,
}

impl Settings {
    /// Reads the application's file; without one, everything is as usual.
    pub(crate) fn of(project: &Project) -> Result<Settings, Failure> {
        let path = project.package_root.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Settings::default()),
            Err(error) => {
                return Err(error).context(|| format!("cannot read `{}`", path.display()));
            }
        };
        let below = path.strip_prefix(&project.workspace_root).unwrap_or(&path);
        let (mut settings, findings) = reader::read(&below.to_string_lossy(), &text);
        if !findings.is_empty() {
            diagnostic::show(&findings, &project.workspace_root);
            return Err(Failure::silent());
        }
        // A folder is meant from where the file is.
        let stages = settings.stages.values_mut().map(|stage| &mut stage.state);
        for location in stages.chain([&mut settings.state]) {
            if let Some(Location::Folder(folder)) = location {
                *folder = project.package_root.join(&*folder);
            }
        }
        Ok(settings)
    }

    /// What it says about a stage; nothing special about one that it does not name.
    pub(crate) fn stage(&self, name: &str) -> StageSettings {
        let mut stage = self.stages.get(name).cloned().unwrap_or_default();
        stage.provider = stage.provider.or_else(|| self.provider.clone());
        stage.state = stage.state.or_else(|| self.state.clone());
        let (place, usual) = (&mut stage.place, &self.place);
        place.region = place.region.take().or_else(|| usual.region.clone());
        place.account = place.account.take().or_else(|| usual.account.clone());
        stage
    }
}
