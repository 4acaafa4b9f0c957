//! Operations of a secret.

use crate::{BoxFuture, Error, Target};
use std::fmt;

/// A secret's value. It has no `Display` and no `Serialize`, and its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(Vec<u8>);

impl SecretValue {
    /// Wraps a value.
    pub fn new(bytes: Vec<u8>) -> SecretValue {
        SecretValue(bytes)
    }

    /// The value as text.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn expose(&self) -> Result<&str, std::str::Utf8Error> {
        str::from_utf8(&self.0)
    }

    /// The value's bytes.
    pub fn expose_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(…)")
    }
}

impl Drop for SecretValue {
    fn drop(&mut self) {
        // Best effort: a later read of freed memory finds zeros rather than the value.
        for byte in &mut self.0 {
            *byte = std::hint::black_box(0);
        }
    }
}

/// What application code can do with a secret.
pub trait SecretOperations {
    /// The current value. Callers keep it for at most 300 s.
    ///
    /// # Errors
    /// `NotReady` when no value has been set.
    fn read_secret<'a>(&'a self, secret: Target<'a>) -> BoxFuture<'a, Result<SecretValue, Error>>;
}
