//! What `ifc::main!()` runs: the application on this machine, until it is told to stop.

use crate::live::{self, stopped};
use crate::local::Local;
use crate::server::{Control, ControlFile, Front, Sockets};
use crate::store::{Fsync, OpenError, Storage};
use ifc_manifest::Trigger;
use ifc_runtime::log::{self, Format, Levels, Sink};
use ifc_runtime::permissions::{Enforced, UnitGrants};
use ifc_runtime::settings::SETTINGS_VARIABLE;
use ifc_runtime::{Application, Environment, SystemClock};
use std::fmt;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Port when none is chosen.
const PORT_DEFAULT: u16 = 3000;

/// Longest time that running handlers get when the application stops.
const STOP_MAX: Duration = Duration::from_secs(10);

/// The application could not do its work.
const FAILURE: u8 = 1;
/// A flag or a variable makes no sense.
const USAGE: u8 = 2;
/// The data directory cannot be used.
const DATA: u8 = 3;
/// The port cannot be used.
const PORT: u8 = 4;

const HELP: &str = "\
Runs the application on this machine.

Flags, each with the variable that says the same:
  --port PORT       IFC_PORT        port on localhost, 0 for any free one (default: 3000)
  --data-dir DIR    IFC_DATA_DIR    where queues, tables and secrets are kept
                                    (default: .ifc/local in the package)
  --fsync MODE      IFC_FSYNC       always: survive a power failure; relaxed: faster, survive
                                    a killed process (default: always)
  --help

Variables:
  IFC_LOG           levels: `info`, or `warn,orders=debug` (default: info)
  IFC_LOG_FORMAT    json, text, or auto: text on a terminal (default: auto)
  IFC_INVOKE        run this unit once with the event on standard input, print its reply, exit
  IFC_SETTINGS      what is otherwise than the code says, as JSON: `ifc serve` sets it
  IFC_KEY_FILE      file with the key of secrets (default: ifc/local.key in the user's
                    configuration directory)

Exit codes:
    0  stopped as asked, or the invoked unit replied
    1  the application could not do its work, or the invoked unit failed
    2  a flag or a variable makes no sense
    3  the data directory cannot be used
    4  the port cannot be used";

/// Runs the application declared in this program: serves it, or runs one unit when `IFC_INVOKE`
/// says so. `package` is the cargo package that holds `ifc::main!()`.
pub fn main(package: &str) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let settings = match Settings::read(&arguments, variable) {
        Ok(Some(settings)) => settings,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => return Failure::new(USAGE, problem).report(),
    };
    match start(package, settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Why the program ends.
#[derive(Debug)]
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn new(code: u8, message: impl fmt::Display) -> Failure {
        Failure {
            code,
            message: message.to_string(),
        }
    }

    fn report(self) -> ExitCode {
        eprintln!("error: {}", self.message);
        if self.code == USAGE {
            eprintln!("  = help: `--help` lists the flags and variables");
        }
        ExitCode::from(self.code)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Failure {
        let code = match error {
            OpenError::Declaration { .. } => FAILURE,
            _ => DATA,
        };
        Failure::new(code, error)
    }
}

/// What flags and variables say.
#[derive(Debug, PartialEq)]
struct Settings {
    port: u16,
    data_directory: PathBuf,
    fsync: Fsync,
    log_levels: String,
    log_format: Option<LogFormat>,
    invoke: Option<String>,
    /// What is otherwise than the code says.
    stage: ifc_runtime::Settings,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum LogFormat {
    Json,
    Text,
}

impl Settings {
    /// Nothing when help was asked for.
    fn read(
        arguments: &[String],
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Settings>, String> {
        const FLAGS: [(&str, &str); 3] = [
            ("--port", "IFC_PORT"),
            ("--data-dir", "IFC_DATA_DIR"),
            ("--fsync", "IFC_FSYNC"),
        ];
        let mut given: Vec<(&str, String, String)> = FLAGS
            .iter()
            .chain(&[("", "IFC_LOG"), ("", "IFC_LOG_FORMAT"), ("", "IFC_INVOKE")])
            .chain(&[("", SETTINGS_VARIABLE)])
            .filter_map(|(_, name)| Some((*name, variable(name)?, (*name).to_owned())))
            .collect();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if argument == "--help" || argument == "-h" {
                return Ok(None);
            }
            let (flag, value) = match argument.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            let Some((flag, name)) = FLAGS.iter().find(|(known, _)| *known == flag) else {
                return Err(format!("there is no flag `{argument}`"));
            };
            let Some(value) = value.or_else(|| rest.next().cloned()) else {
                return Err(format!("`{flag}` needs a value"));
            };
            // A flag is nearer to the user than a variable.
            given.insert(0, (name, value, (*flag).to_owned()));
        }
        let get = |name: &str| {
            let found = given.iter().find(|(known, _, _)| *known == name);
            found.map(|(_, value, source)| (value.as_str(), source.as_str()))
        };
        let directory = match get("IFC_DATA_DIR") {
            Some((directory, _)) => PathBuf::from(directory),
            None => PathBuf::from(variable("CARGO_MANIFEST_DIR").unwrap_or_default())
                .join(".ifc")
                .join("local"),
        };
        Ok(Some(Settings {
            port: match get("IFC_PORT") {
                None => PORT_DEFAULT,
                Some((text, source)) => text.parse().map_err(|_| {
                    format!("`{source}` is `{text}`, which is not a port from 0 to 65535")
                })?,
            },
            data_directory: directory,
            fsync: match get("IFC_FSYNC") {
                None | Some(("always", _)) => Fsync::Always,
                Some(("relaxed", _)) => Fsync::Relaxed,
                Some((text, source)) => {
                    return Err(format!("`{source}` is `{text}`: use `always` or `relaxed`"));
                }
            },
            log_levels: get("IFC_LOG").map_or("info", |(text, _)| text).to_owned(),
            log_format: match get("IFC_LOG_FORMAT") {
                None | Some(("auto", _)) => None,
                Some(("json", _)) => Some(LogFormat::Json),
                Some(("text", _)) => Some(LogFormat::Text),
                Some((text, source)) => {
                    return Err(format!(
                        "`{source}` is `{text}`: use `json`, `text` or `auto`"
                    ));
                }
            },
            invoke: get("IFC_INVOKE").map(|(unit, _)| unit.to_owned()),
            stage: match get(SETTINGS_VARIABLE) {
                None => ifc_runtime::Settings::default(),
                Some((text, _)) => {
                    ifc_runtime::Settings::parse(text).map_err(|error| error.to_string())?
                }
            },
        }))
    }

    fn install_log(&self, sink: Sink) {
        log::install(self.format(sink), sink, Levels::parse(&self.log_levels));
    }

    fn format(&self, sink: Sink) -> Format {
        let terminal = match sink {
            Sink::Output => io::stdout().is_terminal(),
            Sink::Error => io::stderr().is_terminal(),
        };
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        match (self.log_format, terminal) {
            (Some(LogFormat::Json), _) | (None, false) => Format::Json,
            (Some(LogFormat::Text), _) | (None, true) => Format::Text { colour },
        }
    }
}

fn start(package: &str, settings: Settings) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| {
        Failure::new(
            FAILURE,
            format!("cannot start the threads of the program: {error}"),
        )
    })?;
    let result = runtime.block_on(async {
        match settings.invoke.clone() {
            Some(unit) => invoke(package, &settings, &unit).await,
            None => serve(package, &settings).await,
        }
    });
    // Handlers that did not end in time, and threads that block, are left behind.
    runtime.shutdown_background();
    result
}

