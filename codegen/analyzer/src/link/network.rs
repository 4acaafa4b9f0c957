//! Sections and symbols as a graph in compressed rows, with reachability over it.

use super::LinkError;
use super::load::{ENDIAN, Object, Program, Section};
use object::elf;
use object::read::elf::{SectionHeader as _, Sym as _};
use object::{LittleEndian, SectionIndex, SymbolIndex};
use rustc_hash::FxHashMap;

const UNSEEN: u32 = u32::MAX;
const NOWHERE: u32 = u32::MAX - 1;

/// The graph.
pub(super) struct Network {
    starts: Vec<u32>,
    targets: Vec<u32>,
    /// Sections that run before or around `main`.
    pub(super) initialisers: Vec<u32>,
    /// The relocation section of each section that has one.
    pub(super) relocations: FxHashMap<u32, usize>,
}

impl Network {
    pub(super) fn new(program: &Program<'_>) -> Result<Network, LinkError> {
        let mut builder = Builder::default();
        for object in &program.objects {
            builder.object(program, object)?;
        }
        builder.symbols(program);
        let nodes = program.sections as usize + program.symbols.len();
        Ok(builder.finish(nodes))
    }

    fn out(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.targets[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// Walks breadth first from `roots`, without going on from nodes that `cut` names. The result
    /// has, for each node reached, the node before it (itself for a root), and all of them in the
    /// order in which they were reached.
    pub(super) fn walk(&self, roots: &[u32], cut: &[u32]) -> Walk {
        // One word a node costs less than hashing those that are reached: a debug build reaches a
        // tenth of its nodes from every handler.
        let mut before = vec![UNSEEN; self.starts.len() - 1];
        let mut order = Vec::new();
        for root in roots {
            if before[*root as usize] == UNSEEN {
                before[*root as usize] = *root;
                order.push(*root);
            }
        }
        // What is reached is also the queue of what is still to be left.
        let mut next = 0;
        while let Some(&node) = order.get(next) {
            next += 1;
            if cut.contains(&node) {
                continue;
            }
            for target in self.out(node) {
                let earlier = &mut before[*target as usize];
                if *earlier == UNSEEN {
                    *earlier = node;
                    order.push(*target);
                }
            }
        }
        Walk { before, order }
    }
}

/// What was reached, and from where.
pub(super) struct Walk {
    /// By node: the one before it.
    before: Vec<u32>,
    pub(super) order: Vec<u32>,
}

impl Walk {
    pub(super) fn reached(&self, node: u32) -> bool {
        self.before[node as usize] != UNSEEN
    }

    /// A shortest way from a root to `node`.
    pub(super) fn path(&self, node: u32) -> Vec<u32> {
        let mut path = vec![node];
        let mut at = node;
        loop {
            let before = self.before[at as usize];
            if before == UNSEEN || before == at {
                break;
            }
            path.push(before);
            at = before;
        }
        path.reverse();
        path
    }
}

#[derive(Default)]
struct Builder<'a> {
    edges: Vec<(u32, u32)>,
    /// Sections whose names are C identifiers: `__start_X` refers to all of them.
    named: FxHashMap<&'a [u8], Vec<u32>>,
    initialisers: Vec<u32>,
    relocations: FxHashMap<u32, usize>,
    /// Node of each symbol of the object at hand.
    cache: Vec<u32>,
}

impl<'a> Builder<'a> {
    fn object(&mut self, program: &Program<'a>, object: &'a Object<'a>) -> Result<(), LinkError> {
        self.cache.clear();
        self.cache.resize(object.symbols.len(), UNSEEN);
        for (index, section) in object.sections.iter().enumerate() {
            let sort = section.sh_type(ENDIAN);
            if allocated(section) {
                self.section(object, index, section);
            } else if sort == elf::SHT_RELA {
                self.relocate(program, object, index, section)?;
            } else if matches!(sort, elf::SHT_REL | elf::SHT_CREL) {
                return Err(LinkError::NotAnObject {
                    name: object.name.clone(),
                    reason: "its relocations have a form that is not known".into(),
                });
            }
        }
        Ok(())
    }

