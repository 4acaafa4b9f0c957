//! Reading what there is: every part that the state or the blueprint knows.

use super::Session;
use crate::apply::{Limiter, Patience, within};
use crate::error::EngineError;
use crate::model::{Blueprint, Identity, PartAddress};
use crate::plan::Observations;
use crate::provider::{Provider, ProviderErrorKind, Reading, Target};
use crate::state::State;
use futures_util::stream::{StreamExt, iter};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many parts are read at once. A bound on sockets: calls are bounded by what each API takes.
const READS_AT_ONCE: usize = 200;

/// Everything to look at before planning.
pub(crate) fn targets(blueprint: &Blueprint, state: &State) -> Vec<Target> {
    let mut targets: BTreeMap<Identity, Target> = BTreeMap::new();
    let parts = state
        .parts
        .iter()
        .map(|(address, record)| record.target(address));
    let leftovers = state.leftovers.values();
    let leftovers = leftovers.map(|leftover| leftover.record.target(&leftover.address));
    for target in parts.chain(leftovers) {
        targets.insert(target.identity(), target);
    }
    for part in blueprint.parts().values() {
        let known = state.parts.get(&part.address);
        if known.is_none_or(|record| record.part_type != part.part_type) {
            let target = Target {
                address: part.address.clone(),
                part_type: part.part_type.clone(),
                physical_name: part.naming.name(0),
                outputs: BTreeMap::new(),
                tags: part.tags.clone(),
            };
            targets.entry(target.identity()).or_insert(target);
        }
    }
    targets.into_values().collect()
}

impl Session {
    /// Reads every part that the state or the blueprint knows, and asks for a preflight.
    ///
    /// # Errors
    /// When a part cannot be read: a plan that guesses is none.
    pub async fn observe(
        &self,
        provider: &dyn Provider,
        blueprint: &Blueprint,
        state: &State,
    ) -> Result<Observations, EngineError> {
        let limiter = Limiter::new(&*self.clock);
        let patience = Patience::default();
        let reads = targets(blueprint, state).into_iter().map(|target| {
            let (limiter, patience) = (&limiter, &patience);
            async move {
                let reading = self.read(provider, &target, limiter, patience).await;
                (target, reading)
            }
        });
        let mut reads = iter(reads).buffer_unordered(READS_AT_ONCE);
        let mut readings = BTreeMap::new();
        let mut failed: Vec<(PartAddress, String)> = Vec::new();
        while let Some((target, reading)) = reads.next().await {
            match reading {
                Ok(reading) => {
                    readings.insert(target.identity(), reading);
                }
                Err(message) => failed.push((target.address, message)),
            }
        }
        if !failed.is_empty() {
            failed.sort();
            return Err(EngineError::Unreadable { parts: failed });
        }
        let findings = match blueprint.parts().is_empty() {
            true => Vec::new(),
            false => {
                provider
                    .preflight(blueprint)
                    .await
                    .map_err(|error| EngineError::Preflight {
                        message: error.to_string(),
                    })?
            }
        };
        Ok(Observations { readings, findings })
    }

    async fn read(
        &self,
        provider: &dyn Provider,
        target: &Target,
        limiter: &Limiter<'_>,
        patience: &Patience,
    ) -> Result<Reading, String> {
        let clock = &*self.clock;
        let api = provider.api(&target.part_type);
        let begun = clock.now();
        let mut wait = patience.first_retry;
        loop {
            limiter.turn(&api).await;
            let answer = within(clock, patience.call, provider.read(target)).await;
            let message = match answer {
                Some(Ok(reading)) => {
                    limiter.accepted(&api);
                    return Ok(reading);
                }
                Some(Err(error)) => {
                    if let ProviderErrorKind::Throttled { retry_after } = error.kind() {
                        limiter.throttled(&api, *retry_after);
                    } else if !error.is_retryable() {
                        return Err(error.to_string());
                    }
                    error.to_string()
                }
                None => "the provider gave no answer in time".to_owned(),
            };
            if clock.now() - begun >= patience.trouble {
                return Err(message);
            }
            clock.sleep(wait).await;
            wait = (wait * 2)
                .min(patience.longest_retry)
                .max(Duration::from_millis(1));
        }
    }
}
