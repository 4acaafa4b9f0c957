//! What a deployment would have made: the things behind an application's resources.

use super::edges::subscribe;
use super::feed::Queue;
use crate::aws::Aws;
use crate::base64;
use crate::bucket::S3;
use crate::config::SYSTEMS_MANAGER;
use crate::emulated::{call, wiring};
use crate::event_bus::EVENT_BRIDGE;
use crate::queue::SQS;
use crate::secret::SECRETS_MANAGER;
use crate::stream::KINESIS;
use crate::table::DYNAMODB;
use crate::transport::Call;
use crate::wiring::Wiring;
use axum::http::Method;
use ifc_conformance::Failure;
use ifc_manifest::kind::bucket::BucketSpec;
use ifc_manifest::kind::queue::QueueSpec;
use ifc_manifest::kind::secret::SecretSpec;
use ifc_manifest::kind::stream::StreamSpec;
use ifc_manifest::kind::subscription::QueueSubscription;
use ifc_manifest::kind::table::{ChangeStream, Key, Scalar, TableSpec};
use ifc_manifest::kind::topic::TopicSpec;
use ifc_manifest::{Kind, ResourceDescriptor};
use ifc_runtime::event::random_id;
use ifc_runtime::{Application, Error};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// Makes all of them, with names that begin with `prefix`, and says where they are.
pub(super) async fn resources(
    maker: &Aws,
    application: &Application,
    prefix: &str,
) -> Result<Wiring, Failure> {
    let mut wiring = wiring();
    for resource in &application.resources {
        let name = application.name_of(&resource.address);
        let mut physical = format!("{prefix}{name}");
        make(maker, resource, prefix, &name, &mut physical).await?;
        let section = match resource.kind {
            Kind::Queue => &mut wiring.queues,
            Kind::Topic => &mut wiring.topics,
            Kind::EventBus => &mut wiring.buses,
            Kind::Stream => &mut wiring.streams,
            Kind::Table => &mut wiring.tables,
            Kind::Bucket => &mut wiring.buckets,
            Kind::Secret => &mut wiring.secrets,
            Kind::Config => &mut wiring.configs,
            Kind::Function | Kind::HttpApi | Kind::Schedule => continue,
        };
        section.insert(name, physical);
    }
    // A queue takes what is published to topics, which are all there now.
    for resource in application.of_kind(Kind::Queue) {
        let queue = &wiring.queues[&application.name_of(&resource.address)];
        for subscription in QueueSubscription::decode(&resource.config)? {
            let topic = &wiring.topics[&application.name_of(&subscription.topic)];
            subscribe(maker, topic, queue, subscription.filter.as_ref()).await;
        }
    }
    Ok(wiring)
}

/// Makes one, and completes its name.
async fn make(
    maker: &Aws,
    resource: &ResourceDescriptor,
    prefix: &str,
    name: &str,
    physical: &mut String,
) -> Result<(), Failure> {
    match resource.kind {
        Kind::Queue => {
            let spec = QueueSpec::decode(&resource.config)?;
            *physical = queue_name(prefix, name, spec.fifo);
            let made = Queue {
                name: physical.clone(),
                dead_letters: queue_name(prefix, &format!("{name}-d"), spec.fifo),
                batch: 10,
                lease: spec.lease.unwrap_or(Duration::from_secs(30)),
                attempts_max: spec.retry.max_attempts,
            };
            queue(maker, &made, Some(spec.retention)).await;
        }
        Kind::Topic => {
            let mut fields = vec![("Action".to_owned(), "CreateTopic".to_owned())];
            if TopicSpec::decode(&resource.config)?.fifo {
                *physical += ".fifo";
                fields.push(("Attributes.entry.1.key".to_owned(), "FifoTopic".to_owned()));
                fields.push(("Attributes.entry.1.value".to_owned(), "true".to_owned()));
            }
            fields.push(("Name".to_owned(), physical.clone()));
            sns(maker, fields).await;
        }
        Kind::EventBus => {
            let input = json!({ "Name": physical });
            call(maker, &EVENT_BRIDGE, "CreateEventBus", input).await;
        }
        Kind::Stream => {
            let input = json!({ "StreamName": physical, "ShardCount": 2 });
            call(maker, &KINESIS, "CreateStream", input).await;
            let hours = StreamSpec::decode(&resource.config)?.retention.as_secs() / 3_600;
            if hours > 24 {
                let input = json!({ "StreamName": physical, "RetentionPeriodHours": hours });
                call(maker, &KINESIS, "IncreaseStreamRetentionPeriod", input).await;
            }
        }
        Kind::Table => {
            let spec = TableSpec::decode(&resource.config)?;
            let input = create_table(physical, &spec);
            call(maker, &DYNAMODB, "CreateTable", input).await;
            if let Some(attribute) = &spec.ttl {
                let input = json!({
                    "TableName": physical,
                    "TimeToLiveSpecification": { "Enabled": true, "AttributeName": attribute },
                });
                call(maker, &DYNAMODB, "UpdateTimeToLive", input).await;
            }
        }
        Kind::Bucket => {
            let mut call = Call::new(S3, Method::PUT, format!("/{physical}"));
            call.body = "<CreateBucketConfiguration><LocationConstraint>eu-west-1\
                         </LocationConstraint></CreateBucketConfiguration>"
                .into();
            maker.transport.call(&call).await.map_err(Error::from)?;
            let spec = BucketSpec::decode(&resource.config)?;
            if !spec.expiry.is_empty() {
                let mut call = Call::new(S3, Method::PUT, format!("/{physical}?lifecycle="));
                call.body = lifecycle(&spec)?.into();
                maker.transport.call(&call).await.map_err(Error::from)?;
            }
        }
        Kind::Secret => {
            let input = json!({ "Name": physical, "ClientRequestToken": random_id() });
            call(maker, &SECRETS_MANAGER, "CreateSecret", input).await;
            if let Some((length, charset)) = SecretSpec::decode(&resource.config)?.generated {
                let characters = charset.characters();
                let character = |_| characters[fastrand::usize(..characters.len())];
                let value: Vec<u8> = (0..length).map(character).collect();
                secret_value(maker, physical, &value).await?;
            }
        }
        Kind::Config | Kind::Function | Kind::HttpApi | Kind::Schedule => {}
    }
    Ok(())
}

