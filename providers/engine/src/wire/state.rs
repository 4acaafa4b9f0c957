//! States, and the edits that journals consist of.

use super::envelope::Format;
use super::part::{WireIdentity, WireLeftover, WireRecord};
use super::{Detail, WireError, parsed};
use crate::digest::Fingerprint;
use crate::model::StageName;
use crate::state::{Leftover, PartRecord, State, StateEdit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const FORMAT: Format = Format {
    what: "state",
    tag: "ifc-state",
    version: 1,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireState {
    application: String,
    stage: WireStage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    lineage: String,
    serial: u64,
    epoch: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    artifact: Option<String>,
    parts: BTreeMap<String, WireRecord>,
    leftovers: Vec<WireLeftover>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireStage {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
}

impl From<&StageName> for WireStage {
    fn from(stage: &StageName) -> WireStage {
        WireStage {
            name: stage.as_str().to_owned(),
            origin: stage.origin().map(str::to_owned),
        }
    }
}

impl TryFrom<WireStage> for StageName {
    type Error = Detail;

    fn try_from(wire: WireStage) -> Result<StageName, Detail> {
        match wire.origin {
            None => parsed(&wire.name),
            Some(origin) => {
                let stage = StageName::personal(&origin).map_err(|error| error.to_string())?;
                match stage.as_str() == wire.name {
                    true => Ok(stage),
                    false => Err(format!("stage `{}` is not made of `{origin}`", wire.name)),
                }
            }
        }
    }
}

impl From<&State> for WireState {
    fn from(state: &State) -> WireState {
        let parts = state.parts.iter();
        WireState {
            application: state.application.to_string(),
            stage: (&state.stage).into(),
            provider: state.provider.clone(),
            lineage: state.lineage.clone(),
            serial: state.serial,
            epoch: state.epoch,
            artifact: state.artifact.as_ref().map(ToString::to_string),
            parts: parts
                .map(|(address, record)| (address.to_string(), record.into()))
                .collect(),
            leftovers: state.leftovers.values().map(Into::into).collect(),
        }
    }
}

impl TryFrom<WireState> for State {
    type Error = Detail;

    fn try_from(wire: WireState) -> Result<State, Detail> {
        let mut parts = BTreeMap::new();
        for (address, record) in wire.parts {
            parts.insert(parsed(&address)?, PartRecord::try_from(record)?);
        }
        let mut leftovers = BTreeMap::new();
        for leftover in wire.leftovers {
            let leftover = Leftover::try_from(leftover)?;
            leftovers.insert(leftover.record.identity(), leftover);
        }
        Ok(State {
            application: parsed(&wire.application)?,
            stage: wire.stage.try_into()?,
            provider: wire.provider,
            lineage: wire.lineage,
            serial: wire.serial,
            epoch: wire.epoch,
            artifact: wire.artifact.map(Fingerprint::parse),
            parts,
            leftovers,
        })
    }
}

pub(crate) fn state_to_bytes(state: &State) -> Vec<u8> {
    FORMAT.seal(&WireState::from(state))
}

pub(crate) fn state_from_bytes(bytes: &[u8]) -> Result<State, WireError> {
    let wire: WireState = FORMAT.open(bytes)?;
    wire.try_into()
        .map_err(|detail| WireError::damaged(FORMAT.what, detail))
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum WireEdit {
    SetPart { address: String, record: WireRecord },
    RemovePart { address: String },
    MovePart { from: String, to: String },
    SetLeftover(WireLeftover),
    RemoveLeftover(WireIdentity),
    SetProvider { name: String },
    SetArtifact { fingerprint: String },
}

impl From<&StateEdit> for WireEdit {
    fn from(edit: &StateEdit) -> WireEdit {
        match edit {
            StateEdit::SetPart(address, record) => WireEdit::SetPart {
                address: address.to_string(),
                record: (&**record).into(),
            },
            StateEdit::RemovePart(address) => WireEdit::RemovePart {
                address: address.to_string(),
            },
            StateEdit::MovePart { from, to } => WireEdit::MovePart {
                from: from.to_string(),
                to: to.to_string(),
            },
            StateEdit::SetLeftover(leftover) => WireEdit::SetLeftover((&**leftover).into()),
            StateEdit::RemoveLeftover(identity) => WireEdit::RemoveLeftover(identity.into()),
            StateEdit::SetProvider(name) => WireEdit::SetProvider { name: name.clone() },
            StateEdit::SetArtifact(fingerprint) => WireEdit::SetArtifact {
                fingerprint: fingerprint.to_string(),
            },
        }
    }
}

impl TryFrom<WireEdit> for StateEdit {
    type Error = Detail;

    fn try_from(wire: WireEdit) -> Result<StateEdit, Detail> {
        Ok(match wire {
            WireEdit::SetPart { address, record } => {
                StateEdit::SetPart(parsed(&address)?, Box::new(record.try_into()?))
            }
            WireEdit::RemovePart { address } => StateEdit::RemovePart(parsed(&address)?),
            WireEdit::MovePart { from, to } => StateEdit::MovePart {
                from: parsed(&from)?,
                to: parsed(&to)?,
            },
            WireEdit::SetLeftover(leftover) => {
                StateEdit::SetLeftover(Box::new(leftover.try_into()?))
            }
            WireEdit::RemoveLeftover(identity) => StateEdit::RemoveLeftover(identity.into()),
            WireEdit::SetProvider { name } => StateEdit::SetProvider(name),
            WireEdit::SetArtifact { fingerprint } => {
                StateEdit::SetArtifact(Fingerprint::parse(fingerprint))
            }
        })
    }
}
