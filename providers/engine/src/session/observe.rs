//! Reading what there is: every part that the state or the blueprint knows.

use super::Session;
use crate::apply::{Limiter, Patience, guarded, within};
use crate::error::EngineError;
use crate::model::{Blueprint, Identity, PartAddress};
use crate::plan::{Observations, drifted};
use crate::provider::{Api, Owner, Provider, ProviderError, ProviderErrorKind, Reading, Target};
use crate::state::{PartRecord, State};
use futures_util::future::join;
use futures_util::stream::{StreamExt, iter};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many parts are read at once. A bound on sockets: calls are bounded by what each API takes.
const READS_AT_ONCE: usize = 200;

/// Something to look at.
struct Sought<'a> {
    target: Target,
    /// Whether the state knows of it, so that it should be there.
    recorded: bool,
    /// What the state says it is like, when no command was interrupted over it.
    settled: Option<&'a PartRecord>,
}

/// Everything to look at before planning.
fn sought<'a>(
    blueprint: &Blueprint,
    state: &'a State,
    found: &BTreeMap<Identity, Target>,
) -> Vec<Sought<'a>> {
    let mut sought: BTreeMap<Identity, Sought<'a>> = BTreeMap::new();
    let parts = state.parts.iter();
    let leftovers = state.leftovers.values();
    let records = parts.chain(leftovers.map(|leftover| (&leftover.address, &leftover.record)));
    let recorded = records.map(|(address, record)| Sought {
        target: record.target(address),
        recorded: true,
        settled: Some(record).filter(|record| record.unsettled.is_none()),
    });
    let found = found.values().map(|target| Sought {
        target: target.clone(),
        recorded: true,
        settled: None,
    });
    for thing in recorded.chain(found) {
        sought.insert(thing.target.identity(), thing);
    }
    for part in blueprint.parts().values() {
        let known = state.parts.get(&part.address);
        // The name that it would have in another type, or if its fixed name became another.
        let is_there = known.is_some_and(|record| {
            let stays = part.naming.varies() || part.naming.name(0) == record.physical_name;
            record.part_type == part.part_type && stays
        });
        if !is_there {
            let target = Target {
                address: part.address.clone(),
                part_type: part.part_type.clone(),
                physical_name: part.naming.name(0),
                outputs: BTreeMap::new(),
                tags: part.tags.clone(),
            };
            let new = Sought {
                target,
                recorded: false,
                settled: None,
            };
            sought.entry(new.target.identity()).or_insert(new);
        }
    }
    sought.into_values().collect()
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
        let mut found = self.discover(provider, state, &limiter, &patience).await?;
        let reads = sought(blueprint, state, &found).into_iter().map(|sought| {
            let (limiter, patience) = (&limiter, &patience);
            async move {
                let reading = self.look(provider, &sought, limiter, patience).await;
                (sought.target, reading)
            }
        });
        let reading = async {
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
            (readings, failed)
        };
        let preflight = async {
            if blueprint.parts().is_empty() {
                return Ok(Vec::new());
            }
            let preflight = || provider.preflight(blueprint);
            let api = Api {
                name: "preflight".to_owned(),
                per_second: None,
            };
            self.ask(&api, &limiter, &patience, preflight).await
        };
        let ((readings, mut failed), findings) = join(reading, preflight).await;
        // Lists are behind for longer than readings: what is gone keeps its name from nobody.
        found.retain(|identity, _| readings.get(identity) != Some(&Reading::Absent));
        if !failed.is_empty() {
            failed.sort();
            return Err(EngineError::Unreadable { parts: failed });
        }
        let findings = findings.map_err(|message| EngineError::Preflight { message })?;
        Ok(Observations {
            readings,
            found,
            findings,
        })
    }

    /// What carries the stage's tags and is not in the state, when there is reason to ask.
    async fn discover(
        &self,
        provider: &dyn Provider,
        state: &State,
        limiter: &Limiter<'_>,
        patience: &Patience,
    ) -> Result<BTreeMap<Identity, Target>, EngineError> {
        if state.artifact.is_some() {
            return Ok(BTreeMap::new());
        }
        let question = || provider.discover(&self.setup.application, &self.setup.stage);
        let api = Api {
            name: "discover".to_owned(),
            per_second: None,
        };
        let answer = self.ask(&api, limiter, patience, question).await;
        let targets = answer.map_err(|message| EngineError::Discovery { message })?;
        let targets = targets
            .into_iter()
            .map(|target| (target.identity(), target));
        Ok(targets
            .filter(|(identity, _)| !state.knows(identity))
            .collect())
    }

    /// Looks again at what should be there and is not, or is not ours, or is not as it was left, for as
    /// long as readers may be behind: what was made or taken over a moment ago must not be forgotten,
    /// and what was changed or replaced not be taken for changed by somebody else.
    async fn look(
        &self,
        provider: &dyn Provider,
        sought: &Sought<'_>,
        limiter: &Limiter<'_>,
        patience: &Patience,
    ) -> Result<Reading, String> {
        let lag = provider.read_lag(&sought.target.part_type);
        let begun = self.clock.now();
        let mut wait = patience.first_retry;
        loop {
            let sure = !sought.recorded || self.clock.now() - begun >= lag;
            let reading = self
                .read(provider, &sought.target, limiter, patience)
                .await?;
            let as_recorded = match &reading {
                Reading::Absent => false,
                Reading::Present { owner, actual } => {
                    let is_as_left = |record| drifted(record, &actual.properties, None).is_empty();
                    *owner == Owner::Ours && sought.settled.is_none_or(is_as_left)
                }
                Reading::Settling { .. } => true,
            };
            if sure || as_recorded {
                return Ok(reading);
            }
            let left = lag.saturating_sub(self.clock.now() - begun);
            self.clock.sleep(wait.min(left)).await;
            wait *= 2;
        }
    }

    async fn read(
        &self,
        provider: &dyn Provider,
        target: &Target,
        limiter: &Limiter<'_>,
        patience: &Patience,
    ) -> Result<Reading, String> {
        let api = provider.api(&target.part_type);
        self.ask(&api, limiter, patience, || provider.read(target))
            .await
    }

    /// Asks until there is an answer, or one that no repetition would better.
    async fn ask<T, F>(
        &self,
        api: &Api,
        limiter: &Limiter<'_>,
        patience: &Patience,
        question: impl Fn() -> F,
    ) -> Result<T, String>
    where
        F: Future<Output = Result<T, ProviderError>>,
    {
        let clock = &*self.clock;
        let begun = clock.now();
        let mut wait = patience.first_retry;
        loop {
            limiter.turn(api).await;
            let message = match within(clock, patience.call, guarded(question())).await {
                Some(Ok(answer)) => {
                    limiter.accepted(api);
                    return Ok(answer);
                }
                Some(Err(error)) => {
                    if let ProviderErrorKind::Throttled { retry_after } = error.kind() {
                        limiter.throttled(api, *retry_after);
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
