//! The result inside the program: a section that is not loaded at run time, so that no side file
//! can go stale when cargo finds the program fresh.
//!
//! The linker is given an object whose section holds a [`Reserved`] text. It is the same for every
//! program, so the link need not wait for the result, and neither does what the linker computes
//! over its output (a build id) depend on it. Afterwards the result is appended to the program, and
//! the section's header is made to point there: no space to guess, no second link.

use super::{Arguments, Permissions, fingerprint, permissions};
use ifc_manifest::Kind;
use object::read::elf::{FileHeader as _, SectionHeader as _};
use object::read::{ReadCache, ReadRef};
use object::write::{Object, StandardSegment};
use object::{
    Architecture, BinaryFormat, Endianness, FileFlags, LittleEndian, Object as _,
    ObjectSection as _, SectionFlags, SectionKind, elf,
};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// The section's name.
pub const SECTION: &str = ".ifc.permissions";

/// What is embedded: the permissions, or why there are none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Embedded {
    /// They were read.
    Permissions(Permissions),
    /// They could not be read; the link went on.
    Unavailable(String),
}

impl Embedded {
    /// The content of the section.
    pub(super) fn content(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

/// What the section holds while the program is linked. A program of which it is never replaced
/// says so itself.
pub(super) fn reserved() -> Vec<u8> {
    // The analyzer is named because what will stand there depends on it, and programs of one build
    // id should be equal.
    let reason = format!(
        "the link ended before they were written into the program (analyzer {})",
        fingerprint()
    );
    serde_json::to_vec(&Embedded::Unavailable(reason)).expect("text has a JSON form")
}

/// What a link is made for.
pub(super) struct Target {
    format: BinaryFormat,
    architecture: Architecture,
    endianness: Endianness,
    /// Of the ELF header: objects with other ones do not link on some architectures.
    flags: elf::FileFlags,
}

impl Target {
    /// What the first object of the link is made for.
    pub(super) fn of(arguments: &Arguments, directory: &Path) -> Target {
        let first = arguments.inputs.iter().find_map(|input| {
            let super::Input::File(path) = input else {
                return None;
            };
            let cache = ReadCache::new(File::open(directory.join(path)).ok()?);
            let file = object::File::parse(&cache).ok()?;
            let flags = match file.flags() {
                FileFlags::Elf { e_flags, .. } => e_flags,
                _ => elf::FileFlags(0),
            };
            Some(Target {
                format: file.format(),
                architecture: file.architecture(),
                endianness: file.endianness(),
                flags,
            })
        });
        first.unwrap_or(Target {
            format: BinaryFormat::Elf,
            architecture: Architecture::X86_64,
            endianness: Endianness::Little,
            flags: elf::FileFlags(0),
        })
    }

    /// An object of this architecture with nothing but the section.
    pub(super) fn object(&self, content: &[u8]) -> Result<Vec<u8>, object::write::Error> {
        let mut object = Object::new(self.format, self.architecture, self.endianness);
        let segment = object.segment_name(StandardSegment::Debug).to_vec();
        let section = object.add_section(segment, SECTION.into(), SectionKind::Other);
        object.append_section_data(section, content, 1);
        if self.format == BinaryFormat::Elf {
            // GNU ld drops a section that is not loaded from an object without others, unless it is
            // to be retained, which counts only under the GNU ABI.
            object.section_mut(section).flags = SectionFlags::Elf {
                sh_type: elf::SHT_PROGBITS,
                sh_flags: elf::SHF_GNU_RETAIN,
            };
            object.flags = FileFlags::Elf {
                os_abi: elf::ELFOSABI_GNU,
                abi_version: 0,
                e_flags: self.flags,
            };
            // Without this section GNU ld takes it that the object wants an executable stack.
            let stack = b".note.GNU-stack".to_vec();
            object.add_section(Vec::new(), stack, SectionKind::Metadata);
        }
        object.write()
    }
}

/// Why a linked program cannot be given its content afterwards.
type Unfilled = Box<dyn std::error::Error + Send + Sync>;

/// Appends `content` to the program and points the section there.
///
/// # Errors
/// When the program is no ELF file of 64 bits, or its section does not hold `reserved`: then the
/// linker did something to it that is not known here, and nothing was changed. Otherwise when the
/// file cannot be written, and then it may be half done.
pub(super) fn fill(program: &Path, reserved: &[u8], content: &[u8]) -> Result<(), Unfilled> {
    let mut file = File::options().read(true).write(true).open(program)?;
    let header = header_of(&file, reserved)?;
    let offset = file.seek(SeekFrom::End(0))?;
    file.write_all(content)?;
    file.seek(SeekFrom::Start(header + SH_OFFSET))?;
    let mut place = [0; 16];
    place[..8].copy_from_slice(&offset.to_le_bytes());
    place[8..].copy_from_slice(&(content.len() as u64).to_le_bytes());
    file.write_all(&place)?;
    Ok(())
}

/// Of `sh_offset` in a section's header; `sh_size` is the next field.
const SH_OFFSET: u64 = 24;

/// Where in the file the section's header is.
fn header_of(file: &File, reserved: &[u8]) -> Result<u64, Unfilled> {
    let cache = ReadCache::new(file);
    let header = elf::FileHeader64::<LittleEndian>::parse(&cache)?;
    if header.e_ident.data != elf::ELFDATA2LSB {
        return Err("it is big-endian".into());
    }
    let sections = header.sections(LittleEndian, &cache)?;
    let mut found = None;
    for (index, section) in sections.iter().enumerate() {
        if sections.section_name(LittleEndian, section)? != SECTION.as_bytes() {
            continue;
        }
        let plain = section.sh_type(LittleEndian) == elf::SHT_PROGBITS
            && section.sh_flags(LittleEndian).0 & (elf::SHF_ALLOC.0 | elf::SHF_COMPRESSED.0) == 0
            && section.data(LittleEndian, &cache)? == reserved;
        if !plain || found.is_some() {
            return Err("the linker changed the section".into());
        }
        found = Some(index as u64);
    }
    let index = found.ok_or("the linker dropped the section")?;
    let table = header.e_shoff(LittleEndian);
    Ok(table + index * u64::from(header.e_shentsize(LittleEndian)))
}

/// As much of what is embedded as every version writes.
#[derive(Deserialize)]
struct Head {
    permissions: Option<Version>,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// Reads what was embedded into a program. `None` when there is no such section: the program was
/// not linked by us.
///
/// # Errors
/// When the section's content is not readable, for example because a newer version wrote it.
pub fn embedded<'data, R: ReadRef<'data>>(program: R) -> Result<Option<Embedded>, String> {
    let file = object::File::parse(program).map_err(|error| error.to_string())?;
    let Some(section) = file.section_by_name(SECTION) else {
        return Ok(None);
    };
    let data = section.data().map_err(|error| error.to_string())?;
    decode(data).map(Some)
}

fn decode(data: &[u8]) -> Result<Embedded, String> {
    // The linker pads sections of several objects; ours is one JSON value.
    let end = data
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    let data = &data[..end];
    if let Ok(Head {
        permissions: Some(Version { version }),
    }) = serde_json::from_slice(data)
        && version != permissions::VERSION
    {
        return Err(format!(
            "it is in form {version}, and this command reads form {}: use the `ifc` command of the \
             version that built the program",
            permissions::VERSION
        ));
    }
    let embedded: Embedded = serde_json::from_slice(data).map_err(|error| error.to_string())?;
    let unknown = |permissions: &Permissions| {
        let uses = permissions
            .handlers
            .iter()
            .flat_map(|handler| &handler.uses);
        uses.chain(&permissions.initialisation)
            .find(|found| Kind::parse(&found.grant.kind).is_none())
            .map(|found| found.grant.kind.clone())
    };
    if let Embedded::Permissions(permissions) = &embedded
        && let Some(kind) = unknown(permissions)
    {
        return Err(format!("it speaks of the unknown kind `{kind}`"));
    }
    Ok(embedded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back_and_padding_is_not_minded() {
        let embedded = Embedded::Unavailable("the linker did the LTO".into());
        let mut content = embedded.content().unwrap();
        assert_eq!(decode(&content).as_ref(), Ok(&embedded));
        content.extend([0; 5]);
        assert_eq!(decode(&content), Ok(embedded));
        let Ok(Embedded::Unavailable(reason)) = decode(&reserved()) else {
            panic!("the reserved text is no content");
        };
        assert!(reason.contains(&fingerprint()), "{reason}");
    }

    #[test]
    fn damage_and_other_versions_are_errors() {
        for text in ["", "{", "{}", "\0\0", r#"{"permissions":{"version":2"#] {
            assert!(decode(text.as_bytes()).is_err(), "{text}");
        }
        let newer = r#"{"permissions":{"version":3,"new":[],"handlers":"elsewhere"}}"#;
        let error = decode(newer.as_bytes()).unwrap_err();
        assert!(
            error.starts_with("it is in form 3, and this command reads form 2"),
            "{error}"
        );
        let grant = r#"{"package":"p","name":"n","kind":"balloon","verb":"fly"}"#;
        let unknown = format!(
            r#"{{"permissions":{{"version":2,"handlers":[],"notes":[],"declared":[],
                "initialisation":[{{"grant":{grant},"way":[]}}]}}}}"#
        );
        let error = decode(unknown.as_bytes()).unwrap_err();
        assert!(error.contains("unknown kind `balloon`"), "{error}");
    }

    #[test]
    fn a_file_that_the_linker_did_not_write_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program");
        let target = Target {
            format: BinaryFormat::Elf,
            architecture: Architecture::X86_64,
            endianness: Endianness::Little,
            flags: elf::FileFlags(0),
        };
        for bytes in [
            b"text".to_vec(),
            Vec::new(),
            target.object(b"something else").unwrap(),
        ] {
            std::fs::write(&path, &bytes).unwrap();
            assert!(fill(&path, &reserved(), b"content").is_err());
            assert!(std::fs::read(&path).unwrap() == bytes);
        }
        std::fs::write(&path, target.object(&reserved()).unwrap()).unwrap();
        let content = Embedded::Unavailable("because".into()).content().unwrap();
        fill(&path, &reserved(), &content).unwrap();
        let program = std::fs::read(&path).unwrap();
        assert_eq!(
            embedded(&*program),
            Ok(Some(Embedded::Unavailable("because".into())))
        );
    }
}
