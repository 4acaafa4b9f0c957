//! The provider of a test: the local one, with every operation recorded and some of them failing.

use super::faults::{FaultPlan, OperationFate};
use super::lock;
use super::trace::{TraceEntry, TraceEvent};
use ifc_local::Local;
use ifc_manifest::Verb;
use ifc_manifest::kind::{config, function, queue, secret, table};
use ifc_runtime::config::ConfigOperations;
use ifc_runtime::function::FunctionOperations;
use ifc_runtime::queue::{OutgoingMessage, QueueOperations, Sent};
use ifc_runtime::secret::{SecretOperations, SecretValue};
use ifc_runtime::table::{Condition, Consistency, Item, Key, Page, Query, TableOperations, Update};
use ifc_runtime::{BoxFuture, Error, ErrorKind, Invocation, Provider, Target, TraceContext};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

pub(super) struct TestProvider {
    pub(super) local: Arc<Local>,
    pub(super) faults: Arc<Mutex<FaultPlan>>,
    pub(super) trace: Arc<Mutex<Vec<TraceEntry>>>,
}

impl TestProvider {
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

impl Provider for TestProvider {
    fn name(&self) -> &'static str {
        self.local.name()
    }

    fn now(&self) -> SystemTime {
        self.local.now()
    }
}

impl QueueOperations for TestProvider {
    fn send<'a>(
        &'a self,
        target: Target<'a>,
        messages: Vec<OutgoingMessage>,
    ) -> BoxFuture<'a, Result<Vec<Result<Sent, Error>>, Error>> {
        Box::pin(self.observe(target, queue::SEND, self.local.send(target, messages)))
    }
}

impl TableOperations for TestProvider {
    fn get<'a>(
        &'a self,
        target: Target<'a>,
        key: Key,
        consistency: Consistency,
    ) -> BoxFuture<'a, Result<Option<Item>, Error>> {
        Box::pin(self.observe(target, table::GET, self.local.get(target, key, consistency)))
    }

    fn batch_get<'a>(
        &'a self,
        target: Target<'a>,
        keys: Vec<Key>,
        consistency: Consistency,
    ) -> BoxFuture<'a, Result<Vec<Item>, Error>> {
        let operation = self.local.batch_get(target, keys, consistency);
        Box::pin(self.observe(target, table::BATCH_GET, operation))
    }

    fn put<'a>(
        &'a self,
        target: Target<'a>,
        item: Item,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.observe(target, table::PUT, self.local.put(target, item, condition)))
    }

    fn delete<'a>(
        &'a self,
        target: Target<'a>,
        key: Key,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let operation = self.local.delete(target, key, condition);
        Box::pin(self.observe(target, table::DELETE, operation))
    }

    fn update<'a>(
        &'a self,
        target: Target<'a>,
        key: Key,
        update: Update,
        condition: Condition,
    ) -> BoxFuture<'a, Result<Item, Error>> {
        let operation = self.local.update(target, key, update, condition);
        Box::pin(self.observe(target, table::UPDATE, operation))
    }

    fn query<'a>(&'a self, target: Target<'a>, query: Query) -> BoxFuture<'a, Result<Page, Error>> {
        Box::pin(self.observe(target, table::QUERY, self.local.query(target, query)))
    }
}

impl SecretOperations for TestProvider {
    fn read_secret<'a>(&'a self, target: Target<'a>) -> BoxFuture<'a, Result<SecretValue, Error>> {
        Box::pin(self.observe(target, secret::READ, self.local.read_secret(target)))
    }
}

impl ConfigOperations for TestProvider {
    fn read_config<'a>(&'a self, target: Target<'a>) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(self.observe(target, config::READ, self.local.read_config(target)))
    }
}

impl FunctionOperations for TestProvider {
    fn invoke<'a>(
        &'a self,
        target: Target<'a>,
        argument: Vec<u8>,
        trace: TraceContext,
    ) -> BoxFuture<'a, Result<Vec<u8>, Error>> {
        let operation = self.local.invoke(target, argument, trace);
        Box::pin(self.observe(target, function::INVOKE, operation))
    }

    fn invoke_async<'a>(
        &'a self,
        target: Target<'a>,
        argument: Vec<u8>,
        trace: TraceContext,
    ) -> BoxFuture<'a, Result<String, Error>> {
        let operation = self.local.invoke_async(target, argument, trace);
        Box::pin(self.observe(target, function::INVOKE_ASYNC, operation))
    }
}
