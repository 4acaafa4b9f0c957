//! A stage that was made by hand on an emulator, operated.

use super::*;
use crate::package;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName};
use aws_smithy_types::Blob;
use ifc_aws::by_hand::Message;
use ifc_aws::envelope::{self, DEAD_LETTER_ATTEMPTS, DEAD_LETTER_REASON};
use ifc_emulators::ministack;
use ifc_engine::model::Lifecycle;
use ifc_engine::{PartType, PhysicalName};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// The configuration for an endpoint, as its root user.
fn config(endpoint: &str) -> SdkConfig {
    let keys = Credentials::new("000000000000", "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}

/// A part as it would be recorded.
fn record(part_type: &str, name: &str, reference: &str) -> PartRecord {
    PartRecord {
        part_type: PartType::new(part_type),
        physical_name: PhysicalName::new(name),
        generation: 0,
        properties: BTreeMap::new(),
        outputs: BTreeMap::from([("Ref".to_owned(), reference.into())]),
        tags: BTreeMap::new(),
        lifecycle: Lifecycle::default(),
        dependencies: BTreeSet::new(),
        label: format!("`{name}`"),
        unsettled: None,
    }
}

fn state(parts: Vec<(&str, PartRecord)>) -> State {
    let mut state = State::empty(
        "shop".parse().unwrap(),
        "dev".parse().unwrap(),
        String::new(),
    );
    for (address, record) in parts {
        state.parts.insert(address.parse().unwrap(), record);
    }
    state
}

async fn queue(sqs: &aws_sdk_sqs::Client, name: &str, fifo: bool) -> String {
    let mut create = sqs.create_queue().queue_name(name);
    if fifo {
        create = create.attributes(QueueAttributeName::FifoQueue, "true");
    }
    let made = create.send().await.unwrap();
    made.queue_url.unwrap()
}

fn sealed(id: &str, body: serde_json::Value) -> String {
    envelope::seal_by_hand(&Message {
        id: Some(id.to_owned()),
        ..Message::of(body)
    })
}

#[tokio::test]
async fn queues_are_looked_into_and_dead_letters_put_back() {
    let emulator = match ministack() {
        Ok(emulator) => emulator,
        Err(skipped) => return skipped.report("operating queues on AWS"),
    };
    let config = config(&emulator.endpoint());
    let sqs = aws_sdk_sqs::Client::new(&config);
    let url = queue(&sqs, "shop-dev-orders", false).await;
    let dead = queue(&sqs, "shop-dev-orders-dead", false).await;
    let operator = Operator::new(
        &config,
        state(vec![
            ("orders/queue", record("AWS::SQS::Queue", "q", &url)),
            ("orders/dead-letters", record("AWS::SQS::Queue", "d", &dead)),
            ("bare/queue", record("AWS::SQS::Queue", "b", &url)),
        ]),
    );
    assert_eq!(operator.messages("orders", 5).await.unwrap(), []);

    let send = |url: &str, body: String| sqs.send_message().queue_url(url).message_body(body);
    for number in 0..12 {
        let body = sealed(&format!("o-{number}"), json!({ "number": number }));
        send(&url, body).send().await.unwrap();
    }
    send(&url, "not of ours".to_owned()).send().await.unwrap();
    let seen = operator.messages("orders", 100).await.unwrap();
    let ids: BTreeSet<&str> = seen.iter().map(|message| message.id.as_str()).collect();
    assert_eq!(ids.len(), 13);
    let of_ours = seen.iter().find(|message| message.id == "o-7").unwrap();
    assert_eq!(of_ours.body, br#"{"number":7}"#);
    assert_eq!(of_ours.attempts, 0);
    // They were given back.
    let depth = operator.depth("orders").await.unwrap();
    assert_eq!((depth.ready, depth.in_flight), (13, 0));
    assert_eq!(operator.messages("orders", 2).await.unwrap().len(), 2);

    let text = |value: &str| {
        let attribute = MessageAttributeValue::builder().data_type("String");
        attribute.string_value(value).build().unwrap()
    };
    send(&dead, sealed("d-1", json!(1)))
        .message_attributes(DEAD_LETTER_REASON, text("it failed"))
        .message_attributes(DEAD_LETTER_ATTEMPTS, text("5"))
        .send()
        .await
        .unwrap();
    send(&dead, sealed("d-2", json!(2))).send().await.unwrap();
    let letters = operator.dead_letters("orders", 10).await.unwrap();
    let first = letters.iter().find(|letter| letter.message.id == "d-1");
    let first = first.unwrap();
    assert_eq!(first.reason.as_deref(), Some("it failed"));
    assert_eq!(
        (first.message.attempts, first.source.as_str()),
        (5, "orders")
    );
    assert_eq!(operator.depth("orders").await.unwrap().dead, 2);

    let chosen = BTreeSet::from(["d-2".to_owned(), "d-9".to_owned()]);
    assert_eq!(operator.redrive("orders", Some(&chosen)).await.unwrap(), 1);
    assert_eq!(operator.depth("orders").await.unwrap().dead, 1);
    assert_eq!(operator.redrive("orders", None).await.unwrap(), 1);
    let depth = operator.depth("orders").await.unwrap();
    assert_eq!((depth.ready, depth.dead), (15, 0));
    assert_eq!(operator.redrive("bare", None).await.unwrap(), 0);

    let error = operator.messages("order", 1).await.unwrap_err();
    assert_eq!(error.to_string(), "the stage has no queue `order`");
    let OperateError::NotDeployed { known, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(known, ["bare", "orders"]);
    sqs.delete_queue().queue_url(&url).send().await.unwrap();
    let error = operator.depth("orders").await.unwrap_err().to_string();
    assert!(
        error.starts_with("cannot count the messages of queue `orders`: `"),
        "{error}"
    );
}

#[tokio::test]
async fn dead_letters_of_a_fifo_queue_keep_their_group() {
    let emulator = match ministack() {
        Ok(emulator) => emulator,
        Err(skipped) => return skipped.report("operating fifo queues on AWS"),
    };
    let config = config(&emulator.endpoint());
    let sqs = aws_sdk_sqs::Client::new(&config);
    let url = queue(&sqs, "orders.fifo", true).await;
    let dead = queue(&sqs, "dead.fifo", true).await;
    let operator = Operator::new(
        &config,
        state(vec![
            ("orders/queue", record("AWS::SQS::Queue", "q", &url)),
            ("orders/dead-letters", record("AWS::SQS::Queue", "d", &dead)),
        ]),
    );
    for id in ["a", "b"] {
        sqs.send_message()
            .queue_url(&dead)
            .message_body(sealed(id, json!(id)))
            .message_group_id("g")
            .message_deduplication_id(id)
            .send()
            .await
            .unwrap();
    }
    assert_eq!(operator.redrive("orders", None).await.unwrap(), 2);
    let seen = operator.messages("orders", 5).await.unwrap();
    let seen: Vec<(&str, Option<&str>)> = seen
        .iter()
        .map(|message| (message.id.as_str(), message.group.as_deref()))
        .collect();
    assert_eq!(seen, [("a", Some("g")), ("b", Some("g"))]);
}

#[tokio::test]
async fn secrets_and_configuration_values_are_set_and_listed() {
    let emulator = match ministack() {
        Ok(emulator) => emulator,
        Err(skipped) => return skipped.report("operating secrets on AWS"),
    };
    let config = config(&emulator.endpoint());
    let secrets = aws_sdk_secretsmanager::Client::new(&config);
    let parameters = aws_sdk_ssm::Client::new(&config);
    let made = secrets.create_secret().name("shop-dev-key").send().await;
    let arn = made.unwrap().arn.unwrap();
    parameters
        .put_parameter()
        .name("/shop/dev/limit")
        .value("5")
        .r#type(aws_sdk_ssm::types::ParameterType::String)
        .send()
        .await
        .unwrap();
    let mut limit = record("AWS::SSM::Parameter", "p", "/shop/dev/limit");
    limit.properties.insert("Value".to_owned(), "5".into());
    let operator = Operator::new(
        &config,
        state(vec![
            (
                "lib:key/secret",
                record("AWS::SecretsManager::Secret", "s", &arn),
            ),
            ("limit/parameter", limit),
        ]),
    );
    let listed = operator.secrets().await.unwrap();
    assert_eq!(listed[0].name, "lib/key");
    // On AWS a secret that was made without a value has no version; this emulator gives it one.
    assert_eq!(listed[0].version, None);
    assert_eq!(operator.set_secret("lib/key", b"k-1").await.unwrap(), 1);
    assert_eq!(
        operator.set_secret("lib/key", b"\xff\x00").await.unwrap(),
        2
    );
    let value = secrets
        .get_secret_value()
        .secret_id(&arn)
        .send()
        .await
        .unwrap();
    assert_eq!(value.secret_binary.unwrap().as_ref(), b"\xff\x00");
    let listed = operator.secrets().await.unwrap();
    assert_eq!((listed[0].set, listed[0].version), (true, Some(2)));
    assert!(operator.set_secret("key", b"k").await.is_err());

    let configs = operator.configs().await.unwrap();
    assert_eq!((configs[0].value.as_str(), configs[0].set), ("5", false));
    operator.set_config("limit", "7").await.unwrap();
    let configs = operator.configs().await.unwrap();
    assert_eq!((configs[0].value.as_str(), configs[0].set), ("7", true));
}

/// Answers every invocation with its event, or fails when the event says so.
const ECHO: &str = r#"#!/usr/bin/env python3
import json, os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    event = urllib.request.urlopen(api + "next")
    id, body = event.headers["Lambda-Runtime-Aws-Request-Id"], event.read()
    if b"fail" in body:
        answer, path = json.dumps({"errorMessage": "no", "errorType": "Handler"}).encode(), "/error"
    else:
        answer, path = body, "/response"
    urllib.request.urlopen(urllib.request.Request(api + id + path, data=answer, method="POST"))
"#;

#[tokio::test]
async fn a_unit_is_run_by_hand_and_its_logs_are_read_once() {
    let emulator = match ministack() {
        Ok(emulator) => emulator,
        Err(skipped) => return skipped.report("invoking units on AWS"),
    };
    let config = config(&emulator.endpoint());
    let lambda = aws_sdk_lambda::Client::new(&config);
    let archive = package::archive::pack(package::BOOTSTRAP, ECHO.as_bytes());
    lambda
        .create_function()
        .function_name("shop-dev-work")
        .role("arn:aws:iam::000000000000:role/shop")
        .runtime(Runtime::from("provided.al2023"))
        .handler("bootstrap")
        .code(FunctionCode::builder().zip_file(Blob::new(archive)).build())
        .publish(true)
        .send()
        .await
        .unwrap();
    lambda
        .create_alias()
        .function_name("shop-dev-work")
        .name("live")
        .function_version("1")
        .send()
        .await
        .unwrap();
    let logs = aws_sdk_cloudwatchlogs::Client::new(&config);
    let (group, stream) = ("/aws/lambda/other", "stream");
    let create = logs.create_log_group().log_group_name(group);
    create.send().await.unwrap();
    let create = logs.create_log_stream().log_group_name(group);
    create.log_stream_name(stream).send().await.unwrap();
    let function = record("AWS::Lambda::Function", "shop-dev-work", "shop-dev-work");
    let operator = Operator::new(
        &config,
        state(vec![
            ("work/function", function),
            ("other/function", record("AWS::Lambda::Function", "o", "o")),
            ("other/logs", record("AWS::Logs::LogGroup", group, group)),
        ]),
    );
    let invoked = operator.invoke("work", json!({ "body": 1, "id": "e" }));
    let invoked = invoked.await.unwrap();
    assert!(!invoked.failed);
    assert_eq!(
        (&invoked.reply["ifc"]["id"], &invoked.reply["body"]),
        (&json!("e"), &json!(1))
    );
    let invoked = operator.invoke("work", json!("fail")).await.unwrap();
    assert!(invoked.failed);
    assert_eq!(invoked.reply["errorMessage"], "no");
    assert!(operator.invoke("wrk", json!(1)).await.is_err());

    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_millis()).unwrap();
    let put = async |lines: &[&str]| {
        let events = lines.iter().map(|line| {
            let event = InputLogEvent::builder().timestamp(now);
            event.message(*line).build().unwrap()
        });
        let put = logs.put_log_events().log_group_name(group);
        let put = put
            .log_stream_name(stream)
            .set_log_events(Some(events.collect()));
        put.send().await.unwrap();
    };
    put(&[
        "START RequestId: 1 Version: 1",
        "first\n",
        "REPORT RequestId: 1",
    ])
    .await;
    let mut position = LogPosition::since(now - 1_000);
    let read = operator.logs(Some("other"), &mut position).await.unwrap();
    let lines: Vec<&str> = read.iter().map(|event| event.message.as_str()).collect();
    assert_eq!(lines, ["first"]);
    put(&["second"]).await;
    let read = operator.logs(Some("other"), &mut position).await.unwrap();
    assert_eq!(read.len(), 1, "{read:?}");
    assert_eq!(
        (read[0].unit.as_str(), read[0].message.as_str()),
        ("other", "second")
    );
    assert_eq!(operator.units(), ["other", "work"]);
}
