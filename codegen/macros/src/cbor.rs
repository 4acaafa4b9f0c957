//! CBOR at expansion time, for the parts of a record that are known then: const evaluation pays per
//! call, a byte string that is already encoded costs one.

use proc_macro2::Literal;

/// Bytes of CBOR under construction.
#[derive(Default)]
pub(crate) struct Cbor(Vec<u8>);

impl Cbor {
    fn head(&mut self, major: u8, value: u64) {
        let initial = major << 5;
        match value {
            0..24 => self.0.push(initial | value as u8),
            24..0x100 => self.0.extend([initial | 24, value as u8]),
            0x100..0x1_0000 => {
                self.0.push(initial | 25);
                self.0.extend((value as u16).to_be_bytes());
            }
            _ => {
                self.0.push(initial | 27);
                self.0.extend(value.to_be_bytes());
            }
        }
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.head(3, text.len() as u64);
        self.0.extend(text.as_bytes());
        self
    }

    pub(crate) fn uint(&mut self, value: u64) -> &mut Self {
        self.head(0, value);
        self
    }

    /// Opens a map that `end` closes.
    pub(crate) fn map(&mut self) -> &mut Self {
        self.0.push(0xbf);
        self
    }

    /// Opens an array that `end` closes.
    pub(crate) fn array(&mut self) -> &mut Self {
        self.0.push(0x9f);
        self
    }

    pub(crate) fn end(&mut self) -> &mut Self {
        self.0.push(0xff);
        self
    }

    pub(crate) fn literal(&self) -> Literal {
        Literal::byte_string(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifc_manifest::format::decode;

    #[test]
    fn the_decoder_reads_it() {
        let mut cbor = Cbor::default();
        let long = "x".repeat(300);
        cbor.map()
            .text("text")
            .text(&long)
            .text("line")
            .uint(70_000);
        cbor.text("small")
            .uint(255)
            .text("nested")
            .map()
            .end()
            .text("list")
            .array()
            .text("one")
            .end()
            .end();
        let value = decode(&cbor.0).expect("valid");
        assert_eq!(value.text("text"), Some(long.as_str()));
        assert_eq!(value.uint("line"), Some(70_000));
        assert_eq!(value.uint("small"), Some(255));
        assert_eq!(value.list("list").len(), 1);
    }
}
