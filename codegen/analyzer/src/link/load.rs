//! The inputs of a link as sections and symbols: every object on the line, and of the archives the
//! members that are needed, found as a linker finds them.

use super::{Arguments, Input, LinkError};
use object::elf;
use object::read::archive::{ArchiveFile, ArchiveOffset};
use object::read::elf::{FileHeader as _, SectionTable, Sym as _, SymbolTable};
use object::{LittleEndian, SymbolIndex};
use rustc_hash::{FxHashMap, FxHashSet};
use std::path::{Path, PathBuf};

pub(super) const ENDIAN: LittleEndian = LittleEndian;
pub(super) type Header = elf::FileHeader64<LittleEndian>;
pub(super) type Section = elf::SectionHeader64<LittleEndian>;

/// The bytes of all inputs.
pub(super) struct Files {
    files: Vec<(PathBuf, Vec<u8>, bool)>,
    exports: bool,
    wanted: Vec<String>,
    entries: Vec<String>,
}

impl Files {
    pub(super) fn read(arguments: &Arguments, directory: &Path) -> Result<Files, LinkError> {
        let mut paths = Vec::new();
        for input in &arguments.inputs {
            match input {
                Input::File(path) => paths.push((directory.join(path), false)),
                Input::Whole(path) => paths.push((directory.join(path), true)),
                Input::Library { name, fixed, whole } => {
                    if let Some(path) = library(name, *fixed, arguments, directory) {
                        paths.push((path, *whole));
                    }
                }
            }
        }
        let mut files = Vec::with_capacity(paths.len());
        for (path, whole) in paths {
            // A shared library is not analysed: it can call into the program only through
            // addresses that the program gave it, or through exported symbols.
            if is_shared(&path) {
                continue;
            }
            let bytes = std::fs::read(&path).map_err(|error| LinkError::Unreadable {
                path: path.clone(),
                error,
            })?;
            files.push((path, bytes, whole));
        }
        Ok(Files {
            files,
            exports: arguments.exports,
            wanted: arguments.wanted.clone(),
            entries: arguments.entries.clone(),
        })
    }
}

fn is_shared(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".so") || name.contains(".so.")
}

/// The archive behind `-lname`, if it is one. A library that is found nowhere, or as a shared one
/// first, belongs to the system: the C library and the like.
fn library(name: &str, fixed: bool, arguments: &Arguments, directory: &Path) -> Option<PathBuf> {
    for search in &arguments.search {
        let folder = directory.join(search);
        if let Some(file) = name.strip_prefix(':') {
            let path = folder.join(file);
            if path.is_file() {
                return (!is_shared(&path)).then_some(path);
            }
            continue;
        }
        if !fixed && folder.join(format!("lib{name}.so")).is_file() {
            return None;
        }
        let archive = folder.join(format!("lib{name}.a"));
        if archive.is_file() {
            return Some(archive);
        }
    }
    None
}

/// One object of the link.
pub(super) struct Object<'a> {
    /// For messages.
    pub(super) name: String,
    /// Node of its section 0.
    pub(super) base: u32,
    pub(super) data: &'a [u8],
    pub(super) sections: SectionTable<'a, Header>,
    pub(super) symbols: SymbolTable<'a, Header>,
}

impl Object<'_> {
    /// The section that defines a symbol, if a section does.
    pub(super) fn section_of(
        &self,
        index: usize,
        symbol: &elf::Sym64<LittleEndian>,
    ) -> Option<u32> {
        section_of(&self.symbols, index, symbol)
    }

    pub(super) fn section_name(&self, section: &Section) -> &[u8] {
        self.sections.section_name(ENDIAN, section).unwrap_or(b"")
    }
}

fn section_of(
    symbols: &SymbolTable<'_, Header>,
    index: usize,
    symbol: &elf::Sym64<LittleEndian>,
) -> Option<u32> {
    symbols
        .symbol_section(ENDIAN, symbol, SymbolIndex(index))
        .ok()
        .flatten()
        .map(|section| section.0 as u32)
}

/// A global symbol.
#[derive(Default)]
pub(super) struct Symbol {
    /// Section node and offset of each definition: weak and COMDAT ones are all kept, which makes
    /// sets larger, never smaller.
    pub(super) definitions: Vec<(u32, u64)>,
    wanted: bool,
}

