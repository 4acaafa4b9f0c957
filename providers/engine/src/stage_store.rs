//! A stage's state in its store: numbered snapshots, and the journal that leads to the next.
//!
//! Nothing is ever overwritten. `state/N` is what `journal/N` makes of `state/N-1`, so that whoever
//! writes it writes the same, and a damaged snapshot is made anew from the one before.

use crate::clock::Clock;
use crate::error::EngineError;
use crate::journal::{self, DecodeFault, Record, Replayed, Segment, Segments};
use crate::lock::Lease;
use crate::model::{ApplicationName, PartAddress, StageName};
use crate::state::State;
use crate::store::StateStore;
use crate::store_access::{Written, list, read, remove, write_once};
use crate::wire;
use futures_util::stream::{StreamExt, iter};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const PREFIX: &str = "state/";

/// How many serials later the seal of an interrupted journal may go: as long as it is there, its
/// writer finds out that he is fenced off, however late he wakes.
const SEALS_KEPT: u64 = 16;

/// How often a listing may be out of date when what it names is read. Others would have to begin and
/// end as many applies meanwhile.
const TRIES: u32 = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// How many objects are read or removed at once. A long apply leaves thousands of segments.
const AT_ONCE: usize = 64;

fn key(serial: u64) -> String {
    format!("{PREFIX}{serial:012}")
}

/// A stage, and where it is kept.
pub(crate) struct StageStore<'a> {
    pub(crate) store: &'a dyn StateStore,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) application: &'a ApplicationName,
    pub(crate) stage: &'a StageName,
}

/// What a stage's store holds.
pub(crate) struct Loaded {
    /// With what an interrupted apply left.
    pub(crate) state: State,
    /// A journal that no snapshot accounts for yet.
    pub(crate) pending: Option<Pending>,
    /// What was damaged and could be made up for.
    pub(crate) warnings: Vec<String>,
    keys: Vec<String>,
}

/// A journal that no snapshot accounts for yet.
pub(crate) struct Pending {
    pub(crate) serial: u64,
    pub(crate) next_sequence: u64,
    pub(crate) epoch: u64,
    pub(crate) command: String,
    pub(crate) closed: bool,
    pub(crate) sealed: bool,
    pub(crate) open_steps: usize,
    /// Whatever it began with and no longer has.
    pub(crate) removed: BTreeSet<PartAddress>,
}

