//! The walk over the steps of one plan.

use super::announce::Announced;
use super::call::{Answer, Asked, Look, settled, within};
use super::limiter::Limiter;
use super::options::Patience;
use super::report::{ApplyEvent, StepReport};
use super::stop::StopSignal;
use crate::clock::Clock;
use crate::digest;
use crate::journal::{Journal, Record};
use crate::lock::Lease;
use crate::plan::{Action, Change, Plan, Planned};
use crate::provider::{Provider, ProviderError, ProviderErrorKind};
use crate::state::{PartRecord, State, StateEdit};
use crate::step::{self, Call, Phase, Step, StepEvent, transition};
use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a look may find an operation at rest and unfinished before it is asked for again.
/// Reads lag behind writes for a while at some providers.
const LOOKS_BEFORE_ASKING_AGAIN: u32 = 5;

/// Everything that the steps share.
pub(crate) struct Run<'a> {
    pub(crate) provider: &'a dyn Provider,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) journal: &'a Journal<'a>,
    pub(crate) lease: &'a Lease<'a>,
    pub(crate) limiter: &'a Limiter<'a>,
    pub(crate) stop: &'a StopSignal,
    pub(crate) patience: &'a Patience,
    pub(crate) observer: &'a (dyn Fn(&ApplyEvent<'_>) + Send + Sync),
    pub(crate) plan: &'a Plan,
    pub(crate) state: Mutex<State>,
    pub(crate) random: Mutex<fastrand::Rng>,
    /// Steps whose begin is recorded before their turn.
    pub(crate) announced: Mutex<BTreeMap<usize, Announced>>,
}

/// How the walk ended.
pub(crate) struct Ended {
    pub(crate) steps: Vec<StepReport>,
    /// Whether it was left at once.
    pub(crate) abandoned: bool,
}

struct Finished {
    node: NodeIndex,
    phase: Phase,
    elapsed: Duration,
    failure: Option<String>,
}

impl Run<'_> {
    /// Makes edits, in memory and in the journal, in the same order in both.
    pub(crate) fn record(&self, edits: &[StateEdit], record: Record) -> crate::journal::Ticket {
        let mut state = self.state();
        for edit in edits {
            state.edit(edit);
        }
        self.journal.append(record)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a new step may be begun.
    fn may_begin(&self) -> bool {
        !self.stop.is_requested() && self.may_go_on()
    }

    /// Whether what was begun may be gone on with.
    fn may_go_on(&self) -> bool {
        self.lease.is_valid() && self.journal.failure().is_none()
    }

    /// After standing still: waits until it is known again whose the stage is.
    async fn regain(&self) {
        if !self.lease.is_valid() && self.journal.failure().is_none() {
            let (settled, stopped) = (pin!(self.lease.settled()), pin!(self.stop.requested()));
            select(settled, stopped).await;
        }
    }

    /// Carries out all steps.
    pub(crate) async fn walk(&self, graph: &DiGraph<Step, ()>) -> Ended {
        let mut walk = Walk::new(self, graph);
        let abandoned = {
            let steps = pin!(walk.run());
            let insisted = pin!(self.stop.insisted());
            matches!(select(steps, insisted).await, Either::Right(_))
        };
        Ended {
            steps: walk.reports(),
            abandoned,
        }
    }

    async fn step(&self, node: NodeIndex, step: Step, number: usize) -> Finished {
        let mut stepper = Stepper::new(self, step, number);
        stepper.drive().await;
        if matches!(stepper.phase, Phase::Left | Phase::Blocked) {
            self.withdraw(number);
        }
        Finished {
            node,
            phase: stepper.phase,
            elapsed: self.clock.now() - stepper.begun,
            failure: stepper.failure,
        }
    }
}

/// Which steps are waiting, running and done.
struct Walk<'a> {
    run: &'a Run<'a>,
    graph: &'a DiGraph<Step, ()>,
    /// How many steps each one still waits for.
    waits_for: BTreeMap<NodeIndex, usize>,
    ready: BTreeSet<NodeIndex>,
    /// Those that have had their turn.
    started: BTreeSet<NodeIndex>,
    finished: BTreeMap<NodeIndex, Finished>,
}

