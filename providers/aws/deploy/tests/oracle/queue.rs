//! SQS.

use crate::recorder::Recorder;
use crate::{ours, sdk, target};
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use ifc_runtime::TraceContext;
use ifc_runtime::queue::{OutgoingMessage, QueueOperations};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

fn message() -> OutgoingMessage {
    OutgoingMessage {
        id: Some("o-1".to_owned()),
        body: br#"{"order":"o-1"}"#.to_vec(),
        attributes: BTreeMap::new(),
        group: Some("g".to_owned()),
        delay: Duration::ZERO,
        trace: TraceContext::root(),
    }
}

/// Sends what we sent once more, with the SDK.
async fn send_with_sdk(
    recorder: &Recorder,
    input: &Value,
) -> Result<SendMessageBatchOutput, aws_sdk_sqs::Error> {
    let client = aws_sdk_sqs::Client::from_conf(sdk!(aws_sdk_sqs, recorder).build());
    let mut call = client
        .send_message_batch()
        .queue_url(input["QueueUrl"].as_str().expect("a text"));
    for entry in input["Entries"].as_array().expect("a list") {
        let text = |name: &str| entry[name].as_str().map(str::to_owned);
        let entry = SendMessageBatchRequestEntry::builder()
            .set_id(text("Id"))
            .set_message_body(text("MessageBody"))
            .set_message_group_id(text("MessageGroupId"))
            .set_message_deduplication_id(text("MessageDeduplicationId"))
            .set_delay_seconds(entry["DelaySeconds"].as_i64().map(|seconds| seconds as i32))
            .build()
            .expect("it is complete");
        call = call.entries(entry);
    }
    Ok(call.send().await?)
}

#[tokio::test]
async fn send_message_batch() {
    let recorder = Recorder::json(
        r#"{"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"x"}],
            "Failed":[{"Id":"1","Code":"InternalError","SenderFault":false}]}"#,
    );
    let ungrouped = OutgoingMessage {
        group: None,
        delay: Duration::from_millis(1_500),
        ..message()
    };
    let messages = vec![message(), ungrouped];
    let sent = ours(&recorder).send(target("queue"), messages).await;
    let ours = recorder.taken();
    let output = send_with_sdk(&recorder, &ours.json()).await;
    let theirs = recorder.taken();

    let url = format!("{}/123456789012/shop-dev-queue", recorder.endpoint);
    assert_eq!(ours.json()["QueueUrl"], url);
    assert_eq!(ours.json(), theirs.json());
    ours.assert_same_call(&theirs, &["content-type", "x-amz-target"]);

    let sent = sent.expect("the call succeeds");
    let output = output.expect("the call succeeds");
    assert_eq!(sent[0].as_ref().expect("accepted").id, "o-1");
    assert_eq!(output.successful()[0].id(), "0");
    let refused = sent[1].as_ref().expect_err("refused");
    assert_eq!(output.failed()[0].code(), "InternalError");
    assert!(refused.to_string().contains("InternalError"), "{refused}");
}

#[tokio::test]
async fn errors_are_read_alike() {
    let recorder = Recorder::start(
        400,
        &[],
        r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"not there"}"#,
    );
    let refused = ours(&recorder).send(target("queue"), vec![message()]).await;
    let ours = recorder.taken();
    let error = send_with_sdk(&recorder, &ours.json()).await;
    let error = error.expect_err("refused");
    assert_eq!(error.code(), Some("QueueDoesNotExist"));
    assert_eq!(error.message(), Some("not there"));
    assert_eq!(error.meta().extra("aws_request_id"), Some("r-1"));
    let refused = refused.expect_err("refused").to_string();
    assert_eq!(
        refused,
        "send on `queue`: aws answered QueueDoesNotExist: not there (aws request r-1)"
    );
}