    fn section(&mut self, object: &'a Object<'a>, index: usize, section: &Section) {
        let node = object.base + index as u32;
        let name = object.sections.section_name(ENDIAN, section).unwrap_or(b"");
        let initialises = matches!(
            section.sh_type(ENDIAN),
            elf::SHT_INIT_ARRAY | elf::SHT_FINI_ARRAY | elf::SHT_PREINIT_ARRAY
        );
        let older = [&b".init_array"[..], b".fini_array", b".ctors", b".dtors"];
        let older = older.iter().any(|prefix| name.starts_with(prefix));
        if initialises || older || matches!(name, b".init" | b".fini") {
            self.initialisers.push(node);
        }
        // What is linked because of another section is found by way of it: the table of a
        // function's landing pads by way of its unwind table, which is no source of edges here.
        if section.sh_flags(ENDIAN).0 & elf::SHF_LINK_ORDER.0 != 0 {
            let owner = section.sh_link(ENDIAN);
            if owner != 0 && (owner as usize) < object.sections.len() {
                self.edges.push((object.base + owner, node));
            }
        }
        if !name.is_empty() && name.iter().all(|c| c.is_ascii_alphanumeric() || *c == b'_') {
            self.named.entry(name).or_default().push(node);
        }
    }

    fn relocate(
        &mut self,
        program: &Program<'a>,
        object: &'a Object<'a>,
        index: usize,
        section: &Section,
    ) -> Result<(), LinkError> {
        let fail = |error: object::read::Error| LinkError::NotAnObject {
            name: object.name.clone(),
            reason: error.to_string(),
        };
        let about = section.sh_info(ENDIAN);
        let target = object
            .sections
            .section(SectionIndex(about as usize))
            .map_err(fail)?;
        // Debug information refers to everything and runs nowhere. Unwind tables refer to every
        // function; the landing pads they lead to are part of their functions.
        if !allocated(target) || object.section_name(target) == b".eh_frame" {
            return Ok(());
        }
        let source = object.base + about;
        self.relocations.insert(source, index);
        let relocations: &[elf::Rela64<LittleEndian>] =
            section.data_as_array(ENDIAN, object.data).map_err(fail)?;
        let mut last = UNSEEN;
        for relocation in relocations {
            let symbol = relocation.r_sym(ENDIAN, false) as usize;
            let node = self.symbol(program, object, symbol).map_err(fail)?;
            if node != NOWHERE && node != last {
                self.edges.push((source, node));
                last = node;
            }
        }
        Ok(())
    }

    fn symbol(
        &mut self,
        program: &Program<'a>,
        object: &'a Object<'a>,
        index: usize,
    ) -> object::read::Result<u32> {
        // Symbol 0 stands for none.
        if index == 0 {
            return Ok(NOWHERE);
        }
        if let Some(&node) = self.cache.get(index)
            && node != UNSEEN
        {
            return Ok(node);
        }
        let symbol = object.symbols.symbol(SymbolIndex(index))?;
        let node = if symbol.st_bind() == elf::STB_LOCAL {
            object
                .section_of(index, symbol)
                .map_or(NOWHERE, |section| object.base + section)
        } else {
            let name = symbol.name(ENDIAN, object.symbols.strings())?;
            program.node(name).unwrap_or(NOWHERE)
        };
        self.cache[index] = node;
        Ok(node)
    }

    /// A symbol leads to its definitions; the bounds of a section to all sections of that name.
    fn symbols(&mut self, program: &Program<'a>) {
        for (position, symbol) in program.symbols.iter().enumerate() {
            let node = program.sections + position as u32;
            let definitions = symbol.definitions.iter();
            self.edges
                .extend(definitions.map(|(section, _)| (node, *section)));
            if !symbol.definitions.is_empty() {
                continue;
            }
            let name = program.names[position];
            let bounded = name
                .strip_prefix(b"__start_")
                .or_else(|| name.strip_prefix(b"__stop_"))
                .and_then(|section| self.named.get(section));
            if let Some(sections) = bounded {
                self.edges
                    .extend(sections.iter().map(|section| (node, *section)));
            }
        }
    }

    fn finish(self, nodes: usize) -> Network {
        let mut starts = vec![0; nodes + 1];
        for (source, _) in &self.edges {
            starts[*source as usize + 1] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let mut next = starts.clone();
        let mut targets = vec![0; self.edges.len()];
        for (source, target) in self.edges {
            let place = &mut next[source as usize];
            targets[*place as usize] = target;
            *place += 1;
        }
        Network {
            starts,
            targets,
            initialisers: self.initialisers,
            relocations: self.relocations,
        }
    }
}

fn allocated(section: &Section) -> bool {
    section.sh_flags(ENDIAN).0 & elf::SHF_ALLOC.0 != 0
}
