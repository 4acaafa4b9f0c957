//! The linker that the corpus is built with: the analyzer's, under a name of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    ifc_analyzer::link::shim::run(&arguments)
}
