//! What application code asks of the provider.

use crate::local::{Local, PROVIDER, undeclared};
use crate::message::Message;
use crate::moment::{Moment, nanoseconds};
use crate::queue::{Rules, Sequence};
use crate::store::{Fault, Snapshot, Transaction};
use crate::table::{self, Feed, Put, Step, Table, Writing};
use crate::{config, queue, secret, stream};
use ifc_manifest::kind;
use ifc_manifest::kind::edge::Selection;
use ifc_manifest::kind::event_bus::Candidate;
use ifc_manifest::size::SYNC_BODY;
use ifc_manifest::{Kind, Verb};
use ifc_runtime::config::ConfigOperations;
use ifc_runtime::event::random_id;
use ifc_runtime::event_bus::{EventBusOperations, OutgoingEvent};
use ifc_runtime::function::FunctionOperations;
use ifc_runtime::queue::{OutgoingMessage, QueueOperations, Sent};
use ifc_runtime::secret::{SecretOperations, SecretValue};
use ifc_runtime::stream::{StreamOperations, StreamRecord};
use ifc_runtime::table::{
    Condition, Consistency, Item, ItemOperation, ItemWrite, Key, Page, Query, Scan,
    TableOperations, Update,
};
use ifc_runtime::topic::{TopicMessage, TopicOperations};
use ifc_runtime::{
    BoxFuture, Error, ErrorKind, Invocation, Provider, Target, TraceContext, handler,
};
use std::sync::Arc;
use std::time::SystemTime;

impl Provider for Local {
    fn name(&self) -> &'static str {
        PROVIDER
    }

    fn now(&self) -> SystemTime {
        self.clock.now()
    }
}

/// Runs an operation and names it in its error.
pub(crate) fn named<'a, T>(
    target: Target<'a>,
    verb: Verb,
    operation: impl Future<Output = Result<T, Error>> + Send + 'a,
) -> BoxFuture<'a, Result<T, Error>> {
    Box::pin(async move {
        let result = operation.await;
        result.map_err(|error| error.on(target, verb).from_provider(PROVIDER))
    })
}

impl Local {
    /// Reads from the present, or, when the read may be behind and the adversary wants it, from a
    /// moment before.
    fn read<T>(
        &self,
        consistency: Consistency,
        read: impl Fn(&Snapshot) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        let behind = match consistency {
            Consistency::Strong => 0,
            Consistency::Eventual => self.adversary.get().map_or(0, |adversary| adversary.lag()),
        };
        self.store.read_behind(behind, read)
    }

    fn table(&self, target: Target<'_>) -> Result<&Arc<Table>, Error> {
        self.tables
            .get(target)
            .ok_or_else(|| undeclared("table", target))
    }

    fn writing(&self, target: Target<'_>) -> Result<Writing, Error> {
        Ok(self.writing_to(self.table(target)?))
    }

    /// A write of now, of which everyone hears who follows the table.
    pub(crate) fn writing_to(&self, table: &Arc<Table>) -> Writing {
        let followers = self.followers.get(&table.number);
        let queues = followers.cloned().unwrap_or_default();
        Writing {
            feed: Feed::new(queues, Arc::clone(&self.sequence), Invocation::trace()),
            now: self.now_moment(),
            table: Arc::clone(table),
        }
    }
}

/// The error of a refusal outside any transaction.
fn refusal(fault: Fault) -> Error {
    match fault {
        Fault::Refused(error) => error,
        Fault::Storage(error) => Error::new(ErrorKind::Unavailable, error.to_string()),
    }
}

