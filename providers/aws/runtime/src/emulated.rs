//! The services for real, as far as an emulator is: what is sent is what arrives.

mod event_bus;
mod stream;

use crate::aws::Aws;
use crate::connection::scripted::Scripted;
use crate::envelope;
use crate::queue::SQS;
use crate::transport::{Repeat, Service};
use crate::wiring::{WIRING_VARIABLE, Wiring};
use ifc_emulators::{Emulator, MiniStack, Skipped};
use ifc_manifest::format::Value as Config;
use ifc_manifest::kind::config::ConfigKnobs;
use ifc_manifest::{Address, Kind, ResourceDescriptor, SourceSpan};
use ifc_runtime::config::ConfigOperations as _;
use ifc_runtime::function::FunctionOperations as _;
use ifc_runtime::queue::{OutgoingMessage, QueueOperations as _};
use ifc_runtime::secret::SecretOperations as _;
use ifc_runtime::topic::{TopicMessage, TopicOperations as _};
use ifc_runtime::{Application, ErrorKind, SystemClock, Target, TraceContext};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// One for all tests; it ends with their process. It verifies signatures, but not those of root
/// users, so the tests are a user of their own.
static MINISTACK: LazyLock<Result<(Emulator, [String; 2]), Skipped>> = LazyLock::new(|| {
    let emulator = MiniStack { enforce: true }.start()?;
    let endpoint = emulator.endpoint();
    // Whoever comes first is within a runtime already.
    let user = std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(make_user(&endpoint))
    });
    Ok((emulator, user.join().unwrap()))
});

const ROOT: [&str; 2] = ["123456789012", "any"];

/// Makes a user who may do everything, and returns its keys.
pub(crate) async fn make_user(endpoint: &str) -> [String; 2] {
    let root = with_keys(endpoint, Vec::new(), &wiring(), ROOT);
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }],
    });
    let mut answer = String::new();
    for (action, more) in [
        ("CreateUser", vec![]),
        (
            "PutUserPolicy",
            vec![
                ("PolicyName", "all".to_owned()),
                ("PolicyDocument", policy.to_string()),
            ],
        ),
        ("CreateAccessKey", vec![]),
    ] {
        let mut fields = vec![
            ("Action", action.to_owned()),
            ("Version", "2010-05-08".to_owned()),
            ("UserName", "tests".to_owned()),
        ];
        fields.extend(more);
        let fields: Vec<(String, String)> = fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        answer = root.call_with_form("iam", &fields).await.unwrap();
    }
    ["AccessKeyId", "SecretAccessKey"].map(|name| crate::xml::element(&answer, name).unwrap())
}

/// Where the emulator is. `None` when it cannot be had: then `what` is reported as skipped.
pub(crate) fn endpoint(what: &str) -> Option<String> {
    match &*MINISTACK {
        Ok((emulator, _)) => Some(emulator.endpoint()),
        Err(skipped) => {
            skipped.report(what);
            None
        }
    }
}

/// The provider of an application with these resources.
pub(crate) fn aws(endpoint: &str, resources: Vec<ResourceDescriptor>, wiring: &Wiring) -> Aws {
    // The emulator is asked for by whoever needs it, not by who has another endpoint.
    let keys = match LazyLock::get(&MINISTACK) {
        Some(Ok((_, keys))) => keys.each_ref().map(String::as_str),
        _ => ROOT,
    };
    with_keys(endpoint, resources, wiring, keys)
}

