//! `ifc test`: `cargo test`, with the permissions of every unit embedded into the test programs and
//! so enforced.
//!
//! The packages of the workspace are built once more than by plain `cargo test`, because they are
//! built through a wrapper; their dependencies are not.

use crate::application;
use crate::arguments::{Global, Test};
use crate::exit::Exit;
use crate::failure::{Context as _, Failure};
use crate::shim;
use ifc_analyzer::cargo;
use std::process::Command;

pub(crate) fn run(global: &Global, test: &Test) -> Result<Exit, Failure> {
    let project = application::find(global)?;
    let mut command = Command::new(cargo::program());
    command
        .current_dir(&project.package_root)
        .arg("test")
        .args(["--package", &project.package])
        .args(&test.arguments);
    if cfg!(target_os = "linux") {
        command.env("RUSTC_WORKSPACE_WRAPPER", shim::wrapper_path(&project)?);
        command.env(shim::LINK_VARIABLE, shim::path(&project)?);
    }
    let status = command
        .status()
        .context(|| "cannot run `cargo test`".to_owned())?;
    Ok(match status.success() {
        true => Exit::Success,
        false => Exit::Failure,
    })
}
