//! `ifc emit`: what a stage is to be, in the form of another tool.

use crate::application;
use crate::arguments::{Emit, EmitFormat, Global};
use crate::exit::Exit;
use crate::failure::{Context as _, Failure};
use crate::stage::{Reach, Stage};
use crate::terminal;
use std::fs;

pub(crate) fn run(global: &Global, arguments: &Emit) -> Result<Exit, Failure> {
    if arguments.import && arguments.format != EmitFormat::Terraform {
        return Err(Failure::usage(
            "a template of CloudFormation cannot say what is to be imported",
        )
        .help("leave out `--import`, and import when the template is deployed"));
    }
    let stage = Stage::find(global, &arguments.choice)?;
    let reach = Reach::of_flag(arguments.offline);
    let live = match arguments.import {
        true => Some(stage.recorded("emit")?),
        false => None,
    };
    let wanted = stage.wanted(reach)?;
    let text = stage
        .backend
        .emit(&wanted.blueprint, arguments.format, reach, live.as_ref())?;
    match &arguments.out {
        None => terminal::print(&text)?,
        Some(file) => {
            let shown = application::shown(file);
            fs::write(file, text).context(|| format!("cannot write `{shown}`"))?;
            terminal::status("Wrote", &shown);
        }
    }
    Ok(Exit::Success)
}
