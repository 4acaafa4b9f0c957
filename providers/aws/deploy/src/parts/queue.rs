//! `AWS::SQS::Queue`.

use super::{
    Absent, Attempt, Clients, Collected, Failure, Found, Look, Made, PartType, Present, TagChange,
    Tags, Told, Values, made, owner, removed,
};
use aws_sdk_sqs::types::QueueAttributeName as Name;
use ifc_engine::{Desired, Owner, Progress, ProviderErrorKind, Target, Value, async_trait};
use std::collections::HashMap;

/// What is a number to CloudFormation and text to SQS, by the same name in both.
const NUMBERS: [(&str, Name); 2] = [
    ("MessageRetentionPeriod", Name::MessageRetentionPeriod),
    ("VisibilityTimeout", Name::VisibilityTimeout),
];

/// What is on or off.
const FLAGS: [(&str, Name); 2] = [
    ("FifoQueue", Name::FifoQueue),
    ("SqsManagedSseEnabled", Name::SqsManagedSseEnabled),
];

/// What is text in both.
const TEXTS: [(&str, Name); 2] = [
    ("DeduplicationScope", Name::DeduplicationScope),
    ("FifoThroughputLimit", Name::FifoThroughputLimit),
];

/// What is a document in both.
const REDRIVE: &str = "RedrivePolicy";

pub(super) struct Queue;

#[async_trait]
impl PartType for Queue {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let Some(url) = url(aws, target).await? else {
            return Ok(Found::Absent);
        };
        let arn = arn(aws, &url);
        let attributes = aws.sqs.get_queue_attributes().queue_url(&url);
        let attributes = attributes.attribute_names(Name::All).send().await;
        let Some(attributes) = attributes
            .told("sqs:GetQueueAttributes", &arn)
            .or_absent()?
        else {
            return Ok(Found::Absent);
        };
        let attributes = attributes.attributes.unwrap_or_default();
        let tags = tags(aws, &url).await?;
        Ok(Found::Present(Present {
            properties: properties(&attributes),
            outputs: outputs(aws, &url),
            tags: Some(tags),
        }))
    }

    async fn create(&self, aws: &Clients, part: &Desired, attempt: &Attempt<'_>) -> Made {
        let name = part.target.physical_name.as_str();
        let arn = aws.arn("sqs", name);
        let attributes = attributes(&part.properties, false);
        let call = aws.sqs.create_queue().queue_name(name);
        let call = call.set_attributes(Some(attributes));
        let tags: HashMap<String, String> = part.target.tags.clone().into_iter().collect();
        let answer = call.set_tags(Some(tags)).send().await;
        let queue = answer.told("sqs:CreateQueue", &arn).map_err(quarantined)?;
        let url = queue.queue_url.unwrap_or_default();
        if attempt.seen_absent {
            return made(outputs(aws, &url));
        }
        // A queue that was there with the same attributes answers as if it had been made.
        match owner(&part.target.tags, &self::tags(aws, &url).await?) {
            Owner::Ours => made(outputs(aws, &url)),
            Owner::Foreign { description } => Err(Failure::of(
                ProviderErrorKind::NameTaken { owner: description },
                format!("`{name}` is not of this stage"),
            )),
        }
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let url = found.outputs.required("Ref")?;
        let arn = arn(aws, url);
        let call = aws.sqs.set_queue_attributes().queue_url(url);
        let call = call.set_attributes(Some(attributes(&part.properties, true)));
        call.send().await.told("sqs:SetQueueAttributes", &arn)?;
        retag(aws, url, found.tags.as_ref(), &part.target.tags).await?;
        made(outputs(aws, url))
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let Some(url) = url(aws, target).await? else {
            return removed();
        };
        let answer = aws.sqs.delete_queue().queue_url(&url).send().await;
        answer.told("sqs:DeleteQueue", &arn(aws, &url))?;
        removed()
    }
}

/// For a minute after its deletion nothing may bear a queue's name.
fn quarantined(failure: Failure) -> Failure {
    let recently = [
        "QueueDeletedRecently",
        "AWS.SimpleQueueService.QueueDeletedRecently",
    ];
    match recently.iter().any(|code| failure.is(code)) {
        true => failure.into_kind(ProviderErrorKind::NameQuarantined),
        false => failure,
    }
}

/// The recorded address, or that of a queue with the name.
async fn url(aws: &Clients, target: &Target) -> Result<Option<String>, Failure> {
    if let Some(url) = target.outputs.owned("Ref") {
        return Ok(Some(url));
    }
    url_of(aws, target.physical_name.as_str()).await
}

