//! One command's work on one stage: what the command line drives.

mod inspect;
mod observe;
mod operations;

pub use inspect::{Inspection, Interrupted, PartStatus, Standing};
pub use operations::Unlocked;

use crate::apply::{ApplyEvent, Ended, Limiter, Patience, Run, StopSignal, Summary};
use crate::clock::Clock;
use crate::digest;
use crate::error::EngineError;
use crate::journal::{Journal, JournalFailure, Record};
use crate::lock::{self, Free, Holder, Lease, PresumeDead, Waiting};
use crate::model::{ApplicationName, Blueprint, StageName};
use crate::plan::{Observations, Plan, PlanOptions, plan};
use crate::provider::{Provider, Severity};
use crate::stage_store::{Loaded, StageStore};
use crate::state::{State, StateEdit};
use crate::step::StepGraph;
use crate::store::StateStore;
use futures_util::future::{Either, join, pending, select};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A stage in its store, and who works on it.
///
/// Reading methods take no lock and write nothing. Writing methods take the lock, account for
/// whatever an interrupted command left, do their work and release the lock.
pub struct Session {
    store: Arc<dyn StateStore>,
    clock: Arc<dyn Clock>,
    setup: Setup,
    random: Mutex<fastrand::Rng>,
}

/// Which stage, and who works on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Whose stage.
    pub application: ApplicationName,
    /// Which stage.
    pub stage: StageName,
    /// Who runs the command.
    pub person: String,
    /// On which machine.
    pub host: String,
    /// In which process.
    pub process: u32,
    /// The command, for the one who finds the stage locked.
    pub command: String,
    /// Where chance comes from: names of locks, jitter of waits. Different for every process.
    pub seed: u64,
    /// How long the lock stays ours without a sign of life. A heartbeat comes four times as often.
    pub lease: Duration,
    /// How long to wait for a lock that is another's and alive.
    pub lock_wait: Duration,
}

impl Setup {
    /// The usual times: a lease of 20 s, and a little more to wait for one that is not renewed.
    pub fn new(application: ApplicationName, stage: StageName, seed: u64) -> Setup {
        Setup {
            application,
            stage,
            person: "somebody".to_owned(),
            host: "somewhere".to_owned(),
            process: 0,
            command: "ifc".to_owned(),
            seed,
            lease: Duration::from_secs(20),
            lock_wait: Duration::from_secs(25),
        }
    }
}

/// How to apply, and whom to tell.
#[derive(Clone, Copy)]
pub struct ApplyOptions<'a> {
    /// How long to bear with the provider.
    pub patience: &'a Patience,
    /// The user's wish to stop.
    pub stop: &'a StopSignal,
    /// Is told what happens to each step.
    pub observer: &'a (dyn Fn(&ApplyEvent<'_>) + Send + Sync),
    /// Is told, about once a second, who holds the lock that is waited for.
    pub on_wait: &'a (dyn Fn(&Holder) + Send + Sync),
    /// Whether a holder is known to be gone, such as a process of this machine that has ended.
    pub presume_dead: PresumeDead<'a>,
}

impl Session {
    /// A session on the stage in `store`. Reads nothing yet.
    pub fn new(store: Arc<dyn StateStore>, clock: Arc<dyn Clock>, setup: Setup) -> Session {
        let random = Mutex::new(fastrand::Rng::with_seed(setup.seed));
        Session {
            store,
            clock,
            setup,
            random,
        }
    }

    /// What would have to be done so that the stage becomes the blueprint. Reads every part that
    /// the state or the blueprint knows.
    ///
    /// # Errors
    /// When the state or a part cannot be read.
    pub async fn plan(
        &self,
        provider: &dyn Provider,
        blueprint: &Blueprint,
        options: &PlanOptions,
    ) -> Result<Plan, EngineError> {
        let loaded = self.stage().load().await?;
        let observations = self.observe(provider, blueprint, &loaded.state).await?;
        Ok(plan(blueprint, &loaded.state, &observations, options))
    }

