//! The suite must notice: each defect here is put into the local provider, and the clause that
//! forbids it must fail.

mod bucket;

use crate::harness::LocalHarness;
use ifc_conformance::{DeadLetter, Failure, Harness, Stage, Time, Verdict};
use ifc_manifest::ProviderId;
use ifc_runtime::axum::extract::Request;
use ifc_runtime::axum::response::Response;
use ifc_runtime::config::ConfigOperations;
use ifc_runtime::event_bus::{EventBusOperations, OutgoingEvent};
use ifc_runtime::function::FunctionOperations;
use ifc_runtime::queue::{OutgoingMessage, QueueOperations, Sent};
use ifc_runtime::secret::{SecretOperations, SecretValue};
use ifc_runtime::stream::{StreamOperations, StreamRecord};
use ifc_runtime::table::{
    Condition, Consistency, Item, ItemOperation, ItemWrite, Key, KeyValue, Page, Query, Scan,
    TableOperations, Update,
};
use ifc_runtime::topic::{TopicMessage, TopicOperations};
use ifc_runtime::{Application, BoxFuture, Error, ErrorKind, Provider, Target, TraceContext};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What is wrong with the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    /// Nothing: to show that it is the defects that are noticed, not the wrapper.
    None,
    IgnoresConditionsOfPut,
    IgnoresConditionsOfUpdate,
    IgnoresConditionsOfDelete,
    DropsNulls,
    ReversesBatchGet,
    KeepsFirstPut,
    IgnoresDescending,
    IgnoresSortRange,
    EndsAfterFirstPage,
    IgnoresCursor,
    TransactsOneByOne,
    ForgetsWhichOperation,
    IgnoresChecks,
    TransactsTableByTable,
    TransactsInOneTable,
    BatchesAsOne,
    LosesLastOfBatchWrite,
    EndsScanAfterFirstPage,
    IgnoresCursorOfScan,
    ReplacesInTwoSteps,
    IgnoresStreamKeys,
    ReversesAppends,
    LosesLastOfAppend,
    IgnoresReplays,
    MixesTables,
    DropsAttributes,
    MakesIds,
    IgnoresDelay,
    IgnoresGroup,
    LosesLastOfBatch,
    PublishesWithoutAttributes,
    MakesTopicIds,
    IgnoresTopicGroup,
    LosesLastPublished,
    MixesBuckets,
    FoldsCaseOfKeys,
    IgnoresRanges,
    ReadsSuffixFromTheStart,
    HidesBadRanges,
    LosesLastPart,
    DropsMetadata,
    IgnoresIfAbsent,
    IgnoresIfVersion,
    StoresBrokenStreams,
    DeletesOnlyWhatIsThere,
    ListsWithoutFolders,
    IgnoresListCursor,
    IgnoresListPrefix,
    EndsAfterFirstListPage,
    ListsByCharacters,
    CopiesWithoutMetadata,
    PresignsForTooLong,
    PresignsForAnyType,
    PresignsForAnyLength,
    AdmitsUnsigned,
    FreezesTime,
    UploadsElsewhere,
    RemovesBeforeItWrites,
    PutsWithoutFields,
    PutsWithoutSubject,
    PutsAsOfNow,
    MakesEventIds,
    PutsTwoTypesAsOne,
    LosesLastPut,
    CallsTwice,
    HidesFailure,
    LosesAsyncCalls,
    SecretReadsEmpty,
    ConfigReadsNull,
    DropsReasons,
    LosesDeadLetters,
    KeepsNothingOverAnOutage,
    SleepsThroughTime,
}

