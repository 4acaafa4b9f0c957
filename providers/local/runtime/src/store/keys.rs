//! The layout of keys: everything lives in one ordered map, so that a commit touches few pages.
//!
//! A key is a space (one byte), the number of a resource (four bytes, big endian) and the rest.
//! The encodings keep the order of what they encode: strings by their UTF-8 bytes, integers by
//! value. This module knows how keys look, and nothing of what stands under them.

use ifc_runtime::table::{Key, KeyValue};
use std::ops::Range;

/// What is declared, and the numbers given to it.
pub(crate) const CATALOG: u8 = 0;
/// Items of tables, by their key.
pub(crate) const ITEM: u8 = 1;
/// Entries of indexes.
pub(crate) const INDEX: u8 = 2;
/// Items with a time to live, by the time of their expiry.
pub(crate) const EXPIRY: u8 = 3;
/// Messages, in the order of their arrival.
pub(crate) const MESSAGE: u8 = 4;
/// When a message is to be looked at next: it becomes ready, or its lease ends.
pub(crate) const DUE: u8 = 5;
/// Messages of fifo queues, by group.
pub(crate) const GROUP: u8 = 6;
/// Dead letters, oldest first.
pub(crate) const DEAD: u8 = 7;
/// Last time each schedule was due.
pub(crate) const SCHEDULE: u8 = 8;
/// Values of secrets, encrypted.
pub(crate) const SECRET: u8 = 9;
/// Values of configuration.
pub(crate) const CONFIG: u8 = 10;
/// How many changes of a table were told.
pub(crate) const CHANGE: u8 = 11;
/// Objects of buckets, by their key.
pub(crate) const OBJECT: u8 = 12;
/// Records of streams, in the order of their arrival.
pub(crate) const RECORD: u8 = 13;
/// Where each consumer of a stream is in it.
pub(crate) const CURSOR: u8 = 14;

/// The spaces whose keys carry the number of a resource.
pub(crate) const NUMBERED: [u8; 11] = [
    ITEM, INDEX, EXPIRY, MESSAGE, DUE, GROUP, DEAD, CHANGE, OBJECT, RECORD, CURSOR,
];

const NUMBER: u8 = 0x10;
const STRING: u8 = 0x20;

/// A key in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyBytes(Vec<u8>);

impl KeyBytes {
    /// The beginning of all keys of one resource in one space.
    pub(crate) fn of(space: u8, resource: u32) -> KeyBytes {
        let mut bytes = Vec::with_capacity(32);
        bytes.push(space);
        bytes.extend_from_slice(&resource.to_be_bytes());
        KeyBytes(bytes)
    }

    /// The key of something with a name in a space without resource numbers.
    pub(crate) fn named(space: u8, name: &str) -> KeyBytes {
        let mut bytes = Vec::with_capacity(1 + name.len());
        bytes.push(space);
        bytes.extend_from_slice(name.as_bytes());
        KeyBytes(bytes)
    }

    /// Adds the value of a key attribute.
    #[must_use]
    pub(crate) fn value(mut self, value: &KeyValue) -> KeyBytes {
        push_value(&mut self.0, value);
        self
    }

    /// Adds the whole key of an item.
    #[must_use]
    pub(crate) fn item(mut self, key: &Key) -> KeyBytes {
        push_value(&mut self.0, &key.partition);
        if let Some(sort) = &key.sort {
            push_value(&mut self.0, sort);
        }
        self
    }

    /// Adds the beginning of a string value, for prefix searches.
    #[must_use]
    pub(crate) fn string_prefix(mut self, prefix: &str) -> KeyBytes {
        self.0.push(STRING);
        push_escaped(&mut self.0, prefix.as_bytes());
        self
    }

    /// Adds a text that more may follow.
    #[must_use]
    pub(crate) fn text(mut self, text: &str) -> KeyBytes {
        push_text(&mut self.0, text.as_bytes());
        self
    }

    /// Adds a signed number.
    #[must_use]
    pub(crate) fn signed(mut self, number: i64) -> KeyBytes {
        self.0.extend_from_slice(&signed(number));
        self
    }

