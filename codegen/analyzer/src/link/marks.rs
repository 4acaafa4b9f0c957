//! Grants and handlers among the sections.

use super::LinkError;
use super::load::{ENDIAN, Object, Program};
use super::network::Network;
use ifc_manifest::format::{GRANT_MAGIC, HANDLER_MAGIC, HANDLER_SECTION, RawRecord, records};
use ifc_manifest::{Descriptor, HandlerDescriptor, Verb};
use object::read::elf::{Rela as _, SectionHeader as _, Sym as _};
use object::{LittleEndian, SectionIndex, SymbolIndex, elf};
use rustc_hash::FxHashMap;

/// Layout of `ifc_runtime::Grant`, in bytes.
const GRANT_BYTES: usize = 96;
const GRANT_VERB_LENGTH: usize = 20;
const GRANT_VERB: usize = 24;
const GRANT_RECORD: usize = 48;

/// Layout of `ifc_runtime::handler::HandlerEntry`, in bytes.
const ENTRY_BYTES: usize = 56;
const ENTRY_RECORD: usize = 16;
const ENTRY_THUNK: usize = 32;

/// What a grant allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    /// What is declared: a resource, or a function as a handler.
    pub(super) descriptor: Target,
    pub(super) verb: String,
}

/// What a grant is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    pub(super) package: String,
    pub(super) name: String,
    pub(super) kind: ifc_manifest::Kind,
}

/// A handler and the section of its thunk.
pub(super) struct Root {
    pub(super) handler: HandlerDescriptor,
    pub(super) node: u32,
}

/// Grants and handlers.
pub(super) struct Marks {
    /// The grants in each section: usually one, after LTO perhaps several.
    pub(super) grants: FxHashMap<u32, Vec<Mark>>,
    pub(super) roots: Vec<Root>,
}

impl Marks {
    pub(super) fn find(program: &Program<'_>, network: &Network) -> Result<Marks, LinkError> {
        let mut marks = Marks {
            grants: FxHashMap::default(),
            roots: Vec::new(),
        };
        for object in &program.objects {
            for (index, section) in object.sections.iter().enumerate() {
                let flags = section.sh_flags(ENDIAN).0;
                let data_like = flags & elf::SHF_ALLOC.0 != 0
                    && flags & elf::SHF_EXECINSTR.0 == 0
                    && section.sh_type(ENDIAN) == elf::SHT_PROGBITS;
                if !data_like {
                    continue;
                }
                let data =
                    section
                        .data(ENDIAN, object.data)
                        .map_err(|error| LinkError::NotAnObject {
                            name: object.name.clone(),
                            reason: error.to_string(),
                        })?;
                let node = object.base + index as u32;
                let place = Place {
                    program,
                    network,
                    object,
                    node,
                };
                if object.section_name(section) == HANDLER_SECTION.as_bytes() {
                    place.handlers(data, &mut marks.roots)?;
                } else if network.relocations.contains_key(&node) {
                    place.grants(data, &mut marks.grants)?;
                }
            }
        }
        marks.roots.sort_by(|a, b| {
            let key = |root: &Root| (root.handler.address.clone(), root.handler.path.clone());
            key(a).cmp(&key(b))
        });
        Ok(marks)
    }
}

/// One section, with what is needed to follow its relocations.
struct Place<'p, 'a> {
    program: &'p Program<'a>,
    network: &'p Network,
    object: &'p Object<'a>,
    node: u32,
}

impl Place<'_, '_> {
    fn layout(&self, reason: &str) -> LinkError {
        LinkError::Layout {
            name: self.object.name.clone(),
            reason: reason.to_owned(),
        }
    }

    fn handlers(&self, data: &[u8], roots: &mut Vec<Root>) -> Result<(), LinkError> {
        let (entries, rest) = data.as_chunks::<ENTRY_BYTES>();
        if !rest.is_empty() {
            return Err(self.layout("its handler table has entries of another size"));
        }
        for (position, entry) in entries.iter().enumerate() {
            if entry[..8] != HANDLER_MAGIC {
                return Err(self.layout("its handler table has an entry without its mark"));
            }
            let offset = position * ENTRY_BYTES;
            let record = self.target(offset + ENTRY_RECORD)?;
            let (thunk, _) = self.target(offset + ENTRY_THUNK)?;
            match self.descriptor(record)? {
                Descriptor::Handler(handler) => roots.push(Root {
                    handler,
                    node: thunk,
                }),
                _ => return Err(self.layout("a handler has the record of something else")),
            }
        }
        Ok(())
    }