/// The clause that each defect breaks.
const BROKEN: &[(Defect, &str)] = &[
    (Defect::IgnoresConditionsOfPut, "table-one-winner"),
    (Defect::IgnoresConditionsOfUpdate, "table-condition-types"),
    (Defect::IgnoresConditionsOfDelete, "table-condition-types"),
    (Defect::DropsNulls, "table-put-get"),
    (Defect::ReversesBatchGet, "table-batch-get"),
    (Defect::KeepsFirstPut, "table-replace"),
    (Defect::IgnoresDescending, "table-query-order"),
    (Defect::IgnoresSortRange, "table-query-ranges"),
    (Defect::EndsAfterFirstPage, "table-query-pages"),
    (Defect::IgnoresCursor, "table-query-cursor-stable"),
    (Defect::TransactsOneByOne, "table-transact-none"),
    (Defect::ForgetsWhichOperation, "table-transact-none"),
    (Defect::IgnoresChecks, "table-transact-none"),
    (Defect::TransactsTableByTable, "table-across-none"),
    (Defect::TransactsInOneTable, "table-across"),
    (Defect::KeepsNothingOverAnOutage, "table-across-durable"),
    (Defect::BatchesAsOne, "table-batch-write-each"),
    (Defect::LosesLastOfBatchWrite, "table-batch-write"),
    (Defect::EndsScanAfterFirstPage, "table-scan"),
    (Defect::IgnoresCursorOfScan, "table-scan-cursor"),
    (Defect::ReplacesInTwoSteps, "table-change-version"),
    (Defect::KeepsNothingOverAnOutage, "table-change-version"),
    (Defect::KeepsNothingOverAnOutage, "table-change-durable"),
    (Defect::IgnoresStreamKeys, "stream-blocking"),
    (Defect::IgnoresStreamKeys, "stream-delivery"),
    (Defect::ReversesAppends, "stream-order"),
    (Defect::LosesLastOfAppend, "stream-batch-result"),
    (Defect::IgnoresReplays, "stream-replay"),
    (Defect::KeepsNothingOverAnOutage, "stream-durable"),
    (Defect::MixesTables, "table-apart"),
    (Defect::DropsAttributes, "queue-delivery"),
    (Defect::MakesIds, "queue-ids"),
    (Defect::IgnoresDelay, "queue-delay"),
    (Defect::IgnoresGroup, "queue-fifo-blocking"),
    (Defect::LosesLastOfBatch, "queue-batch-result"),
    (Defect::PublishesWithoutAttributes, "topic-filters"),
    (Defect::MakesTopicIds, "topic-ids"),
    (Defect::PublishesWithoutAttributes, "topic-to-queue"),
    (Defect::IgnoresTopicGroup, "topic-fifo-blocking"),
    (Defect::LosesLastPublished, "topic-batch-result"),
    (Defect::MixesBuckets, "bucket-apart"),
    (Defect::FoldsCaseOfKeys, "bucket-keys"),
    (Defect::IgnoresRanges, "bucket-ranges"),
    (Defect::ReadsSuffixFromTheStart, "bucket-ranges"),
    (Defect::HidesBadRanges, "bucket-range-outside"),
    (Defect::LosesLastPart, "bucket-large"),
    (Defect::DropsMetadata, "bucket-put-get"),
    (Defect::IgnoresIfAbsent, "bucket-if-absent"),
    (Defect::IgnoresIfAbsent, "bucket-one-winner"),
    (Defect::IgnoresIfVersion, "bucket-if-version"),
    (Defect::StoresBrokenStreams, "bucket-broken-stream"),
    (Defect::DeletesOnlyWhatIsThere, "bucket-delete"),
    (Defect::ListsWithoutFolders, "bucket-list-folders"),
    (Defect::IgnoresListCursor, "bucket-list-cursor"),
    (Defect::IgnoresListPrefix, "bucket-list-prefix"),
    (Defect::EndsAfterFirstListPage, "bucket-list-pages"),
    (Defect::ListsByCharacters, "bucket-list-order"),
    (Defect::CopiesWithoutMetadata, "bucket-copy"),
    (Defect::PresignsForTooLong, "bucket-presign-expiry"),
    (Defect::PresignsForAnyType, "bucket-presign-type"),
    (Defect::PresignsForAnyLength, "bucket-presign-length"),
    (Defect::AdmitsUnsigned, "bucket-presign-tampered"),
    (Defect::AdmitsUnsigned, "bucket-presign-method"),
    (Defect::AdmitsUnsigned, "bucket-private"),
    (Defect::FreezesTime, "bucket-expiry"),
    (Defect::UploadsElsewhere, "bucket-created"),
    (Defect::FoldsCaseOfKeys, "bucket-event-filter"),
    (Defect::StoresBrokenStreams, "bucket-created-not"),
    (Defect::RemovesBeforeItWrites, "bucket-deleted"),
    (Defect::LosesDeadLetters, "bucket-event-retry"),
    (Defect::KeepsNothingOverAnOutage, "bucket-event-durable"),
    (Defect::KeepsNothingOverAnOutage, "bucket-durable"),
    (Defect::PutsWithoutFields, "event-bus-fields"),
    (Defect::PutsWithoutSubject, "event-bus-patterns"),
    (Defect::PutsAsOfNow, "event-bus-context"),
    (Defect::MakesEventIds, "event-bus-ids"),
    (Defect::PutsTwoTypesAsOne, "event-bus-patterns"),
    (Defect::LosesLastPut, "event-bus-batch-result"),
    (Defect::CallsTwice, "function-fails"),
    (Defect::HidesFailure, "function-fails"),
    (Defect::LosesAsyncCalls, "function-async"),
    (Defect::SecretReadsEmpty, "secret-read"),
    (Defect::ConfigReadsNull, "config-default"),
    (Defect::DropsReasons, "queue-exhausted"),
    (Defect::LosesDeadLetters, "queue-dead-letter"),
    (Defect::KeepsNothingOverAnOutage, "table-durable"),
    (Defect::SleepsThroughTime, "schedule-cron"),
];

