//! `AWS::SNS::Topic`.

use super::{
    Absent, Attempt, Clients, Collected, Failure, Found, Look, Made, PartType, Present, TagChange,
    Tags, Told, Values, made, outputs, owner, removed, sdk_tags,
};
use aws_sdk_sns::types::Tag;
use ifc_engine::{Desired, Owner, Progress, ProviderErrorKind, Target, async_trait};

sdk_tags!(to_sdk, from_sdk, Tag, fallible);

pub(super) struct Topic;

#[async_trait]
impl PartType for Topic {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let arn = arn(aws, target);
        let answer = aws.sns.get_topic_attributes().topic_arn(&arn).send().await;
        let answer = answer.told("sns:GetTopicAttributes", &arn).or_absent()?;
        let Some(answer) = answer else {
            return Ok(Found::Absent);
        };
        let attributes = answer.attributes.unwrap_or_default();
        let attribute = |name: &str| attributes.get(name).map(String::as_str);
        let fifo = attribute("FifoTopic").map(|text| text == "true");
        Ok(Found::Present(Present {
            properties: Collected::new()
                .flag("FifoTopic", fifo.filter(|fifo| *fifo))
                .text("FifoThroughputScope", attribute("FifoThroughputScope"))
                .done(),
            outputs: topic_outputs(&arn),
            tags: Some(tags(aws, &arn).await?),
        }))
    }

    async fn create(&self, aws: &Clients, part: &Desired, attempt: &Attempt<'_>) -> Made {
        let properties = &part.properties;
        let name = part.target.physical_name.as_str();
        let fifo = properties.flag("FifoTopic") == Some(true);
        let arn = aws.arn("sns", name);
        let mut call = aws.sns.create_topic().name(name);
        if fifo {
            call = call.attributes("FifoTopic", "true");
        }
        if let Some(scope) = properties.text("FifoThroughputScope") {
            call = call.attributes("FifoThroughputScope", scope);
        }
        let answer = call.set_tags(Some(to_sdk(&part.target.tags))).send().await;
        match answer.told("sns:CreateTopic", &arn) {
            Err(failure) if failure.says("already exists") => Err(failure.into_exists()),
            Err(failure) => Err(failure),
            Ok(_) if attempt.seen_absent => made(topic_outputs(&arn)),
            // One that was there answers as if it had been made.
            Ok(_) => match owner(&part.target.tags, &tags(aws, &arn).await?) {
                Owner::Ours => made(topic_outputs(&arn)),
                Owner::Foreign { description } => Err(Failure::of(
                    ProviderErrorKind::NameTaken { owner: description },
                    format!("`{name}` is not of this stage"),
                )),
            },
        }
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let arn = found.outputs.required("Ref")?;
        let (is, wanted) = (&found.properties, &part.properties);
        let scope = wanted.text("FifoThroughputScope");
        if is.text("FifoThroughputScope") != scope && scope.is_some() {
            let call = aws.sns.set_topic_attributes().topic_arn(arn);
            let call = call.attribute_name("FifoThroughputScope");
            let call = call.set_attribute_value(scope.map(str::to_owned));
            call.send().await.told("sns:SetTopicAttributes", arn)?;
        }
        let change = TagChange::between(&found.tags.clone().unwrap_or_default(), &part.target.tags);
        if !change.set.is_empty() {
            let call = aws.sns.tag_resource().resource_arn(arn);
            let call = call.set_tags(Some(to_sdk(&change.set)));
            call.send().await.told("sns:TagResource", arn)?;
        }
        if !change.remove.is_empty() {
            let call = aws.sns.untag_resource().resource_arn(arn);
            let call = call.set_tag_keys(Some(change.remove));
            call.send().await.told("sns:UntagResource", arn)?;
        }
        made(found.outputs.clone())
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let arn = arn(aws, target);
        let answer = aws.sns.delete_topic().topic_arn(&arn).send().await;
        answer.told("sns:DeleteTopic", &arn)?;
        removed()
    }
}

fn arn(aws: &Clients, target: &Target) -> String {
    aws.arn("sns", target.physical_name.as_str())
}

pub(super) async fn tags(aws: &Clients, arn: &str) -> Result<Tags, Failure> {
    let question = async {
        let call = aws.sns.list_tags_for_resource().resource_arn(arn);
        let answer = call.send().await.told("sns:ListTagsForResource", arn)?;
        Ok(from_sdk(answer.tags()))
    };
    aws.looks.topic_tags.ask(arn, question).await
}

fn topic_outputs(arn: &str) -> Values {
    let name = arn.rsplit(':').next().unwrap_or(arn);
    outputs([("Ref", arn), ("TopicArn", arn), ("TopicName", name)])
}
