//! Bucket: objects by key (contract, 4.8).

use super::{Retention, SpecError, Verb, limits, required};
use crate::format::{Encoder, Value};
use core::time::Duration;
use std::fmt;

// One verb per operation, so that each stands for exactly one set of a provider's permissions: a
// copy reads and writes, a presigned URL also needs the right to sign.

/// Read an object, or a part of it.
pub const GET: Verb = Verb::new("get");
/// Read what is known of an object, without its body.
pub const HEAD: Verb = Verb::new("head");
/// Write a whole object.
pub const PUT: Verb = Verb::new("put");
/// Remove an object.
pub const DELETE: Verb = Verb::new("delete");
/// List keys.
pub const LIST: Verb = Verb::new("list");
/// Copy an object within the bucket.
pub const COPY: Verb = Verb::new("copy");
/// Make a URL by which anyone can read one object.
pub const PRESIGN_GET: Verb = Verb::new("presign_get");
/// Make a URL by which anyone can write one object.
pub const PRESIGN_PUT: Verb = Verb::new("presign_put");

/// Every verb.
pub const VERBS: &[Verb] = &[GET, HEAD, PUT, DELETE, LIST, COPY, PRESIGN_GET, PRESIGN_PUT];

/// The verbs by which an object comes to be.
pub const CREATING: &[Verb] = &[PUT, COPY, PRESIGN_PUT];

/// The verbs by which an object goes.
pub const DELETING: &[Verb] = &[DELETE];

limits! {
    /// Days after which objects under a prefix expire.
    EXPIRE_DAYS = "the expiry of objects", 1..=3650, " days";
    /// Expiry rules of one bucket.
    EXPIRY_RULES = "the number of expiry rules of a bucket", 0..=10, "";
    /// Objects and folders on one page of a list.
    LIST_LIMIT = "the limit of a list", 1..=1000, "";
    /// How long a presigned URL works, in seconds.
    PRESIGN_EXPIRY = "the expiry of a presigned URL", 60..=3600, " seconds";
    /// Entries of an object's metadata.
    METADATA_ENTRIES = "the number of metadata entries of an object", 0..=10, "";
}

/// Longest key, in bytes of UTF-8.
pub const KEY_BYTES_MAX: usize = 900;

/// Largest object, in bytes: what one put may carry.
pub const OBJECT_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

/// A body above this size is sent in parts, in bytes.
pub const PART_THRESHOLD_BYTES: u64 = 64 * 1024 * 1024;

/// Longest content type, in bytes of visible ASCII and spaces.
pub const CONTENT_TYPE_BYTES_MAX: usize = 255;

/// Longest key of a metadata entry, in bytes of `[a-z][a-z0-9_]*`: a name that is a header on one
/// provider and an identifier on another.
pub const METADATA_KEY_BYTES_MAX: usize = 40;

/// All metadata of an object together, keys and values, in bytes.
pub const METADATA_BYTES_MAX: usize = 2_048;

/// The type of an object whose writer gave none.
pub const CONTENT_TYPE_DEFAULT: &str = "application/octet-stream";

/// What a list with folders folds at, and the only delimiter there is.
pub const DELIMITER: char = '/';

/// What is wrong with a key, or with a prefix of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Nothing there.
    Empty,
    /// More than [`KEY_BYTES_MAX`].
    TooLong,
    /// `/` at the beginning.
    LeadingSlash,
    /// `//` inside.
    DoubleSlash,
    /// `\` inside.
    Backslash,
    /// A control character inside.
    Control,
    /// `/` at the end.
    TrailingSlash,
    /// `.` at the end.
    TrailingDot,
    /// A segment that is `.` or `..`.
    DotSegment,
}

