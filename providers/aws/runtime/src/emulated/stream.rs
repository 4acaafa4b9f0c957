//! Streams on Kinesis.

use super::{aws, call, endpoint, target, wiring};
use crate::stream::KINESIS;
use crate::{base64, envelope};
use ifc_runtime::stream::{StreamOperations as _, StreamRecord};
use ifc_runtime::{ErrorKind, TraceContext};
use serde_json::{Value, json};

#[tokio::test]
async fn records_arrive_in_the_order_of_their_key() {
    let Some(endpoint) = endpoint("streams on Kinesis") else {
        return;
    };
    let mut wiring = wiring();
    for (name, physical) in [("meters", "m-1"), ("gone", "gone")] {
        wiring.streams.insert(name.to_owned(), physical.to_owned());
    }
    let aws = aws(&endpoint, Vec::new(), &wiring);
    let input = json!({ "StreamName": "m-1", "ShardCount": 1 });
    call(&aws, &KINESIS, "CreateStream", input).await;
    let record = |key: &str, body: String| StreamRecord {
        key: key.to_owned(),
        body: body.into_bytes(),
        trace: TraceContext::root(),
    };
    let mut records: Vec<StreamRecord> = (0..30)
        .map(|number| record(["a", "ключ \u{1F600}", "c"][number % 3], number.to_string()))
        .collect();
    // More bytes than one call takes.
    records.extend((0..20).map(|number| {
        record(
            &format!("large-{number}"),
            format!("\"{}\"", "x".repeat(245_758)),
        )
    }));
    let results = aws.append(target("meters"), records.clone()).await.unwrap();
    let ids: Vec<String> = results.into_iter().map(Result::unwrap).collect();

    let shards = call(&aws, &KINESIS, "ListShards", json!({ "StreamName": "m-1" })).await;
    let input = json!({
        "StreamName": "m-1",
        "ShardId": shards["Shards"][0]["ShardId"],
        "ShardIteratorType": "TRIM_HORIZON",
    });
    let mut place = call(&aws, &KINESIS, "GetShardIterator", input).await["ShardIterator"].take();
    let mut arrived = Vec::new();
    while arrived.len() < records.len() {
        let mut page = call(
            &aws,
            &KINESIS,
            "GetRecords",
            json!({ "ShardIterator": place }),
        )
        .await;
        for record in page["Records"].as_array().unwrap() {
            let key = record["PartitionKey"].as_str().unwrap().to_owned();
            let data = base64::decode(record["Data"].as_str().unwrap()).unwrap();
            let opened = envelope::open(str::from_utf8(&data).unwrap()).unwrap();
            arrived.push((key, opened));
        }
        place = page["NextShardIterator"].take();
    }
    for (sent, id) in records.iter().zip(&ids) {
        let (_, found) = arrived.iter().find(|(_, found)| found.id == *id).unwrap();
        assert_eq!((&found.body, found.trace), (&sent.body, Some(sent.trace)));
    }
    for key in ["a", "ключ \u{1F600}", "c"] {
        let numbers = arrived.iter().filter(|(of, _)| of == key);
        let numbers: Vec<u64> = numbers
            .map(|(_, found)| serde_json::from_slice(&found.body).unwrap())
            .collect();
        assert_eq!(numbers.len(), 10);
        assert!(numbers.is_sorted(), "{numbers:?}");
    }

    for name in ["gone", "other"] {
        let one = vec![record("a", Value::Null.to_string())];
        let error = aws.append(target(name), one).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotReady, "{name}");
    }
}
