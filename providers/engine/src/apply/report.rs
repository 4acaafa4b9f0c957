//! What an apply tells: while it runs, and afterwards.

use crate::model::PartAddress;
use crate::step::Phase;
use std::time::Duration;

/// Something happened to a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyEvent<'a> {
    /// The part.
    pub address: &'a PartAddress,
    /// What people call it.
    pub label: &'a str,
    /// What is being done: `create`, `update`, `delete`, or a word for a change of the state alone.
    pub call: &'static str,
    /// Where the step is now.
    pub phase: Phase,
    /// Since the step was cleared.
    pub elapsed: Duration,
    /// What the provider says about it, or why it failed.
    pub note: Option<&'a str>,
}

/// What became of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepReport {
    /// The part.
    pub address: PartAddress,
    /// What people call it.
    pub label: String,
    /// What was to be done: `create`, `update`, `delete`, or a word for a change of the state alone.
    pub call: &'static str,
    /// How it ended: done, failed, blocked or left.
    pub phase: Phase,
    /// How long it took.
    pub elapsed: Duration,
    /// Why it failed.
    pub failure: Option<String>,
}

/// What became of an apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Every step, in the order of the plan.
    pub steps: Vec<StepReport>,
    /// Whether the user said to stop.
    pub stopped: bool,
    /// Whether it was left at once, so that the next command has to find out what it did.
    pub abandoned: bool,
    /// Why the result is not in the state yet. The journal has what could be written of it, and
    /// the next command goes on from there.
    pub unsaved: Option<String>,
    /// The serial of the state that has the result.
    pub serial: u64,
    /// How long it took.
    pub elapsed: Duration,
}

impl Summary {
    /// Whether everything that was planned is done and recorded.
    pub fn is_complete(&self) -> bool {
        self.unsaved.is_none()
            && !self.abandoned
            && self.steps.iter().all(|step| step.phase == Phase::Done)
    }

    /// The steps that ended so.
    pub fn in_phase(&self, phase: Phase) -> impl Iterator<Item = &StepReport> {
        self.steps.iter().filter(move |step| step.phase == phase)
    }
}