#[tokio::test]
async fn every_defect_is_noticed() {
    let mut unnoticed = Vec::new();
    for (defect, clause) in BROKEN {
        let harness = Arc::new(DefectiveHarness(*defect));
        let report = ifc_conformance::run_only(harness, &[clause]).await;
        assert_eq!(report.rows.len(), 1, "there is no clause `{clause}`");
        if !matches!(report.rows[0].verdict, Verdict::Fail(_)) {
            unnoticed.push(format!("{defect:?} passes {clause}"));
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}

#[tokio::test]
async fn the_wrapper_itself_is_sound() {
    let clauses: Vec<&str> = BROKEN.iter().map(|(_, clause)| *clause).collect();
    let harness = Arc::new(DefectiveHarness(Defect::None));
    ifc_conformance::run_only(harness, &clauses).await.check();
}

/// What the defects are put into.
const SOUND: LocalHarness = LocalHarness {
    on_disk: true,
    adversary: None,
};

struct DefectiveHarness(Defect);

impl Harness for DefectiveHarness {
    fn id(&self) -> ProviderId {
        ProviderId::Local
    }

    fn provider(&self) -> String {
        format!("local with the defect {:?}", self.0)
    }

    fn time(&self) -> Time {
        Time::Virtual
    }

    fn open<'a>(
        &'a self,
        application: Arc<Application>,
        start: SystemTime,
    ) -> BoxFuture<'a, Result<Box<dyn Stage>, Failure>> {
        Box::pin(async move {
            let stage = DefectiveStage {
                defect: self.0,
                inner: SOUND.open(Arc::clone(&application), start).await?,
                application,
                start,
            };
            let stage: Box<dyn Stage> = Box::new(stage);
            Ok(stage)
        })
    }
}

struct DefectiveStage {
    defect: Defect,
    inner: Box<dyn Stage>,
    application: Arc<Application>,
    start: SystemTime,
}

impl Stage for DefectiveStage {
    fn provider(&self) -> Arc<dyn Provider> {
        Arc::new(Defective {
            defect: self.defect,
            inner: self.inner.provider(),
        })
    }

    fn settle<'a>(&'a mut self) -> BoxFuture<'a, Result<(), Failure>> {
        self.inner.settle()
    }

    fn advance<'a>(&'a mut self, by: Duration) -> BoxFuture<'a, Result<(), Failure>> {
        match self.defect {
            Defect::SleepsThroughTime => self.inner.outage(by),
            Defect::FreezesTime => Box::pin(async { Ok(()) }),
            _ => self.inner.advance(by),
        }
    }

    fn outage<'a>(&'a mut self, down: Duration) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            if self.defect == Defect::KeepsNothingOverAnOutage {
                let again = SOUND.open(Arc::clone(&self.application), self.start + down);
                self.inner = again.await?;
                return Ok(());
            }
            self.inner.outage(down).await
        })
    }

    fn take_and_die<'a>(&'a mut self, unit: &'a str) -> BoxFuture<'a, Result<usize, Failure>> {
        self.inner.take_and_die(unit)
    }

    fn dead_letters<'a>(
        &'a self,
        source: &'a str,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>, Failure>> {
        Box::pin(async move {
            let mut dead = self.inner.dead_letters(source).await?;
            match self.defect {
                Defect::LosesDeadLetters => dead.clear(),
                Defect::DropsReasons => dead.iter_mut().for_each(|dead| dead.reason.clear()),
                _ => {}
            }
            Ok(dead)
        })
    }

    fn redrive<'a>(&'a mut self, source: &'a str) -> BoxFuture<'a, Result<usize, Failure>> {
        self.inner.redrive(source)
    }

    fn replay<'a>(
        &'a mut self,
        consumer: &'a str,
        from: SystemTime,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        match self.defect {
            Defect::IgnoresReplays => Box::pin(async { Ok(()) }),
            _ => self.inner.replay(consumer, from),
        }
    }

    fn set_secret<'a>(
        &'a mut self,
        secret: &'a str,
        value: &'a [u8],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        self.inner.set_secret(secret, value)
    }

    fn set_config<'a>(
        &'a mut self,
        config: &'a str,
        json: &'a str,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        self.inner.set_config(config, json)
    }

    fn request<'a>(
        &'a self,
        api: &'a str,
        request: Request,
    ) -> BoxFuture<'a, Result<Response, Failure>> {
        self.inner.request(api, request)
    }

    fn fetch<'a>(&'a self, request: Request) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move {
            let response = self.inner.fetch(request).await?;
            match self.defect {
                Defect::AdmitsUnsigned => Ok(bucket::admitted(response)),
                _ => Ok(response),
            }
        })
    }
}

