//! What a provider's tests implement so that the suite can drive the provider.

use ifc_manifest::ProviderId;
use ifc_runtime::axum::extract::Request;
use ifc_runtime::axum::response::Response;
use ifc_runtime::{Application, BoxFuture, Provider};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Why the harness itself could not do something. It fails the clause that was being tried.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Makes stages of one provider.
pub trait Harness: Send + Sync {
    /// Whose column of the support tables it is held to.
    fn id(&self) -> ProviderId;

    /// The provider's word, with the variant where there are several: `local in memory`.
    fn provider(&self) -> String;

    /// Whose clock the provider lives by.
    fn time(&self) -> Time;

    /// How many clauses may be tried side by side.
    fn parallel(&self) -> usize {
        4
    }

    /// How many attempts an event may lose to workers that the harness lets die, or whose answers it
    /// lets come too late. Clauses that count attempts allow for as many; so 0 shows the most.
    fn lost_attempts(&self) -> u32 {
        0
    }

    /// Why nothing here outlives an outage; `None` when it must.
    fn forgets(&self) -> Option<String> {
        None
    }

    /// Why the clause with this id cannot be tried here: a defect of what stands in for the provider,
    /// or something that the harness has no way to do. `None` for all others.
    fn cannot_try(&self, _clause: &str) -> Option<String> {
        None
    }

    /// Brings `application` up, isolated from every other stage, with nothing in it. A virtual
    /// clock begins at `start`; a real one pays no attention to it.
    fn open<'a>(
        &'a self,
        application: Arc<Application>,
        start: SystemTime,
    ) -> BoxFuture<'a, Result<Box<dyn Stage>, Failure>>;
}

/// Whose clock a provider lives by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// The stage's: [`Stage::advance`] moves it and takes no time.
    Virtual,
    /// The machine's: [`Stage::advance`] waits. Clauses that wait longer than the patience, or that
    /// need a certain date, are exempt.
    Real {
        /// The longest that one clause may wait.
        patience: Duration,
    },
}

/// One running application.
///
/// Handlers run only while [`settle`](Stage::settle) or [`advance`](Stage::advance) is awaited, as
/// far as the provider has a choice.
pub trait Stage: Send + Sync {
    /// The provider, as the application's handles see it.
    fn provider(&self) -> Arc<dyn Provider>;

    /// Delivers what is due to its handlers, and what they cause, until nothing is due any more.
    /// Takes no virtual time.
    fn settle<'a>(&'a mut self) -> BoxFuture<'a, Result<(), Failure>>;

    /// Lets time pass. What becomes due on the way is delivered at its time; what is due at the end
    /// is delivered too.
    fn advance<'a>(&'a mut self, by: Duration) -> BoxFuture<'a, Result<(), Failure>>;

    /// Stops every unit and brings it back after `down`. Nothing that was acknowledged is lost.
    /// Nothing is delivered before the next [`settle`](Stage::settle).
    fn outage<'a>(&'a mut self, down: Duration) -> BoxFuture<'a, Result<(), Failure>>;

    /// Takes what is due for `unit` as one worker would, and loses it: the handler does not run,
    /// and nothing is reported back. Returns how many events were taken.
    fn take_and_die<'a>(&'a mut self, unit: &'a str) -> BoxFuture<'a, Result<usize, Failure>>;

    /// The dead letters of an edge: of a queue, or of the unit named so.
    fn dead_letters<'a>(
        &'a self,
        source: &'a str,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>, Failure>>;

    /// Puts the dead letters of an edge back where they came from. Returns how many.
    fn redrive<'a>(&'a mut self, source: &'a str) -> BoxFuture<'a, Result<usize, Failure>>;

    /// Sends the consumer of a stream back to the first record that was appended at `from` or later,
    /// as `ifc stream replay` would.
    fn replay<'a>(
        &'a mut self,
        consumer: &'a str,
        from: SystemTime,
    ) -> BoxFuture<'a, Result<(), Failure>>;

    /// Gives a secret its value, as `ifc secret set` would.
    fn set_secret<'a>(
        &'a mut self,
        secret: &'a str,
        value: &'a [u8],
    ) -> BoxFuture<'a, Result<(), Failure>>;

    /// Gives a configuration value the stage's own value, as JSON text.
    fn set_config<'a>(
        &'a mut self,
        config: &'a str,
        json: &'a str,
    ) -> BoxFuture<'a, Result<(), Failure>>;

    /// Sends a request to an API by the way a client's request takes.
    fn request<'a>(
        &'a self,
        api: &'a str,
        request: Request,
    ) -> BoxFuture<'a, Result<Response, Failure>>;

    /// Sends a request to a URL that the provider presigned, as anyone would who was given it: with
    /// nothing but what the request says.
    fn fetch<'a>(&'a self, request: Request) -> BoxFuture<'a, Result<Response, Failure>>;
}

/// An event that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The event's id.
    pub id: String,
    /// Where it came from, as the application names it.
    pub source: String,
    /// How often it was delivered.
    pub attempts: u32,
    /// Why it was given up.
    pub reason: String,
    /// The event's body.
    pub body: Vec<u8>,
}
