//! From handlers to grants.

use super::load::ENDIAN;
use super::load::Program;
use super::marks::{Mark, Marks};
use super::network::{Network, Walk};
use super::permissions::{GrantUse, HandlerUses, Permissions, Use, VERSION};
use object::SectionIndex;
use std::collections::BTreeMap;

/// What every handler and the initialisation can reach.
pub(super) fn permissions(program: &Program<'_>, network: &Network, marks: &Marks) -> Permissions {
    let table: Vec<u32> = [&b"__start_ifc1_hand"[..], b"__stop_ifc1_hand"]
        .into_iter()
        .filter_map(|name| program.node(name))
        .collect();
    let mut notes = Vec::new();
    let handlers = marks
        .roots
        .iter()
        .map(|root| {
            let walk = network.walk(&[root.node], &[]);
            if table.iter().any(|bound| walk.reached(*bound)) {
                notes.push(format!(
                    "handler `{}` can call the dispatcher, so it may do what any handler may",
                    root.handler.path
                ));
            }
            HandlerUses {
                package: root.handler.address.package.clone(),
                name: root.handler.address.name.clone(),
                path: root.handler.path.clone(),
                uses: uses(program, marks, &walk),
            }
        })
        .collect();
    let mut roots = network.initialisers.clone();
    for name in &program.entries {
        roots.extend(program.node(name.as_bytes()));
    }
    if program.exports {
        notes.push(
            "the program exports its symbols, so whatever they reach counts for every unit".into(),
        );
        roots.extend((0..program.symbols.len()).map(|id| program.sections + id as u32));
    }
    // Initialisation ends where the dispatcher picks a handler.
    let walk = network.walk(&roots, &table);
    Permissions {
        version: VERSION,
        handlers,
        initialisation: uses(program, marks, &walk),
        notes,
        declared: Vec::new(),
    }
}

/// The grants that a walk reached, each with its shortest way.
fn uses(program: &Program<'_>, marks: &Marks, walk: &Walk) -> Vec<Use> {
    let mut found: BTreeMap<&Mark, u32> = BTreeMap::new();
    for node in &walk.order {
        for mark in marks.grants.get(node).into_iter().flatten() {
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
            way: way(program, &walk.path(node)),
        })
        .collect()
}

/// The nodes of a path by their symbols; constants without a name of their own are left out.
fn way(program: &Program<'_>, path: &[u32]) -> Vec<String> {
    let mut names: Vec<String> = path
        .iter()
        .filter_map(|node| label(program, *node))
        .collect();
    names.dedup();
    names
}

/// The symbol that a node stands for: its own, or the one that the name of a section carries.
fn label(program: &Program<'_>, node: u32) -> Option<String> {
    if node >= program.sections {
        let name = program.names[(node - program.sections) as usize];
        return Some(String::from_utf8_lossy(name).into_owned());
    }
    let (object, index) = program.locate(node);
    let section = object.sections.section(SectionIndex(index)).ok()?;
    let name = object.sections.section_name(ENDIAN, section).ok()?;
    let name = String::from_utf8_lossy(name);
    let start = name.find("_ZN").or_else(|| name.find("_R"))?;
    Some(name[start..].to_owned())
}
