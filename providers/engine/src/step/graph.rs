//! Which step waits for which: what is needed is made first, and what needs it is deleted first.

use super::{Call, Step, recorded_dependencies, steps};
use crate::model::{Identity, PartAddress};
use crate::plan::{Action, Plan, ReplaceOrder};
use petgraph::algo::{has_path_connecting, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::BTreeMap;

/// The steps of a plan; an edge goes from a step to one that waits for it.
pub(crate) struct StepGraph {
    pub(crate) graph: DiGraph<Step, ()>,
}

struct Builder<'a> {
    plan: &'a Plan,
    graph: DiGraph<Step, ()>,
    /// The last step that makes or changes a part.
    makes: BTreeMap<&'a PartAddress, NodeIndex>,
    /// The step that deletes a change's old thing.
    deletes: BTreeMap<usize, NodeIndex>,
    /// Order that can be given up where it would close a circle; the dearest first.
    wishes: Vec<(NodeIndex, NodeIndex)>,
}

impl StepGraph {
    pub(crate) fn new(plan: &Plan) -> StepGraph {
        let mut builder = Builder {
            plan,
            graph: DiGraph::new(),
            makes: BTreeMap::new(),
            deletes: BTreeMap::new(),
            wishes: Vec::new(),
        };
        builder.add_steps();
        builder.make_after_dependencies();
        builder.delete_before_dependencies();
        StepGraph {
            graph: builder.with_wishes(),
        }
    }
}

impl<'a> Builder<'a> {
    fn add_steps(&mut self) {
        for step in steps(self.plan) {
            let node = self.graph.add_node(step);
            let change = &self.plan.changes[step.change];
            let removes = matches!(change.action, Action::Forget | Action::Retain);
            if step.call == Call::Delete {
                self.deletes.insert(step.change, node);
            } else if !removes && let Some(before) = self.makes.insert(&change.address, node) {
                // The address changed before anything else did.
                self.graph.add_edge(before, node, ());
            }
        }
        self.free_names_before_use();
        let mut others = Vec::new();
        for (change, delete) in &self.deletes {
            let planned = &self.plan.changes[*change];
            let make = self.makes.get(&planned.address);
            match (&planned.action, make) {
                (Action::Replace(ReplaceOrder::DeleteFirst), Some(make)) => {
                    self.graph.update_edge(*delete, *make, ());
                }
                (Action::Replace(_), Some(make)) => self.wishes.push((*make, *delete)),
                // An old thing goes after the part that took its place is as it should be.
                (_, Some(make))
                    if planned.leftover && !self.graph.contains_edge(*delete, *make) =>
                {
                    others.push((*make, *delete));
                }
                _ => {}
            }
        }
        self.wishes.extend(others);
    }

    /// A name is used again only after what had it is gone.
    fn free_names_before_use(&mut self) {
        let freed: BTreeMap<Identity, NodeIndex> = self
            .deletes
            .iter()
            .filter_map(|(change, delete)| {
                let from = self.plan.changes[*change].from.as_ref()?;
                Some((from.identity(), *delete))
            })
            .collect();
        for node in self.graph.node_indices() {
            let step = self.graph[node];
            if step.call == Call::Create
                && let Some(planned) = &self.plan.changes[step.change].to
                && let Some(delete) = freed.get(&planned.identity())
            {
                self.graph.update_edge(*delete, node, ());
            }
        }
    }

    fn make_after_dependencies(&mut self) {
        for change in &self.plan.changes {
            let (Some(planned), Some(make)) = (&change.to, self.makes.get(&change.address)) else {
                continue;
            };
            for dependency in planned.part.dependencies() {
                if let Some(needed) = self.makes.get(&dependency)
                    && needed != make
                {
                    self.graph.add_edge(*needed, *make, ());
                }
            }
        }
    }

    /// By what was recorded: who needed a thing lets go of it before it is deleted.
    fn delete_before_dependencies(&mut self) {
        let mut by_address: BTreeMap<&PartAddress, Vec<NodeIndex>> = BTreeMap::new();
        for (change, delete) in &self.deletes {
            let address = &self.plan.changes[*change].address;
            by_address.entry(address).or_default().push(*delete);
        }
        for (number, change) in self.plan.changes.iter().enumerate() {
            let recorded = recorded_dependencies(change).into_iter().flatten();
            for dependency in recorded.filter(|dependency| **dependency != change.address) {
                for needed in by_address.get(dependency).into_iter().flatten() {
                    let own = [self.deletes.get(&number), self.makes.get(&change.address)];
                    for node in own.into_iter().flatten() {
                        self.wishes.push((*node, *needed));
                    }
                }
            }
        }
    }

    /// What is needed to make parts is certain: deletions wait for nothing there, so it has no
    /// circles. The rest are wishes: records of different ages can contradict each other, and then
    /// some order is given up. A provider refuses a deletion that comes too early, and the next
    /// apply repeats it.
    fn with_wishes(self) -> DiGraph<Step, ()> {
        let mut whole = self.graph.clone();
        for (before, after) in &self.wishes {
            whole.update_edge(*before, *after, ());
        }
        if toposort(&whole, None).is_ok() {
            return whole;
        }
        let mut graph = self.graph;
        for (before, after) in self.wishes {
            if !has_path_connecting(&graph, after, before, None) {
                graph.update_edge(before, after, ());
            }
        }
        graph
    }
}
