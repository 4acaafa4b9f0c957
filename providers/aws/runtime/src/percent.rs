//! Texts in paths, queries and forms: every byte but those of RFC 3986's unreserved characters as
//! `%41`, as signatures want it.

use std::fmt::Write as _;

/// `plain`, with the ASCII characters in `kept` as they are too.
pub(crate) fn encode(plain: &str, kept: &str) -> String {
    let mut text = String::with_capacity(plain.len());
    for byte in plain.bytes() {
        let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        match unreserved || kept.as_bytes().contains(&byte) {
            true => text.push(byte.into()),
            false => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

/// The text that was written so, or with `+` for spaces. `None` when it is none.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                (high * 16 + low) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        for (plain, text) in [
            ("a/b c+é~", "a/b%20c%2B%C3%A9~"),
            ("", ""),
            ("%zz", "%25zz"),
        ] {
            assert_eq!(encode(plain, "/"), text);
            assert_eq!(decode(text).as_deref(), Some(plain));
        }
        assert_eq!(encode("a/b", ""), "a%2Fb");
        assert_eq!(decode("a+b").as_deref(), Some("a b"));
        for text in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
