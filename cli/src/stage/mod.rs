//! One stage of the application, put together for a command: its provider, its state, the engine's
//! session on it, and what the application wants it to be.

mod clock;
mod interrupt;
mod local;
mod permission;
mod person;

pub(crate) use interrupt::{Interrupt, left};
#[cfg(test)]
pub(crate) use local::{BACKEND as LOCAL, grants as local_grants};
#[cfg(test)]
pub(crate) use permission::changes as permission_changes;
pub(crate) use permission::{Granted, Permission, PermissionChanges};
pub(crate) use person::{gone, host_shown, runs_here};

use crate::application;
use crate::arguments::{Global, StageChoice};
use crate::failure::{Context as _, Failure};
use crate::render::diagnostic;
use crate::settings::{Settings, StageSettings};
use clock::SystemClock;
use ifc_analyzer::{Analysis, Project};
use ifc_engine::{
    ApplicationName, ApplyEvent, ApplyOptions, Blueprint, EngineError, Part, Patience, Provider,
    Session, Setup, StageName, StateStore, StopSignal, Value,
};
use ifc_graph::{Graph, ResourceId};
use ifc_state::{Credentials, Location};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the command line asks of a provider's deploy half.
pub(crate) struct Backend {
    /// The provider's word.
    pub(crate) name: &'static str,
    /// Where state is kept when nobody says: the place that holds all stages of the application.
    state: fn(&Project) -> Location,
    /// The parts of a stage with this program.
    lower: fn(&Graph, &Path, &ApplicationName, &StageName) -> Result<Blueprint, Failure>,
    /// The provider of one stage. The program is needed when one is to be deployed.
    open: Open,
    /// Whether the deployed program runs with what the stage says of units and configuration
    /// values, rather than with what its code says.
    tells_program: bool,
    /// Whether a part is that of a resource which holds its data.
    holds: fn(&Part, &ResourceId) -> bool,
    /// What a part may do.
    grants: Grants,
    /// The property that says so. It is shown as permissions, not as a property.
    pub(crate) permissions: &'static str,
}

/// From a stage, and perhaps a program, to the provider.
type Open = fn(&Project, &StageName, Option<PathBuf>) -> Result<Box<dyn Provider>, Failure>;

/// From a resource's name and a part's properties to what the part may do, if its type says so.
type Grants = fn(&str, &BTreeMap<String, Value>) -> Option<Granted>;

/// The providers that stages can be at: one line each.
const BACKENDS: &[Backend] = &[local::BACKEND];

/// Providers that this command could have and was built without.
const ABSENT: &[&str] = match cfg!(feature = "aws") {
    true => &[],
    false => &["aws"],
};

/// The backend of a provider.
fn backend(name: &str) -> Result<&'static Backend, Failure> {
    let found = BACKENDS.iter().find(|backend| backend.name == name);
    found.ok_or_else(|| unavailable(name))
}

/// Why there is no backend of this name.
pub(crate) fn unavailable(name: &str) -> Failure {
    if ABSENT.contains(&name) {
        return Failure::usage(format!("this `ifc` was built without provider `{name}`")).help(
            "build it with its default cargo features; in the repository of `ifc` itself, run \
             `cargo ifc-aws` in the place of `cargo ifc`",
        );
    }
    let known: Vec<&str> = BACKENDS.iter().map(|backend| backend.name).collect();
    let failure = Failure::usage(format!("nothing can be deployed to provider `{name}`"));
    match ifc_graph::suggest::sentence(name, &known) {
        Some(sentence) => failure.help(sentence),
        None => failure,
    }
}

/// A stage of the application.
pub(crate) struct Stage {
    pub(crate) project: Project,
    pub(crate) application: ApplicationName,
    pub(crate) name: StageName,
    pub(crate) backend: &'static Backend,
    settings: StageSettings,
    /// Where its state is.
    pub(crate) location: Location,
    runtime: tokio::runtime::Runtime,
}

/// What the application wants a stage to be.
pub(crate) struct Wanted {
    pub(crate) blueprint: Blueprint,
    pub(crate) analysis: Analysis,
    /// The program.
    pub(crate) executable: PathBuf,
}

impl Stage {
    /// The stage that the flags choose. Nothing is built, read or asked yet.
    pub(crate) fn find(global: &Global, choice: &StageChoice) -> Result<Stage, Failure> {
        let name = match &choice.stage {
            Some(name) => Some(name.parse().map_err(|error| {
                Failure::usage(format!("{error}")).help("for example `--stage dev`")
            })?),
            None => None,
        };
        Stage::named(global, name, choice.provider.as_deref())
    }

    /// The stage of this name, or the personal one; at this provider, or the usual one.
    pub(crate) fn named(
        global: &Global,
        name: Option<StageName>,
        provider: Option<&str>,
    ) -> Result<Stage, Failure> {
        let project = application::find(global)?;
        let name = match name {
            Some(name) => name,
            None => person::stage()?,
        };
        let application: ApplicationName = project
            .package
            .parse()
            .map_err(|error| Failure::usage(format!("{error}")).help("rename the package"))?;
        let settings = Settings::of(&project)?.stage(name.as_str());
        let provider = provider.or(settings.provider.as_deref());
        let backend = backend(provider.unwrap_or(local::BACKEND.name))?;
        let place = settings.state.clone();
        let location = place
            .unwrap_or_else(|| (backend.state)(&project))
            .within(application.as_str())
            .and_then(|location| location.within(name.as_str()))
            .context(|| format!("there is no place for the state of stage `{name}`"))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context(|| "cannot start".to_owned())?;
        Ok(Stage {
            project,
            application,
            name,
            backend,
            settings,
            location,
            runtime,
        })
    }

