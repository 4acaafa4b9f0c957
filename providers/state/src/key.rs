//! Which keys there are. Names of a store's own files are outside of this grammar, so that they
//! can never be taken for an object.

const BYTES_MAX: usize = 200;

/// Whether `key` is one that the seam allows.
pub(crate) fn is_key(key: &str) -> bool {
    key.len() <= BYTES_MAX && key.split('/').all(is_segment)
}

/// Whether `segment` can be a part of a key between its slashes.
pub(crate) fn is_segment(segment: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    !matches!(segment, "" | "." | "..") && segment.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_of_the_seam() {
        for key in [
            "a",
            "state",
            "journal/0012",
            "a-b.c/..d/e.",
            &"x".repeat(200),
        ] {
            assert!(is_key(key), "{key}");
        }
        for key in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            ".",
            "a/../b",
            "A",
            "a b",
            "~lock",
            "ü",
            "a\\b",
            "a\n",
            &"x".repeat(201),
        ] {
            assert!(!is_key(key), "{key:?}");
        }
    }
}