pub(crate) fn with_keys(
    endpoint: &str,
    resources: Vec<ResourceDescriptor>,
    wiring: &Wiring,
    [id, secret]: [&str; 2],
) -> Aws {
    let application = Application::new("shop", resources, Vec::new()).unwrap();
    let variables = BTreeMap::from([
        (WIRING_VARIABLE, wiring.to_json()),
        ("AWS_ACCESS_KEY_ID", id.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", secret.to_owned()),
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
    ]);
    let variable = |name: &str| variables.get(name).cloned();
    Aws::from_environment(Arc::new(application), Arc::new(SystemClock), variable).unwrap()
}

/// A provider whose network answers what was written down.
pub(crate) fn with_answers(script: &Arc<Scripted>, wire: impl FnOnce(&mut Wiring)) -> Aws {
    let mut wiring = wiring();
    wire(&mut wiring);
    let mut aws = aws("http://127.0.0.1:1", Vec::new(), &wiring);
    aws.transport.exchange = Box::new(Arc::clone(script));
    aws
}

pub(crate) fn wiring() -> Wiring {
    Wiring::new("eu-west-1", "123456789012", "shop-dev-")
}

pub(crate) async fn call(aws: &Aws, service: &Service, operation: &str, input: Value) -> Value {
    let call = aws
        .transport
        .json(service, operation, &input, Repeat::Harmless);
    call.await.unwrap()
}

pub(crate) fn target(name: &str) -> Target<'_> {
    Target {
        package: "shop",
        name,
    }
}

fn message(body: &str) -> OutgoingMessage {
    OutgoingMessage {
        id: None,
        body: body.as_bytes().to_vec(),
        attributes: BTreeMap::new(),
        group: None,
        delay: Duration::ZERO,
        trace: TraceContext::root(),
    }
}

/// A provider with the queue `mail`, which is really there, and with its URL.
async fn with_queue(endpoint: &str, name: &str, attributes: Value) -> (Aws, String) {
    let maker = aws(endpoint, Vec::new(), &wiring());
    let input = json!({ "QueueName": name, "Attributes": attributes });
    let made = call(&maker, &SQS, "CreateQueue", input).await;
    let url = made["QueueUrl"].as_str().unwrap().to_owned();
    let mut wiring = wiring();
    wiring.queues.insert("mail".to_owned(), name.to_owned());
    (aws(endpoint, Vec::new(), &wiring), url)
}

/// What is in the queue, in the order of its arrival, until there is nothing more.
async fn receive_texts(aws: &Aws, url: &str) -> Vec<String> {
    let mut arrived = Vec::new();
    loop {
        let input = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 600 });
        let answer = call(aws, &SQS, "ReceiveMessage", input).await;
        let Some(messages) = answer["Messages"]
            .as_array()
            .filter(|list| !list.is_empty())
        else {
            return arrived;
        };
        for message in messages {
            arrived.push(message["Body"].as_str().unwrap().to_owned());
            let receipt = &message["ReceiptHandle"];
            let input = json!({ "QueueUrl": url, "ReceiptHandle": receipt });
            call(aws, &SQS, "DeleteMessage", input).await;
        }
    }
}

/// As [`receive_texts`], opened.
async fn receive(aws: &Aws, url: &str) -> Vec<envelope::Enveloped> {
    let texts = receive_texts(aws, url).await;
    let opened = texts.iter().map(|text| envelope::open(text).unwrap());
    opened.collect()
}

