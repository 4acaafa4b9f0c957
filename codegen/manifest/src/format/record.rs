//! Records in a section: the header, the in-memory shape that the macros place, and the reader.

use super::{DESCRIPTOR_MAGIC, Encoder, MINOR, RECORD_BYTES_MAX};
use std::fmt;

/// Stands before the CBOR of every record.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug)]
pub struct Header {
    magic: [u8; 8],
    minor: u16,
    flags: u16,
    length: u32,
}

/// Size of a [`Header`] in bytes.
const HEADER_BYTES: usize = size_of::<Header>();

impl Header {
    /// Length of the body in bytes.
    pub const fn length(&self) -> u32 {
        self.length
    }
}

/// One record as the compiler lays it out: a header and `N` bytes of CBOR.
#[repr(C, align(8))]
pub struct Record<const N: usize> {
    header: Header,
    body: [u8; N],
}

impl<const N: usize> Record<N> {
    /// Makes a record of what `encoder` wrote. `N` is what the counting pass found.
    pub const fn new(encoder: Encoder<N>) -> Self {
        assert!(
            N <= RECORD_BYTES_MAX as usize,
            "the configuration of one resource or handler is limited to 64 KiB"
        );
        Record {
            header: Header {
                magic: DESCRIPTOR_MAGIC,
                minor: MINOR,
                flags: 0,
                length: N as u32,
            },
            body: encoder.into_bytes(),
        }
    }

    /// The header: the record's identity at run time.
    pub const fn header(&self) -> &Header {
        &self.header
    }
}

/// One record found in a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawRecord<'a> {
    /// Offset of the header within the section.
    pub offset: usize,
    /// Minor version of the format it was written with.
    pub minor: u16,
    /// The CBOR.
    pub body: &'a [u8],
}

/// Why a section's content is not a sequence of records. Nothing is ever skipped: a record that
/// cannot be read could be the only declaration of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// Bytes where a record should begin are not one.
    NotARecord {
        /// Offset within the section.
        offset: usize,
    },
    /// A record of another major version.
    Major {
        /// Offset within the section.
        offset: usize,
        /// The version found.
        found: u8,
    },
    /// A record that is longer than what is left, or than any record may be.
    Length {
        /// Offset within the section.
        offset: usize,
        /// The length its header claims, in bytes.
        length: u32,
    },
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::NotARecord { offset } => {
                write!(f, "no descriptor record at offset {offset} of its section")
            }
            RecordError::Major { offset, found } => write!(
                f,
                "descriptor record at offset {offset} has format version {found}, \
                 this tool reads version {}",
                super::MAJOR
            ),
            RecordError::Length { offset, length } => write!(
                f,
                "descriptor record at offset {offset} claims {length} bytes, more than there are"
            ),
        }
    }
}

impl std::error::Error for RecordError {}

/// The records of a section, in the order in which the linker placed them (which means nothing:
/// sort before you show).
pub fn records(section: &[u8]) -> impl Iterator<Item = Result<RawRecord<'_>, RecordError>> {
    let mut offset = 0;
    std::iter::from_fn(move || {
        while section.len() - offset >= 8 && section[offset..offset + 8] == [0; 8] {
            offset += 8;
        }
        let rest = &section[offset..];
        if rest.iter().all(|byte| *byte == 0) {
            return None;
        }
        let at = offset;
        let result = record(rest, at);
        offset = match &result {
            Ok(record) => (at + HEADER_BYTES + record.body.len())
                .next_multiple_of(8)
                .min(section.len()),
            // One error ends the walk: beyond it there is no telling where a record begins.
            Err(_) => section.len(),
        };
        Some(result)
    })
}

fn record(bytes: &[u8], offset: usize) -> Result<RawRecord<'_>, RecordError> {
    if bytes.len() < HEADER_BYTES || bytes[..7] != DESCRIPTOR_MAGIC[..7] {
        return Err(RecordError::NotARecord { offset });
    }
    if bytes[7] != DESCRIPTOR_MAGIC[7] {
        return Err(RecordError::Major {
            offset,
            found: bytes[7],
        });
    }
    let minor = u16::from_le_bytes([bytes[8], bytes[9]]);
    let length = u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
    let body = &bytes[HEADER_BYTES..];
    if length > RECORD_BYTES_MAX || length as usize > body.len() {
        return Err(RecordError::Length { offset, length });
    }
    Ok(RawRecord {
        offset,
        minor,
        body: &body[..length as usize],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(body: &[u8]) -> Vec<u8> {
        let mut bytes = DESCRIPTOR_MAGIC.to_vec();
        bytes.extend([0, 0, 0, 0]);
        bytes.extend((body.len() as u32).to_le_bytes());
        bytes.extend(body);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    #[test]
    fn records_are_found_between_padding() {
        let mut section = bytes(b"abc");
        section.extend([0; 16]);
        section.extend(bytes(b"defghijk"));
        section.extend([0; 8]);
        let bodies: Vec<_> = records(&section).map(|r| r.map(|r| r.body)).collect();
        assert_eq!(bodies, [Ok(&b"abc"[..]), Ok(&b"defghijk"[..])]);
    }

    #[test]
    fn damage_is_an_error_and_ends_the_walk() {
        let good = bytes(b"abc");
        for cut in 1..good.len() - 5 {
            let last = records(&good[..cut]).last();
            assert!(matches!(last, Some(Err(_))), "cut to {cut} bytes");
        }
        let mut newer = good.clone();
        newer[7] = 2;
        assert_eq!(
            records(&newer).collect::<Vec<_>>(),
            [Err(RecordError::Major {
                offset: 0,
                found: 2
            })]
        );
        let mut long = good.clone();
        long[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
        long.extend(bytes(b"def"));
        assert_eq!(
            records(&long).collect::<Vec<_>>(),
            [Err(RecordError::Length {
                offset: 0,
                length: u32::MAX
            })]
        );
    }
}
