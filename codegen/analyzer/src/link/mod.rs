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
mod fingerprint;
mod load;
mod marks;
mod network;
mod permissions;
mod reach;
pub mod shim;

pub use arguments::{Arguments, Input};
pub use declared::Declared;
pub use embed::{Embedded, SECTION, embedded};
pub use error::LinkError;
pub use fingerprint::fingerprint;
pub use permissions::{GrantUse, HandlerUses, Permissions, Use};

use std::path::Path;

/// Reads the permissions of a program from the inputs of its link.
///
/// # Errors
/// When an input cannot be read as what it should be, or the link uses a feature that moves
/// symbols behind our back.
pub fn permissions(arguments: &Arguments, directory: &Path) -> Result<Permissions, LinkError> {
    let files = load::Files::read(arguments, directory)?;
    let program = load::Program::load(&files)?;
    let network = network::Network::new(&program)?;
    let marks = marks::Marks::find(&program, &network)?;
    let mut permissions = reach::permissions(&program, &network, &marks);
    permissions.declared = declared::of(&program)?;
    Ok(permissions)
}
