//! Queues, topics, buses, streams, and the edges between them.

use super::life::{Life, Scene, desired, live};
use crate::catalog;
use crate::parts::{Look as _, Values};
use ifc_engine::Provider as _;
use serde_json::{Value as Json, json};

#[tokio::test]
async fn queue() {
    let Some(scene) = Scene::set("the life of queues", 201).await else {
        return;
    };
    let dead = scene
        .have(catalog::QUEUE, "shop-dev-dead-abcdef", json!({}))
        .await;
    let form = |lease: i32, redrive: Option<i32>| {
        let mut form = json!({
            "MessageRetentionPeriod": 345_600,
            "SqsManagedSseEnabled": true,
            "VisibilityTimeout": lease,
        });
        if let Some(attempts) = redrive {
            form["RedrivePolicy"] = json!({
                "deadLetterTargetArn": dead.text("Arn"),
                "maxReceiveCount": attempts,
            });
        }
        form
    };
    let mut kept = form(60, Some(5));
    kept["MessageRetentionPeriod"] = json!(604_800);
    let life = Life {
        part_type: catalog::QUEUE,
        name: "shop-dev-orders-abcdef",
        forms: vec![form(60, Some(5)), form(90, Some(9)), form(60, None), kept],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn fifo_queue() {
    let Some(scene) = Scene::set("the life of FIFO queues", 202).await else {
        return;
    };
    let form = |lease: i32| {
        json!({
            "DeduplicationScope": "messageGroup",
            "FifoQueue": true,
            "FifoThroughputLimit": "perMessageGroupId",
            "MessageRetentionPeriod": 345_600,
            "SqsManagedSseEnabled": true,
            "VisibilityTimeout": lease,
        })
    };
    let life = Life {
        part_type: catalog::QUEUE,
        name: "shop-dev-ledger-abcdef.fifo",
        forms: vec![form(60), form(90)],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
}

fn sends(service: &str, queue: &Values, source: &str) -> Json {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "sends",
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sqs:SendMessage",
            "Resource": queue.text("Arn"),
            "Condition": {"ArnEquals": {"aws:SourceArn": source}},
        }],
    })
}