#[tokio::test]
async fn messages_arrive_as_they_were_sent() {
    let Some(endpoint) = endpoint("queues on SQS") else {
        return;
    };
    let (aws, url) = with_queue(&endpoint, "arrive", json!({})).await;
    let key = |number: usize| format!("key-{number}");
    let full = OutgoingMessage {
        id: Some("o-1".to_owned()),
        attributes: (0..10)
            .map(|number| (key(number), "v".repeat(700)))
            .collect(),
        ..message(r#"{"b": 1.0, "a": "é\u0000"}"#)
    };
    let mut messages: Vec<OutgoingMessage> = (1..10)
        .map(|_| message(&format!("\"{}\"", "x".repeat(245_758))))
        .collect();
    messages.push(full.clone());
    let sent = aws.send(target("mail"), messages).await.unwrap();
    let ids: Vec<String> = sent.into_iter().map(|sent| sent.unwrap().id).collect();
    let arrived = receive(&aws, &url).await;
    assert_eq!(arrived.len(), 10);
    assert!(arrived.iter().all(|arrived| ids.contains(&arrived.id)));
    let arrived = arrived.into_iter().find(|arrived| arrived.id == "o-1");
    let expected = envelope::Enveloped {
        id: "o-1".to_owned(),
        trace: Some(full.trace),
        attributes: full.attributes,
        body: full.body,
    };
    assert_eq!(arrived, Some(expected));
}

/// Calls SNS, and returns its XML.
async fn sns(maker: &Aws, fields: Vec<(&str, String)>) -> String {
    let version = ("Version", "2010-03-31".to_owned());
    let fields: Vec<(String, String)> = fields
        .into_iter()
        .chain([version])
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    maker.call_with_form("sns", &fields).await.unwrap()
}

/// Makes a topic that goes to the queue of `url`, for the messages that pass a filter on the
/// attributes, and a provider that knows it as `news`.
async fn with_topic(endpoint: &str, maker: &Aws, url: &str, filter: &Value) -> Aws {
    let name = url.rsplit('/').next().unwrap().to_owned();
    let made = sns(
        maker,
        vec![("Action", "CreateTopic".to_owned()), ("Name", name.clone())],
    )
    .await;
    let arn = crate::xml::element(&made, "TopicArn").unwrap();
    let mut fields = vec![
        ("Action", "Subscribe".to_owned()),
        ("TopicArn", arn.clone()),
        ("Protocol", "sqs".to_owned()),
        (
            "Endpoint",
            format!("arn:aws:sqs:eu-west-1:123456789012:{name}"),
        ),
    ];
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "sns.amazonaws.com" },
            "Action": "sqs:SendMessage",
            "Resource": format!("arn:aws:sqs:eu-west-1:123456789012:{name}"),
            "Condition": { "ArnEquals": { "aws:SourceArn": arn } },
        }],
    });
    let attributes = json!({ "Policy": policy.to_string() });
    let input = json!({ "QueueUrl": url, "Attributes": attributes });
    call(maker, &SQS, "SetQueueAttributes", input).await;
    let policy = json!({ "ifc": { "attributes": filter } }).to_string();
    let attributes = [
        ("RawMessageDelivery", "true".to_owned()),
        ("FilterPolicyScope", "MessageBody".to_owned()),
        ("FilterPolicy", policy),
    ];
    let names: Vec<[String; 2]> = (1..=attributes.len())
        .map(|n| ["key", "value"].map(|part| format!("Attributes.entry.{n}.{part}")))
        .collect();
    for ([key, entry], (attribute, value)) in names.iter().zip(attributes) {
        fields.push((key, attribute.to_owned()));
        fields.push((entry, value));
    }
    sns(maker, fields).await;
    let mut wiring = wiring();
    wiring.topics.insert("news".to_owned(), name);
    aws(endpoint, Vec::new(), &wiring)
}

#[tokio::test]
async fn published_messages_arrive_where_they_pass_the_filter() {
    let Some(endpoint) = endpoint("topics on SNS") else {
        return;
    };
    let (consumer, url) = with_queue(&endpoint, "news", json!({})).await;
    let filter = json!({ "region": ["eu"] });
    let aws = with_topic(&endpoint, &consumer, &url, &filter).await;
    let message = |id: &str, region: &str| TopicMessage {
        id: Some(id.to_owned()),
        body: br#"{"b": 1.0, "a": "x&y=<z>"}"#.to_vec(),
        attributes: BTreeMap::from([("region".to_owned(), region.to_owned())]),
        group: None,
        trace: TraceContext::root(),
    };
    let messages = vec![message("1", "eu"), message("2", "us"), message("3", "eu")];
    let ids = aws.publish(target("news"), messages.clone()).await.unwrap();
    let ids: Vec<String> = ids.into_iter().map(Result::unwrap).collect();
    assert_eq!(ids, ["1", "2", "3"]);
    let mut arrived = receive(&consumer, &url).await;
    arrived.sort_by(|a, b| a.id.cmp(&b.id));
    let ids: Vec<&str> = arrived.iter().map(|message| message.id.as_str()).collect();
    assert_eq!(ids, ["1", "3"]);
    assert_eq!(arrived[0].body, messages[0].body);
    assert_eq!(arrived[0].attributes, messages[0].attributes);
    assert_eq!(arrived[0].trace, Some(messages[0].trace));
    let error = aws.publish(target("other"), messages).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotReady);
}

