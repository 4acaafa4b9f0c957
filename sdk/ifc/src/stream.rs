//! Stream: records in order per key.

use crate::Undeclared;
use crate::declaration::declaration;
use crate::edge::retry_knobs;
use crate::message::too_large;
use crate::unit::unit_knobs;
use ifc_manifest::Kind;
use ifc_manifest::format::Encoder;
use ifc_manifest::kind::edge::{ConsumerSpec, RetrySpec};
use ifc_manifest::kind::stream::{
    APPEND, APPEND_BATCH, BATCH, CONSUMER_DEFAULT, KEY_BYTES_MAX, MAX_WAIT, RETENTION,
    RETRY_DEFAULT, StreamSpec,
};
use ifc_manifest::kind::unit::{TIMEOUT_ASYNC, TIMEOUT_DEFAULT, UnitSpec};
use ifc_manifest::{name, size};
use ifc_runtime::stream::StreamRecord;
use ifc_runtime::{
    BoxFuture, Environment, Error, ErrorKind, Grant, Invocation, Operation, Resource, grant,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::time::Duration;

/// Records of type `T`, each with a key, delivered at least once to every consumer.
///
/// Records of one key come in the order in which they were appended; different keys have no order.
/// A consumer has its own place in the stream, its own redelivery and its own dead letters, so that
/// none holds up another, and begins with what is appended after it was deployed. A record that
/// fails holds up its key until it is acknowledged or dead-lettered, and no other key.
///
/// A batch may hold several records of a key. Where one of them fails, the later ones of its key come
/// again after it, whatever their outcomes: a handler that answers for each record by itself leaves
/// them alone.
///
/// Records are kept for the [`retention`](Stream::retention), whether they were consumed or not: an
/// operator can send a consumer back with `ifc stream replay`.
///
/// ```
/// # use ifc::prelude::*;
/// #[derive(Serialize, Deserialize)]
/// struct Reading {
///     watts: u64,
/// }
///
/// #[resource]
/// static METERS: Stream<Reading> = Stream::new("meters").retention(days(3));
///
/// #[stream_consumer(METERS, batch = 100)]
/// async fn aggregate(readings: Batch<Reading>) -> Result<()> {
///     for reading in readings {
///         let meter = reading.group.unwrap_or_default();
///         println!("{meter}: {} W", reading.body.watts);
///     }
///     Ok(())
/// }
///
/// # async fn example() -> Result<()> {
/// METERS.append("meter-7", &Reading { watts: 300 }).await?;
/// # Ok(()) }
/// ```
pub struct Stream<T, R = Undeclared> {
    name: &'static str,
    spec: StreamSpec,
    marker: PhantomData<fn() -> (T, R)>,
}

impl<T, R> Stream<T, R> {
    /// A stream that keeps its records for a day.
    ///
    /// # Panics
    /// When the name is outside `[a-z][a-z0-9-]{0,31}`; in a static that is a compile error.
    #[track_caller]
    pub const fn new(name: &'static str) -> Self {
        Stream {
            name: name::resource(name),
            spec: StreamSpec::DEFAULT,
            marker: PhantomData,
        }
    }

    /// How long a record is kept: 1 to 7 days, or longer where every target can. Default 1 day.
    ///
    /// # Panics
    /// Outside the range; in a static that is a compile error.
    #[track_caller]
    pub const fn retention(mut self, retention: Duration) -> Self {
        self.spec.retention = RETENTION.duration(retention);
        self
    }

    declaration!(Kind::Stream, spec);
}

struct AppendOperation;

impl Operation for AppendOperation {
    const VERB: ifc_manifest::Verb = APPEND;
}

impl<T: Serialize, R> Stream<T, R> {
    /// Appends a record. Returns the event's id once the record is durable.
    ///
    /// The key is 1 to 128 bytes, the record JSON of at most 245,760 bytes.
    ///
    /// # Errors
    /// `is_too_large` and kind `Invalid` before anything is sent; `is_denied`; `is_throttled` after
    /// the retry budget is spent.
    pub fn append(&self, key: &str, record: &T) -> BoxFuture<'static, Result<String, Error>>
    where
        R: Resource,
    {
        let grant = grant::<R, AppendOperation>();
        let record = checked(key, record);
        Box::pin(async move {
            let mut results = append(grant, vec![record]).await?;
            results.pop().unwrap_or_else(|| Err(no_result(grant)))
        })
    }

    /// Appends up to 100 records, each on its own: one result per record, in order. After a record
    /// that was refused, those of its key are refused too, so that their order is kept.
    ///
    /// ```
    /// # use ifc::prelude::*;
    /// # #[resource]
    /// # static METERS: Stream<u64> = Stream::new("meters");
    /// # async fn example() -> Result<()> {
    /// let readings = [("meter-7", 300), ("meter-8", 20), ("meter-7", 310)];
    /// let records = readings.iter().map(|(meter, watts)| (*meter, watts));
    /// for result in METERS.append_batch(records).await? {
    ///     result?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The outer result fails when nothing was appended: `is_too_large` for more than 100 records.
    /// As [`append`](Stream::append) for the inner ones.
    pub fn append_batch<'a>(
        &self,
        records: impl IntoIterator<Item = (&'a str, &'a T)>,
    ) -> BoxFuture<'static, Result<Vec<Result<String, Error>>, Error>>
    where
        R: Resource,
        T: 'a,
    {
        let grant = grant::<R, AppendOperation>();
        let mut refused = BTreeSet::new();
        let records = records.into_iter().map(|(key, record)| {
            if refused.contains(key) {
                let message = "an earlier record of its key was refused";
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            let record = checked(key, record);
            if record.is_err() {
                refused.insert(key.to_owned());
            }
            record
        });
        Box::pin(append(grant, records.collect()))
    }
}

/// The record, or why the contract does not allow it.
fn checked(key: &str, record: &impl Serialize) -> Result<StreamRecord, Error> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        let message = format!(
            "a key of {} bytes: the key of a record has 1 to {KEY_BYTES_MAX}",
            key.len()
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let body = serde_json::to_vec(record).map_err(|error| {
        Error::new(ErrorKind::Invalid, "the record has no JSON form").caused_by(error)
    })?;
    if body.len() > size::ASYNC_BODY_BYTES_MAX {
        let limit = size::ASYNC_BODY_BYTES_MAX;
        return Err(too_large("the record", body.len(), limit));
    }
    Ok(StreamRecord {
        key: key.to_owned(),
        body,
        trace: Invocation::trace(),
    })
}

fn no_result(grant: &Grant) -> Error {
    let message = "the provider gave no result for a record";
    Error::new(ErrorKind::Malformed, message).on(grant.target(), APPEND)
}

async fn append(
    grant: &'static Grant,
    records: Vec<Result<StreamRecord, Error>>,
) -> Result<Vec<Result<String, Error>>, Error> {
    let target = grant.target();
    let on = |error: Error| error.on(target, APPEND);
    if records.len() as u64 > APPEND_BATCH.max {
        let message = format!(
            "{} records in one batch, the limit is {}",
            records.len(),
            APPEND_BATCH.max
        );
        return Err(on(Error::new(ErrorKind::TooLarge, message)));
    }
    let mut accepted = Vec::new();
    let mut results: Vec<Option<Error>> = Vec::new();
    for record in records {
        match record {
            Ok(record) => {
                accepted.push(record);
                results.push(None);
            }
            Err(error) => results.push(Some(on(error))),
        }
    }
    let mut appended = Vec::new().into_iter();
    if !accepted.is_empty() {
        let environment = Environment::current().map_err(on)?;
        appended = environment
            .provider
            .append(target, accepted)
            .await?
            .into_iter();
    }
    let mut next = || appended.next().unwrap_or_else(|| Err(no_result(grant)));
    let result = |refused: Option<Error>| refused.map_or_else(&mut next, Err);
    Ok(results.into_iter().map(result).collect())
}

/// What `#[stream_consumer]` accepts.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a stream",
    label = "#[stream_consumer] takes a stream"
)]
pub trait StreamSource {
    type Body: DeserializeOwned + Send;
    const OPTIONS: StreamConsumerOptions;
}

