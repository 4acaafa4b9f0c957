//! One line that says what follows and what its checksum is, then the contents.

use super::{WireError, WireFault};
use crate::digest::Fingerprint;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A sort of document.
pub(super) struct Format {
    /// What it is called in messages.
    pub(super) what: &'static str,
    /// What it is called in the document.
    pub(super) tag: &'static str,
    /// The version that we write, and the newest that we read.
    pub(super) version: u32,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    checksum: String,
}

pub(super) fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("wire types have text keys and no fallible parts")
}

impl Format {
    fn checksum(&self, version: u32, body: &[u8]) -> String {
        // Also of the version, so that a damaged one is not taken for a newer one.
        let mut bytes = format!("{} {version}\n", self.tag).into_bytes();
        bytes.extend_from_slice(body);
        Fingerprint::of(&bytes).to_string()
    }

    pub(super) fn seal<T: Serialize>(&self, contents: &T) -> Vec<u8> {
        let body = to_json(contents);
        let header = Header {
            format: self.tag.to_owned(),
            version: self.version,
            checksum: self.checksum(self.version, &body),
        };
        let mut bytes = to_json(&header);
        bytes.push(b'\n');
        bytes.extend(body);
        bytes.push(b'\n');
        bytes
    }

    pub(super) fn open<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, WireError> {
        let damaged = |detail: &str| WireError::damaged(self.what, detail);
        let split = bytes.iter().position(|byte| *byte == b'\n');
        let (header, rest) = bytes.split_at(split.ok_or_else(|| damaged("it has no header"))?);
        let header: Header =
            serde_json::from_slice(header).map_err(|_| damaged("its header cannot be read"))?;
        let Some(body) = rest[1..].strip_suffix(b"\n") else {
            return Err(damaged("it is cut off"));
        };
        if header.checksum != self.checksum(header.version, body) {
            return Err(damaged("its checksum does not match"));
        }
        if header.format != self.tag {
            return Err(WireError::new(self.what, WireFault::Foreign));
        }
        if header.version > self.version {
            let version = header.version;
            return Err(WireError::new(self.what, WireFault::Newer { version }));
        }
        serde_json::from_slice(body)
            .map_err(|error| WireError::damaged(self.what, error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Format = Format {
        what: "thing",
        tag: "ifc-thing",
        version: 2,
    };

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = FORMAT.seal(&vec![1, 2, 3]);
        assert_eq!(FORMAT.open::<Vec<u8>>(&bytes).unwrap(), [1, 2, 3]);
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[index] ^= 1 << bit;
                // Whatever can still be read is what was written.
                if let Ok(read) = FORMAT.open::<Vec<u8>>(&flipped) {
                    assert_eq!(read, [1, 2, 3]);
                }
            }
            assert!(FORMAT.open::<Vec<u8>>(&bytes[..index]).is_err());
        }
    }

    #[test]
    fn newer_versions_are_told_from_damage() {
        let newer = Format {
            version: 3,
            ..FORMAT
        };
        let bytes = newer.seal(&"whatever");
        let error = FORMAT.open::<String>(&bytes).unwrap_err();
        assert!(error.is_newer());
        assert!(error.to_string().contains("update `ifc`"));
        let other = Format {
            tag: "ifc-other",
            ..FORMAT
        };
        let error = FORMAT.open::<String>(&other.seal(&"x")).unwrap_err();
        assert!(matches!(error.fault(), WireFault::Damaged { .. }));
    }
}