    /// What an apply to an empty stage would do. Asks nobody, neither store nor provider.
    pub fn plan_offline(&self, blueprint: &Blueprint, options: &PlanOptions) -> Plan {
        let Setup {
            application, stage, ..
        } = &self.setup;
        let nothing = State::empty(application.clone(), stage.clone(), String::new());
        plan(blueprint, &nothing, &Observations::default(), options)
    }

    /// What destroying the stage would do: the same as planning for nothing. What is retained or
    /// protected stays, unless the options consent to its deletion.
    ///
    /// # Errors
    /// As for [`plan`](Self::plan).
    pub async fn plan_destroy(
        &self,
        provider: &dyn Provider,
        options: &PlanOptions,
    ) -> Result<Plan, EngineError> {
        let nothing = self.nothing(provider);
        self.plan(provider, &nothing, options).await
    }

    /// The blueprint of an empty stage.
    pub fn nothing(&self, provider: &dyn Provider) -> Blueprint {
        Blueprint::empty(
            self.setup.application.clone(),
            self.setup.stage.clone(),
            provider.name(),
        )
    }

    /// Carries out a plan that was made for this blueprint and for the state as it is.
    ///
    /// Parts that fail do not make this an error: the summary tells.
    ///
    /// # Errors
    /// When nothing was done: the plan is stale or refused, the stage is locked, or the store does
    /// not take the intent.
    pub async fn apply(
        &self,
        provider: &dyn Provider,
        blueprint: &Blueprint,
        plan: &Plan,
        options: &ApplyOptions<'_>,
    ) -> Result<Summary, EngineError> {
        self.check_plan(provider, blueprint, plan)?;
        let begun = self.clock.now();
        let free = match plan.is_empty() {
            true => None,
            false => lock::look_for_free(&*self.store, &*self.clock).await,
        };
        let loaded = self.stage().load().await?;
        let loaded_serial = loaded.state.serial;
        check_fresh(plan, &loaded)?;
        if plan.is_empty() && loaded.pending.is_none() {
            return Ok(Summary {
                steps: Vec::new(),
                stopped: false,
                abandoned: false,
                unsaved: None,
                serial: loaded.state.serial,
                elapsed: self.clock.now() - begun,
            });
        }
        let taken = match free {
            Some(free) => self.take(&loaded, free).await?,
            None => None,
        };
        let (lease, loaded) = match taken {
            // Nobody had the lock since before it was loaded.
            Some(lease) => (lease, Some(loaded)),
            None => (self.lock(&loaded, options).await?, None),
        };
        let work = self.apply_locked(provider, plan, options, &lease, loaded);
        let result = beside(work, lease.heartbeat()).await;
        // Whoever leaves at once leaves the lock too: what is under way shall not be met by others.
        let abandoned = result.as_ref().is_ok_and(|summary| summary.abandoned);
        if !abandoned {
            // What is tidied away is of no use to whoever comes next.
            let saved = result.as_ref().ok();
            let saved = saved.filter(|summary| summary.serial > loaded_serial);
            let tidying = async {
                if let Some(summary) = saved {
                    self.stage().tidy(summary.serial).await;
                }
            };
            join(lease.release(), tidying).await;
        }
        result.map(|summary| Summary {
            elapsed: self.clock.now() - begun,
            ..summary
        })
    }

