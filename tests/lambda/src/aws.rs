//! An emulator of AWS with calls to make what a unit needs, and to take what is in queues.

use ifc_emulators::Emulator;
use serde_json::{Value, json};
use ureq::Agent;

/// The account of everything.
pub const ACCOUNT: &str = "123456789012";

/// The region of everything.
pub const REGION: &str = "eu-west-1";

/// An emulator of AWS.
pub struct Emulated {
    endpoint: String,
    agent: Agent,
    _emulator: Emulator,
}

impl Emulated {
    /// Calls to this emulator.
    pub fn new(emulator: Emulator) -> Emulated {
        let agent = Agent::config_builder().http_status_as_error(false).build();
        Emulated {
            endpoint: emulator.endpoint(),
            agent: agent.into(),
            _emulator: emulator,
        }
    }

    /// Where it is.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The emulator routes by the service in a signature, and does not check it.
    fn authorization(service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{REGION}/{service}/aws4_request, \
             SignedHeaders=host, Signature=0"
        )
    }

    /// Calls an operation of a service that speaks JSON.
    ///
    /// # Panics
    /// When the answer is no success.
    pub fn json(&self, service: &str, target: &str, version: &str, input: &Value) -> Value {
        let mut answer = self
            .agent
            .post(&self.endpoint)
            .header("Authorization", Self::authorization(service))
            .header("Content-Type", format!("application/x-amz-json-{version}"))
            .header("X-Amz-Target", target)
            .send(input.to_string())
            .expect("the emulator answers");
        let status = answer.status();
        let text = answer.body_mut().read_to_string().expect("a text");
        assert!(status.is_success(), "{target}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Calls an operation of SNS, which speaks forms; the answer is XML.
    ///
    /// # Panics
    /// When the answer is no success.
    pub fn sns(&self, fields: &[(&str, &str)]) -> String {
        let mut answer = self
            .agent
            .post(&self.endpoint)
            .header("Authorization", Self::authorization("sns"))
            .send_form(fields.iter().copied())
            .expect("the emulator answers");
        let status = answer.status();
        let text = answer.body_mut().read_to_string().expect("a text");
        assert!(status.is_success(), "{fields:?}: {status} {text}");
        text
    }

    /// Makes a bucket whose new objects are told to a queue.
    ///
    /// # Panics
    /// When that fails.
    pub fn bucket(&self, name: &str, queue: &str) {
        let arn = self.queue_arn(queue);
        let notifications = format!(
            "<NotificationConfiguration><QueueConfiguration><Id>told</Id><Queue>{arn}</Queue>\
             <Event>s3:ObjectCreated:*</Event></QueueConfiguration></NotificationConfiguration>"
        );
        let location = format!(
            "<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint>\
             </CreateBucketConfiguration>"
        );
        for (path, body) in [
            (format!("/{name}"), location),
            (format!("/{name}?notification"), notifications),
        ] {
            let mut answer = self
                .agent
                .put(format!("{}{path}", self.endpoint))
                .header("Authorization", Self::authorization("s3"))
                .send(body)
                .expect("the emulator answers");
            let status = answer.status();
            let text = answer.body_mut().read_to_string().expect("a text");
            assert!(status.is_success(), "{path}: {status} {text}");
        }
    }

    /// Makes a queue.
    pub fn queue(&self, name: &str) {
        let input = json!({ "QueueName": name });
        self.json("sqs", "AmazonSQS.CreateQueue", "1.0", &input);
    }

    fn queue_url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.endpoint)
    }

    /// The ARN of a queue.
    pub fn queue_arn(&self, name: &str) -> String {
        format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
    }

    /// Takes what is in a queue, as the event in which Lambda hands it over; `None` when nothing is
    /// in it.
    pub fn take(&self, queue: &str) -> Option<Value> {
        let input = json!({
            "QueueUrl": self.queue_url(queue),
            "MaxNumberOfMessages": 10,
            "AttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        });
        let answer = self.json("sqs", "AmazonSQS.ReceiveMessage", "1.0", &input);
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        let record = |message: &Value| {
            json!({
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": {},
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": self.queue_arn(queue),
                "awsRegion": REGION,
            })
        };
        let records: Vec<Value> = messages.iter().map(record).collect();
        (!records.is_empty()).then(|| json!({ "Records": records }))
    }

    /// Takes what is in a queue as soon as something is.
    ///
    /// # Panics
    /// When nothing comes; the limit only bounds a test that fails.
    pub fn take_soon(&self, queue: &str) -> Value {
        for _ in 0..600 {
            if let Some(event) = self.take(queue) {
                return event;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("nothing comes to `{queue}`");
    }
}
