//! Running the command as a user does, in directories of its own.
#![allow(dead_code)]

pub(crate) mod running;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// The command, without the settings of whoever runs the tests.
pub(crate) fn ifc(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ifc"));
    clean(&mut command).current_dir(directory);
    command
}

/// Cargo, building where [`ifc`] does.
pub(crate) fn cargo(directory: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    clean(&mut command).current_dir(directory);
    command
}

fn clean(command: &mut Command) -> &mut Command {
    for variable in [
        "IFC_DATA_DIR",
        "IFC_PORT",
        "IFC_LOG",
        "IFC_LOG_FORMAT",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CLICOLOR_FORCE",
        "COLUMNS",
    ] {
        command.env_remove(variable);
    }
    command
        // Projects of all tests share what they depend on.
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("projects"),
        )
        // They are built for these tests alone, and nobody debugs them.
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TERM_QUIET", "true")
        .env("CARGO_TERM_COLOR", "never")
        .stdin(Stdio::null())
}

/// What a finished command left.
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Finished {
    /// Its standard output, when it succeeded.
    #[track_caller]
    pub(crate) fn success(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.output, self.errors);
        self.output
    }

    /// Its standard error, when it failed with this code.
    #[track_caller]
    pub(crate) fn failure(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}\n{}", self.output, self.errors);
        self.errors
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Finished {
    finished(command.output().unwrap())
}

/// Runs a command to its end, with this standard input.
pub(crate) fn run_with(command: &mut Command, input: &str) -> Finished {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    finished(child.wait_with_output().unwrap())
}

fn finished(output: Output) -> Finished {
    Finished {
        code: output.status.code().unwrap(),
        output: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A project made by `ifc new`, in a directory of its own.
pub(crate) struct NewProject {
    pub(crate) directory: TempDir,
    pub(crate) path: PathBuf,
}

impl NewProject {
    /// Makes the project. Its name must be used by one test only: programs of all tests are built
    /// into one directory.
    pub(crate) fn make(name: &str, template: &str) -> NewProject {
        let directory = tempfile::tempdir().unwrap();
        run(ifc(directory.path())
            .args(["new", name, "--template", template, "--ifc-path"])
            .arg(root().join("sdk/ifc")))
        .success();
        let path = directory.path().canonicalize().unwrap().join(name);
        // The versions that the workspace was tested with, which are on this machine.
        fs::copy(root().join("Cargo.lock"), path.join("Cargo.lock")).unwrap();
        NewProject { directory, path }
    }

    pub(crate) fn ifc(&self, arguments: &[&str]) -> Command {
        let mut command = ifc(&self.path);
        command
            .args(arguments)
            .env("IFC_KEY_FILE", self.directory.path().join("local.key"));
        command
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.path.join(path), text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path.join(path)).unwrap()
    }
}
