//! All parts a stage should have.

use super::{ApplicationName, Identity, Part, PartAddress, StageName};
use crate::canonical::fingerprint_of_blueprint;
use crate::digest::Fingerprint;
use petgraph::Direction;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;

/// All parts of one stage of one application at one provider, checked: no address and no physical
/// name twice, no unknown reference, no cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blueprint {
    application: ApplicationName,
    stage: StageName,
    provider: String,
    artifact: Fingerprint,
    parts: BTreeMap<PartAddress, Part>,
    /// Every part after all that it depends on; among equals by address.
    order: Vec<PartAddress>,
}

impl Blueprint {
    /// Checks the parts.
    ///
    /// # Errors
    /// Everything that is wrong with them, not only the first thing.
    pub fn new(
        application: ApplicationName,
        stage: StageName,
        provider: impl Into<String>,
        artifact: Fingerprint,
        parts: impl IntoIterator<Item = Part>,
    ) -> Result<Blueprint, Vec<BlueprintError>> {
        let mut errors = Vec::new();
        let mut by_address: BTreeMap<PartAddress, Part> = BTreeMap::new();
        for part in parts {
            if by_address.contains_key(&part.address) {
                errors.push(BlueprintError::DuplicateAddress(part.address.clone()));
            } else {
                by_address.insert(part.address.clone(), part);
            }
        }
        errors.extend(colliding_names(&by_address));
        errors.extend(unknown_references(&by_address));
        let order = order(&by_address).unwrap_or_else(|cycles| {
            errors.extend(cycles);
            Vec::new()
        });
        match errors.is_empty() {
            true => Ok(Blueprint {
                application,
                stage,
                provider: provider.into(),
                artifact,
                parts: by_address,
                order,
            }),
            false => Err(errors),
        }
    }

    /// The same stage with nothing in it: what destroying aims at.
    #[must_use]
    pub fn emptied(&self) -> Blueprint {
        Blueprint {
            parts: BTreeMap::new(),
            order: Vec::new(),
            ..self.clone()
        }
    }

    /// A blueprint without parts.
    pub fn empty(
        application: ApplicationName,
        stage: StageName,
        provider: impl Into<String>,
    ) -> Blueprint {
        Blueprint {
            application,
            stage,
            provider: provider.into(),
            artifact: Fingerprint::of(b""),
            parts: BTreeMap::new(),
            order: Vec::new(),
        }
    }

    /// Whose stage.
    pub fn application(&self) -> &ApplicationName {
        &self.application
    }

    /// Which stage.
    pub fn stage(&self) -> &StageName {
        &self.stage
    }

    /// The provider it was lowered for.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The artifact it was lowered from.
    pub fn artifact(&self) -> &Fingerprint {
        &self.artifact
    }

    /// The parts, by address.
    pub fn parts(&self) -> &BTreeMap<PartAddress, Part> {
        &self.parts
    }

    /// The parts, each after all that it depends on.
    pub fn in_order(&self) -> impl Iterator<Item = &Part> {
        self.order.iter().map(|address| &self.parts[address])
    }

    /// Equal for equal blueprints.
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint_of_blueprint(self)
    }
}

/// What is wrong with a set of parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlueprintError {
    /// Two parts of one address: a fault in the lowering.
    DuplicateAddress(PartAddress),
    /// Two parts would be the same thing at the provider.
    NameCollision {
        /// What both would be.
        identity: Identity,
        /// The first one's label.
        one: String,
        /// The second one's label.
        other: String,
    },
    /// A part depends on one that does not exist.
    UnknownPart {
        /// Who depends.
        part: PartAddress,
        /// On what.
        unknown: PartAddress,
    },
    /// A part refers to an output that the other one does not have.
    UnknownOutput {
        /// Who refers.
        part: PartAddress,
        /// To whom.
        target: PartAddress,
        /// To what.
        output: String,
    },
    /// Parts that wait for each other.
    Cycle(Vec<PartAddress>),
}

impl fmt::Display for BlueprintError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlueprintError::DuplicateAddress(address) => {
                write!(formatter, "part `{address}` occurs twice in the blueprint")
            }
            BlueprintError::NameCollision {
                identity,
                one,
                other,
            } => write!(
                formatter,
                "E-NAME-01 {one}: the {} name `{}` is also that of {other}, because both are \
                 shortened alike; rename one of them, or choose a shorter application name",
                identity.part_type, identity.physical_name
            ),
            BlueprintError::UnknownPart { part, unknown } => {
                write!(
                    formatter,
                    "part `{part}` depends on `{unknown}`, which does not exist"
                )
            }
            BlueprintError::UnknownOutput {
                part,
                target,
                output,
            } => write!(
                formatter,
                "part `{part}` refers to `{target}.{output}`, but `{target}` has no such output"
            ),
            BlueprintError::Cycle(parts) => {
                let names: Vec<String> = parts.iter().map(|part| format!("`{part}`")).collect();
                write!(
                    formatter,
                    "parts depend on each other: {}",
                    names.join(", ")
                )
            }
        }
    }
}

impl Error for BlueprintError {}

