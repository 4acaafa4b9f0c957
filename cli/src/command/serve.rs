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
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// How often to look what is deployed and whether the application has ended. An apply that removes
/// what the application still declares waits for this.
const LOOK: Duration = Duration::from_millis(250);

pub(crate) fn run(global: &Global, arguments: &Serve) -> Result<Exit, Failure> {
    let stage = Stage::find(global, &arguments.choice)?;
    let deployed = stage.directory()?;
    let server = Server {
        port: arguments.port,
        stage: &stage,
        deployed: &deployed,
    };
    let mut program = stage.program()?;
    let (sender, stop) = mpsc::channel();
    forward_signals(move || sender.send(()).is_ok())?;
    let mut running = server.start(&program)?;
    loop {
        match stop.recv_timeout(LOOK) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                terminal::status("Stopping", &stage.title(Reach::Online)?);
                running.stop();
                return Ok(Exit::Success);
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = server.program()?;
        match now {
            None => {
                terminal::status("Stopping", "the stage was destroyed");
                running.stop();
                return Ok(Exit::Success);
            }
            Some(now) if now != program => {
                terminal::status("Changed", "another program was deployed");
                running.stop();
                running = server.start(&now)?;
                program = now;
            }
            Some(_) => {
                if let Some(status) = running.ended() {
                    return Err(Failure::new(format!(
                        "the application has ended ({status})"
                    )));
                }
            }
        }
    }
}

struct Server<'a> {
    port: Option<u16>,
    stage: &'a Stage,
    deployed: &'a ifc_local_deploy::Stage,
}

impl Server<'_> {
    fn program(&self) -> Result<Option<PathBuf>, Failure> {
        let program = self.deployed.program();
        program.context(|| "it cannot be read what is deployed".to_owned())
    }

    fn start(&self, program: &Path) -> Result<Application, Failure> {
        let units = self.units()?;
        let style = LogStyle::for_units(units.iter().map(String::as_str));
        terminal::status("Running", &self.stage.title(Reach::Online)?);
        let mut command = Command::new(program);
        command
            .current_dir(&self.stage.project.package_root)
            .env(DATA_DIRECTORY_VARIABLE, self.deployed.data_directory())
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
