//! Permissions, read out of the inputs of the link.
//!
//! A node is an input section of an object (rustc: one function or one constant each) or a global
//! symbol; an edge is a relocation. That is the graph on which the linker itself decides what to
//! keep (`--gc-sections`, on for every Linux link of rustc), so if an edge were missing here, the
//! linker would have removed live code. An operation needs its grant, a constant that is reached
//! through a relocation only (see `ifc_runtime::access`); a handler's permissions are the grants
//! reachable from its thunk, together with what initialisation can reach.
//!
//! Nothing is ever skipped: an input that cannot be read as an object is an error, because what it
//! holds could be the only way to a grant.

mod arguments;
mod declared;
mod embed;
mod error;
mod exports;
mod files;
mod fingerprint;
mod load;
mod marks;
mod name;
mod network;
mod object;
mod permissions;
mod reach;
pub mod shim;

pub use arguments::{Arguments, Input};
pub use declared::Declared;
pub use embed::{Embedded, SECTION, embedded};
pub use error::LinkError;
pub use fingerprint::fingerprint;
pub use permissions::{GrantUse, HandlerUses, Permissions, Step, Use};

use exports::Exported;
use std::path::Path;

/// Reads the permissions of a program that exports nothing from the inputs of its link.
///
/// # Errors
/// When an input cannot be read as what it should be, or the link uses a feature that moves
/// symbols behind our back.
pub fn permissions(arguments: &Arguments, directory: &Path) -> Result<Permissions, LinkError> {
    read(arguments, directory, || Exported::Names(Vec::new()))
}

/// As [`permissions`], of a program that exports what is known when the linker is done.
fn read(
    arguments: &Arguments,
    directory: &Path,
    exported: impl FnOnce() -> Exported,
) -> Result<Permissions, LinkError> {
    let files = files::Files::read(arguments, directory)?;
    let program = load::Program::load(&files)?;
    let mut permissions = reach::permissions(&program, exported)?;
    permissions.declared = declared::of(&program)?;
    Ok(permissions)
}

/// How many objects take part in a link.
///
/// # Errors
/// When an input cannot be read as what it should be.
pub fn objects(arguments: &Arguments, directory: &Path) -> Result<usize, LinkError> {
    let files = files::Files::read(arguments, directory)?;
    Ok(load::Program::load(&files)?.objects().count())
}