struct Archive<'a> {
    file: ArchiveFile<'a>,
    data: &'a [u8],
    name: String,
    loaded: FxHashSet<u64>,
}

/// All objects of the link and the global symbols between them.
pub(super) struct Program<'a> {
    pub(super) objects: Vec<Object<'a>>,
    /// Section nodes: `0..sections`. The nodes of symbols follow.
    pub(super) sections: u32,
    pub(super) ids: FxHashMap<&'a [u8], u32>,
    pub(super) names: Vec<&'a [u8]>,
    pub(super) symbols: Vec<Symbol>,
    /// Code outside may call any global symbol.
    pub(super) exports: bool,
    /// Functions that the system calls, by their symbols: where a process begins.
    pub(super) entries: Vec<&'a str>,
}

impl<'a> Program<'a> {
    pub(super) fn load(files: &'a Files) -> Result<Program<'a>, LinkError> {
        let mut loader = Loader::default();
        for (path, bytes, whole) in &files.files {
            let name = path.display().to_string();
            if bytes.starts_with(b"!<arch>\n") {
                loader.archive(name, bytes, *whole)?;
            } else if bytes.starts_with(b"!<thin>\n") {
                return Err(LinkError::NotAnObject {
                    name,
                    reason: "it is a thin archive".into(),
                });
            } else {
                loader.object(name, bytes)?;
            }
        }
        let usual = ["_start", "main", "rust_eh_personality"];
        let named = files.entries.iter().map(String::as_str);
        let entries: Vec<&str> = usual.into_iter().chain(named).collect();
        let wanted = files.wanted.iter().map(String::as_str);
        for name in entries.iter().copied().chain(wanted) {
            let id = loader.symbol(name.as_bytes());
            loader.want(id);
        }
        loader.pull()?;
        Ok(Program {
            objects: loader.objects,
            sections: loader.nodes,
            ids: loader.ids,
            names: loader.names,
            symbols: loader.symbols,
            exports: files.exports,
            entries,
        })
    }

    /// The node of a global symbol.
    pub(super) fn node(&self, name: &[u8]) -> Option<u32> {
        self.ids.get(name).map(|id| self.sections + id)
    }

    /// The object and section behind a section node.
    pub(super) fn locate(&self, node: u32) -> (&Object<'a>, usize) {
        let position = self.objects.partition_point(|object| object.base <= node) - 1;
        let object = &self.objects[position];
        (object, (node - object.base) as usize)
    }
}

#[derive(Default)]
struct Loader<'a> {
    objects: Vec<Object<'a>>,
    nodes: u32,
    ids: FxHashMap<&'a [u8], u32>,
    names: Vec<&'a [u8]>,
    symbols: Vec<Symbol>,
    /// Symbol to archive and member, from the archives' own indexes. Which archive wins depends on
    /// the linker and on the order of the line, so all of them are loaded.
    index: FxHashMap<&'a [u8], (usize, u64)>,
    /// Further archives with a symbol that the index has already.
    more: FxHashMap<&'a [u8], Vec<(usize, u64)>>,
    archives: Vec<Archive<'a>>,
    queue: Vec<u32>,
}

impl<'a> Loader<'a> {
    fn symbol(&mut self, name: &'a [u8]) -> u32 {
        let next = self.names.len() as u32;
        let id = *self.ids.entry(name).or_insert(next);
        if id == next {
            self.names.push(name);
            self.symbols.push(Symbol::default());
        }
        id
    }

    fn want(&mut self, id: u32) {
        let symbol = &mut self.symbols[id as usize];
        if !symbol.wanted {
            symbol.wanted = true;
            self.queue.push(id);
        }
    }

