//! All objects of a link and the symbols between them: every object on the line, and of the archives
//! the members that are needed, found as a linker finds them.

use super::LinkError;
use super::files::{Files, InputFile};
use super::name::{Name, Names};
use super::object::{ENDIAN, Object};
use object::elf;
use object::read::archive::ArchiveFile;
use object::read::elf::Sym as _;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// More threads than this do not make it faster: what follows is done by one.
const THREADS_MAX: usize = 4;

/// Where a global symbol is defined: the object, and the symbol's index there.
pub(super) type Definition = (u32, u32);

/// All objects of the link and the global symbols between them.
pub(super) struct Program<'a> {
    objects: Vec<Object<'a>>,
    /// Node of the section 0 of each object; those that are not linked have none of their own.
    bases: Vec<u32>,
    /// Of each object: the numbers of its global symbols.
    globals: Vec<Vec<u32>>,
    linked: Vec<bool>,
    /// Section nodes: `0..sections`. The nodes of symbols follow.
    pub(super) sections: u32,
    ids: Names<'a, u32>,
    pub(super) names: Vec<Name<'a>>,
    definitions: Definitions,
    /// Functions that the system calls, by their symbols: where a process begins.
    pub(super) entries: Vec<&'a str>,
}

/// The definitions of each symbol. Nearly all have one, in one place.
#[derive(Default)]
struct Definitions {
    first: Vec<Definition>,
    more: FxHashMap<u32, Vec<Definition>>,
}

const NOWHERE: Definition = (u32::MAX, u32::MAX);

impl Definitions {
    fn add(&mut self, id: u32, definition: Definition) {
        match &mut self.first[id as usize] {
            first if *first == NOWHERE => *first = definition,
            _ => self.more.entry(id).or_default().push(definition),
        }
    }

    fn of(&self, id: u32) -> impl Iterator<Item = Definition> + '_ {
        let first = Some(self.first[id as usize]).filter(|first| *first != NOWHERE);
        let more = match first {
            Some(_) => self.more.get(&id).map_or(&[][..], Vec::as_slice),
            None => &[],
        };
        first.into_iter().chain(more.iter().copied())
    }
}

impl<'a> Program<'a> {
    pub(super) fn load(files: &'a Files) -> Result<Program<'a>, LinkError> {
        let mut parts = Vec::new();
        let mut archives = Vec::new();
        for file in &files.inputs {
            parts_of(file, &mut parts, &mut archives)?;
        }
        let usual = ["_start", "main", "rust_eh_personality"];
        let named = files.entries.iter().map(String::as_str);
        let entries: Vec<&str> = usual.into_iter().chain(named).collect();
        let wanted = files.wanted.iter().map(String::as_str);
        let mut loader = Loader::default();
        loader.parse(&parts)?;
        loader.refer_to_broken(&archives)?;
        for name in entries.iter().copied().chain(wanted) {
            let id = loader.id(Name::of(name.as_bytes()));
            loader.want(id);
        }
        loader.pull()?;
        Ok(loader.finish(entries))
    }

    /// The node of a global symbol.
    pub(super) fn node(&self, name: &[u8]) -> Option<u32> {
        // The table's names live longer than this one, which only a lookup may have.
        let id = self.ids.get(&Name::of(name))?;
        Some(self.sections + id)
    }

    /// The objects that are linked, each with the node of its section 0.
    pub(super) fn objects(&self) -> impl Iterator<Item = (&Object<'a>, u32)> {
        let all = self.objects.iter().zip(&self.bases).zip(&self.linked);
        all.filter(|(_, linked)| **linked)
            .map(|((object, base), _)| (object, *base))
    }

    /// The object and section behind a section node.
    pub(super) fn locate(&self, node: u32) -> Place<'_, 'a> {
        // Of several with one base the last is the one with sections.
        let position = self.bases.partition_point(|base| *base <= node) - 1;
        Place {
            object: &self.objects[position],
            base: self.bases[position],
            globals: &self.globals[position],
            section: node - self.bases[position],
        }
    }

    /// The sections that define a symbol, each with the symbol's offset there. Weak and COMDAT
    /// definitions all count, which makes sets larger, never smaller.
    pub(super) fn definitions(&self, id: u32) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.definitions.of(id).filter_map(|(object, symbol)| {
            let (position, symbol) = (object as usize, symbol as usize);
            if !self.linked[position] {
                return None;
            }
            let object = &self.objects[position];
            let value = object.symbol(symbol)?.st_value(ENDIAN);
            // Absolute and common symbols refer to nothing.
            let section = object.section_of(symbol)?;
            Some((self.bases[position] + section, value))
        })
    }
}

/// A section in its object.
pub(super) struct Place<'p, 'a> {
    pub(super) object: &'p Object<'a>,
    /// Node of the object's section 0.
    pub(super) base: u32,
    globals: &'p [u32],
    pub(super) section: u32,
}

