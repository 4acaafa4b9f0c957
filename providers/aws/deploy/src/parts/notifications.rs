//! `Ifc::S3::Notifications`: which queues hear of a bucket's objects. The whole notification
//! configuration of the bucket, in CloudFormation's shape. Its physical name is `bucket/word`.

use super::{
    Absent, Attempt, Clients, Collected, Failure, Found, Look, Made, PROPAGATION, PartType,
    Present, Told, Values, bucket, made, outputs, parent_and_child, removed,
};
use aws_sdk_s3::types::{
    Event, FilterRule, FilterRuleName, NotificationConfiguration, NotificationConfigurationFilter,
    QueueConfiguration, S3KeyFilter,
};
use ifc_engine::{Desired, Progress, Target, Value, async_trait};

pub(super) struct Notifications;

#[async_trait]
impl PartType for Notifications {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let (bucket, _) = parent_and_child(target)?;
        let Some(tags) = bucket::tags(aws, bucket).await? else {
            return Ok(Found::Absent);
        };
        let arn = bucket::arn(aws, bucket);
        let answer = aws
            .s3
            .get_bucket_notification_configuration()
            .bucket(bucket)
            .send()
            .await;
        let answer = answer.told("s3:GetBucketNotification", &arn).or_absent()?;
        let queues = answer
            .and_then(|answer| answer.queue_configurations)
            .unwrap_or_default();
        if queues.is_empty() {
            return Ok(Found::Absent);
        }
        // CloudFormation has an entry for each event.
        let entries = queues.iter().flat_map(|queue| {
            queue.events().iter().map(|event| {
                Collected::new()
                    .text("Event", Some(event.as_str()))
                    .with("Filter", filter(queue))
                    .text("Queue", Some(queue.queue_arn()))
                    .nested()
            })
        });
        let mut entries: Vec<Value> = entries.flatten().collect();
        entries.sort();
        let configuration = Value::map([("QueueConfigurations", Value::List(entries))]);
        Ok(Found::Present(Present {
            properties: Collected::new()
                .text("Bucket", Some(bucket))
                .with("NotificationConfiguration", configuration)
                .done(),
            outputs: outputs([]),
            tags: Some(tags),
        }))
    }

    async fn create(&self, aws: &Clients, part: &Desired, _: &Attempt<'_>) -> Made {
        put(aws, &part.target, &part.properties).await?;
        made(outputs([]))
    }

    async fn update(&self, aws: &Clients, _: &Present, part: &Desired) -> Made {
        put(aws, &part.target, &part.properties).await?;
        made(outputs([]))
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        put(aws, target, &Values::new()).await?;
        removed()
    }
}

/// Each call says all there is to say.
async fn put(aws: &Clients, target: &Target, properties: &Values) -> Result<(), Failure> {
    let (bucket, _) = parent_and_child(target)?;
    let configuration = properties.inner("NotificationConfiguration");
    let entries = configuration.map(|configuration| configuration.items("QueueConfigurations"));
    let mut queues = Vec::new();
    for entry in entries.unwrap_or_default() {
        queues.push(queue(entry)?);
    }
    let configuration = NotificationConfiguration::builder()
        .set_queue_configurations(Some(queues))
        .build();
    let call = aws
        .s3
        .put_bucket_notification_configuration()
        .bucket(bucket);
    let answer = call.notification_configuration(configuration).send().await;
    let answer = answer.told("s3:PutBucketNotification", &bucket::arn(aws, bucket));
    match answer {
        // The queue's policy is younger than what S3 knows of it.
        Err(failure) if failure.says("Unable to validate the following destination") => {
            Err(failure.until("the queues to take what the bucket sends", PROPAGATION))
        }
        answer => answer.map(drop),
    }
}

fn queue(entry: &Value) -> Result<QueueConfiguration, Failure> {
    let rules = entry
        .inner("Filter")
        .and_then(|filter| filter.inner("S3Key"));
    let rules = rules.map(|key| key.items("Rules")).unwrap_or_default();
    let rule = |rule: &Value| {
        FilterRule::builder()
            .set_name(rule.text("Name").map(FilterRuleName::from))
            .set_value(rule.owned("Value"))
            .build()
    };
    let key = S3KeyFilter::builder().set_filter_rules(Some(rules.iter().map(rule).collect()));
    let filter = NotificationConfigurationFilter::builder()
        .key(key.build())
        .build();
    QueueConfiguration::builder()
        .set_queue_arn(entry.owned("Queue"))
        .set_events(entry.text("Event").map(|event| vec![Event::from(event)]))
        .set_filter(Some(filter).filter(|_| !rules.is_empty()))
        .build()
        .map_err(|error| Failure::rejected(error.to_string()))
}

fn filter(queue: &QueueConfiguration) -> Option<Value> {
    let rules = queue.filter()?.key()?.filter_rules();
    let rule = |rule: &FilterRule| {
        // S3 tells the names with capitals, CloudFormation takes them without.
        let name = rule.name().map(|name| name.as_str().to_lowercase());
        Collected::new()
            .text("Name", name)
            .text("Value", rule.value())
            .nested()
    };
    let mut rules: Vec<Value> = rules.iter().filter_map(rule).collect();
    rules.sort();
    let key = Value::map([("Rules", Value::List(rules.clone()))]);
    (!rules.is_empty()).then(|| Value::map([("S3Key", key)]))
}