    fn object(&mut self, name: String, data: &'a [u8]) -> Result<(), LinkError> {
        let fail = |reason: String| LinkError::NotAnObject {
            name: name.clone(),
            reason,
        };
        if data.starts_with(b"BC\xc0\xde") {
            return Err(fail(
                "it is LLVM bitcode: the linker itself does the LTO here".into(),
            ));
        }
        let header = Header::parse(data).map_err(|error| fail(error.to_string()))?;
        if header.e_ident.data != elf::ELFDATA2LSB {
            return Err(fail("it is not a little-endian object".into()));
        }
        let read = |error: object::read::Error| fail(error.to_string());
        let sections = header.sections(ENDIAN, data).map_err(read)?;
        let symbols = sections
            .symbols(ENDIAN, data, elf::SHT_SYMTAB)
            .map_err(read)?;
        let base = self.nodes;
        self.nodes += sections.len() as u32;
        for (index, symbol) in symbols.enumerate() {
            if symbol.st_bind() == elf::STB_LOCAL {
                continue;
            }
            let text = symbol.name(ENDIAN, symbols.strings()).map_err(read)?;
            if text == b"__gnu_lto_slim" {
                return Err(fail(
                    "it is GCC's intermediate code: the linker itself does the LTO here".into(),
                ));
            }
            let id = self.symbol(text);
            match section_of(&symbols, index.0, symbol) {
                Some(section) => self.symbols[id as usize]
                    .definitions
                    .push((base + section, symbol.st_value(ENDIAN))),
                None if symbol.st_shndx(ENDIAN) == elf::SHN_UNDEF
                    && symbol.st_bind() != elf::STB_WEAK =>
                {
                    self.want(id);
                }
                // Absolute and common symbols refer to nothing; weak ones may stay undefined.
                None => {}
            }
        }
        self.objects.push(Object {
            name,
            base,
            data,
            sections,
            symbols,
        });
        Ok(())
    }

    fn archive(&mut self, name: String, data: &'a [u8], whole: bool) -> Result<(), LinkError> {
        let fail = |reason: String| LinkError::NotAnObject {
            name: name.clone(),
            reason,
        };
        let file = ArchiveFile::parse(data).map_err(|error| fail(error.to_string()))?;
        if whole {
            for member in file.members() {
                let member = member.map_err(|error| fail(error.to_string()))?;
                let bytes = member.data(data).map_err(|error| fail(error.to_string()))?;
                if is_metadata(member.name()) {
                    continue;
                }
                let text = String::from_utf8_lossy(member.name()).into_owned();
                self.object(format!("{name}({text})"), bytes)?;
            }
            return Ok(());
        }
        let position = self.archives.len();
        let symbols = file.symbols().map_err(|error| fail(error.to_string()))?;
        match symbols {
            Some(symbols) => {
                for symbol in symbols {
                    let symbol = symbol.map_err(|error| fail(error.to_string()))?;
                    let place = (position, symbol.offset().0);
                    let first = *self.index.entry(symbol.name()).or_insert(place);
                    if first != place {
                        self.more.entry(symbol.name()).or_default().push(place);
                    }
                }
            }
            // An archive of nothing but metadata has no index, and nothing to link.
            None => {
                for member in file.members() {
                    let member = member.map_err(|error| fail(error.to_string()))?;
                    if !is_metadata(member.name()) {
                        return Err(fail("the archive has no index of its symbols".into()));
                    }
                }
            }
        }
        self.archives.push(Archive {
            file,
            data,
            name,
            loaded: FxHashSet::default(),
        });
        Ok(())
    }

    /// Loads the members that define what is wanted, until nothing more is.
    fn pull(&mut self) -> Result<(), LinkError> {
        while let Some(id) = self.queue.pop() {
            let name = self.names[id as usize];
            let more = self.more.get(name).cloned().unwrap_or_default();
            for (position, offset) in self.index.get(name).copied().into_iter().chain(more) {
                self.member(position, offset)?;
            }
        }
        Ok(())
    }

    fn member(&mut self, position: usize, offset: u64) -> Result<(), LinkError> {
        let archive = &mut self.archives[position];
        if !archive.loaded.insert(offset) {
            return Ok(());
        }
        let fail = |error: object::read::Error| LinkError::NotAnObject {
            name: archive.name.clone(),
            reason: error.to_string(),
        };
        let member = archive.file.member(ArchiveOffset(offset)).map_err(fail)?;
        let data = member.data(archive.data).map_err(fail)?;
        let text = String::from_utf8_lossy(member.name());
        let name = format!("{}({text})", archive.name);
        self.object(name, data)
    }
}

