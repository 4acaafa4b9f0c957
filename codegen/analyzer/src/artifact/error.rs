//! Why a file of the build's output cannot be read.

use ifc_manifest::format::{MAJOR, RecordError};
use std::fmt;
use std::path::{Path, PathBuf};

/// A file, and why it cannot be read.
#[derive(Debug)]
pub struct ArtifactError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: Reason,
}

/// Why a file of the build's output cannot be read.
#[derive(Debug)]
pub enum Reason {
    /// The operating system does not let us.
    Unreadable(std::io::Error),
    /// It is no object file, executable or library, or a damaged one.
    NotAnObject(object::Error),
    /// It holds no records at all.
    NoSection,
    /// It was made with a version of `ifc` whose records are of another format.
    Format {
        /// The format's major version.
        found: u32,
    },
    /// Its records are damaged or cut off.
    Records(RecordError),
}

impl ArtifactError {
    pub(super) fn new(path: &Path, reason: Reason) -> ArtifactError {
        ArtifactError {
            path: path.to_owned(),
            reason,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<&'static str> {
        match self.reason {
            Reason::NoSection => {
                Some("depend on the `ifc` crate and write `ifc::main!();` in `src/main.rs`")
            }
            Reason::Format { found } if found > u32::from(MAJOR) => {
                Some("use an `ifc` command at least as new as the application's `ifc` crate")
            }
            Reason::Format { .. } => Some("update the application's `ifc` crate"),
            Reason::Records(_) => Some("remove it, so that cargo builds it anew"),
            // Cargo does not look into its output: it would find the file fresh.
            Reason::NotAnObject(_) => Some("remove it, so that cargo builds it anew"),
            Reason::Unreadable(_) => None,
        }
    }
}

impl fmt::Display for ArtifactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.reason {
            Reason::Unreadable(_) => write!(f, "cannot read `{path}`"),
            Reason::NotAnObject(_) => write!(f, "`{path}` is not an executable or library"),
            Reason::NoSection => {
                write!(
                    f,
                    "`{path}` was not built with ifc, or without `ifc::main!()`"
                )
            }
            Reason::Format { found } => write!(
                f,
                "the declarations in `{path}` are in format {found}, this tool reads format {MAJOR}"
            ),
            Reason::Records(_) => write!(f, "the declarations in `{path}` are damaged"),
        }
    }
}

impl std::error::Error for ArtifactError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.reason {
            Reason::Unreadable(error) => Some(error),
            Reason::NotAnObject(error) => Some(error),
            Reason::Records(error) => Some(error),
            Reason::NoSection | Reason::Format { .. } => None,
        }
    }
}
