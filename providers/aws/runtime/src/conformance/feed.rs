//! What Lambda's event source mappings do: take events from where they wait, hand them to the unit in
//! the documented form, and do as the reply says.

use super::watch::{Watched, context};
use crate::aws::Aws;
use crate::emulated::call;
use crate::entry::Unit;
use crate::queue::SQS;
use crate::stream::KINESIS;
use crate::transport::Service;
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, SystemTime};

pub(super) const DYNAMODB_STREAMS: Service = Service {
    name: "dynamodb",
    target: "DynamoDBStreams_20120810",
    json: "1.0",
};

/// How long a batch of a stream that failed waits until it is tried again. Lambda does not say how
/// long it waits.
const STREAM_RETRY: Duration = Duration::from_secs(10);

/// Where a unit's events come from.
pub(super) enum Feed {
    Queue(Queue),
    Shards(Vec<Shard>),
}

/// A queue, and how it is taken from.
#[derive(Clone)]
pub(super) struct Queue {
    /// Its name in SQS, and that of its dead letters.
    pub(super) name: String,
    pub(super) dead_letters: String,
    pub(super) batch: u32,
    pub(super) lease: Duration,
    pub(super) attempts_max: u32,
}

/// A shard of a stream.
pub(super) struct Shard {
    pub(super) service: Service,
    /// What says which stream in a request.
    pub(super) stream: Value,
    pub(super) arn: String,
    pub(super) id: String,
    pub(super) batch: u32,
    /// The last record that was taken.
    pub(super) taken: Option<String>,
    /// Taken and not done.
    pub(super) pending: VecDeque<Value>,
    pub(super) not_before: SystemTime,
}

impl Feed {
    /// Hands over what is due, one batch at most. Returns whether there was something.
    pub(super) async fn poll(&mut self, maker: &Aws, watched: &Watched, unit: &Unit) -> bool {
        match self {
            Feed::Queue(queue) => queue.poll(maker, watched, unit).await,
            Feed::Shards(shards) => {
                let mut some = false;
                for shard in shards {
                    some |= shard.poll(maker, watched, unit).await;
                }
                some
            }
        }
    }
}

impl Queue {
    /// Takes messages for a while.
    pub(super) async fn receive(&self, maker: &Aws, watched: &Watched) -> Vec<Value> {
        let input = json!({
            "QueueUrl": maker.queue_url(&self.name),
            "MaxNumberOfMessages": self.batch.min(10),
            "VisibilityTimeout": self.lease.as_secs(),
            "AttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        });
        let mut answer = call(maker, &SQS, "ReceiveMessage", input).await;
        let messages = match answer["Messages"].take() {
            Value::Array(messages) => messages,
            _ => Vec::new(),
        };
        if !messages.is_empty() {
            watched.due_in(self.lease.as_secs());
        }
        messages
    }

    async fn poll(&self, maker: &Aws, watched: &Watched, unit: &Unit) -> bool {
        let messages = self.receive(maker, watched).await;
        if messages.is_empty() {
            return false;
        }
        let arn = maker.wiring.arn("sqs", &self.name);
        let records: Vec<Value> = messages.iter().map(|m| record(m, &arn)).collect();
        let event = json!({ "Records": records }).to_string();
        let Ok(reply) = unit.deliver(event.as_bytes(), &context()).await else {
            return true;
        };
        let failed = failures(&reply);
        let done = |message: &&Value| !failed.contains(message["MessageId"].as_str().unwrap());
        for message in messages.iter().filter(done) {
            self.delete(maker, message).await;
        }
        true
    }

    async fn delete(&self, maker: &Aws, message: &Value) {
        let url = maker.queue_url(&self.name);
        let input = json!({ "QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"] });
        call(maker, &SQS, "DeleteMessage", input).await;
    }

    /// The queue of the dead letters.
    fn of_dead_letters(&self) -> Queue {
        Queue {
            name: self.dead_letters.clone(),
            batch: 10,
            lease: Duration::from_secs(600),
            ..self.clone()
        }
    }

    /// What is in the dead letters now, and stays there.
    pub(super) async fn dead_letters(&self, maker: &Aws, watched: &Watched) -> Vec<Value> {
        let dead = self.of_dead_letters();
        let mut letters = Vec::new();
        loop {
            let some = dead.receive(maker, watched).await;
            if some.is_empty() {
                break;
            }
            letters.extend(some);
        }
        for letter in &letters {
            let input = json!({
                "QueueUrl": maker.queue_url(&dead.name),
                "ReceiptHandle": letter["ReceiptHandle"],
                "VisibilityTimeout": 0,
            });
            call(maker, &SQS, "ChangeMessageVisibility", input).await;
        }
        letters
    }

    /// Puts the dead letters back. Returns how many.
    pub(super) async fn redrive(&self, maker: &Aws, watched: &Watched) -> usize {
        let dead = self.of_dead_letters();
        let mut count = 0;
        loop {
            let letters = dead.receive(maker, watched).await;
            if letters.is_empty() {
                return count;
            }
            for letter in letters {
                let mut input = json!({
                    "QueueUrl": maker.queue_url(&self.name),
                    "MessageBody": letter["Body"],
                });
                if self.name.ends_with(".fifo") {
                    input["MessageGroupId"] = letter["Attributes"]["MessageGroupId"].clone();
                    input["MessageDeduplicationId"] = letter["MessageId"].clone();
                }
                call(maker, &SQS, "SendMessage", input).await;
                dead.delete(maker, &letter).await;
                count += 1;
            }
        }
    }
}

/// A message as Lambda hands it over.
fn record(message: &Value, arn: &str) -> Value {
    let attached = message["MessageAttributes"].as_object();
    let attached: Value = attached
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            let value = json!({
                "dataType": value["DataType"],
                "stringValue": value["StringValue"],
            });
            (name.clone(), value)
        })
        .collect();
    json!({
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": attached,
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": "eu-west-1",
    })
}

