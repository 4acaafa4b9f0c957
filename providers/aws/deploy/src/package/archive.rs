//! A zip archive of one executable file.
//!
//! Written by hand, because an archive must be equal wherever an equal program is packed: the faster
//! compressors choose their way by the processor they find. The layout is that of the published
//! ZIP specification (APPNOTE 6.3), without its later extensions.

use miniz_oxide::deflate::compress_to_vec;

/// Of `miniz_oxide`, from 0 to 10: beyond it archives hardly become smaller.
const COMPRESSION: u8 = 7;

const LOCAL_HEADER: u32 = 0x0403_4b50;
const CENTRAL_HEADER: u32 = 0x0201_4b50;
const END_OF_DIRECTORY: u32 = 0x0605_4b50;
/// The version of the specification that is needed to unpack deflated files.
const VERSION: u16 = 20;
/// The archive was made on Unix, so the upper half of the attributes is a file's mode.
const MADE_ON_UNIX: u16 = 3 << 8 | VERSION;
const DEFLATED: u16 = 8;
/// The first day that the format can say, at midnight: builds have no date.
const FIRST_DAY: u16 = 0x0021;
/// A regular file that everybody may read and run.
const MODE: u32 = 0o100_755;

/// An archive with this executable file and nothing else. A file has less than 4 GiB: the platform's
/// limit was checked.
pub(crate) fn pack(name: &str, content: &[u8]) -> Vec<u8> {
    let packed = compress_to_vec(content, COMPRESSION);
    let mut entry = Bytes::default();
    entry.u16(0); // no flags
    entry.u16(DEFLATED);
    entry.u16(0); // midnight
    entry.u16(FIRST_DAY);
    entry.u32(crc32fast::hash(content));
    entry.size(packed.len());
    entry.size(content.len());
    entry.u16(name.len() as u16);
    entry.u16(0); // no extra field

    let mut archive = Bytes::default();
    archive.u32(LOCAL_HEADER);
    archive.u16(VERSION);
    archive.bytes(&entry.0);
    archive.bytes(name.as_bytes());
    archive.bytes(&packed);

    let directory = archive.0.len();
    archive.u32(CENTRAL_HEADER);
    archive.u16(MADE_ON_UNIX);
    archive.u16(VERSION);
    archive.bytes(&entry.0);
    archive.u16(0); // no comment
    archive.u16(0); // on the first disk
    archive.u16(0); // not known to be text
    archive.u32(MODE << 16);
    archive.u32(0); // the local header begins the archive
    archive.bytes(name.as_bytes());
    let end = archive.0.len();

    archive.u32(END_OF_DIRECTORY);
    archive.u16(0); // this disk
    archive.u16(0); // that of the directory
    archive.u16(1); // entries on this disk
    archive.u16(1); // entries
    archive.size(end - directory);
    archive.size(directory);
    archive.u16(0); // no comment
    archive.0
}

/// Numbers as the format writes them, the low byte first.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn u16(&mut self, number: u16) {
        self.bytes(&number.to_le_bytes());
    }

    fn u32(&mut self, number: u32) {
        self.bytes(&number.to_le_bytes());
    }

    fn size(&mut self, size: usize) {
        self.u32(u32::try_from(size).expect("a program is smaller than 4 GiB"));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::inflate::decompress_to_vec;

    fn u32_at(archive: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(archive[at..at + 4].try_into().unwrap())
    }

    #[test]
    fn the_entry_is_found_from_the_end_and_unpacks_to_the_program() {
        let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let archive = pack("bootstrap", &content);
        let end = archive.len() - 22;
        assert_eq!(u32_at(&archive, end), END_OF_DIRECTORY);
        let directory = u32_at(&archive, end + 16) as usize;
        assert_eq!(directory + u32_at(&archive, end + 12) as usize, end);
        assert_eq!(u32_at(&archive, directory), CENTRAL_HEADER);
        assert_eq!(u32_at(&archive, directory + 38) >> 16, MODE);
        assert_eq!(&archive[directory + 46..end], b"bootstrap");
        // What both headers say of the file is the same.
        assert_eq!(archive[directory + 6..directory + 32], archive[4..30]);
        let packed = u32_at(&archive, directory + 20) as usize;
        let unpacked = decompress_to_vec(&archive[39..39 + packed]).unwrap();
        assert_eq!(39 + packed, directory);
        assert_eq!(unpacked, content);
        assert_eq!(u32_at(&archive, directory + 24) as usize, content.len());
        assert_eq!(u32_at(&archive, directory + 16), crc32fast::hash(&content));
    }

    #[test]
    fn equal_programs_have_equal_archives() {
        assert_eq!(pack("bootstrap", b"same"), pack("bootstrap", b"same"));
        assert_ne!(pack("bootstrap", b"same"), pack("bootstrap", b"other"));
    }
}
