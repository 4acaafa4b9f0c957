//! From handlers to grants.

use super::LinkError;
use super::exports::Exported;
use super::load::Program;
use super::marks::{self, Mark};
use super::network::Network;
use super::permissions::{GrantUse, HandlerUses, Permissions, Step, Use, VERSION};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// What every handler and the initialisation can reach. `exported` may have to wait for
/// the linker, and is asked last.
pub(super) fn permissions(
    program: &Program<'_>,
    exported: impl FnOnce() -> Exported,
) -> Result<Permissions, LinkError> {
    let handlers = marks::handlers(program)?;
    let table: Vec<u32> = [&b"__start_ifc1_hand"[..], b"__stop_ifc1_hand"]
        .into_iter()
        .filter_map(|name| program.node(name))
        .collect();
    let mut search = Search {
        program,
        network: Network::new(program),
        marks: FxHashMap::default(),
        leading: Vec::new(),
    };
    let mut entries = search.network.initialisers.clone();
    for name in &program.entries {
        entries.extend(program.node(name.as_bytes()));
    }
    let mut notes = Vec::new();
    // All that anything reaches, once; of that, each handler needs only what leads to a grant,
    // which is a small part.
    let thunks = handlers.iter().map(|root| root.node);
    let roots: Vec<u32> = thunks.chain(entries.iter().copied()).collect();
    let reached = search.network.walk(&roots, &[], None)?;
    let mut ends = search.mark(&reached)?;
    ends.extend(&table);
    search.leading = search.network.leading_to(&ends, &reached);
    let mut found = Vec::with_capacity(handlers.len());
    for root in handlers {
        let order = search
            .network
            .walk(&[root.node], &[], Some(&search.leading))?;
        if order.iter().any(|node| table.contains(node)) {
            notes.push(format!(
                "handler `{}` can call the dispatcher, so it may do what any handler may",
                root.handler.path
            ));
        }
        found.push(HandlerUses {
            package: root.handler.address.package,
            name: root.handler.address.name,
            path: root.handler.path,
            uses: search.uses(&order),
        });
    }
    let (exported, note) = search.exported(&exported(), &table)?;
    notes.extend(note);
    entries.extend(exported);
    // Initialisation ends where the dispatcher picks a handler.
    let order = search.network.walk(&entries, &table, None)?;
    search.mark(&order)?;
    Ok(Permissions {
        version: VERSION,
        handlers: found,
        initialisation: search.uses(&order),
        notes,
        declared: Vec::new(),
    })
}

struct Search<'p, 'a> {
    program: &'p Program<'a>,
    network: Network<'p, 'a>,
    /// The grants in each section that has some.
    marks: FxHashMap<u32, Vec<Mark>>,
    /// The nodes that lead to a grant.
    leading: Vec<bool>,
}

impl Search<'_, '_> {
    /// The nodes of what code outside of the program can call by name, and what there is to say
    /// about that.
    fn exported(
        &mut self,
        exported: &Exported,
        table: &[u32],
    ) -> Result<(Vec<u32>, Option<String>), LinkError> {
        let names = match exported {
            Exported::Names(names) => names,
            Exported::Unknown => {
                let ids = 0..self.program.names.len() as u32;
                let nodes = ids.map(|id| self.program.sections + id).collect();
                let note = "it is not known what the program exports, so whatever any symbol \
                            reaches counts for every unit";
                return Ok((nodes, Some(note.to_owned())));
            }
        };
        let node = |name: &Vec<u8>| self.program.node(name);
        let nodes: Vec<u32> = names.iter().filter_map(node).collect();
        let order = self.network.walk(&nodes, table, None)?;
        let leading: BTreeSet<String> = self
            .mark(&order)?
            .into_iter()
            .filter_map(|marked| self.label(self.network.path(marked)[0]))
            .map(|name| format!("`{name}`"))
            .collect();
        let note = (!leading.is_empty()).then(|| {
            format!(
                "shared libraries can call {} by name, so what is reached from there counts for \
                 every unit",
                Vec::from_iter(leading).join(", ")
            )
        });
        Ok((nodes, note))
    }

    /// Finds the grants in sections that were reached, and returns those sections.
    fn mark(&mut self, reached: &[u32]) -> Result<Vec<u32>, LinkError> {
        let mut marked = Vec::new();
        for node in reached.iter().filter(|node| **node < self.program.sections) {
            let grants = marks::grants(self.program, *node)?;
            if !grants.is_empty() {
                self.marks.insert(*node, grants);
                marked.push(*node);
            }
        }
        Ok(marked)
    }

    /// The grants that the last walk reached, each with its shortest way.
    fn uses(&self, order: &[u32]) -> Vec<Use> {
        let mut found: BTreeMap<&Mark, u32> = BTreeMap::new();
        for node in order {
            for mark in self.marks.get(node).into_iter().flatten() {
                found.entry(mark).or_insert(*node);
            }
        }
        found
            .into_iter()
            .map(|(mark, node)| Use {
                grant: GrantUse {
                    package: mark.descriptor.package.clone(),
                    name: mark.descriptor.name.clone(),
                    kind: mark.descriptor.kind.to_string(),
                    verb: mark.verb.clone(),
                },
                way: self.way(node),
            })
            .collect()
    }

    /// The nodes of a path by their symbols; constants without a name of their own are left out,
    /// unless several ways lead through them.
    fn way(&self, node: u32) -> Vec<Step> {
        let path = self.network.path(node);
        let mut steps: Vec<Step> = Vec::new();
        for step in path.iter().filter_map(|node| self.step(*node)) {
            // A symbol, and the section that it names.
            let same = |last: &Step| last.symbol().is_some() && last.symbol() == step.symbol();
            match steps.last_mut() {
                Some(last) if same(last) => *last = step,
                _ => steps.push(step),
            }
        }
        steps
    }

    fn step(&self, node: u32) -> Option<Step> {
        let symbol = self.label(node);
        let constant = node < self.program.sections && {
            let place = self.program.locate(node);
            !place.object.runs(place.section)
        };
        match self.network.following(node, &self.leading) {
            together @ 2.. if constant => Some(Step::Together { together, symbol }),
            _ => symbol.map(Step::Symbol),
        }
    }

    /// The symbol that a node stands for: its own, or the one that the name of a section carries.
    fn label(&self, node: u32) -> Option<String> {
        if let Some(id) = node.checked_sub(self.program.sections) {
            let name = self.program.names[id as usize].text;
            return Some(String::from_utf8_lossy(name).into_owned());
        }
        let place = self.program.locate(node);
        let name = String::from_utf8_lossy(place.object.section_name(place.section));
        let start = name.find("_ZN").or_else(|| name.find("_R"))?;
        Some(name[start..].to_owned())
    }
}