impl TableOperations for Local {
    fn get<'a>(
        &'a self,
        table: Target<'a>,
        key: Key,
        consistency: Consistency,
    ) -> BoxFuture<'a, Result<Option<Item>, Error>> {
        named(table, kind::table::GET, async move {
            let (table, now) = (self.table(table)?, self.now_moment());
            self.read(consistency, |snapshot| {
                table::get(snapshot, table, now, &key)
            })
        })
    }

    fn batch_get<'a>(
        &'a self,
        table: Target<'a>,
        keys: Vec<Key>,
        consistency: Consistency,
    ) -> BoxFuture<'a, Result<Vec<Item>, Error>> {
        named(table, kind::table::BATCH_GET, async move {
            let (table, now) = (self.table(table)?, self.now_moment());
            self.read(consistency, |snapshot| {
                let items = keys.iter().map(|key| table::get(snapshot, table, now, key));
                items.filter_map(Result::transpose).collect()
            })
        })
    }

    fn put<'a>(
        &'a self,
        table: Target<'a>,
        item: Item,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), Error>> {
        named(table, kind::table::PUT, async move {
            let writing = self.writing(table)?;
            let put = Put::new(&writing.table, &item).map_err(refusal)?;
            let command = move |transaction: &mut Transaction<'_, '_>| {
                table::put(transaction, &writing, &put, &condition)
            };
            self.store.write(command).await
        })
    }

    fn delete<'a>(
        &'a self,
        table: Target<'a>,
        key: Key,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), Error>> {
        named(table, kind::table::DELETE, async move {
            let writing = self.writing(table)?;
            writing.table.check_key(&key).map_err(refusal)?;
            let command = move |transaction: &mut Transaction<'_, '_>| {
                table::delete(transaction, &writing, &key, &condition)
            };
            self.store.write(command).await
        })
    }

    fn update<'a>(
        &'a self,
        table: Target<'a>,
        key: Key,
        update: Update,
        condition: Condition,
    ) -> BoxFuture<'a, Result<Item, Error>> {
        named(table, kind::table::UPDATE, async move {
            let writing = self.writing(table)?;
            writing.table.check_key(&key).map_err(refusal)?;
            let command = move |transaction: &mut Transaction<'_, '_>| {
                table::update(transaction, &writing, &key, &update, &condition)
            };
            self.store.write(command).await
        })
    }

    fn query<'a>(&'a self, table: Target<'a>, query: Query) -> BoxFuture<'a, Result<Page, Error>> {
        named(table, kind::table::QUERY, async move {
            let (table, now) = (self.table(table)?, self.now_moment());
            let consistency = match query.index {
                Some(_) => Consistency::Eventual,
                None => query.consistency,
            };
            self.read(consistency, |snapshot| {
                table::query(snapshot, table, now, &query)
            })
        })
    }

    fn scan<'a>(&'a self, table: Target<'a>, scan: Scan) -> BoxFuture<'a, Result<Page, Error>> {
        named(table, kind::table::SCAN, async move {
            let (table, now) = (self.table(table)?, self.now_moment());
            self.read(scan.consistency, |snapshot| {
                table::scan(snapshot, table, now, &scan)
            })
        })
    }

    fn batch_write<'a>(
        &'a self,
        target: Target<'a>,
        writes: Vec<ItemWrite>,
    ) -> BoxFuture<'a, Result<Vec<Result<(), Error>>, Error>> {
        named(target, kind::table::BATCH_WRITE, async move {
            let writing = self.writing(target)?;
            let steps = writes.into_iter();
            let steps = steps.map(|write| Step::of_batch(&writing.table, write).map_err(refusal));
            let steps = steps.collect();
            let command = move |transaction: &mut Transaction<'_, '_>| {
                table::batch_write(transaction, &writing, steps)
            };
            let results = self.store.write(command).await?;
            let on = |error: Error| error.on(target, kind::table::BATCH_WRITE);
            let named = results.into_iter().map(|result| result.map_err(on));
            Ok(named.collect())
        })
    }

    fn transact<'a>(
        &'a self,
        table: Target<'a>,
        operations: Vec<ItemOperation>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        named(table, kind::table::TRANSACT, async move {
            let writing = self.writing(table)?;
            let steps = operations.into_iter().enumerate();
            let steps: Vec<Step> = steps
                .map(|(place, operation)| Step::of_transaction(&writing.table, place, operation))
                .collect::<Result<_, _>>()
                .map_err(refusal)?;
            let command = move |transaction: &mut Transaction<'_, '_>| {
                table::transact(transaction, steps.iter().map(|step| (&writing, step)))
            };
            self.store.write(command).await
        })
    }

    fn transact_across<'a>(
        &'a self,
        table: Target<'a>,
        operations: Vec<(Target<'a>, ItemOperation)>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        named(table, kind::table::TRANSACT_ACROSS, async move {
            let step = |(place, (table, operation))| {
                let writing = self.writing(table)?;
                let step = Step::of_transaction(&writing.table, place, operation);
                Ok((writing, step.map_err(refusal)?))
            };
            let steps = operations.into_iter().enumerate().map(step);
            let steps: Vec<(Writing, Step)> = steps.collect::<Result<_, Error>>()?;
            let command = move |transaction: &mut Transaction<'_, '_>| {
                let steps = steps.iter().map(|(writing, step)| (writing, step));
                table::transact(transaction, steps)
            };
            self.store.write(command).await
        })
    }
}

impl QueueOperations for Local {
    fn send<'a>(
        &'a self,
        queue: Target<'a>,
        messages: Vec<OutgoingMessage>,
    ) -> BoxFuture<'a, Result<Vec<Result<Sent, Error>>, Error>> {
        named(queue, kind::queue::SEND, async move {
            let at = self
                .declared_queues
                .get(queue)
                .ok_or_else(|| undeclared("queue", queue))?;
            let ids = self.enqueue(*at, messages).await?;
            Ok(ids.into_iter().map(|id| Ok(Sent { id })).collect())
        })
    }
}

