//! In the place of the linker: calls the user's own, reads the permissions from the inputs of the
//! link while it works, and puts them into the program.

use super::embed::{Embedded, Target, fill, reserved};
use super::exports::Exported;
use super::{Arguments, LinkError, arguments};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::mpsc;

/// The file name under which the tool acts as a linker. It ends in `-cc`, from which rustc infers
/// that it takes the arguments of a C compiler driver.
pub const FILE_NAME: &str = "ifc-cc";

/// The variable that names the linker to be called; without it the target's own variable of cargo,
/// or else `cc`.
pub const LINKER_VARIABLE: &str = "IFC_LINKER";

/// Links. `arguments` are those that rustc gave, without the program's name.
pub fn run(arguments: &[String]) -> ExitCode {
    match link(arguments) {
        Ok(code) => code,
        Err(error) => {
            // rustc shows what its linker prints.
            eprintln!("ifc: {error}");
            ExitCode::FAILURE
        }
    }
}

fn link(arguments: &[String]) -> io::Result<ExitCode> {
    let directory = std::env::current_dir()?;
    let parsed = arguments::expand(arguments, &directory).and_then(|all| Arguments::parse(&all));
    let link = Link::new(arguments, &directory, parsed.as_ref().ok());
    let reserved = reserved();
    let Some(object) = link.write_object(&reserved) else {
        // Where no object can be made the program goes without, and `ifc check` says so.
        return Ok(code(link.start(None)?.wait()?));
    };
    let mut linker = link.start(Some(&object))?;
    // Not scoped: when the linker fails, nobody waits for what is not wanted any more.
    let (linked, exported) = mpsc::channel();
    let analysis = std::thread::spawn({
        let directory = directory.clone();
        move || {
            analyze(parsed, &directory, || {
                exported.recv().unwrap_or(Exported::Unknown)
            })
        }
    });
    let status = linker.wait()?;
    if !status.success() {
        return Ok(code(status));
    }
    // An analysis that failed listens no more.
    let _ = linked.send(Exported::of(&link.output));
    let embedded = analysis.join().unwrap_or_else(|_| {
        Embedded::Unavailable("the analyzer failed: please report this".to_owned())
    });
    let content = embedded.content()?;
    if fill(&link.output, &reserved, &content).is_ok() {
        return Ok(code(status));
    }
    // The linker treated the section in some way that we do not know, so it is given the content.
    let Some(object) = link.write_object(&content) else {
        return Ok(code(status));
    };
    Ok(code(link.start(Some(&object))?.wait()?))
}

fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(1))
}

fn analyze(
    arguments: Result<Arguments, LinkError>,
    directory: &Path,
    exported: impl FnOnce() -> Exported,
) -> Embedded {
    match arguments.and_then(|parsed| super::read(&parsed, directory, exported)) {
        Ok(permissions) => Embedded::Permissions(permissions),
        Err(error) => Embedded::Unavailable(chain(&error)),
    }
}

fn chain(error: &LinkError) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// A call of the user's linker.
struct Link<'a> {
    arguments: &'a [String],
    target: Target,
    output: PathBuf,
}

impl<'a> Link<'a> {
    fn new(arguments: &'a [String], directory: &Path, parsed: Option<&Arguments>) -> Link<'a> {
        let named = || {
            let pair = arguments.windows(2).find(|pair| pair[0] == "-o")?;
            Some(PathBuf::from(&pair[1]))
        };
        let output = match parsed {
            Some(parsed) => parsed.output.clone(),
            None => named(),
        };
        let nothing = Arguments::default();
        Link {
            arguments,
            target: Target::of(parsed.unwrap_or(&nothing), directory),
            output: directory.join(output.unwrap_or_else(|| "a.out".into())),
        }
    }

    /// An object with the section, beside the output, as long as the value lives.
    fn write_object(&self, content: &[u8]) -> Option<Temporary> {
        let mut path = self.output.clone().into_os_string();
        path.push(".ifc-permissions.o");
        let path = PathBuf::from(path);
        let written = self
            .target
            .object(content)
            .map_err(|error| error.to_string())
            .and_then(|bytes| std::fs::write(&path, bytes).map_err(|error| error.to_string()));
        match written {
            Ok(()) => Some(Temporary(path)),
            Err(error) => {
                eprintln!("ifc: the permissions could not be embedded: {error}");
                None
            }
        }
    }

    fn start(&self, object: Option<&Temporary>) -> io::Result<std::process::Child> {
        let linker = linker();
        let mut command = Command::new(&linker);
        command.args(object.map(|object| &object.0));
        command.args(self.arguments).spawn().map_err(|error| {
            let text = format!("the linker `{linker}` cannot be started: {error}");
            io::Error::new(error.kind(), text)
        })
    }
}

/// A file that goes with the value.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The linker that the user would have without us.
fn linker() -> String {
    let of_target = || {
        std::env::vars().find_map(|(name, value)| {
            let named = name.starts_with("CARGO_TARGET_") && name.ends_with("_LINKER");
            named.then_some(value)
        })
    };
    std::env::var(LINKER_VARIABLE)
        .ok()
        .or_else(of_target)
        .unwrap_or_else(|| "cc".to_owned())
}
