//! SNS.

use crate::recorder::Recorder;
use crate::{ours, sdk, target};
use aws_sdk_sns::types::PublishBatchRequestEntry;
use ifc_runtime::TraceContext;
use ifc_runtime::topic::{TopicMessage, TopicOperations};
use std::collections::BTreeMap;

#[tokio::test]
async fn publish_batch() {
    let recorder = Recorder::start(
        200,
        &[("content-type", "text/xml")],
        "<PublishBatchResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">\
         <PublishBatchResult><Successful><member><Id>0</Id><MessageId>m</MessageId></member>\
         </Successful><Failed><member><Id>1</Id><Code>InternalError</Code>\
         <Message>a &amp; b</Message><SenderFault>false</SenderFault></member></Failed>\
         </PublishBatchResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata>\
         </PublishBatchResponse>",
    );
    let message = |id: &str, group: Option<&str>| TopicMessage {
        id: Some(id.to_owned()),
        body: r#"{"text":"x y&z=é+~*"}"#.as_bytes().to_vec(),
        attributes: BTreeMap::from([("region".to_owned(), "eu".to_owned())]),
        group: group.map(str::to_owned),
        trace: TraceContext::root(),
    };
    let messages = vec![message("o-1", Some("g/1")), message("o-2", None)];
    let published = ours(&recorder).publish(target("topic"), messages).await;
    let ours = recorder.taken();

    // What we sent once more, with the SDK.
    let fields: BTreeMap<String, String> = url_decoded(&ours.body);
    let field = |number: usize, name: &str| {
        let name = format!("PublishBatchRequestEntries.member.{number}.{name}");
        fields.get(&name).cloned()
    };
    let client = aws_sdk_sns::Client::from_conf(sdk!(aws_sdk_sns, recorder).build());
    let mut call = client
        .publish_batch()
        .topic_arn("arn:aws:sns:eu-west-1:123456789012:shop-dev-topic");
    for number in 1..=2 {
        let entry = PublishBatchRequestEntry::builder()
            .set_id(field(number, "Id"))
            .set_message(field(number, "Message"))
            .set_message_group_id(field(number, "MessageGroupId"))
            .set_message_deduplication_id(field(number, "MessageDeduplicationId"))
            .build()
            .expect("it is complete");
        call = call.publish_batch_request_entries(entry);
    }
    let output = call.send().await.expect("the call succeeds");
    let theirs = recorder.taken();
    assert_eq!(ours.form(), theirs.form());
    ours.assert_same_call(&theirs, &["content-type"]);

    let published = published.expect("the call succeeds");
    assert_eq!(published[0].as_ref().expect("accepted"), "o-1");
    assert_eq!(output.successful()[0].id(), Some("0"));
    let refused = published[1].as_ref().expect_err("refused").to_string();
    assert_eq!(output.failed()[0].message(), Some("a & b"));
    assert!(refused.contains("InternalError: a & b"), "{refused}");
}

fn url_decoded(form: &[u8]) -> BTreeMap<String, String> {
    let decoded = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'%' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                byte => byte,
            });
        }
        String::from_utf8(bytes).unwrap()
    };
    let fields = str::from_utf8(form).unwrap().split('&');
    let fields = fields.map(|field| field.split_once('=').unwrap());
    fields
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}
