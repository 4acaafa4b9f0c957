//! The way of events from their resource to the unit: hidden queues with their dead letters,
//! subscriptions, rules and notifications, as a deployment makes them.

use super::feed::{DYNAMODB_STREAMS, Feed, Queue, shards};
use super::make::{self, sns};
use crate::aws::Aws;
use crate::bucket::S3;
use crate::emulated::call;
use crate::envelope::field_name;
use crate::event_bus::EVENT_BRIDGE;
use crate::stream::KINESIS;
use crate::table::DYNAMODB;
use crate::transport::Call;
use crate::wiring::Wiring;
use axum::http::Method;
use ifc_conformance::Failure;
use ifc_manifest::Trigger;
use ifc_manifest::kind::edge::{Edge, EdgeSpec, RetrySpec, Selection};
use ifc_manifest::kind::event_bus::{Match, Pattern};
use ifc_manifest::kind::queue::QueueSpec;
use ifc_manifest::kind::topic::{Filter, Test};
use ifc_manifest::kind::unit::{TIMEOUT_DEFAULT, UnitSpec};
use ifc_runtime::Application;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A unit with events, and where they come from.
pub(super) struct Fed {
    pub(super) unit: String,
    /// What its dead letters are called by: the declared queue, or the unit.
    pub(super) source: String,
    /// The resource, as the application names it.
    pub(super) resource: String,
    pub(super) feed: Feed,
    /// The queue whose dead letters are the edge's, also for sources without a queue.
    pub(super) queue: Queue,
}

/// Makes the edges of all units, and the queues of functions that are called.
pub(super) async fn edges(
    maker: &Aws,
    application: &Application,
    wiring: &mut Wiring,
    prefix: &str,
) -> Result<Vec<Fed>, Failure> {
    let mut fed = Vec::new();
    let mut notifications: BTreeMap<String, String> = BTreeMap::new();
    for handler in &application.handlers {
        let descriptor = &handler.descriptor;
        let unit = application.unit_of(descriptor);
        let knobs = descriptor.unit.unwrap_or(UnitSpec::new(TIMEOUT_DEFAULT));
        let hidden = |fifo: bool, retry: &RetrySpec, batch: u32| Queue {
            name: make::queue_name(prefix, &format!("{unit}-q"), fifo),
            dead_letters: make::queue_name(prefix, &format!("{unit}-d"), fifo),
            batch,
            lease: QueueSpec::DEFAULT.lease_for(knobs.timeout, application.targets),
            attempts_max: retry.max_attempts,
        };
        let (resource, edge, config) = match &descriptor.trigger {
            Trigger::Source {
                resource,
                edge,
                config,
            } => (application.name_of(resource), edge, config),
            Trigger::Call => {
                let queue = hidden(false, &RetrySpec::DEFAULT, 1);
                make::queue(maker, &queue, None).await;
                wiring
                    .functions
                    .insert(unit.clone(), format!("{prefix}{unit}"));
                wiring.calls.insert(unit.clone(), queue.name.clone());
                fed.push(Fed {
                    unit: unit.clone(),
                    source: unit.clone(),
                    resource: unit,
                    feed: Feed::Queue(queue.clone()),
                    queue,
                });
                continue;
            }
            Trigger::Schedule(_) => return Err("nothing here fires schedules".into()),
            Trigger::Http { .. } => continue,
        };
        let spec = EdgeSpec::decode(edge, config)?;
        let retry = spec.retry.unwrap_or(RetrySpec::DEFAULT);
        let batch = spec.consumer.batch;
        let mut queue = hidden(false, &retry, batch);
        let mut source = unit.clone();
        let feed = match spec.edge {
            Edge::Consumer => {
                let declared = application.resources.iter();
                let mut declared = declared.filter(|known| {
                    application.name_of(&known.address) == resource
                        && known.kind == spec.edge.source()
                });
                let declared = declared.next().ok_or("there is no such queue")?;
                let declared = QueueSpec::decode(&declared.config)?;
                source.clone_from(&resource);
                queue = Queue {
                    name: wiring.queues[&resource].clone(),
                    dead_letters: make::queue_name(prefix, &format!("{resource}-d"), declared.fifo),
                    lease: declared.lease_for(knobs.timeout, application.targets),
                    attempts_max: declared.retry.max_attempts,
                    batch,
                };
                Feed::Queue(queue.clone())
            }
            Edge::Subscriber => {
                let topic = &wiring.topics[&resource];
                queue = hidden(topic.ends_with(".fifo"), &retry, batch);
                make::queue(maker, &queue, None).await;
                let filter = match &spec.selection {
                    Selection::Attributes(filter) => Some(filter),
                    _ => None,
                };
                subscribe(maker, topic, &queue.name, filter).await;
                Feed::Queue(queue.clone())
            }
            Edge::OnEvent => {
                make::queue(maker, &queue, None).await;
                let pattern = match &spec.selection {
                    Selection::Pattern(pattern) => pattern_of(pattern),
                    // Every event has a source.
                    _ => json!({ "source": [{ "prefix": "" }] }),
                };
                rule(maker, &wiring.buses[&resource], &queue.name, &pattern).await;
                Feed::Queue(queue.clone())
            }
            Edge::OnCreated | Edge::OnDeleted => {
                make::queue(maker, &queue, None).await;
                let bucket = wiring.buckets[&resource].clone();
                let document = notifications.entry(bucket.clone()).or_default();
                notification(document, maker, &queue.name, &spec)?;
                let body =
                    format!("<NotificationConfiguration>{document}</NotificationConfiguration>");
                let mut call = Call::new(S3, Method::PUT, format!("/{bucket}?notification="));
                call.body = body.into();
                let made = maker.transport.call(&call).await;
                made.map_err(ifc_runtime::Error::from)?;
                Feed::Queue(queue.clone())
            }
            Edge::StreamConsumer => {
                make::dead_letters(maker, &queue).await;
                let name = &wiring.streams[&resource];
                let arn = maker.wiring.arn("kinesis", &format!("stream/{name}"));
                let stream = json!({ "StreamName": name });
                Feed::Shards(shards(maker, KINESIS, stream, &arn, batch).await)
            }
            Edge::OnChange => {
                make::dead_letters(maker, &queue).await;
                let input = json!({ "TableName": wiring.tables[&resource] });
                let table = call(maker, &DYNAMODB, "DescribeTable", input).await;
                let arn = table["Table"]["LatestStreamArn"].as_str();
                let arn = arn.ok_or("the table has no stream")?;
                let stream = json!({ "StreamArn": arn });
                Feed::Shards(shards(maker, DYNAMODB_STREAMS, stream, arn, batch).await)
            }
        };
        fed.push(Fed {
            unit,
            source,
            resource,
            feed,
            queue,
        });
    }
    Ok(fed)
}

