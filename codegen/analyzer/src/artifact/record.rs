//! Descriptor records of one object file or executable.

use super::Reason;
use ifc_manifest::format::{DESCRIPTOR_SECTION, RecordError, records};
use ifc_manifest::{Descriptor, DescriptorError};
use object::{Object, ObjectSection, ReadRef};

/// One record found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactRecord {
    /// Its bytes, which identify it.
    pub body: Vec<u8>,
    /// What it says.
    pub descriptor: Result<Descriptor, DescriptorError>,
}

/// Adds the records of `file` and says whether it has a section for them.
pub(super) fn of_object<'data, R: ReadRef<'data>>(
    file: &object::File<'data, R>,
    found: &mut Vec<ArtifactRecord>,
) -> Result<bool, Reason> {
    let mut has_section = false;
    for section in file.sections() {
        let name = section.name().map_err(Reason::NotAnObject)?;
        // Mach-O names begin with two underscores.
        let name = name.trim_start_matches("__");
        if name != DESCRIPTOR_SECTION {
            match other_format(name) {
                Some(found) => return Err(Reason::Format { found }),
                None => continue,
            }
        }
        has_section = true;
        let data = section.uncompressed_data().map_err(Reason::NotAnObject)?;
        for record in records(&data) {
            let record = record.map_err(|error| match error {
                RecordError::Major { found, .. } => Reason::Format {
                    found: found.into(),
                },
                error => Reason::Records(error),
            })?;
            found.push(ArtifactRecord {
                body: record.body.to_vec(),
                descriptor: Descriptor::decode(&record),
            });
        }
    }
    Ok(has_section)
}

/// The major version in the name of a section with records of another format: `ifc2_desc`.
fn other_format(section: &str) -> Option<u32> {
    section
        .strip_prefix("ifc")?
        .strip_suffix("_desc")?
        .parse()
        .ok()
}
