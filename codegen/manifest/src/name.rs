//! The grammar of names (contract, section 2), checked in const evaluation so that a bad name is a
//! compile error at the declaration.

/// Longest resource or unit name, in bytes.
pub const RESOURCE_NAME_BYTES_MAX: usize = 32;

/// Longest application name, in bytes.
pub const APPLICATION_NAME_BYTES_MAX: usize = 16;

/// Longest stage name, in bytes.
pub const STAGE_NAME_BYTES_MAX: usize = 8;

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Nothing there.
    Empty,
    /// More than the grammar allows.
    TooLong,
    /// The first character is not a lower-case letter.
    Start,
    /// A character other than `a-z`, `0-9` and `-`.
    Character,
    /// `--` inside.
    DoubleHyphen,
    /// `-` at the end.
    TrailingHyphen,
}

impl NameError {
    /// The finding for a resource's name, as shown by the compiler.
    pub const fn resource_message(self) -> &'static str {
        match self {
            NameError::Empty => {
                "resource name is empty: give it one to 32 characters of a-z, 0-9 and -"
            }
            NameError::TooLong => "resource name is longer than 32 characters",
            NameError::Start => "resource name must start with a lower-case letter a-z",
            NameError::Character => {
                "resource name may only contain a-z, 0-9 and - (no capitals, no _)"
            }
            NameError::DoubleHyphen => "resource name must not contain --",
            NameError::TrailingHyphen => "resource name must not end with -",
        }
    }
}

/// Whether `key` can be the key of an attribute: 1 to 64 bytes of `a-z 0-9 _ . -`.
pub const fn is_attribute_key(key: &str) -> bool {
    let bytes = key.as_bytes();
    if bytes.is_empty() || bytes.len() > crate::size::ATTRIBUTE_KEY_BYTES_MAX {
        return false;
    }
    let mut at = 0;
    while at < bytes.len() {
        if !matches!(bytes[at], b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-') {
            return false;
        }
        at += 1;
    }
    true
}

/// Whether two texts are equal, in const evaluation.
pub const fn equal(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Checks `[a-z][a-z0-9-]*`, no `--`, no trailing `-`, at most `bytes_max` bytes.
pub const fn check(name: &str, bytes_max: usize) -> Result<(), NameError> {
    let bytes = name.as_bytes();
    if bytes.is_empty() {
        return Err(NameError::Empty);
    }
    if !bytes[0].is_ascii_lowercase() {
        return Err(NameError::Start);
    }
    let mut i = 1;
    while i < bytes.len() {
        match bytes[i] {
            b'a'..=b'z' | b'0'..=b'9' => {}
            b'-' if bytes[i - 1] == b'-' => return Err(NameError::DoubleHyphen),
            b'-' => {}
            _ => return Err(NameError::Character),
        }
        i += 1;
    }
    if bytes[bytes.len() - 1] == b'-' {
        return Err(NameError::TrailingHyphen);
    }
    if bytes.len() > bytes_max {
        return Err(NameError::TooLong);
    }
    Ok(())
}

/// Passes a resource's name through, or stops compilation with the reason.
///
/// # Panics
/// When the name is outside the grammar; in const evaluation that is a compile error.
#[track_caller]
pub const fn resource(name: &'static str) -> &'static str {
    match check(name, RESOURCE_NAME_BYTES_MAX) {
        Ok(()) => name,
        Err(error) => panic!("{}", error.resource_message()),
    }
}

/// The unit name of a handler function: its identifier with `_` as `-`, without leading, trailing
/// or doubled hyphens.
pub fn unit_from_identifier(identifier: &str) -> String {
    let mut name = String::new();
    for word in identifier
        .trim_start_matches("r#")
        .split('_')
        .filter(|word| !word.is_empty())
    {
        if !name.is_empty() {
            name.push('-');
        }
        name.push_str(&word.to_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_name(name: &str, expected: Result<(), NameError>) {
        assert_eq!(check(name, RESOURCE_NAME_BYTES_MAX), expected, "{name:?}");
    }

    #[test]
    fn grammar() {
        check_name("a", Ok(()));
        check_name("orders-2", Ok(()));
        check_name("abcdefghijklmnopqrstuvwxyz-01234", Ok(()));
        check_name("abcdefghijklmnopqrstuvwxyz-012345", Err(NameError::TooLong));
        check_name("", Err(NameError::Empty));
        check_name("Orders", Err(NameError::Start));
        check_name("2orders", Err(NameError::Start));
        check_name("-orders", Err(NameError::Start));
        check_name("order_items", Err(NameError::Character));
        check_name("orders--x", Err(NameError::DoubleHyphen));
        check_name("orders-", Err(NameError::TrailingHyphen));
        check_name("ördners", Err(NameError::Start));
        check_name("oérs", Err(NameError::Character));
    }

    #[test]
    fn unit_names_come_from_identifiers() {
        for (identifier, expected) in [
            ("fulfil", "fulfil"),
            ("on_order", "on-order"),
            ("__private__", "private"),
            ("r#match", "match"),
            ("v2_Import", "v2-import"),
        ] {
            assert_eq!(unit_from_identifier(identifier), expected);
        }
    }
}