impl KeyError {
    /// Why, in words that follow the key.
    pub const fn message(self) -> &'static str {
        match self {
            KeyError::Empty => "is empty",
            KeyError::TooLong => "is longer than 900 bytes",
            KeyError::LeadingSlash => "begins with /",
            KeyError::DoubleSlash => "contains //",
            KeyError::Backslash => "contains \\",
            KeyError::Control => "contains a control character",
            KeyError::TrailingSlash => "ends with /",
            KeyError::TrailingDot => "ends with a dot",
            KeyError::DotSegment => {
                "has a segment that is only dots, which clients drop from a URL"
            }
        }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

/// Checks a key: 1 to 900 bytes of UTF-8; no `/` first or last, no `//`, no `\`, no control
/// characters, no dot at the end, no segment `.` or `..`.
///
/// # Errors
/// What is wrong with it.
pub fn check_key(key: &str) -> Result<(), KeyError> {
    if key.is_empty() {
        return Err(KeyError::Empty);
    }
    check_prefix(key)?;
    if key.ends_with('/') {
        return Err(KeyError::TrailingSlash);
    }
    if key.ends_with('.') {
        return Err(KeyError::TrailingDot);
    }
    match key.split('/').any(|segment| matches!(segment, "." | "..")) {
        true => Err(KeyError::DotSegment),
        false => Ok(()),
    }
}

/// Checks the beginning of keys: what no key can begin with finds nothing, so it is a mistake. An
/// empty prefix is the beginning of all.
///
/// # Errors
/// What is wrong with it.
pub fn check_prefix(prefix: &str) -> Result<(), KeyError> {
    if prefix.len() > KEY_BYTES_MAX {
        return Err(KeyError::TooLong);
    }
    if prefix.starts_with('/') {
        return Err(KeyError::LeadingSlash);
    }
    if prefix.contains("//") {
        return Err(KeyError::DoubleSlash);
    }
    if prefix.contains('\\') {
        return Err(KeyError::Backslash);
    }
    match prefix.chars().any(char::is_control) {
        true => Err(KeyError::Control),
        false => Ok(()),
    }
}

/// As [`check_prefix`], in const evaluation and for declarations: stops compilation with the
/// reason.
///
/// # Panics
/// When no key can begin so.
#[track_caller]
pub const fn declared_prefix(prefix: &'static str) -> &'static str {
    let bytes = prefix.as_bytes();
    assert!(
        bytes.len() <= KEY_BYTES_MAX,
        "the prefix is longer than 900 bytes, and so than any key"
    );
    let mut i = 0;
    while i < bytes.len() {
        assert!(
            bytes[i] >= 0x20 && bytes[i] != 0x7f,
            "the prefix contains a control character, which no key does"
        );
        assert!(
            bytes[i] != b'\\',
            "the prefix contains \\, which no key does"
        );
        assert!(
            bytes[i] != b'/' || (i > 0 && bytes[i - 1] != b'/'),
            "the prefix begins with / or contains //, which no key does"
        );
        i += 1;
    }
    prefix
}

/// Objects whose key begins so expire so long after they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpiryKnob {
    /// Beginning of the keys; empty: all.
    pub prefix: &'static str,
    /// Whole days.
    pub after: Duration,
}

/// The knobs on the declaration of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketKnobs {
    /// Expiry rules; the first `expiry_count` of them count.
    expiry: [ExpiryKnob; EXPIRY_RULES.max as usize],
    expiry_count: usize,
    /// What becomes of the objects when the declaration goes away.
    pub retention: Retention,
}

/// A day, in seconds.
const DAY: u64 = 86_400;

impl BucketKnobs {
    /// The defaults of the contract: nothing expires, objects are retained.
    pub const DEFAULT: BucketKnobs = BucketKnobs {
        expiry: [ExpiryKnob {
            prefix: "",
            after: Duration::ZERO,
        }; EXPIRY_RULES.max as usize],
        expiry_count: 0,
        retention: Retention::Retain,
    };

