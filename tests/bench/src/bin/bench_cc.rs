//! A linker for the benchmark of the analysis: reads the permissions several times over the inputs
//! of a real link, writes down how long it took, how much memory and of how many objects, and links.

use ifc_analyzer::link::{Arguments, objects, permissions};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

const ROUNDS: usize = 7;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Ok(report) = std::env::var("IFC_BENCH_REPORT") {
        measure(&arguments, Path::new(&report));
    }
    match Command::new("cc").args(&arguments).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn measure(arguments: &[String], report: &Path) {
    let directory = std::env::current_dir().expect("a current directory");
    let before = peak_kib();
    let mut times = Vec::new();
    let mut results = Vec::new();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let parsed = Arguments::parse(arguments).expect("the usual options");
        let result = permissions(&parsed, &directory).expect("readable inputs");
        times.push(started.elapsed().as_secs_f64() * 1_000.0);
        results.push(serde_json::to_vec(&result).expect("a JSON form"));
    }
    assert!(
        results.windows(2).all(|pair| pair[0] == pair[1]),
        "equal inputs gave different permissions"
    );
    let memory = peak_kib() - before;
    let parsed = Arguments::parse(arguments).expect("the usual options");
    let objects = objects(&parsed, &directory).expect("readable inputs");
    // The fastest: what else the machine does only makes it slower.
    let fastest = times.into_iter().fold(f64::INFINITY, f64::min);
    let text = format!("{fastest} {memory} {objects}");
    std::fs::write(report, text).expect("a writable report");
}

/// The largest memory of the process so far, where the system tells.
fn peak_kib() -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmHWM:")?
                .trim()
                .strip_suffix(" kB")?
                .parse()
                .ok()
        })
        .unwrap_or(0)
}
