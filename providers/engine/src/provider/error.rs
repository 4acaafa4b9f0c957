//! What can go wrong at a provider, told apart by what the engine does about it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// A provider's failure.
#[derive(Debug)]
pub struct ProviderError {
    kind: ProviderErrorKind,
    message: String,
    request_id: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Sorts of failure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProviderErrorKind {
    /// Too many calls. Retried, more slowly, without counting against the budget of retries.
    Throttled {
        /// How long the provider asks us to wait, if it says.
        retry_after: Option<Duration>,
    },
    /// The provider could not be asked; nothing happened. Retried.
    Unavailable,
    /// There was no answer; it may have happened. Retried, as everything can be.
    Uncertain,
    /// Something it needs exists, but cannot be used yet. Retried for `budget`.
    NotReady {
        /// What is waited for, such as "role `x` to become usable".
        what: String,
        /// How long such waits may take in all.
        budget: Duration,
    },
    /// We may not do this. Not retried.
    Denied {
        /// The action that is missing.
        action: String,
        /// On what.
        on: String,
    },
    /// There is something of this name that is not ours, and nothing was touched. Not retried; a
    /// replacement goes on to the name of the next generation.
    NameTaken {
        /// Whose, as far as it can be told.
        owner: String,
    },
    /// The name is free but cannot be used for some time after a deletion. The engine goes on to
    /// the name of the next generation.
    NameQuarantined,
    /// The provider does not accept what was asked. Not retried.
    Rejected,
}

impl ProviderError {
    /// An error, with the provider's own words.
    pub fn new(kind: ProviderErrorKind, message: impl Into<String>) -> ProviderError {
        ProviderError {
            kind,
            message: message.into(),
            request_id: None,
            source: None,
        }
    }

    /// The same with the provider's id of the request.
    #[must_use]
    pub fn with_request_id(mut self, id: impl Into<String>) -> ProviderError {
        self.request_id = Some(id.into());
        self
    }

    /// The same with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> ProviderError {
        self.source = Some(source.into());
        self
    }

    /// Which sort of failure.
    pub fn kind(&self) -> &ProviderErrorKind {
        &self.kind
    }

    /// The provider's id of the request.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            ProviderErrorKind::Throttled { .. }
                | ProviderErrorKind::Unavailable
                | ProviderErrorKind::Uncertain
                | ProviderErrorKind::NotReady { .. }
        )
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ProviderErrorKind::Denied { action, on } => {
                write!(
                    formatter,
                    "`{action}` on `{on}` was denied: {}",
                    self.message
                )?;
            }
            ProviderErrorKind::NameTaken { owner } => {
                write!(formatter, "the name is taken by {owner}: {}", self.message)?;
            }
            ProviderErrorKind::NotReady { what, budget } => write!(
                formatter,
                "waited {} s for {what}: {}",
                budget.as_secs(),
                self.message
            )?,
            _ => formatter.write_str(&self.message)?,
        }
        match &self.request_id {
            Some(id) => write!(formatter, " (request {id})"),
            None => Ok(()),
        }
    }
}

impl Error for ProviderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