impl TopicOperations for Local {
    fn publish<'a>(
        &'a self,
        topic: Target<'a>,
        messages: Vec<TopicMessage>,
    ) -> BoxFuture<'a, Result<Vec<Result<String, Error>>, Error>> {
        named(topic, kind::topic::PUBLISH, async move {
            let subscriptions = self
                .sources
                .of(Kind::Topic, topic)
                .ok_or_else(|| undeclared("topic", topic))?;
            let now = self.now_moment();
            let mut ids = Vec::with_capacity(messages.len());
            let mut posts = Vec::with_capacity(messages.len());
            for outgoing in messages {
                let queues = subscriptions
                    .iter()
                    .filter(|subscription| match &subscription.spec.selection {
                        Selection::Everything | Selection::Keys(_) => true,
                        Selection::Attributes(filter) => filter.matches(&outgoing.attributes),
                        Selection::Pattern(_) => false,
                    })
                    .map(|subscription| self.queues[subscription.queue].rules)
                    .collect();
                let message = Message {
                    id: outgoing.id.unwrap_or_else(random_id),
                    sent_at: now,
                    trace: outgoing.trace,
                    group: outgoing.group,
                    attributes: outgoing.attributes,
                    body: outgoing.body,
                };
                ids.push(Ok(message.id.clone()));
                posts.push(Post::new(queues, message, now));
            }
            self.post(posts).await?;
            Ok(ids)
        })
    }
}

impl StreamOperations for Local {
    fn append<'a>(
        &'a self,
        target: Target<'a>,
        records: Vec<StreamRecord>,
    ) -> BoxFuture<'a, Result<Vec<Result<String, Error>>, Error>> {
        named(target, kind::stream::APPEND, async move {
            let (_, log) = self
                .streams
                .get(target)
                .ok_or_else(|| undeclared("stream", target))?;
            let (log, now) = (*log, self.now_moment());
            let consumers = self.sources.of(Kind::Stream, target).unwrap_or_default();
            let consumers = consumers.iter();
            let consumers: Vec<Rules> = consumers
                .map(|consumer| self.queues[consumer.queue].rules)
                .collect();
            let mut ids = Vec::with_capacity(records.len());
            let mut bytes = Vec::with_capacity(records.len());
            for record in records {
                let message = Message {
                    id: random_id(),
                    sent_at: now,
                    trace: record.trace,
                    group: Some(record.key),
                    attributes: Default::default(),
                    body: record.body,
                };
                bytes.push(message.encode());
                ids.push(Ok(message.id));
            }
            let sequence = Arc::clone(&self.sequence);
            let command = move |transaction: &mut Transaction<'_, '_>| {
                for record in &bytes {
                    stream::append(transaction, &log, &sequence, record, &consumers)?;
                }
                Ok(())
            };
            self.store.write(command).await?;
            Ok(ids)
        })
    }
}

impl EventBusOperations for Local {
    fn put_events<'a>(
        &'a self,
        bus: Target<'a>,
        events: Vec<OutgoingEvent>,
    ) -> BoxFuture<'a, Result<Vec<Result<String, Error>>, Error>> {
        named(bus, kind::event_bus::PUT, async move {
            let rules = self
                .sources
                .of(Kind::EventBus, bus)
                .ok_or_else(|| undeclared("event bus", bus))?;
            let now = self.now_moment();
            let mut ids = Vec::with_capacity(events.len());
            let mut posts = Vec::with_capacity(events.len());
            for event in events {
                let candidate = Candidate {
                    event_type: &event.context.event_type,
                    source: &event.context.source,
                    subject: event.context.subject.as_deref(),
                    fields: &event.fields,
                };
                let queues = rules
                    .iter()
                    .filter(|rule| match &rule.spec.selection {
                        Selection::Everything => true,
                        Selection::Pattern(pattern) => pattern.matches(&candidate),
                        Selection::Attributes(_) | Selection::Keys(_) => false,
                    })
                    .map(|rule| self.queues[rule.queue].rules)
                    .collect();
                let message = Message {
                    id: event.id.unwrap_or_else(random_id),
                    sent_at: now,
                    trace: event.trace,
                    group: None,
                    attributes: event.context.to_attributes(),
                    body: event.data,
                };
                ids.push(Ok(message.id.clone()));
                posts.push(Post::new(queues, message, now));
            }
            self.post(posts).await?;
            Ok(ids)
        })
    }
}

/// One message for any number of queues.
struct Post {
    queues: Vec<Rules>,
    record: Vec<u8>,
    group: Option<String>,
    due: Moment,
}

impl Post {
    fn new(queues: Vec<Rules>, message: Message, due: Moment) -> Post {
        Post {
            queues,
            record: message.encode(),
            group: message.group,
            due,
        }
    }

