//! In the place of the linker: reads the permissions from the inputs of the link, and puts them
//! into the program through one more object on the line.
//!
//! The result travels inside the artifact, so there is no side file to go stale when cargo finds
//! the program fresh. The section is not loaded at run time.

use super::{Arguments, LinkError, Permissions, arguments};
use ifc_manifest::Kind;
use object::write::{Object, StandardSegment};
use object::{
    Architecture, BinaryFormat, Endianness, FileFlags, Object as _, SectionFlags, SectionKind, elf,
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The section with the result.
pub const SECTION: &str = ".ifc.permissions";

/// The file name under which the tool acts as a linker. It ends in `-cc`, from which rustc infers
/// that it takes the arguments of a C compiler driver.
pub const FILE_NAME: &str = "ifc-cc";

/// The variable that names the linker to be called; without it the target's own variable of cargo,
/// or else `cc`.
pub const LINKER_VARIABLE: &str = "IFC_LINKER";

/// What is embedded: the permissions, or why there are none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Embedded {
    /// They were read.
    Permissions(Permissions),
    /// They could not be read; the link went on.
    Unavailable(String),
}

/// Links. `arguments` are those that rustc gave, without the program's name.
pub fn run(arguments: &[String]) -> ExitCode {
    match link(arguments) {
        Ok(code) => code,
        Err(error) => {
            // rustc shows what its linker prints.
            eprintln!("ifc: {error}");
            ExitCode::FAILURE
        }
    }
}

fn link(arguments: &[String]) -> std::io::Result<ExitCode> {
    let directory = std::env::current_dir()?;
    let embedded = match analyze(arguments, &directory) {
        Ok(permissions) => Embedded::Permissions(permissions),
        Err(error) => Embedded::Unavailable(chain(&error)),
    };
    let mut command = Command::new(linker());
    let object = match write_object(arguments, &directory, &embedded) {
        Ok(object) => Some(object),
        // Where no object can be made the program goes without, and `ifc check` says so.
        Err(error) => {
            eprintln!("ifc: the permissions could not be embedded: {error}");
            None
        }
    };
    command.args(object.as_ref());
    let status = command.args(arguments).status();
    if let Some(object) = object {
        let _ = std::fs::remove_file(object);
    }
    let code = status?.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}

fn chain(error: &LinkError) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn analyze(arguments: &[String], directory: &Path) -> Result<Permissions, LinkError> {
    let expanded = arguments::expand(arguments, directory)?;
    super::permissions(&Arguments::parse(&expanded)?, directory)
}

/// The linker that the user would have without us.
fn linker() -> String {
    let of_target = || {
        std::env::vars().find_map(|(name, value)| {
            let named = name.starts_with("CARGO_TARGET_") && name.ends_with("_LINKER");
            named.then_some(value)
        })
    };
    std::env::var(LINKER_VARIABLE)
        .ok()
        .or_else(of_target)
        .unwrap_or_else(|| "cc".to_owned())
}

/// An object of the link's own architecture with the section, beside the output.
fn write_object(
    arguments: &[String],
    directory: &Path,
    embedded: &Embedded,
) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let expanded = arguments::expand(arguments, directory)?;
    let parsed = Arguments::parse(&expanded).unwrap_or_default();
    let target = target_of(&parsed, directory);
    let mut object = Object::new(target.format, target.architecture, target.endianness);
    let segment = object.segment_name(StandardSegment::Debug).to_vec();
    let section = object.add_section(segment, SECTION.into(), SectionKind::Other);
    object.append_section_data(section, &serde_json::to_vec(embedded)?, 1);
    if target.format == BinaryFormat::Elf {
        // GNU ld drops a section that is not loaded from an object without others, unless it is to
        // be retained, which counts only under the GNU ABI.
        object.section_mut(section).flags = SectionFlags::Elf {
            sh_type: elf::SHT_PROGBITS,
            sh_flags: elf::SHF_GNU_RETAIN,
        };
        object.flags = FileFlags::Elf {
            os_abi: elf::ELFOSABI_GNU,
            abi_version: 0,
            e_flags: target.flags,
        };
        // Without this section GNU ld takes it that the object wants an executable stack.
        let stack = b".note.GNU-stack".to_vec();
        object.add_section(Vec::new(), stack, SectionKind::Metadata);
    }
    let output = parsed.output.unwrap_or_else(|| "a.out".into());
    let mut path = directory.join(output).into_os_string();
    path.push(".ifc-permissions.o");
    let path = PathBuf::from(path);
    std::fs::write(&path, object.write()?)?;
    Ok(path)
}

/// What a link is made for.
struct Target {
    format: BinaryFormat,
    architecture: Architecture,
    endianness: Endianness,
    /// Of the ELF header: objects with other ones do not link on some architectures.
    flags: elf::FileFlags,
}

/// What the first object of the link is made for.
fn target_of(arguments: &Arguments, directory: &Path) -> Target {
    let first = arguments.inputs.iter().find_map(|input| {
        let super::Input::File(path) = input else {
            return None;
        };
        let bytes = std::fs::read(directory.join(path)).ok()?;
        let file = object::File::parse(&*bytes).ok()?;
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

/// Reads what was embedded into a program. `None` when there is no such section: the program was
/// not linked by us.
///
/// # Errors
/// When the section's content is not readable, for example because a newer version wrote it.
pub fn embedded(program: &[u8]) -> Result<Option<Embedded>, String> {
    use object::ObjectSection as _;
    let file = object::File::parse(program).map_err(|error| error.to_string())?;
    let Some(section) = file.section_by_name(SECTION) else {
        return Ok(None);
    };
    let data = section.data().map_err(|error| error.to_string())?;
    // The linker pads sections of several objects; ours is one JSON value.
    let end = data
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    let embedded: Embedded =
        serde_json::from_slice(&data[..end]).map_err(|error| error.to_string())?;
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
    Ok(Some(embedded))
}
