//! Where a page of a query or a list ended.

use serde::{Deserialize, Serialize};

/// Where a page ended. Opaque; hand it to the `after` of the same query or list, also from another
/// process, within an hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub(crate) String);

impl Cursor {
    /// The cursor as text, for a client.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The cursor that a client sent. Whether it is one is seen when the query runs.
    pub fn from_text(text: impl Into<String>) -> Cursor {
        Cursor(text.into())
    }
}