struct Defective {
    defect: Defect,
    inner: Arc<dyn Provider>,
}

impl Defective {
    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn table<'a>(&self, table: Target<'a>) -> Target<'a> {
        match self.defect {
            Defect::MixesTables => Target {
                name: "items",
                ..table
            },
            _ => table,
        }
    }
}

impl Provider for Defective {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn now(&self) -> SystemTime {
        self.inner.now()
    }
}

impl TableOperations for Defective {
    fn get<'a>(
        &'a self,
        table: Target<'a>,
        key: Key,
        consistency: Consistency,
    ) -> BoxFuture<'a, Result<Option<Item>, Error>> {
        Box::pin(async move {
            let found = self.inner.get(self.table(table), key, consistency).await?;
            Ok(found.map(|mut item| {
                if self.has(Defect::DropsNulls) {
                    item.retain(|_, value| !value.is_null());
                }
                item
            }))
        })
    }

    fn batch_get<'a>(
        &'a self,
        table: Target<'a>,
        keys: Vec<Key>,
        consistency: Consistency,
    ) -> BoxFuture<'a, Result<Vec<Item>, Error>> {
        Box::pin(async move {
            let mut items = self.inner.batch_get(table, keys, consistency).await?;
            if self.has(Defect::ReversesBatchGet) {
                items.reverse();
            }
            Ok(items)
        })
    }

    fn put<'a>(
        &'a self,
        table: Target<'a>,
        item: Item,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let condition = match self.defect {
            Defect::IgnoresConditionsOfPut => Condition::new(),
            Defect::KeepsFirstPut => vec![ifc_runtime::table::Clause::ItemMissing],
            _ => condition,
        };
        Box::pin(async move {
            if self.has(Defect::ReplacesInTwoSteps)
                && let Some(id) = item["id"].as_str()
            {
                let partition = KeyValue::String(id.to_owned());
                let key = Key {
                    partition,
                    sort: None,
                };
                self.inner.delete(table, key, Condition::new()).await?;
            }
            match self.inner.put(self.table(table), item, condition).await {
                Err(error) if error.is_conflict() && self.has(Defect::KeepsFirstPut) => Ok(()),
                result => result,
            }
        })
    }

    fn delete<'a>(
        &'a self,
        table: Target<'a>,
        key: Key,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let condition = match self.defect {
            Defect::IgnoresConditionsOfDelete => Condition::new(),
            _ => condition,
        };
        self.inner.delete(table, key, condition)
    }

    fn update<'a>(
        &'a self,
        table: Target<'a>,
        key: Key,
        update: Update,
        condition: Condition,
    ) -> BoxFuture<'a, Result<Item, Error>> {
        let condition = match self.defect {
            Defect::IgnoresConditionsOfUpdate => Condition::new(),
            _ => condition,
        };
        self.inner.update(table, key, update, condition)
    }

    fn query<'a>(
        &'a self,
        table: Target<'a>,
        mut query: Query,
    ) -> BoxFuture<'a, Result<Page, Error>> {
        match self.defect {
            Defect::IgnoresDescending => query.descending = false,
            Defect::IgnoresSortRange => query.sort = None,
            Defect::IgnoresCursor => query.cursor = None,
            _ => {}
        }
        Box::pin(async move {
            let mut page = self.inner.query(table, query).await?;
            if self.has(Defect::EndsAfterFirstPage) {
                page.cursor = None;
            }
            Ok(page)
        })
    }

    fn scan<'a>(&'a self, table: Target<'a>, mut scan: Scan) -> BoxFuture<'a, Result<Page, Error>> {
        if self.has(Defect::IgnoresCursorOfScan) {
            scan.cursor = None;
        }
        Box::pin(async move {
            let mut page = self.inner.scan(table, scan).await?;
            if self.has(Defect::EndsScanAfterFirstPage) {
                page.cursor = None;
            }
            Ok(page)
        })
    }

    fn batch_write<'a>(
        &'a self,
        table: Target<'a>,
        mut writes: Vec<ItemWrite>,
    ) -> BoxFuture<'a, Result<Vec<Result<(), Error>>, Error>> {
        Box::pin(async move {
            let lost = match self.defect {
                Defect::LosesLastOfBatchWrite => writes.pop(),
                _ => None,
            };
            let whole = writes.clone();
            let mut results = self.inner.batch_write(table, writes).await?;
            if self.has(Defect::BatchesAsOne)
                && let Some(failed) = results.iter().position(Result::is_err)
            {
                for write in whole {
                    if let ItemWrite::Put(item) = write
                        && let Some(id) = item["id"].as_str()
                    {
                        let partition = KeyValue::String(id.to_owned());
                        let key = Key {
                            partition,
                            sort: None,
                        };
                        self.inner.delete(table, key, Condition::new()).await?;
                    }
                }
                return Err(results.swap_remove(failed).expect_err("it failed"));
            }
            results.extend(lost.map(|_| Ok(())));
            Ok(results)
        })
    }

    fn transact<'a>(
        &'a self,
        table: Target<'a>,
        mut operations: Vec<ItemOperation>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            match self.defect {
                Defect::TransactsOneByOne => {
                    for (place, operation) in operations.into_iter().enumerate() {
                        let verb = operation.verb();
                        let result = self.inner.transact(table, vec![operation]).await;
                        result.map_err(|error| error.in_operation(place, verb))?;
                    }
                    Ok(())
                }
                Defect::ForgetsWhichOperation => {
                    let result = self.inner.transact(table, operations).await;
                    result.map_err(|error| Error::new(error.kind(), "something failed"))
                }
                Defect::IgnoresChecks => {
                    operations
                        .retain(|operation| !matches!(operation, ItemOperation::Check { .. }));
                    self.inner.transact(table, operations).await
                }
                _ => self.inner.transact(table, operations).await,
            }
        })
    }

    fn transact_across<'a>(
        &'a self,
        table: Target<'a>,
        operations: Vec<(Target<'a>, ItemOperation)>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            match self.defect {
                Defect::TransactsTableByTable => {
                    for (place, (table, operation)) in operations.into_iter().enumerate() {
                        let verb = operation.verb();
                        let result = self.inner.transact(table, vec![operation]).await;
                        result.map_err(|error| error.in_operation(place, verb))?;
                    }
                    Ok(())
                }
                Defect::TransactsInOneTable => {
                    let operations = operations.into_iter();
                    let here = operations
                        .map(|(_, operation)| (table, operation))
                        .collect();
                    self.inner.transact_across(table, here).await
                }
                _ => self.inner.transact_across(table, operations).await,
            }
        })
    }
}

