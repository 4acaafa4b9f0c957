//! The linker that the corpus is built with: the analyzer's, under a name of its own.
//!
//! With `IFC_CORPUS_TIMES` it also analyses each link three times on its own and adds the fastest
//! time to the file of that name.

use ifc_analyzer::link::{Arguments, permissions};
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(file) = std::env::var_os("IFC_CORPUS_TIMES")
        && let Some(time) = (0..3).filter_map(|_| measure(&arguments)).min()
    {
        let line = format!("{:.1} ms\n", time.as_secs_f64() * 1e3);
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(file);
        if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
            eprintln!("the time of the analysis cannot be written: {error}");
        }
    }
    ifc_analyzer::link::shim::run(&arguments)
}

/// How long the analysis of a link takes.
fn measure(arguments: &[String]) -> Option<Duration> {
    let directory = std::env::current_dir().ok()?;
    let started = Instant::now();
    permissions(&Arguments::parse(arguments).ok()?, &directory).ok()?;
    Some(started.elapsed())
}
