//! A second engine: the same question asked of the linked program instead of the inputs of its link.
//!
//! Nodes are the input sections as the linker's map places them, edges the relocations that
//! `--emit-relocs` keeps. What a relocation leads to must here be told from an address, which takes
//! knowledge of the instruction set and can go wrong at the borders of sections; so this is no way
//! to find permissions. But it shares no code and few assumptions with the analyzer, so that an
//! agreement of both means something. x86-64 and lld only.

mod instruction;
mod map;

use crate::annotation::INITIALISATION;
use crate::compare::{Found, function};
use ifc_manifest::Descriptor;
use ifc_manifest::format::{GRANT_MAGIC, HANDLER_MAGIC, HANDLER_SECTION, records};
use map::Span;
use object::elf;
use object::read::elf::{ElfFile64, SymbolTable};
use object::read::elf::{FileHeader as _, Rela as _, SectionHeader as _, SectionTable, Sym as _};
use object::{LittleEndian, SectionIndex, SymbolIndex};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

type Header = elf::FileHeader64<LittleEndian>;
type Section = elf::SectionHeader64<LittleEndian>;
const ENDIAN: LittleEndian = LittleEndian;

/// Sizes and offsets of what the SDK places, see `ifc_runtime::access` and `ifc_runtime::handler`.
const GRANT_VERB_LENGTH: u64 = 20;
const GRANT_VERB: u64 = 24;
const GRANT_RECORD: u64 = 48;
const ENTRY_BYTES: u64 = 56;
const ENTRY_RECORD: u64 = 16;
const ENTRY_THUNK: u64 = 32;

/// Reads the permissions of a program that was linked with `--emit-relocs`, with the map of lld.
///
/// # Errors
/// When the program is not what this engine knows.
pub fn read(program: &[u8], map: &str) -> Result<Found, String> {
    let fail = |error: object::read::Error| error.to_string();
    let file = ElfFile64::<LittleEndian>::parse(program).map_err(fail)?;
    let header = file.elf_header();
    if header.e_machine(ENDIAN) != elf::EM_X86_64 {
        return Err("it is not a program for x86-64".into());
    }
    let sections = header.sections(ENDIAN, program).map_err(fail)?;
    let symbols = sections
        .symbols(ENDIAN, program, elf::SHT_SYMTAB)
        .map_err(fail)?;
    let image = Image::new(program, sections, symbols, map::spans(map));
    let edges = image.edges().map_err(fail)?;
    edges.found(&image, header.e_entry(ENDIAN))
}

struct Image<'a> {
    program: &'a [u8],
    sections: SectionTable<'a, Header>,
    symbols: SymbolTable<'a, Header>,
    spans: Vec<Span<'a>>,
    /// Statics of no size, by address: what refers to one refers to nothing.
    empty: Vec<Span<'a>>,
    /// Sections whose bounds have symbols: where they are. Their nodes follow those of the spans.
    bounded: Vec<(Vec<u8>, Range<u64>)>,
    /// Start of the thread-local template, from which thread-local symbols count.
    thread_locals: u64,
}

impl<'a> Image<'a> {
    fn new(
        program: &'a [u8],
        sections: SectionTable<'a, Header>,
        symbols: SymbolTable<'a, Header>,
        spans: Vec<Span<'a>>,
    ) -> Self {
        let (empty, spans) = spans.into_iter().partition(|span| span.start == span.end);
        let mut bounded = Vec::new();
        let mut thread_locals = u64::MAX;
        for section in sections.iter().filter(|section| is_loaded(section)) {
            let start = section.sh_addr(ENDIAN);
            let end = start + section.sh_size(ENDIAN);
            let name = sections.section_name(ENDIAN, section).unwrap_or(b"");
            let identifier = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            if !name.is_empty() && name.iter().all(identifier) {
                bounded.push((name.to_vec(), start..end));
            }
            if section.sh_flags(ENDIAN).0 & elf::SHF_TLS.0 != 0 {
                thread_locals = thread_locals.min(start);
            }
        }
        Image {
            program,
            sections,
            symbols,
            spans,
            empty,
            bounded,
            thread_locals,
        }
    }

    fn at(&self, address: u64) -> Option<u32> {
        let next = self.spans.partition_point(|span| span.start <= address);
        let position = next.checked_sub(1)?;
        (address < self.spans[position].end).then_some(position as u32)
    }

    /// The span at an address, or, between two of them, both.
    fn around(&self, address: u64) -> Vec<u32> {
        if let Some(node) = self.at(address) {
            return vec![node];
        }
        let next = self.spans.partition_point(|span| span.start <= address);
        let neighbours = [next.checked_sub(1), Some(next)].into_iter().flatten();
        neighbours
            .filter(|position| *position < self.spans.len())
            .map(|position| position as u32)
            .collect()
    }