impl<T: DeserializeOwned + Send, R> StreamSource for Stream<T, R> {
    type Body = T;
    const OPTIONS: StreamConsumerOptions = StreamConsumerOptions {
        consumer: CONSUMER_DEFAULT,
        retry: RETRY_DEFAULT,
        unit: UnitSpec::new(TIMEOUT_DEFAULT),
    };
}

/// The knobs of `#[stream_consumer]`.
#[derive(Clone, Copy)]
pub struct StreamConsumerOptions {
    consumer: ConsumerSpec,
    retry: RetrySpec,
    unit: UnitSpec,
}

impl StreamConsumerOptions {
    unit_knobs!(TIMEOUT_ASYNC, unit);
    retry_knobs!(retry, 10);

    /// Most records handed to one invocation, 1 to 500. Default 100. A hint: fewer may come.
    ///
    /// # Panics
    /// Outside the range; in a constant that is a compile error.
    #[track_caller]
    pub const fn batch(mut self, records: u32) -> Self {
        self.consumer.batch = BATCH.number(records as u64) as u32;
        self
    }

    /// How long a batch may wait to fill, at most 60 s. Default 1 s. A hint: it may come sooner.
    ///
    /// # Panics
    /// Outside the range; in a constant that is a compile error.
    #[track_caller]
    pub const fn max_wait(mut self, wait: Duration) -> Self {
        self.consumer.max_wait = MAX_WAIT.duration(wait);
        self
    }

    /// Writes the edge's knobs, closes the trigger and writes the unit.
    #[doc(hidden)]
    pub const fn __ifc_encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        self.consumer.encode(encoder);
        self.retry.encode(encoder);
        encoder.end();
        self.unit.encode(encoder);
    }
}