/// What a relocation refers to.
pub(super) enum Referent {
    /// A section of the same object.
    Section(u32),
    /// A global symbol.
    Global(u32),
    /// Nothing that is linked.
    Nothing,
}

impl Place<'_, '_> {
    /// What the symbol at `index` of the object's table stands for.
    pub(super) fn referent(&self, index: usize) -> Result<Referent, LinkError> {
        // Symbol 0 stands for none.
        if index == 0 {
            return Ok(Referent::Nothing);
        }
        let damaged = || self.object.fail("its table of symbols is damaged");
        if let Some(global) = index.checked_sub(self.object.first_global) {
            let id = self.globals.get(global).ok_or_else(damaged)?;
            return Ok(Referent::Global(*id));
        }
        let symbol = self.object.symbol(index).ok_or_else(damaged)?;
        if symbol.st_bind() != elf::STB_LOCAL {
            return Err(self.object.fail("its table of symbols is out of order"));
        }
        Ok(match self.object.section_of(index) {
            Some(section) => Referent::Section(section),
            None => Referent::Nothing,
        })
    }
}

/// A file or member that could be an object.
struct Part<'a> {
    name: String,
    data: &'a [u8],
    /// The archive by whose index it is needed, or not, and its place there; `None` for what is
    /// linked in any case.
    optional: Option<(usize, u64)>,
}

struct Archive<'a> {
    name: String,
    file: ArchiveFile<'a>,
}

fn parts_of<'a>(
    file: &'a InputFile,
    parts: &mut Vec<Part<'a>>,
    archives: &mut Vec<Archive<'a>>,
) -> Result<(), LinkError> {
    let name = file.path.display().to_string();
    let data = file.bytes();
    let fail = |reason: String| LinkError::NotAnObject {
        name: name.clone(),
        reason,
    };
    if data.starts_with(b"!<thin>\n") {
        return Err(fail("it is a thin archive".into()));
    }
    if !data.starts_with(b"!<arch>\n") {
        parts.push(Part {
            name,
            data,
            optional: None,
        });
        return Ok(());
    }
    let archive = ArchiveFile::parse(data).map_err(|error| fail(error.to_string()))?;
    for member in archive.members() {
        let member = member.map_err(|error| fail(error.to_string()))?;
        if is_metadata(member.name()) {
            continue;
        }
        let bytes = member.data(data).map_err(|error| fail(error.to_string()))?;
        let text = String::from_utf8_lossy(member.name());
        // The index speaks of the member's header, which is in front of its content.
        let place = (archives.len(), member.file_range().0);
        parts.push(Part {
            name: format!("{name}({text})"),
            data: bytes,
            optional: (!file.whole).then_some(place),
        });
    }
    archives.push(Archive {
        name,
        file: archive,
    });
    Ok(())
}

/// Members of an rlib that are not objects: the crate's metadata.
fn is_metadata(name: &[u8]) -> bool {
    name.ends_with(b".rmeta") || name == b"lib.rmeta/"
}

type Parsed<'a> = Result<(Object<'a>, Vec<Name<'a>>), LinkError>;

/// Reads every part, by several threads.
fn parse<'a>(parts: &[Part<'a>]) -> Vec<Parsed<'a>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((position, part)) = {
            let position = next.fetch_add(1, Ordering::Relaxed);
            parts.get(position).map(|part| (position, part))
        } {
            done.push((position, Object::parse(&part.name, part.data)));
        }
        done
    };
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    let mut all: Vec<(usize, Parsed<'a>)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(THREADS_MAX))
            .map(|_| scope.spawn(work))
            .collect();
        let mut all = work();
        for other in others {
            all.extend(other.join().expect("reading an object does not panic"));
        }
        all
    });
    all.sort_unstable_by_key(|(position, _)| *position);
    all.into_iter().map(|(_, parsed)| parsed).collect()
}

#[derive(Default)]
struct Loader<'a> {
    objects: Vec<Object<'a>>,
    globals: Vec<Vec<u32>>,
    linked: Vec<bool>,
    ids: Names<'a, u32>,
    names: Vec<Name<'a>>,
    definitions: Definitions,
    wanted: Vec<bool>,
    queue: Vec<u32>,
    /// Members that cannot be read: that matters when they are needed.
    broken: FxHashMap<(usize, u64), LinkError>,
    /// Symbols that such members define, says the archive's index.
    defined_by_broken: FxHashMap<u32, (usize, u64)>,
}

impl<'a> Loader<'a> {
    fn id(&mut self, name: Name<'a>) -> u32 {
        let next = self.names.len() as u32;
        let id = *self.ids.entry(name).or_insert(next);
        if id == next {
            self.names.push(name);
            self.definitions.first.push(NOWHERE);
            self.wanted.push(false);
        }
        id
    }

    fn want(&mut self, id: u32) {
        if !self.wanted[id as usize] {
            self.wanted[id as usize] = true;
            self.queue.push(id);
        }
    }

