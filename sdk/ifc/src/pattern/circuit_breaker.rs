//! Leaving something alone that keeps failing.

use super::{millis, now_millis};
use crate::{Item, Table};
use ifc_runtime::event::random_id;
use ifc_runtime::{Error, ErrorKind, HandlerError, Resource};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// How often a change of the state is tried against changes by others.
const TRIES: u32 = 5;

/// The state of a circuit: the items of the table that a [`CircuitBreaker`] works with.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Item)]
pub struct Circuit {
    #[item(key)]
    name: String,
    /// Failures in the window.
    failures: u32,
    /// When the window is over, in milliseconds since 1970.
    window_ends: u64,
    /// When the next probe may be made, in milliseconds since 1970. None: it is closed.
    open_until: Option<u64>,
    /// Who made the last probe.
    probe: Option<String>,
    #[item(version)]
    version: u64,
}

/// Stops calling something that keeps failing, until it is worth trying again. All instances of all
/// units share what they find out, in a table.
///
/// The circuit is closed while all is well. After so many [`failures`](CircuitBreaker::failures)
/// within a window it opens: calls are refused at once, which spares both sides. After a
/// [`delay`](CircuitBreaker::delay) one call goes through to try, the others are still refused; if it
/// succeeds the circuit closes, if it fails, or does not end within another delay, the wait begins
/// anew.
///
/// ```
/// # use ifc::prelude::*;
/// # use ifc::{Circuit, CircuitBreaker, CircuitError};
/// # async fn ask(city: &str) -> Result<f64> { Ok(city.len() as f64) }
/// #[resource]
/// static CIRCUITS: Table<Circuit> = Table::new("circuits");
///
/// static WEATHER: CircuitBreaker<CIRCUITS> = CircuitBreaker::new("weather", &CIRCUITS)
///     .failures(5, seconds(60))
///     .delay(seconds(30));
///
/// #[get("/weather/{city}")]
/// async fn weather(Path(city): Path<String>) -> Result<Json<f64>> {
///     match WEATHER.call(async || ask(&city).await).await {
///         Ok(degrees) => Ok(Json(degrees)),
///         Err(CircuitError::Open) => Err(HandlerError::status(
///             StatusCode::SERVICE_UNAVAILABLE,
///             "the weather is not to be had at the moment",
///         )),
///         Err(CircuitError::Failed(error)) => Err(error),
///     }
/// }
/// ```
///
/// It costs a read per call and a write per failure. When its own table fails, calls go through: a
/// breaker must not break what it protects.
pub struct CircuitBreaker<R: Resource> {
    name: &'static str,
    table: &'static Table<Circuit, R>,
    failures: u32,
    window: Duration,
    delay: Duration,
}

/// Why a call through a [`CircuitBreaker`] has no value.
#[derive(Debug)]
pub enum CircuitError<E> {
    /// The circuit is open: nothing was called.
    Open,
    /// It was called, and failed so.
    Failed(E),
}

