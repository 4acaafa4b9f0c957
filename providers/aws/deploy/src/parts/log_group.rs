//! `AWS::Logs::LogGroup`: where a unit's log goes, and for how long.

use super::{
    Attempt, Clients, Collected, Failure, Found, Look, Made, PartType, Present, TagChange, Tags,
    Told, made, outputs, removed,
};
use aws_sdk_cloudwatchlogs::types::LogGroup as SdkLogGroup;
use ifc_engine::{Desired, Progress, Target, async_trait};

pub(super) struct LogGroup;

#[async_trait]
impl PartType for LogGroup {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let (name, arn) = named(aws, target);
        let groups = alike(aws, name, &target.tags).await?;
        let group = groups
            .iter()
            .find(|group| group.log_group_name() == Some(name));
        let Some(group) = group else {
            return Ok(Found::Absent);
        };
        let answer = aws
            .logs
            .list_tags_for_resource()
            .resource_arn(&arn)
            .send()
            .await;
        let tags = answer.told("logs:ListTagsForResource", &arn)?.tags;
        Ok(Found::Present(Present {
            properties: Collected::new()
                .number("RetentionInDays", group.retention_in_days())
                .done(),
            outputs: group_outputs(name, &arn),
            tags: Some(tags.unwrap_or_default().into_iter().collect()),
        }))
    }

    async fn create(&self, aws: &Clients, part: &Desired, _: &Attempt<'_>) -> Made {
        let (name, arn) = named(aws, &part.target);
        let tags = part.target.tags.clone().into_iter().collect();
        let call = aws
            .logs
            .create_log_group()
            .log_group_name(name)
            .set_tags(Some(tags));
        call.send().await.told("logs:CreateLogGroup", &arn)?;
        retain(aws, part).await?;
        made(group_outputs(name, &arn))
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let (name, arn) = named(aws, &part.target);
        retain(aws, part).await?;
        let change = TagChange::between(
            found.tags.as_ref().unwrap_or(&super::Tags::new()),
            &part.target.tags,
        );
        if !change.set.is_empty() {
            let tags = change.set.into_iter().collect();
            let call = aws
                .logs
                .tag_resource()
                .resource_arn(&arn)
                .set_tags(Some(tags));
            call.send().await.told("logs:TagResource", &arn)?;
        }
        if !change.remove.is_empty() {
            let call = aws.logs.untag_resource().resource_arn(&arn);
            let call = call.set_tag_keys(Some(change.remove));
            call.send().await.told("logs:UntagResource", &arn)?;
        }
        made(group_outputs(name, &arn))
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let (name, arn) = named(aws, target);
        let answer = aws
            .logs
            .delete_log_group()
            .log_group_name(name)
            .send()
            .await;
        answer.told("logs:DeleteLogGroup", &arn)?;
        removed()
    }
}

async fn retain(aws: &Clients, part: &Desired) -> Result<(), Failure> {
    let (name, arn) = named(aws, &part.target);
    match part.properties.number("RetentionInDays") {
        Some(days) => {
            let call = aws.logs.put_retention_policy().log_group_name(name);
            let answer = call.retention_in_days(days).send().await;
            answer.told("logs:PutRetentionPolicy", &arn)?;
        }
        None => {
            let answer = aws
                .logs
                .delete_retention_policy()
                .log_group_name(name)
                .send()
                .await;
            answer.told("logs:DeleteRetentionPolicy", &arn)?;
        }
    }
    Ok(())
}

/// All groups whose names begin as those of the stage do, where this one's does.
async fn alike(aws: &Clients, name: &str, tags: &Tags) -> Result<Vec<SdkLogGroup>, Failure> {
    let stage = match (tags.get("ifc-app"), tags.get("ifc-stage")) {
        (Some(application), Some(stage)) => format!("/aws/lambda/{application}-{stage}-"),
        _ => name.to_owned(),
    };
    let prefix = if name.starts_with(&stage) {
        &stage
    } else {
        name
    };
    let question = async {
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let call = aws.logs.describe_log_groups().log_group_name_prefix(prefix);
            let answer = call.set_next_token(next).send().await;
            let arn = aws.arn("logs", &format!("log-group:{prefix}*"));
            let answer = answer.told("logs:DescribeLogGroups", &arn)?;
            found.extend(answer.log_groups.unwrap_or_default());
            next = answer.next_token;
            if next.is_none() {
                return Ok(found);
            }
        }
    };
    aws.looks.log_groups.ask(prefix, question).await
}

fn named<'a>(aws: &Clients, target: &'a Target) -> (&'a str, String) {
    let name = target.physical_name.as_str();
    (name, aws.arn("logs", &format!("log-group:{name}")))
}

/// To CloudFormation the ARN of a group is that of everything in it.
fn group_outputs(name: &str, arn: &str) -> super::Values {
    outputs([("Arn", &format!("{arn}:*")), ("Ref", name)])
}