impl QueueOperations for Defective {
    fn send<'a>(
        &'a self,
        queue: Target<'a>,
        mut messages: Vec<OutgoingMessage>,
    ) -> BoxFuture<'a, Result<Vec<Result<Sent, Error>>, Error>> {
        for (position, message) in messages.iter_mut().enumerate() {
            match self.defect {
                Defect::DropsAttributes => message.attributes.clear(),
                Defect::MakesIds => message.id = None,
                Defect::IgnoresDelay => message.delay = Duration::ZERO,
                Defect::IgnoresGroup => {
                    message.group = Some(format!("{position}-{:?}", message.body))
                }
                _ => {}
            }
        }
        let lost = match self.defect {
            Defect::LosesLastOfBatch if messages.len() > 1 => messages.pop(),
            _ => None,
        };
        Box::pin(async move {
            let mut results = self.inner.send(queue, messages).await?;
            if let Some(OutgoingMessage { id: Some(id), .. }) = lost {
                results.push(Ok(Sent { id }));
            }
            Ok(results)
        })
    }
}

impl TopicOperations for Defective {
    fn publish<'a>(
        &'a self,
        topic: Target<'a>,
        mut messages: Vec<TopicMessage>,
    ) -> BoxFuture<'a, Result<Vec<Result<String, Error>>, Error>> {
        for (position, message) in messages.iter_mut().enumerate() {
            match self.defect {
                Defect::PublishesWithoutAttributes => message.attributes.clear(),
                Defect::MakesTopicIds => message.id = None,
                Defect::IgnoresTopicGroup => {
                    message.group = Some(format!("{position}-{:?}", message.body));
                }
                _ => {}
            }
        }
        let lost = match self.defect {
            Defect::LosesLastPublished if messages.len() > 1 => messages.pop(),
            _ => None,
        };
        Box::pin(async move {
            let mut results = self.inner.publish(topic, messages).await?;
            if let Some(TopicMessage { id: Some(id), .. }) = lost {
                results.push(Ok(id));
            }
            Ok(results)
        })
    }
}

