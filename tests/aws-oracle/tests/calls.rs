//! Our clients held against the official SDK: each logical call is made with both against a
//! recorder that gives both the same answers, and what went over the wire is compared.

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use ifc_aws::{Aws, WIRING_VARIABLE, Wiring};
use ifc_manifest::format::Value as Config;
use ifc_manifest::kind::table::{ItemSchema, KeySchema, Scalar, TableKnobs};
use ifc_manifest::{Address, Kind, ResourceDescriptor, SourceSpan};
use ifc_runtime::queue::{OutgoingMessage, QueueOperations};
use ifc_runtime::table::{Consistency, Key, KeyValue, Query, SortRange, TableOperations};
use ifc_runtime::{Application, SystemClock, Target, TraceContext};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came in.
#[derive(Clone, Debug)]
struct Recorded {
    line: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Recorded {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// What says whose key, where, and which service, without date and signature.
    fn scope(&self) -> (String, Vec<String>) {
        let text = &self.headers["authorization"];
        let part = |name: &str| {
            let (_, rest) = text.split_once(name).expect("it is there");
            rest.split(',').next().unwrap_or_default().to_owned()
        };
        let credential = part("Credential=");
        let mut scope: Vec<&str> = credential.split('/').collect();
        scope.remove(1);
        let signed = part("SignedHeaders=");
        (
            scope.join("/"),
            signed.split(';').map(str::to_owned).collect(),
        )
    }
}

/// Answers every request alike, and keeps it.
struct Recorder {
    endpoint: String,
    requests: Arc<Mutex<Vec<Recorded>>>,
}

impl Recorder {
    async fn start(status: u16, body: &'static str) -> Recorder {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, status, body, Arc::clone(&kept)));
            }
        });
        Recorder { endpoint, requests }
    }

    /// The one request that came since the last time.
    fn taken(&self) -> Recorded {
        let mut requests = self.requests.lock().expect("nobody panicked with it");
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }
}

