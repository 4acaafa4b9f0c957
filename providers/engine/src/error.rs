//! Why the engine could not do what it was asked to, for users.

use crate::lock::{Holder, LockFailure};
use crate::model::PartAddress;
use crate::store::StoreError;
use crate::wire::WireError;
use std::error::Error;
use std::fmt;

/// Why a command of the engine's came to nothing. Parts that failed within an apply are no errors
/// of this sort: they are in its summary.
#[derive(Debug)]
#[non_exhaustive]
pub enum EngineError {
    /// The store of the state failed.
    Store(StoreError),
    /// Somebody else works on the stage.
    Held {
        /// The store.
        location: String,
        /// Who.
        holder: Box<Holder>,
    },
    /// The stage was taken over by somebody else while we worked on it.
    Fenced {
        /// The store.
        location: String,
    },
    /// What is stored was written by a newer version of the tool.
    Newer {
        /// The store.
        location: String,
        /// What was read.
        source: WireError,
    },
    /// What is stored is damaged beyond what can be made up for.
    Corrupt {
        /// The store.
        location: String,
        /// What is damaged.
        detail: String,
    },
    /// The store holds another stage, or that of a person whose name shortens alike.
    ForeignStage {
        /// The store.
        location: String,
        /// Whose stage it holds.
        application: String,
        /// Which stage.
        stage: String,
        /// The name it was shortened from.
        origin: Option<String>,
    },
    /// The plan was made for something else than what there is now.
    Stale {
        /// What has moved.
        moved: Vec<String>,
    },
    /// The plan has refusals or findings that stop it.
    NotApplicable {
        /// Each of them.
        messages: Vec<String>,
    },
    /// There is no such part in the state.
    NoSuchPart(PartAddress),
    /// There is one already under the address.
    AddressTaken(PartAddress),
    /// Parts could not be read.
    Unreadable {
        /// Which, and what the provider said.
        parts: Vec<(PartAddress, String)>,
    },
    /// The provider could not say what would stop an apply.
    Preflight {
        /// What it said.
        message: String,
    },
    /// The provider could not say what there is of a stage of which nothing is recorded.
    Discovery {
        /// What it said.
        message: String,
    },
    /// The user said to stop before anything was done.
    Stopped,
}

impl EngineError {
    pub(crate) fn corrupt(location: String, detail: impl Into<String>) -> EngineError {
        EngineError::Corrupt {
            location,
            detail: detail.into(),
        }
    }

    pub(crate) fn of_lock(location: String, failure: LockFailure) -> EngineError {
        match failure {
            LockFailure::Held(holder) => EngineError::Held { location, holder },
            LockFailure::Newer(source) => EngineError::Newer { location, source },
            LockFailure::Store(error) => EngineError::Store(error),
        }
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> EngineError {
        EngineError::Store(error)
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineError::Store(_) => {
                formatter.write_str("the state of the stage could not be read or written")
            }
            EngineError::Held { holder, .. } => write!(
                formatter,
                "the stage is locked by `{}` on `{}`, process {}, which runs `{}`; wait for it to \
                 end, or break the lock with `ifc unlock` when it no longer runs",
                holder.person, holder.host, holder.process, holder.command
            ),
            EngineError::Fenced { location } => write!(
                formatter,
                "the stage in `{location}` was taken over by another command, because this one \
                 seemed to be gone; nothing more was begun: run the command again"
            ),
            EngineError::Newer { location, .. } => {
                write!(
                    formatter,
                    "`{location}` was written by a newer version of `ifc`"
                )
            }
            EngineError::Corrupt { location, detail } => write!(
                formatter,
                "the state in `{location}` is damaged: {detail}; nothing was changed: bring back \
                 an earlier version of these objects from the store's own history"
            ),
            EngineError::ForeignStage {
                location,
                application,
                stage,
                origin,
            } => match origin {
                Some(origin) => write!(
                    formatter,
                    "`{location}` holds the stage `{stage}` of application `{application}`, made \
                     for `{origin}`; choose another name with `--stage`"
                ),
                None => write!(
                    formatter,
                    "`{location}` holds the stage `{stage}` of application `{application}`; \
                     choose another place for this one"
                ),
            },
            EngineError::Stale { moved } => write!(
                formatter,
                "the plan no longer fits: {}; make a new plan",
                moved.join(", ")
            ),
            EngineError::NotApplicable { messages } => {
                write!(
                    formatter,
                    "the plan cannot be applied: {}",
                    messages.join("; ")
                )
            }
            EngineError::NoSuchPart(address) => {
                write!(formatter, "the state has no part `{address}`")
            }
            EngineError::AddressTaken(address) => {
                write!(formatter, "the state has a part `{address}` already")
            }
            EngineError::Unreadable { parts } => {
                let parts: Vec<String> = parts
                    .iter()
                    .map(|(address, message)| format!("`{address}`: {message}"))
                    .collect();
                write!(formatter, "parts could not be read: {}", parts.join("; "))
            }
            EngineError::Preflight { message } => {
                write!(
                    formatter,
                    "it could not be found out what would stop an apply: {message}"
                )
            }
            EngineError::Discovery { message } => {
                write!(
                    formatter,
                    "it could not be found out what there is of the stage already: {message}"
                )
            }
            EngineError::Stopped => formatter.write_str("stopped before anything was done"),
        }
    }
}

impl Error for EngineError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            EngineError::Store(error) => Some(error),
            EngineError::Newer { source, .. } => Some(source),
            _ => None,
        }
    }
}
