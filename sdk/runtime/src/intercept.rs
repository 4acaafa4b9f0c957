//! A provider around another one, through which every operation passes with its resource, kind and
//! verb: the one place where all operations are forwarded. Permissions and the test kit's faults
//! are interceptors.

use crate::bucket::{
    BucketOperations, ByteRange, ListObjects, Object, ObjectHead, ObjectPage, PresignPut,
    PresignedPut, PutObject,
};
use crate::config::ConfigOperations;
use crate::event_bus::{EventBusOperations, OutgoingEvent};
use crate::function::FunctionOperations;
use crate::queue::{OutgoingMessage, QueueOperations, Sent};
use crate::secret::{SecretOperations, SecretValue};
use crate::stream::{StreamOperations, StreamRecord};
use crate::table::{
    Condition, Consistency, Item, ItemOperation, ItemWrite, Key, Page, Query, Scan,
    TableOperations, Update,
};
use crate::topic::{TopicMessage, TopicOperations};
use crate::{BoxFuture, Error, Provider, Target, TraceContext};
use ifc_manifest::kind::{
    bucket, config, event_bus, function, queue, secret, stream, table, topic,
};
use ifc_manifest::{Kind, Verb};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What is done around each operation.
pub trait Interceptor: Send + Sync {
    /// Performs `operation` by awaiting it, or answers in its place. It has not begun yet: a
    /// future does nothing before it is awaited.
    fn around<'a, T: Send + 'a>(
        &'a self,
        target: Target<'a>,
        kind: Kind,
        verb: Verb,
        operation: BoxFuture<'a, Result<T, Error>>,
    ) -> BoxFuture<'a, Result<T, Error>>;

    /// Whether a part of an operation may be done that has a verb of its own: what a transaction
    /// does with one item.
    ///
    /// # Errors
    /// Why not; the whole operation then fails with it.
    fn admit(&self, _: Target<'_>, _: Kind, _: Verb) -> Result<(), Error> {
        Ok(())
    }
}

/// `inner` with an interceptor around each operation.
pub struct Intercepted<I> {
    /// Who does the work.
    pub inner: Arc<dyn Provider>,
    /// What is done around it.
    pub interceptor: I,
}

impl<I: Interceptor> Provider for Intercepted<I> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn now(&self) -> SystemTime {
        self.inner.now()
    }
}

impl<I: Interceptor> QueueOperations for Intercepted<I> {
    fn send<'a>(
        &'a self,
        target: Target<'a>,
        messages: Vec<OutgoingMessage>,
    ) -> BoxFuture<'a, Result<Vec<Result<Sent, Error>>, Error>> {
        let operation = self.inner.send(target, messages);
        self.interceptor
            .around(target, Kind::Queue, queue::SEND, operation)
    }
}

impl<I: Interceptor> TopicOperations for Intercepted<I> {
    fn publish<'a>(
        &'a self,
        target: Target<'a>,
        messages: Vec<TopicMessage>,
    ) -> BoxFuture<'a, Result<Vec<Result<String, Error>>, Error>> {
        let operation = self.inner.publish(target, messages);
        self.interceptor
            .around(target, Kind::Topic, topic::PUBLISH, operation)
    }
}

impl<I: Interceptor> StreamOperations for Intercepted<I> {
    fn append<'a>(
        &'a self,
        target: Target<'a>,
        records: Vec<StreamRecord>,
    ) -> BoxFuture<'a, Result<Vec<Result<String, Error>>, Error>> {
        let operation = self.inner.append(target, records);
        self.interceptor
            .around(target, Kind::Stream, stream::APPEND, operation)
    }
}

impl<I: Interceptor> EventBusOperations for Intercepted<I> {
    fn put_events<'a>(
        &'a self,
        target: Target<'a>,
        events: Vec<OutgoingEvent>,
    ) -> BoxFuture<'a, Result<Vec<Result<String, Error>>, Error>> {
        let operation = self.inner.put_events(target, events);
        self.interceptor
            .around(target, Kind::EventBus, event_bus::PUT, operation)
    }
}