#[tokio::test]
async fn a_fifo_queue_keeps_the_order_and_takes_equal_messages_twice() {
    let Some(endpoint) = endpoint("fifo queues on SQS") else {
        return;
    };
    let fifo = json!({ "FifoQueue": "true" });
    let (aws, url) = with_queue(&endpoint, "order.fifo", fifo).await;
    for bodies in [["1", "2", "3"], ["3", "3", "4"]] {
        let messages = bodies.map(|body| OutgoingMessage {
            group: Some("g".to_owned()),
            ..message(body)
        });
        for sent in aws.send(target("mail"), messages.to_vec()).await.unwrap() {
            sent.unwrap();
        }
    }
    let arrived = receive(&aws, &url).await;
    let bodies: Vec<String> = arrived
        .into_iter()
        .map(|arrived| String::from_utf8(arrived.body).unwrap())
        .collect();
    assert_eq!(bodies, ["1", "2", "3", "3", "3", "4"]);
}

#[tokio::test]
async fn an_asynchronous_call_waits_in_the_functions_own_queue() {
    let Some(endpoint) = endpoint("asynchronous calls through SQS") else {
        return;
    };
    let (consumer, url) = with_queue(&endpoint, "calls", json!({})).await;
    let mut wiring = wiring();
    wiring.calls.insert("work".to_owned(), "calls".to_owned());
    let aws = aws(&endpoint, Vec::new(), &wiring);
    let trace = TraceContext::root();
    let argument = br#"{"a": 1.0}"#.to_vec();
    let id = aws.invoke_async(target("work"), argument.clone(), trace);
    let expected = envelope::Enveloped {
        id: id.await.unwrap(),
        trace: Some(trace),
        attributes: BTreeMap::new(),
        body: argument.clone(),
    };
    assert_eq!(receive(&consumer, &url).await, [expected]);
    let error = aws.invoke_async(target("other"), argument, trace).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotReady);
}

#[tokio::test]
async fn a_delayed_message_is_not_there_yet() {
    let Some(endpoint) = endpoint("delayed messages on SQS") else {
        return;
    };
    let (aws, url) = with_queue(&endpoint, "later", json!({})).await;
    let delayed = OutgoingMessage {
        delay: Duration::from_secs(900),
        ..message("1")
    };
    aws.send(target("mail"), vec![delayed, message("2")])
        .await
        .unwrap();
    let bodies: Vec<Vec<u8>> = receive(&aws, &url)
        .await
        .into_iter()
        .map(|m| m.body)
        .collect();
    assert_eq!(bodies, [b"2"]);
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_an_error_that_says_so() {
    let Some(endpoint) = endpoint("queues that are missing on SQS") else {
        return;
    };
    let mut wiring = wiring();
    wiring
        .queues
        .insert("mail".to_owned(), "nowhere".to_owned());
    let aws = aws(&endpoint, Vec::new(), &wiring);
    let error = aws
        .send(target("mail"), vec![message("1")])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotReady);
    let text = error.to_string();
    assert!(text.starts_with("send on `mail`: aws answered "), "{text}");
    assert!(text.contains("(aws request "), "{text}");
    let error = aws
        .send(target("post"), vec![message("1")])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotReady);
    assert!(
        error
            .to_string()
            .contains("queue `post` is not in the wiring"),
        "{error}"
    );
}