    fn check_plan(
        &self,
        provider: &dyn Provider,
        blueprint: &Blueprint,
        plan: &Plan,
    ) -> Result<(), EngineError> {
        let (setup, basis) = (&self.setup, &plan.basis);
        let mut moved = differences(&[
            (
                "application",
                plan.application.as_str(),
                setup.application.as_str(),
            ),
            ("stage", plan.stage.as_str(), setup.stage.as_str()),
            ("provider", &plan.provider, provider.name()),
        ]);
        if moved.is_empty() {
            let fingerprint = blueprint.fingerprint();
            moved = differences(&[
                (
                    "artifact",
                    basis.artifact.as_str(),
                    blueprint.artifact().as_str(),
                ),
                ("blueprint", basis.blueprint.as_str(), fingerprint.as_str()),
            ]);
        }
        if !moved.is_empty() {
            return Err(EngineError::Stale { moved });
        }
        if plan.is_applicable() {
            return Ok(());
        }
        let refusals = plan.refusals.iter().map(|refusal| refusal.message.clone());
        let stopping = plan
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error);
        let messages = refusals.chain(stopping.map(|finding| finding.message.clone()));
        Err(EngineError::NotApplicable {
            messages: messages.collect(),
        })
    }

    async fn apply_locked(
        &self,
        provider: &dyn Provider,
        plan: &Plan,
        options: &ApplyOptions<'_>,
        lease: &Lease<'_>,
        loaded: Option<Loaded>,
    ) -> Result<Summary, EngineError> {
        let loaded = match loaded {
            Some(loaded) if loaded.pending.is_none() => loaded,
            _ => self.stage().recover(lease).await?,
        };
        check_fresh(plan, &loaded)?;
        if options.stop.is_requested() {
            return Err(EngineError::Stopped);
        }
        let mut state = loaded.state;
        if state.lineage.is_empty() {
            state.lineage = self.draw();
        }
        let base = state.serial;
        state.serial += 1;
        state.epoch = lease.epoch;
        let clock = &*self.clock;
        let journal = Journal::new(
            &*self.store,
            clock,
            state.lineage.clone(),
            state.serial,
            lease.epoch,
        );
        let limiter = Limiter::new(clock);
        let seed = self
            .random
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .u64(..);
        let run = Run {
            provider,
            clock,
            journal: &journal,
            lease,
            limiter: &limiter,
            stop: options.stop,
            patience: options.patience,
            observer: options.observer,
            plan,
            state: Mutex::new(state),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            announced: Mutex::default(),
        };
        let graph = StepGraph::new(plan).graph;
        let work = async {
            let edits = vec![StateEdit::SetProvider(provider.name().to_owned())];
            let intent = Record::Intent {
                command: self.setup.command.clone(),
                plan: Some(Box::new(plan.clone())),
                edits: edits.clone(),
            };
            let ticket = run.record(&edits, intent);
            run.announce_first(&graph);
            if let Err(failure) = journal.durable(ticket).await {
                return Err(self.lost(&failure));
            }
            // Someone who took over before the intent was written has not seen it.
            let confirmed = lease.confirm().await;
            if !confirmed.map_err(|failure| self.lock_failure(failure))? {
                return Err(self.fenced());
            }
            let Ended { steps, abandoned } = run.walk(&graph).await;
            let mut summary = Summary {
                steps,
                stopped: options.stop.is_requested(),
                abandoned,
                unsaved: None,
                serial: base,
                elapsed: Duration::ZERO,
            };
            if !abandoned {
                match self.close(&run, plan, &summary).await {
                    Ok(serial) => summary.serial = serial,
                    Err(error) => summary.unsaved = Some(told(&error)),
                }
            }
            Ok(summary)
        };
        beside(work, journal.run()).await
    }

    /// Completes the journal and writes the snapshot.
    async fn close(
        &self,
        run: &Run<'_>,
        plan: &Plan,
        summary: &Summary,
    ) -> Result<u64, EngineError> {
        let edits = match summary.is_complete() {
            true => vec![StateEdit::SetArtifact(plan.basis.artifact.clone())],
            false => Vec::new(),
        };
        let close = Record::Close {
            edits: edits.clone(),
        };
        let ticket = run.record(&edits, close);
        if let Err(failure) = run.journal.durable(ticket).await {
            return Err(self.lost(&failure));
        }
        let state = run.state().clone();
        self.stage().save(&state).await?;
        Ok(state.serial)
    }

    fn stage(&self) -> StageStore<'_> {
        StageStore {
            store: &*self.store,
            clock: &*self.clock,
            application: &self.setup.application,
            stage: &self.setup.stage,
        }
    }

    fn holder(&self) -> Holder {
        Holder {
            person: self.setup.person.clone(),
            host: self.setup.host.clone(),
            process: self.setup.process,
            command: self.setup.command.clone(),
            since: self.clock.wall(),
            lease: self.setup.lease,
        }
    }

    /// Takes a lock that was seen to be free, unless somebody was faster.
    async fn take(&self, loaded: &Loaded, free: Free) -> Result<Option<Lease<'_>>, EngineError> {
        let (store, clock) = (&*self.store, &*self.clock);
        let (holder, token) = (self.holder(), self.draw());
        let lease = Lease::take(store, clock, holder, token, loaded.epoch(), free).await;
        lease.map_err(|failure| self.lock_failure(failure))
    }

    async fn lock(
        &self,
        loaded: &Loaded,
        options: &ApplyOptions<'_>,
    ) -> Result<Lease<'_>, EngineError> {
        let waiting = Waiting {
            longest: self.setup.lock_wait,
            presume_dead: options.presume_dead,
            on_wait: options.on_wait,
        };
        let acquire = Lease::acquire(
            &*self.store,
            &*self.clock,
            self.holder(),
            self.draw(),
            loaded.epoch(),
            &waiting,
        );
        let stopped = pin!(options.stop.requested());
        match select(pin!(acquire), stopped).await {
            Either::Left((lease, _)) => lease.map_err(|failure| self.lock_failure(failure)),
            Either::Right(_) => Err(EngineError::Stopped),
        }
    }

    fn lock_failure(&self, failure: crate::lock::LockFailure) -> EngineError {
        EngineError::of_lock(self.store.location(), failure)
    }

    fn fenced(&self) -> EngineError {
        EngineError::Fenced {
            location: self.store.location(),
        }
    }

    fn lost(&self, failure: &Arc<JournalFailure>) -> EngineError {
        match &**failure {
            JournalFailure::Fenced => self.fenced(),
            JournalFailure::Store(error) => EngineError::Store(error.again()),
        }
    }

    /// Something that nobody else draws.
    fn draw(&self) -> String {
        let number = self
            .random
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .u128(..);
        let text = format!(
            "{number} {} {} {}",
            self.setup.host,
            self.setup.process,
            self.clock.wall().0
        );
        digest::base32(text.as_bytes(), 26)
    }
}

