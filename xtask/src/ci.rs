//! `cargo xtask ci`: everything that must hold before a change is merged, in one command that
//! needs nothing installed but Rust.
//!
//! What cannot run here, a step or a test in it, is counted as skipped, with the reason; never as
//! passed.

use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What became of a step.
#[derive(Debug)]
enum Outcome {
    Passed,
    Failed,
    Skipped(&'static str),
}

/// Names for the steps the file to which a test adds a line when it cannot run:
/// `tests/emulators/src/skipped.rs` does.
const SKIPPED_FILE: &str = "IFC_SKIPPED_FILE";

/// How a step is carried out.
enum Action {
    /// A command in the repository's root.
    Run(
        &'static str,
        &'static [&'static str],
        &'static [(&'static str, &'static str)],
    ),
    /// As `Run`, skipped with the reason when the program (probed with `--version`) is missing.
    RunIfThere(
        &'static [&'static str],
        &'static [&'static str],
        &'static str,
    ),
    /// Our own checks.
    Tidy,
    /// The simulation of the engine, with these arguments.
    Simulate(&'static [&'static str]),
}

use Action::{Run, RunIfThere, Simulate, Tidy};

/// In order: what is quick to fail comes first.
const STEPS: &[(&str, Action)] = &[
    ("tidy", Tidy),
    ("format", Run("cargo", &["fmt", "--all", "--check"], &[])),
    (
        "lints",
        Run(
            "cargo",
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
            &[],
        ),
    ),
    (
        "lints of the SDK without a provider",
        Run(
            "cargo",
            &[
                "clippy",
                "--package",
                "ifc",
                "--no-default-features",
                "--",
                "-D",
                "warnings",
            ],
            &[],
        ),
    ),
    (
        "lints of the SDK for aws",
        Run(
            "cargo",
            &[
                "clippy",
                "--package",
                "ifc",
                "--no-default-features",
                "--features",
                "aws",
                "--",
                "-D",
                "warnings",
            ],
            &[],
        ),
    ),
    (
        "tests",
        Run("cargo", &["test", "--workspace", "--no-fail-fast"], &[]),
    ),
    // Always the same seeds: a change is held against what held before it. Which others hold is for
    // whoever has the time, `cargo xtask simulate --seed S`.
    (
        "simulation of the engine",
        Simulate(&["--runs", "10000", "--seed", "0"]),
    ),
    (
        "API documentation",
        Run(
            "cargo",
            &["doc", "--workspace", "--no-deps", "--lib"],
            &[("RUSTDOCFLAGS", "-D warnings")],
        ),
    ),
    (
        "book",
        RunIfThere(
            &["mdbook", "--version"],
            &["mdbook", "build", "book"],
            "mdbook is not installed; links and includes were checked by tidy",
        ),
    ),
    (
        "dependencies",
        RunIfThere(
            &["cargo", "deny", "--version"],
            &[
                "cargo",
                "deny",
                "--offline",
                "check",
                "licenses",
                "bans",
                "sources",
            ],
            "cargo-deny is not installed; licences, bans and sources were checked by tidy",
        ),
    ),
];

/// Runs every step and prints the summary. False when a step failed.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    let skipped = skipped_file(workspace);
    if skipped.exists() {
        std::fs::remove_file(&skipped)
            .with_context(|| format!("cannot remove {}", skipped.display()))?;
    }
    let mut results = Vec::new();
    for (name, action) in STEPS {
        println!("\n── {name}");
        let started = Instant::now();
        let outcome = carry_out(workspace, action)?;
        if let Outcome::Skipped(reason) = outcome {
            println!("skipped: {reason}");
        }
        results.push((*name, outcome, started.elapsed()));
    }
    println!("\n{}", summary(&results, &within(&skipped)?));
    Ok(!results
        .iter()
        .any(|(_, outcome, _)| matches!(outcome, Outcome::Failed)))
}

