//! Secret: a value that is never printed (contract, 4.10).

use super::{Retention, SpecError, Verb, limits, required};
use crate::format::{Encoder, Value};

/// Read the current value.
pub const READ: Verb = Verb::new("read");

/// Every verb.
pub const VERBS: &[Verb] = &[READ];

limits! {
    /// Characters of a generated secret.
    GENERATED_LENGTH = "the length of a generated secret", 8..=1024, " characters";
}

/// Longest time a value may be served from memory, in seconds.
pub const CACHE_SECONDS_MAX: u64 = 300;

/// Characters a generated secret is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// `A-Z a-z 0-9`.
    Alphanumeric,
    /// `0-9 a-f`.
    Hex,
    /// `A-Z a-z 0-9` and `- _ . ~`, safe in URLs.
    UrlSafe,
}

impl Charset {
    /// The word used in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Charset::Alphanumeric => "alphanumeric",
            Charset::Hex => "hex",
            Charset::UrlSafe => "url-safe",
        }
    }

    /// The characters.
    pub const fn characters(self) -> &'static [u8] {
        match self {
            Charset::Alphanumeric => {
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
            }
            Charset::Hex => b"0123456789abcdef",
            Charset::UrlSafe => {
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
            }
        }
    }

    fn parse(word: &str) -> Option<Charset> {
        [Charset::Alphanumeric, Charset::Hex, Charset::UrlSafe]
            .into_iter()
            .find(|charset| charset.as_str() == word)
    }
}

/// The configured properties of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretSpec {
    /// Made once by the tool when there is no value: length in characters, and from which ones.
    pub generated: Option<(u32, Charset)>,
    /// What becomes of the value when the declaration goes away.
    pub retention: Retention,
}

impl SecretSpec {
    /// Set out of band, retained.
    pub const DEFAULT: SecretSpec = SecretSpec {
        generated: None,
        retention: Retention::Retain,
    };

    /// Writes the spec's keys into the open map.
    pub const fn encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        encoder.text_entry("retention", self.retention.as_str());
        if let Some((length, charset)) = self.generated {
            encoder
                .uint_entry("generated_length", length as u64)
                .text_entry("generated_charset", charset.as_str());
        }
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// When a required key is missing.
    pub fn decode(config: &Value) -> Result<Self, SpecError> {
        let generated = match config.uint("generated_length") {
            None => None,
            Some(length) => Some((
                required(u32::try_from(length).ok(), "generated_length")?,
                required(
                    config.text("generated_charset").and_then(Charset::parse),
                    "generated_charset",
                )?,
            )),
        };
        Ok(SecretSpec {
            generated,
            retention: required(
                config.text("retention").and_then(Retention::parse),
                "retention",
            )?,
        })
    }
}
