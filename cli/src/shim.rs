//! The command in the place of the linker: cargo starts it under another name.

use crate::failure::{Context as _, Failure};
use ifc_analyzer::Project;
use ifc_analyzer::link::shim;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Acts as the linker when the process was started under the linker's name.
pub(crate) fn run_as_linker() -> Option<ExitCode> {
    let mut arguments = std::env::args();
    let name = arguments.next()?;
    let linking = Path::new(&name).file_name()? == shim::FILE_NAME;
    linking.then(|| shim::run(&arguments.collect::<Vec<_>>()))
}

/// The path under which cargo starts this command as the linker: a link to it in the target
/// directory. The path names our version and nothing else, so that a program is linked anew when
/// the command was updated, and only then.
pub(crate) fn path(project: &Project) -> Result<PathBuf, Failure> {
    let folder = project
        .target_directory
        .join("ifc")
        .join(env!("CARGO_PKG_VERSION"));
    let link = folder.join(shim::FILE_NAME);
    let context = || format!("cannot put the linker into `{}`", folder.display());
    let command = std::env::current_exe().context(context)?;
    if fs::read_link(&link).is_ok_and(|target| target == command) {
        return Ok(link);
    }
    fs::create_dir_all(&folder).context(context)?;
    // Moved into place, so that a build that runs at the same time finds the old or the new one.
    let aside = folder.join(format!("{}.{}", shim::FILE_NAME, std::process::id()));
    std::os::unix::fs::symlink(&command, &aside).context(context)?;
    fs::rename(&aside, &link).context(context)?;
    Ok(link)
}