fn skipped_file(workspace: &Workspace) -> PathBuf {
    let target = workspace.metadata.target_directory.as_std_path();
    target.join("skipped.txt")
}

/// What tests said they could not do, without repetitions.
fn within(file: &Path) -> Result<BTreeSet<String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

fn carry_out(workspace: &Workspace, action: &Action) -> Result<Outcome> {
    let passed = match action {
        Tidy => crate::tidy::run(workspace)?,
        Simulate(arguments) => crate::simulate::run(workspace, arguments)?,
        Run(program, arguments, environment) => {
            execute(workspace, program, arguments, environment)?
        }
        RunIfThere(probe, command, reason) => {
            if !there(workspace, probe) {
                return Ok(Outcome::Skipped(reason));
            }
            execute(workspace, command[0], &command[1..], &[])?
        }
    };
    Ok(if passed {
        Outcome::Passed
    } else {
        Outcome::Failed
    })
}

fn execute(
    workspace: &Workspace,
    program: &str,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Result<bool> {
    println!("$ {program} {}", arguments.join(" "));
    let status = Command::new(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .env(SKIPPED_FILE, skipped_file(workspace))
        .current_dir(&workspace.root)
        .status()
        .with_context(|| format!("cannot run {program}"))?;
    Ok(status.success())
}

fn there(workspace: &Workspace, probe: &[&str]) -> bool {
    Command::new(probe[0])
        .args(&probe[1..])
        .current_dir(&workspace.root)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn summary(results: &[(&str, Outcome, Duration)], within: &BTreeSet<String>) -> String {
    let mut lines = Vec::new();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (name, outcome, time) in results {
        let (word, reason) = match outcome {
            Outcome::Passed => {
                passed += 1;
                ("passed", "")
            }
            Outcome::Failed => {
                failed += 1;
                ("FAILED", "")
            }
            Outcome::Skipped(reason) => {
                skipped += 1;
                ("skipped", *reason)
            }
        };
        let line = format!("{word:8}{:>6.1} s  {name:36}{reason}", time.as_secs_f64());
        lines.push(line.trim_end().to_owned());
    }
    for line in within {
        skipped += 1;
        lines.push(format!("skipped  in a test: {line}"));
    }
    lines.push(format!(
        "{passed} passed, {failed} failed, {skipped} skipped"
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::this;

    #[test]
    fn the_summary_counts_and_explains() {
        let second = Duration::from_secs(1);
        let results = [
            ("a", Outcome::Passed, second),
            ("b", Outcome::Failed, second),
            ("c", Outcome::Skipped("no tool"), second),
        ];
        let within = BTreeSet::from(["emulator: no npm".to_owned()]);
        let text = summary(&results, &within);
        assert!(text.ends_with("1 passed, 1 failed, 2 skipped"), "{text}");
        assert!(text.contains("in a test: emulator: no npm\n"), "{text}");
        assert!(text.lines().any(|line| line.ends_with("no tool")), "{text}");
    }

    #[test]
    fn skips_of_tests_are_collected_once_each() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("skipped.txt");
        assert!(within(&file).unwrap().is_empty());
        std::fs::write(&file, "b: why\na: why\nb: why\n").unwrap();
        let lines: Vec<String> = within(&file).unwrap().into_iter().collect();
        assert_eq!(lines, ["a: why", "b: why"]);
    }

    #[test]
    fn a_missing_tool_is_skipped_and_a_failing_one_is_a_failure() {
        let missing = RunIfThere(
            &["no-such-program-here"],
            &["no-such-program-here"],
            "missing",
        );
        let outcome = carry_out(this(), &missing).unwrap();
        assert!(
            matches!(outcome, Outcome::Skipped("missing")),
            "{outcome:?}"
        );
        let failing = Run("cargo", &["no-such-subcommand"], &[]);
        let outcome = carry_out(this(), &failing).unwrap();
        assert!(matches!(outcome, Outcome::Failed), "{outcome:?}");
    }
}
