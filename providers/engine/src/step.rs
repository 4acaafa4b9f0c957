//! Plans as steps: what is called in which order, and what the journal says before and after.

mod graph;
mod machine;

pub(crate) use graph::StepGraph;
pub use machine::{IllegalTransition, Phase, StepEvent, transition};

use crate::model::{Identity, PartAddress, Value};
use crate::plan::{Action, Change, Plan, Planned, ReplaceOrder};
use crate::state::{Leftover, LeftoverReason, PartRecord, StateEdit, Unsettled};
use std::collections::{BTreeMap, BTreeSet};

/// One step of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The change it belongs to, by its place in the plan.
    pub(crate) change: usize,
    pub(crate) call: Call,
}

/// What is asked of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Create,
    Update,
    Delete,
    /// Nothing: only the state changes.
    None,
}

/// The steps of one change, in their order.
pub(crate) fn calls(change: &Change) -> &'static [Call] {
    match change.action {
        Action::Keep => &[],
        Action::Record | Action::Forget | Action::Retain | Action::Move { .. } => &[Call::None],
        Action::Adopt if change.properties.is_empty() => &[Call::None],
        Action::Adopt | Action::Update => &[Call::Update],
        Action::Create | Action::Replace(ReplaceOrder::CreateAndKeep) => &[Call::Create],
        Action::Replace(ReplaceOrder::CreateFirst) => &[Call::Create, Call::Delete],
        Action::Replace(ReplaceOrder::DeleteFirst) => &[Call::Delete, Call::Create],
        Action::Delete => &[Call::Delete],
    }
}

/// Whether the thing that a delete step removes is under the part's address, or a leftover by then.
fn deletes_leftover(change: &Change) -> bool {
    match change.action {
        Action::Replace(ReplaceOrder::CreateFirst) => true,
        _ => change.leftover,
    }
}

/// What the journal says before a step's first effect. `told` is what the provider is told to make
/// of the part: whatever becomes of the step, the part may have it afterwards, and what cannot be
/// read back is known from nowhere else.
pub(crate) fn begin_edits(
    change: &Change,
    call: Call,
    planned: Option<&Planned>,
    told: &BTreeMap<String, Value>,
) -> Vec<StateEdit> {
    match (call, planned, &change.from) {
        (Call::Create, Some(planned), from) => {
            let mut edits = step_aside(change, from.as_ref());
            let mut record = creating(planned, told);
            // It may be there already, as an earlier attempt made it.
            if let Some(from) = from
                .as_ref()
                .filter(|from| from.identity() == planned.identity())
            {
                may_have(&mut record, &from.properties);
            }
            edits.push(set(&change.address, record));
            edits
        }
        (Call::Update, _, Some(from)) => {
            let mut edits = Vec::new();
            if change.leftover {
                edits.push(StateEdit::RemoveLeftover(from.identity()));
            }
            let mut record = from.clone().while_being(Unsettled::Updating);
            may_have(&mut record, told);
            edits.push(set(&change.address, record));
            edits
        }
        (Call::Delete, _, Some(from)) => {
            let record = from.clone().while_being(Unsettled::Deleting);
            vec![match deletes_leftover(change) {
                true => leftover(&change.address, record, LeftoverReason::Superseded),
                false => set(&change.address, record),
            }]
        }
        _ => Vec::new(),
    }
}

/// Adds what the part may have beside what is recorded.
fn may_have(record: &mut PartRecord, properties: &BTreeMap<String, Value>) {
    for (name, value) in properties {
        let recorded = record.properties.entry(name.clone());
        recorded.or_insert_with(|| value.clone());
    }
}

/// What the journal says when a step ended well. `record` is what a create or update made.
pub(crate) fn done_edits(
    change: &Change,
    call: Call,
    record: Option<PartRecord>,
) -> Vec<StateEdit> {
    let identity = change.from.as_ref().map(PartRecord::identity);
    match call {
        Call::Create | Call::Update => record
            .map(|record| set(&change.address, record))
            .into_iter()
            .collect(),
        Call::Delete => removal(change, identity, deletes_leftover(change)),
        Call::None => match (&change.action, record, &change.from) {
            (Action::Record | Action::Adopt, Some(record), _) => {
                let reclaimed = identity.filter(|_| change.leftover);
                let mut edits: Vec<StateEdit> = reclaimed
                    .map(StateEdit::RemoveLeftover)
                    .into_iter()
                    .collect();
                edits.push(set(&change.address, record));
                edits
            }
            (Action::Forget, ..) => removal(change, identity, change.leftover),
            (Action::Retain, _, Some(from)) => {
                // What was found is no part of the state.
                let part = (!change.leftover).then(|| change.address.clone());
                let kept = leftover(&change.address, from.clone(), LeftoverReason::Kept);
                let removed = part.map(StateEdit::RemovePart).into_iter();
                removed.chain([kept]).collect()
            }
            (Action::Move { from }, ..) => vec![StateEdit::MovePart {
                from: from.clone(),
                to: change.address.clone(),
            }],
            _ => Vec::new(),
        },
    }
}