    /// Waits for the engine.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The engine on this stage, for this command.
    pub(crate) fn session(&self, command: &str) -> Result<Session, Failure> {
        // Stores may need the runtime from the first.
        let _inside = self.runtime.enter();
        let store = self.store()?;
        let setup = Setup {
            person: person::name().unwrap_or_else(|| "somebody".to_owned()),
            host: person::host(),
            process: std::process::id(),
            command: format!("ifc {command}"),
            ..Setup::new(self.application.clone(), self.name.clone(), person::seed())
        };
        Ok(Session::new(store, Arc::new(SystemClock::new()), setup))
    }

    fn store(&self) -> Result<Arc<dyn StateStore>, Failure> {
        let store = self.location.open(&Credentials::default());
        store.context(|| format!("the state in `{}` cannot be reached", self.place()))
    }

    /// Where its state is, as the user would write it.
    pub(crate) fn place(&self) -> String {
        match &self.location {
            Location::Folder(folder) => application::shown(folder),
            location => location.to_string(),
        }
    }

    /// The directory of a stage of the local provider.
    pub(crate) fn directory(&self) -> Result<ifc_local_deploy::Stage, Failure> {
        match self.backend.name == local::BACKEND.name {
            true => Ok(local::stage(&self.project, &self.name, None)),
            false => Err(Failure::usage(format!(
                "stage `{}` is at provider {}, which runs it by itself",
                self.name, self.backend.name
            ))),
        }
    }

    /// The provider, ready to deploy this program if there is one.
    pub(crate) fn provider(&self, program: Option<PathBuf>) -> Result<Box<dyn Provider>, Failure> {
        (self.backend.open)(&self.project, &self.name, program)
    }

    /// Builds the application and lowers it. What is wrong with it is shown.
    pub(crate) fn wanted(&self) -> Result<Wanted, Failure> {
        let built = self.project.build()?;
        let mut analysis = ifc_analyzer::analyze(&built)?;
        let settings = &self.settings;
        let findings = settings.apply(&mut analysis.graph, self.backend.name);
        analysis.diagnostics.extend(findings);
        if !self.backend.tells_program {
            analysis.diagnostics.extend(settings.without_effect());
        }
        diagnostic::show(&analysis.diagnostics, &self.project.workspace_root);
        if !analysis.is_valid() {
            return Err(Failure::silent());
        }
        let (graph, executable) = (&analysis.graph, built.executable);
        let lower = self.backend.lower;
        let blueprint = lower(graph, &executable, &self.application, &self.name)?;
        let protected = settings.protect(graph, &blueprint, self.backend.holds);
        let blueprint =
            protected.expect("only lifecycles differ from a blueprint that was checked");
        Ok(Wanted {
            blueprint,
            analysis,
            executable,
        })
    }

    /// What a plan changes about what units may do, with the places in the source where that is
    /// known.
    pub(crate) fn permission_changes(
        &self,
        plan: &ifc_engine::Plan,
        wanted: Option<&Wanted>,
    ) -> PermissionChanges {
        let mut changes = permission::changes(plan, self.backend);
        if let Some(wanted) = wanted {
            changes.locate(wanted, &self.project.workspace_root);
        }
        changes
    }

    /// The stage in a few words.
    pub(crate) fn title(&self) -> String {
        format!(
            "`{}`, stage `{}`, provider {}",
            self.application, self.name, self.backend.name
        )
    }

    /// An error of the engine's, for the user.
    pub(crate) fn failure(&self, error: EngineError) -> Failure {
        match error {
            EngineError::Held { holder, .. } => Failure::new(format!(
                "stage `{}` is locked by `{}` on `{}`, process {}, which runs `{}`",
                self.name,
                holder.person,
                host_shown(&holder.host),
                holder.process,
                holder.command
            ))
            .help("wait for it to end; when it no longer runs, `ifc unlock` breaks the lock"),
            EngineError::Stale { moved } => moved
                .into_iter()
                .fold(
                    Failure::new("the plan no longer fits, and nothing was done"),
                    Failure::because,
                )
                .help("make a new one with `ifc plan`"),
            EngineError::NotApplicable { messages } => messages
                .into_iter()
                .fold(Failure::new("the plan cannot be applied"), Failure::because),
            error => Failure::of(&error),
        }
    }
}

/// What every writing command of the engine's is given.
pub(crate) struct Writing {
    pub(crate) patience: Patience,
    pub(crate) stop: StopSignal,
}

impl Writing {
    pub(crate) fn new() -> Writing {
        Writing {
            patience: Patience::default(),
            stop: StopSignal::new(),
        }
    }

    /// The options, with these eyes on what happens.
    pub(crate) fn options<'a>(
        &'a self,
        observer: &'a (dyn Fn(&ApplyEvent<'_>) + Send + Sync),
        on_wait: &'a (dyn Fn(&ifc_engine::Holder) + Send + Sync),
    ) -> ApplyOptions<'a> {
        ApplyOptions {
            patience: &self.patience,
            stop: &self.stop,
            observer,
            on_wait,
            presume_dead: &gone,
        }
    }
}
