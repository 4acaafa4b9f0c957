//! One object of a link: its sections, its symbols, and which of its sections are special. Objects
//! know nothing of each other, so they are read in parallel.

use super::LinkError;
use super::name::Name;
use ifc_manifest::format::{DESCRIPTOR_SECTION, HANDLER_SECTION};
use object::read::elf::{FileHeader as _, SectionHeader as _, SectionTable, Sym as _, SymbolTable};
use object::{LittleEndian, SectionIndex, SymbolIndex, elf};

pub(super) const ENDIAN: LittleEndian = LittleEndian;
pub(super) type Header = elf::FileHeader64<LittleEndian>;
pub(super) type Section = elf::SectionHeader64<LittleEndian>;
pub(super) type Symbol = elf::Sym64<LittleEndian>;
pub(super) type Relocation = elf::Rela64<LittleEndian>;

/// One object.
pub(super) struct Object<'a> {
    /// For messages.
    pub(super) name: String,
    pub(super) data: &'a [u8],
    pub(super) sections: SectionTable<'a, Header>,
    pub(super) symbols: SymbolTable<'a, Header>,
    /// Symbols before this one are the object's own, the others are global.
    pub(super) first_global: usize,
    /// Of each section: the section with its relocations, or 0.
    pub(super) relocations: Vec<u32>,
    /// Sections that run before or around `main`.
    pub(super) initialisers: Vec<u32>,
    /// Sections whose names are C identifiers: `__start_X` refers to all of them.
    pub(super) named: Vec<u32>,
    /// Sections that are linked because of another one: that one, and the section.
    pub(super) ordered: Vec<(u32, u32)>,
    /// Sections with handlers.
    pub(super) handlers: Vec<u32>,
    /// Sections with declarations.
    pub(super) records: Vec<u32>,
}

impl<'a> Object<'a> {
    /// Reads an object, and the names of its global symbols.
    ///
    /// # Errors
    /// When it is none, or has a form whose references cannot be followed.
    pub(super) fn parse(
        name: &str,
        data: &'a [u8],
    ) -> Result<(Object<'a>, Vec<Name<'a>>), LinkError> {
        let fail = |reason: &str| LinkError::NotAnObject {
            name: name.to_owned(),
            reason: reason.to_owned(),
        };
        if data.starts_with(b"BC\xc0\xde") {
            return Err(fail(
                "it is LLVM bitcode: the linker itself does the LTO here",
            ));
        }
        let read = |error: object::read::Error| fail(&error.to_string());
        let header = Header::parse(data).map_err(read)?;
        if header.e_ident.data != elf::ELFDATA2LSB {
            return Err(fail("it is not a little-endian object"));
        }
        if header.e_type(ENDIAN) != elf::ET_REL {
            return Err(fail("it is linked already"));
        }
        let sections = header.sections(ENDIAN, data).map_err(read)?;
        let symbols = sections
            .symbols(ENDIAN, data, elf::SHT_SYMTAB)
            .map_err(read)?;
        let first_global = match symbols.section() {
            SectionIndex(0) => 0,
            index => sections.section(index).map_err(read)?.sh_info(ENDIAN) as usize,
        };
        let mut object = Object {
            name: name.to_owned(),
            data,
            first_global,
            relocations: vec![0; sections.len()],
            initialisers: Vec::new(),
            named: Vec::new(),
            ordered: Vec::new(),
            handlers: Vec::new(),
            records: Vec::new(),
            sections,
            symbols,
        };
        let index = header.section_strings_index(ENDIAN, data).map_err(read)?;
        let strings = object
            .content(index)
            .ok_or_else(|| fail("its sections have no names"))?;
        object.sort(strings).map_err(fail)?;
        let names = object.globals().map_err(fail)?;
        Ok((object, names))
    }