#[tokio::test]
async fn an_endpoint_that_nobody_answers_at_is_named() {
    let mut wiring = wiring();
    wiring.queues.insert("mail".to_owned(), "a".to_owned());
    let aws = aws("http://127.0.0.1:1", Vec::new(), &wiring);
    let error = aws
        .send(target("mail"), vec![message("1")])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error.to_string().contains("no connection to `127.0.0.1:1`"),
        "{error}"
    );
    assert!(error.is_retry_safe());
}

#[tokio::test]
async fn a_wrong_key_is_denied() {
    let Some(endpoint) = endpoint("signatures") else {
        return;
    };
    let (maker, _) = with_queue(&endpoint, "signed", json!({})).await;
    let Ok((_, [id, _])) = &*MINISTACK else {
        unreachable!("there is an endpoint")
    };
    let aws = with_keys(&endpoint, Vec::new(), &maker.wiring, [id, "wrong"]);
    let sent = aws.send(target("mail"), vec![message("1")]).await;
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn secrets_are_read_and_kept_for_a_while() {
    let Some(endpoint) = endpoint("secrets of Secrets Manager") else {
        return;
    };
    let mut wiring = wiring();
    for name in ["text", "missing"] {
        let id = format!("shop-{name}");
        wiring.secrets.insert(name.to_owned(), id);
    }
    let aws = aws(&endpoint, Vec::new(), &wiring);
    let service = Service {
        name: "secretsmanager",
        target: "secretsmanager",
        json: "1.1",
    };
    let input = json!({ "Name": "shop-text", "SecretString": "hush", "ClientRequestToken": "0".repeat(32) });
    call(&aws, &service, "CreateSecret", input).await;
    for _ in 0..2 {
        let value = aws.read_secret(target("text")).await.unwrap();
        assert_eq!(value.expose(), Ok("hush"));
        // The second time it is the value that was kept.
        let input = json!({ "SecretId": "shop-text", "SecretString": "other", "ClientRequestToken": "1".repeat(32) });
        call(&aws, &service, "PutSecretValue", input).await;
    }
    let error = aws.read_secret(target("missing")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotReady);
    assert!(
        error.to_string().contains("`ifc secret set missing`"),
        "{error}"
    );
}

#[tokio::test]
async fn configuration_values_are_the_stages_or_the_declared_ones() {
    let Some(endpoint) = endpoint("configuration values of the Systems Manager") else {
        return;
    };
    let declared = |name: &str, default| ResourceDescriptor {
        address: Address::new("shop", name),
        kind: Kind::Config,
        path: format!("shop::{name}"),
        config: Config::written(|encoder| {
            ConfigKnobs {
                default,
                ..ConfigKnobs::DEFAULT
            }
            .encode(encoder);
        }),
        span: SourceSpan {
            file: "src/main.rs".to_owned(),
            line: 1,
            column: 1,
            length: 1,
        },
    };
    let mut wiring = wiring();
    for name in ["set", "default", "neither"] {
        let parameter = format!("/shop/dev/{name}");
        wiring.configs.insert(name.to_owned(), parameter);
    }
    let resources = vec![
        declared("set", Some("1")),
        declared("default", Some("2")),
        declared("neither", None),
    ];
    let aws = aws(&endpoint, resources, &wiring);
    let service = Service {
        name: "ssm",
        target: "AmazonSSM",
        json: "1.1",
    };
    let input = json!({ "Name": "/shop/dev/set", "Value": "3", "Type": "String" });
    call(&aws, &service, "PutParameter", input).await;
    assert_eq!(aws.read_config(target("set")).await.unwrap(), "3");
    assert_eq!(aws.read_config(target("default")).await.unwrap(), "2");
    let error = aws.read_config(target("neither")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotReady);
}
