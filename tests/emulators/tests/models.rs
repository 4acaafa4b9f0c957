//! Requests in each protocol are read as the operation they are, and what is wrong with them is
//! found; and nothing else.
#![allow(clippy::unwrap_used)]

use ifc_emulators::{ModelProxy, ministack};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

struct Client {
    port: u16,
}

impl Client {
    /// The status of the answer to a request that says it is signed for `service`.
    fn ask(&self, service: &str, request: &str, headers: &[&str], body: &str) -> String {
        let mut head = format!(
            "{request} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nconnection: close\r\n\
             content-length: {}\r\nauthorization: AWS4-HMAC-SHA256 \
             Credential=111122223333/20260101/eu-south-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=0\r\n",
            self.port,
            body.len()
        );
        for header in headers {
            head.push_str(&format!("{header}\r\n"));
        }
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(stream, "{head}\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn json(&self, service: &str, version: &str, target: &str, body: &str) {
        let kind = format!("content-type: application/x-amz-json-{version}");
        let target = format!("x-amz-target: {target}");
        self.ask(service, "POST /", &[&kind, &target], body);
    }
}

#[test]
fn every_protocol_is_held_against_its_model() {
    let judged = "requests held against AWS's models";
    let emulator = match ministack() {
        Ok(emulator) => emulator,
        Err(skipped) => return skipped.report(judged),
    };
    let proxy = match ModelProxy::before(&emulator) {
        Ok(proxy) => proxy,
        Err(skipped) => return skipped.report(judged),
    };
    let client = Client { port: proxy.port() };
    let form = "content-type: application/x-www-form-urlencoded";
    let xml = "content-type: application/xml";
    let region = "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                  <LocationConstraint>eu-south-1</LocationConstraint></CreateBucketConfiguration>";

    client.json(
        "sqs",
        "1.0",
        "AmazonSQS.CreateQueue",
        r#"{"QueueName":"letters"}"#,
    );
    let events = r#"{"Name":"letters","EventPattern":"{}"}"#;
    client.json("events", "1.1", "AWSEvents.PutRule", events);
    let topic = "Action=CreateTopic&Version=2010-03-31&Name=letters&Tags.member.1.Key=a&\
                 Tags.member.1.Value=b&Attributes.entry.1.key=DisplayName&Attributes.entry.1.value=c";
    client.ask("sns", "POST /", &[form], topic);
    let alias = r#"{"Name":"live","FunctionVersion":"1"}"#;
    let path = "POST /2015-03-31/functions/letters/aliases";
    client.ask("lambda", path, &["content-type: application/json"], alias);
    client.ask("s3", "PUT /letters", &[xml], region);
    client.ask("s3", "PUT /letters/a/b%20c", &[], "hello");
    let answer = client.ask("s3", "GET /letters/a/b%20c", &[], "");
    assert!(answer.ends_with("hello"), "passed on unchanged: {answer}");
    assert_eq!(proxy.deviations(), []);
    let calls: Vec<String> = proxy.calls().into_keys().collect();
    assert_eq!(
        calls,
        [
            "events.PutRule",
            "lambda.CreateAlias",
            "s3.CreateBucket",
            "s3.GetObject",
            "s3.PutObject",
            "sns.CreateTopic",
            "sqs.CreateQueue",
        ]
    );

    client.json(
        "sqs",
        "1.1",
        "AmazonSQS.CreateQueue",
        r#"{"QueuName":"letters"}"#,
    );
    client.json("sqs", "1.0", "AmazonSQS.BuildQueue", "{}");
    let attributes = r#"{"QueueName":"a","Attributes":{"Colour":"red"}}"#;
    client.json("sqs", "1.0", "AmazonSQS.CreateQueue", attributes);
    let table = r#"{"TableName":"or ders","Key":{"id":{"S":7}},"ConsistentRead":"yes"}"#;
    client.json("dynamodb", "1.0", "DynamoDB_20120810.GetItem", table);
    let topic = "Action=CreateTopic&Version=2010-03-31&Tag.1.Key=a";
    client.ask("sns", "POST /", &[form], topic);
    let alias = r#"{"name":"live","FunctionVersion":"one"}"#;
    client.ask("lambda", path, &["content-type: application/json"], alias);
    let rule = "<VersioningConfiguration><Status>On</Status><Why>x</Why></VersioningConfiguration>";
    client.ask("s3", "PUT /letters?versioning", &[xml], rule);
    // What is allowed instead is the model's to say, and changes with its version.
    let found = proxy.deviations().into_iter().map(|found| {
        let what = found.what.split(" is none of").next().unwrap();
        let what = what.split(" not match").next().unwrap();
        format!("{} {}: {what}", found.service, found.operation)
    });
    assert_eq!(
        found.collect::<Vec<_>>(),
        [
            "dynamodb GetItem: ConsistentRead: wanted true or false, found 'yes'",
            "dynamodb GetItem: Key.id.S: wanted a string, found 7",
            "lambda CreateAlias: FunctionVersion: 'one' does",
            "lambda CreateAlias: Name: required, and missing",
            "lambda CreateAlias: name: no such member",
            "s3 PutBucketVersioning: VersioningConfiguration.Status: 'On'",
            "s3 PutBucketVersioning: VersioningConfiguration.Why: no such member",
            "sns CreateTopic: Name: required, and missing",
            "sns CreateTopic: Tag.1.Key: no such member",
            "sqs ?: `BuildQueue` is no operation",
            "sqs CreateQueue: Attributes.(key): 'Colour'",
            "sqs CreateQueue: QueuName: no such member",
            "sqs CreateQueue: QueueName: required, and missing",
            "sqs CreateQueue: it: content type 'application/x-amz-json-1.1', not \
             application/x-amz-json-1.0",
        ]
    );
}

/// The readers are held against botocore's writers, for all operations of the services we call.
#[test]
fn what_botocore_writes_is_read_as_it_was_meant() {
    match ModelProxy::mirrored() {
        Ok(found) => assert_eq!(found, ""),
        Err(skipped) => skipped.report("the readers of AWS's protocols"),
    }
}
