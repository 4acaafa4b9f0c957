//! Against which C library an application is built, so that the platform can run it.
//!
//! In this order: a musl target with its C compiler, because such a program brings its C library;
//! `cargo-zigbuild`, which links against the platform's; else whatever this machine has, which may
//! be too new, and is held against the platform's after the build.

use crate::failure::{Context as _, Failure};
use ifc_aws_deploy::package::PLATFORM;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What helps when the machine's own C library does not: each by itself is enough.
pub(super) const HELP: &str = "either of these is enough, and is used by itself from then on:\n\
    rustup target add x86_64-unknown-linux-musl && sudo apt-get install musl-tools\n\
    cargo install --locked cargo-zigbuild && pip install ziglang";

/// How to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Toolchain {
    /// What is built for.
    pub(super) triple: String,
    /// What cargo is told about that: nothing when it is what cargo does anyway, so that the
    /// user's own release build is used again.
    pub(super) target: Option<String>,
    /// What builds in the place of cargo.
    pub(super) builder: Option<PathBuf>,
}

/// What there is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Machine {
    /// What its compiler builds for.
    host: String,
    /// Whether it can build for musl, C included.
    musl: bool,
    zigbuild: Option<PathBuf>,
}

impl Toolchain {
    /// The best of what there is.
    pub(super) fn choose() -> Result<Toolchain, Failure> {
        let machine = Machine::look()?;
        machine.toolchain().ok_or_else(|| {
            Failure::new(format!("nothing on this machine builds for {}", gnu()))
                .because(format!("its compiler builds for {}", machine.host))
                .help(HELP)
        })
    }
}

impl Machine {
    fn look() -> Result<Machine, Failure> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let version = output(&rustc, &["--version", "--verbose"])?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        let sysroot = output(&rustc, &["--print", "sysroot"])?;
        let libraries = Path::new(sysroot.trim()).join("lib/rustlib").join(musl());
        Ok(Machine {
            host: host.unwrap_or_default().trim().to_owned(),
            musl: libraries.join("lib").is_dir() && compiles_for_musl(),
            zigbuild: on_path("cargo-zigbuild"),
        })
    }

    fn toolchain(&self) -> Option<Toolchain> {
        if self.musl {
            return Some(Toolchain {
                triple: musl(),
                target: Some(musl()),
                builder: None,
            });
        }
        if let Some(zigbuild) = &self.zigbuild {
            let (major, minor) = PLATFORM.glibc;
            return Some(Toolchain {
                triple: gnu(),
                target: Some(format!("{}.{major}.{minor}", gnu())),
                builder: Some(zigbuild.clone()),
            });
        }
        (self.host == gnu()).then(|| Toolchain {
            triple: gnu(),
            target: None,
            builder: None,
        })
    }
}

fn musl() -> String {
    format!("{}-unknown-linux-musl", PLATFORM.architecture)
}

fn gnu() -> String {
    format!("{}-unknown-linux-gnu", PLATFORM.architecture)
}

/// Whether there is a C compiler for musl: dependencies have code in C.
fn compiles_for_musl() -> bool {
    let variable = format!("CC_{}", musl().replace('-', "_"));
    std::env::var_os(variable).is_some_and(|compiler| !compiler.is_empty())
        || [
            format!("{}-linux-musl-gcc", PLATFORM.architecture),
            "musl-gcc".into(),
        ]
        .iter()
        .any(|compiler| on_path(compiler).is_some())
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

fn output(program: &OsString, arguments: &[&str]) -> Result<String, Failure> {
    let context = || format!("cannot run `{}`", OsStr::to_string_lossy(program));
    let output = Command::new(program).args(arguments).output();
    let output = output.context(context)?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => {
            Err(Failure::new(context()).because(String::from_utf8_lossy(&output.stderr).trim()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_for_certain_comes_before_what_may_fit() {
        let laptop = Machine {
            host: "x86_64-unknown-linux-gnu".to_owned(),
            musl: false,
            zigbuild: None,
        };
        let own = laptop.toolchain().unwrap();
        assert_eq!((own.target, own.builder), (None, None));

        let zig = Machine {
            zigbuild: Some("/bin/cargo-zigbuild".into()),
            ..laptop.clone()
        };
        let chosen = zig.toolchain().unwrap();
        assert_eq!(
            chosen.target.as_deref(),
            Some("x86_64-unknown-linux-gnu.2.34")
        );
        assert!(chosen.builder.is_some());

        let both = Machine { musl: true, ..zig };
        let chosen = both.toolchain().unwrap();
        assert_eq!(chosen.target.as_deref(), Some("x86_64-unknown-linux-musl"));
        assert_eq!(chosen.builder, None);

        let other = Machine {
            host: "aarch64-apple-darwin".to_owned(),
            ..laptop
        };
        assert_eq!(other.toolchain(), None);
    }
}
