//! The `ifc` command: the front door. It parses arguments, composes the control plane, renders what
//! it says, and decides the exit code. Nothing else of the workspace prints, prompts or colours.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod arguments;
mod command;

mod access;
mod application;
#[cfg(feature = "aws")]
mod build;
mod exit;
mod failure;
mod moment;
mod progress;
mod render;
mod settings;
mod shim;
mod stage;
mod terminal;

use clap::Parser as _;

fn main() -> std::process::ExitCode {
    exit::report_panics();
    if let Some(code) = shim::run_as_linker().or_else(shim::run_as_compiler) {
        return code;
    }
    let arguments = match arguments::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() && std::env::args().any(|flag| flag == exit::DETAILED) => {
            // Printing fails when nobody reads it.
            let _ = error.print();
            return exit::Exit::Usage.detailed().into();
        }
        Err(error) => error.exit(),
    };
    terminal::choose_color(arguments.global.color);
    match command::run(arguments) {
        Ok(code) => code.into(),
        Err(failure) => {
            terminal::show_failure(&failure);
            failure.code.into()
        }
    }
}
