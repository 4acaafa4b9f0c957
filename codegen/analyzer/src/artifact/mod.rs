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
use std::fs;
use std::path::Path;

/// What was found in a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LibraryRecords {
    /// The records of all its objects, in order and each once.
    Found(Vec<ArtifactRecord>),
    /// Its objects are the compiler's intermediate form, as link-time optimisation wants them.
    Bitcode,
}

/// The records of an executable, in order and each once.
///
/// # Errors
/// When the file is not an executable, holds no records, or records that cannot be told apart.
pub fn executable_records(path: &Path) -> Result<Vec<ArtifactRecord>, ArtifactError> {
    records_of(path, &read(path)?)
}

/// The content of a file of the build.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ArtifactError> {
    fs::read(path).map_err(|cause| ArtifactError::new(path, Reason::Unreadable(cause)))
}

/// The records of an executable whose content is at hand.
pub(crate) fn records_of(path: &Path, bytes: &[u8]) -> Result<Vec<ArtifactRecord>, ArtifactError> {
    let error = |reason| ArtifactError::new(path, reason);
    let file = object::File::parse(bytes).map_err(|cause| error(Reason::NotAnObject(cause)))?;
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
    let bytes = read(path)?;
    let archive = ArchiveFile::parse(&*bytes).map_err(|cause| error(Reason::NotAnObject(cause)))?;
    let mut records = Vec::new();
    for member in archive.members() {
        let content = member
            .and_then(|member| Ok((member.name(), member.data(&*bytes)?)))
            .map_err(|cause| error(Reason::NotAnObject(cause)))?;
        let (name, data) = content;
        if !name.ends_with(b".o") {
            // The crate's metadata.
            continue;
        }
        if is_bitcode(data) {
            return Ok(LibraryRecords::Bitcode);
        }
        let file = object::File::parse(data).map_err(|cause| error(Reason::NotAnObject(cause)))?;
        record::of_object(&file, &mut records).map_err(error)?;
    }
    Ok(LibraryRecords::Found(sorted(records)))
}

fn is_bitcode(data: &[u8]) -> bool {
    const RAW: &[u8] = b"BC\xC0\xDE";
    const WRAPPED: &[u8] = &0x0B17_C0DE_u32.to_le_bytes();
    data.starts_with(RAW) || data.starts_with(WRAPPED)
}

/// A record may stand in several objects, when an inlined function brought its static along.
fn sorted(mut records: Vec<ArtifactRecord>) -> Vec<ArtifactRecord> {
    records.sort_by(|a, b| a.body.cmp(&b.body));
    records.dedup_by(|a, b| a.body == b.body);
    records
}

#[cfg(test)]
mod tests;
