//! `AWS::SQS::QueuePolicy`: who may send to a queue. An attribute of the queue, with a life of its
//! own because it names what sends. Its physical name is `queue/policy`.

use super::{
    Absent, Attempt, Clients, Collected, Failure, Found, Look, Made, PartType, Present, Told,
    Values, made, outputs, parent_and_child, queue, removed,
};
use aws_sdk_sqs::types::QueueAttributeName as Name;
use ifc_engine::{Desired, Progress, Target, async_trait};

pub(super) struct QueuePolicy;

#[async_trait]
impl PartType for QueuePolicy {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let Some(url) = url(aws, target).await? else {
            return Ok(Found::Absent);
        };
        let call = aws.sqs.get_queue_attributes().queue_url(&url);
        let answer = call.attribute_names(Name::Policy).send().await;
        let answer = answer.told("sqs:GetQueueAttributes", &queue::arn(aws, &url));
        let attributes = answer.or_absent()?.and_then(|answer| answer.attributes);
        let policy = attributes.and_then(|mut attributes| attributes.remove(&Name::Policy));
        Ok(match policy.filter(|policy| !policy.is_empty()) {
            None => Found::Absent,
            Some(policy) => Found::Present(Present {
                properties: Collected::new()
                    .json("PolicyDocument", Some(&policy))
                    .with("Queues", super::list([url.as_str()]))
                    .done(),
                outputs: outputs([]),
                tags: Some(queue::tags(aws, &url).await?),
            }),
        })
    }

    async fn create(&self, aws: &Clients, part: &Desired, _: &Attempt<'_>) -> Made {
        put(aws, &part.properties).await
    }

    async fn update(&self, aws: &Clients, _: &Present, part: &Desired) -> Made {
        put(aws, &part.properties).await
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        if let Some(url) = url(aws, target).await? {
            set(aws, &url, String::new()).await?;
        }
        removed()
    }
}

async fn put(aws: &Clients, properties: &Values) -> Made {
    let queues = properties.texts("Queues");
    let policy = properties.json("PolicyDocument").unwrap_or_default();
    let [url] = queues.as_slice() else {
        return Err(Failure::rejected("a queue policy is for one queue"));
    };
    set(aws, url, policy).await?;
    made(outputs([]))
}

async fn set(aws: &Clients, url: &str, policy: String) -> Result<(), Failure> {
    let call = aws.sqs.set_queue_attributes().queue_url(url);
    let answer = call.attributes(Name::Policy, policy).send().await;
    answer.told("sqs:SetQueueAttributes", &queue::arn(aws, url))?;
    Ok(())
}

async fn url(aws: &Clients, target: &Target) -> Result<Option<String>, Failure> {
    let (queue, _) = parent_and_child(target)?;
    queue::url_of(aws, queue).await
}