fn open(package: &str, settings: &Settings) -> Result<Arc<Local>, Failure> {
    let mut application =
        Application::load(package).map_err(|error| Failure::new(FAILURE, error))?;
    application.settings = settings.stage.clone();
    let application = Arc::new(application);
    let storage = Storage::Directory {
        path: settings.data_directory.clone(),
        fsync: settings.fsync,
        key_file: None,
    };
    let local = Local::open(Arc::clone(&application), storage, Arc::new(SystemClock))?;
    let mut provider = Arc::clone(&local) as Arc<dyn ifc_runtime::Provider>;
    // Embedded when the program was built by the command line tool, which knows them.
    match UnitGrants::of_this_program(&application) {
        Ok(grants) => provider = Arc::new(Enforced::new(provider, grants)),
        Err(none) => none.report(),
    }
    Environment::new(provider, application).enter_process();
    Ok(local)
}

async fn invoke(package: &str, settings: &Settings, unit: &str) -> Result<(), Failure> {
    let mut event = String::new();
    io::stdin().read_to_string(&mut event).map_err(|error| {
        Failure::new(
            FAILURE,
            format!("cannot read the event from standard input: {error}"),
        )
    })?;
    let event = match event.trim() {
        "" => serde_json::Value::Null,
        text => serde_json::from_str(text)
            .map_err(|error| Failure::new(USAGE, format!("the event is not JSON: {error}")))?,
    };
    // Standard output carries the reply.
    settings.install_log(Sink::Error);
    let local = open(package, settings)?;
    // Where the application answers when it is started.
    local.set_url(format!("http://localhost:{}", settings.port));
    let reply = local.invoke_unit(unit, event).await;
    local.close();
    let reply = reply.map_err(|error| Failure::new(FAILURE, error))?;
    writeln!(io::stdout(), "{reply:#}")
        .map_err(|error| Failure::new(FAILURE, format!("cannot print the reply: {error}")))
}