impl<'a> Walk<'a> {
    fn new(run: &'a Run<'a>, graph: &'a DiGraph<Step, ()>) -> Walk<'a> {
        let count = |node| graph.neighbors_directed(node, Direction::Incoming).count();
        let waits_for: BTreeMap<NodeIndex, usize> = graph
            .node_indices()
            .map(|node| (node, count(node)))
            .collect();
        let ready = waits_for.iter().filter(|(_, waits)| **waits == 0);
        Walk {
            run,
            graph,
            ready: ready.map(|(node, _)| *node).collect(),
            waits_for,
            started: BTreeSet::new(),
            finished: BTreeMap::new(),
        }
    }

    async fn run(&mut self) {
        let (run, graph) = (self.run, self.graph);
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < run.patience.steps_at_once
                && let Some(node) = self.ready.pop_first()
            {
                self.started.insert(node);
                run.announce_after(graph, node, &self.started);
                running.push(run.step(node, graph[node], node.index()));
            }
            let Some(finished) = running.next().await else {
                return;
            };
            self.finish(finished);
        }
    }

    fn finish(&mut self, finished: Finished) {
        let (node, done) = (finished.node, finished.phase == Phase::Done);
        let event = match finished.phase {
            Phase::Left => StepEvent::Stopped,
            _ => StepEvent::PrerequisiteFailed,
        };
        self.finished.insert(node, finished);
        if !done {
            self.give_up_dependents(node, event);
            return;
        }
        for next in self.graph.neighbors_directed(node, Direction::Outgoing) {
            let waits = self.waits_for.get_mut(&next);
            let Some(waits) = waits else { continue };
            *waits -= 1;
            if *waits == 0 && !self.finished.contains_key(&next) {
                self.ready.insert(next);
            }
        }
    }

    /// Whatever waits for a step that will not be done will not be done either.
    fn give_up_dependents(&mut self, node: NodeIndex, event: StepEvent) {
        let mut reached = vec![node];
        while let Some(node) = reached.pop() {
            for next in self.graph.neighbors_directed(node, Direction::Outgoing) {
                if self.finished.contains_key(&next) {
                    continue;
                }
                let phase = advance(Phase::Waiting, event);
                self.run.withdraw(next.index());
                self.run.tell(self.graph[next], phase, Duration::ZERO, None);
                let finished = Finished {
                    node: next,
                    phase,
                    elapsed: Duration::ZERO,
                    failure: None,
                };
                self.finished.insert(next, finished);
                reached.push(next);
            }
        }
    }

    /// One report per step, also of those that never got their turn.
    fn reports(self) -> Vec<StepReport> {
        let report = |node: NodeIndex| {
            let step = self.graph[node];
            let change = &self.run.plan.changes[step.change];
            let finished = self.finished.get(&node);
            StepReport {
                address: change.address.clone(),
                label: change.label.clone(),
                call: word(change, step.call),
                phase: finished.map_or(Phase::Left, |finished| finished.phase),
                elapsed: finished.map_or(Duration::ZERO, |finished| finished.elapsed),
                failure: finished.and_then(|finished| finished.failure.clone()),
            }
        };
        self.graph.node_indices().map(report).collect()
    }
}

impl Run<'_> {
    fn tell(&self, step: Step, phase: Phase, elapsed: Duration, note: Option<&str>) {
        let change = &self.plan.changes[step.change];
        (self.observer)(&ApplyEvent {
            address: &change.address,
            label: &change.label,
            call: word(change, step.call),
            phase,
            elapsed,
            note,
        });
    }
}

fn word(change: &Change, call: Call) -> &'static str {
    match call {
        Call::Create => "create",
        Call::Update => "update",
        Call::Delete => "delete",
        Call::None => change.action.name(),
    }
}

fn advance(phase: Phase, event: StepEvent) -> Phase {
    transition(phase, event).expect("the driver raises only events that its phase has")
}

/// One step on its way through the phases.
struct Stepper<'a> {
    run: &'a Run<'a>,
    step: Step,
    number: usize,
    phase: Phase,
    begun: Duration,
    /// Its name may move on to later generations.
    planned: Option<Planned>,
    asked: Option<Asked<'a>>,
    record: Option<PartRecord>,
    failure: Option<String>,
    /// Whether the failure shows that nothing can have happened.
    without_effect: bool,
    next_wait: Duration,
    next_poll: Duration,
    looks: u32,
    /// Since when calls fail, by which sort of failure.
    trouble_since: Option<Duration>,
    not_ready_since: Option<Duration>,
}

