//! The record format, version 1.
//!
//! A record is a 16-byte [`Header`] and `length` bytes of CBOR (RFC 8949), always one map with text
//! keys. Records stand in the ELF section [`DESCRIPTOR_SECTION`], aligned to 8 with zero padding
//! between them. They hold no pointers, so relocation, stripping and compression leave them alone.
//!
//! Compatibility: the *major* version is part of the magic and of the section names, because two
//! major versions of the SDK may be linked into one program and each must enumerate its own table.
//! Within a major version keys are only added; a reader skips keys it does not know.

mod decode;
mod encode;
mod record;

pub use decode::{DecodeError, Value, decode};
pub use encode::Encoder;
pub use record::{Header, RawRecord, Record, RecordError, records};

/// Major version of the format: part of the magic and of both section names.
pub const MAJOR: u8 = 1;

/// Minor version: raised when keys are added that an older reader may skip.
pub const MINOR: u16 = 1;

/// First bytes of every descriptor record.
pub const DESCRIPTOR_MAGIC: [u8; 8] = *b"IFCdesc\x01";

/// First bytes of every entry of the handler table.
pub const HANDLER_MAGIC: [u8; 8] = *b"IFChand\x01";

/// First bytes of every grant: eight readable ones and eight that occur nowhere by chance.
pub const GRANT_MAGIC: [u8; 16] = *b"IFCgrnt\x01\xd3\x9a\x5e\x11\xc7\x80\x42\x01";

/// Section with the descriptor records. A C identifier, so that the linker defines
/// `__start_ifc1_desc` and `__stop_ifc1_desc`.
pub const DESCRIPTOR_SECTION: &str = "ifc1_desc";

/// Section with the handler table.
pub const HANDLER_SECTION: &str = "ifc1_hand";

/// Longest record the readers accept, in bytes. A record is the configuration of one resource or
/// handler; the largest allowed part of one is a schedule's input of 8 KiB.
pub const RECORD_BYTES_MAX: u32 = 64 * 1024;