impl StreamOperations for Defective {
    fn append<'a>(
        &'a self,
        stream: Target<'a>,
        mut records: Vec<StreamRecord>,
    ) -> BoxFuture<'a, Result<Vec<Result<String, Error>>, Error>> {
        if self.has(Defect::IgnoresStreamKeys) {
            for record in &mut records {
                record.key = format!("{:?}", record.body.last_chunk::<24>());
            }
        }
        if self.has(Defect::ReversesAppends) {
            records.reverse();
        }
        let lost = match self.defect {
            Defect::LosesLastOfAppend if records.len() > 1 => records.pop(),
            _ => None,
        };
        Box::pin(async move {
            let mut results = self.inner.append(stream, records).await?;
            results.extend(lost.map(|_| Ok("lost".to_owned())));
            Ok(results)
        })
    }
}

impl EventBusOperations for Defective {
    fn put_events<'a>(
        &'a self,
        bus: Target<'a>,
        mut events: Vec<OutgoingEvent>,
    ) -> BoxFuture<'a, Result<Vec<Result<String, Error>>, Error>> {
        for event in &mut events {
            match self.defect {
                Defect::PutsWithoutFields => event.fields.clear(),
                Defect::PutsWithoutSubject => event.context.subject = None,
                Defect::PutsAsOfNow => event.context.time = self.now(),
                Defect::MakesEventIds => event.id = None,
                Defect::PutsTwoTypesAsOne => event.context.event_type = "order.placed".to_owned(),
                _ => {}
            }
        }
        let lost = match self.defect {
            Defect::LosesLastPut if events.len() > 1 => events.pop(),
            _ => None,
        };
        Box::pin(async move {
            let mut results = self.inner.put_events(bus, events).await?;
            if let Some(OutgoingEvent { id: Some(id), .. }) = lost {
                results.push(Ok(id));
            }
            Ok(results)
        })
    }
}

impl FunctionOperations for Defective {
    fn invoke<'a>(
        &'a self,
        function: Target<'a>,
        argument: Vec<u8>,
        trace: TraceContext,
    ) -> BoxFuture<'a, Result<Vec<u8>, Error>> {
        Box::pin(async move {
            if self.has(Defect::CallsTwice) {
                let _ = self.inner.invoke(function, argument.clone(), trace).await;
            }
            let result = self.inner.invoke(function, argument, trace).await;
            match result {
                Err(error) if self.has(Defect::HidesFailure) => {
                    Err(Error::new(ErrorKind::Unavailable, error.to_string()))
                }
                result => result,
            }
        })
    }

    fn invoke_async<'a>(
        &'a self,
        function: Target<'a>,
        argument: Vec<u8>,
        trace: TraceContext,
    ) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move {
            if self.has(Defect::LosesAsyncCalls) {
                return Ok("accepted".to_owned());
            }
            self.inner.invoke_async(function, argument, trace).await
        })
    }
}

impl SecretOperations for Defective {
    fn read_secret<'a>(&'a self, secret: Target<'a>) -> BoxFuture<'a, Result<SecretValue, Error>> {
        Box::pin(async move {
            let value = self.inner.read_secret(secret).await?;
            Ok(match self.defect {
                Defect::SecretReadsEmpty => SecretValue::new(Vec::new()),
                _ => value,
            })
        })
    }
}

impl ConfigOperations for Defective {
    fn read_config<'a>(&'a self, config: Target<'a>) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move {
            let value = self.inner.read_config(config).await?;
            Ok(match self.defect {
                Defect::ConfigReadsNull => "null".to_owned(),
                _ => value,
            })
        })
    }
}