/// Lets what is published go to a queue.
pub(super) async fn subscribe(maker: &Aws, topic: &str, queue: &str, filter: Option<&Filter>) {
    let policy =
        filter.map(|filter| json!({ "ifc": { "attributes": filter_of(filter) } }).to_string());
    let mut attributes = vec![("RawMessageDelivery", "true".to_owned())];
    if let Some(policy) = policy {
        attributes.push(("FilterPolicyScope", "MessageBody".to_owned()));
        attributes.push(("FilterPolicy", policy));
    }
    let mut fields = vec![
        ("Action".to_owned(), "Subscribe".to_owned()),
        ("TopicArn".to_owned(), maker.wiring.arn("sns", topic)),
        ("Protocol".to_owned(), "sqs".to_owned()),
        ("Endpoint".to_owned(), maker.wiring.arn("sqs", queue)),
    ];
    for (number, (name, value)) in (1..).zip(attributes) {
        fields.push((format!("Attributes.entry.{number}.key"), name.to_owned()));
        fields.push((format!("Attributes.entry.{number}.value"), value));
    }
    sns(maker, fields).await;
}

fn filter_of(filter: &Filter) -> Value {
    let test = |test: &Test| match test {
        Test::AnyOf(values) => json!(values),
        Test::Prefix(prefix) => json!([{ "prefix": prefix }]),
        // What is there and empty does not exist, says SNS.
        Test::Exists => json!([{ "exists": true }, ""]),
        Test::NotIn(values) => json!([{ "anything-but": values }]),
    };
    let tests = filter.tests.iter();
    tests.map(|(key, of)| (key.clone(), test(of))).collect()
}

async fn rule(maker: &Aws, bus: &str, queue: &str, pattern: &Value) {
    let input = json!({ "Name": queue, "EventBusName": bus, "EventPattern": pattern.to_string() });
    call(maker, &EVENT_BRIDGE, "PutRule", input).await;
    let targets = json!([{ "Id": "queue", "Arn": maker.wiring.arn("sqs", queue) }]);
    let input = json!({ "Rule": queue, "EventBusName": bus, "Targets": targets });
    call(maker, &EVENT_BRIDGE, "PutTargets", input).await;
}

fn pattern_of(pattern: &Pattern) -> Value {
    let test = |test: &Match| match test {
        Match::AnyOf(values) => json!(values),
        Match::Prefix(prefix) => json!([{ "prefix": prefix }]),
    };
    let mut rule = json!({});
    if let Some(of) = &pattern.event_type {
        rule["detail-type"] = test(of);
    }
    if let Some(of) = &pattern.source {
        rule["source"] = test(of);
    }
    if let Some(of) = &pattern.subject {
        rule["detail"]["ifc"]["attributes"]["ce-subject"] = test(of);
    }
    for (path, values) in &pattern.fields {
        rule["detail"]["ifc"]["fields"][field_name(path)] = json!(values);
    }
    rule
}

/// Adds to the notifications of a bucket, which are one document.
fn notification(
    document: &mut String,
    maker: &Aws,
    queue: &str,
    spec: &EdgeSpec,
) -> Result<(), Failure> {
    let events: &[&str] = match spec.edge {
        Edge::OnCreated => &["s3:ObjectCreated:*"],
        _ => &["s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"],
    };
    let arn = maker.wiring.arn("sqs", queue);
    write!(
        document,
        "<QueueConfiguration><Id>{queue}</Id><Queue>{arn}</Queue>"
    )?;
    for event in events {
        write!(document, "<Event>{event}</Event>")?;
    }
    if let Selection::Keys(filter) = &spec.selection {
        document.push_str("<Filter><S3Key>");
        for (name, value) in [("prefix", &filter.prefix), ("suffix", &filter.suffix)] {
            if !value.is_empty() {
                let value = value.replace('&', "&amp;").replace('<', "&lt;");
                write!(
                    document,
                    "<FilterRule><Name>{name}</Name><Value>{value}</Value></FilterRule>"
                )?;
            }
        }
        document.push_str("</S3Key></Filter>");
    }
    document.push_str("</QueueConfiguration>");
    Ok(())
}