    /// Adds an expiry rule.
    ///
    /// # Panics
    /// When `after` is not 1 to 3,650 whole days, when no key can begin with `prefix`, when there
    /// are ten rules already; in const evaluation that is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn expire(mut self, prefix: &'static str, after: Duration) -> Self {
        EXPIRE_DAYS.number(after.as_secs() / DAY);
        assert!(
            after.as_secs().is_multiple_of(DAY) && after.subsec_nanos() == 0,
            "the expiry of objects is given in whole days"
        );
        EXPIRY_RULES.number(self.expiry_count as u64 + 1);
        self.expiry[self.expiry_count] = ExpiryKnob {
            prefix: declared_prefix(prefix),
            after,
        };
        self.expiry_count += 1;
        self
    }

    /// Writes the knobs' keys into the open map.
    pub const fn encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        encoder
            .text_entry("retention", self.retention.as_str())
            .array_entry("expiry");
        let mut i = 0;
        while i < self.expiry_count {
            encoder
                .map()
                .text_entry("prefix", self.expiry[i].prefix)
                .uint_entry("days", self.expiry[i].after.as_secs() / DAY)
                .end();
            i += 1;
        }
        encoder.end();
    }
}

/// An expiry rule, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiryRule {
    /// Beginning of the keys; empty: all.
    pub prefix: String,
    /// How long after it was written an object expires.
    pub after: Duration,
}

/// A bucket's configuration, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketSpec {
    /// Expiry rules. Where several fit a key, the shortest counts.
    pub expiry: Vec<ExpiryRule>,
    /// What becomes of the objects when the declaration goes away.
    pub retention: Retention,
}

impl BucketSpec {
    /// Reads what [`BucketKnobs::encode`] wrote.
    ///
    /// # Errors
    /// When a required key is missing.
    pub fn decode(config: &Value) -> Result<Self, SpecError> {
        let rule = |rule: &Value| {
            let days = required(rule.uint("days"), "expiry.days")?;
            Ok(ExpiryRule {
                prefix: required(rule.text("prefix"), "expiry.prefix")?.to_owned(),
                after: Duration::from_secs(days.saturating_mul(DAY)),
            })
        };
        Ok(BucketSpec {
            expiry: config
                .list("expiry")
                .iter()
                .map(rule)
                .collect::<Result<_, SpecError>>()?,
            retention: required(
                config.text("retention").and_then(Retention::parse),
                "retention",
            )?,
        })
    }

    /// How long after it was written the object under `key` expires; `None`: never.
    pub fn expires_after(&self, key: &str) -> Option<Duration> {
        self.expiry
            .iter()
            .filter(|rule| key.starts_with(&rule.prefix))
            .map(|rule| rule.after)
            .min()
    }
}

/// Which objects a handler hears of, by the ends of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFilterKnobs {
    /// Beginning of the keys; empty: any.
    pub prefix: &'static str,
    /// End of the keys; empty: any.
    pub suffix: &'static str,
}

impl KeyFilterKnobs {
    /// Every object.
    pub const DEFAULT: KeyFilterKnobs = KeyFilterKnobs {
        prefix: "",
        suffix: "",
    };

    /// Writes the filter's keys into the open map.
    pub const fn encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        if !self.prefix.is_empty() {
            encoder.text_entry("prefix", self.prefix);
        }
        if !self.suffix.is_empty() {
            encoder.text_entry("suffix", self.suffix);
        }
    }
}

/// As [`declared_prefix`], for the end of keys.
///
/// # Panics
/// When no key can end so.
#[track_caller]
pub const fn declared_suffix(suffix: &'static str) -> &'static str {
    let bytes = suffix.as_bytes();
    assert!(
        bytes.len() <= KEY_BYTES_MAX,
        "the suffix is longer than 900 bytes, and so than any key"
    );
    assert!(
        bytes.is_empty() || (bytes[bytes.len() - 1] != b'/' && bytes[bytes.len() - 1] != b'.'),
        "the suffix ends with / or a dot, which no key does"
    );
    let mut i = 0;
    while i < bytes.len() {
        assert!(
            bytes[i] >= 0x20 && bytes[i] != 0x7f,
            "the suffix contains a control character, which no key does"
        );
        assert!(
            bytes[i] != b'\\',
            "the suffix contains \\, which no key does"
        );
        assert!(
            i == 0 || bytes[i] != b'/' || bytes[i - 1] != b'/',
            "the suffix contains //, which no key does"
        );
        i += 1;
    }
    suffix
}

/// A key filter, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFilter {
    /// Beginning of the keys; empty: any.
    pub prefix: String,
    /// End of the keys; empty: any.
    pub suffix: String,
}