#[tokio::test]
async fn queue_policy() {
    let Some(scene) = Scene::set("the life of queues' policies", 203).await else {
        return;
    };
    let queue = scene
        .have(catalog::QUEUE, "shop-dev-orders-abcdef", json!({}))
        .await;
    let form = |service: &str| {
        json!({
            "Queues": [queue.text("Ref")],
            "PolicyDocument": sends(service, &queue, "arn:aws:sns:eu-west-1:000000000203:t"),
        })
    };
    let life = Life {
        part_type: catalog::QUEUE_POLICY,
        name: "shop-dev-orders-abcdef/policy",
        forms: vec![form("sns.amazonaws.com"), form("events.amazonaws.com")],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn topic() {
    let Some(scene) = Scene::set("the life of topics", 204).await else {
        return;
    };
    let life = Life {
        part_type: catalog::TOPIC,
        name: "shop-dev-placed-abcdef",
        forms: vec![json!({})],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
    let form = |scope: &str| json!({"FifoTopic": true, "FifoThroughputScope": scope});
    let life = Life {
        part_type: catalog::TOPIC,
        name: "shop-dev-ledger-abcdef.fifo",
        forms: vec![form("MessageGroup"), form("Topic")],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn subscription() {
    let Some(scene) = Scene::set("the life of subscriptions", 205).await else {
        return;
    };
    let topic = scene
        .have(catalog::TOPIC, "shop-dev-placed-abcdef", json!({}))
        .await;
    let queue = scene
        .have(catalog::QUEUE, "shop-dev-notify-abcdef", json!({}))
        .await;
    let other = scene
        .have(catalog::QUEUE, "shop-dev-other-abcdef", json!({}))
        .await;
    let form = |queue: &Values, filter: Option<Json>| {
        let mut form = json!({
            "Endpoint": queue.text("Arn"),
            "Protocol": "sqs",
            "RawMessageDelivery": true,
            "TopicArn": topic.text("Ref"),
        });
        if let Some(filter) = filter {
            form["FilterPolicy"] = filter;
            form["FilterPolicyScope"] = json!("MessageBody");
        }
        form
    };
    scene
        .have(
            catalog::SUBSCRIPTION,
            "shop-dev-placed-abcdef/shop-dev-other-abcdef",
            form(&other, None),
        )
        .await;
    let filter = json!({"ifc": {"attributes": {"country": ["it", "at"]}}});
    let life = Life {
        part_type: catalog::SUBSCRIPTION,
        name: "shop-dev-placed-abcdef/shop-dev-notify-abcdef",
        forms: vec![
            form(&queue, None),
            form(&queue, Some(filter)),
            form(
                &queue,
                Some(json!({"ifc": {"attributes": {"size": [{"prefix": "x"}]}}})),
            ),
        ],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn event_bus() {
    let Some(scene) = Scene::set("the life of buses", 206).await else {
        return;
    };
    let life = Life {
        part_type: catalog::EVENT_BUS,
        name: "shop-dev-lab-abcdef",
        forms: vec![json!({})],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn rule() {
    let Some(scene) = Scene::set("the life of rules", 207).await else {
        return;
    };
    scene
        .have(catalog::EVENT_BUS, "shop-dev-lab-abcdef", json!({}))
        .await;
    let queue = scene
        .have(catalog::QUEUE, "shop-dev-seen-abcdef", json!({}))
        .await;
    let form = |kind: &str, id: &str| {
        json!({
            "EventBusName": "shop-dev-lab-abcdef",
            "EventPattern": {"detail-type": [kind]},
            "State": "ENABLED",
            "Targets": [{"Arn": queue.text("Arn"), "Id": id}],
        })
    };
    let mut off = form("sample.taken", "queue");
    off["State"] = json!("DISABLED");
    let life = Life {
        part_type: catalog::RULE,
        name: "shop-dev-lab-abcdef/shop-dev-seen-abcdef",
        forms: vec![
            form("sample.taken", "queue"),
            form("sample.lost", "queue"),
            form("sample.taken", "other"),
            off,
        ],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn stream() {
    let Some(scene) = Scene::set("the life of streams", 208).await else {
        return;
    };
    let form = |hours: i32| {
        json!({
            "RetentionPeriodHours": hours,
            "StreamModeDetails": {"StreamMode": "ON_DEMAND"},
        })
    };
    let life = Life {
        part_type: catalog::STREAM,
        name: "shop-dev-readings-abcdef",
        forms: vec![form(24), form(48), form(36)],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
    let life = Life {
        part_type: catalog::STREAM,
        name: "shop-dev-kept-abcdef",
        forms: vec![form(168)],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
}

#[tokio::test]
async fn notifications() {
    let Some(scene) = Scene::set("the life of buckets' notifications", 209).await else {
        return;
    };
    let bucket = "shop-dev-uploads-abcdefgh";
    scene.have(catalog::BUCKET, bucket, json!({})).await;
    let queue = scene
        .have(catalog::QUEUE, "shop-dev-scan-abcdef", json!({}))
        .await;
    let policy = json!({
        "Queues": [queue.text("Ref")],
        "PolicyDocument": sends("s3.amazonaws.com", &queue, "arn:aws:s3:::shop-dev-uploads-abcdefgh"),
    });
    scene
        .have(catalog::QUEUE_POLICY, "shop-dev-scan-abcdef/policy", policy)
        .await;
    let created = json!({"Event": "s3:ObjectCreated:*", "Queue": queue.text("Arn")});
    let removed = json!({"Event": "s3:ObjectRemoved:*", "Queue": queue.text("Arn")});
    let mut some = created.clone();
    some["Filter"] = json!({"S3Key": {"Rules": [
        {"Name": "prefix", "Value": "in/"},
        {"Name": "suffix", "Value": ".csv"},
    ]}});
    let form = |entries: Vec<Json>| {
        json!({
            "Bucket": bucket,
            "NotificationConfiguration": {"QueueConfigurations": entries},
        })
    };
    let life = Life {
        part_type: catalog::NOTIFICATIONS,
        name: "shop-dev-uploads-abcdefgh/notifications",
        forms: vec![
            form(vec![created.clone()]),
            form(vec![some]),
            form(vec![created, removed]),
        ],
        untold: &[],
        owned: true,
    };
    live(&scene, &life).await;
    let empty = desired(catalog::BUCKET, bucket, &json!({}), &Values::new());
    scene.aws.delete(&empty.target).await.unwrap();
}
