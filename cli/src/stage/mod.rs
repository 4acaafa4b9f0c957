//! One stage of the application, put together for a command: its provider, its state, the engine's
//! session on it, and what the application wants it to be.

#[cfg(feature = "aws")]
mod aws;
mod backend;
mod clock;
mod interrupt;
mod local;
mod permission;
mod person;

pub(crate) use backend::{Reach, unavailable};
pub(crate) use interrupt::{Interrupt, left};
#[cfg(test)]
pub(crate) use local::{PERMISSIONS as LOCAL_PERMISSIONS, grants as local_grants};
#[cfg(test)]
pub(crate) use permission::changes as permission_changes;
pub(crate) use permission::{Granted, Permission, PermissionChanges};
pub(crate) use person::{gone, host_shown, runs_here};

use crate::access::Cloud;
use crate::application;
use crate::arguments::{Global, StageChoice};
use crate::failure::{Context as _, Failure};
use crate::render::diagnostic;
use crate::settings::{Settings, StageSettings};
use backend::{Backend, Chosen, Site, StatePlace};
use clock::SystemClock;
use ifc_analyzer::{Analysis, Project};
use ifc_engine::{
    ApplicationName, ApplyEvent, ApplyOptions, Blueprint, EngineError, MemoryStore, Part, Patience,
    Provider, Session, Setup, StageName, State, StateStore, StopSignal,
};
use ifc_graph::ResourceId;
use ifc_state::Location;
use std::cell::{OnceCell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// A stage of the application.
pub(crate) struct Stage {
    pub(crate) project: Rc<Project>,
    pub(crate) application: ApplicationName,
    pub(crate) name: StageName,
    pub(crate) backend: Box<dyn Backend>,
    settings: StageSettings,
    /// Where its state is, once that was asked.
    location: OnceCell<Location>,
    /// How that place stands, as far as it was looked at.
    state_place: RefCell<Option<StatePlace>>,
    runtime: Rc<tokio::runtime::Runtime>,
}

/// What the application wants a stage to be.
pub(crate) struct Wanted {
    pub(crate) blueprint: Blueprint,
    pub(crate) analysis: Analysis,
    /// The program, as it was linked.
    pub(crate) executable: PathBuf,
    /// What of it is deployed.
    pub(crate) program: PathBuf,
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
        let project = Rc::new(application::find(global)?);
        let name = match name {
            Some(name) => name,
            None => person::stage()?,
        };
        let application: ApplicationName = project
            .package
            .parse()
            .map_err(|error| Failure::usage(format!("{error}")).help("rename the package"))?;
        let settings = Settings::of(&project)?.stage(name.as_str());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context(|| "cannot start".to_owned())?;
        let runtime = Rc::new(runtime);
        let site = Site {
            project: Rc::clone(&project),
            application: application.clone(),
            name: name.clone(),
            place: settings.place.clone(),
            runtime: Rc::clone(&runtime),
        };
        let provider = provider.or(settings.provider.as_deref());
        let backend = backend::at(provider.unwrap_or(backend::USUAL.as_str()), &site)?;
        Ok(Stage {
            project,
            application,
            name,
            backend,
            settings,
            location: OnceCell::new(),
            state_place: RefCell::new(None),
            runtime,
        })
    }

    /// Where its state is.
    pub(crate) fn location(&self) -> Result<&Location, Failure> {
        if let Some(location) = self.location.get() {
            return Ok(location);
        }
        let place = match &self.settings.state {
            Some(place) => self.backend.complete(place.clone())?,
            None => self.backend.state()?,
        };
        let location = place
            .within(self.application.as_str())
            .and_then(|location| location.within(self.name.as_str()))
            .context(|| format!("there is no place for the state of stage `{}`", self.name))?;
        Ok(self.location.get_or_init(|| location))
    }

    /// Waits for the engine.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The engine on this stage, for this command.
    pub(crate) fn session(&self, command: &str) -> Result<Session, Failure> {
        let store = self.store()?;
        let setup = Setup {
            person: person::name().unwrap_or_else(|| "somebody".to_owned()),
            host: person::host(),
            process: std::process::id(),
            command: format!("ifc {command}"),
            ..Setup::new(self.application.clone(), self.name.clone(), person::seed())
        };
        let session = Session::new(store, Arc::new(SystemClock::new()), setup);
        self.backend.check_recorded(&|| {
            let inspection = self.runtime.block_on(session.inspect());
            let inspection = inspection.map_err(|error| self.failure(error))?;
            Ok(inspection.state)
        })?;
        Ok(session)
    }

    /// How the place for its state stands.
    fn state_place(&self) -> Result<StatePlace, Failure> {
        if let Some(place) = &*self.state_place.borrow() {
            return Ok(place.clone());
        }
        let chosen = match self.settings.state {
            Some(_) => Chosen::ByUser,
            None => Chosen::ByProvider,
        };
        let place = self.backend.look_at_state(self.location()?, chosen)?;
        *self.state_place.borrow_mut() = Some(place.clone());
        Ok(place)
    }

    /// What the first apply makes for the state, in a sentence.
    pub(crate) fn state_to_be_made(&self) -> Result<Option<String>, Failure> {
        Ok(match self.state_place()? {
            StatePlace::Ready => None,
            StatePlace::ToBeMade(what) => Some(what),
        })
    }

    /// Makes what a first apply needs before it.
    pub(crate) fn prepare(&self) -> Result<(), Failure> {
        self.backend
            .prepare(self.location()?, &self.state_place()?)?;
        *self.state_place.borrow_mut() = None;
        Ok(())
    }

    /// The way to operate what is deployed, where that is by the provider.
    pub(crate) fn operate(&self, command: &str) -> Result<Option<Box<dyn Cloud>>, Failure> {
        if self.is_local() {
            return Ok(None);
        }
        self.backend.operate(self.recorded(command)?)
    }

    /// What is recorded about the stage, to which something is deployed.
    pub(crate) fn recorded(&self, command: &str) -> Result<State, Failure> {
        let session = self.session(command)?;
        let inspection = self.wait(session.inspect());
        let state = inspection.map_err(|error| self.failure(error))?.state;
        match state.parts.is_empty() {
            true => Err(self.nothing_deployed()),
            false => Ok(state),
        }
    }

    fn is_local(&self) -> bool {
        self.backend.name() == ifc_local_deploy::PROVIDER
    }

    fn store(&self) -> Result<Arc<dyn StateStore>, Failure> {
        if let StatePlace::ToBeMade(_) = self.state_place()? {
            // Nothing is there yet, and nothing is written until it is made.
            return Ok(Arc::new(MemoryStore::new()));
        }
        let location = self.location()?;
        let credentials = self.backend.credentials(location)?;
        // Stores may need the runtime from the first.
        let _inside = self.runtime.enter();
        let store = location.open(&credentials);
        store.context(|| format!("the state in `{}` cannot be reached", shown(location)))
    }

    /// Where its state is, as the user would write it.
    pub(crate) fn place(&self) -> Result<String, Failure> {
        Ok(shown(self.location()?))
    }

    /// The directory of a stage of the local provider.
    pub(crate) fn directory(&self) -> Result<ifc_local_deploy::Stage, Failure> {
        match self.is_local() {
            true => Ok(local::stage(&self.project, &self.name, None)),
            false => Err(Failure::usage(format!(
                "stage `{}` is at provider {}, which runs it by itself",
                self.name,
                self.backend.name()
            ))),
        }
    }

    /// The program that is deployed to a stage of the local provider.
    pub(crate) fn program(&self) -> Result<PathBuf, Failure> {
        let program = self.directory()?.program();
        let program = program.context(|| "it cannot be read what is deployed".to_owned())?;
        program.ok_or_else(|| self.nothing_deployed())
    }

    fn nothing_deployed(&self) -> Failure {
        Failure::new(format!("nothing is deployed to stage `{}`", self.name)).help(format!(
            "deploy the application with `ifc apply --stage {}`",
            self.name
        ))
    }

    /// The provider, ready to deploy this program if there is one.
    pub(crate) fn provider(&self, program: Option<&Path>) -> Result<Box<dyn Provider>, Failure> {
        self.backend.open(program)
    }

    /// Builds the application and lowers it. What is wrong with it is shown.
    pub(crate) fn wanted(&self, reach: Reach) -> Result<Wanted, Failure> {
        if reach == Reach::Online {
            self.backend.connect()?;
        }
        let built = self.backend.build()?;
        let mut analysis = ifc_analyzer::analyze(&built)?;
        let settings = &self.settings;
        let findings = settings.apply(&mut analysis.graph, self.backend.name());
        analysis.diagnostics.extend(findings);
        diagnostic::show(&analysis.diagnostics, &self.project.workspace_root);
        if !analysis.is_valid() {
            return Err(Failure::silent());
        }
        let graph = &analysis.graph;
        let lowered = self.backend.lower(graph, &built, reach)?;
        let is_of = |part: &Part, resource: &ResourceId| self.backend.holds(part, resource);
        let protected = settings.protect(graph, &lowered.blueprint, &is_of);
        let blueprint =
            protected.expect("only lifecycles differ from a blueprint that was checked");
        Ok(Wanted {
            blueprint,
            analysis,
            executable: built.executable,
            program: lowered.program,
        })
    }

    /// What a plan changes about what units may do, with the places in the source where that is
    /// known.
    pub(crate) fn permission_changes(
        &self,
        plan: &ifc_engine::Plan,
        wanted: Option<&Wanted>,
    ) -> PermissionChanges {
        let mut changes =
            permission::changes(plan, self.backend.permissions(), &|owner, properties| {
                self.backend.grants(owner, properties)
            });
        if let Some(wanted) = wanted {
            changes.locate(wanted, &self.project.workspace_root);
        }
        changes
    }

    /// The stage in a few words.
    pub(crate) fn title(&self, reach: Reach) -> Result<String, Failure> {
        let mut title = format!(
            "`{}`, stage `{}`, provider {}",
            self.application,
            self.name,
            self.backend.name()
        );
        if let Some(whereabouts) = self.backend.whereabouts(reach)? {
            title.push_str(&format!(", {whereabouts}"));
        }
        Ok(title)
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

/// A place for state, as the user would write it.
fn shown(location: &Location) -> String {
    match location {
        Location::Folder(folder) => application::shown(folder),
        location => location.to_string(),
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
