//! Why a store cannot be opened, and why a command on it does not succeed.

use ifc_runtime::{Error, ErrorKind};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why the local provider cannot be opened. Nothing was changed on disk.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory or a file in it cannot be made, read or written.
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another process holds the directory.
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process, when it said so.
        process: Option<u32>,
    },
    /// The directory was written by a newer version.
    Newer {
        /// The directory.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format this version knows.
        known: u32,
    },
    /// A file is not what it should be.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        finding: String,
    },
    /// The declarations do not fit the data that is there.
    Changed {
        /// What changed, and what to do.
        finding: String,
    },
    /// A declaration of the application cannot be used.
    Declaration {
        /// Which, and why.
        finding: String,
    },
    /// The store failed while it was being prepared.
    Failed(Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Unusable { path, error } => {
                write!(f, "cannot use `{}`: {error}", path.display())
            }
            OpenError::InUse { path, process } => {
                let path = path.display();
                let holder = match process {
                    Some(process) => format!("process {process}"),
                    None => "another process".to_owned(),
                };
                write!(
                    f,
                    "data directory `{path}` is in use by {holder}: stop it, or choose another \
                     with IFC_DATA_DIR"
                )
            }
            OpenError::Newer { path, found, known } => write!(
                f,
                "data directory `{}` has format {found}, this version of ifc knows formats up to \
                 {known}: update the `ifc` dependency, or choose another directory with \
                 IFC_DATA_DIR; nothing was touched",
                path.display()
            ),
            OpenError::Damaged { path, finding } => write!(
                f,
                "`{}` is damaged: {finding}; it was left as it is: copy the data directory if you \
                 want to keep it, then empty it with `ifc local reset`",
                path.display()
            ),
            OpenError::Changed { finding } | OpenError::Declaration { finding } => {
                f.write_str(finding)
            }
            OpenError::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OpenError::Unusable { error, .. } => Some(error),
            OpenError::Failed(error) => std::error::Error::source(error),
            _ => None,
        }
    }
}

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The command was refused before it wrote anything; its neighbours go on.
    Refused(Error),
    /// The storage failed; nothing that shares the commit is applied.
    Storage(redb::Error),
}

impl Fault {
    /// A refusal.
    pub(crate) fn refused(kind: ErrorKind, message: impl Into<String>) -> Fault {
        Fault::Refused(Error::new(kind, message))
    }

    /// Bytes in the store that are not what was written there.
    pub(crate) fn malformed(what: &str) -> Fault {
        let message = format!("the stored {what} cannot be read: it was written by something else");
        Fault::refused(ErrorKind::Malformed, message)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Refused(error)
    }
}

macro_rules! storage_faults {
    ($($error:ty),*) => {
        $(impl From<$error> for Fault {
            fn from(error: $error) -> Fault {
                Fault::Storage(error.into())
            }
        })*
    };
}

storage_faults!(
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError
);