    fn grants(&self, data: &[u8], grants: &mut FxHashMap<u32, Vec<Mark>>) -> Result<(), LinkError> {
        // Grants are aligned to 8 within their section, whatever it was merged from.
        let mut offset = 0;
        while offset + GRANT_BYTES <= data.len() {
            if data[offset..offset + GRANT_MAGIC.len()] == GRANT_MAGIC {
                let mark = self.grant(&data[offset..offset + GRANT_BYTES], offset)?;
                grants.entry(self.node).or_default().push(mark);
                offset += GRANT_BYTES;
            } else {
                offset += 8;
            }
        }
        Ok(())
    }

    fn grant(&self, grant: &[u8], offset: usize) -> Result<Mark, LinkError> {
        let length = u32::from_le_bytes([
            grant[GRANT_VERB_LENGTH],
            grant[GRANT_VERB_LENGTH + 1],
            grant[GRANT_VERB_LENGTH + 2],
            grant[GRANT_VERB_LENGTH + 3],
        ]) as usize;
        if length > Verb::BYTES_MAX {
            return Err(self.layout("a grant has a verb that is too long"));
        }
        let verb = String::from_utf8_lossy(&grant[GRANT_VERB..GRANT_VERB + length]).into_owned();
        let record = self.target(offset + GRANT_RECORD)?;
        let (address, kind) = match self.descriptor(record)? {
            Descriptor::Resource(resource) => (resource.address, resource.kind),
            Descriptor::Handler(handler) => (handler.address, ifc_manifest::Kind::Function),
            Descriptor::Application(_) => {
                return Err(self.layout("a grant is about the application itself"));
            }
        };
        Ok(Mark {
            descriptor: Target {
                package: address.package,
                name: address.name,
                kind,
            },
            verb,
        })
    }

    /// Where the pointer at `offset` of this section points: section node and offset therein.
    fn target(&self, offset: usize) -> Result<(u32, u64), LinkError> {
        self.follow(offset)
            .ok_or_else(|| self.layout("a pointer in its tables leads nowhere"))
    }

    fn follow(&self, offset: usize) -> Option<(u32, u64)> {
        let index = *self.network.relocations.get(&self.node)?;
        let object = self.object;
        let section = object.sections.section(SectionIndex(index)).ok()?;
        let relocations: &[elf::Rela64<LittleEndian>] =
            section.data_as_array(ENDIAN, object.data).ok()?;
        let relocation = relocations
            .iter()
            .find(|relocation| relocation.r_offset(ENDIAN) as usize == offset)?;
        let index = relocation.r_sym(ENDIAN, false) as usize;
        let symbol = object.symbols.symbol(SymbolIndex(index)).ok()?;
        let addend = relocation.r_addend(ENDIAN) as u64;
        if let Some(section) = object.section_of(index, symbol) {
            let at = symbol.st_value(ENDIAN).wrapping_add(addend);
            return Some((object.base + section, at));
        }
        let name = symbol.name(ENDIAN, object.symbols.strings()).ok()?;
        let id = self.program.ids.get(name)?;
        let symbol = &self.program.symbols[*id as usize];
        let (node, value) = symbol.definitions.first()?;
        Some((*node, value.wrapping_add(addend)))
    }

    /// The descriptor record at a place.
    fn descriptor(&self, (node, offset): (u32, u64)) -> Result<Descriptor, LinkError> {
        let (object, index) = self.program.locate(node);
        let data = object
            .sections
            .section(SectionIndex(index))
            .and_then(|section| section.data(ENDIAN, object.data))
            .ok()
            .and_then(|data| data.get(usize::try_from(offset).ok()?..));
        let record: Option<RawRecord<'_>> = data
            .and_then(|data| records(data).next())
            .and_then(Result::ok);
        let Some(record) = record else {
            return Err(self.layout("a table refers to a record that is none"));
        };
        Descriptor::decode(&record).map_err(|error| self.layout(&error.to_string()))
    }
}
