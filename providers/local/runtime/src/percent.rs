//! Percent-encoding, as far as paths and queries of our own need it.

/// `text` as a part of a path or a query: all but unreserved characters encoded, and those that
/// `keep` names.
pub(crate) fn escape(text: &str, keep: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if unreserved || keep.contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// Undoes percent-encoding. What is none stays as it is.
pub(crate) fn unescape_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hexadecimal = after
            .get(..2)
            .and_then(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
        match (first, hexadecimal) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

/// As [`unescape_bytes`], with what is no UTF-8 replaced: for names, which are looked up.
pub(crate) fn unescape(text: &str) -> String {
    String::from_utf8_lossy(&unescape_bytes(text)).into_owned()
}

/// The value of a parameter of a query, as it stands there.
pub(crate) fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_are_read() {
        assert_eq!(unescape("shop%2Forders"), "shop/orders");
        assert_eq!(unescape("100%"), "100%");
        assert_eq!(unescape("%zz%41"), "%zzA");
        assert_eq!(parameter("limit=5&dead=true", "dead"), Some("true"));
        assert_eq!(parameter("limit=5", "dead"), None);
    }

    #[test]
    fn unescaping_inverts_escaping() {
        for text in ["", "a/b c", "100%", "%41", "é?&=#+", "\u{10ffff}"] {
            assert_eq!(unescape(&escape(text, b"/")), text);
            assert_eq!(unescape(&escape(text, b"")), text);
        }
        assert_eq!(escape("a/b c+é", b"/"), "a/b%20c%2B%C3%A9");
        assert_eq!(escape("a/b", b""), "a%2Fb");
    }
}
