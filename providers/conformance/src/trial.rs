//! One clause being tried: brings its application up and gives the clause short ways to drive it.

use crate::clause::Clause;
use crate::declare::Declarations;
use crate::script::{Script, Seen};
use crate::{Failure, Harness, Stage};
use ifc_runtime::queue::{OutgoingMessage, Sent};
use ifc_runtime::{Application, Error, ErrorKind, Provider, TraceContext};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Where virtual clocks begin when a clause does not care: 2026-01-15T12:00:00Z.
const START: u64 = 1_768_478_400;

/// One clause being tried.
pub(crate) struct Trial {
    harness: Arc<dyn Harness>,
    /// Whether the clause says that it has one.
    outage: bool,
    start: SystemTime,
    script: Arc<Script>,
}

impl Trial {
    pub(crate) fn new(harness: Arc<dyn Harness>, clause: &Clause) -> Trial {
        let since_epoch = Duration::from_secs(clause.start.unwrap_or(START));
        Trial {
            harness,
            outage: clause.outage,
            start: SystemTime::UNIX_EPOCH + since_epoch,
            script: Script::new(),
        }
    }

    /// A body for this trial's handlers.
    pub(crate) fn body(&self, payload: Value) -> Value {
        json!({ "script": self.script.number(), "payload": payload })
    }

    /// Brings an application up.
    pub(crate) async fn open(self, declarations: Declarations) -> Running {
        let application: Arc<Application> = declarations.application();
        let stage = succeed(
            "open the stage",
            self.harness.open(application, self.start).await,
        );
        let script = Arc::clone(&self.script);
        let provider = Some(stage.provider());
        let running = Running {
            stage,
            trial: self,
            script,
            provider,
        };
        running.script.clock(&running.provider());
        running
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.script.retire();
    }
}

/// An application of the suite while a clause is being tried on it.
pub(crate) struct Running {
    pub(crate) stage: Box<dyn Stage>,
    pub(crate) script: Arc<Script>,
    trial: Trial,
    /// `None` during an outage, which nothing of the provider may outlive.
    provider: Option<Arc<dyn Provider>>,
}

impl Running {
    pub(crate) fn provider(&self) -> Arc<dyn Provider> {
        let provider = self.provider.as_ref();
        Arc::clone(provider.expect("operations are not tried during an outage"))
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.provider().now()
    }

    pub(crate) async fn settle(&mut self) {
        succeed("settle", self.stage.settle().await);
    }

    pub(crate) async fn advance(&mut self, seconds: u64) {
        succeed(
            "advance",
            self.stage.advance(Duration::from_secs(seconds)).await,
        );
    }

    pub(crate) async fn outage(&mut self, seconds: u64) {
        assert!(self.trial.outage, "the clause does not say `outage = true`");
        self.provider = None;
        let down = Duration::from_secs(seconds);
        succeed("outage", self.stage.outage(down).await);
        let provider = self.stage.provider();
        self.script.clock(&provider);
        self.provider = Some(provider);
    }

    pub(crate) async fn dead_letters(&self, source: &str) -> Vec<crate::DeadLetter> {
        succeed("dead_letters", self.stage.dead_letters(source).await)
    }

    /// Every event that handlers saw so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.script.seen()
    }

    /// Every event that handlers saw so far, as it was first seen, in order.
    pub(crate) fn first_sightings(&self) -> Vec<Seen> {
        let mut ids = BTreeSet::new();
        let seen = self.seen().into_iter();
        seen.filter(|seen| ids.insert(seen.delivery.id.clone()))
            .collect()
    }

    /// The payloads that handlers saw, in order, each event once.
    pub(crate) fn payloads(&self) -> Vec<Value> {
        let seen = self.first_sightings().into_iter();
        seen.map(|seen| payload(&seen.delivery.body)).collect()
    }

    /// How many attempts an event may lose without the provider being at fault.
    pub(crate) fn lost_attempts(&self) -> u32 {
        self.trial.harness.lost_attempts()
    }

    /// Checks that an event, or several alike, took this many attempts. An attempt may be seen twice,
    /// and late; one that was lost may not be seen at all.
    #[track_caller]
    pub(crate) fn check_attempts<'a>(
        &self,
        what: &str,
        seen: impl IntoIterator<Item = &'a Seen>,
        needed: u32,
    ) {
        let seen = seen.into_iter().map(|seen| seen.delivery.attempt);
        let attempts: BTreeSet<u32> = seen.collect();
        let lost = self.lost_attempts();
        let last = attempts.last().copied().unwrap_or_default();
        assert!(
            (needed..=needed + lost).contains(&last) && attempts.len() as u32 + lost >= needed,
            "{what} took the attempts {attempts:?}, not {needed} of them"
        );
    }

    /// A body for this trial's handlers.
    pub(crate) fn body(&self, payload: Value) -> Vec<u8> {
        self.trial.body(payload).to_string().into_bytes()
    }

    /// A message with this payload and nothing else.
    pub(crate) fn message(&self, payload: Value) -> OutgoingMessage {
        OutgoingMessage {
            id: None,
            body: self.body(payload),
            attributes: BTreeMap::new(),
            group: None,
            delay: Duration::ZERO,
            trace: TraceContext::root(),
        }
    }

    /// Sends messages that must all be accepted.
    pub(crate) async fn send(&self, queue: &str, messages: Vec<OutgoingMessage>) -> Vec<Sent> {
        let count = messages.len();
        let results = self
            .provider()
            .send(crate::declare::target(queue), messages)
            .await;
        let results = accepted("send", results);
        assert_eq!(results.len(), count, "one result per message");
        results
            .into_iter()
            .map(|result| accepted("send", result))
            .collect()
    }

    /// Sends one message that must be accepted.
    pub(crate) async fn send_one(&self, queue: &str, message: OutgoingMessage) -> Sent {
        self.send(queue, vec![message]).await.remove(0)
    }
}

/// The payload of a body that [`Trial::body`] made.
pub(crate) fn payload(body: &[u8]) -> Value {
    let body: Value = serde_json::from_slice(body).expect("the body is the JSON that was sent");
    body["payload"].clone()
}

/// The value of something that only the harness can get wrong.
#[track_caller]
pub(crate) fn succeed<T>(what: &str, result: Result<T, Failure>) -> T {
    match result {
        Ok(value) => value,
        Err(failure) => panic!("the harness could not {what}: {failure}"),
    }
}

/// The value of an operation that must succeed.
#[track_caller]
pub(crate) fn accepted<T>(what: &str, result: Result<T, Error>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what} was refused: {error:?}"),
    }
}

/// The error of an operation that must fail in a certain way.
#[track_caller]
pub(crate) fn refused<T: Debug>(what: &str, kind: ErrorKind, result: Result<T, Error>) -> Error {
    match result {
        Err(error) if error.kind() == kind => error,
        Err(error) => panic!("{what} failed with {error:?} instead of {kind:?}"),
        Ok(value) => panic!("{what} succeeded with {value:?} instead of failing with {kind:?}"),
    }
}

/// Seconds from `earlier` to `later`, 0 when it is the other way round.
pub(crate) fn seconds_between(earlier: SystemTime, later: SystemTime) -> u64 {
    later.duration_since(earlier).unwrap_or_default().as_secs()
}
