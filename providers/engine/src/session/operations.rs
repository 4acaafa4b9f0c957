//! Looking after a stage: recovery by hand, locks, and edits of the state, which are journaled as
//! everything is.

use super::{ApplyOptions, Session, beside};
use crate::error::EngineError;
use crate::journal::{Journal, Record};
use crate::lock::{self, Holder, Lease};
use crate::model::PartAddress;
use crate::stage_store::Loaded;
use crate::state::{State, StateEdit};

/// What unlocking did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unlocked {
    /// Nobody held the lock.
    WasFree,
    /// The lock of this holder was broken. Should the command still run, it finds out before its
    /// next step.
    Broken(Holder),
}

impl Session {
    /// Accounts for whatever an interrupted command left, and returns the state. Every writing
    /// command does this by itself.
    ///
    /// # Errors
    /// When the stage is locked, or its store fails.
    pub async fn recover(&self, options: &ApplyOptions<'_>) -> Result<State, EngineError> {
        let loaded = self.stage().load().await?;
        if loaded.pending.is_none() {
            return Ok(loaded.state);
        }
        let lease = self.lock(&loaded, options).await?;
        let recovered = beside(self.recover_locked(&lease), lease.heartbeat()).await;
        lease.release().await;
        recovered.map(|loaded| loaded.state)
    }

    async fn recover_locked(&self, lease: &Lease<'_>) -> Result<Loaded, EngineError> {
        let stage = self.stage();
        let loaded = stage.recover(lease).await?;
        stage.tidy(loaded.state.serial).await;
        Ok(loaded)
    }

    /// Takes the lock away from whoever holds it. This loses nothing: a command that still runs is
    /// fenced off, and what it has begun is accounted for by the next.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn unlock(&self) -> Result<Unlocked, EngineError> {
        let (store, clock) = (&*self.store, &*self.clock);
        let found = lock::look(store, clock).await;
        let found = found.map_err(|failure| self.lock_failure(failure))?;
        let Some((contents, _)) = found else {
            return Ok(Unlocked::WasFree);
        };
        let holder = contents.and_then(|contents| contents.holder);
        let broken = lock::break_lock(store, clock, &self.draw()).await;
        broken.map_err(|failure| self.lock_failure(failure))?;
        Ok(holder.map_or(Unlocked::WasFree, Unlocked::Broken))
    }

    /// Gives a part another address.
    ///
    /// # Errors
    /// When there is no part under `from`, or one under `to`, or the stage is locked.
    pub async fn state_move(
        &self,
        from: &PartAddress,
        to: &PartAddress,
        options: &ApplyOptions<'_>,
    ) -> Result<State, EngineError> {
        let edits = |state: &State| {
            if !state.parts.contains_key(from) {
                return Err(EngineError::NoSuchPart(from.clone()));
            }
            if state.parts.contains_key(to) {
                return Err(EngineError::AddressTaken(to.clone()));
            }
            Ok(vec![StateEdit::MovePart {
                from: from.clone(),
                to: to.clone(),
            }])
        };
        self.edit_state(options, &edits).await
    }

    /// Forgets a part, and every leftover of its address, without deleting anything.
    ///
    /// # Errors
    /// When the state has nothing of that address, or the stage is locked.
    pub async fn state_remove(
        &self,
        address: &PartAddress,
        options: &ApplyOptions<'_>,
    ) -> Result<State, EngineError> {
        let edits = |state: &State| {
            let part = state.parts.get(address);
            let part = part.map(|_| StateEdit::RemovePart(address.clone()));
            let leftovers = state.leftovers.iter();
            let leftovers = leftovers
                .filter(|(_, leftover)| leftover.address == *address)
                .map(|(identity, _)| StateEdit::RemoveLeftover(identity.clone()));
            let edits: Vec<StateEdit> = part.into_iter().chain(leftovers).collect();
            match edits.is_empty() {
                true => Err(EngineError::NoSuchPart(address.clone())),
                false => Ok(edits),
            }
        };
        self.edit_state(options, &edits).await
    }

    async fn edit_state(
        &self,
        options: &ApplyOptions<'_>,
        edits: &(dyn Fn(&State) -> Result<Vec<StateEdit>, EngineError> + Send + Sync),
    ) -> Result<State, EngineError> {
        let loaded = self.stage().load().await?;
        edits(&loaded.state)?;
        let lease = self.lock(&loaded, options).await?;
        let work = async {
            let stage = self.stage();
            let mut state = stage.recover(&lease).await?.state;
            let edits = edits(&state)?;
            for edit in &edits {
                state.edit(edit);
            }
            state.serial += 1;
            state.epoch = lease.epoch;
            let clock = &*self.clock;
            let (lineage, serial) = (state.lineage.clone(), state.serial);
            let journal = Journal::new(&*self.store, clock, lineage, serial, lease.epoch);
            let writing = async {
                journal.append(Record::Intent {
                    command: self.setup.command.clone(),
                    plan: None,
                    edits,
                });
                let ticket = journal.append(Record::Close { edits: Vec::new() });
                let durable = journal.durable(ticket).await;
                durable.map_err(|failure| self.lost(&failure))
            };
            beside(writing, journal.run()).await?;
            stage.save(&state).await?;
            stage.tidy(state.serial).await;
            Ok(state)
        };
        let result = beside(work, lease.heartbeat()).await;
        lease.release().await;
        result
    }
}
