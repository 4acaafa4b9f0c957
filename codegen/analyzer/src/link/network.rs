//! Sections and symbols as a graph, with reachability over it. A node's edges are read when it is
//! first reached: most of a program is never.

use super::LinkError;
use super::load::{Program, Referent};
use super::object::ENDIAN;
use rustc_hash::FxHashMap;
use std::ops::Range;

const UNSEEN: u32 = u32::MAX;

/// The graph.
pub(super) struct Network<'p, 'a> {
    program: &'p Program<'a>,
    /// Of each node: where its edges begin in `targets`, and how many there are.
    rows: Vec<(u32, u32)>,
    targets: Vec<u32>,
    /// Sections by names that are C identifiers.
    named: FxHashMap<&'a [u8], Vec<u32>>,
    /// Sections that are linked because of another one.
    ordered: FxHashMap<u32, Vec<u32>>,
    /// Sections that run before or around `main`.
    pub(super) initialisers: Vec<u32>,
    /// Of the last walk, by node: the number of the walk that reached it, and the node before it.
    reached: Vec<(u32, u32)>,
    walk: u32,
}

impl<'p, 'a> Network<'p, 'a> {
    pub(super) fn new(program: &'p Program<'a>) -> Network<'p, 'a> {
        let nodes = program.sections as usize + program.names.len();
        let mut network = Network {
            program,
            rows: vec![(UNSEEN, 0); nodes],
            targets: Vec::new(),
            named: FxHashMap::default(),
            ordered: FxHashMap::default(),
            initialisers: Vec::new(),
            reached: vec![(0, 0); nodes],
            walk: 0,
        };
        for (object, base) in program.objects() {
            let initialisers = object.initialisers.iter();
            network
                .initialisers
                .extend(initialisers.map(|section| base + section));
            for section in &object.named {
                let sections = network.named.entry(object.section_name(*section));
                sections.or_default().push(base + section);
            }
            for (owner, section) in &object.ordered {
                let sections = network.ordered.entry(base + owner);
                sections.or_default().push(base + section);
            }
        }
        network
    }

    /// The edges of a node, as places in `targets`.
    fn edges(&mut self, node: u32) -> Result<Range<usize>, LinkError> {
        let (mut start, mut count) = self.rows[node as usize];
        if start == UNSEEN {
            start = self.targets.len() as u32;
            match node.checked_sub(self.program.sections) {
                None => self.leave_section(node)?,
                Some(id) => self.leave_symbol(id),
            }
            count = self.targets.len() as u32 - start;
            self.rows[node as usize] = (start, count);
        }
        Ok(start as usize..(start + count) as usize)
    }

    fn leave_section(&mut self, node: u32) -> Result<(), LinkError> {
        let place = self.program.locate(node);
        let relocations = place.object.relocations_of(place.section);
        let damaged = || place.object.fail("its relocations are damaged");
        let mut last = UNSEEN;
        for relocation in relocations.ok_or_else(damaged)? {
            let symbol = relocation.r_sym(ENDIAN, false) as usize;
            let target = match place.referent(symbol)? {
                Referent::Section(section) => place.base + section,
                Referent::Global(id) => self.program.sections + id,
                Referent::Nothing => continue,
            };
            if target != last {
                self.targets.push(target);
                last = target;
            }
        }
        if let Some(sections) = self.ordered.get(&node) {
            self.targets.extend(sections);
        }
        Ok(())
    }

    /// A symbol leads to its definitions; the bounds of a section to all sections of that name.
    fn leave_symbol(&mut self, id: u32) {
        let start = self.targets.len();
        let definitions = self.program.definitions(id);
        self.targets.extend(definitions.map(|(section, _)| section));
        if self.targets.len() > start {
            return;
        }
        let name = self.program.names[id as usize].text;
        let bounded = name
            .strip_prefix(b"__start_")
            .or_else(|| name.strip_prefix(b"__stop_"))
            .and_then(|section| self.named.get(section));
        self.targets.extend(bounded.into_iter().flatten());
    }

    /// Walks breadth first from `roots`, without going on from nodes that `cut` names, and only to
    /// nodes of `within` where that is given. Returns what was reached, in order.
    ///
    /// # Errors
    /// When the references of a node that was reached cannot be read.
    pub(super) fn walk(
        &mut self,
        roots: &[u32],
        cut: &[u32],
        within: Option<&[bool]>,
    ) -> Result<Vec<u32>, LinkError> {
        self.walk += 1;
        let walk = self.walk;
        let inside = |node: u32| within.is_none_or(|within| within[node as usize]);
        let mut order = Vec::new();
        for root in roots {
            let reached = &mut self.reached[*root as usize];
            if reached.0 != walk && inside(*root) {
                *reached = (walk, *root);
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
            for place in self.edges(node)? {
                let target = self.targets[place];
                let reached = &mut self.reached[target as usize];
                if reached.0 != walk && inside(target) {
                    *reached = (walk, node);
                    order.push(target);
                }
            }
        }
        Ok(order)
    }

    /// A shortest way from a root of the last walk to `node`, which it reached.
    pub(super) fn path(&self, node: u32) -> Vec<u32> {
        let mut path = vec![node];
        let mut at = node;
        loop {
            let (_, before) = self.reached[at as usize];
            if before == at {
                break;
            }
            path.push(before);
            at = before;
        }
        path.reverse();
        path
    }

    /// How many different nodes of `within` follow a node that was left before.
    pub(super) fn following(&self, node: u32, within: &[bool]) -> usize {
        let mut following: Vec<u32> = self
            .left(node)
            .iter()
            .copied()
            .filter(|target| within[*target as usize])
            .collect();
        following.sort_unstable();
        following.dedup();
        following.len()
    }

    /// The edges of a node that was left before.
    fn left(&self, node: u32) -> &[u32] {
        match self.rows[node as usize] {
            (UNSEEN, _) => &[],
            (start, count) => &self.targets[start as usize..(start + count) as usize],
        }
    }

    /// Of the nodes that a walk reached, those from which one of `ends` is reached.
    pub(super) fn leading_to(&self, ends: &[u32], reached: &[u32]) -> Vec<bool> {
        let mut starts = vec![0_u32; self.rows.len() + 1];
        for target in reached.iter().flat_map(|node| self.left(*node)) {
            starts[*target as usize + 1] += 1;
        }
        for node in 0..self.rows.len() {
            starts[node + 1] += starts[node];
        }
        let mut next = starts.clone();
        let mut sources = vec![0; starts[self.rows.len()] as usize];
        for node in reached {
            for target in self.left(*node) {
                let place = &mut next[*target as usize];
                sources[*place as usize] = *node;
                *place += 1;
            }
        }
        let mut leading = vec![false; self.rows.len()];
        let mut queue = ends.to_vec();
        while let Some(node) = queue.pop() {
            if std::mem::replace(&mut leading[node as usize], true) {
                continue;
            }
            let range = starts[node as usize] as usize..starts[node as usize + 1] as usize;
            queue.extend(&sources[range]);
        }
        leading
    }
}