    /// Adds an unsigned number.
    #[must_use]
    pub(crate) fn unsigned(mut self, number: u64) -> KeyBytes {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// Adds bytes as they are.
    #[must_use]
    pub(crate) fn raw(mut self, bytes: &[u8]) -> KeyBytes {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, owned.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// All keys that begin with this one.
    pub(crate) fn range(self) -> Range<Vec<u8>> {
        let end = successor(&self.0);
        self.0..end
    }

    /// The first key after all that begin with this one.
    pub(crate) fn after(self) -> Vec<u8> {
        successor(&self.0)
    }
}

/// The whole of a space.
pub(crate) fn space(space: u8) -> Range<Vec<u8>> {
    vec![space]..vec![space + 1]
}

/// What is left of `key` after the space and the number of the resource.
pub(crate) fn rest(key: &[u8]) -> &[u8] {
    key.get(5..).unwrap_or_default()
}

/// Reads back the `at`-th of the eight-byte numbers after space and resource.
pub(crate) fn unsigned_at(key: &[u8], at: usize) -> Option<u64> {
    let bytes = rest(key).get(at * 8..at * 8 + 8)?;
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

/// As [`unsigned_at`], for a number added by [`KeyBytes::signed`].
pub(crate) fn signed_at(key: &[u8], at: usize) -> Option<i64> {
    unsigned_at(key, at).map(|number| (number ^ (1 << 63)) as i64)
}

fn signed(number: i64) -> [u8; 8] {
    ((number as u64) ^ (1 << 63)).to_be_bytes()
}

fn push_value(bytes: &mut Vec<u8>, value: &KeyValue) {
    match value {
        KeyValue::Number(number) => {
            bytes.push(NUMBER);
            bytes.extend_from_slice(&signed(*number));
        }
        KeyValue::String(text) => {
            bytes.push(STRING);
            push_text(bytes, text.as_bytes());
        }
    }
}

/// A zero byte is written `00 ff`, the end `00 01`: the end is then smaller than anything that may
/// go on, so that a text comes before its extensions.
fn push_text(bytes: &mut Vec<u8>, text: &[u8]) {
    push_escaped(bytes, text);
    bytes.extend_from_slice(&[0x00, 0x01]);
}

fn push_escaped(bytes: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        bytes.push(*byte);
        if *byte == 0 {
            bytes.push(0xff);
        }
    }
}

/// The smallest sequence that is larger than every extension of `prefix`.
///
/// A prefix begins with a space, which is far below 255, so there always is one.
fn successor(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::Random;
    use std::cmp::Ordering;

    fn encoded(key: &Key) -> Vec<u8> {
        KeyBytes::of(ITEM, 7).item(key).into_bytes()
    }

    fn string(text: &str) -> KeyValue {
        KeyValue::String(text.to_owned())
    }

    #[test]
    fn values_keep_their_order() {
        let ascending = [
            KeyValue::Number(i64::MIN),
            KeyValue::Number(-(1 << 53) + 1),
            KeyValue::Number(-256),
            KeyValue::Number(-1),
            KeyValue::Number(0),
            KeyValue::Number(1),
            KeyValue::Number(255),
            KeyValue::Number(256),
            KeyValue::Number((1 << 53) - 1),
            KeyValue::Number(i64::MAX),
            string("\0"),
            string("\0\0"),
            string("\0\u{1}"),
            string("\0a"),
            string("\u{1}"),
            string("a"),
            string("a\0"),
            string("a\0\0"),
            string("a\0b"),
            string("a\u{1}"),
            string("aa"),
            string("b"),
            string("é"),
            string("\u{10ffff}"),
        ];
        for pair in ascending.windows(2) {
            let key = |value: &KeyValue| KeyBytes::of(ITEM, 1).value(value).into_bytes();
            assert!(key(&pair[0]) < key(&pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn the_order_of_keys_is_the_order_of_their_encodings() {
        let mut random = Random::new(11);
        // A small alphabet with the awkward bytes, so that prefixes and ties are frequent.
        let value = |random: &mut Random| match random.below(3) {
            0 => KeyValue::Number(random.below(7) as i64 - 3),
            1 => KeyValue::Number(random.next() as i64),
            _ => {
                let alphabet = ['\0', '\u{1}', 'a', '\u{ff}', '\u{fffd}'];
                let length = random.below(4);
                KeyValue::String((0..length).map(|_| alphabet[random.below(5)]).collect())
            }
        };
        for _ in 0..20_000 {
            let key = |random: &mut Random| Key {
                partition: value(random),
                sort: Some(value(random)),
            };
            let (a, b) = (key(&mut random), key(&mut random));
            assert_eq!(encoded(&a).cmp(&encoded(&b)), a.cmp(&b), "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_partition_is_a_range_and_so_is_a_prefix() {
        let mut random = Random::new(12);
        let alphabet = ['\0', 'a', 'b', '\u{ff}'];
        let text = |random: &mut Random, length: usize| -> String {
            (0..random.below(length))
                .map(|_| alphabet[random.below(4)])
                .collect()
        };
        for _ in 0..20_000 {
            let (partition, other) = (text(&mut random, 3), text(&mut random, 3));
            let (sort, prefix) = (text(&mut random, 4), text(&mut random, 3));
            let key = encoded(&Key {
                partition: KeyValue::String(partition.clone()),
                sort: Some(KeyValue::String(sort.clone())),
            });
            let whole = KeyBytes::of(ITEM, 7).value(&KeyValue::String(other.clone()));
            assert_eq!(whole.clone().range().contains(&key), partition == other);
            let within = whole.string_prefix(&prefix).range().contains(&key);
            assert_eq!(within, partition == other && sort.starts_with(&prefix));
        }
    }

    #[test]
    fn numbers_are_read_back() {
        for number in [i64::MIN, -1, 0, 1, 1 << 40, i64::MAX] {
            let key = KeyBytes::of(DUE, 3).signed(number).unsigned(9).into_bytes();
            assert_eq!(signed_at(&key, 0), Some(number));
            assert_eq!(unsigned_at(&key, 1), Some(9));
            assert_eq!(unsigned_at(&key, 2), None);
        }
    }

    #[test]
    fn resources_do_not_overlap() {
        let key = KeyBytes::of(ITEM, u32::MAX).text("x").into_bytes();
        assert!(KeyBytes::of(ITEM, u32::MAX).range().contains(&key));
        assert!(!KeyBytes::of(ITEM, u32::MAX - 1).range().contains(&key));
        assert!(space(ITEM).contains(&key));
        assert_eq!(
            KeyBytes::of(ITEM, 0)
                .after()
                .cmp(&KeyBytes::of(ITEM, 1).into_bytes()),
            Ordering::Equal
        );
    }
}