async fn serve(package: &str, settings: &Settings) -> Result<(), Failure> {
    // From here on a signal means an orderly end.
    let asked = asked_to_stop();
    // Sockets first: a request that comes while the rest is prepared waits instead of failing.
    let sockets = Sockets::bind(settings.port).await;
    let sockets = sockets.map_err(|error| port_failure(settings.port, &error))?;
    settings.install_log(Sink::Output);
    let local = open(package, settings)?;
    let (stop, stopping) = watch::channel(false);
    let control = Arc::new(Control::new(Arc::clone(&local), stop.clone()));
    let port = sockets.port;
    local.set_url(format!("http://localhost:{port}"));
    let file = ControlFile::write(&settings.data_directory, port, &control).map_err(|error| {
        let path = settings.data_directory.display();
        Failure::new(
            DATA,
            format!("cannot write `control.json` in `{path}`: {error}"),
        )
    })?;
    let front = Front::new(port, control);
    let mut tasks = sockets.serve(&front, &stopping);
    let drivers = live::start(&local, &stopping);
    announce(&local, port, &settings.data_directory);

    tokio::select! {
        () = asked => {}
        () = stopped(stopping) => {}
    }
    stop.send_replace(true);
    tracing::info!(
        "stopping: no new events, handlers get up to {} s",
        STOP_MAX.as_secs()
    );
    let all = async {
        finish(&mut tasks).await;
        finish(&mut { drivers }).await;
    };
    if tokio::time::timeout(STOP_MAX, all).await.is_err() {
        tracing::warn!("some handlers did not end; their events are delivered again");
    }
    local.close();
    drop(file);
    Ok(())
}

async fn finish(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!("a task of the local server failed: {error}");
        }
    }
}

fn port_failure(port: u16, error: &io::Error) -> Failure {
    let message = match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "port {port} is taken: stop what listens there, perhaps another ifc application, or \
             choose another port with IFC_PORT (0 takes any free one)"
        ),
        io::ErrorKind::PermissionDenied => {
            format!("port {port} may not be used by this user: choose one above 1023 with IFC_PORT")
        }
        _ => format!("cannot listen on port {port}: {error}"),
    };
    Failure::new(PORT, message)
}

/// Starts to listen for Ctrl-C and for the signal that service managers send. What it returns
/// resolves on the first of them.
#[cfg(unix)]
fn asked_to_stop() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    );
    async move {
        match signals {
            (Ok(mut interrupt), Ok(mut terminate)) => tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            },
            // The system then ends the process by itself; the control endpoints still work.
            _ => std::future::pending().await,
        }
    }
}

/// As above, where there is only Ctrl-C.
#[cfg(not(unix))]
async fn asked_to_stop() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// One line that says where everything is.
fn announce(local: &Local, port: u16, data_directory: &Path) {
    let mut parts = Vec::new();
    for api in local.routers().names() {
        let routes = local.application().handlers.iter();
        let routes = routes.filter(|handler| {
            matches!(handler.descriptor.trigger, Trigger::Http { .. })
                && local.application().unit_of(&handler.descriptor) == api
        });
        let count = routes.count();
        let plural = if count == 1 { "" } else { "s" };
        parts.push(format!("{api} ({count} route{plural})"));
    }
    parts.extend(local.edges().iter().map(|edge| edge.unit.clone()));
    tracing::info!(
        "`{}` runs at http://localhost:{port} with {}; data in {}",
        local.application().package,
        match parts.is_empty() {
            true => "nothing to run".to_owned(),
            false => parts.join(", "),
        },
        data_directory.display()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        Settings::read(&arguments, |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn defaults() {
        let settings = read(&[], &[("CARGO_MANIFEST_DIR", "/w/app")])
            .unwrap()
            .unwrap();
        assert_eq!(settings.port, 3000);
        assert_eq!(settings.data_directory, Path::new("/w/app/.ifc/local"));
        assert_eq!(settings.fsync, Fsync::Always);
        let bare = read(&[], &[]).unwrap().unwrap();
        assert_eq!(bare.data_directory, Path::new(".ifc/local"));
    }

    #[test]
    fn flags_win_over_variables() {
        let variables = [
            ("IFC_PORT", "1"),
            ("IFC_FSYNC", "always"),
            ("IFC_DATA_DIR", "/v"),
        ];
        let flags = ["--port", "0", "--fsync=relaxed", "--data-dir", "/f"];
        let settings = read(&flags, &variables).unwrap().unwrap();
        assert_eq!(settings.port, 0);
        assert_eq!(settings.fsync, Fsync::Relaxed);
        assert_eq!(settings.data_directory, Path::new("/f"));
        assert_eq!(read(&["--help"], &variables), Ok(None));
    }

    #[test]
    fn nonsense_is_named() {
        for (arguments, variables, expected) in [
            (&["--prot", "1"][..], &[][..], "no flag `--prot`"),
            (&["--port"], &[], "`--port` needs a value"),
            (&["--port", "x"], &[], "`--port` is `x`"),
            (&[], &[("IFC_PORT", "70000")], "`IFC_PORT` is `70000`"),
            (&[], &[("IFC_FSYNC", "never")], "use `always` or `relaxed`"),
            (
                &[],
                &[("IFC_LOG_FORMAT", "xml")],
                "use `json`, `text` or `auto`",
            ),
        ] {
            let problem = read(arguments, variables).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
