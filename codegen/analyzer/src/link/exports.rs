//! What code outside of a program can call by name: shared libraries call what they know of, like
//! `malloc`, in the program if it defines that. The linker decides it, and the program's own table
//! of dynamic symbols says so.

use super::object::{ENDIAN, Header};
use object::elf;
use object::read::ReadCache;
use object::read::elf::{FileHeader as _, Sym as _};
use std::fs::File;
use std::path::Path;

/// What a program exports.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Exported {
    /// These symbols.
    Names(Vec<Vec<u8>>),
    /// The program does not say.
    Unknown,
}

impl Exported {
    /// What the program in a file exports.
    pub(super) fn of(program: &Path) -> Exported {
        File::open(program)
            .ok()
            .and_then(|file| names(&file).ok().flatten())
            .map_or(Exported::Unknown, Exported::Names)
    }
}

/// `None` for a program without a table of sections.
fn names(file: &File) -> object::read::Result<Option<Vec<Vec<u8>>>> {
    let cache = ReadCache::new(file);
    let header = Header::parse(&cache)?;
    let sections = header.sections(ENDIAN, &cache)?;
    if sections.is_empty() {
        return Ok(None);
    }
    // A program without shared libraries has no such table.
    let symbols = sections.symbols(ENDIAN, &cache, elf::SHT_DYNSYM)?;
    let mut names = Vec::new();
    for symbol in symbols.iter() {
        if symbol.st_shndx(ENDIAN) != elf::SHN_UNDEF && symbol.st_bind() != elf::STB_LOCAL {
            names.push(symbols.symbol_name(ENDIAN, symbol)?.to_owned());
        }
    }
    Ok(Some(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_program_could_export_anything() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "text").unwrap();
        assert_eq!(Exported::of(file.path()), Exported::Unknown);
        assert_eq!(
            Exported::of(Path::new("/nowhere/at/all")),
            Exported::Unknown
        );
    }

    #[test]
    fn a_program_is_asked_itself() {
        let Exported::Names(names) = Exported::of(&std::env::current_exe().unwrap()) else {
            panic!("this test has sections");
        };
        assert!(!names.contains(&b"no_such_symbol".to_vec()));
    }
}