async fn serve(
    mut stream: TcpStream,
    status: u16,
    body: &str,
    requests: Arc<Mutex<Vec<Recorded>>>,
) {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.lines();
    let line = lines.next().unwrap_or_default().to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers
        .get("content-length")
        .and_then(|text| text.parse().ok());
    let end = head + 4 + length.unwrap_or(0);
    while bytes.len() < end {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let body_bytes = bytes[head + 4..end].to_vec();
    requests
        .lock()
        .expect("nobody panicked with it")
        .push(Recorded {
            line,
            headers,
            body: body_bytes,
        });
    let answer = format!(
        "HTTP/1.1 {status} X\r\nx-amzn-requestid: r-1\r\ncontent-type: application/x-amz-json-1.0\
         \r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}

const KEY: (&str, &str, &str) = ("AKIDEXAMPLE", "secret", "session");

fn ours(recorder: &Recorder) -> Aws {
    let mut wiring = Wiring::new("eu-west-1", "123456789012", "shop-dev-");
    let names = [
        (&mut wiring.queues, "orders", "orders.fifo"),
        (&mut wiring.tables, "lines", "shop-dev-lines"),
    ];
    for (section, name, physical) in names {
        section.insert(name.to_owned(), physical.to_owned());
    }
    let variables = BTreeMap::from([
        (WIRING_VARIABLE, wiring.to_json()),
        ("AWS_ACCESS_KEY_ID", KEY.0.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", KEY.1.to_owned()),
        ("AWS_SESSION_TOKEN", KEY.2.to_owned()),
        ("AWS_ENDPOINT_URL", recorder.endpoint.clone()),
    ]);
    let application = Application::new("shop", vec![lines()], Vec::new()).expect("it is whole");
    let variable = |name: &str| variables.get(name).cloned();
    Aws::from_environment(Arc::new(application), Arc::new(SystemClock), variable)
        .expect("nothing is missing")
}

fn sqs(recorder: &Recorder) -> aws_sdk_sqs::Client {
    let key = Credentials::new(KEY.0, KEY.1, Some(KEY.2.to_owned()), None, "test");
    let configuration = aws_sdk_sqs::Config::builder()
        .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
        .region(aws_sdk_sqs::config::Region::new("eu-west-1"))
        .endpoint_url(&recorder.endpoint)
        .credentials_provider(key)
        .retry_config(aws_sdk_sqs::config::retry::RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_sqs::Client::from_conf(configuration)
}

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

const TARGET: Target<'static> = Target {
    package: "shop",
    name: "orders",
};

/// Sends what we sent once more, with the SDK.
async fn send_with_sdk(
    recorder: &Recorder,
    input: &Value,
) -> Result<aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput, aws_sdk_sqs::Error>
{
    let mut call = sqs(recorder)
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
    let recorder = Recorder::start(
        200,
        r#"{"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"x"}],
            "Failed":[{"Id":"1","Code":"InternalError","SenderFault":false}]}"#,
    )
    .await;
    let ungrouped = OutgoingMessage {
        group: None,
        delay: Duration::from_millis(1_500),
        ..message()
    };
    let sent = ours(&recorder)
        .send(TARGET, vec![message(), ungrouped])
        .await;
    let ours = recorder.taken();
    let output = send_with_sdk(&recorder, &ours.json()).await;
    let theirs = recorder.taken();

    assert_eq!(ours.line, theirs.line);
    assert_eq!(ours.json(), theirs.json());
    for name in [
        "host",
        "content-type",
        "x-amz-target",
        "x-amz-security-token",
        "content-length",
    ] {
        assert_eq!(ours.headers.get(name), theirs.headers.get(name), "{name}");
    }
    let ((our_scope, our_headers), (their_scope, their_headers)) = (ours.scope(), theirs.scope());
    assert_eq!(our_scope, their_scope);
    for name in ["host", "x-amz-date", "x-amz-target", "x-amz-security-token"] {
        let name = name.to_owned();
        assert!(our_headers.contains(&name), "{name} of {our_headers:?}");
        assert!(their_headers.contains(&name), "{name} of {their_headers:?}");
    }

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
        r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"not there"}"#,
    )
    .await;
    let refused = ours(&recorder).send(TARGET, vec![message()]).await;
    let ours = recorder.taken();
    let error = send_with_sdk(&recorder, &ours.json())
        .await
        .expect_err("refused");
    assert_eq!(error.code(), Some("QueueDoesNotExist"));
    assert_eq!(error.message(), Some("not there"));
    assert_eq!(error.meta().extra("aws_request_id"), Some("r-1"));
    let refused = refused.expect_err("refused").to_string();
    assert_eq!(
        refused,
        "send on `orders`: aws answered QueueDoesNotExist: not there (aws request r-1)"
    );
}

/// A table with a sort key, and an attribute that says when items expire.
fn lines() -> ResourceDescriptor {
    let schema = ItemSchema {
        key: KeySchema {
            name: "order",
            scalar: Scalar::String,
        },
        sort: Some(KeySchema {
            name: "line",
            scalar: Scalar::Number,
        }),
        indexes: &[],
        ttl: Some("expires_at"),
        version: None,
    };
    ResourceDescriptor {
        address: Address::new("shop", "lines"),
        kind: Kind::Table,
        path: "shop::LINES".to_owned(),
        config: Config::written(|encoder| TableKnobs::DEFAULT.encode(&schema, encoder)),
        span: SourceSpan {
            file: "src/main.rs".to_owned(),
            line: 1,
            column: 1,
            length: 1,
        },
    }
}

const LINES: Target<'static> = Target {
    package: "shop",
    name: "lines",
};