impl<I: Interceptor> TableOperations for Intercepted<I> {
    fn get<'a>(
        &'a self,
        target: Target<'a>,
        key: Key,
        consistency: Consistency,
    ) -> BoxFuture<'a, Result<Option<Item>, Error>> {
        let operation = self.inner.get(target, key, consistency);
        self.interceptor
            .around(target, Kind::Table, table::GET, operation)
    }

    fn batch_get<'a>(
        &'a self,
        target: Target<'a>,
        keys: Vec<Key>,
        consistency: Consistency,
    ) -> BoxFuture<'a, Result<Vec<Item>, Error>> {
        let operation = self.inner.batch_get(target, keys, consistency);
        self.interceptor
            .around(target, Kind::Table, table::BATCH_GET, operation)
    }

    fn put<'a>(
        &'a self,
        target: Target<'a>,
        item: Item,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let operation = self.inner.put(target, item, condition);
        self.interceptor
            .around(target, Kind::Table, table::PUT, operation)
    }

    fn delete<'a>(
        &'a self,
        target: Target<'a>,
        key: Key,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let operation = self.inner.delete(target, key, condition);
        self.interceptor
            .around(target, Kind::Table, table::DELETE, operation)
    }

    fn update<'a>(
        &'a self,
        target: Target<'a>,
        key: Key,
        update: Update,
        condition: Condition,
    ) -> BoxFuture<'a, Result<Item, Error>> {
        let operation = self.inner.update(target, key, update, condition);
        self.interceptor
            .around(target, Kind::Table, table::UPDATE, operation)
    }

    fn query<'a>(&'a self, target: Target<'a>, query: Query) -> BoxFuture<'a, Result<Page, Error>> {
        let operation = self.inner.query(target, query);
        self.interceptor
            .around(target, Kind::Table, table::QUERY, operation)
    }

    fn scan<'a>(&'a self, target: Target<'a>, scan: Scan) -> BoxFuture<'a, Result<Page, Error>> {
        let operation = self.inner.scan(target, scan);
        self.interceptor
            .around(target, Kind::Table, table::SCAN, operation)
    }

    fn batch_write<'a>(
        &'a self,
        target: Target<'a>,
        writes: Vec<ItemWrite>,
    ) -> BoxFuture<'a, Result<Vec<Result<(), Error>>, Error>> {
        let operation = self.inner.batch_write(target, writes);
        self.interceptor
            .around(target, Kind::Table, table::BATCH_WRITE, operation)
    }

    fn transact<'a>(
        &'a self,
        target: Target<'a>,
        operations: Vec<ItemOperation>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        for (place, operation) in operations.iter().enumerate() {
            let verb = operation.verb();
            if let Err(error) = self.interceptor.admit(target, Kind::Table, verb) {
                let error = error.in_operation(place, verb);
                return Box::pin(std::future::ready(Err(error)));
            }
        }
        let operation = self.inner.transact(target, operations);
        self.interceptor
            .around(target, Kind::Table, table::TRANSACT, operation)
    }

    fn transact_across<'a>(
        &'a self,
        target: Target<'a>,
        operations: Vec<(Target<'a>, ItemOperation)>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        for (place, (table, operation)) in operations.iter().enumerate() {
            let verb = operation.verb();
            if let Err(error) = self.interceptor.admit(*table, Kind::Table, verb) {
                let error = error.in_operation(place, verb);
                return Box::pin(std::future::ready(Err(error)));
            }
        }
        let operation = self.inner.transact_across(target, operations);
        self.interceptor
            .around(target, Kind::Table, table::TRANSACT_ACROSS, operation)
    }
}

