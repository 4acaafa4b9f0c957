//! Looking at a stage without changing anything.

use super::Session;
use crate::clock::Timestamp;
use crate::error::EngineError;
use crate::lock::{self, Holder};
use crate::model::Blueprint;
use crate::model::{Identity, PartAddress};
use crate::plan::{Drift, PlanOptions};
use crate::provider::{Owner, Provider, Reading};
use crate::state::{State, Unsettled};
use std::collections::BTreeSet;

/// What a stage's store says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The state, with what an interrupted command left.
    pub state: State,
    /// The parts that the last command removed, when it did not get as far as a snapshot: the state
    /// no longer has them.
    pub removed: BTreeSet<PartAddress>,
    /// The command that was interrupted, or is running.
    pub interrupted: Option<Interrupted>,
    /// Who holds the lock.
    pub holder: Option<Holder>,
    /// What was damaged and could be made up for.
    pub warnings: Vec<String>,
    /// Whether nothing was ever done to the stage.
    pub is_unborn: bool,
}

/// A command that did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// The command.
    pub command: String,
    /// How many of its steps were begun and are not known to have ended.
    pub open_steps: usize,
}

/// A part or a leftover, and how it stands at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartStatus {
    /// The part, or what the leftover was.
    pub address: PartAddress,
    /// What people call it.
    pub label: String,
    /// What it is.
    pub identity: Identity,
    /// Whether it is a leftover.
    pub leftover: bool,
    /// What was going on with it when we last knew.
    pub unsettled: Option<Unsettled>,
    /// How it stands.
    pub standing: Standing,
}

/// How a part stands at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is there.
    Present,
    /// It is not there.
    Absent,
    /// It is being made, changed or deleted.
    Settling {
        /// What it is doing.
        note: String,
    },
    /// Under its name there is something of somebody else's.
    Foreign {
        /// Whose.
        owner: String,
    },
}

impl Session {
    /// What the store says, without asking the provider.
    ///
    /// # Errors
    /// When the store cannot be read, or what it holds is newer, damaged or another's.
    pub async fn inspect(&self) -> Result<Inspection, EngineError> {
        let loaded = self.stage().load().await?;
        let found = lock::look(&*self.store, &*self.clock).await;
        let found = found.map_err(|failure| self.lock_failure(failure))?;
        let is_unborn = loaded.is_unborn();
        let removed = loaded.pending.as_ref();
        Ok(Inspection {
            removed: removed.map_or_else(BTreeSet::new, |pending| pending.removed.clone()),
            holder: found.and_then(|(contents, _)| contents?.holder),
            interrupted: loaded
                .pending
                .filter(|pending| !pending.closed)
                .map(|pending| Interrupted {
                    command: pending.command,
                    open_steps: pending.open_steps,
                }),
            state: loaded.state,
            warnings: loaded.warnings,
            is_unborn,
        })
    }

    /// How every part that the state knows stands at the provider.
    ///
    /// # Errors
    /// When the state or a part cannot be read.
    pub async fn status(&self, provider: &dyn Provider) -> Result<Vec<PartStatus>, EngineError> {
        let state = self.stage().load().await?.state;
        let nothing = self.nothing(provider);
        let observations = self.observe(provider, &nothing, &state).await?;
        let parts = state
            .parts
            .iter()
            .map(|(address, record)| (address, record, false));
        let leftovers = state.leftovers.values();
        let leftovers = leftovers.map(|leftover| (&leftover.address, &leftover.record, true));
        let status = parts.chain(leftovers).map(|(address, record, leftover)| {
            let identity = record.identity();
            let standing = match observations.readings.get(&identity) {
                Some(Reading::Present {
                    owner: Owner::Foreign { description },
                    ..
                }) => Standing::Foreign {
                    owner: description.clone(),
                },
                Some(Reading::Present { .. }) => Standing::Present,
                Some(Reading::Settling { note }) => Standing::Settling { note: note.clone() },
                Some(Reading::Absent) | None => Standing::Absent,
            };
            PartStatus {
                address: address.clone(),
                label: record.label.clone(),
                identity,
                leftover,
                unsettled: record.unsettled,
                standing,
            }
        });
        Ok(status.collect())
    }

    /// What somebody else changed, and what the next apply would do about it.
    ///
    /// # Errors
    /// As for [`plan`](Session::plan).
    pub async fn drift(
        &self,
        provider: &dyn Provider,
        blueprint: &Blueprint,
    ) -> Result<Vec<Drift>, EngineError> {
        let plan = self
            .plan(provider, blueprint, &PlanOptions::default())
            .await?;
        Ok(plan.drift)
    }

    /// The wall clock of this session, to say how long ago something was.
    pub fn wall(&self) -> Timestamp {
        self.clock.wall()
    }
}
