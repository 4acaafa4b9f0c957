//! Fingerprints as people read them: the first digits. All of them are in what is printed as JSON.

/// Digits of a fingerprint.
const DIGITS: usize = 64;
/// As many as people need to tell two of them apart.
const SHOWN: usize = 12;

/// The text with every fingerprint in it shortened.
pub(crate) fn shortened(text: &str) -> String {
    let mut short = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_digit) {
        let (before, digits) = rest.split_at(start);
        let end = digits.find(|char| !is_digit(char)).unwrap_or(digits.len());
        let (digits, after) = digits.split_at(end);
        short.push_str(before);
        match digits.len() {
            DIGITS => {
                short.push_str(&digits[..SHOWN]);
                short.push('…');
            }
            _ => short.push_str(digits),
        }
        rest = after;
    }
    short + rest
}

fn is_digit(char: char) -> bool {
    matches!(char, '0'..='9' | 'a'..='f')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_as_many_digits_is_shortened() {
        let long = "0123456789abcdef".repeat(4);
        assert_eq!(shortened(&long), "0123456789ab…");
        let text = format!("key {long}.zip, not {long}0 nor é{}", &long[..63]);
        let expected = format!("key 0123456789ab….zip, not {long}0 nor é{}", &long[..63]);
        assert_eq!(shortened(&text), expected);
        assert_eq!(shortened(""), "");
    }
}
