//! Why permissions cannot be read from a link.

use std::fmt;
use std::path::PathBuf;

/// Why permissions cannot be read from a link.
#[derive(Debug)]
pub enum LinkError {
    /// A file of the link cannot be opened.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// An input is not an object file of a sort that can be analysed.
    NotAnObject {
        /// The file, and the member of an archive in parentheses.
        name: String,
        /// What it is or why it cannot be read.
        reason: String,
    },
    /// The link uses an option that lets symbols mean something else than their definition.
    Option {
        /// The option.
        option: String,
    },
    /// A grant or a handler is not laid out as this version knows it.
    Layout {
        /// The file, and the member of an archive in parentheses.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::Unreadable { path, .. } => {
                write!(
                    f,
                    "`{}`, an input of the link, cannot be read",
                    path.display()
                )
            }
            LinkError::NotAnObject { name, reason } => {
                write!(
                    f,
                    "`{name}`, an input of the link, cannot be analysed: {reason}"
                )
            }
            LinkError::Option { option } => write!(
                f,
                "the linker option `{option}` gives symbols another meaning, so permissions cannot \
                 be derived"
            ),
            LinkError::Layout { name, reason } => {
                write!(
                    f,
                    "`{name}` was built with another version of `ifc`: {reason}"
                )
            }
        }
    }
}

impl std::error::Error for LinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            LinkError::Unreadable { error, .. } => Some(error),
            _ => None,
        }
    }
}
