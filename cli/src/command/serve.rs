//! `ifc serve`: runs what is deployed to a stage of the local provider, until the stage is
//! destroyed or the user says stop. Nothing is built.

use super::child::{Application, forward_signals};
use crate::application::{self, DATA_DIRECTORY_VARIABLE};
use crate::arguments::{Global, Serve};
use crate::exit::Exit;
use crate::failure::{Context as _, Failure};
use crate::render::log::LogStyle;
use crate::stage::{Reach, Stage};
use crate::terminal;
use ifc_local_deploy::settings::{SETTINGS_VARIABLE, Settings};
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// How often to look what is deployed and whether the application has ended. An apply that removes
/// what the application still declares waits for this.
const LOOK: Duration = Duration::from_millis(250);

pub(crate) fn run(global: &Global, arguments: &Serve) -> Result<Exit, Failure> {
    let stage = Stage::find(global, &arguments.choice)?;
    let directory = stage.directory()?;
    let server = Server {
        port: arguments.port,
        stage: &stage,
        directory: &directory,
    };
    let mut deployed = server.deployed(stage.program()?)?;
    let (sender, stop) = mpsc::channel();
    forward_signals(move || sender.send(()).is_ok())?;
    let mut running = server.start(&deployed)?;
    let mut seen = None;
    loop {
        match stop.recv_timeout(LOOK) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                terminal::status("Stopping", &stage.title(Reach::Online)?);
                running.stop();
                return Ok(Exit::Success);
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        match server.program()? {
            None => {
                terminal::status("Stopping", "the stage was destroyed");
                running.stop();
                return Ok(Exit::Success);
            }
            Some(program) => {
                let now = server.deployed(program)?;
                let settled = seen.replace(now.clone()).as_ref() == Some(&now);
                // An apply changes one part after another.
                if now != deployed && settled {
                    terminal::status("Changed", now.against(&deployed));
                    running.stop();
                    running = server.start(&now)?;
                    deployed = now;
                } else if let Some(status) = running.ended() {
                    return Err(Failure::new(format!(
                        "the application has ended ({status})"
                    )));
                }
            }
        }
    }
}

/// What runs.
#[derive(Clone, PartialEq)]
struct Deployed {
    program: PathBuf,
    settings: Settings,
}

impl Deployed {
    /// What is new in comparison.
    fn against(&self, before: &Deployed) -> &'static str {
        match self.program != before.program {
            true => "another program was deployed",
            false => "the settings of units or configuration values",
        }
    }
}

struct Server<'a> {
    port: Option<u16>,
    stage: &'a Stage,
    directory: &'a ifc_local_deploy::Stage,
}

impl Server<'_> {
    fn program(&self) -> Result<Option<PathBuf>, Failure> {
        self.directory.program().context(unreadable)
    }

    fn deployed(&self, program: PathBuf) -> Result<Deployed, Failure> {
        let settings = self.directory.settings().context(unreadable)?;
        Ok(Deployed { program, settings })
    }

    fn start(&self, deployed: &Deployed) -> Result<Application, Failure> {
        let Deployed { program, settings } = deployed;
        let units = self.units()?;
        let style = LogStyle::for_units(units.iter().map(String::as_str));
        terminal::status("Running", &self.stage.title(Reach::Online)?);
        let mut command = Command::new(program);
        command
            .current_dir(&self.stage.project.package_root)
            .env(DATA_DIRECTORY_VARIABLE, self.directory.data_directory())
            .env(SETTINGS_VARIABLE, settings.to_json().to_string())
            .env("IFC_LOG_FORMAT", "json");
        if let Some(port) = self.port {
            command.env("IFC_PORT", port.to_string());
        }
        Application::start(command, &style).map_err(|failure| {
            failure.help(format!("the program is `{}`", application::shown(program)))
        })
    }

    /// The names of the deployed units, for the layout of the log.
    fn units(&self) -> Result<Vec<String>, Failure> {
        let session = self.stage.session("serve")?;
        let inspection = self.stage.wait(session.inspect());
        let inspection = inspection.map_err(|error| self.stage.failure(error))?;
        let parts = inspection.state.parts.into_iter();
        let units = parts.filter(|(_, record)| record.part_type.as_str() == "unit");
        Ok(units
            .map(|(address, _)| address.resource().to_owned())
            .collect())
    }
}

fn unreadable() -> String {
    "it cannot be read what is deployed".to_owned()
}
