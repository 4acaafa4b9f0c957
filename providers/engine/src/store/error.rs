//! What can go wrong with a store, told apart by what the caller may do about it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// A store's failure. It names the store and the key, and says what is known of the effect.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    location: String,
    key: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Sorts of failure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The precondition did not hold. Nothing was written.
    Conflict,
    /// There was no answer: the write may or may not have happened, or may still happen.
    Uncertain,
    /// The store could not be asked. Nothing was written, and a retry is safe.
    Unavailable {
        /// How long the store asks us to wait, if it says.
        retry_after: Option<Duration>,
    },
    /// We may not do this.
    Denied,
    /// The store takes no writes at all.
    ReadOnly,
    /// No space or quota is left.
    Full,
    /// The store itself says that what it holds is damaged.
    Corrupt,
    /// None of the others. Nothing was written; a retry would fail again.
    Other,
}

impl StoreError {
    /// An error on `key` of the store at `location` (without credentials).
    pub fn new(
        kind: StoreErrorKind,
        location: impl Into<String>,
        key: impl Into<String>,
    ) -> StoreError {
        StoreError {
            kind,
            location: location.into(),
            key: key.into(),
            source: None,
        }
    }

    /// The same, with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
        self.source = Some(source.into());
        self
    }

    /// The same error once more, with its cause as text.
    pub(crate) fn again(&self) -> StoreError {
        StoreError {
            kind: self.kind.clone(),
            location: self.location.clone(),
            key: self.key.clone(),
            source: self.source.as_ref().map(|source| source.to_string().into()),
        }
    }

    /// Which sort of failure.
    pub fn kind(&self) -> &StoreErrorKind {
        &self.kind
    }

    /// The store, as it calls itself.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The key, or the prefix of a list.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether the precondition did not hold.
    pub fn is_conflict(&self) -> bool {
        self.kind == StoreErrorKind::Conflict
    }

    /// Whether the write may have happened.
    pub fn is_uncertain(&self) -> bool {
        self.kind == StoreErrorKind::Uncertain
    }

    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_unavailable(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Unavailable { .. })
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StoreError { location, key, .. } = self;
        match self.kind {
            StoreErrorKind::Conflict => {
                write!(
                    formatter,
                    "`{key}` in `{location}` was changed by another writer"
                )
            }
            StoreErrorKind::Uncertain => write!(
                formatter,
                "`{location}` gave no answer: `{key}` may or may not have been written"
            ),
            StoreErrorKind::Unavailable { .. } => {
                write!(formatter, "`{location}` cannot be reached for `{key}`")
            }
            StoreErrorKind::Denied => write!(
                formatter,
                "access to `{key}` in `{location}` was denied; check the credentials in use"
            ),
            StoreErrorKind::ReadOnly => write!(
                formatter,
                "`{key}` cannot be written: `{location}` is read-only"
            ),
            StoreErrorKind::Full => write!(
                formatter,
                "`{key}` cannot be written: `{location}` has no space left"
            ),
            StoreErrorKind::Corrupt => {
                write!(formatter, "`{location}` reports that `{key}` is damaged")
            }
            StoreErrorKind::Other => write!(formatter, "`{location}` failed on `{key}`"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
