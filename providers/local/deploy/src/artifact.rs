//! The program that is deployed, named by what it contains.

use ifc_engine::Fingerprint;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A built program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Where it is.
    pub path: PathBuf,
    /// Of its bytes.
    pub fingerprint: Fingerprint,
}

impl Artifact {
    /// The program at `path`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: impl Into<PathBuf>) -> Result<Artifact, ArtifactError> {
        let path = path.into();
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Artifact {
                fingerprint: Fingerprint::of(&bytes),
                path,
            }),
            Err(source) => Err(ArtifactError { path, source }),
        }
    }

    /// Where a program with this fingerprint lies in the stage's directory.
    pub(crate) fn place(stage: &Path, fingerprint: &str) -> PathBuf {
        stage.join("artifacts").join(fingerprint)
    }
}

/// A program that cannot be read.
#[derive(Debug)]
pub struct ArtifactError {
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for ArtifactError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "cannot read the program `{}`",
            self.path.display()
        )
    }
}

impl std::error::Error for ArtifactError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