/// What the journal says when it turned out that a create could have no effect, because the name is
/// somebody else's: everything is as before.
pub(crate) fn undo_edits(change: &Change, call: Call) -> Vec<StateEdit> {
    match (call, &change.from) {
        (Call::Create, None) => vec![StateEdit::RemovePart(change.address.clone())],
        (Call::Create, Some(from)) => match change.action {
            Action::Replace(ReplaceOrder::DeleteFirst) => {
                vec![StateEdit::RemovePart(change.address.clone())]
            }
            _ if change.leftover => vec![
                StateEdit::RemovePart(change.address.clone()),
                leftover(&change.address, from.clone(), LeftoverReason::Kept),
            ],
            _ => vec![
                StateEdit::RemoveLeftover(from.identity()),
                set(&change.address, from.clone()),
            ],
        },
        _ => Vec::new(),
    }
}

/// For every step of a plan: what its begin would have said. For journals that cannot be read.
pub(crate) fn pessimistic_edits(plan: &Plan) -> Vec<(usize, Vec<StateEdit>)> {
    steps(plan)
        .into_iter()
        .enumerate()
        .map(|(number, step)| {
            let change = &plan.changes[step.change];
            let edits = match step.call {
                Call::None => done_edits(change, Call::None, change.from.clone()),
                call => begin_edits(change, call, change.to.as_ref(), &told(change.to.as_ref())),
            };
            (number, edits)
        })
        .collect()
}

/// What the provider would be told to make of a part, without what has to be looked up.
pub(crate) fn told(planned: Option<&Planned>) -> BTreeMap<String, Value> {
    let properties = planned.map(|planned| &planned.part.properties);
    let properties = properties.into_iter().flatten();
    properties
        .map(|(name, property)| (name.clone(), property.value.clone()))
        .collect()
}

/// All steps of a plan, in the order of its changes.
pub(crate) fn steps(plan: &Plan) -> Vec<Step> {
    let changes = plan.changes.iter().enumerate();
    changes
        .flat_map(|(change, planned)| {
            let calls = calls(planned).iter();
            calls.map(move |call| Step {
                change,
                call: *call,
            })
        })
        .collect()
}

/// The old part makes place for the new one.
fn step_aside(change: &Change, from: Option<&PartRecord>) -> Vec<StateEdit> {
    let Some(from) = from else {
        return Vec::new();
    };
    let aside = |why| vec![leftover(&change.address, from.clone(), why)];
    match change.action {
        Action::Replace(ReplaceOrder::CreateFirst) => aside(LeftoverReason::Superseded),
        Action::Replace(ReplaceOrder::CreateAndKeep) => aside(LeftoverReason::Kept),
        _ if change.leftover => vec![StateEdit::RemoveLeftover(from.identity())],
        _ => Vec::new(),
    }
}

fn removal(change: &Change, identity: Option<Identity>, is_leftover: bool) -> Vec<StateEdit> {
    match identity {
        Some(identity) if is_leftover => vec![StateEdit::RemoveLeftover(identity)],
        _ => vec![StateEdit::RemovePart(change.address.clone())],
    }
}

fn set(address: &PartAddress, record: PartRecord) -> StateEdit {
    StateEdit::SetPart(address.clone(), Box::new(record))
}

fn leftover(address: &PartAddress, record: PartRecord, why: LeftoverReason) -> StateEdit {
    StateEdit::SetLeftover(Box::new(Leftover {
        address: address.clone(),
        record,
        why,
    }))
}

/// What is known of a part while it is being made: its name, and what it may come to have.
fn creating(planned: &Planned, told: &BTreeMap<String, Value>) -> PartRecord {
    PartRecord {
        part_type: planned.part.part_type.clone(),
        physical_name: planned.physical_name.clone(),
        generation: planned.generation,
        properties: told.clone(),
        outputs: BTreeMap::new(),
        tags: planned.part.tags.clone(),
        lifecycle: planned.part.lifecycle,
        dependencies: planned.part.dependencies(),
        label: planned.part.label.clone(),
        unsettled: Some(Unsettled::Creating),
    }
}

/// The parts that a change's deletions have to wait for, as they were recorded.
pub(crate) fn recorded_dependencies(change: &Change) -> Option<&BTreeSet<PartAddress>> {
    change.from.as_ref().map(|record| &record.dependencies)
}
