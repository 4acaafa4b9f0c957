//! Where a stage's state, journal and lock are kept: opaque bytes under keys, with conditional
//! writes. Stores know nothing of what the bytes mean; everything above (checksums, serials,
//! leases, fencing, recovery from lost answers) is written once, over this trait.

mod error;
mod memory;

pub use error::{StoreError, StoreErrorKind};
pub use memory::MemoryStore;

use async_trait::async_trait;
use std::fmt;

/// The bytes of one stage, under `/`-separated keys relative to the stage's root.
///
/// # Contract for implementors
///
/// - A key is 1 to 200 bytes of `a`–`z`, `0`–`9`, `-`, `.` and `/`, without empty, `.` or `..`
///   segments. One key is never a folder of another.
/// - Every operation is atomic and durable when it returns `Ok`: after a crash of client or store
///   an object has its old bytes or its new ones, never a mixture.
/// - Reads see every write that was acknowledged before they began, by whomever.
/// - Of several concurrent writes with preconditions that exclude each other at most one succeeds.
/// - A version is never used twice for the same key, even after a delete.
/// - Nothing is retried that may have happened: an operation whose answer was lost returns
///   [`StoreErrorKind::Uncertain`], and the engine finds out.
#[async_trait]
pub trait StateStore: Send + Sync {
    /// What to call this store in messages, such as `s3://bucket/prefix` or a folder's path.
    /// Without credentials.
    fn location(&self) -> String;

    /// The object under `key`, or `None` when there is none.
    ///
    /// # Errors
    /// `Unavailable`, `Denied`, `Corrupt`, `Other`.
    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError>;

    /// Writes the whole object and returns its new version.
    ///
    /// # Errors
    /// `Conflict` when `precondition` does not hold: nothing was written. `Uncertain` when it may
    /// or may not have been written. Any other kind: nothing was written.
    async fn put(
        &self,
        key: &str,
        bytes: &[u8],
        precondition: &Precondition,
    ) -> Result<Version, StoreError>;

    /// Deletes the object. With [`Precondition::Any`] the deletion of nothing succeeds.
    ///
    /// # Errors
    /// As for [`put`](Self::put); `Matches` on an absent object is a `Conflict`.
    async fn delete(&self, key: &str, precondition: &Precondition) -> Result<(), StoreError>;

    /// All keys that begin with `prefix`, sorted by bytes. An empty prefix lists everything.
    ///
    /// # Errors
    /// `Unavailable`, `Denied`, `Other`.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError>;
}

/// What a store holds under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// All of its bytes.
    pub bytes: Vec<u8>,
    /// Changes with every write.
    pub version: Version,
}

/// A store's own mark for one write of one key, such as an ETag or a generation. Opaque.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(String);

impl Version {
    /// A version as the store writes it.
    pub fn new(text: impl Into<String>) -> Version {
        Version(text.into())
    }

    /// As the store wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What must hold for a write to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// There is no object under the key.
    Absent,
    /// The object is there, in exactly this version.
    Matches(Version),
    /// Nothing: the last writer wins.
    Any,
}
