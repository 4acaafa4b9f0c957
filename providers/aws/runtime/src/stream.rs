//! Streams: records go to Kinesis, the key as its partition key.
//!
//! A call with several records does not keep their order, because one may be refused and the next
//! accepted. So such a call has each key once, with the key's first record; what follows of a key
//! goes record by record, each after the one before.

use crate::aws::{Aws, named};
use crate::base64;
use crate::batch::{Limits, all, in_batches, results_in_order};
use crate::failure::Failure;
use crate::queue::sealed;
use crate::transport::{Repeat, Service};
use crate::wiring;
use ifc_manifest::kind::stream::APPEND;
use ifc_runtime::event::random_id;
use ifc_runtime::stream::{StreamOperations, StreamRecord};
use ifc_runtime::{BoxFuture, Error, Target};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

pub(crate) const KINESIS: Service = Service {
    name: "kinesis",
    target: "Kinesis_20131202",
    json: "1.1",
};

/// What one call takes. Kinesis documents 500 records and 5 MiB, keys included.
const LIMITS: Limits = Limits {
    entries: 500,
    bytes: 4 * 1024 * 1024,
};

/// A record that is ready to be appended.
struct Entry {
    /// Its place in what was asked.
    place: usize,
    id: String,
    key: String,
    text: String,
}

/// Where Kinesis put a record, for the next one of its key.
type SequenceNumber = String;

impl StreamOperations for Aws {
    fn append<'a>(
        &'a self,
        stream: Target<'a>,
        records: Vec<StreamRecord>,
    ) -> BoxFuture<'a, Result<Vec<Result<String, Error>>, Error>> {
        named(stream, APPEND, async move {
            let wiring = &self.wiring.streams;
            let name = wiring::find(wiring, "stream", &self.application, stream)?;
            let count = records.len();
            let mut first = Vec::new();
            let mut later: HashMap<String, Vec<Entry>> = HashMap::new();
            for (place, record) in records.into_iter().enumerate() {
                let entry = entry(place, record)?;
                match later.get_mut(&entry.key) {
                    Some(chain) => chain.push(entry),
                    None => {
                        later.insert(entry.key.clone(), Vec::new());
                        first.push(entry);
                    }
                }
            }
            let call = |batch| self.put_records(name, batch);
            let results = in_batches(&first, LIMITS, bytes, call).await?;
            let chains = first.into_iter().zip(results).map(|(entry, result)| {
                let rest = later.remove(&entry.key).unwrap_or_default();
                self.put_chain(name, entry, result, rest)
            });
            let mut results: Vec<_> = (0..count).map(|_| None).collect();
            for (place, result) in all(chains).await.into_iter().flatten() {
                results[place] = Some(result.map_err(|error| error.on(stream, APPEND)));
            }
            let results: Vec<_> = results.into_iter().flatten().collect();
            debug_assert_eq!(results.len(), count, "each record has a result");
            Ok(results)
        })
    }
}

fn entry(place: usize, record: StreamRecord) -> Result<Entry, Error> {
    let id = random_id();
    let text = sealed(&id, record.trace, &BTreeMap::new(), &record.body)?;
    let key = record.key;
    Ok(Entry {
        place,
        id,
        key,
        text,
    })
}

fn bytes(entry: &Entry) -> usize {
    entry.key.len() + entry.text.len()
}

fn input(entry: &Entry) -> Value {
    json!({ "Data": base64::encode(entry.text.as_bytes()), "PartitionKey": entry.key })
}

fn sequence_number(answer: &Value) -> Option<SequenceNumber> {
    answer["SequenceNumber"].as_str().map(str::to_owned)
}

impl Aws {
    /// Appends records of different keys.
    async fn put_records(
        &self,
        stream: &str,
        batch: &[Entry],
    ) -> Result<Vec<Result<SequenceNumber, Failure>>, Failure> {
        let inputs: Vec<Value> = batch.iter().map(input).collect();
        let request = json!({ "StreamName": stream, "Records": inputs });
        let call = self
            .transport
            .json(&KINESIS, "PutRecords", &request, Repeat::Harmless);
        results_in_order(batch.len(), &call.await?, "Records", sequence_number)
    }

    /// Appends the `rest` of a key's records after its `first`, of which `result` came. After one
    /// that was refused all are.
    async fn put_chain(
        &self,
        stream: &str,
        first: Entry,
        result: Result<SequenceNumber, Error>,
        rest: Vec<Entry>,
    ) -> Vec<(usize, Result<String, Error>)> {
        let mut results = Vec::with_capacity(rest.len() + 1);
        let (mut last, mut result) = (first, result);
        for entry in rest {
            let next = match &result {
                Ok(number) => self.put_record(stream, &entry, number).await,
                Err(error) => Err(held_back(error)),
            };
            results.push((last.place, result.map(|_| last.id)));
            (last, result) = (entry, next);
        }
        results.push((last.place, result.map(|_| last.id)));
        results
    }

