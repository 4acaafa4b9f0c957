//! The command in the place of the linker: cargo starts it under another name.

use crate::failure::{Context as _, Failure};
use ifc_analyzer::Project;
use ifc_analyzer::link::shim;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Acts as the linker when the process was started under the linker's name.
pub(crate) fn run_as_linker() -> Option<ExitCode> {
    let mut arguments = std::env::args();
    let name = arguments.next()?;
    let linking = Path::new(&name).file_name()? == shim::FILE_NAME;
    linking.then(|| shim::run(&arguments.collect::<Vec<_>>()))
}

/// The name under which cargo starts this command in the place of rustc.
const WRAPPER: &str = "ifc-rustc";

/// Names the linker to the wrapper.
pub(crate) const LINK_VARIABLE: &str = "IFC_LINK_THROUGH";

/// Acts as rustc when the process was started under the wrapper's name: the same, with our linker
/// for programs and tests.
pub(crate) fn run_as_compiler() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let name = arguments.next()?;
    if Path::new(&name).file_name()? != WRAPPER {
        return None;
    }
    let mut command = Command::new(arguments.next()?);
    let arguments: Vec<OsString> = arguments.collect();
    let programs = arguments.iter().any(|argument| argument == "--test")
        || arguments
            .windows(2)
            .any(|pair| pair[0] == "--crate-type" && pair[1] == "bin");
    command.args(&arguments);
    if let (true, Some(linker)) = (programs, std::env::var_os(LINK_VARIABLE)) {
        let mut option = OsString::from("-Clinker=");
        option.push(linker);
        command
            .arg(option)
            .arg("-Cllvm-args=-enable-global-merge=false");
    }
    let code = match command.status() {
        Ok(status) => status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1),
        Err(error) => {
            anstream::eprintln!("ifc: cannot start the compiler: {error}");
            1
        }
    };
    Some(ExitCode::from(code))
}

/// The path under which cargo starts this command in the place of rustc.
pub(crate) fn wrapper_path(project: &Project) -> Result<PathBuf, Failure> {
    link(project, WRAPPER)
}

/// The path under which cargo starts this command as the linker: a link to it in the target
/// directory. The path names the analyzer and nothing else, so that a program is linked anew when
/// another one would read it, and only then.
pub(crate) fn path(project: &Project) -> Result<PathBuf, Failure> {
    link(project, shim::FILE_NAME)
}

fn link(project: &Project, name: &str) -> Result<PathBuf, Failure> {
    let folder = project
        .target_directory
        .join("ifc")
        .join(ifc_analyzer::link::fingerprint());
    let link = folder.join(name);
    let context = || format!("cannot put the linker into `{}`", folder.display());
    let command = std::env::current_exe().context(context)?;
    if fs::read_link(&link).is_ok_and(|target| target == command) {
        return Ok(link);
    }
    fs::create_dir_all(&folder).context(context)?;
    // Moved into place, so that a build that runs at the same time finds the old or the new one.
    let aside = folder.join(format!("{name}.{}", std::process::id()));
    std::os::unix::fs::symlink(&command, &aside).context(context)?;
    fs::rename(&aside, &link).context(context)?;
    Ok(link)
}