impl StageStore<'_> {
    /// Reads everything. Writes nothing.
    pub(crate) async fn load(&self) -> Result<Loaded, EngineError> {
        for _ in 0..TRIES {
            let keys = list(self.store, self.clock, "").await?;
            // What was there and is gone by now was removed by one who wrote something newer.
            if let Some(loaded) = self.load_listed(keys).await? {
                return Ok(loaded);
            }
            self.clock.sleep(BETWEEN_TRIES).await;
        }
        Err(EngineError::corrupt(
            self.store.location(),
            "it lists objects that cannot be read, time and again",
        ))
    }

    async fn load_listed(&self, keys: Vec<String>) -> Result<Option<Loaded>, EngineError> {
        let mut warnings = Vec::new();
        let serials: BTreeSet<u64> = keys
            .iter()
            .filter_map(|key| key.strip_prefix(PREFIX)?.parse().ok())
            .collect();
        let base = match serials.last() {
            None => None,
            Some(latest) => match self.snapshot(*latest).await? {
                Snapshot::Gone => return Ok(None),
                Snapshot::Whole(state) => Some(*state),
                Snapshot::Damaged(detail) => {
                    Some(self.rebuild(*latest, &keys, detail, &mut warnings).await?)
                }
            },
        };
        let base_serial = base.as_ref().map_or(0, |state| state.serial);
        let Some(segments) = self.segments(base_serial + 1, &keys).await? else {
            return Ok(None);
        };
        let base = match base {
            Some(base) => base,
            None => self.unborn(&keys, &segments)?,
        };
        self.check_owner(&base)?;
        if segments.is_empty() {
            return Ok(Some(Loaded {
                state: base,
                pending: None,
                warnings,
                keys,
            }));
        }
        let replayed = self.replay(&base, &segments)?;
        warnings.extend(replayed.damage.iter().map(|damage| {
            format!("{damage}; what it may have said is found out from the provider")
        }));
        let last = segments.values().flatten().last();
        let pending = Pending {
            serial: base.serial + 1,
            next_sequence: segments.last_key_value().map_or(0, |(last, _)| last + 1),
            epoch: last.map_or(base.epoch, |segment| segment.epoch),
            command: command_of(&segments),
            closed: replayed.closed,
            sealed: replayed.sealed,
            open_steps: replayed.open_steps,
            removed: &addresses(&base) - &addresses(&replayed.state),
        };
        Ok(Some(Loaded {
            state: replayed.state,
            pending: Some(pending),
            warnings,
            keys,
        }))
    }

    /// The state before the first.
    fn unborn(&self, keys: &[String], segments: &Segments) -> Result<State, EngineError> {
        let journals = keys.iter().filter_map(|key| journal::parse_key(key));
        if journals.into_iter().any(|(serial, _)| serial > 1) {
            return Err(EngineError::corrupt(
                self.store.location(),
                "there are journals, but the state they belong to is missing",
            ));
        }
        let mut known = segments.values().flatten();
        let lineage = known
            .next()
            .map_or(String::new(), |first| first.lineage.clone());
        Ok(State::empty(
            self.application.clone(),
            self.stage.clone(),
            lineage,
        ))
    }

    fn check_owner(&self, state: &State) -> Result<(), EngineError> {
        let (application, stage) = (&state.application, &state.stage);
        let same_person = match (stage.origin(), self.stage.origin()) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        if application == self.application && stage.as_str() == self.stage.as_str() && same_person {
            return Ok(());
        }
        Err(EngineError::ForeignStage {
            location: self.store.location(),
            application: application.to_string(),
            stage: stage.to_string(),
            origin: stage.origin().map(str::to_owned),
        })
    }

    async fn snapshot(&self, serial: u64) -> Result<Snapshot, EngineError> {
        let name = key(serial);
        let Some(bytes) = read(self.store, self.clock, &name).await? else {
            return Ok(Snapshot::Gone);
        };
        match wire::state_from_bytes(&bytes) {
            Ok(state) if state.serial == serial => Ok(Snapshot::Whole(Box::new(state))),
            Ok(_) => Ok(Snapshot::Damaged(format!(
                "`{name}` has another's contents"
            ))),
            Err(error) if error.is_newer() => Err(EngineError::Newer {
                location: self.store.location(),
                source: error,
            }),
            Err(error) => Ok(Snapshot::Damaged(format!("`{name}`: {error}"))),
        }
    }

    /// Makes a damaged snapshot anew.
    async fn rebuild(
        &self,
        serial: u64,
        keys: &[String],
        detail: String,
        warnings: &mut Vec<String>,
    ) -> Result<State, EngineError> {
        let corrupt =
            |why: &str| EngineError::corrupt(self.store.location(), format!("{detail}, and {why}"));
        let segments = self.segments(serial, keys).await?.unwrap_or_default();
        if segments.is_empty() {
            return Err(corrupt("the journal that made it is gone"));
        }
        let base = match serial - 1 {
            0 => self.unborn(&[], &segments)?,
            before => match self.snapshot(before).await? {
                Snapshot::Whole(state) => *state,
                _ => return Err(corrupt("the state before it cannot be read either")),
            },
        };
        let replayed = self.replay(&base, &segments)?;
        warnings.push(format!(
            "{detail}; it was made anew from the state before it and its journal"
        ));
        Ok(replayed.state)
    }

    fn replay(&self, base: &State, segments: &Segments) -> Result<Replayed, EngineError> {
        journal::replay(base, segments)
            .map_err(|detail| EngineError::corrupt(self.store.location(), detail))
    }

    /// The segments of a journal; `None` when somebody removes them meanwhile.
    async fn segments(
        &self,
        serial: u64,
        keys: &[String],
    ) -> Result<Option<Segments>, EngineError> {
        let sequences: Vec<u64> = keys
            .iter()
            .filter_map(|key| journal::parse_key(key))
            .filter(|(of, _)| *of == serial)
            .map(|(_, sequence)| sequence)
            .collect();
        let reads = sequences.into_iter().map(|sequence| async move {
            let name = journal::key(serial, sequence);
            (sequence, read(self.store, self.clock, &name).await)
        });
        let mut segments = Segments::new();
        let mut reads = iter(reads).buffer_unordered(AT_ONCE);
        while let Some((sequence, bytes)) = reads.next().await {
            let Some(bytes) = bytes? else {
                return Ok(None);
            };
            let segment = match journal::decode(serial, sequence, &bytes) {
                Ok(segment) => Ok(segment),
                Err(DecodeFault::Damaged(detail)) => Err(detail),
                Err(DecodeFault::Newer(source)) => {
                    return Err(EngineError::Newer {
                        location: self.store.location(),
                        source,
                    });
                }
            };
            segments.insert(sequence, segment);
        }
        Ok(Some(journal::with_gaps(segments, serial)))
    }

    /// Takes over what was interrupted: nobody else can add to its journal, and a snapshot accounts
    /// for it.
    pub(crate) async fn recover(&self, lease: &Lease<'_>) -> Result<Loaded, EngineError> {
        loop {
            let loaded = self.load().await?;
            let Some(pending) = &loaded.pending else {
                return Ok(loaded);
            };
            if !pending.closed && !pending.sealed {
                let seal = Segment {
                    lineage: loaded.state.lineage.clone(),
                    serial: pending.serial,
                    sequence: pending.next_sequence,
                    epoch: lease.epoch,
                    records: vec![Record::Seal {
                        by_epoch: lease.epoch,
                    }],
                };
                let name = journal::key(pending.serial, pending.next_sequence);
                let bytes = wire::segment_to_bytes(&seal);
                write_once(self.store, self.clock, &name, &bytes).await?;
                // Ours or not: what is there now has to be read.
                continue;
            }
            self.save(&loaded.state).await?;
            let warnings = loaded.warnings;
            let loaded = self.load().await?;
            return Ok(Loaded { warnings, ..loaded });
        }
    }

    /// Writes a snapshot. Whoever else writes it has read the same journal.
    pub(crate) async fn save(&self, state: &State) -> Result<Written, EngineError> {
        let bytes = wire::state_to_bytes(state);
        let name = key(state.serial);
        Ok(write_once(self.store, self.clock, &name, &bytes).await?)
    }

    /// Removes what is older than the last two snapshots and the last journal.
    pub(crate) async fn tidy(&self, serial: u64) {
        let Ok(keys) = list(self.store, self.clock, "").await else {
            return;
        };
        let mut last_of: BTreeMap<u64, u64> = BTreeMap::new();
        for (of, sequence) in keys.iter().filter_map(|key| journal::parse_key(key)) {
            let last = last_of.entry(of).or_default();
            *last = sequence.max(*last);
        }
        let mut useless: Vec<String> = Vec::new();
        for name in keys {
            if let Some((of, sequence)) = journal::parse_key(&name) {
                let recent = of + SEALS_KEPT > serial;
                let may_be_seal = recent && last_of.get(&of) == Some(&sequence);
                if of < serial && !(may_be_seal && self.is_seal(of, sequence).await) {
                    useless.push(name);
                }
            } else if let Some(of) = name.strip_prefix(PREFIX)
                && of.parse().is_ok_and(|of: u64| of + 1 < serial)
            {
                useless.push(name);
            }
        }
        let removals = useless
            .into_iter()
            .map(|name| async move { remove(self.store, &name).await });
        let removals = iter(removals).buffer_unordered(AT_ONCE);
        removals.collect::<()>().await;
    }

    async fn is_seal(&self, serial: u64, sequence: u64) -> bool {
        let name = journal::key(serial, sequence);
        let Ok(Some(bytes)) = read(self.store, self.clock, &name).await else {
            return true;
        };
        let Ok(segment) = journal::decode(serial, sequence, &bytes) else {
            return false;
        };
        segment
            .records
            .iter()
            .any(|record| matches!(record, Record::Seal { .. }))
    }
}

impl Loaded {
    /// The highest epoch that is known from the state and its journal.
    pub(crate) fn epoch(&self) -> u64 {
        let pending = self.pending.as_ref().map_or(0, |pending| pending.epoch);
        pending.max(self.state.epoch)
    }

    /// Whether there is anything of a stage at all.
    pub(crate) fn is_unborn(&self) -> bool {
        self.keys.is_empty()
    }
}

enum Snapshot {
    Whole(Box<State>),
    Damaged(String),
    Gone,
}

/// The parts of a state, and those that its leftovers were.
fn addresses(state: &State) -> BTreeSet<PartAddress> {
    let leftovers = state.leftovers.values().map(|leftover| &leftover.address);
    state.parts.keys().chain(leftovers).cloned().collect()
}

fn command_of(segments: &Segments) -> String {
    let records = segments
        .values()
        .flatten()
        .flat_map(|segment| &segment.records);
    let mut intents = records.filter_map(|record| match record {
        Record::Intent { command, .. } => Some(command.clone()),
        _ => None,
    });
    intents
        .next()
        .unwrap_or_else(|| "an unknown command".to_owned())
}
