//! Whether a platform can run a program: what its format, architecture and libraries say.

use super::Platform;
use object::elf::{DT_NEEDED, VER_FLG_WEAK};
use object::read::elf::{ElfFile64, FileHeader as _};
use object::{Architecture, Endianness, Object as _};
use std::collections::BTreeSet;
use std::fmt;

/// What a program needs of the machine that runs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// The oldest glibc that will do. `None` for a program that brings its own libc.
    pub glibc: Option<(u32, u32)>,
    /// Libraries that are not among those of the C library and the compiler, sorted: the platform
    /// may not have them.
    pub other_libraries: Vec<String>,
}

/// Why a platform cannot run a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It is no program for Linux.
    Format,
    /// It cannot be read.
    Unreadable(String),
    /// It is for another processor architecture.
    Architecture {
        /// The program's.
        program: String,
        /// The platform's.
        platform: &'static str,
    },
    /// It is to be loaded by something that the platform does not have, such as the loader of
    /// another C library.
    Loader(String),
    /// It needs a newer glibc.
    Glibc {
        /// What it needs.
        program: (u32, u32),
        /// What there is.
        platform: (u32, u32),
        /// What it needs of that version: functions, sorted.
        symbols: Vec<String>,
    },
    /// It is larger than the platform takes, in bytes.
    Size {
        /// The program's.
        program: u64,
        /// Most that is taken.
        max: u64,
    },
}

impl fmt::Display for Misfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Format => formatter.write_str("it is no program for Linux on 64 bits"),
            Misfit::Unreadable(reason) => write!(formatter, "it cannot be read: {reason}"),
            Misfit::Architecture { program, platform } => {
                write!(
                    formatter,
                    "it is for {program}, and functions run on {platform}"
                )
            }
            Misfit::Loader(loader) => write!(
                formatter,
                "it is loaded by `{loader}`, which functions do not have"
            ),
            Misfit::Glibc {
                program,
                platform,
                symbols,
            } => {
                write!(
                    formatter,
                    "it needs glibc {}.{}, and functions have {}.{}",
                    program.0, program.1, platform.0, platform.1
                )?;
                if let Some((first, others)) = symbols.split_first() {
                    write!(formatter, " (for `{first}`")?;
                    if !others.is_empty() {
                        write!(formatter, " and {} more", others.len())?;
                    }
                    formatter.write_str(")")?;
                }
                Ok(())
            }
            Misfit::Size { program, max } => write!(
                formatter,
                "it has {} MiB, and functions have at most {} MiB",
                program.div_ceil(1 << 20),
                max >> 20
            ),
        }
    }
}

impl std::error::Error for Misfit {}

impl Misfit {
    /// Whether building against another C library helps.
    pub fn is_of_libc(&self) -> bool {
        matches!(self, Misfit::Loader(_) | Misfit::Glibc { .. })
    }
}

/// The libraries of glibc and of the compiler, which are on the platform.
const LIBRARIES: [&str; 10] = [
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libutil.so.1",
];

/// Holds a program against the platform.
pub(super) fn check(program: &[u8], platform: &Platform) -> Result<Requirements, Misfit> {
    let is_elf = matches!(
        object::FileKind::parse(program),
        Ok(object::FileKind::Elf64)
    );
    if !is_elf {
        return Err(Misfit::Format);
    }
    let file = ElfFile64::<Endianness>::parse(program).map_err(unreadable)?;
    let architecture = match file.architecture() {
        Architecture::X86_64 => "x86_64",
        Architecture::Aarch64 => "aarch64",
        _ => "another architecture",
    };
    if architecture != platform.architecture {
        return Err(Misfit::Architecture {
            program: architecture.to_owned(),
            platform: platform.architecture,
        });
    }
    if let Some(loader) = loader(&file).map_err(unreadable)?
        && !LIBRARIES.iter().any(|known| loader.ends_with(known))
    {
        return Err(Misfit::Loader(loader));
    }
    let needed = needed(&file).map_err(unreadable)?;
    if let Some(glibc) = needed.glibc.filter(|glibc| *glibc > platform.glibc) {
        return Err(Misfit::Glibc {
            program: glibc,
            platform: platform.glibc,
            symbols: needed.newest_symbols,
        });
    }
    let bytes = program.len() as u64;
    if bytes > platform.program_bytes_max {
        return Err(Misfit::Size {
            program: bytes,
            max: platform.program_bytes_max,
        });
    }
    let mut other_libraries = needed.libraries;
    other_libraries.retain(|library| !LIBRARIES.contains(&library.as_str()));
    Ok(Requirements {
        glibc: needed.glibc,
        other_libraries: other_libraries.into_iter().collect(),
    })
}

