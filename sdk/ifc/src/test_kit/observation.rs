//! What happens around every operation of a test: it is recorded, and some fail.

use super::faults::{FaultPlan, OperationFate};
use super::lock;
use super::trace::{TraceEntry, TraceEvent};
use ifc_local::Local;
use ifc_manifest::{Kind, Verb};
use ifc_runtime::intercept::Interceptor;
use ifc_runtime::{BoxFuture, Error, ErrorKind, Invocation, Target, TraceContext};
use std::sync::{Arc, Mutex};

pub(super) struct Observation {
    pub(super) local: Arc<Local>,
    pub(super) faults: Arc<Mutex<FaultPlan>>,
    pub(super) trace: Arc<Mutex<Vec<TraceEntry>>>,
}

impl Interceptor for Observation {
    fn around<'a, T: Send + 'a>(
        &'a self,
        target: Target<'a>,
        _: Kind,
        verb: Verb,
        operation: BoxFuture<'a, Result<T, Error>>,
    ) -> BoxFuture<'a, Result<T, Error>> {
        Box::pin(self.observe(target, verb, operation))
    }
}

impl Observation {
    async fn observe<T>(
        &self,
        target: Target<'_>,
        verb: Verb,
        operation: BoxFuture<'_, Result<T, Error>>,
    ) -> Result<T, Error> {
        let invocation = Invocation::current();
        let fate = match invocation {
            Some(_) => lock(&self.faults).operation(),
            None => OperationFate::Normal,
        };
        let unavailable = |message: &str| {
            Error::new(ErrorKind::Unavailable, message)
                .on(target, verb)
                .from_provider("test")
        };
        let result = match fate {
            OperationFate::Normal => operation.await,
            OperationFate::FailBefore => Err(unavailable("injected fault: nothing happened")),
            OperationFate::FailAfter => match operation.await {
                Ok(_) => Err(unavailable("injected fault: the reply was lost")),
                Err(error) => Err(error),
            },
        };
        self.record(target, verb, invocation, result.is_ok());
        result
    }

    /// Apart from [`observe`](Self::observe), which is compiled for every type of reply.
    fn record(
        &self,
        target: Target<'_>,
        verb: Verb,
        invocation: Option<Arc<Invocation>>,
        succeeded: bool,
    ) {
        let trace = invocation
            .as_ref()
            .map_or_else(TraceContext::root, |invocation| invocation.trace);
        lock(&self.trace).push(TraceEntry {
            time: self.local.now(),
            unit: invocation
                .as_ref()
                .map(|invocation| invocation.unit.to_string()),
            trace_id: trace.trace_id,
            cause: invocation.map(|invocation| invocation.trace.parent_id),
            event: TraceEvent::Operation {
                resource: target.name.to_owned(),
                verb: verb.to_string(),
                succeeded,
            },
        });
    }
}