    fn parse(&mut self, parts: &[Part<'a>]) -> Result<(), LinkError> {
        let parsed = parse(parts);
        // Most symbols are mentioned by several objects.
        let mentions = parsed.iter().flatten().map(|(_, names)| names.len());
        self.ids.reserve(mentions.sum::<usize>() / 2);
        let mut always = Vec::new();
        for (part, parsed) in parts.iter().zip(parsed) {
            match (parsed, part.optional) {
                (Ok((object, names)), optional) => {
                    if optional.is_none() {
                        always.push(self.objects.len());
                    }
                    self.object(object, &names);
                }
                (Err(error), Some(place)) => {
                    self.broken.insert(place, error);
                }
                (Err(error), None) => return Err(error),
            }
        }
        for position in always {
            self.link(position);
        }
        Ok(())
    }

    fn object(&mut self, object: Object<'a>, names: &[Name<'a>]) {
        let position = self.objects.len() as u32;
        let first = object.first_global;
        let ids: Vec<u32> = names.iter().map(|name| self.id(*name)).collect();
        for (index, id) in (first..).zip(&ids) {
            let defined = object.symbol(index);
            if defined.is_some_and(|symbol| symbol.st_shndx(ENDIAN) != elf::SHN_UNDEF) {
                self.definitions.add(*id, (position, index as u32));
            }
        }
        self.objects.push(object);
        self.globals.push(ids);
        self.linked.push(false);
    }

    /// What the members that cannot be read define, as far as somebody says so.
    fn refer_to_broken(&mut self, archives: &[Archive<'a>]) -> Result<(), LinkError> {
        for (position, archive) in archives.iter().enumerate() {
            let of_this = |place: &&(usize, u64)| place.0 == position;
            let Some(first) = self.broken.keys().filter(of_this).min().copied() else {
                continue;
            };
            let fail = |error: object::read::Error| LinkError::NotAnObject {
                name: archive.name.clone(),
                reason: error.to_string(),
            };
            let Some(symbols) = archive.file.symbols().map_err(fail)? else {
                return Err(self.broken.remove(&first).expect("it was found above"));
            };
            for symbol in symbols {
                let symbol = symbol.map_err(fail)?;
                let member = archive.file.member(symbol.offset()).map_err(fail)?;
                let place = (position, member.file_range().0);
                if self.broken.contains_key(&place) {
                    let id = self.id(Name::of(symbol.name()));
                    self.defined_by_broken.entry(id).or_insert(place);
                }
            }
        }
        Ok(())
    }

    /// Links an object: what it refers to is wanted.
    fn link(&mut self, position: usize) {
        if std::mem::replace(&mut self.linked[position], true) {
            return;
        }
        let object = &self.objects[position];
        let symbols = object.symbols.symbols();
        let globals = symbols.get(object.first_global..).unwrap_or_default();
        for (symbol, id) in globals.iter().zip(&self.globals[position]) {
            // Weak references may stay undefined.
            let strong =
                symbol.st_shndx(ENDIAN) == elf::SHN_UNDEF && symbol.st_bind() != elf::STB_WEAK;
            if strong && !self.wanted[*id as usize] {
                self.wanted[*id as usize] = true;
                self.queue.push(*id);
            }
        }
    }

    /// Links the members that define what is wanted, until nothing more is. Which archive wins
    /// depends on the linker and on the order of the line, so all that define a symbol are linked.
    fn pull(&mut self) -> Result<(), LinkError> {
        while let Some(id) = self.queue.pop() {
            let definitions: Vec<Definition> = self.definitions.of(id).collect();
            for (object, _) in definitions {
                self.link(object as usize);
            }
            if let Some(place) = self.defined_by_broken.get(&id)
                && let Some(error) = self.broken.remove(place)
            {
                return Err(error);
            }
        }
        Ok(())
    }

    fn finish(self, entries: Vec<&'a str>) -> Program<'a> {
        let mut sections = 0;
        let mut bases = Vec::with_capacity(self.objects.len());
        for (object, linked) in self.objects.iter().zip(&self.linked) {
            bases.push(sections);
            if *linked {
                sections += object.sections.len() as u32;
            }
        }
        Program {
            objects: self.objects,
            bases,
            globals: self.globals,
            linked: self.linked,
            sections,
            ids: self.ids,
            names: self.names,
            definitions: self.definitions,
            entries,
        }
    }
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
            inputs: files
                .into_iter()
                .map(|(name, bytes)| InputFile::new(name.into(), bytes, false))
                .collect(),
            wanted: wanted.iter().map(|name| (*name).to_owned()).collect(),
            entries: Vec::new(),
        }
    }

    fn loaded(files: &Files) -> Vec<String> {
        let program = Program::load(files).unwrap();
        let mut names: Vec<String> = program
            .objects()
            .map(|(object, _)| object.name.clone())
            .collect();
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