    /// The content of a section of texts.
    fn content(&self, index: SectionIndex) -> Option<&'a [u8]> {
        let section = self.sections.section(index).ok()?;
        section.data(ENDIAN, self.data).ok()
    }

    /// Finds the special sections.
    fn sort(&mut self, strings: &'a [u8]) -> Result<(), &'static str> {
        for (index, section) in self.sections.iter().enumerate() {
            let index = index as u32;
            let sort = section.sh_type(ENDIAN);
            if allocated(section) {
                let name = strings.get(section.sh_name(ENDIAN) as usize..);
                self.allocated(index, section, name.unwrap_or_default())?;
            } else if sort == elf::SHT_RELA {
                let about = section.sh_info(ENDIAN);
                let target = SectionIndex(about as usize);
                let target = self.sections.section(target).map_err(|_| "it is damaged")?;
                let name = strings.get(target.sh_name(ENDIAN) as usize..);
                // Debug information refers to everything and runs nowhere. Unwind tables refer to
                // every function; the landing pads they lead to are part of their functions.
                if allocated(target) && !name.unwrap_or_default().starts_with(b".eh_frame\0") {
                    self.relocations[about as usize] = index;
                }
            } else if matches!(sort, elf::SHT_REL | elf::SHT_CREL) {
                return Err("its relocations have a form that is not known");
            }
        }
        Ok(())
    }

    /// `name` is followed by the names of other sections.
    fn allocated(
        &mut self,
        index: u32,
        section: &Section,
        name: &'a [u8],
    ) -> Result<(), &'static str> {
        let initialises = matches!(
            section.sh_type(ENDIAN),
            elf::SHT_INIT_ARRAY | elf::SHT_FINI_ARRAY | elf::SHT_PREINIT_ARRAY
        );
        let older = [
            &b".init_array"[..],
            b".fini_array",
            b".ctors",
            b".dtors",
            b".init\0",
            b".fini\0",
        ];
        if initialises || older.iter().any(|prefix| name.starts_with(prefix)) {
            self.initialisers.push(index);
        }
        // What is linked because of another section is found by way of it: the table of a
        // function's landing pads by way of its unwind table, which is no source of edges here.
        if section.sh_flags(ENDIAN).0 & elf::SHF_LINK_ORDER.0 != 0 {
            let owner = section.sh_link(ENDIAN);
            if owner != 0 && (owner as usize) < self.sections.len() {
                self.ordered.push((owner, index));
            }
        }
        if name.starts_with(b".") {
            return Ok(());
        }
        let name = Name::read(name, 0).ok_or("it is damaged")?.text;
        if is_identifier(name) {
            self.named.push(index);
        }
        if name == HANDLER_SECTION.as_bytes() {
            self.handlers.push(index);
        } else if name == DESCRIPTOR_SECTION.as_bytes() {
            self.records.push(index);
        }
        Ok(())
    }

    /// The names of the global symbols.
    fn globals(&self) -> Result<Vec<Name<'a>>, &'static str> {
        let Some(globals) = self.symbols.symbols().get(self.first_global..) else {
            return Err("its table of symbols is damaged");
        };
        let texts = self.content(self.symbols.string_section());
        let texts = texts.unwrap_or_default();
        let mut names = Vec::with_capacity(globals.len());
        for symbol in globals {
            let name = Name::read(texts, symbol.st_name(ENDIAN) as usize)
                .ok_or("its table of symbols is damaged")?;
            if symbol.st_bind() == elf::STB_LOCAL {
                return Err("its table of symbols is out of order");
            }
            if name.text == b"__gnu_lto_slim" {
                return Err("it is GCC's intermediate code: the linker itself does the LTO here");
            }
            names.push(name);
        }
        Ok(names)
    }

    /// The symbol at `index` of the object's own table.
    pub(super) fn symbol(&self, index: usize) -> Option<&'a Symbol> {
        self.symbols.symbol(SymbolIndex(index)).ok()
    }

    /// The section that defines a symbol, if a section does.
    pub(super) fn section_of(&self, index: usize) -> Option<u32> {
        let symbol = self.symbol(index)?;
        let section = self
            .symbols
            .symbol_section(ENDIAN, symbol, SymbolIndex(index));
        section.ok().flatten().map(|section| section.0 as u32)
    }

    /// The relocations of a section.
    pub(super) fn relocations_of(&self, section: u32) -> Option<&'a [Relocation]> {
        let index = match self.relocations.get(section as usize) {
            None | Some(0) => return Some(&[]),
            Some(index) => SectionIndex(*index as usize),
        };
        let section = self.sections.section(index).ok()?;
        section.data_as_array(ENDIAN, self.data).ok()
    }

    /// The section at `index`, with its content.
    pub(super) fn section(&self, index: u32) -> Result<(&'a Section, &'a [u8]), LinkError> {
        let found = self
            .sections
            .section(SectionIndex(index as usize))
            .and_then(|section| Ok((section, section.data(ENDIAN, self.data)?)));
        found.map_err(|error| self.fail(&error.to_string()))
    }

    /// Whether a section holds instructions.
    pub(super) fn runs(&self, index: u32) -> bool {
        let section = self.sections.section(SectionIndex(index as usize));
        section.is_ok_and(|section| section.sh_flags(ENDIAN).0 & elf::SHF_EXECINSTR.0 != 0)
    }

    pub(super) fn section_name(&self, index: u32) -> &'a [u8] {
        let section = self.sections.section(SectionIndex(index as usize));
        let name = section.and_then(|section| self.sections.section_name(ENDIAN, section));
        name.unwrap_or(b"")
    }

    /// The object cannot be analysed.
    pub(super) fn fail(&self, reason: &str) -> LinkError {
        LinkError::NotAnObject {
            name: self.name.clone(),
            reason: reason.to_owned(),
        }
    }

    /// The object was not made by this version.
    pub(super) fn layout(&self, reason: &str) -> LinkError {
        LinkError::Layout {
            name: self.name.clone(),
            reason: reason.to_owned(),
        }
    }
}

fn allocated(section: &Section) -> bool {
    section.sh_flags(ENDIAN).0 & elf::SHF_ALLOC.0 != 0
}

fn is_identifier(name: &[u8]) -> bool {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    !name.is_empty() && name.iter().all(word)
}
