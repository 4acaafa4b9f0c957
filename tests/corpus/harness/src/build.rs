//! Building programs of the corpus as a user would, but for the linker.

use crate::profile::Profile;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program of the corpus.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// Build it as a test of itself.
    pub test: bool,
}

/// Where and with what programs are built.
#[derive(Clone, Debug)]
pub struct Workshop {
    /// The package with the programs.
    pub package: &'static str,
    /// A folder in the package's workspace.
    pub directory: PathBuf,
    /// Cargo's target directory.
    pub target: PathBuf,
    /// The analyzer in the place of the linker.
    pub linker: PathBuf,
}

impl Workshop {
    /// Builds a program and returns its executable.
    ///
    /// # Errors
    /// When cargo cannot be run or fails; it says why on standard error.
    pub fn build(
        &self,
        program: Program,
        profile: &Profile,
        link: &[String],
    ) -> Result<PathBuf, String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .current_dir(&self.directory)
            .args(["rustc", "--quiet", "--package", self.package])
            .args(["--message-format=json-render-diagnostics", "--bin"])
            .arg(program.name)
            .arg("--target-dir")
            .arg(&self.target)
            .args(profile.cargo.iter().map(|argument| {
                match program.test {
                    // The profiles under which cargo builds tests are these, with the same settings.
                    true => argument
                        .replace("--profile=dev", "--profile=test")
                        .replace("--profile=release", "--profile=bench"),
                    false => (*argument).to_owned(),
                }
            }))
            .arg("--")
            .arg(format!("-Clinker={}", self.linker.display()))
            .args(profile.rustc)
            .args(link.iter().map(|argument| format!("-Clink-arg={argument}")))
            .stderr(Stdio::inherit());
        let output = command
            .output()
            .map_err(|error| format!("cargo: {error}"))?;
        if !output.status.success() {
            return Err(format!(
                "`{}` cannot be built as {}",
                program.name, profile.name
            ));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
            .next_back()
            .ok_or_else(|| format!("cargo names no executable of `{}`", program.name))
    }
}

/// Removes programs of the package that an earlier analyzer linked: cargo does not look into the
/// linker, and would find them fresh.
///
/// # Errors
/// When a file is there and cannot be removed.
pub fn forget_earlier(workshop: &Workshop) -> std::io::Result<()> {
    let linker = workshop.linker.metadata()?.modified()?;
    let crate_name = workshop.package.replace('-', "_");
    let Ok(profiles) = workshop.target.read_dir() else {
        return Ok(());
    };
    for profile in profiles {
        let Ok(programs) = profile?.path().join("deps").read_dir() else {
            continue;
        };
        for program in programs {
            let path = program?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let ours = name.starts_with(&crate_name) && !name.contains('.');
            if ours && path.metadata()?.modified()? < linker {
                std::fs::remove_file(&path)?;
            }
        }
    }
    Ok(())
}

/// What is embedded in an executable.
///
/// # Errors
/// When nothing is, or the analyzer gave up; with its reason.
pub fn permissions(executable: &Path) -> Result<ifc_analyzer::link::Permissions, String> {
    use ifc_analyzer::link::{Embedded, embedded};
    let name = executable.display();
    let bytes = std::fs::read(executable).map_err(|error| format!("`{name}`: {error}"))?;
    match embedded(&*bytes)? {
        Some(Embedded::Permissions(permissions)) => Ok(permissions),
        Some(Embedded::Unavailable(reason)) => Err(format!("`{name}`: {reason}")),
        None => Err(format!("`{name}` holds no permissions")),
    }
}
