//! `ifc dev`: run the application, rebuild it on save.
//!
//! One thread decides; files, signals and the end of the application reach it through one channel.
//! The old process keeps running while a build runs, and when it fails. Messages survive a restart
//! because the application keeps them on the disk.

mod watch;

use super::child::{Application, forward_signals};
use crate::application::{self, DATA_DIRECTORY_VARIABLE};
use crate::arguments::{Dev, Global};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{diagnostic, log::LogStyle};
use crate::terminal;
use ifc_analyzer::{Project, Selection};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, SystemTime};
use watch::Watch;

/// What the deciding thread waits for.
enum Happening {
    /// A source file changed.
    Changed(PathBuf),
    /// The user wants to stop.
    Stop,
}

/// Editors write a file in several steps, and some save all files at once.
const SETTLE: Duration = Duration::from_millis(120);

/// How often to look whether the application has ended by itself.
const LOOK: Duration = Duration::from_millis(500);

pub(crate) fn run(global: &Global, arguments: &Dev) -> Result<Exit, Failure> {
    let project = application::find(global)?;
    let (sender, happenings) = mpsc::channel();
    let stop = sender.clone();
    forward_signals(move || stop.send(Happening::Stop).is_ok())?;
    let mut session = Session {
        _watch: watch(&project, sender.clone())?,
        project,
        sender,
        port: arguments.port,
        running: None,
        executable: None,
    };
    session.rebuild();
    session.run(&happenings);
    Ok(Exit::Success)
}

fn watch(project: &Project, sender: Sender<Happening>) -> Result<Watch, Failure> {
    let mut roots = project.source_roots();
    // Roots below others are seen with them.
    roots.dedup_by(|root, above| root.starts_with(above));
    let ignored = vec![
        project.target_directory.clone(),
        application::data_directory(project),
    ];
    Watch::start(roots, ignored, move |path| {
        let _ = sender.send(Happening::Changed(path));
    })
}

struct Session {
    project: Project,
    port: Option<u16>,
    running: Option<Application>,
    /// The program that runs, with the time it was made.
    executable: Option<(PathBuf, Option<SystemTime>)>,
    sender: Sender<Happening>,
    _watch: Watch,
}

impl Session {
    fn run(&mut self, happenings: &Receiver<Happening>) {
        loop {
            match happenings.recv_timeout(LOOK) {
                Ok(Happening::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    terminal::status("Stopping", &self.project.binary);
                    if let Some(running) = self.running.take() {
                        running.stop();
                    }
                    return;
                }
                Ok(Happening::Changed(path)) => {
                    let Some(paths) = settle(path, happenings) else {
                        // Taken out of the channel while waiting for files.
                        let _ = self.sender.send(Happening::Stop);
                        continue;
                    };
                    terminal::status("Changed", &changed(&paths));
                    self.find_again();
                    self.rebuild();
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
            }
        }
    }

    /// Notices that the application ended by itself. It is not started again before a file
    /// changes: what ended it would most likely do so again.
    fn look(&mut self) {
        let status = self.running.as_mut().and_then(Application::ended);
        if let Some(status) = status {
            self.running = None;
            self.executable = None;
            terminal::warn(&format!("the application has ended ({status})"));
            terminal::status("Waiting", "for a change to start it again");
        }
    }

    /// Dependencies may have come or gone.
    fn find_again(&mut self) {
        match Project::find(self.selection()) {
            Ok(project) => self.project = project,
            Err(error) => terminal::show_failure(&error.into()),
        }
    }

    fn selection(&self) -> &Selection {
        self.project.selection()
    }

    /// Builds; when that succeeds and the program is another one, puts it in the place of the old
    /// one.
    fn rebuild(&mut self) {
        match self.try_rebuild() {
            Ok(()) => {}
            Err(failure) => {
                terminal::show_failure(&failure);
                let state = match self.running {
                    Some(_) => "for a change; the last good build keeps running",
                    None => "for a change",
                };
                terminal::status("Waiting", state);
            }
        }
    }

    fn try_rebuild(&mut self) -> Result<(), Failure> {
        let built = self.project.build()?;
        let analysis = ifc_analyzer::analyze(&built)?;
        diagnostic::show(&analysis.diagnostics, &self.project.workspace_root);
        if !analysis.is_valid() {
            return Err(Failure::silent());
        }
        let made = fs::metadata(&built.executable)
            .and_then(|metadata| metadata.modified())
            .ok();
        let executable = Some((built.executable.clone(), made));
        if self.running.is_some() && self.executable == executable {
            return Ok(());
        }
        if let Some(running) = self.running.take() {
            running.stop();
        }
        let style = LogStyle::for_units(analysis.graph.units.iter().map(|unit| unit.name.as_str()));
        terminal::status(
            "Running",
            &format!("`{}`", application::shown(&built.executable)),
        );
        self.running = Some(Application::start(self.command(&built.executable), &style)?);
        self.executable = executable;
        Ok(())
    }

    fn command(&self, executable: &Path) -> Command {
        let mut command = Command::new(executable);
        command
            .current_dir(&self.project.package_root)
            .env(
                DATA_DIRECTORY_VARIABLE,
                application::data_directory(&self.project),
            )
            .env("IFC_LOG_FORMAT", "json");
        if let Some(port) = self.port {
            command.env("IFC_PORT", port.to_string());
        }
        command
    }
}

/// Waits until no file has changed for a moment; says which did. `None` when the user wants to stop
/// instead.
fn settle(first: PathBuf, happenings: &Receiver<Happening>) -> Option<BTreeSet<PathBuf>> {
    let mut paths = BTreeSet::from([first]);
    loop {
        match happenings.recv_timeout(SETTLE) {
            Ok(Happening::Changed(path)) => {
                paths.insert(path);
            }
            Ok(Happening::Stop) => return None,
            Err(_) => return Some(paths),
        }
    }
}

/// The files in a few words. Those that came and went are only how an editor saves another one.
fn changed(paths: &BTreeSet<PathBuf>) -> String {
    let left: Vec<&PathBuf> = paths.iter().filter(|path| path.exists()).collect();
    match left.as_slice() {
        [] => "files were removed".to_owned(),
        [path] => application::shown(path),
        [path, others @ ..] => format!("{} and {} more", application::shown(path), others.len()),
    }
}
