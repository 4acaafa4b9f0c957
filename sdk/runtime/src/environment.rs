//! What the application's handles work in: the provider, the application, the shared state.
//!
//! A running application has one environment for the whole process. A test has one of its own,
//! tied to the threads of its runtime, so that tests run side by side in one process.

use crate::state::States;
use crate::{Application, Error, ErrorKind, Provider, TraceContext};
use ifc_manifest::Targets;
use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

/// The surroundings of application code.
pub struct Environment {
    /// Answers the operations.
    pub provider: Arc<dyn Provider>,
    /// What is declared.
    pub application: Arc<Application>,
    /// Shared state that handlers asked for.
    pub states: States,
}

static PROCESS: OnceLock<Arc<Environment>> = OnceLock::new();

thread_local! {
    static THREAD: RefCell<Option<Arc<Environment>>> = const { RefCell::new(None) };
}

impl Environment {
    /// An environment without any shared state yet.
    pub fn new(provider: Arc<dyn Provider>, application: Arc<Application>) -> Arc<Environment> {
        Arc::new(Environment {
            provider,
            application,
            states: States::default(),
        })
    }

    /// Makes this the environment of the process. The first one stays.
    pub fn enter_process(self: Arc<Self>) {
        let _ = PROCESS.set(self);
    }

    /// Makes this the environment of the current thread, until [`leave_thread`](Self::leave_thread).
    pub fn enter_thread(self: Arc<Self>) {
        THREAD.with_borrow_mut(|thread| *thread = Some(self));
    }

    /// Undoes [`enter_thread`](Self::enter_thread).
    pub fn leave_thread() {
        THREAD.with_borrow_mut(|thread| *thread = None);
    }

    /// The providers whose limits the current code must keep: all of them outside an application.
    pub fn targets() -> Targets {
        Environment::current().map_or(Targets::ALL, |environment| environment.application.targets)
    }

    /// The environment of the current code.
    ///
    /// # Errors
    /// When there is none: the code runs neither under `ifc::main!()` nor under `#[ifc::test]`, or
    /// it runs in a test on a thread that the test's runtime did not start.
    pub fn current() -> Result<Arc<Environment>, Error> {
        THREAD
            .with_borrow(|thread| thread.clone())
            .or_else(|| PROCESS.get().cloned())
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::NotReady,
                    "no provider is running here: resources work inside `ifc::main!()` and \
                     `#[ifc::test]`, there also on threads of `tokio::spawn` and `spawn_blocking`, \
                     but not on a bare `std::thread`",
                )
            })
    }
}

/// One run of a handler: who runs, why, in which trace.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The unit.
    pub unit: Arc<str>,
    /// The event, or the request's id.
    pub event_id: String,
    /// Which delivery of the event, from 1.
    pub attempt: u32,
    /// The invocation's own trace context: its `parent_id` names this invocation.
    pub trace: TraceContext,
}

tokio::task_local! {
    static INVOCATION: Arc<Invocation>;
}

impl Invocation {
    /// Runs `future` as this invocation. Tasks that it spawns are not part of it.
    pub async fn run<F: Future>(self, future: F) -> F::Output {
        INVOCATION.scope(Arc::new(self), future).await
    }

    /// The invocation that the current code belongs to.
    pub fn current() -> Option<Arc<Invocation>> {
        INVOCATION.try_with(Arc::clone).ok()
    }

    /// The trace that an operation of the current code belongs to: the invocation's, or a new one.
    pub fn trace() -> TraceContext {
        INVOCATION
            .try_with(|invocation| invocation.trace)
            .unwrap_or_else(|_| TraceContext::root())
    }
}
