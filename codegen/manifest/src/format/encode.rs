//! A CBOR writer that runs in const evaluation.
//!
//! Const evaluation pays for function *calls* (several microseconds each) and hardly for
//! statements, so each public method does its whole work in loops of its own instead of calling
//! the others. Encoding happens twice: `Encoder::<0>` counts, `Encoder::<LENGTH>` writes.

/// Encodes one record. See the module for why the methods repeat the same few loops.
pub struct Encoder<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

/// Writes the head of a CBOR item (`$major`, argument `$value`) without a call.
macro_rules! head {
    ($self:ident, $major:expr, $value:expr) => {{
        let value: u64 = $value;
        let (short, tail) = if value < 24 {
            (value as u8, 0)
        } else if value <= 0xff {
            (24, 1)
        } else if value <= 0xffff {
            (25, 2)
        } else if value <= 0xffff_ffff {
            (26, 4)
        } else {
            (27, 8)
        };
        if N != 0 {
            $self.bytes[$self.length] = ($major << 5) | short;
            let mut i = 0;
            while i < tail {
                $self.bytes[$self.length + 1 + i] = (value >> (8 * (tail - 1 - i))) as u8;
                i += 1;
            }
        }
        $self.length += 1 + tail;
    }};
}

/// Copies bytes without a call.
macro_rules! copy {
    ($self:ident, $source:expr) => {{
        let source: &[u8] = $source;
        if N != 0 {
            let mut i = 0;
            while i < source.len() {
                $self.bytes[$self.length + i] = source[i];
                i += 1;
            }
        }
        $self.length += source.len();
    }};
}

impl<const N: usize> Encoder<N> {
    /// An encoder that writes into `N` bytes, or only counts when `N` is 0.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Encoder {
            bytes: [0; N],
            length: 0,
        }
    }

    /// Bytes written, or counted, so far.
    pub const fn length(&self) -> usize {
        self.length
    }

    /// What has been written so far.
    pub fn written(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// The bytes written. All `N` of them: the caller has counted before.
    pub const fn into_bytes(self) -> [u8; N] {
        assert!(
            self.length == N,
            "record length changed between counting and writing"
        );
        self.bytes
    }

    /// Bytes that already are CBOR, for instance what a macro knew at expansion.
    pub const fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        copy!(self, bytes);
        self
    }

    /// A text string.
    pub const fn text(&mut self, text: &str) -> &mut Self {
        head!(self, 3, text.len() as u64);
        copy!(self, text.as_bytes());
        self
    }

    /// An unsigned integer.
    pub const fn uint(&mut self, value: u64) -> &mut Self {
        head!(self, 0, value);
        self
    }

    /// Opens a map of unknown length; [`end`](Self::end) closes it.
    pub const fn map(&mut self) -> &mut Self {
        copy!(self, &[0xbf]);
        self
    }

    /// Opens an array of unknown length; [`end`](Self::end) closes it.
    pub const fn array(&mut self) -> &mut Self {
        copy!(self, &[0x9f]);
        self
    }

    /// Closes the innermost open map or array.
    pub const fn end(&mut self) -> &mut Self {
        copy!(self, &[0xff]);
        self
    }

    /// Opens a map under `key`.
    pub const fn map_entry(&mut self, key: &str) -> &mut Self {
        head!(self, 3, key.len() as u64);
        copy!(self, key.as_bytes());
        copy!(self, &[0xbf]);
        self
    }

    /// Opens an array under `key`.
    pub const fn array_entry(&mut self, key: &str) -> &mut Self {
        head!(self, 3, key.len() as u64);
        copy!(self, key.as_bytes());
        copy!(self, &[0x9f]);
        self
    }

    /// A text string under `key`.
    pub const fn text_entry(&mut self, key: &str, text: &str) -> &mut Self {
        head!(self, 3, key.len() as u64);
        copy!(self, key.as_bytes());
        head!(self, 3, text.len() as u64);
        copy!(self, text.as_bytes());
        self
    }

    /// An unsigned integer under `key`.
    pub const fn uint_entry(&mut self, key: &str, value: u64) -> &mut Self {
        head!(self, 3, key.len() as u64);
        copy!(self, key.as_bytes());
        head!(self, 0, value);
        self
    }

    /// A duration in whole milliseconds under `key`.
    pub const fn duration_entry(&mut self, key: &str, value: core::time::Duration) -> &mut Self {
        head!(self, 3, key.len() as u64);
        copy!(self, key.as_bytes());
        head!(self, 0, value.as_millis() as u64);
        self
    }

    /// A boolean under `key`.
    pub const fn bool_entry(&mut self, key: &str, value: bool) -> &mut Self {
        head!(self, 3, key.len() as u64);
        copy!(self, key.as_bytes());
        copy!(self, &[if value { 0xf5 } else { 0xf4 }]);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Value, decode};
    use super::Encoder;

    const fn sample<const N: usize>() -> Encoder<N> {
        let mut encoder = Encoder::new();
        encoder
            .map()
            .text_entry("name", "orders")
            .uint_entry("small", 23)
            .uint_entry("byte", 24)
            .uint_entry("word", 0x1234)
            .uint_entry("long", 0x1_0000)
            .uint_entry("quad", 0x1_0000_0000)
            .bool_entry("fifo", true)
            .duration_entry("lease_ms", core::time::Duration::from_secs(60))
            .array_entry("list")
            .text("a")
            .uint(7)
            .end()
            .map_entry("nested")
            .end()
            .end();
        encoder
    }

    #[test]
    fn what_const_evaluation_writes_is_what_the_decoder_reads() {
        const LENGTH: usize = sample::<0>().length();
        static BYTES: [u8; LENGTH] = sample::<LENGTH>().into_bytes();
        let value = decode(&BYTES).expect("valid");
        assert_eq!(value.text("name"), Some("orders"));
        for (key, expected) in [
            ("small", 23),
            ("byte", 24),
            ("word", 0x1234),
            ("long", 0x1_0000),
            ("quad", 0x1_0000_0000),
            ("lease_ms", 60_000),
        ] {
            assert_eq!(value.uint(key), Some(expected), "{key}");
        }
        assert_eq!(value.bool("fifo"), Some(true));
        assert_eq!(
            value.get("list"),
            Some(&Value::Array(vec![
                Value::Text("a".into()),
                Value::Integer(7)
            ]))
        );
        assert_eq!(value.get("nested"), Some(&Value::Map(Default::default())));
    }
}