/// Members of an rlib that are not objects: the crate's metadata.
fn is_metadata(name: &[u8]) -> bool {
    name == b"lib.rmeta" || name.ends_with(b".rmeta") || name == b"lib.rmeta/"
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::write::{Object, Symbol, SymbolSection};
    use object::{Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind};
    use object::{SymbolScope, write};

    /// An object that defines `defined` and refers to `undefined`.
    fn object(defined: &str, undefined: &[&str]) -> Vec<u8> {
        let mut object = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let name = format!(".text.{defined}").into_bytes();
        let section = object.add_section(Vec::new(), name, SectionKind::Text);
        object.append_section_data(section, &[0; 16], 16);
        let symbol = |name: &str, section| Symbol {
            name: name.as_bytes().to_vec(),
            value: 0,
            size: 0,
            kind: SymbolKind::Text,
            scope: SymbolScope::Linkage,
            weak: false,
            section,
            flags: SymbolFlags::None,
        };
        object.add_symbol(symbol(defined, SymbolSection::Section(section)));
        for (position, name) in undefined.iter().enumerate() {
            let symbol = object.add_symbol(symbol(name, SymbolSection::Undefined));
            let relocation = write::Relocation {
                offset: position as u64 * 4,
                symbol,
                addend: -4,
                flags: object::RelocationFlags::Elf {
                    r_type: elf::R_X86_64_PLT32,
                },
            };
            object.add_relocation(section, relocation).unwrap();
        }
        object.write().unwrap()
    }

    /// An archive of one member, with the index of its one symbol.
    fn archive(symbol: &str, member: &[u8]) -> Vec<u8> {
        let header = |name: &str, size: usize| format!("{name:<16}{:<32}{size:<10}`\n", "0");
        let mut index = 1_u32.to_be_bytes().to_vec();
        let index_bytes = 8 + symbol.len() + 1;
        let padding = index_bytes % 2;
        let offset = 8 + 60 + index_bytes + padding;
        index.extend((offset as u32).to_be_bytes());
        index.extend(symbol.bytes());
        index.resize(index_bytes + padding, 0);
        let mut bytes = b"!<arch>\n".to_vec();
        bytes.extend(header("/", index.len()).bytes());
        bytes.extend(index);
        bytes.extend(header("member.o/", member.len()).bytes());
        bytes.extend(member);
        bytes
    }

    fn files(files: Vec<(&str, Vec<u8>)>, wanted: &[&str]) -> Files {
        Files {
            files: files
                .into_iter()
                .map(|(name, bytes)| (name.into(), bytes, false))
                .collect(),
            exports: false,
            wanted: wanted.iter().map(|name| (*name).to_owned()).collect(),
            entries: Vec::new(),
        }
    }

    fn loaded(files: &Files) -> Vec<String> {
        let program = Program::load(files).unwrap();
        let mut names: Vec<String> = program.objects.into_iter().map(|o| o.name).collect();
        names.sort();
        names
    }

    #[test]
    fn every_archive_that_defines_a_symbol_is_loaded() {
        let files = files(
            vec![
                ("main.o", object("main", &["f"])),
                ("a.a", archive("f", &object("f", &[]))),
                ("b.a", archive("f", &object("f", &["g"]))),
                ("c.a", archive("g", &object("g", &[]))),
                ("d.a", archive("h", &object("h", &[]))),
            ],
            &[],
        );
        assert_eq!(
            loaded(&files),
            ["a.a(member.o)", "b.a(member.o)", "c.a(member.o)", "main.o"]
        );
    }

    #[test]
    fn a_symbol_named_on_the_line_is_loaded() {
        let library = || ("a.a", archive("f", &object("f", &[])));
        let main = || ("main.o", object("main", &[]));
        assert_eq!(loaded(&files(vec![main(), library()], &[])), ["main.o"]);
        assert_eq!(
            loaded(&files(vec![main(), library()], &["f"])),
            ["a.a(member.o)", "main.o"]
        );
    }

    #[test]
    fn what_the_linker_would_compile_is_refused() {
        for bytes in [b"BC\xc0\xde....".to_vec(), object("__gnu_lto_slim", &[])] {
            let files = files(vec![("main.o", bytes)], &[]);
            let error = Program::load(&files).err().unwrap().to_string();
            assert!(error.contains("the linker itself does the LTO"), "{error}");
        }
    }
}