fn failures(reply: &[u8]) -> BTreeSet<String> {
    let reply: Value = serde_json::from_slice(reply).unwrap();
    let failures = reply["batchItemFailures"].as_array().unwrap().iter();
    failures
        .map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned())
        .collect()
}

impl Shard {
    async fn poll(&mut self, maker: &Aws, watched: &Watched, unit: &Unit) -> bool {
        self.take(maker).await;
        if self.pending.is_empty() || maker.clock.now() < self.not_before {
            return false;
        }
        let batch = self.pending.len().min(self.batch as usize);
        let records: Vec<&Value> = self.pending.iter().take(batch).collect();
        let event = json!({ "Records": records }).to_string();
        let failed = match unit.deliver(event.as_bytes(), &context()).await {
            Ok(reply) => failures(&reply),
            Err(_) => records.iter().map(|record| sequence(record)).collect(),
        };
        let done = records
            .iter()
            .take_while(|record| !failed.contains(&sequence(record)))
            .count();
        self.pending.drain(..done);
        if done < batch {
            self.not_before = maker.clock.now() + STREAM_RETRY;
            watched.due_in(STREAM_RETRY.as_secs());
        }
        true
    }

    /// Takes what has come since.
    async fn take(&mut self, maker: &Aws) {
        let mut input = self.stream.clone();
        input["ShardId"] = self.id.as_str().into();
        match &self.taken {
            Some(sequence) => {
                input["ShardIteratorType"] = "AFTER_SEQUENCE_NUMBER".into();
                let name = match self.service.name {
                    "kinesis" => "StartingSequenceNumber",
                    _ => "SequenceNumber",
                };
                input[name] = sequence.as_str().into();
            }
            None => input["ShardIteratorType"] = "TRIM_HORIZON".into(),
        }
        let answer = call(maker, &self.service, "GetShardIterator", input).await;
        let input = json!({ "ShardIterator": answer["ShardIterator"] });
        let mut answer = call(maker, &self.service, "GetRecords", input).await;
        let Value::Array(records) = answer["Records"].take() else {
            return;
        };
        for record in records {
            let record = match self.service.name {
                "kinesis" => json!({
                    "kinesis": {
                        "partitionKey": record["PartitionKey"],
                        "sequenceNumber": record["SequenceNumber"],
                        "data": record["Data"],
                        "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
                        "kinesisSchemaVersion": "1.0",
                    },
                    "eventID": format!("{}:{}", self.id, record["SequenceNumber"].as_str().unwrap()),
                    "eventSource": "aws:kinesis",
                    "eventSourceARN": self.arn,
                }),
                _ => {
                    let mut record = record;
                    record["eventSourceARN"] = self.arn.as_str().into();
                    record
                }
            };
            self.taken = Some(sequence(&record));
            self.pending.push_back(record);
        }
    }
}

fn sequence(record: &Value) -> String {
    let kinesis = record["kinesis"]["sequenceNumber"].as_str();
    let sequence = kinesis.or_else(|| record["dynamodb"]["SequenceNumber"].as_str());
    sequence.unwrap().to_owned()
}

/// The shards of a stream of Kinesis or of a table.
pub(super) async fn shards(
    maker: &Aws,
    service: Service,
    stream: Value,
    arn: &str,
    batch: u32,
) -> Vec<Shard> {
    let description = match service.name {
        KINESIS_NAME => call(maker, &KINESIS, "ListShards", stream.clone()).await,
        _ => call(maker, &service, "DescribeStream", stream.clone()).await["StreamDescription"]
            .take(),
    };
    let shards = description["Shards"].as_array().unwrap().iter();
    let shard = |shard: &Value| Shard {
        service,
        stream: stream.clone(),
        arn: arn.to_owned(),
        id: shard["ShardId"].as_str().unwrap().to_owned(),
        batch,
        taken: None,
        pending: VecDeque::new(),
        not_before: SystemTime::UNIX_EPOCH,
    };
    shards.map(shard).collect()
}

const KINESIS_NAME: &str = KINESIS.name;
