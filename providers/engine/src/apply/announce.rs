//! Announcing steps before it is their turn.
//!
//! A step's begin has to be in the journal before its first effect, and would cost every step a way
//! to the store and back before its call. So a step is announced when everything it waits for has had
//! its turn: its record is written while their calls are under way. What was announced and does not
//! happen is withdrawn; when the walk is cut off before, the part counts as unsettled and is looked
//! at, as one that was begun.

use super::run::Run;
use crate::journal::{Record, Ticket};
use crate::plan::{Action, Plan};
use crate::state::{State, StateEdit};
use crate::step::{self, Call, Step};
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};

/// A step whose begin the journal has, or will have.
pub(crate) struct Announced {
    pub(super) ticket: Ticket,
    pub(super) edits: Vec<StateEdit>,
    /// What makes the announcement as if it had not been.
    withdrawal: Vec<StateEdit>,
}

impl Run<'_> {
    /// Announces the steps that wait for nothing.
    pub(crate) fn announce_first(&self, graph: &DiGraph<Step, ()>) {
        self.announce_all(graph, graph.node_indices(), &BTreeSet::new());
    }

    /// Announces what waits for nothing but steps that have had their turn, of which this is one.
    pub(super) fn announce_after(
        &self,
        graph: &DiGraph<Step, ()>,
        node: NodeIndex,
        started: &BTreeSet<NodeIndex>,
    ) {
        let dependents = graph.neighbors_directed(node, Direction::Outgoing);
        self.announce_all(graph, dependents, started);
    }

    fn announce_all(
        &self,
        graph: &DiGraph<Step, ()>,
        nodes: impl Iterator<Item = NodeIndex>,
        started: &BTreeSet<NodeIndex>,
    ) {
        for node in nodes {
            let before = || graph.neighbors_directed(node, Direction::Incoming);
            let is_due = before().all(|before| started.contains(&before));
            let steps = before().map(|before| graph[before]);
            if is_due && !started.contains(&node) && can_be_announced(self.plan, graph[node], steps)
            {
                self.announce(node.index(), graph[node]);
            }
        }
    }

    fn announce(&self, number: usize, step: Step) {
        let mut announced = self.announced();
        if announced.contains_key(&number) {
            return;
        }
        let change = &self.plan.changes[step.change];
        let planned = change.to.as_ref();
        let told = step::told(planned);
        let edits = step::begin_edits(change, step.call, planned, &told);
        let withdrawal = undoing(&self.state(), &edits);
        let record = Record::Begin {
            step: number,
            edits: edits.clone(),
        };
        let ticket = self.record(&edits, record);
        announced.insert(
            number,
            Announced {
                ticket,
                edits,
                withdrawal,
            },
        );
    }

    /// The announcement of a step that begins now.
    pub(super) fn take_announced(&self, number: usize) -> Option<Announced> {
        self.announced().remove(&number)
    }

    /// A step will not begin.
    pub(super) fn withdraw(&self, number: usize) {
        if let Some(announced) = self.take_announced(number) {
            let edits = announced.withdrawal;
            let record = Record::End {
                step: number,
                done: false,
                edits: edits.clone(),
            };
            self.record(&edits, record);
        }
    }

    fn announced(&self) -> MutexGuard<'_, std::collections::BTreeMap<usize, Announced>> {
        let announced = self.announced.lock();
        announced.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether nothing that a step waits for has a say in what its announcement edits: the record of the
/// part at its address, by the name that it has there.
fn can_be_announced(plan: &Plan, step: Step, mut before: impl Iterator<Item = Step>) -> bool {
    let change = &plan.changes[step.change];
    let moves = |action: &Action| matches!(action, Action::Move { .. });
    let is_alone = step::calls(change).len() == 1 && !change.leftover;
    is_alone
        && step.call != Call::None
        && !plan.changes.iter().any(|other| moves(&other.action))
        && before.all(|before| {
            let other = &plan.changes[before.change];
            // What makes place, and what comes after something was only recorded, has to wait.
            let is_of_a_sort = match before.call {
                Call::None => false,
                Call::Delete => step.call == Call::Delete,
                Call::Create | Call::Update => true,
            };
            is_of_a_sort && other.address != change.address
        })
}

/// Edits after which a state is again as it is, once these have been made.
fn undoing(state: &State, edits: &[StateEdit]) -> Vec<StateEdit> {
    let undo = |edit: &StateEdit| match edit {
        StateEdit::SetPart(address, _) => Some(match state.parts.get(address) {
            Some(record) => StateEdit::SetPart(address.clone(), Box::new(record.clone())),
            None => StateEdit::RemovePart(address.clone()),
        }),
        _ => None,
    };
    edits.iter().filter_map(undo).collect()
}
