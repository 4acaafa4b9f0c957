//! What the contract asks of keys, types and metadata, checked before a provider is asked.

use ifc_manifest::capability::Capability;
use ifc_manifest::kind::bucket::{
    self as kind, CONTENT_TYPE_BYTES_MAX, KeyError, LIST_LIMIT, METADATA_BYTES_MAX,
    METADATA_ENTRIES, METADATA_KEY_BYTES_MAX, PRESIGN_EXPIRY,
};
use ifc_manifest::support::Demand;
use ifc_runtime::{Environment, Error, ErrorKind};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

pub(super) fn key(key: &str) -> Result<(), Error> {
    kind::check_key(key).map_err(|error| bad_key("key", key, error))
}

pub(super) fn prefix(prefix: &str) -> Result<(), Error> {
    kind::check_prefix(prefix).map_err(|error| bad_key("prefix", prefix, error))
}

fn bad_key(what: &str, text: &str, error: KeyError) -> Error {
    // A key may be anything, so it is shown escaped, and not all of a long one.
    let shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    let dots = if text.chars().count() > 60 { "…" } else { "" };
    invalid(format!("the {what} `{shown}{dots}` {error}"))
}

pub(super) fn content_type(text: &str) -> Result<(), Error> {
    let visible = text
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let typed = text
        .split_once('/')
        .is_some_and(|(main, sub)| !main.is_empty() && !sub.is_empty());
    match visible && typed && text.trim() == text && text.len() <= CONTENT_TYPE_BYTES_MAX {
        true => Ok(()),
        false => Err(invalid(format!(
            "the content type `{}` is not one such as `text/plain; charset=utf-8`, of at most \
             {CONTENT_TYPE_BYTES_MAX} visible ASCII characters",
            text.escape_debug()
        ))),
    }
}

pub(super) fn metadata(metadata: &BTreeMap<String, String>) -> Result<(), Error> {
    METADATA_ENTRIES
        .check(metadata.len() as u64, Environment::targets())
        .map_err(|refused| Error::new(ErrorKind::TooLarge, refused.to_string()))?;
    let mut bytes = 0;
    for (key, value) in metadata {
        let mut characters = key.bytes();
        let first = characters
            .next()
            .is_some_and(|byte| byte.is_ascii_lowercase());
        let rest = characters.all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if !first || !rest || key.len() > METADATA_KEY_BYTES_MAX {
            return Err(invalid(format!(
                "the metadata key `{}` is not a letter a-z and up to {} more of a-z 0-9 _",
                key.escape_debug(),
                METADATA_KEY_BYTES_MAX - 1
            )));
        }
        let visible = value
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if value.is_empty() || !visible || value.trim() != value {
            return Err(invalid(format!(
                "the value of metadata `{key}` is not visible ASCII, without spaces at its ends: \
                 encode other text, for instance as base64"
            )));
        }
        bytes += key.len() + value.len();
    }
    match bytes > METADATA_BYTES_MAX {
        true => Err(Error::new(
            ErrorKind::TooLarge,
            format!("the metadata has {bytes} bytes, the limit is {METADATA_BYTES_MAX}"),
        )),
        false => Ok(()),
    }
}

pub(super) fn expiry(expiry: Duration) -> Result<(), Error> {
    Demand::Duration(&PRESIGN_EXPIRY, expiry)
        .check(Environment::targets())
        .map_err(|refused| invalid(refused.to_string()))
}

/// Whether every target of the application can limit the length of a presigned upload.
pub(super) fn presign_length() -> Result<(), Error> {
    Demand::Capability(Capability::PresignLength)
        .check(Environment::targets())
        .map_err(|refused| {
            let message = format!("{}: {refused}", refused.code);
            Error::new(ErrorKind::Unsupported, message)
        })
}

pub(super) fn list_limit(limit: u32) -> Result<(), Error> {
    LIST_LIMIT
        .check(limit.into(), Environment::targets())
        .map_err(|refused| invalid(refused.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        for good in [
            "text/plain",
            "text/plain; charset=utf-8",
            "application/vnd.x+json",
        ] {
            assert!(content_type(good).is_ok(), "{good}");
        }
        let long = format!("a/{}", "b".repeat(CONTENT_TYPE_BYTES_MAX));
        for bad in [
            "",
            "text",
            "/",
            "a/",
            "/b",
            "a/b\r\nx: y",
            "a/é",
            " a/b",
            "a/b ",
            &long,
        ] {
            assert!(content_type(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn metadata_is_small_and_plain() {
        let check = |key: &str, value: &str| {
            metadata(&BTreeMap::from([(key.to_owned(), value.to_owned())]))
        };
        assert!(check("order_id", "o 1").is_ok());
        for (key, value) in [
            ("", "x"),
            ("Order", "x"),
            ("order-id", "x"),
            ("_a", "x"),
            ("1a", "x"),
            (&"k".repeat(METADATA_KEY_BYTES_MAX + 1), "x"),
            ("a", ""),
            ("a", " x"),
            ("a", "é"),
            ("a", "x\r\ny"),
        ] {
            assert!(check(key, value).is_err(), "{key:?} {value:?}");
        }
        assert!(check("a", &"x".repeat(METADATA_BYTES_MAX - 1)).is_ok());
        let error = check("a", &"x".repeat(METADATA_BYTES_MAX)).expect_err("too much");
        assert!(error.is_too_large());
        let many = (0..11).map(|n| (format!("k{n}"), "x".to_owned())).collect();
        assert!(metadata(&many).expect_err("too many").is_too_large());
    }

    #[test]
    fn long_and_odd_keys_are_shown_in_a_line() {
        let error = key(&format!("/\n{}", "x".repeat(2000)))
            .expect_err("bad")
            .to_string();
        assert!(
            error.starts_with("the key `/\\nxxx") && error.len() < 200,
            "{error}"
        );
    }

    #[test]
    fn expiries() {
        for (seconds, good) in [(59, false), (60, true), (3600, true), (3601, false)] {
            assert_eq!(
                expiry(Duration::from_secs(seconds)).is_ok(),
                good,
                "{seconds}"
            );
        }
        assert!(expiry(Duration::from_millis(3_600_001)).is_err());
    }
}
