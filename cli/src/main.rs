//! The `ifc` command: the front door. It parses arguments, composes the control plane, renders what
//! it says, and decides the exit code. Nothing else of the workspace prints, prompts or colours.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod arguments;
mod command;

mod access;
mod application;
mod exit;
mod failure;
mod render;
mod shim;
mod terminal;

use clap::Parser as _;

fn main() -> std::process::ExitCode {
    exit::report_panics();
    if let Some(code) = shim::run_as_linker().or_else(shim::run_as_compiler) {
        return code;
    }
    let arguments = arguments::Arguments::parse();
    terminal::choose_color(arguments.global.color);
    match command::run(arguments) {
        Ok(code) => code.into(),
        Err(failure) => {
            terminal::show_failure(&failure);
            failure.code.into()
        }
    }
}