impl<E: fmt::Display> fmt::Display for CircuitError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CircuitError::Open => f.write_str("the circuit is open: it failed too often of late"),
            CircuitError::Failed(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl From<CircuitError<HandlerError>> for HandlerError {
    fn from(error: CircuitError<HandlerError>) -> HandlerError {
        match error {
            CircuitError::Failed(error) => error,
            CircuitError::Open => HandlerError::new(error.to_string()),
        }
    }
}

/// Leave to call.
enum Leave {
    /// The circuit is closed.
    Closed,
    /// It is open, and this call tries whether it may close.
    Probe(String),
}

impl<R: Resource> CircuitBreaker<R> {
    /// A circuit of this name: 5 failures within a minute open it, for 30 s. Circuits with the same
    /// name and table are one.
    ///
    /// # Panics
    /// Without a name; in a static that is a compile error.
    #[track_caller]
    pub const fn new(name: &'static str, table: &'static Table<Circuit, R>) -> Self {
        assert!(!name.is_empty(), "a circuit has a name");
        CircuitBreaker {
            name,
            table,
            failures: 5,
            window: Duration::from_secs(60),
            delay: Duration::from_secs(30),
        }
    }

    /// How many failures within how long open it: at least 1, within at least a second. The window
    /// begins with the first failure.
    ///
    /// # Panics
    /// Outside the range; in a static that is a compile error.
    #[track_caller]
    pub const fn failures(mut self, failures: u32, window: Duration) -> Self {
        assert!(failures > 0, "a circuit opens after 1 failure at least");
        assert!(
            window.as_secs() > 0,
            "the window of a circuit is a second at least"
        );
        (self.failures, self.window) = (failures, window);
        self
    }

    /// How long it stays open before one call tries again, at least a second. A call that takes
    /// longer counts as failed when it tries.
    ///
    /// # Panics
    /// Outside the range; in a static that is a compile error.
    #[track_caller]
    pub const fn delay(mut self, delay: Duration) -> Self {
        assert!(
            delay.as_secs() > 0,
            "the delay of a circuit is a second at least"
        );
        self.delay = delay;
        self
    }

    /// Calls, unless the circuit is open.
    ///
    /// # Errors
    /// `Open` when nothing was called, else what the call fails with.
    pub async fn call<T, E, Fut>(&self, call: impl FnOnce() -> Fut) -> Result<T, CircuitError<E>>
    where
        Fut: Future<Output = Result<T, E>>,
    {
        let leave = match self.leave().await {
            Ok(Some(leave)) => leave,
            Ok(None) => return Err(CircuitError::Open),
            Err(error) => {
                tracing::warn!(
                    circuit = self.name,
                    "its state cannot be read, so it counts as closed: {error}"
                );
                Leave::Closed
            }
        };
        let result = call().await;
        let noted = match (&result, &leave) {
            (Ok(_), Leave::Closed) => Ok(()),
            (Ok(_), Leave::Probe(probe)) => self.close(probe).await,
            (Err(_), Leave::Closed) => self.count().await,
            (Err(_), Leave::Probe(probe)) => self.stay_open(probe).await,
        };
        if let Err(error) = noted {
            tracing::warn!(circuit = self.name, "its state cannot be written: {error}");
        }
        result.map_err(CircuitError::Failed)
    }

    /// Whether the circuit is open now, and not yet to be tried again.
    ///
    /// # Errors
    /// What the table fails with.
    pub async fn is_open(&self) -> Result<bool, Error> {
        let state = self.table.get(self.name).await?.unwrap_or_default();
        Ok(state.open_until.is_some_and(|until| until > now_millis()))
    }

    async fn leave(&self) -> Result<Option<Leave>, Error> {
        let state = self.table.get(self.name).await?.unwrap_or_default();
        let Some(until) = state.open_until else {
            return Ok(Some(Leave::Closed));
        };
        if until > now_millis() {
            return Ok(None);
        }
        // Whoever is first tries; the others find it open for another delay.
        let probe = random_id();
        let tried = self
            .table
            .update(self.name)
            .set(Circuit::PROBE, probe.as_str())
            .set(Circuit::OPEN_UNTIL, now_millis() + millis(self.delay))
            .if_version(state.version)
            .await;
        match tried {
            Ok(_) => Ok(Some(Leave::Probe(probe))),
            Err(error) if error.is_conflict() => Ok(None),
            // Whether it was noted is not known; another call tries after the delay.
            Err(error) if error.kind() == ErrorKind::Unavailable => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The probe succeeded.
    async fn close(&self, probe: &str) -> Result<(), Error> {
        let closed = self
            .table
            .update(self.name)
            .remove(Circuit::OPEN_UNTIL)
            .remove(Circuit::PROBE)
            .set(Circuit::FAILURES, 0_u32)
            .set(Circuit::WINDOW_ENDS, 0_u64)
            .when(Circuit::PROBE.eq(probe))
            .await;
        outrun(closed)
    }

    /// The probe failed.
    async fn stay_open(&self, probe: &str) -> Result<(), Error> {
        let open = self
            .table
            .update(self.name)
            .set(Circuit::OPEN_UNTIL, now_millis() + millis(self.delay))
            .when(Circuit::PROBE.eq(probe))
            .await;
        outrun(open)
    }

    /// A call failed while the circuit was closed.
    async fn count(&self) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            let now = now_millis();
            let mut state = self.table.get(self.name).await?.unwrap_or_default();
            if state.open_until.is_some() {
                return Ok(());
            }
            if state.window_ends <= now {
                (state.failures, state.window_ends) = (0, now + millis(self.window));
            }
            state.name = self.name.to_owned();
            state.failures += 1;
            if state.failures >= self.failures {
                state.open_until = Some(now + millis(self.delay));
            }
            match self.table.put(&state).await {
                Err(error) if error.is_conflict() && tries < TRIES => {}
                result => return outrun(result),
            }
        }
    }
}

/// A change that others were quicker with is theirs.
fn outrun<T>(result: Result<T, Error>) -> Result<(), Error> {
    match result {
        Err(error) if error.is_conflict() => Ok(()),
        result => result.map(|_| ()),
    }
}
