//! `ifc doctor`: what the command and the applications need on this machine.

mod aws;

use crate::application;
use crate::arguments::{Doctor, Emulated, Global};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::{self, ERROR, HEADING, NAME, WARNING, columns, paint};
use ifc_analyzer::Project;
use serde::Serialize;
use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// How one thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
struct Line {
    check: &'static str,
    verdict: Verdict,
    finding: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

impl Line {
    fn ok(check: &'static str, finding: impl Into<String>) -> Line {
        Line {
            check,
            verdict: Verdict::Ok,
            finding: finding.into(),
            help: None,
        }
    }

    fn warn(check: &'static str, finding: impl Into<String>, help: impl Into<String>) -> Line {
        Line {
            verdict: Verdict::Warn,
            help: Some(help.into()),
            ..Line::ok(check, finding)
        }
    }

    fn fail(check: &'static str, finding: impl Into<String>, help: impl Into<String>) -> Line {
        Line {
            verdict: Verdict::Fail,
            ..Line::warn(check, finding, help)
        }
    }
}

/// The oldest Rust that compiles applications.
const RUST_VERSION: &str = env!("CARGO_PKG_RUST_VERSION");

pub(crate) fn run(global: &Global, arguments: &Doctor) -> Result<Exit, Failure> {
    let mut lines = vec![rust(), cargo(), linker()];
    match application::find(global) {
        Ok(project) => {
            let name = format!("`{}`, binary `{}`", project.package, project.binary);
            lines.push(Line::ok("application", name));
            lines.push(target_directory(&project));
            lines.push(data_directory(&application::data_directory(&project)));
        }
        Err(failure) => {
            let help = failure
                .help
                .unwrap_or_else(|| "choose one with `-C DIR`".to_owned());
            lines.push(Line::warn("application", failure.message, help));
        }
    }
    lines.push(port(arguments.port));
    lines.extend(key_file());
    match arguments.emulator {
        Some(Emulated::Aws) => lines.extend(aws::lines(global)),
        None => {}
    }
    if arguments.output.json {
        terminal::print_json(&lines)?;
    } else {
        terminal::print(&rendered(&lines))?;
    }
    let failed = lines.iter().any(|line| line.verdict == Verdict::Fail);
    Ok(if failed { Exit::Failure } else { Exit::Success })
}

fn rendered(lines: &[Line]) -> String {
    let mut rows = Vec::new();
    for line in lines {
        let (style, word) = match line.verdict {
            Verdict::Ok => (HEADING, "ok"),
            Verdict::Warn => (WARNING, "warn"),
            Verdict::Fail => (ERROR, "fail"),
        };
        rows.push(vec![
            paint(style, word),
            paint(NAME, line.check),
            line.finding.clone(),
        ]);
        if let Some(help) = &line.help {
            for (place, line) in help.lines().enumerate() {
                let label = if place == 0 { "help: " } else { "      " };
                rows.push(vec![String::new(), String::new(), format!("{label}{line}")]);
            }
        }
    }
    columns(&rows)
}

/// The first line that a program prints about itself.
fn version_of(program: &OsStr) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let first = text.lines().next()?.trim().to_owned();
    (output.status.success() && !first.is_empty()).then_some(first)
}

fn rust() -> Line {
    const CHECK: &str = "rust";
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    match version_of(&rustc) {
        None => Line::fail(
            CHECK,
            "`rustc` cannot be run",
            "install Rust with rustup: https://rustup.rs",
        ),
        Some(found) if is_older(&found, RUST_VERSION) => Line::fail(
            CHECK,
            format!("{found}; ifc needs {RUST_VERSION} or newer"),
            "rustup update",
        ),
        Some(found) => Line::ok(CHECK, found),
    }
}

