//! Kinesis.

use crate::recorder::{Recorder, answer};
use crate::{ours, sdk, target};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use ifc_runtime::TraceContext;
use ifc_runtime::stream::{StreamOperations, StreamRecord};
use serde_json::Value;

fn record(key: &str) -> StreamRecord {
    StreamRecord {
        key: key.to_owned(),
        body: br#"{"watt":7}"#.to_vec(),
        trace: TraceContext::root(),
    }
}

/// The data of a record, out of the text that JSON has for it.
fn data(record: &Value) -> Blob {
    let text = record["Data"].as_str().expect("a text");
    Blob::new(aws_smithy_types::base64::decode(text).expect("it is base64"))
}

#[tokio::test]
async fn put_records() {
    let recorder = Recorder::json(
        r#"{"FailedRecordCount":1,"Records":[{"SequenceNumber":"1","ShardId":"s"},
            {"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"slow down"}]}"#,
    );
    let records = vec![record("a"), record("ключ")];
    let appended = ours(&recorder).append(target("stream"), records).await;
    let ours = recorder.taken();

    let client = aws_sdk_kinesis::Client::from_conf(sdk!(aws_sdk_kinesis, recorder).build());
    let mut call = client.put_records().stream_name("shop-dev-stream");
    for (record, key) in ours.json()["Records"]
        .as_array()
        .expect("a list")
        .iter()
        .zip(["a", "ключ"])
    {
        let entry = PutRecordsRequestEntry::builder()
            .data(data(record))
            .partition_key(key);
        call = call.records(entry.build().expect("it is complete"));
    }
    let output = call.send().await.expect("the call succeeds");
    let theirs = recorder.taken();
    assert_eq!(ours.json(), theirs.json());
    ours.assert_same_call(&theirs, &["content-type", "x-amz-target"]);

    let appended = appended.expect("the call succeeds");
    assert!(appended[0].is_ok());
    assert_eq!(output.records()[0].sequence_number(), Some("1"));
    assert_eq!(output.failed_record_count(), Some(1));
    assert!(appended[1].as_ref().expect_err("refused").is_throttled());
}

#[tokio::test]
async fn put_record() {
    let answers = [
        r#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"s"}]}"#,
        r#"{"SequenceNumber":"2","ShardId":"s"}"#,
        r#"{"SequenceNumber":"2","ShardId":"s"}"#,
    ];
    let answers = answers.map(|body| answer(200, &[], body));
    let recorder = Recorder::in_turn(answers.into());
    // The second of a key is put behind the first.
    let records = vec![record("a"), record("a")];
    let appended = ours(&recorder).append(target("stream"), records).await;
    let [_, ours] = recorder.all_taken().try_into().expect("two calls");
    let client = aws_sdk_kinesis::Client::from_conf(sdk!(aws_sdk_kinesis, recorder).build());
    let output = client
        .put_record()
        .stream_name("shop-dev-stream")
        .partition_key("a")
        .data(data(&ours.json()))
        .sequence_number_for_ordering("1")
        .send()
        .await
        .expect("it succeeds");
    let theirs = recorder.taken();
    assert_eq!(ours.json(), theirs.json());
    ours.assert_same_call(&theirs, &["content-type", "x-amz-target"]);
    assert_eq!(output.sequence_number(), "2");
    assert!(appended.expect("it succeeds").iter().all(Result::is_ok));
}
