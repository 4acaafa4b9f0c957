//! Installing a package by name and version into the target directory, once, whoever asks first.
//!
//! Knows the package managers' ordinary clients and nothing of what is installed.

use crate::skipped::Skipped;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

/// Where packages are kept, instead of below the target directory.
const FOLDER: &str = "IFC_EMULATORS";

/// For how long a failed installation is not tried again: a run of many tests asks a registry that
/// cannot be reached once, not once per test.
const FAILED_FOR: Duration = Duration::from_secs(300);

/// The name of the file that is written when an installation is complete.
const COMPLETE: &str = ".complete";

/// A package of one of the ecosystems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Package {
    /// From the Python package index, into a virtual environment.
    Python {
        name: &'static str,
        /// What comes in brackets after the name, if anything.
        extra: &'static str,
        version: &'static str,
    },
    /// From the npm registry.
    Node {
        name: &'static str,
        version: &'static str,
    },
}

impl Package {
    fn folder(self) -> String {
        match self {
            Package::Python { name, version, .. } | Package::Node { name, version } => {
                format!("{name}-{version}")
            }
        }
    }

    /// What is written to install it.
    fn requirement(self) -> String {
        match self {
            Package::Python {
                name,
                extra,
                version,
            } => match extra {
                "" => format!("{name}=={version}"),
                extra => format!("{name}[{extra}]=={version}"),
            },
            Package::Node { name, version } => format!("{name}@{version}"),
        }
    }

    /// Where its programs are, below its folder.
    fn programs(self) -> &'static str {
        match self {
            Package::Python { .. } => "bin",
            Package::Node { .. } => "node_modules/.bin",
        }
    }
}

/// Makes sure that `package` is installed, and returns the folder of its programs. Processes that
/// ask at the same time wait for the first of them.
pub(crate) fn installed(package: Package) -> Result<PathBuf, Skipped> {
    installed_in(&folder()?, package)
}

fn installed_in(root: &Path, package: Package) -> Result<PathBuf, Skipped> {
    let folder = root.join(package.folder());
    let cannot = |what: &str, error: std::io::Error| {
        Skipped::new(format!("cannot {what} `{}`: {error}", root.display()))
    };
    fs::create_dir_all(root).map_err(|error| cannot("create", error))?;
    let lock = File::create(root.join(format!("{}.lock", package.folder())))
        .map_err(|error| cannot("write in", error))?;
    lock.lock().map_err(|error| cannot("lock", error))?;

    let programs = folder.join(package.programs());
    if folder.join(COMPLETE).exists() {
        return Ok(programs);
    }
    let failure = root.join(format!("{}.failed", package.folder()));
    if let Some(reason) = recent_failure(&failure) {
        return Err(Skipped::new(reason));
    }
    // What a killed installation left is not to be trusted.
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| cannot("clean", error))?;
    }
    match install(package, &folder) {
        Ok(()) => {
            fs::write(folder.join(COMPLETE), package.requirement())
                .map_err(|error| cannot("write in", error))?;
            Ok(programs)
        }
        Err(reason) => {
            // Without the note the next test tries again, which is slow and not wrong.
            let _ = fs::write(&failure, &reason);
            Err(Skipped::new(reason))
        }
    }
}

fn recent_failure(note: &Path) -> Option<String> {
    let written = fs::metadata(note).ok()?.modified().ok()?;
    let age = SystemTime::now()
        .duration_since(written)
        .unwrap_or_default();
    (age < FAILED_FOR).then(|| fs::read_to_string(note).ok())?
}

fn install(package: Package, folder: &Path) -> Result<(), String> {
    let requirement = package.requirement();
    match package {
        Package::Python { .. } => {
            run(
                Command::new("python3").args(["-m", "venv"]).arg(folder),
                "create a virtual environment (on Debian: `apt install python3-venv`)",
            )?;
            run(
                Command::new(folder.join("bin/python"))
                    .args(["-m", "pip", "install", "--quiet", "--no-input"])
                    .args(["--disable-pip-version-check", "--retries=1", "--timeout=20"])
                    .arg(&requirement),
                &format!("install `{requirement}`"),
            )
        }
        Package::Node { .. } => run(
            Command::new("npm")
                .args(["install", "--no-audit", "--no-fund", "--no-progress"])
                .args(["--ignore-scripts", "--loglevel=error"])
                .args(["--fetch-retries=1", "--fetch-retry-mintimeout=1000"])
                .arg("--prefix")
                .arg(folder)
                .arg(&requirement),
            &format!("install `{requirement}`"),
        ),
    }
}

/// Runs a package manager's command; its last words are the reason when it fails.
fn run(command: &mut Command, what: &str) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot {what}: cannot run `{program}`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let words = [output.stdout, output.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    let last: Vec<&str> = words
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = last[last.len().saturating_sub(3)..].join("; ");
    Err(format!(
        "cannot {what}: `{program}` ended with {}: {last}",
        output.status
    ))
}

/// Below the target directory of the running test, which cargo marks with a file.
fn folder() -> Result<PathBuf, Skipped> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return Ok(PathBuf::from(folder));
    }
    let executable = std::env::current_exe()
        .map_err(|error| Skipped::new(format!("cannot tell where this program is: {error}")))?;
    executable
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").exists())
        .map(|target| target.join("emulators"))
        .ok_or_else(|| {
            Skipped::new(format!(
                "`{}` is in no target directory; say in {FOLDER} where emulators are kept",
                executable.display()
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_pinned() {
        let python = Package::Python {
            name: "a",
            extra: "full",
            version: "1.2",
        };
        assert_eq!(python.requirement(), "a[full]==1.2");
        let node = Package::Node {
            name: "b",
            version: "3.4.5",
        };
        assert_eq!(node.requirement(), "b@3.4.5");
        assert_eq!(node.folder(), "b-3.4.5");
    }

    #[test]
    fn a_failure_is_remembered_for_a_while() {
        let root = tempfile::tempdir().unwrap();
        let package = Package::Python {
            name: "x",
            extra: "",
            version: "1",
        };
        fs::write(root.path().join("x-1.failed"), "the registry is away").unwrap();
        let skipped = installed_in(root.path(), package).unwrap_err();
        assert_eq!(skipped.reason(), "the registry is away");
    }

    #[test]
    fn what_is_complete_is_not_installed_again() {
        let root = tempfile::tempdir().unwrap();
        let package = Package::Node {
            name: "x",
            version: "1",
        };
        fs::create_dir(root.path().join("x-1")).unwrap();
        fs::write(root.path().join("x-1").join(COMPLETE), "").unwrap();
        let programs = installed_in(root.path(), package).unwrap();
        assert_eq!(programs, root.path().join("x-1/node_modules/.bin"));
    }

    #[test]
    fn a_program_that_is_missing_or_fails_is_named() {
        let missing = run(&mut Command::new("no-such-program-here"), "install `x`").unwrap_err();
        assert!(
            missing.starts_with("cannot install `x`: cannot run `no-such-program-here`"),
            "{missing}"
        );
        let failing = run(
            Command::new("sh").args(["-c", "echo first; echo why >&2; exit 3"]),
            "install `x`",
        )
        .unwrap_err();
        assert!(failing.contains("first; why"), "{failing}");
        assert!(failing.contains('3'), "{failing}");
    }
}