/// Whether `rustc 1.94.0 (…)` is older than `1.95`. What cannot be read is not called old.
fn is_older(found: &str, needed: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> {
        text.split(['.', '-'])
            .map_while(|number| number.parse().ok())
            .collect()
    };
    let Some(found) = found.split_whitespace().nth(1).map(numbers) else {
        return false;
    };
    !found.is_empty() && found < numbers(needed)
}

fn cargo() -> Line {
    match version_of(&ifc_analyzer::cargo::program()) {
        Some(found) => Line::ok("cargo", found),
        None => Line::fail(
            "cargo",
            "`cargo` cannot be run",
            "install Rust with rustup: https://rustup.rs",
        ),
    }
}

/// rustc links through the C compiler's driver unless told otherwise.
fn linker() -> Line {
    const CHECK: &str = "linker";
    let help = "install a C compiler: `build-essential` on Debian and Ubuntu, `xcode-select --install` on macOS";
    match version_of(OsStr::new("cc")) {
        Some(found) => Line::ok(CHECK, found),
        None => Line::warn(CHECK, "`cc`, by which rustc links, cannot be run", help),
    }
}

fn target_directory(project: &Project) -> Line {
    const CHECK: &str = "target directory";
    let directory = &project.target_directory;
    let shown = application::shown(directory);
    // Cargo makes it when it is not there; then the directory above has to allow that.
    let existing = directory.ancestors().find(|path| path.exists());
    match existing.map(is_writable) {
        Some(true) => Line::ok(CHECK, shown),
        _ => Line::fail(
            CHECK,
            format!("`{shown}` cannot be written to"),
            "change its permissions, or set CARGO_TARGET_DIR",
        ),
    }
}

/// Whether files can be made in a directory: by making one, because permissions do not tell all.
fn is_writable(directory: &Path) -> bool {
    let probe = directory.join(format!(".ifc-doctor-{}", std::process::id()));
    let made = fs::File::create_new(&probe).is_ok();
    let _ = fs::remove_file(&probe);
    made
}

fn data_directory(directory: &Path) -> Line {
    const CHECK: &str = "data directory";
    let shown = application::shown(directory);
    if !directory.exists() {
        return Line::ok(CHECK, format!("{shown} (is made at the first run)"));
    }
    if is_writable(directory) {
        return Line::ok(CHECK, shown);
    }
    Line::fail(
        CHECK,
        format!("`{shown}` cannot be written to"),
        "change its permissions, or choose another one with IFC_DATA_DIR",
    )
}

fn port(port: u16) -> Line {
    const CHECK: &str = "port";
    match TcpListener::bind(("127.0.0.1", port)) {
        Ok(_) => Line::ok(CHECK, format!("{port} is free")),
        Err(error) => Line::warn(
            CHECK,
            format!("{port} cannot be used: {error}"),
            "stop what uses it, or choose another one with `ifc dev --port`",
        ),
    }
}

/// The file with the key of local secrets, when it is known where it is.
#[cfg(unix)]
fn key_file() -> Option<Line> {
    use std::os::unix::fs::PermissionsExt as _;

    const CHECK: &str = "key file";
    let path = application::key_file()?;
    let shown = application::shown(&path);
    match fs::metadata(&path) {
        Err(_) => Some(Line::ok(
            CHECK,
            format!("{shown} (is made with the first secret)"),
        )),
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => Some(Line::warn(
            CHECK,
            format!("others can read `{shown}`"),
            format!("chmod 600 '{}'", path.display()),
        )),
        Ok(_) => Some(Line::ok(CHECK, shown)),
    }
}

#[cfg(not(unix))]
fn key_file() -> Option<Line> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        for (found, expected) in [
            ("rustc 1.95.0 (59807616e 2026-04-14)", false),
            ("rustc 1.100.0", false),
            ("rustc 2.0.0", false),
            ("rustc 1.94.1", true),
            ("rustc 1.9.0", true),
            ("rustc 1.96.0-nightly", false),
            ("gibberish", false),
        ] {
            assert_eq!(is_older(found, "1.95"), expected, "{found}");
        }
    }
}