fn unreadable(error: object::Error) -> Misfit {
    Misfit::Unreadable(error.to_string())
}

/// The program that loads this one, if it is not complete by itself.
fn loader(file: &ElfFile64<'_>) -> object::Result<Option<String>> {
    use object::read::elf::ProgramHeader as _;
    let (endian, data) = (file.endian(), file.data());
    for header in file.elf_program_headers() {
        if let Some(path) = header.interpreter(endian, data)? {
            return Ok(Some(String::from_utf8_lossy(path).into_owned()));
        }
    }
    Ok(None)
}

#[derive(Default)]
struct Needed {
    glibc: Option<(u32, u32)>,
    newest_symbols: Vec<String>,
    libraries: BTreeSet<String>,
}

fn needed(file: &ElfFile64<'_>) -> object::Result<Needed> {
    let (endian, data) = (file.endian(), file.data());
    let sections = file.elf_header().sections(endian, data)?;
    let mut needed = Needed::default();
    let dynamic = file.elf_dynamic_table()?;
    for entry in dynamic.iter().filter(|entry| entry.tag == DT_NEEDED) {
        let name = String::from_utf8_lossy(dynamic.string(entry)?);
        needed.libraries.insert(name.into_owned());
    }
    let Some((mut libraries, link)) = sections.gnu_verneed(endian, data)? else {
        return Ok(needed);
    };
    let strings = sections.strings(endian, data, link)?;
    let mut newest = None;
    while let Some((_, mut versions)) = libraries.next()? {
        while let Some(version) = versions.next()? {
            // The loader only remarks on the lack of a version that is needed weakly.
            if version.vna_flags.get(endian).contains(VER_FLG_WEAK) {
                continue;
            }
            let Some(glibc) = glibc(version.name(endian, strings)?) else {
                continue;
            };
            if newest.is_none_or(|(newest, _)| glibc > newest) {
                newest = Some((glibc, version.vna_other(endian).index()));
            }
        }
    }
    if let (Some((_, index)), Some(table)) = (newest, sections.versions(endian, data)?) {
        let symbols = file.elf_dynamic_symbol_table();
        for (place, symbol) in symbols.enumerate() {
            if table.version_index(endian, place).index() == index {
                let name = symbols.symbol_name(endian, symbol)?;
                let name = String::from_utf8_lossy(name).into_owned();
                needed.newest_symbols.push(name);
            }
        }
        needed.newest_symbols.sort();
    }
    needed.glibc = newest.map(|(glibc, _)| glibc);
    Ok(needed)
}