impl KeyFilter {
    /// Reads what [`KeyFilterKnobs::encode`] wrote.
    pub fn decode(config: &Value) -> KeyFilter {
        let text = |key| config.text(key).unwrap_or_default().to_owned();
        KeyFilter {
            prefix: text("prefix"),
            suffix: text("suffix"),
        }
    }

    /// Whether it lets every key through.
    pub fn is_empty(&self) -> bool {
        self.prefix.is_empty() && self.suffix.is_empty()
    }

    /// Whether an object under `key` is one of them.
    pub fn matches(&self, key: &str) -> bool {
        key.starts_with(&self.prefix) && key.ends_with(&self.suffix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::decode;

    const KNOBS: BucketKnobs = BucketKnobs::DEFAULT
        .expire("tmp/", Duration::from_secs(7 * DAY))
        .expire("tmp/short/", Duration::from_secs(DAY));

    const fn encoded<const N: usize>() -> Encoder<N> {
        let mut encoder = Encoder::new();
        encoder.map();
        KNOBS.encode(&mut encoder);
        encoder.end();
        encoder
    }

    #[test]
    fn decoding_inverts_encoding() {
        const LENGTH: usize = encoded::<0>().length();
        let value = decode(&encoded::<LENGTH>().into_bytes()).expect("valid");
        let spec = BucketSpec::decode(&value).expect("valid");
        assert_eq!(spec.retention, Retention::Retain);
        let days = |key| spec.expires_after(key).map(|after| after.as_secs() / DAY);
        assert_eq!(days("tmp/a"), Some(7));
        assert_eq!(days("tmp/short/a"), Some(1));
        assert_eq!(days("keep/tmp/a"), None);
        assert!(BucketSpec::decode(&Value::empty()).is_err());
    }

    #[test]
    fn filters_look_at_both_ends() {
        let value = Value::written(|encoder| {
            let knobs = KeyFilterKnobs {
                prefix: declared_prefix("2026/"),
                suffix: declared_suffix(".pdf"),
            };
            knobs.encode(encoder);
        });
        let filter = KeyFilter::decode(&value);
        for (key, expected) in [
            ("2026/a.pdf", true),
            ("2026/.pdf", true),
            ("2026/a.PDF", false),
            ("2025/a.pdf", false),
            ("a.pdf", false),
        ] {
            assert_eq!(filter.matches(key), expected, "{key}");
        }
        assert!(KeyFilter::decode(&Value::empty()).is_empty());
        assert!(KeyFilter::decode(&Value::empty()).matches("a"));
    }

    #[test]
    fn the_grammar_of_keys() {
        let longest = "k".repeat(KEY_BYTES_MAX);
        for good in [
            "a",
            "2026/01/o-1.pdf",
            ".hidden",
            "a b",
            "ключ/é",
            "...a",
            "a/.b",
            "a?b#c%2F",
            &longest,
        ] {
            assert_eq!(check_key(good), Ok(()), "{good}");
        }
        let long = format!("{longest}k");
        for (bad, error) in [
            ("", KeyError::Empty),
            (&*long, KeyError::TooLong),
            ("/a", KeyError::LeadingSlash),
            ("/", KeyError::LeadingSlash),
            ("a//b", KeyError::DoubleSlash),
            ("a\\b", KeyError::Backslash),
            ("a\nb", KeyError::Control),
            ("a\u{85}b", KeyError::Control),
            ("\u{7f}", KeyError::Control),
            ("a/", KeyError::TrailingSlash),
            ("a.", KeyError::TrailingDot),
            ("..", KeyError::TrailingDot),
            ("a/../b", KeyError::DotSegment),
            ("./a", KeyError::DotSegment),
        ] {
            assert_eq!(check_key(bad), Err(error), "{bad:?}");
        }
        for good in ["", "a/", "a.", "a/..", "a"] {
            assert_eq!(check_prefix(good), Ok(()), "{good}");
            assert_eq!(good.len(), declared_prefix_length(good));
        }
    }

    fn declared_prefix_length(prefix: &'static str) -> usize {
        declared_prefix(prefix).len()
    }
}