    fn within(&self, range: &Range<u64>) -> impl Iterator<Item = u32> {
        let first = self.spans.partition_point(|each| each.start < range.start);
        let last = self.spans.partition_point(|each| each.start < range.end);
        first as u32..last as u32
    }

    /// Whether a file has a static of no size at an address.
    fn is_empty(&self, file: Option<&str>, address: u64) -> bool {
        let first = self.empty.partition_point(|span| span.start < address);
        let here = self.empty[first..].iter();
        here.take_while(|span| span.start == address)
            .any(|span| span.file() == file)
    }

    /// The node of a section with bounds that holds an address.
    fn bounded_at(&self, address: u64) -> Option<u32> {
        self.bounded
            .iter()
            .position(|(_, range)| range.contains(&address))
            .map(|position| (self.spans.len() + position) as u32)
    }

    /// The node of the section that a symbol like `__start_name` bounds.
    fn bounded_by(&self, symbol: &[u8]) -> Option<u32> {
        let name = symbol
            .strip_prefix(b"__start_")
            .or_else(|| symbol.strip_prefix(b"__stop_"))?;
        let position = self.bounded.iter().position(|(each, _)| each == name)?;
        Some((self.spans.len() + position) as u32)
    }

    fn bytes(&self, address: u64) -> Option<&'a [u8]> {
        let section = self.sections.iter().find(|section| {
            let start = section.sh_addr(ENDIAN);
            is_loaded(section)
                && section.sh_type(ENDIAN) != elf::SHT_NOBITS
                && (start..start + section.sh_size(ENDIAN)).contains(&address)
        })?;
        let data = section.data(ENDIAN, self.program).ok()?;
        data.get((address - section.sh_addr(ENDIAN)) as usize..)
    }

    fn descriptor(&self, address: u64) -> Result<Descriptor, String> {
        let bytes = self.bytes(address).ok_or("a record lies nowhere")?;
        let record = records(bytes).next().ok_or("a record is empty")?;
        let record = record.map_err(|error| error.to_string())?;
        Descriptor::decode(&record).map_err(|error| error.to_string())
    }

    fn edges(&self) -> object::read::Result<Edges> {
        let mut edges = Edges::default();
        for section in self.sections.iter() {
            // Relocations that are loaded are for the dynamic linker and say less.
            if section.sh_type(ENDIAN) != elf::SHT_RELA || is_loaded(section) {
                continue;
            }
            let about = SectionIndex(section.sh_info(ENDIAN) as usize);
            let target = self.sections.section(about)?;
            let name = self.sections.section_name(ENDIAN, target).unwrap_or(b"");
            if is_loaded(target) && name != b".eh_frame" {
                self.relocate(section, target, &mut edges)?;
            }
        }
        for (position, (_, range)) in self.bounded.iter().enumerate() {
            let node = (self.spans.len() + position) as u32;
            let targets = edges.targets.entry(node).or_default();
            targets.extend(self.within(range));
        }
        edges.tables(self);
        Ok(edges)
    }

    fn relocate(
        &self,
        section: &Section,
        target: &Section,
        edges: &mut Edges,
    ) -> object::read::Result<()> {
        let code = match target.sh_flags(ENDIAN).0 & elf::SHF_EXECINSTR.0 != 0 {
            true => Some(target.data(ENDIAN, self.program)?),
            false => None,
        };
        let relocations: &[elf::Rela64<LittleEndian>] =
            section.data_as_array(ENDIAN, self.program)?;
        for relocation in relocations {
            let place = relocation.r_offset(ENDIAN);
            let index = relocation.r_sym(ENDIAN, false);
            let Some(source) = self.at(place) else {
                continue;
            };
            let symbol = self.symbols.symbol(SymbolIndex(index as usize))?;
            let name = symbol.name(ENDIAN, self.symbols.strings()).unwrap_or(b"");
            if let Some(bounded) = self.bounded_by(name) {
                edges.add(source, bounded);
                continue;
            }
            if symbol.st_shndx(ENDIAN) == elf::SHN_UNDEF {
                continue;
            }
            let relative = is_relative(relocation.r_type(ENDIAN, false));
            let addend = relocation.r_addend(ENDIAN);
            if symbol.st_type() != elf::STT_SECTION {
                let base = match symbol.st_type() == elf::STT_TLS {
                    true => self.thread_locals.wrapping_add(symbol.st_value(ENDIAN)),
                    false => symbol.st_value(ENDIAN),
                };
                let nothing = symbol.st_size(ENDIAN) == 0 && symbol.st_type() == elf::STT_OBJECT;
                if !nothing {
                    edges.reach(self, source, base);
                }
                if code.is_none() {
                    edges
                        .pointers
                        .insert(place, base.wrapping_add_signed(addend));
                }
                continue;
            }
            let address = symbol.st_value(ENDIAN).wrapping_add_signed(addend);
            match (code, relative) {
                (None, true) => edges.offsets.push((source, place, address)),
                (None, false) => {
                    edges.pointers.insert(place, address);
                    edges.reach_local(self, source, address);
                }
                (Some(_), false) => {
                    edges.reach_local(self, source, address);
                }
                (Some(code), true) => {
                    let address = address + 4;
                    let field = (place - target.sh_addr(ENDIAN)) as usize;
                    edges.reach_local(self, source, address);
                    if !instruction::ends_with(code, field) {
                        for length in [1, 2, 4] {
                            edges.reach_local(self, source, address + length);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

fn is_loaded(section: &Section) -> bool {
    section.sh_flags(ENDIAN).0 & elf::SHF_ALLOC.0 != 0
}

fn is_relative(sort: elf::RelocationType) -> bool {
    matches!(
        sort,
        elf::R_X86_64_PC32
            | elf::R_X86_64_PLT32
            | elf::R_X86_64_GOTPCREL
            | elf::R_X86_64_GOTPCRELX
            | elf::R_X86_64_REX_GOTPCRELX
            | elf::R_X86_64_GOTTPOFF
            | elf::R_X86_64_TLSGD
            | elf::R_X86_64_TLSLD
            | elf::R_X86_64_GOTPC32_TLSDESC
    )
}

#[derive(Default)]
struct Edges {
    targets: FxHashMap<u32, FxHashSet<u32>>,
    /// Pointers in data: where they stand and where they lead.
    pointers: FxHashMap<u64, u64>,
    /// Relative entries of tables in data: node, place, and symbol plus addend.
    offsets: Vec<(u32, u64, u64)>,
}

impl Edges {
    fn add(&mut self, source: u32, target: u32) {
        self.targets.entry(source).or_default().insert(target);
    }

    fn reach(&mut self, image: &Image<'_>, source: u32, address: u64) {
        for target in image.around(address) {
            self.add(source, target);
        }
    }

    /// A relocation by the symbol of a section stands for a local symbol, so it stays within its
    /// file. An address in another file's section is beside the section that is meant: the end of
    /// it, or a table's start less what its first index is.
    fn reach_local(&mut self, image: &Image<'_>, source: u32, address: u64) {
        if let Some(bounded) = image.bounded_at(address)
            && image.bounded[bounded as usize - image.spans.len()].0 == HANDLER_SECTION.as_bytes()
        {
            self.add(source, bounded);
            return;
        }
        let file = image.spans[source as usize].file();
        if image.is_empty(file, address) {
            return;
        }
        let own = |node: &u32| {
            let target = image.spans[*node as usize].file();
            target.is_none() || target == file
        };
        let meant = image.around(address);
        if meant.iter().any(own) {
            meant
                .into_iter()
                .filter(own)
                .for_each(|target| self.add(source, target));
            return;
        }
        let beside = meant
            .iter()
            .flat_map(|node| [node.checked_sub(1), Some(node + 1)]);
        let beside: Vec<u32> = beside
            .flatten()
            .filter(|node| (*node as usize) < image.spans.len())
            .filter(own)
            .collect();
        match beside.is_empty() {
            true => meant
                .into_iter()
                .for_each(|target| self.add(source, target)),
            false => beside
                .into_iter()
                .for_each(|target| self.add(source, target)),
        }
    }

    /// An entry of a relative table holds its target minus the table's start, so that symbol plus
    /// addend is off by the entry's distance from there. The jump tables of a function stand
    /// together in a section that is named after it, and lead into it; any other table has a
    /// section of its own.
    fn tables(&mut self, image: &Image<'_>) {
        let code: FxHashMap<(&str, &str), u32> = (0..)
            .zip(&image.spans)
            .filter_map(|(node, span)| Some((span.function(".text.")?, node)))
            .collect();
        for (source, place, address) in std::mem::take(&mut self.offsets) {
            let span = &image.spans[source as usize];
            let function = span.function(".rodata.").and_then(|name| code.get(&name));
            match function {
                Some(function) => self.add(source, *function),
                None => self.reach_local(image, source, address - (place - span.start)),
            }
        }
    }

    /// What is reached from some nodes, each with the node before it; roots come before themselves.
    fn walk(&self, roots: &[u32], cut: Option<u32>) -> FxHashMap<u32, u32> {
        let mut before: FxHashMap<u32, u32> = roots.iter().map(|root| (*root, *root)).collect();
        let mut next: VecDeque<u32> = roots.iter().copied().collect();
        while let Some(node) = next.pop_front() {
            if cut == Some(node) {
                continue;
            }
            for target in self.targets.get(&node).into_iter().flatten() {
                before.entry(*target).or_insert_with(|| {
                    next.push_back(*target);
                    node
                });
            }
        }
        before
    }

    /// Grants by the node that holds them.
    fn grants(&self, image: &Image<'_>) -> Result<Vec<(u32, String)>, String> {
        let mut grants = Vec::new();
        for span in &image.spans {
            let Some(bytes) = image.bytes(span.start) else {
                continue;
            };
            let length = ((span.end - span.start) as usize).min(bytes.len());
            let shift = span.start.next_multiple_of(8) - span.start;
            for offset in (shift as usize..length).step_by(8) {
                if !bytes[offset..length].starts_with(&GRANT_MAGIC) {
                    continue;
                }
                let address = span.start + offset as u64;
                let text = &bytes[offset + GRANT_VERB as usize..];
                let verb = bytes[offset + GRANT_VERB_LENGTH as usize] as usize;
                let verb = String::from_utf8_lossy(&text[..verb]).into_owned();
                let record = self.pointers.get(&(address + GRANT_RECORD));
                let name = match image.descriptor(*record.ok_or("a grant without a record")?)? {
                    Descriptor::Resource(resource) => resource.address.name,
                    Descriptor::Handler(handler) => handler.address.name,
                    Descriptor::Application(_) => return Err("a grant of nothing".into()),
                };
                let node = image.at(address).ok_or("a grant lies nowhere")?;
                grants.push((node, format!("{name}.{verb}")));
            }
        }
        Ok(grants)
    }

    fn found(&self, image: &Image<'_>, entry: u64) -> Result<Found, String> {
        let grants = self.grants(image)?;
        let operations = |before: &FxHashMap<u32, u32>| -> BTreeMap<String, Vec<String>> {
            let held = grants.iter().filter(|(node, _)| before.contains_key(node));
            held.map(|(node, operation)| (operation.clone(), way(image, before, *node)))
                .collect()
        };
        let table = image
            .bounded
            .iter()
            .position(|(name, _)| name == HANDLER_SECTION.as_bytes())
            .ok_or("there is no table of handlers")?;
        let range = &image.bounded[table].1;
        let mut found = Found::new();
        for at in range.clone().step_by(ENTRY_BYTES as usize) {
            if !image
                .bytes(at)
                .is_some_and(|entry| entry.starts_with(&HANDLER_MAGIC))
            {
                return Err("the table of handlers holds something else".into());
            }
            let pointer = |offset| {
                let pointer = self.pointers.get(&(at + offset)).copied();
                pointer.ok_or("an entry of the table of handlers leads nowhere")
            };
            let Descriptor::Handler(handler) = image.descriptor(pointer(ENTRY_RECORD)?)? else {
                return Err("an entry of the table of handlers is none".into());
            };
            let thunk = image
                .at(pointer(ENTRY_THUNK)?)
                .ok_or("a thunk lies nowhere")?;
            let reached = self.walk(&[thunk], None);
            found.insert(function(&handler.path), operations(&reached));
        }
        let cut = (image.spans.len() + table) as u32;
        let reached = self.walk(&self.beginnings(image, entry), Some(cut));
        found.insert(INITIALISATION.to_owned(), operations(&reached));
        Ok(found)
    }

    /// Where a process begins.
    fn beginnings(&self, image: &Image<'_>, entry: u64) -> Vec<u32> {
        let mut roots: Vec<u32> = image.at(entry).into_iter().collect();
        for section in image.sections.iter() {
            let name = image.sections.section_name(ENDIAN, section).unwrap_or(b"");
            let runs = [
                &b".init_array"[..],
                b".preinit_array",
                b".fini_array",
                b".init",
                b".fini",
            ];
            if runs.contains(&name) {
                let start = section.sh_addr(ENDIAN);
                let end = start + section.sh_size(ENDIAN);
                roots.extend(image.within(&(start..end)));
            }
        }
        for symbol in image.symbols.iter() {
            let name = symbol.name(ENDIAN, image.symbols.strings()).unwrap_or(b"");
            if matches!(name, b"main" | b"rust_eh_personality") {
                roots.extend(image.at(symbol.st_value(ENDIAN)));
            }
        }
        roots
    }
}

/// The names on a shortest way to a node.
fn way(image: &Image<'_>, before: &FxHashMap<u32, u32>, node: u32) -> Vec<String> {
    let mut way = Vec::new();
    let mut at = node;
    loop {
        let span = image.spans.get(at as usize);
        way.push(span.map_or_else(String::new, |span| span.name.to_owned()));
        match before.get(&at) {
            Some(earlier) if *earlier != at => at = *earlier,
            _ => break,
        }
    }
    way.reverse();
    way
}
