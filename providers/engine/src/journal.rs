//! The record of what was intended, begun and ended, from which the state can be rebuilt.
//!
//! A journal takes the state from one serial to the next. It consists of segments, each written
//! once under its number: of several writers only one gets a number, so the journal itself decides
//! whose it is. Whoever takes over seals the journal with a segment of his own; from then on the
//! writer before him finds his next number taken, and knows that he is fenced off.
//!
//! | record | written | says |
//! |---|---|---|
//! | intent | before anything else | the whole plan |
//! | begin | when what a step waits for has had its turn, awaited before its first effect | from here on the part is unsettled |
//! | end | after a step's last effect, not awaited | what the part is now |
//! | close | after all steps | the journal is complete |
//! | seal | by whoever takes over | its writer is gone, or will find out that it is |
//!
//! Begin and end carry edits of the state. Replaying is nothing more than making these edits, so a
//! step that was begun and never ended leaves its part marked as unsettled, and the next plan, which
//! reads every part at its computed name, decides what has become of it.

mod writer;

pub(crate) use writer::{Journal, JournalFailure, Ticket};

use crate::plan::Plan;
use crate::state::{State, StateEdit};
use crate::step;
use crate::wire;
use std::collections::BTreeMap;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// What is going to be done.
    Intent {
        /// What the user asked for, for people.
        command: String,
        plan: Option<Box<Plan>>,
        edits: Vec<StateEdit>,
    },
    /// A step is about to have effects.
    Begin { step: usize, edits: Vec<StateEdit> },
    /// A step will have no more effects.
    End {
        step: usize,
        done: bool,
        edits: Vec<StateEdit>,
    },
    /// All is recorded.
    Close { edits: Vec<StateEdit> },
    /// Somebody else took over.
    Seal { by_epoch: u64 },
}

/// Entries that became durable together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) lineage: String,
    /// The serial of the state that the journal leads to.
    pub(crate) serial: u64,
    pub(crate) sequence: u64,
    /// The epoch of the writer's lock.
    pub(crate) epoch: u64,
    pub(crate) records: Vec<Record>,
}

/// The prefix of all journals' keys.
pub(crate) const PREFIX: &str = "journal/";

/// Where a segment is kept.
pub(crate) fn key(serial: u64, sequence: u64) -> String {
    format!("{PREFIX}{serial:012}/{sequence:08}")
}

/// Serial and sequence of a key.
pub(crate) fn parse_key(key: &str) -> Option<(u64, u64)> {
    let (serial, sequence) = key.strip_prefix(PREFIX)?.split_once('/')?;
    Some((serial.parse().ok()?, sequence.parse().ok()?))
}

/// A journal as it was read: its segments by number, `Err` where one is missing or damaged.
pub(crate) type Segments = BTreeMap<u64, Result<Segment, String>>;

/// What a journal makes of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replayed {
    pub(crate) state: State,
    /// Whether its writer finished.
    pub(crate) closed: bool,
    /// Whether somebody else took over.
    pub(crate) sealed: bool,
    /// Steps that were begun and not ended.
    pub(crate) open_steps: usize,
    /// What was damaged, and what that means.
    pub(crate) damage: Vec<String>,
}

/// Fills in the numbers that are missing before the last.
pub(crate) fn with_gaps(mut segments: Segments, serial: u64) -> Segments {
    let last = segments
        .last_key_value()
        .map_or(0, |(sequence, _)| *sequence);
    for sequence in 0..last {
        segments
            .entry(sequence)
            .or_insert_with(|| Err(format!("`{}` is missing", key(serial, sequence))));
    }
    segments
}

/// Makes a journal's edits. Damage makes the result less definite, never wrong: where an entry
/// cannot be read, every step that is not known to have ended is taken to have been begun.
///
/// # Errors
/// When what is damaged cannot be made up for.
pub(crate) fn replay(base: &State, segments: &Segments) -> Result<Replayed, String> {
    let damage: Vec<String> = segments
        .values()
        .filter_map(|segment| segment.as_ref().err().cloned())
        .collect();
    let mut replayed = Replayed {
        state: base.clone(),
        closed: false,
        sealed: false,
        open_steps: 0,
        damage,
    };
    let mut open: BTreeMap<usize, ()> = BTreeMap::new();
    let mut ended: BTreeMap<usize, ()> = BTreeMap::new();
    let mut plan: Option<&Plan> = None;
    let mut serial_and_epoch = None;
    for segment in segments.values().flatten() {
        // Only a stage that was never written has no lineage.
        if replayed.state.lineage.is_empty() {
            replayed.state.lineage.clone_from(&segment.lineage);
        }
        if segment.lineage != replayed.state.lineage || segment.serial != base.serial + 1 {
            return Err(format!(
                "`{}` belongs to another state",
                key(segment.serial, segment.sequence)
            ));
        }
        serial_and_epoch = Some((segment.serial, segment.epoch));
        for record in &segment.records {
            match record {
                Record::Intent {
                    plan: intended,
                    edits,
                    ..
                } => {
                    plan = intended.as_deref();
                    make(&mut replayed.state, edits);
                }
                Record::Begin { step, edits } => {
                    open.insert(*step, ());
                    make(&mut replayed.state, edits);
                }
                Record::End { step, edits, .. } => {
                    open.remove(step);
                    ended.insert(*step, ());
                    make(&mut replayed.state, edits);
                }
                Record::Close { edits } => {
                    replayed.closed = true;
                    make(&mut replayed.state, edits);
                }
                Record::Seal { .. } => replayed.sealed = true,
            }
        }
    }
    if !replayed.damage.is_empty() {
        let intent_lost = matches!(segments.get(&0), Some(Err(_)));
        match plan {
            Some(plan) => {
                for (step, edits) in step::pessimistic_edits(plan) {
                    if !ended.contains_key(&step) && !open.contains_key(&step) {
                        open.insert(step, ());
                        make(&mut replayed.state, &edits);
                    }
                }
            }
            // Every other entry was read, and they say all that happened. When there is none,
            // nothing had begun.
            None if intent_lost && replayed.damage.len() == 1 => {}
            None => return Err(replayed.damage.join(", ")),
        }
    }
    if let Some((serial, epoch)) = serial_and_epoch {
        replayed.state.serial = serial;
        replayed.state.epoch = epoch;
    } else {
        replayed.state.serial = base.serial + u64::from(!segments.is_empty());
    }
    replayed.open_steps = open.len();
    Ok(replayed)
}

fn make(state: &mut State, edits: &[StateEdit]) {
    for edit in edits {
        state.edit(edit);
    }
}

/// Reads a segment and checks that it is the one its key says.
pub(crate) fn decode(serial: u64, sequence: u64, bytes: &[u8]) -> Result<Segment, DecodeFault> {
    let name = key(serial, sequence);
    match wire::segment_from_bytes(bytes) {
        Ok(segment) if segment.serial == serial && segment.sequence == sequence => Ok(segment),
        Ok(_) => Err(DecodeFault::Damaged(format!(
            "`{name}` has the contents of another"
        ))),
        Err(error) if error.is_newer() => Err(DecodeFault::Newer(error)),
        Err(error) => Err(DecodeFault::Damaged(format!("`{name}`: {error}"))),
    }
}

/// Why a segment cannot be read.
pub(crate) enum DecodeFault {
    /// It is not for us to judge.
    Newer(wire::WireError),
    /// It is not what was written.
    Damaged(String),
}
