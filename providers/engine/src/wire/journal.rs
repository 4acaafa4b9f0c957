//! Segments of a journal.

use super::envelope::Format;
use super::plan::{WireDocument, plan_from_wire, plan_to_wire};
use super::state::WireEdit;
use super::{Detail, WireError};
use crate::journal::{Record, Segment};
use crate::state::StateEdit;
use serde::{Deserialize, Serialize};

const FORMAT: Format = Format {
    what: "journal",
    tag: "ifc-journal",
    version: 1,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSegment {
    lineage: String,
    serial: u64,
    sequence: u64,
    epoch: u64,
    records: Vec<WireJournalRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum WireJournalRecord {
    Intent {
        command: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plan: Option<WireDocument>,
        edits: Vec<WireEdit>,
    },
    Begin {
        step: usize,
        edits: Vec<WireEdit>,
    },
    End {
        step: usize,
        done: bool,
        edits: Vec<WireEdit>,
    },
    Close {
        edits: Vec<WireEdit>,
    },
    Seal {
        by_epoch: u64,
    },
}

fn edits_to_wire(edits: &[StateEdit]) -> Vec<WireEdit> {
    edits.iter().map(Into::into).collect()
}

fn edits_from_wire(edits: Vec<WireEdit>) -> Result<Vec<StateEdit>, Detail> {
    edits.into_iter().map(TryInto::try_into).collect()
}

impl From<&Record> for WireJournalRecord {
    fn from(record: &Record) -> WireJournalRecord {
        match record {
            Record::Intent {
                command,
                plan,
                edits,
            } => WireJournalRecord::Intent {
                command: command.clone(),
                plan: plan.as_deref().map(plan_to_wire),
                edits: edits_to_wire(edits),
            },
            Record::Begin { step, edits } => WireJournalRecord::Begin {
                step: *step,
                edits: edits_to_wire(edits),
            },
            Record::End { step, done, edits } => WireJournalRecord::End {
                step: *step,
                done: *done,
                edits: edits_to_wire(edits),
            },
            Record::Close { edits } => WireJournalRecord::Close {
                edits: edits_to_wire(edits),
            },
            Record::Seal { by_epoch } => WireJournalRecord::Seal {
                by_epoch: *by_epoch,
            },
        }
    }
}

impl TryFrom<WireJournalRecord> for Record {
    type Error = Detail;

    fn try_from(wire: WireJournalRecord) -> Result<Record, Detail> {
        Ok(match wire {
            WireJournalRecord::Intent {
                command,
                plan,
                edits,
            } => Record::Intent {
                command,
                plan: plan
                    .map(|document| plan_from_wire(document).map(Box::new))
                    .transpose()
                    .map_err(|error| error.to_string())?,
                edits: edits_from_wire(edits)?,
            },
            WireJournalRecord::Begin { step, edits } => Record::Begin {
                step,
                edits: edits_from_wire(edits)?,
            },
            WireJournalRecord::End { step, done, edits } => Record::End {
                step,
                done,
                edits: edits_from_wire(edits)?,
            },
            WireJournalRecord::Close { edits } => Record::Close {
                edits: edits_from_wire(edits)?,
            },
            WireJournalRecord::Seal { by_epoch } => Record::Seal { by_epoch },
        })
    }
}

pub(crate) fn segment_to_bytes(segment: &Segment) -> Vec<u8> {
    FORMAT.seal(&WireSegment {
        lineage: segment.lineage.clone(),
        serial: segment.serial,
        sequence: segment.sequence,
        epoch: segment.epoch,
        records: segment.records.iter().map(Into::into).collect(),
    })
}

pub(crate) fn segment_from_bytes(bytes: &[u8]) -> Result<Segment, WireError> {
    let wire: WireSegment = FORMAT.open(bytes)?;
    let records: Result<Vec<Record>, Detail> =
        wire.records.into_iter().map(TryInto::try_into).collect();
    Ok(Segment {
        lineage: wire.lineage,
        serial: wire.serial,
        sequence: wire.sequence,
        epoch: wire.epoch,
        records: records.map_err(|detail| WireError::damaged(FORMAT.what, detail))?,
    })
}
