//! `ifc policy`: what whoever deploys a stage must be permitted, and nothing else.

use crate::arguments::{Global, Policy};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::stage::{Reach, Stage};
use crate::terminal;

pub(crate) fn run(global: &Global, arguments: &Policy) -> Result<Exit, Failure> {
    let stage = Stage::find(global, &arguments.choice)?;
    let reach = Reach::of_flag(arguments.offline);
    let wanted = stage.wanted(reach)?;
    let policy = stage
        .backend
        .policy(&wanted.blueprint, reach, arguments.wide)?;
    terminal::print_json(&policy)?;
    Ok(Exit::Success)
}
