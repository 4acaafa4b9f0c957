//! Why a command did not do its work, ready to be shown.

use crate::exit::Exit;
use ifc_analyzer::{ArtifactError, CargoError};
use std::error::Error;
use std::fmt::Display;

/// What went wrong, why, and what to do: the shape of every error that the command shows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// How the process ends.
    pub(crate) code: Exit,
    /// What is wrong: lower case, no full stop, the user's things in backticks. Empty when it has
    /// been said already.
    pub(crate) message: String,
    /// Why, each link once.
    pub(crate) causes: Vec<String>,
    /// What to do.
    pub(crate) help: Option<String>,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Failure {
        Failure {
            code: Exit::Failure,
            message: message.into(),
            causes: Vec::new(),
            help: None,
        }
    }

    /// The user asked for something that is not there.
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure {
            code: Exit::Usage,
            ..Failure::new(message)
        }
    }

    /// Everything has been said already.
    pub(crate) fn silent() -> Failure {
        Failure::new("")
    }

    #[must_use]
    pub(crate) fn because(mut self, cause: impl Display) -> Failure {
        self.causes.push(cause.to_string());
        self
    }

    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Failure {
        self.help = Some(help.into());
        self
    }

    /// An unknown name, with the nearest known one or all of them.
    pub(crate) fn unknown(what: &str, name: &str, known: &[&str]) -> Failure {
        let failure = Failure::usage(format!("the application has no {what} `{name}`"));
        match ifc_graph::suggest::sentence(name, known) {
            Some(sentence) => failure.help(sentence),
            None => failure.help("`ifc graph` shows what there is"),
        }
    }

    /// `error`, its sources as causes.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Failure {
        let mut failure = Failure::new(error.to_string());
        let mut source = error.source();
        while let Some(error) = source {
            failure = failure.because(error);
            source = error.source();
        }
        failure
    }
}

impl From<CargoError> for Failure {
    fn from(error: CargoError) -> Failure {
        let code = match error {
            // The compiler has said everything.
            CargoError::Failed => return Failure::silent(),
            CargoError::Missing(_) | CargoError::NoExecutable { .. } => Exit::Failure,
            CargoError::Metadata(_)
            | CargoError::NoDirectory(_)
            | CargoError::UnknownPackage { .. }
            | CargoError::UnknownBinary { .. }
            | CargoError::NoBinary { .. }
            | CargoError::Ambiguous { .. } => Exit::Usage,
        };
        Failure {
            code,
            help: error.help(),
            ..Failure::of(&error)
        }
    }
}

impl From<ArtifactError> for Failure {
    fn from(error: ArtifactError) -> Failure {
        Failure {
            help: error.help().map(str::to_owned),
            ..Failure::of(&error)
        }
    }
}

/// Adds to an error of the operating system what it was about.
pub(crate) trait Context<T> {
    /// Turns the error into a failure with this message and the error as its cause.
    fn context(self, message: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Error + 'static> Context<T> for Result<T, E> {
    fn context(self, message: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| {
            let below = Failure::of(&error);
            let mut failure = Failure::new(message()).because(below.message);
            failure.causes.extend(below.causes);
            failure
        })
    }
}
