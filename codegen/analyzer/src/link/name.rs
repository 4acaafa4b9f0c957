//! Names of symbols. There are hundreds of thousands in a link, long and alike, and reading them is
//! most of the work; so each is read once, and its digest kept.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// A name with its digest.
#[derive(Clone, Copy)]
pub(super) struct Name<'a> {
    digest: u64,
    pub(super) text: &'a [u8],
}

/// Values by name.
pub(super) type Names<'a, V> = HashMap<Name<'a>, V, BuildHasherDefault<Digest>>;

const WORD: usize = 8;

impl<'a> Name<'a> {
    /// The name that is this text.
    pub(super) fn of(text: &'a [u8]) -> Name<'a> {
        let (words, rest) = text.as_chunks::<WORD>();
        let digest = words.iter().fold(0, |digest, word| mix(digest, *word));
        Name {
            digest: finish(digest, rest),
            text,
        }
    }

    /// The name that begins at `offset` of a table of names that end in a zero byte.
    pub(super) fn read(table: &'a [u8], offset: usize) -> Option<Name<'a>> {
        let table = table.get(offset..)?;
        let (words, rest) = table.as_chunks::<WORD>();
        let mut digest = 0;
        for (position, word) in words.iter().enumerate() {
            if let Some(length) = zero_in(*word) {
                return Some(Name {
                    digest: finish(digest, &word[..length]),
                    text: &table[..position * WORD + length],
                });
            }
            digest = mix(digest, *word);
        }
        let length = rest.iter().position(|byte| *byte == 0)?;
        Some(Name {
            digest: finish(digest, &rest[..length]),
            text: &table[..words.len() * WORD + length],
        })
    }
}

/// The place of the first zero byte.
fn zero_in(word: [u8; WORD]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([0x01; WORD]);
    let word = u64::from_le_bytes(word);
    // The highest bit of each byte that borrows and was not set: exact up to the first zero.
    let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
    (zeros != 0).then(|| zeros.trailing_zeros() as usize / WORD)
}

fn mix(digest: u64, word: [u8; WORD]) -> u64 {
    (digest.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95)
}

/// Adds what is left of a name, less than a word. The table of names looks at the upper bits.
fn finish(digest: u64, rest: &[u8]) -> u64 {
    let mut word = [0; WORD];
    word[..rest.len()].copy_from_slice(rest);
    let digest = mix(mix(digest, word), [rest.len() as u8; WORD]);
    digest ^ (digest >> 32)
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && self.text == other.text
    }
}

impl Eq for Name<'_> {}

impl Hash for Name<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.digest);
    }
}

/// Takes the digest as it is.
#[derive(Default)]
pub(super) struct Digest(u64);

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        // Names give their digest and nothing else.
        self.0 = bytes
            .iter()
            .fold(self.0, |sum, byte| sum.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, digest: u64) {
        self.0 = digest;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_in_a_table_and_by_itself() {
        let long = "_ZN4core3fmt9Formatter9write_str17h0123456789abcdefE";
        for length in 0..long.len() {
            for before in 0..9 {
                let mut table = vec![b'x'; before];
                table.extend(&long.as_bytes()[..length]);
                table.push(0);
                table.extend(b"next\0");
                let read = Name::read(&table, before).unwrap();
                let own = Name::of(&long.as_bytes()[..length]);
                assert!(read == own, "{length} {before}");
                assert_eq!(read.text, own.text);
            }
        }
    }

    #[test]
    fn a_name_without_an_end_is_none() {
        assert!(Name::read(b"abcdefghijk", 0).is_none());
        assert!(Name::read(b"abc\0", 5).is_none());
        assert!(Name::read(b"", 0).is_none());
        assert_eq!(Name::read(b"abc\0", 3).unwrap().text, b"");
    }

    #[test]
    fn bytes_with_the_highest_bit_are_no_end() {
        let text = "ünïcödé_\u{80}\u{ff}".as_bytes();
        let table = [text, &[0]].concat();
        assert_eq!(Name::read(&table, 0).unwrap().text, text);
    }
}