fn colliding_names(parts: &BTreeMap<PartAddress, Part>) -> Vec<BlueprintError> {
    let mut first: BTreeMap<Identity, &Part> = BTreeMap::new();
    let mut errors = Vec::new();
    for part in parts.values() {
        let identity = Identity {
            part_type: part.part_type.clone(),
            physical_name: part.naming.name(0),
        };
        match first.get(&identity) {
            Some(one) => errors.push(BlueprintError::NameCollision {
                identity,
                one: one.label.clone(),
                other: part.label.clone(),
            }),
            None => {
                first.insert(identity, part);
            }
        }
    }
    errors
}

fn unknown_references(parts: &BTreeMap<PartAddress, Part>) -> Vec<BlueprintError> {
    let mut errors = Vec::new();
    for part in parts.values() {
        let unknown = part.dependencies().into_iter();
        errors.extend(
            unknown
                .filter(|target| !parts.contains_key(target))
                .map(|unknown| BlueprintError::UnknownPart {
                    part: part.address.clone(),
                    unknown,
                }),
        );
        let values = part.properties.values().map(|property| &property.value);
        for reference in values.flat_map(|value| value.references()) {
            let target = parts.get(&reference.part);
            if target.is_some_and(|target| !target.outputs.contains(&reference.output)) {
                errors.push(BlueprintError::UnknownOutput {
                    part: part.address.clone(),
                    target: reference.part.clone(),
                    output: reference.output.clone(),
                });
            }
        }
    }
    errors
}

/// A topological order that depends on nothing but the parts.
fn order(parts: &BTreeMap<PartAddress, Part>) -> Result<Vec<PartAddress>, Vec<BlueprintError>> {
    let mut graph: DiGraph<&PartAddress, ()> = DiGraph::new();
    let nodes: BTreeMap<&PartAddress, NodeIndex> = parts
        .keys()
        .map(|address| (address, graph.add_node(address)))
        .collect();
    for part in parts.values() {
        for dependency in part.dependencies() {
            if let Some(target) = nodes.get(&dependency) {
                graph.add_edge(nodes[&part.address], *target, ());
            }
        }
    }
    let cycles: Vec<BlueprintError> = kosaraju_scc(&graph)
        .iter()
        .filter(|members| members.len() > 1 || graph.contains_edge(members[0], members[0]))
        .map(|members| {
            let mut cycle: Vec<_> = members.iter().map(|node| graph[*node].clone()).collect();
            cycle.sort();
            BlueprintError::Cycle(cycle)
        })
        .collect();
    match cycles.is_empty() {
        true => Ok(sorted(&graph)),
        false => Err(cycles),
    }
}

/// Every part after what it depends on; of those whose turn it is, the first by address.
fn sorted(graph: &DiGraph<&PartAddress, ()>) -> Vec<PartAddress> {
    // Nodes were added by address, so their indices are in that order too.
    let mut waits_for: Vec<usize> = graph
        .node_indices()
        .map(|node| graph.neighbors(node).count())
        .collect();
    let free = graph
        .node_indices()
        .filter(|node| waits_for[node.index()] == 0);
    let mut free: BTreeSet<NodeIndex> = free.collect();
    let mut order = Vec::with_capacity(graph.node_count());
    while let Some(node) = free.pop_first() {
        order.push(graph[node].clone());
        for dependent in graph.neighbors_directed(node, Direction::Incoming) {
            let waits = &mut waits_for[dependent.index()];
            *waits -= 1;
            if *waits == 0 {
                free.insert(dependent);
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ChangeClass, Naming, Value};

    fn part(address: &str, name: &str) -> Part {
        Part::new(address.parse().unwrap(), "thing", Naming::fixed(name))
    }

    fn blueprint(parts: Vec<Part>) -> Result<Blueprint, Vec<BlueprintError>> {
        Blueprint::new(
            "shop".parse().unwrap(),
            "dev".parse().unwrap(),
            "test",
            Fingerprint::of(b"artifact"),
            parts,
        )
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let a = part("a/x", "same");
        let address = a.address.clone();
        let errors = blueprint(vec![
            a.clone(),
            a,
            part("b/x", "same"),
            part("c/x", "c").after(&"d/x".parse().unwrap()),
            part("e/x", "e").with("p", Value::output(&address, "nope"), ChangeClass::InPlace),
            part("f/x", "f").after(&"g/x".parse().unwrap()),
            part("g/x", "g").after(&"f/x".parse().unwrap()),
        ])
        .unwrap_err();
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "part `a/x` occurs twice in the blueprint",
                "E-NAME-01 a/x: the thing name `same` is also that of b/x, because both are \
                 shortened alike; rename one of them, or choose a shorter application name",
                "part `c/x` depends on `d/x`, which does not exist",
                "part `e/x` refers to `a/x.nope`, but `a/x` has no such output",
                "parts depend on each other: `f/x`, `g/x`",
            ]
        );
    }

    #[test]
    fn order_follows_dependencies_not_input() {
        let parts = vec![
            part("a/x", "a").after(&"c/x".parse().unwrap()),
            part("b/x", "b"),
            part("c/x", "c").after(&"b/x".parse().unwrap()),
        ];
        let forward = blueprint(parts.clone()).unwrap();
        let backward = blueprint(parts.into_iter().rev().collect()).unwrap();
        let order: Vec<String> = forward
            .in_order()
            .map(|part| part.address.to_string())
            .collect();
        assert_eq!(order, ["b/x", "c/x", "a/x"]);
        assert_eq!(forward, backward);
        assert_eq!(forward.fingerprint(), backward.fingerprint());
    }
}