/// The name of a queue.
pub(super) fn queue_name(prefix: &str, name: &str, fifo: bool) -> String {
    let ending = if fifo { ".fifo" } else { "" };
    format!("{prefix}{name}{ending}")
}

/// Makes a queue with its dead letters, to which every service may send.
pub(super) async fn queue(maker: &Aws, queue: &Queue, retention: Option<Duration>) {
    dead_letters(maker, queue).await;
    let retention = retention.unwrap_or(Duration::from_secs(345_600));
    let redrive = json!({
        "deadLetterTargetArn": maker.wiring.arn("sqs", &queue.dead_letters),
        "maxReceiveCount": match queue.name.ends_with(".fifo") {
            // What is behind a failed one is received with it, and that is no attempt.
            true => queue.attempts_max * 10,
            false => queue.attempts_max,
        },
    });
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": "*",
            "Action": "sqs:SendMessage",
            "Resource": maker.wiring.arn("sqs", &queue.name),
        }],
    });
    let attributes = json!({
        "VisibilityTimeout": queue.lease.as_secs().to_string(),
        "MessageRetentionPeriod": retention.as_secs().to_string(),
        "RedrivePolicy": redrive.to_string(),
        "Policy": policy.to_string(),
    });
    create_queue(maker, &queue.name, attributes).await;
}

/// Makes the queue of the dead letters alone.
pub(super) async fn dead_letters(maker: &Aws, queue: &Queue) {
    let attributes = json!({ "MessageRetentionPeriod": "1209600" });
    create_queue(maker, &queue.dead_letters, attributes).await;
}

async fn create_queue(maker: &Aws, name: &str, mut attributes: Value) {
    if name.ends_with(".fifo") {
        attributes["FifoQueue"] = "true".into();
    }
    let input = json!({ "QueueName": name, "Attributes": attributes });
    call(maker, &SQS, "CreateQueue", input).await;
}

/// Calls SNS.
pub(super) async fn sns(maker: &Aws, mut fields: Vec<(String, String)>) {
    fields.push(("Version".to_owned(), "2010-03-31".to_owned()));
    maker.call_with_form("sns", &fields).await.unwrap();
}

fn lifecycle(spec: &BucketSpec) -> Result<String, Failure> {
    let mut text = "<LifecycleConfiguration>".to_owned();
    for (number, rule) in spec.expiry.iter().enumerate() {
        write!(
            text,
            "<Rule><ID>{number}</ID><Filter><Prefix>{}</Prefix></Filter><Status>Enabled</Status>\
             <Expiration><Days>{}</Days></Expiration></Rule>",
            rule.prefix,
            rule.after.as_secs() / 86_400
        )?;
    }
    Ok(text + "</LifecycleConfiguration>")
}

/// Gives a secret its value.
pub(super) async fn secret_value(maker: &Aws, id: &str, value: &[u8]) -> Result<(), Failure> {
    let mut input = json!({ "SecretId": id, "ClientRequestToken": random_id() });
    match str::from_utf8(value) {
        Ok(text) => input["SecretString"] = text.into(),
        Err(_) => input["SecretBinary"] = base64::encode(value).into(),
    }
    call(maker, &SECRETS_MANAGER, "PutSecretValue", input).await;
    Ok(())
}

/// Gives a parameter its value.
pub(super) async fn parameter(maker: &Aws, name: &str, value: &str) -> Result<(), Failure> {
    let input = json!({ "Name": name, "Value": value, "Type": "String", "Overwrite": true });
    call(maker, &SYSTEMS_MANAGER, "PutParameter", input).await;
    Ok(())
}

fn create_table(name: &str, spec: &TableSpec) -> Value {
    let mut attributes = BTreeMap::new();
    let mut keys = |key: &Key, sort: Option<&Key>| {
        let mut schema = Vec::new();
        for (key, role) in [(Some(key), "HASH"), (sort, "RANGE")] {
            let Some(key) = key else { continue };
            let scalar = match key.scalar {
                Scalar::String => "S",
                Scalar::Number => "N",
            };
            attributes.insert(key.name.clone(), scalar);
            schema.push(json!({ "AttributeName": key.name, "KeyType": role }));
        }
        schema
    };
    let own = keys(&spec.key, spec.sort.as_ref());
    let indexes: Vec<Value> = spec
        .indexes
        .iter()
        .map(|index| {
            json!({
                "IndexName": index.name,
                "KeySchema": keys(&index.key, index.sort.as_ref()),
                "Projection": { "ProjectionType": "ALL" },
            })
        })
        .collect();
    let attribute = |(name, scalar)| json!({ "AttributeName": name, "AttributeType": scalar });
    let attributes: Vec<Value> = attributes.into_iter().map(attribute).collect();
    let mut input = json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attributes,
        "KeySchema": own,
    });
    if spec.knobs.stream != ChangeStream::Off {
        input["StreamSpecification"] = json!({
            "StreamEnabled": true,
            "StreamViewType": "NEW_IMAGE",
        });
    }
    if !indexes.is_empty() {
        input["GlobalSecondaryIndexes"] = indexes.into();
    }
    input
}