impl<'a> Stepper<'a> {
    fn new(run: &'a Run<'a>, step: Step, number: usize) -> Stepper<'a> {
        Stepper {
            run,
            step,
            number,
            phase: Phase::Waiting,
            begun: run.clock.now(),
            planned: run.plan.changes[step.change].to.clone(),
            asked: None,
            record: None,
            failure: None,
            without_effect: false,
            next_wait: run.patience.first_retry,
            next_poll: run.patience.first_poll,
            looks: 0,
            trouble_since: None,
            not_ready_since: None,
        }
    }

    fn change(&self) -> &'a Change {
        &self.run.plan.changes[self.step.change]
    }

    async fn drive(&mut self) {
        while !self.phase.is_final() {
            // What has ended is recorded at once.
            if !matches!(self.phase, Phase::EndedWell | Phase::EndedBadly) {
                self.run.regain().await;
            }
            let event = match self.phase {
                Phase::Waiting => self.clear(),
                Phase::Queued => self.queue().await,
                Phase::Beginning => self.begin().await,
                Phase::Calling => self.call().await,
                Phase::Retrying => self.wait().await,
                Phase::Polling => self.poll().await,
                Phase::EndedWell => self.end(true),
                Phase::EndedBadly => self.end(false),
                Phase::Done | Phase::Failed | Phase::Blocked | Phase::Left => return,
            };
            let before = self.phase;
            self.phase = advance(before, event);
            if self.phase != before || event == StepEvent::StillSettling {
                let elapsed = self.run.clock.now() - self.begun;
                let note = self.failure.as_deref();
                self.run.tell(self.step, self.phase, elapsed, note);
            }
        }
    }

    fn clear(&mut self) -> StepEvent {
        if !self.run.may_begin() {
            return StepEvent::Stopped;
        }
        let change = self.change();
        let needless = self.step.call == Call::Update && self.is_needless();
        match self.step.call {
            Call::None => {
                if let (Action::Record | Action::Adopt, Some(planned), Some(from)) =
                    (&change.action, &change.to, &change.from)
                {
                    let resolved =
                        super::call::desired(planned, from.outputs.clone(), &self.run.state());
                    let properties = match resolved {
                        Ok(desired) => desired.properties,
                        Err(_) => from.properties.clone(),
                    };
                    self.record = Some(settled(planned, properties, from.outputs.clone()));
                }
                StepEvent::NothingToCall
            }
            Call::Update if needless => StepEvent::NothingToCall,
            _ => StepEvent::Cleared,
        }
    }

    /// Whether all that seemed to change are references that came out as they were.
    fn is_needless(&mut self) -> bool {
        let change = self.change();
        let (Some(planned), Some(from)) = (&change.to, &change.from) else {
            return false;
        };
        let certain = change
            .properties
            .iter()
            .any(|property| property.new.as_ref().is_none_or(|new| new.is_resolved()));
        if certain || change.action != Action::Update || from.unsettled.is_some() {
            return false;
        }
        let desired = super::call::desired(planned, from.outputs.clone(), &self.run.state());
        match desired {
            Ok(desired) if desired.properties == from.properties => {
                self.record = Some(settled(planned, desired.properties, from.outputs.clone()));
                true
            }
            _ => false,
        }
    }

    async fn queue(&mut self) -> StepEvent {
        let run = self.run;
        let asked = Asked::new(
            self.change(),
            self.step.call,
            self.planned.as_ref(),
            &run.state(),
        );
        match asked {
            Ok(asked) => self.asked = Some(asked),
            Err(reference) => {
                // Found out when it is called, so that it fails instead of being left.
                self.asked = None;
                self.failure = Some(format!("`{reference}` is not known"));
            }
        }
        let api = self.api();
        let turn = pin!(run.limiter.turn(&api));
        let stopped = pin!(run.stop.requested());
        let waited = select(turn, stopped).await;
        match matches!(waited, Either::Left(_)) && run.may_begin() {
            true => StepEvent::Permitted,
            false => StepEvent::Stopped,
        }
    }

    async fn begin(&mut self) -> StepEvent {
        let run = self.run;
        let edits = self.begin_edits();
        let announced = run.take_announced(self.number);
        let ticket = match &announced {
            Some(announced) if announced.edits == edits => announced.ticket,
            announced => {
                let record = Record::Begin {
                    step: self.number,
                    edits: edits.clone(),
                };
                // That it begins is known already; what it refers to is known only now.
                let ticket = run.record(&edits, record);
                announced
                    .as_ref()
                    .map_or(ticket, |announced| announced.ticket)
            }
        };
        match run.journal.durable(ticket).await {
            Err(_) => StepEvent::JournalLost,
            // The record took long enough for the stage to be another's by now.
            Ok(()) if !run.lease.is_valid() => StepEvent::Stopped,
            Ok(()) => StepEvent::Begun,
        }
    }

    fn begin_edits(&self) -> Vec<StateEdit> {
        let planned = self.planned.as_ref();
        let desired = self.asked.as_ref().and_then(|asked| asked.desired.as_ref());
        match desired {
            Some(desired) => {
                let told = &desired.properties;
                step::begin_edits(self.change(), self.step.call, planned, told)
            }
            None => step::begin_edits(self.change(), self.step.call, planned, &step::told(planned)),
        }
    }

    async fn call(&mut self) -> StepEvent {
        let run = self.run;
        if let Some(event) = self.out_of_time() {
            return event;
        }
        let Some(asked) = &self.asked else {
            return StepEvent::Refused;
        };
        self.failure = None;
        let token = self.token();
        let call = asked.call(run.provider, &token);
        let answer = within(run.clock, run.patience.call, call).await;
        match answer.unwrap_or(Answer::None) {
            Answer::Done(actual) => {
                run.limiter.accepted(&self.api());
                self.succeed(actual);
                StepEvent::Completed
            }
            Answer::Going { note, poll_after } => {
                run.limiter.accepted(&self.api());
                self.failure = Some(note);
                if let Some(wait) = poll_after {
                    self.next_poll = wait.min(run.patience.step);
                }
                self.looks = 0;
                self.trouble_since = None;
                StepEvent::Accepted
            }
            Answer::Failed(error) => self.failed(&error),
            Answer::Breach(breach) => {
                self.failure = Some(breach.to_string());
                StepEvent::Refused
            }
            Answer::None => self.troubled("the provider gave no answer in time".to_owned()),
        }
    }

    fn succeed(&mut self, actual: crate::provider::Actual) {
        self.failure = None;
        self.record = match (&self.asked, &self.planned) {
            (Some(asked), Some(planned)) => asked.record(planned, actual),
            _ => None,
        };
    }

    fn failed(&mut self, error: &ProviderError) -> StepEvent {
        let run = self.run;
        let message = describe(error);
        match error.kind() {
            ProviderErrorKind::Throttled { retry_after } => {
                run.limiter.throttled(&self.api(), *retry_after);
                self.failure = Some(message);
                StepEvent::Hindered
            }
            ProviderErrorKind::NotReady { budget, .. } => {
                let since = *self.not_ready_since.get_or_insert(run.clock.now());
                self.failure = Some(message);
                match run.clock.now() - since >= *budget {
                    true => StepEvent::PatienceSpent,
                    false => StepEvent::Hindered,
                }
            }
            ProviderErrorKind::Unavailable | ProviderErrorKind::Uncertain => self.troubled(message),
            ProviderErrorKind::NameQuarantined => match self.go_on_to_next_name() {
                true => StepEvent::NameUnusable,
                // The name cannot vary: it has to become free.
                false => self.troubled(message),
            },
            ProviderErrorKind::NameTaken { .. }
                if !self.was_looked_at() && self.go_on_to_next_name() =>
            {
                StepEvent::NameUnusable
            }
            ProviderErrorKind::NameTaken { .. } => {
                self.without_effect = true;
                self.failure = Some(message);
                StepEvent::Refused
            }
            ProviderErrorKind::Denied { .. } | ProviderErrorKind::Rejected => {
                self.failure = Some(message);
                StepEvent::Refused
            }
        }
    }

    fn troubled(&mut self, message: String) -> StepEvent {
        let now = self.run.clock.now();
        let since = *self.trouble_since.get_or_insert(now);
        self.failure = Some(message);
        match now - since >= self.run.patience.trouble {
            true => StepEvent::PatienceSpent,
            false => StepEvent::Hindered,
        }
    }

    /// Whether planning looked at what has the name: at the first one of a new part, and at what is
    /// recorded.
    fn was_looked_at(&self) -> bool {
        let planned = self.planned.as_ref();
        planned.is_some_and(|planned| match &self.change().from {
            None => planned.generation == 0,
            Some(from) => planned.identity() == from.identity(),
        })
    }

    /// Whether there is another name to try. It is one that nothing else of the stage has: both would
    /// become one thing.
    fn go_on_to_next_name(&mut self) -> bool {
        let Some(planned) = &mut self.planned else {
            return false;
        };
        if self.step.call != Call::Create || !planned.part.naming.varies() {
            return false;
        }
        let state = self.run.state();
        loop {
            planned.generation += 1;
            planned.physical_name = planned.part.naming.name(planned.generation);
            if !state.knows(&planned.identity()) {
                return true;
            }
        }
    }

    async fn wait(&mut self) -> StepEvent {
        let run = self.run;
        let jitter = run
            .random
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .f64();
        let wait = self.next_wait.mul_f64(0.5 + jitter / 2.0);
        self.next_wait = (self.next_wait * 2).min(run.patience.longest_retry);
        let waiting = pin!(async {
            run.clock.sleep(wait).await;
            run.limiter.turn(&self.api()).await;
        });
        let stopped = pin!(run.stop.requested());
        match select(waiting, stopped).await {
            Either::Left(_) => StepEvent::Due,
            Either::Right(_) => StepEvent::Stopped,
        }
    }

    async fn poll(&mut self) -> StepEvent {
        let run = self.run;
        run.clock.sleep(self.next_poll).await;
        self.next_poll = (self.next_poll * 3 / 2).min(run.patience.longest_poll);
        if let Some(event) = self.out_of_time() {
            return event;
        }
        let Some(asked) = &self.asked else {
            return StepEvent::Refused;
        };
        run.limiter.turn(&self.api()).await;
        match within(run.clock, run.patience.call, asked.look(run.provider)).await {
            None => StepEvent::StillSettling,
            Some(Look::Settled(actual)) => {
                self.succeed(actual);
                StepEvent::Settled
            }
            Some(Look::Going { note }) => {
                self.failure = Some(note);
                StepEvent::StillSettling
            }
            Some(Look::Otherwise) => {
                self.looks += 1;
                match self.looks < LOOKS_BEFORE_ASKING_AGAIN {
                    true => StepEvent::StillSettling,
                    false => StepEvent::SettledOtherwise,
                }
            }
            Some(Look::Foreign { owner }) => {
                self.without_effect = self.step.call == Call::Create;
                self.failure = Some(format!("the name is taken by {owner}"));
                StepEvent::Refused
            }
            Some(Look::Failed(error)) => {
                if let ProviderErrorKind::Throttled { retry_after } = error.kind() {
                    run.limiter.throttled(&self.api(), *retry_after);
                }
                self.failure = Some(describe(&error));
                match error.is_retryable() {
                    true => StepEvent::StillSettling,
                    false => StepEvent::Refused,
                }
            }
            Some(Look::Breach(breach)) => {
                self.failure = Some(breach.to_string());
                StepEvent::Refused
            }
        }
    }

    fn out_of_time(&mut self) -> Option<StepEvent> {
        let run = self.run;
        if !run.may_go_on() {
            self.failure = Some("the stage was taken over, or its store is gone".to_owned());
            return Some(StepEvent::PatienceSpent);
        }
        let spent = run.clock.now() - self.begun;
        if spent < run.patience.step {
            return None;
        }
        let last = self.failure.take().unwrap_or_default();
        let limit = run.patience.step.as_secs();
        self.failure = Some(format!("not finished after {limit} s: {last}"));
        Some(StepEvent::PatienceSpent)
    }

    fn end(&mut self, done: bool) -> StepEvent {
        let (change, call) = (self.change(), self.step.call);
        let edits = match (done, self.without_effect) {
            (true, _) => self.done_edits(),
            (false, true) => step::undo_edits(change, call),
            // What is not known to have no effect stays unsettled.
            (false, false) => Vec::new(),
        };
        let record = Record::End {
            step: self.number,
            done,
            edits: edits.clone(),
        };
        self.run.record(&edits, record);
        if done {
            self.failure = None;
        } else if let Some(failure) = &mut self.failure
            && self.run.stop.is_requested()
        {
            failure.push_str(" (stopped)");
        }
        StepEvent::Recorded
    }

    fn done_edits(&mut self) -> Vec<StateEdit> {
        step::done_edits(self.change(), self.step.call, self.record.take())
    }

    fn api(&self) -> crate::provider::Api {
        let change = self.change();
        let to = change
            .to
            .as_ref()
            .filter(|_| self.step.call != Call::Delete);
        let part_type = match (to, &change.from) {
            (Some(planned), _) => &planned.part.part_type,
            (None, Some(from)) => &from.part_type,
            (None, None) => unreachable!("a change has a before or an after"),
        };
        self.run.provider.api(part_type)
    }

    /// The same for every attempt at this step of this plan, and for no other.
    fn token(&self) -> String {
        let plan = &self.run.plan.basis;
        let name = self
            .planned
            .as_ref()
            .map(|planned| planned.physical_name.as_str());
        let text = format!(
            "{} {} {} {} {}",
            plan.lineage,
            plan.serial,
            self.run.lease.epoch,
            self.number,
            name.unwrap_or_default()
        );
        digest::base32(text.as_bytes(), 26)
    }
}

/// The error with its causes.
fn describe(error: &ProviderError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
