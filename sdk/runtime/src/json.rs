//! Reading JSON as a plain value, for all crates that every program has: each that would ask
//! `serde_json` for it by a generic function had a parser of its own, of 12 KB.

use serde_json::Value;
use std::error::Error;

/// The value that a text in UTF-8 is.
///
/// # Errors
/// When it is no JSON, or not in UTF-8; the message says where.
pub fn parse(text: &[u8]) -> Result<Value, Box<dyn Error + Send + Sync>> {
    // `FromStr` is compiled in `serde_json` itself.
    Ok(str::from_utf8(text)?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(parse(br#"{"a":[1]}"#).unwrap()["a"][0], 1);
        for (text, expected) in [
            (&b"{\"a\":}"[..], "column 6"),
            (b"\"\xff\"", "index 1"),
            (b"1 2", "trailing"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
