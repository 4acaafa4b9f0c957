//! Why there is no build.

use std::fmt;
use std::path::PathBuf;

/// A binary that could be meant: package and name.
pub type Candidate = (String, String);

/// Why there is no build.
#[derive(Debug)]
pub enum CargoError {
    /// Cargo cannot be started.
    Missing(std::io::Error),
    /// Cargo does not understand the directory's package or workspace; its own message.
    Metadata(String),
    /// No directory.
    NoDirectory(PathBuf),
    /// A package that the workspace does not have.
    UnknownPackage {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A binary that the package does not have.
    UnknownBinary {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<Candidate>,
    },
    /// A package or workspace without a program.
    NoBinary {
        /// The package, when one is chosen.
        package: Option<String>,
    },
    /// Several programs, none chosen.
    Ambiguous {
        /// What could be meant.
        candidates: Vec<Candidate>,
    },
    /// The compiler has said why.
    Failed,
    /// Cargo succeeded and did not say where the program is.
    NoExecutable {
        /// The binary.
        binary: String,
    },
}

impl CargoError {
    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            CargoError::Missing(_) => Some("install Rust with rustup: https://rustup.rs".to_owned()),
            CargoError::UnknownPackage { name, known } => {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                ifc_graph::suggest::sentence(name, &known)
            }
            CargoError::UnknownBinary { name, known } => {
                let known: Vec<&str> = known.iter().map(|(_, binary)| binary.as_str()).collect();
                ifc_graph::suggest::sentence(name, &known)
            }
            CargoError::NoBinary { .. } => Some(
                "write a `src/main.rs` with `ifc::main!();`, or choose the application with `-C DIR`"
                    .to_owned(),
            ),
            CargoError::Ambiguous { candidates } => {
                let mut help = "choose one:".to_owned();
                for (package, binary) in candidates {
                    help.push_str(&format!("\n  --package {package} --bin {binary}"));
                }
                Some(help)
            }
            CargoError::Metadata(_)
            | CargoError::NoDirectory(_)
            | CargoError::Failed
            | CargoError::NoExecutable { .. } => None,
        }
    }
}

impl fmt::Display for CargoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CargoError::Missing(_) => f.write_str("cannot run `cargo`"),
            CargoError::Metadata(message) => f.write_str(message),
            CargoError::NoDirectory(path) => {
                write!(f, "there is no directory `{}`", path.display())
            }
            CargoError::UnknownPackage { name, .. } => {
                write!(f, "the workspace has no package `{name}`")
            }
            CargoError::UnknownBinary { name, .. } => {
                write!(f, "there is no binary `{name}`")
            }
            CargoError::NoBinary {
                package: Some(package),
            } => {
                write!(
                    f,
                    "package `{package}` has no binary that could be the application"
                )
            }
            CargoError::NoBinary { package: None } => {
                f.write_str("no package of the workspace has a binary that depends on `ifc`")
            }
            CargoError::Ambiguous { candidates } => {
                write!(f, "{} binaries could be the application", candidates.len())
            }
            CargoError::Failed => f.write_str("the application does not compile"),
            CargoError::NoExecutable { binary } => {
                write!(f, "cargo built `{binary}` and did not say where")
            }
        }
    }
}

impl std::error::Error for CargoError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CargoError::Missing(error) => Some(error),
            _ => None,
        }
    }
}