    fn send(
        &self,
        transaction: &mut Transaction<'_, '_>,
        sequence: &Sequence,
    ) -> Result<(), Fault> {
        let (record, group) = (self.record.as_slice(), self.group.as_deref());
        for rules in &self.queues {
            queue::send(transaction, rules, sequence, record, group, self.due)?;
        }
        Ok(())
    }
}

impl Local {
    /// Puts messages into a queue, declared or hidden, all in one commit. Returns their ids.
    async fn enqueue(
        &self,
        queue: usize,
        messages: Vec<OutgoingMessage>,
    ) -> Result<Vec<String>, Error> {
        let rules = self.queues[queue].rules;
        let now = self.now_moment();
        let mut ids = Vec::with_capacity(messages.len());
        let posts = messages.into_iter().map(|outgoing| {
            let due = now.saturating_add(nanoseconds(outgoing.delay));
            let message = Message {
                id: outgoing.id.unwrap_or_else(random_id),
                sent_at: now,
                trace: outgoing.trace,
                group: outgoing.group,
                attributes: outgoing.attributes,
                body: outgoing.body,
            };
            ids.push(message.id.clone());
            Post::new(vec![rules], message, due)
        });
        self.post(posts.collect()).await?;
        Ok(ids)
    }

    /// Puts messages into queues, all in one commit.
    async fn post(&self, posts: Vec<Post>) -> Result<(), Error> {
        let sequence = Arc::clone(&self.sequence);
        let command = move |transaction: &mut Transaction<'_, '_>| {
            for post in &posts {
                post.send(transaction, &sequence)?;
            }
            Ok(())
        };
        self.store.write(command).await
    }

    /// Runs a function once.
    pub(crate) async fn call(
        &self,
        thunk: handler::CallThunk,
        timeout: std::time::Duration,
        argument: Vec<u8>,
        invocation: Invocation,
    ) -> Result<Vec<u8>, Error> {
        let bytes_max = SYNC_BODY.in_force(self.application.targets).max;
        handler::run_call(invocation, thunk, timeout, bytes_max, argument)
            .await
            .map_err(|message| Error::new(ErrorKind::Failed, message))
    }
}

impl FunctionOperations for Local {
    fn invoke<'a>(
        &'a self,
        function: Target<'a>,
        argument: Vec<u8>,
        trace: TraceContext,
    ) -> BoxFuture<'a, Result<Vec<u8>, Error>> {
        named(function, kind::function::INVOKE, async move {
            let found = self.functions.get(function);
            let found = found.ok_or_else(|| undeclared("function", function))?;
            let invocation = Invocation {
                unit: found.unit.as_str().into(),
                event_id: random_id(),
                attempt: 1,
                trace: trace.child(),
            };
            self.call(found.thunk, found.timeout, argument, invocation)
                .await
        })
    }

    fn invoke_async<'a>(
        &'a self,
        function: Target<'a>,
        argument: Vec<u8>,
        trace: TraceContext,
    ) -> BoxFuture<'a, Result<String, Error>> {
        named(function, kind::function::INVOKE_ASYNC, async move {
            let found = self.functions.get(function);
            let found = found.ok_or_else(|| undeclared("function", function))?;
            let id = random_id();
            let message = OutgoingMessage {
                id: Some(id.clone()),
                body: argument,
                attributes: Default::default(),
                group: None,
                delay: Default::default(),
                trace,
            };
            self.enqueue(found.queue, vec![message]).await?;
            Ok(id)
        })
    }
}

impl SecretOperations for Local {
    fn read_secret<'a>(&'a self, secret: Target<'a>) -> BoxFuture<'a, Result<SecretValue, Error>> {
        named(secret, kind::secret::READ, async move {
            let name = self
                .secrets
                .get(secret)
                .ok_or_else(|| undeclared("secret", secret))?;
            let sealed = self.store.read(|snapshot| secret::get(snapshot, name))?;
            let sealed = sealed.ok_or_else(|| secret::missing(name))?;
            self.key_ring.open(name, &sealed)
        })
    }
}

impl ConfigOperations for Local {
    fn read_config<'a>(&'a self, config: Target<'a>) -> BoxFuture<'a, Result<String, Error>> {
        named(config, kind::config::READ, async move {
            let found = self
                .configs
                .get(config)
                .ok_or_else(|| undeclared("config", config))?;
            if let Some(fixed) = found.fixed.get() {
                return Ok(fixed.clone());
            }
            let set = self
                .store
                .read(|snapshot| config::get(snapshot, &found.name))?;
            let value = set.or_else(|| found.spec.default.clone()).ok_or_else(|| {
                let message = format!(
                    "config `{0}` has neither a value nor a default: set it with `ifc config set \
                     {0}`",
                    found.name
                );
                Error::new(ErrorKind::NotReady, message)
            })?;
            if found.spec.dynamic {
                return Ok(value);
            }
            Ok(found.fixed.get_or_init(|| value).clone())
        })
    }
}
