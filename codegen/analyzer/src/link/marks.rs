//! Grants and handlers among the sections.

use super::LinkError;
use super::load::{Place, Program, Referent};
use super::object::ENDIAN;
use ifc_manifest::format::{GRANT_MAGIC, HANDLER_MAGIC, RawRecord, records};
use ifc_manifest::{Descriptor, HandlerDescriptor, Verb};
use object::elf;
use object::read::elf::{Rela as _, SectionHeader as _, Sym as _};

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

/// The handlers of a program, by package, name and path.
pub(super) fn handlers(program: &Program<'_>) -> Result<Vec<Root>, LinkError> {
    let mut roots = Vec::new();
    for (object, base) in program.objects() {
        for index in &object.handlers {
            let (_, data) = object.section(*index)?;
            let table = Table::new(program, base + index);
            table.handlers(data, &mut roots)?;
        }
    }
    roots.sort_by(|a, b| {
        let key = |root: &Root| (root.handler.address.clone(), root.handler.path.clone());
        key(a).cmp(&key(b))
    });
    Ok(roots)
}

/// The grants in a section: usually none or one, after LTO perhaps several.
pub(super) fn grants(program: &Program<'_>, node: u32) -> Result<Vec<Mark>, LinkError> {
    let table = Table::new(program, node);
    let (object, section) = (table.place.object, table.place.section);
    // A grant refers to its record.
    if object.relocations[section as usize] == 0 {
        return Ok(Vec::new());
    }
    let (header, data) = object.section(section)?;
    let flags = header.sh_flags(ENDIAN).0;
    let data_like = flags & elf::SHF_ALLOC.0 != 0
        && flags & elf::SHF_EXECINSTR.0 == 0
        && header.sh_type(ENDIAN) == elf::SHT_PROGBITS;
    match data_like && !object.handlers.contains(&section) {
        true => table.grants(data),
        false => Ok(Vec::new()),
    }
}

/// One section, with what is needed to follow its relocations.
struct Table<'p, 'a> {
    program: &'p Program<'a>,
    place: Place<'p, 'a>,
}

impl<'p, 'a> Table<'p, 'a> {
    fn new(program: &'p Program<'a>, node: u32) -> Table<'p, 'a> {
        Table {
            program,
            place: program.locate(node),
        }
    }

    fn layout(&self, reason: &str) -> LinkError {
        self.place.object.layout(reason)
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

    fn grants(&self, data: &[u8]) -> Result<Vec<Mark>, LinkError> {
        let mut marks = Vec::new();
        // Grants are aligned to 8 within their section, whatever it was merged from.
        let mut offset = 0;
        while offset + GRANT_BYTES <= data.len() {
            if data[offset..offset + GRANT_MAGIC.len()] == GRANT_MAGIC {
                marks.push(self.grant(&data[offset..offset + GRANT_BYTES], offset)?);
                offset += GRANT_BYTES;
            } else {
                offset += 8;
            }
        }
        Ok(marks)
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
        let nowhere = || self.layout("a pointer in its tables leads nowhere");
        let place = &self.place;
        let relocation = place
            .object
            .relocations_of(place.section)
            .and_then(|all| {
                let mut all = all.iter();
                all.find(|relocation| relocation.r_offset(ENDIAN) as usize == offset)
            })
            .ok_or_else(nowhere)?;
        let index = relocation.r_sym(ENDIAN, false) as usize;
        let (node, value) = match place.referent(index)? {
            Referent::Section(section) => {
                let symbol = place.object.symbol(index).ok_or_else(nowhere)?;
                (place.base + section, symbol.st_value(ENDIAN))
            }
            Referent::Global(id) => self.program.definitions(id).next().ok_or_else(nowhere)?,
            Referent::Nothing => return Err(nowhere()),
        };
        let addend = relocation.r_addend(ENDIAN) as u64;
        Ok((node, value.wrapping_add(addend)))
    }

    /// The descriptor record at a place.
    fn descriptor(&self, (node, offset): (u32, u64)) -> Result<Descriptor, LinkError> {
        let place = self.program.locate(node);
        let (_, data) = place.object.section(place.section)?;
        let data = usize::try_from(offset)
            .ok()
            .and_then(|offset| data.get(offset..));
        let record: Option<RawRecord<'_>> = data
            .and_then(|data| records(data).next())
            .and_then(Result::ok);
        let Some(record) = record else {
            return Err(self.layout("a table refers to a record that is none"));
        };
        Descriptor::decode(&record).map_err(|error| self.layout(&error.to_string()))
    }
}
