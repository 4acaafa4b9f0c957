//! SHA-256, for names, fingerprints and checksums.

use sha2::{Digest, Sha256};
use std::fmt;

/// Lower-case letters and the digits that look like none of them.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";

/// The first `length` characters of the digest in base 32. At most 51.
pub(crate) fn base32(bytes: &[u8], length: usize) -> String {
    let digest = Sha256::digest(bytes);
    let bit = |index: usize| (digest[index / 8] >> (7 - index % 8)) & 1;
    let character = |index: usize| {
        let number = (0..5).fold(0, |sum, offset| sum << 1 | bit(5 * index + offset));
        char::from(BASE32[usize::from(number)])
    };
    (0..length.min(51)).map(character).collect()
}

/// The SHA-256 of some canonical bytes: equal things have equal fingerprints.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of these bytes.
    pub fn of(bytes: &[u8]) -> Fingerprint {
        Fingerprint::written(&Sha256::digest(bytes))
    }

    fn written(digest: &[u8]) -> Fingerprint {
        let digit = |number: u8| char::from(HEXADECIMAL[usize::from(number)]);
        let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        Fingerprint(digits.map(digit).collect())
    }

    /// A fingerprint that was written down, by whatever rule it was made.
    pub fn parse(text: impl Into<String>) -> Fingerprint {
        Fingerprint(text.into())
    }

    /// As hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A fingerprint in the making.
pub(crate) struct Digesting(Sha256);

impl Digesting {
    /// Begins with what sort of thing it is of, and by which rule.
    pub(crate) fn new(rule: &str) -> Digesting {
        let mut digesting = Digesting(Sha256::new());
        digesting.text(rule);
        digesting
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    /// Text with its length, so that no two sequences of texts are fed alike.
    pub(crate) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    pub(crate) fn finish(self) -> Fingerprint {
        Fingerprint::written(&self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digests() {
        // SHA-256 of nothing, which begins with e3b0c442 98fc.
        let digits = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Fingerprint::of(b"").as_str(), digits);
        assert_eq!(base32(b"", 8), "4oymiquy");
    }
}
