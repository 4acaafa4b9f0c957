//! The analyzer in the place of the linker, as `ifc` is.

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    ifc_analyzer::link::shim::run(&arguments)
}