impl<I: Interceptor> BucketOperations for Intercepted<I> {
    fn get_object<'a>(
        &'a self,
        target: Target<'a>,
        key: String,
        range: Option<ByteRange>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        let operation = self.inner.get_object(target, key, range);
        self.interceptor
            .around(target, Kind::Bucket, bucket::GET, operation)
    }

    fn head_object<'a>(
        &'a self,
        target: Target<'a>,
        key: String,
    ) -> BoxFuture<'a, Result<Option<ObjectHead>, Error>> {
        let operation = self.inner.head_object(target, key);
        self.interceptor
            .around(target, Kind::Bucket, bucket::HEAD, operation)
    }

    fn put_object<'a>(
        &'a self,
        target: Target<'a>,
        put: PutObject,
    ) -> BoxFuture<'a, Result<String, Error>> {
        let operation = self.inner.put_object(target, put);
        self.interceptor
            .around(target, Kind::Bucket, bucket::PUT, operation)
    }

    fn delete_object<'a>(
        &'a self,
        target: Target<'a>,
        key: String,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let operation = self.inner.delete_object(target, key);
        self.interceptor
            .around(target, Kind::Bucket, bucket::DELETE, operation)
    }

    fn list_objects<'a>(
        &'a self,
        target: Target<'a>,
        list: ListObjects,
    ) -> BoxFuture<'a, Result<ObjectPage, Error>> {
        let operation = self.inner.list_objects(target, list);
        self.interceptor
            .around(target, Kind::Bucket, bucket::LIST, operation)
    }

    fn copy_object<'a>(
        &'a self,
        target: Target<'a>,
        from: String,
        to: String,
    ) -> BoxFuture<'a, Result<String, Error>> {
        let operation = self.inner.copy_object(target, from, to);
        self.interceptor
            .around(target, Kind::Bucket, bucket::COPY, operation)
    }

    fn presign_get<'a>(
        &'a self,
        target: Target<'a>,
        key: String,
        expiry: Duration,
    ) -> BoxFuture<'a, Result<String, Error>> {
        let operation = self.inner.presign_get(target, key, expiry);
        self.interceptor
            .around(target, Kind::Bucket, bucket::PRESIGN_GET, operation)
    }

    fn presign_put<'a>(
        &'a self,
        target: Target<'a>,
        presign: PresignPut,
    ) -> BoxFuture<'a, Result<PresignedPut, Error>> {
        let operation = self.inner.presign_put(target, presign);
        self.interceptor
            .around(target, Kind::Bucket, bucket::PRESIGN_PUT, operation)
    }
}

impl<I: Interceptor> SecretOperations for Intercepted<I> {
    fn read_secret<'a>(&'a self, target: Target<'a>) -> BoxFuture<'a, Result<SecretValue, Error>> {
        let operation = self.inner.read_secret(target);
        self.interceptor
            .around(target, Kind::Secret, secret::READ, operation)
    }
}

impl<I: Interceptor> ConfigOperations for Intercepted<I> {
    fn read_config<'a>(&'a self, target: Target<'a>) -> BoxFuture<'a, Result<String, Error>> {
        let operation = self.inner.read_config(target);
        self.interceptor
            .around(target, Kind::Config, config::READ, operation)
    }
}

impl<I: Interceptor> FunctionOperations for Intercepted<I> {
    fn invoke<'a>(
        &'a self,
        target: Target<'a>,
        argument: Vec<u8>,
        trace: TraceContext,
    ) -> BoxFuture<'a, Result<Vec<u8>, Error>> {
        let operation = self.inner.invoke(target, argument, trace);
        self.interceptor
            .around(target, Kind::Function, function::INVOKE, operation)
    }

    fn invoke_async<'a>(
        &'a self,
        target: Target<'a>,
        argument: Vec<u8>,
        trace: TraceContext,
    ) -> BoxFuture<'a, Result<String, Error>> {
        let operation = self.inner.invoke_async(target, argument, trace);
        self.interceptor
            .around(target, Kind::Function, function::INVOKE_ASYNC, operation)
    }
}
