//! Files of a build's output: executables and libraries, of any architecture and object format that
//! the SDK compiles for.
//!
//! Records hold no pointers, so they are the same bytes in an object file, a library and an
//! executable, stripped or not. Nothing is ever skipped: a file that cannot be read could hold the
//! only declaration of a resource.

mod error;
mod record;

pub use error::{ArtifactError, Reason};
pub use record::ArtifactRecord;

use object::read::archive::ArchiveFile;
use object::read::{ReadCache, ReadRef as _};
use std::fs::File;
use std::path::Path;

/// What was found in a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LibraryRecords {
    /// The records of all its objects, in order and each once.
    Found(Vec<ArtifactRecord>),
    /// Its objects are the compiler's intermediate form, as link-time optimisation wants them.
    Bitcode,
}

/// A file of the build, of which only what is looked at is read: a program can be large.
pub(crate) type Content = ReadCache<File>;

/// The records of an executable, in order and each once.
///
/// # Errors
/// When the file is not an executable, holds no records, or records that cannot be told apart.
pub fn executable_records(path: &Path) -> Result<Vec<ArtifactRecord>, ArtifactError> {
    records_of(path, &open(path)?)
}

/// Opens a file of the build.
pub(crate) fn open(path: &Path) -> Result<Content, ArtifactError> {
    let file = File::open(path);
    file.map(ReadCache::new)
        .map_err(|cause| ArtifactError::new(path, Reason::Unreadable(cause)))
}

/// The records of an executable that is open.
pub(crate) fn records_of(
    path: &Path,
    content: &Content,
) -> Result<Vec<ArtifactRecord>, ArtifactError> {
    let error = |reason| ArtifactError::new(path, reason);
    let file = object::File::parse(content).map_err(|cause| error(Reason::NotAnObject(cause)))?;
    let mut records = Vec::new();
    if !record::of_object(&file, &mut records).map_err(error)? {
        return Err(error(Reason::NoSection));
    }
    Ok(sorted(records))
}

/// The records of a Rust library (`.rlib`).
///
/// # Errors
/// When the file is not an archive of object files, or has records that cannot be told apart.
pub fn library_records(path: &Path) -> Result<LibraryRecords, ArtifactError> {
    let error = |reason| ArtifactError::new(path, reason);
    let unreadable = |cause| error(Reason::NotAnObject(cause));
    let content = open(path)?;
    let archive = ArchiveFile::parse(&content).map_err(unreadable)?;
    let mut records = Vec::new();
    for member in archive.members() {
        let member = member.map_err(unreadable)?;
        if !member.name().ends_with(b".o") {
            // The crate's metadata.
            continue;
        }
        let (offset, size) = member.file_range();
        let data = content.range(offset, size);
        let mut start = [0; 4];
        if let Ok(bytes) = data.read_bytes_at(0, start.len() as u64) {
            start.copy_from_slice(bytes);
        }
        if is_bitcode(start) {
            return Ok(LibraryRecords::Bitcode);
        }
        let file = object::File::parse(data).map_err(unreadable)?;
        record::of_object(&file, &mut records).map_err(error)?;
    }
    Ok(LibraryRecords::Found(sorted(records)))
}

fn is_bitcode(start: [u8; 4]) -> bool {
    const RAW: [u8; 4] = *b"BC\xC0\xDE";
    const WRAPPED: [u8; 4] = 0x0B17_C0DE_u32.to_le_bytes();
    start == RAW || start == WRAPPED
}

/// A record may stand in several objects, when an inlined function brought its static along.
fn sorted(mut records: Vec<ArtifactRecord>) -> Vec<ArtifactRecord> {
    records.sort_by(|a, b| a.body.cmp(&b.body));
    records.dedup_by(|a, b| a.body == b.body);
    records
}

#[cfg(test)]
mod tests;
