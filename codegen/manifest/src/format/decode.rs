//! The CBOR reader. It takes the subset the encoder writes plus definite-length containers, never
//! panics, and allocates no more than in proportion to its input.

use std::collections::BTreeMap;
use std::fmt;

/// Containers deeper than this are refused; our own records use five levels.
const DEPTH_MAX: usize = 32;

/// A decoded value: what a record's configuration is made of.
///
/// Maps are sorted by key, so equal records print and encode equally.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer; the encoder writes none above `i64::MAX`.
    Integer(i64),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// A text string.
    Text(String),
    /// A list.
    Array(Vec<Value>),
    /// A map with text keys.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// The map that `write` writes: for a declaration that no compiler evaluates.
    ///
    /// # Panics
    /// When `write` leaves something open, or writes more than 4 KiB.
    pub fn written(write: impl FnOnce(&mut super::Encoder<4096>)) -> Value {
        let mut encoder = super::Encoder::new();
        encoder.map();
        write(&mut encoder);
        encoder.end();
        decode(encoder.written()).expect("what the encoder writes can be read")
    }

    /// The entry `key` of a map.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Map(map) => map.get(key),
            _ => None,
        }
    }

    /// The text under `key`.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The non-negative integer under `key`.
    pub fn uint(&self, key: &str) -> Option<u64> {
        match self.get(key)? {
            Value::Integer(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// The boolean under `key`.
    pub fn bool(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The duration in milliseconds under `key`.
    pub fn duration(&self, key: &str) -> Option<core::time::Duration> {
        self.uint(key).map(core::time::Duration::from_millis)
    }

    /// The list under `key`, empty when there is none.
    pub fn list(&self, key: &str) -> &[Value] {
        match self.get(key) {
            Some(Value::Array(list)) => list,
            _ => &[],
        }
    }

    /// An empty map.
    pub fn empty() -> Value {
        Value::Map(BTreeMap::new())
    }
}

/// Why bytes are not a value, and at which offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong.
    pub reason: &'static str,
    /// Byte offset within the input.
    pub offset: usize,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.reason, self.offset)
    }
}

impl std::error::Error for DecodeError {}

/// Decodes exactly one value that fills `bytes`.
///
/// # Errors
/// Anything else: truncated input, trailing bytes, floats and tags, text that is not UTF-8, maps
/// with other than text keys or with one key twice, nesting beyond 32 levels.
pub fn decode(bytes: &[u8]) -> Result<Value, DecodeError> {
    let mut reader = Reader { bytes, offset: 0 };
    let value = match reader.item(0)? {
        Item::Value(value) => value,
        Item::End => return Err(reader.error("stray end of a container")),
    };
    if reader.offset != bytes.len() {
        return Err(reader.error("bytes after the end of the record"));
    }
    Ok(value)
}

enum Item {
    Value(Value),
    End,
}

struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    fn error(&self, reason: &'static str) -> DecodeError {
        DecodeError {
            reason,
            offset: self.offset,
        }
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], DecodeError> {
        let left = self.bytes.len() - self.offset;
        let count = usize::try_from(count)
            .ok()
            .filter(|count| *count <= left)
            .ok_or_else(|| self.error("truncated"))?;
        let taken = &self.bytes[self.offset..self.offset + count];
        self.offset += count;
        Ok(taken)
    }

    fn item(&mut self, depth: usize) -> Result<Item, DecodeError> {
        if depth > DEPTH_MAX {
            return Err(self.error("nested too deeply"));
        }
        let initial = self.take(1)?[0];
        let (major, short) = (initial >> 5, initial & 0x1f);
        match (major, short) {
            (7, 20) => return Ok(Item::Value(Value::Bool(false))),
            (7, 21) => return Ok(Item::Value(Value::Bool(true))),
            (7, 22) => return Ok(Item::Value(Value::Null)),
            (7, 31) => return Ok(Item::End),
            (4, 31) => return self.array(None, depth).map(Item::Value),
            (5, 31) => return self.map(None, depth).map(Item::Value),
            _ => {}
        }
        let argument = self.argument(short)?;
        let value = match major {
            0 => Value::Integer(
                i64::try_from(argument).map_err(|_| self.error("integer too large"))?,
            ),
            1 => Value::Integer(
                -1 - i64::try_from(argument).map_err(|_| self.error("integer too large"))?,
            ),
            2 => Value::Bytes(self.take(argument)?.to_vec()),
            3 => Value::Text(self.text(argument)?),
            4 => self.array(Some(argument), depth)?,
            5 => self.map(Some(argument), depth)?,
            _ => return Err(self.error("unsupported item")),
        };
        Ok(Item::Value(value))
    }

    fn argument(&mut self, short: u8) -> Result<u64, DecodeError> {
        let width = match short {
            0..24 => return Ok(u64::from(short)),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return Err(self.error("unsupported item")),
        };
        let bytes = self.take(width)?;
        Ok(bytes
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn text(&mut self, length: u64) -> Result<String, DecodeError> {
        let bytes = self.take(length)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(self.error("text is not UTF-8")),
        }
    }

    /// `count` is a claim of the input, so nothing is reserved for it: every element costs the
    /// input at least a byte, which bounds what is allocated.
    fn array(&mut self, count: Option<u64>, depth: usize) -> Result<Value, DecodeError> {
        let mut list = Vec::new();
        while count.is_none_or(|count| (list.len() as u64) < count) {
            match self.item(depth + 1)? {
                Item::Value(value) => list.push(value),
                Item::End if count.is_none() => break,
                Item::End => return Err(self.error("stray end of a container")),
            }
        }
        Ok(Value::Array(list))
    }

    fn map(&mut self, count: Option<u64>, depth: usize) -> Result<Value, DecodeError> {
        let mut map = BTreeMap::new();
        while count.is_none_or(|count| (map.len() as u64) < count) {
            let key = match self.item(depth + 1)? {
                Item::Value(Value::Text(key)) => key,
                Item::End if count.is_none() => break,
                _ => return Err(self.error("map key is not text")),
            };
            let Item::Value(value) = self.item(depth + 1)? else {
                return Err(self.error("map key without a value"));
            };
            if map.insert(key, value).is_some() {
                return Err(self.error("map key occurs twice"));
            }
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Result<Value, (&'static str, usize)>) {
        let actual = decode(bytes).map_err(|error| (error.reason, error.offset));
        assert_eq!(actual, expected, "{bytes:02x?}");
    }

    #[test]
    fn bad_input_is_an_error_with_its_offset() {
        check(&[], Err(("truncated", 0)));
        check(&[0x18], Err(("truncated", 1)));
        check(&[0x61], Err(("truncated", 1)));
        check(&[0x61, 0xff], Err(("text is not UTF-8", 2)));
        check(&[0x00, 0x00], Err(("bytes after the end of the record", 1)));
        check(&[0xff], Err(("stray end of a container", 1)));
        check(&[0xf9, 0, 0], Err(("unsupported item", 3)));
        check(&[0xbf, 0x01, 0x01, 0xff], Err(("map key is not text", 2)));
        check(
            &[0xbf, 0x61, b'a', 0xff],
            Err(("map key without a value", 4)),
        );
        check(
            &[0xa2, 0x61, b'a', 0, 0x61, b'a', 0],
            Err(("map key occurs twice", 7)),
        );
        check(
            &[0x1b, 0xff, 0, 0, 0, 0, 0, 0, 0],
            Err(("integer too large", 9)),
        );
        check(&[0x82, 0x01], Err(("truncated", 2)));
        check(&[0x20], Ok(Value::Integer(-1)));
        check(&[0xf6], Ok(Value::Null));
    }

    #[test]
    fn a_claimed_length_allocates_nothing() {
        // An array that claims 2^62 elements, and a text that claims as many bytes.
        for initial in [0x9b, 0xbb, 0x7b, 0x5b] {
            let bytes = [initial, 0x40, 0, 0, 0, 0, 0, 0, 0];
            assert!(decode(&bytes).is_err());
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_recursion_trouble() {
        let bytes = vec![0x9f; 100_000];
        assert_eq!(
            decode(&bytes).map_err(|error| error.reason),
            Err("nested too deeply")
        );
    }

    #[test]
    fn arbitrary_bytes_never_panic() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            let mut bytes = Vec::new();
            for _ in 0..state % 40 {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
                bytes.push((state >> 33) as u8);
            }
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            let _ = decode(&bytes);
        }
    }
}