fn dynamodb(recorder: &Recorder) -> aws_sdk_dynamodb::Client {
    let key = Credentials::new(KEY.0, KEY.1, Some(KEY.2.to_owned()), None, "test");
    let configuration = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new("eu-west-1"))
        .endpoint_url(&recorder.endpoint)
        .credentials_provider(key)
        .retry_config(aws_sdk_dynamodb::config::retry::RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_dynamodb::Client::from_conf(configuration)
}

/// An attribute of our request, for the SDK.
fn attribute(value: &Value) -> AttributeValue {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    match (text("S"), text("N")) {
        (Some(text), _) => AttributeValue::S(text),
        (_, Some(number)) => AttributeValue::N(number),
        _ => panic!("{value} is neither text nor number"),
    }
}

fn attributes(map: &Value) -> HashMap<String, AttributeValue> {
    let entries = map.as_object().expect("an object").iter();
    entries
        .map(|(name, value)| (name.clone(), attribute(value)))
        .collect()
}

#[tokio::test]
async fn get_item() {
    let answer = r#"{"Item":{"order":{"S":"o-1"},"line":{"N":"2"},"half":{"N":"0.5"},
                     "tags":{"L":[{"NULL":true},{"BOOL":true}]}}}"#;
    let recorder = Recorder::start(200, answer).await;
    let key = Key {
        partition: KeyValue::String("o-1".to_owned()),
        sort: Some(KeyValue::Number(2)),
    };
    let item = ours(&recorder).get(LINES, key, Consistency::Strong).await;
    let ours = recorder.taken();
    let output = dynamodb(&recorder)
        .get_item()
        .table_name("shop-dev-lines")
        .set_key(Some(attributes(&ours.json()["Key"])))
        .consistent_read(true)
        .send()
        .await
        .expect("the call succeeds");
    let theirs = recorder.taken();
    assert_eq!(ours.line, theirs.line);
    assert_eq!(ours.json(), theirs.json());
    for name in ["content-type", "x-amz-target"] {
        assert_eq!(ours.headers.get(name), theirs.headers.get(name), "{name}");
    }
    assert_eq!(ours.scope().0, theirs.scope().0);
    let item = item.expect("the call succeeds").expect("there is an item");
    let expected =
        serde_json::json!({ "order": "o-1", "line": 2, "half": 0.5, "tags": [null, true] });
    assert_eq!(Value::Object(item), expected);
    let half = output.item().expect("there is an item")["half"].as_n();
    assert_eq!(half.map(String::as_str), Ok("0.5"));
}

#[tokio::test]
async fn query() {
    let recorder = Recorder::start(200, r#"{"Items":[],"Count":0}"#).await;
    let query = Query {
        index: None,
        partition: KeyValue::String("o-1".to_owned()),
        sort: Some(SortRange::Between(KeyValue::Number(1), KeyValue::Number(9))),
        descending: true,
        limit: 7,
        cursor: None,
        consistency: Consistency::Strong,
    };
    let page = ours(&recorder)
        .query(LINES, query)
        .await
        .expect("the call succeeds");
    assert!(page.items.is_empty() && page.cursor.is_none());
    let ours = recorder.taken();
    let input = ours.json();
    let text = |name: &str| input[name].as_str().map(str::to_owned);
    let names = input["ExpressionAttributeNames"]
        .as_object()
        .expect("an object")
        .iter();
    let names =
        names.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
    dynamodb(&recorder)
        .query()
        .table_name("shop-dev-lines")
        .set_key_condition_expression(text("KeyConditionExpression"))
        .set_filter_expression(text("FilterExpression"))
        .set_expression_attribute_names(Some(names.collect()))
        .set_expression_attribute_values(Some(attributes(&input["ExpressionAttributeValues"])))
        .scan_index_forward(false)
        .consistent_read(true)
        .limit(7)
        .send()
        .await
        .expect("the call succeeds");
    let theirs = recorder.taken();
    assert_eq!(input, theirs.json());
    assert_eq!(
        ours.headers.get("x-amz-target"),
        theirs.headers.get("x-amz-target")
    );
}