/// Does `work` while `background` goes on, which does not end the work when it ends.
async fn beside<T>(work: impl Future<Output = T>, background: impl Future<Output = ()>) -> T {
    let forever = pin!(join(background, pending::<()>()));
    match select(pin!(work), forever).await {
        Either::Left((output, _)) => output,
        Either::Right(_) => unreachable!("nothing ends a future that never does"),
    }
}

fn differences(compared: &[(&str, &str, &str)]) -> Vec<String> {
    let different = compared.iter().filter(|(_, planned, now)| planned != now);
    different
        .map(|(what, planned, now)| format!("it is for {what} `{planned}`, and this is `{now}`"))
        .collect()
}

/// Refuses a plan that was made for another state.
fn check_fresh(plan: &Plan, loaded: &Loaded) -> Result<(), EngineError> {
    let (basis, state) = (&plan.basis, &loaded.state);
    let mut moved = Vec::new();
    if basis.lineage != state.lineage {
        moved.push(match basis.lineage.is_empty() {
            true => "the stage was begun by another command since".to_owned(),
            false => "the stage was begun anew since".to_owned(),
        });
    } else if basis.state != state.fingerprint() {
        moved.push(
            match loaded.pending.as_ref().filter(|pending| !pending.closed) {
                Some(pending) => format!("`{}` has changed the stage since", pending.command),
                None => format!(
                    "it was made for state {}, and the stage is at state {}",
                    basis.serial, state.serial
                ),
            },
        );
    }
    match moved.is_empty() {
        true => Ok(()),
        false => Err(EngineError::Stale { moved }),
    }
}

fn told(error: &EngineError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