/// The glibc that has this version of symbols.
fn glibc(version: &[u8]) -> Option<(u32, u32)> {
    // Not a number, but what programs ask for whose relocations are packed; since glibc 2.36.
    if version == b"GLIBC_ABI_DT_RELR" {
        return Some((2, 36));
    }
    let version = std::str::from_utf8(version).ok()?.strip_prefix("GLIBC_")?;
    let mut numbers = version.split('.').map(str::parse);
    match (numbers.next()?, numbers.next()?) {
        (Ok(major), Ok(minor)) => Some((major, minor)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::PLATFORM;
    use super::*;

    /// A program for Linux on 64 bits: this one.
    fn program() -> Vec<u8> {
        std::fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    /// The platform that this program was built for.
    fn platform() -> Platform {
        Platform {
            architecture: std::env::consts::ARCH,
            glibc: (2, 90),
            ..PLATFORM
        }
    }

    /// Every occurrence of a text, replaced by one of the same length.
    fn replaced(program: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
        assert_eq!(from.len(), to.len());
        let mut program = program.to_owned();
        let mut count = 0;
        for at in 0..program.len() - from.len() {
            if &program[at..at + from.len()] == from {
                program[at..at + to.len()].copy_from_slice(to);
                count += 1;
            }
        }
        assert_ne!(count, 0);
        program
    }

    #[test]
    fn a_program_says_what_it_needs() {
        let requirements = check(&program(), &platform()).unwrap();
        assert!(requirements.glibc > Some((2, 2)), "{requirements:?}");
        assert_eq!(requirements.other_libraries, [""; 0]);
    }

    #[test]
    fn a_newer_glibc_is_named_with_what_it_is_needed_for() {
        let old = Platform {
            glibc: (2, 3),
            ..platform()
        };
        let misfit = check(&program(), &old).unwrap_err();
        let Misfit::Glibc { symbols, .. } = &misfit else {
            panic!("{misfit}")
        };
        assert!(!symbols.is_empty());
        assert!(symbols.is_sorted());
        let text = misfit.to_string();
        assert!(text.contains(", and functions have 2.3 (for `"), "{text}");
        assert!(misfit.is_of_libc());
    }

    #[test]
    fn versions_of_symbols_are_versions_of_glibc() {
        assert_eq!(glibc(b"GLIBC_2.2.5"), Some((2, 2)));
        assert_eq!(glibc(b"GLIBC_2.34"), Some((2, 34)));
        assert_eq!(glibc(b"GLIBC_ABI_DT_RELR"), Some((2, 36)));
        assert_eq!(glibc(b"GLIBC_PRIVATE"), None);
        assert_eq!(glibc(b"GCC_3.0"), None);
    }

    #[test]
    fn other_architectures_loaders_and_libraries_are_noticed() {
        let program = program();
        let mut other = program.clone();
        // The field of the machine in the header: RISC-V.
        other[18..20].copy_from_slice(&243_u16.to_le_bytes());
        let misfit = check(&other, &platform()).unwrap_err();
        assert!(
            matches!(&misfit, Misfit::Architecture { program, .. } if program == "another architecture"),
            "{misfit}"
        );
        assert!(!misfit.is_of_libc());

        let loader = loader(&ElfFile64::parse(&*program).unwrap()).unwrap();
        let loader = loader.unwrap();
        let musl = "/lib/ld-musl-x86_64.so.1".repeat(2);
        let musl = replaced(
            &program,
            loader.as_bytes(),
            &musl.as_bytes()[..loader.len()],
        );
        let misfit = check(&musl, &platform()).unwrap_err();
        assert!(matches!(misfit, Misfit::Loader(_)), "{misfit}");

        let other = replaced(&program, b"libgcc_s.so.1\0", b"libpq-42.so.5\0");
        let requirements = check(&other, &platform()).unwrap();
        assert_eq!(requirements.other_libraries, ["libpq-42.so.5"]);
    }

    #[test]
    fn what_is_no_program_is_refused() {
        assert_eq!(check(b"", &PLATFORM), Err(Misfit::Format));
        assert_eq!(check(b"#!/bin/sh\n", &PLATFORM), Err(Misfit::Format));
        let program = program();
        let cut = check(&program[..100], &platform()).unwrap_err();
        assert!(matches!(cut, Misfit::Unreadable(_)), "{cut}");
        let small = Platform {
            program_bytes_max: 1 << 20,
            ..platform()
        };
        let misfit = check(&program, &small).unwrap_err();
        assert!(misfit.to_string().ends_with("at most 1 MiB"), "{misfit}");
    }
}