/// The address of the queue of this name.
pub(super) async fn url_of(aws: &Clients, name: &str) -> Result<Option<String>, Failure> {
    let question = async {
        let answer = aws.sqs.get_queue_url().queue_name(name).send().await;
        let answer = answer.told("sqs:GetQueueUrl", &aws.arn("sqs", name));
        Ok(answer.or_absent()?.and_then(|answer| answer.queue_url))
    };
    aws.looks.queue_urls.ask(name, question).await
}

/// Addresses end with the name.
pub(super) fn arn(aws: &Clients, url: &str) -> String {
    aws.arn("sqs", url.rsplit('/').next().unwrap_or(url))
}

fn outputs(aws: &Clients, url: &str) -> Values {
    let name = url.rsplit('/').next().unwrap_or(url);
    super::outputs([
        ("Arn", &arn(aws, url)),
        ("QueueName", name),
        ("QueueUrl", url),
        ("Ref", url),
    ])
}

/// The attributes of a queue with these properties. In an `update` also those that are not set,
/// because an attribute that is left out stays as it is.
fn attributes(properties: &Values, update: bool) -> HashMap<Name, String> {
    let mut attributes = HashMap::new();
    for (property, name) in NUMBERS {
        if let Some(number) = properties.integer(property) {
            attributes.insert(name, number.to_string());
        }
    }
    for (property, name) in FLAGS {
        // What a queue is cannot be said again later, nor of a standard queue at all.
        let said = name != Name::FifoQueue || !update;
        if let Some(flag) = properties.flag(property)
            && said
        {
            attributes.insert(name, flag.to_string());
        }
    }
    for (property, name) in TEXTS {
        if let Some(text) = properties.owned(property) {
            attributes.insert(name, text);
        }
    }
    match properties.json(REDRIVE) {
        Some(json) => drop(attributes.insert(Name::RedrivePolicy, json)),
        None if update => drop(attributes.insert(Name::RedrivePolicy, String::new())),
        None => {}
    }
    attributes
}

/// What SQS fills in where the lowering says nothing.
fn default_of(property: &str) -> Option<i64> {
    (property == "VisibilityTimeout").then_some(30)
}

fn properties(attributes: &HashMap<Name, String>) -> Values {
    let mut read = Collected::new();
    for (property, name) in NUMBERS {
        let number = attributes
            .get(&name)
            .and_then(|text| text.parse::<i64>().ok());
        // Told also where nothing was asked for, so that it says nothing about what was.
        if number != default_of(property) {
            read = read.number(property, number);
        }
    }
    for (property, name) in FLAGS {
        let flag = attributes.get(&name).map(|text| text == "true");
        read = read.flag(property, flag);
    }
    for (property, name) in TEXTS {
        read = read.text(property, attributes.get(&name).map(String::as_str));
    }
    let redrive = attributes.get(&Name::RedrivePolicy).map(String::as_str);
    let mut read = read.json(REDRIVE, redrive).done();
    // Some say the count as text.
    if let Some(Value::Map(policy)) = read.get_mut(REDRIVE)
        && let Some(Value::Text(count)) = policy.get("maxReceiveCount")
        && let Ok(count) = count.parse::<i64>()
    {
        policy.insert("maxReceiveCount".to_owned(), Value::Integer(count));
    }
    read
}

pub(super) async fn tags(aws: &Clients, url: &str) -> Result<Tags, Failure> {
    let question = async {
        let answer = aws.sqs.list_queue_tags().queue_url(url).send().await;
        let answer = answer.told("sqs:ListQueueTags", &arn(aws, url))?;
        Ok(answer.tags.unwrap_or_default().into_iter().collect())
    };
    aws.looks.queue_tags.ask(url, question).await
}

async fn retag(
    aws: &Clients,
    url: &str,
    found: Option<&Tags>,
    wanted: &Tags,
) -> Result<(), Failure> {
    let change = TagChange::between(found.unwrap_or(&Tags::new()), wanted);
    if !change.set.is_empty() {
        let tags = change.set.into_iter().collect();
        let call = aws.sqs.tag_queue().queue_url(url).set_tags(Some(tags));
        call.send().await.told("sqs:TagQueue", &arn(aws, url))?;
    }
    if !change.remove.is_empty() {
        let call = aws
            .sqs
            .untag_queue()
            .queue_url(url)
            .set_tag_keys(Some(change.remove));
        call.send().await.told("sqs:UntagQueue", &arn(aws, url))?;
    }
    Ok(())
}