    /// Appends a record of the same key as the one that Kinesis put `after`.
    async fn put_record(
        &self,
        stream: &str,
        entry: &Entry,
        after: &SequenceNumber,
    ) -> Result<SequenceNumber, Error> {
        let mut request = input(entry);
        request["StreamName"] = stream.into();
        request["SequenceNumberForOrdering"] = after.as_str().into();
        let call = self
            .transport
            .json(&KINESIS, "PutRecord", &request, Repeat::Harmless);
        let answer = call.await?;
        sequence_number(&answer)
            .ok_or_else(|| Failure::malformed("the answer has no sequence number").into())
    }
}

/// Why a record is not even tried whose key had one before it that was refused with `error`.
fn held_back(error: &Error) -> Error {
    let message = "a record of its key before it was refused, and their order is kept";
    Error::new(error.kind(), message)
        .retry_safe(true)
        .caused_by(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::scripted::{Scripted, answer};
    use crate::emulated::{target, with_answers};
    use ifc_runtime::{ErrorKind, TraceContext};
    use std::sync::Arc;

    fn record(key: &str, body: &str) -> StreamRecord {
        StreamRecord {
            key: key.to_owned(),
            body: body.as_bytes().to_vec(),
            trace: TraceContext::root(),
        }
    }

    /// The keys, bodies and predecessors of what was sent, call by call.
    fn sent(script: &Scripted) -> Vec<Vec<(String, String, Option<String>)>> {
        let entry = |entry: &Value| {
            let data = base64::decode(entry["Data"].as_str().unwrap()).unwrap();
            let text = String::from_utf8(data).unwrap();
            let body = crate::envelope::open(&text).unwrap().body;
            let after = entry["SequenceNumberForOrdering"].as_str();
            (
                entry["PartitionKey"].as_str().unwrap().to_owned(),
                String::from_utf8(body).unwrap(),
                after.map(str::to_owned),
            )
        };
        let call = |request: &axum::http::Request<axum::body::Bytes>| {
            let body: Value = serde_json::from_slice(request.body()).unwrap();
            match body["Records"].as_array() {
                Some(records) => records.iter().map(entry).collect(),
                None => vec![entry(&body)],
            }
        };
        script.requests().iter().map(call).collect()
    }

    #[tokio::test]
    async fn the_order_of_a_key_is_kept_whatever_is_refused() {
        let script = Arc::new(Scripted::new([
            answer(
                200,
                r#"{"Records":[{"SequenceNumber":"1"},
                    {"ErrorCode":"ProvisionedThroughputExceededException"},
                    {"SequenceNumber":"2"}]}"#,
            ),
            answer(200, r#"{"SequenceNumber":"3"}"#),
            answer(400, r#"{"__type":"ValidationException"}"#),
        ]));
        let aws = with_answers(&script, |wiring| {
            wiring.streams.insert("meters".into(), "m".into());
        });
        let records = [
            ("a", "1"),
            ("a", "2"),
            ("b", "3"),
            ("c", "4"),
            ("a", "5"),
            ("b", "6"),
        ];
        let records = records.map(|(key, body)| record(key, body)).to_vec();
        let records = [records, vec![record("a", "7")]].concat();
        let results = aws.append(target("meters"), records).await.unwrap();
        let kinds: Vec<Option<ErrorKind>> = results
            .iter()
            .map(|result| result.as_ref().err().map(|error| error.kind()))
            .collect();
        let throttled = Some(ErrorKind::Throttled);
        let invalid = Some(ErrorKind::Invalid);
        assert_eq!(
            kinds,
            [None, None, throttled, None, invalid, throttled, invalid]
        );
        let entry = |key: &str, body: &str, after: Option<&str>| {
            (key.to_owned(), body.to_owned(), after.map(str::to_owned))
        };
        let expected = [
            vec![
                entry("a", "1", None),
                entry("b", "3", None),
                entry("c", "4", None),
            ],
            vec![entry("a", "2", Some("1"))],
            vec![entry("a", "5", Some("3"))],
        ];
        assert_eq!(sent(&script), expected);
        let error = results[6].as_ref().unwrap_err();
        assert!(
            error.to_string().contains("before it was refused"),
            "{error}"
        );
    }
}
