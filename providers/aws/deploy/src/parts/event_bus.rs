//! `AWS::Events::EventBus` and `AWS::Events::Rule`. The physical name of a rule is `bus/rule`.

use super::{
    Absent, Attempt, Clients, Collected, Failure, Found, Look, Made, PartType, Present, TagChange,
    Tags, Told, Values, made, outputs, parent_and_child, removed, sdk_tags,
};
use aws_sdk_eventbridge::types::{
    DeadLetterConfig, RetryPolicy, RuleState, Tag, Target as Receiver,
};
use ifc_engine::{Desired, Progress, Target, Value, async_trait};

sdk_tags!(to_sdk, from_sdk, Tag, fallible);

pub(super) struct EventBus;

#[async_trait]
impl PartType for EventBus {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let (name, arn) = bus(aws, target);
        let answer = aws.events.describe_event_bus().name(name).send().await;
        if answer
            .told("events:DescribeEventBus", &arn)
            .or_absent()?
            .is_none()
        {
            return Ok(Found::Absent);
        }
        Ok(Found::Present(Present {
            properties: Values::new(),
            outputs: outputs([("Arn", &arn), ("Name", name), ("Ref", name)]),
            tags: Some(tags(aws, &arn).await?),
        }))
    }

    async fn create(&self, aws: &Clients, part: &Desired, _: &Attempt<'_>) -> Made {
        let (name, arn) = bus(aws, &part.target);
        let call = aws.events.create_event_bus().name(name);
        let call = call.set_tags(Some(to_sdk(&part.target.tags)));
        call.send().await.told("events:CreateEventBus", &arn)?;
        made(outputs([("Arn", &arn), ("Name", name), ("Ref", name)]))
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let (_, arn) = bus(aws, &part.target);
        retag(aws, &arn, found.tags.as_ref(), &part.target.tags).await?;
        made(found.outputs.clone())
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let (name, arn) = bus(aws, target);
        let answer = aws.events.delete_event_bus().name(name).send().await;
        answer.told("events:DeleteEventBus", &arn)?;
        removed()
    }
}

fn bus<'a>(aws: &Clients, target: &'a Target) -> (&'a str, String) {
    let name = target.physical_name.as_str();
    (name, aws.arn("events", &format!("event-bus/{name}")))
}

pub(super) struct Rule;

#[async_trait]
impl PartType for Rule {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let (bus, name, arn) = rule(aws, target)?;
        let answer = aws
            .events
            .describe_rule()
            .event_bus_name(bus)
            .name(name)
            .send()
            .await;
        let Some(rule) = answer.told("events:DescribeRule", &arn).or_absent()? else {
            return Ok(Found::Absent);
        };
        let mut targets: Vec<Value> = receivers(aws, bus, name, &arn)
            .await?
            .iter()
            .map(from_receiver)
            .collect();
        targets.sort();
        Ok(Found::Present(Present {
            properties: Collected::new()
                .text("EventBusName", Some(bus))
                .json("EventPattern", rule.event_pattern())
                .text("State", rule.state().map(RuleState::as_str))
                .with("Targets", Value::List(targets))
                .done(),
            outputs: outputs([("Arn", &arn)]),
            tags: Some(tags(aws, &arn).await?),
        }))
    }

    async fn create(&self, aws: &Clients, part: &Desired, _: &Attempt<'_>) -> Made {
        let (bus, name, arn) = rule(aws, &part.target)?;
        // Whether there is one makes no difference to the call below.
        let call = aws.events.describe_rule().event_bus_name(bus).name(name);
        if call
            .send()
            .await
            .told("events:DescribeRule", &arn)
            .or_absent()?
            .is_some()
        {
            return Err(Failure::exists(format!("there is a rule `{name}`")));
        }
        put_rule(aws, part, Some(to_sdk(&part.target.tags))).await?;
        put_targets(aws, part, &[]).await?;
        made(outputs([("Arn", &arn)]))
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let (_, _, arn) = rule(aws, &part.target)?;
        put_rule(aws, part, None).await?;
        let is = found.properties.items("Targets");
        if is != part.properties.items("Targets") {
            put_targets(aws, part, is).await?;
        }
        retag(aws, &arn, found.tags.as_ref(), &part.target.tags).await?;
        made(outputs([("Arn", &arn)]))
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let (bus, name, arn) = rule(aws, target)?;
        let receivers = receivers(aws, bus, name, &arn).await?;
        let ids: Vec<String> = receivers
            .iter()
            .map(|receiver| receiver.id.clone())
            .collect();
        remove_targets(aws, bus, name, &arn, ids).await?;
        let answer = aws
            .events
            .delete_rule()
            .event_bus_name(bus)
            .name(name)
            .send()
            .await;
        answer.told("events:DeleteRule", &arn)?;
        removed()
    }
}

fn rule<'a>(aws: &Clients, target: &'a Target) -> Result<(&'a str, &'a str, String), Failure> {
    let (bus, name) = parent_and_child(target)?;
    Ok((bus, name, aws.arn("events", &format!("rule/{bus}/{name}"))))
}

async fn put_rule(aws: &Clients, part: &Desired, tags: Option<Vec<Tag>>) -> Result<(), Failure> {
    let (bus, name, arn) = rule(aws, &part.target)?;
    let properties = &part.properties;
    let call = aws.events.put_rule().event_bus_name(bus).name(name);
    let call = call
        .set_event_pattern(properties.json("EventPattern"))
        .set_state(properties.text("State").map(RuleState::from))
        .set_tags(tags);
    call.send().await.told("events:PutRule", &arn).map(drop)
}

/// Sets the wanted targets and removes the others.
async fn put_targets(aws: &Clients, part: &Desired, is: &[Value]) -> Result<(), Failure> {
    let (bus, name, arn) = rule(aws, &part.target)?;
    let wanted = part.properties.items("Targets");
    let receivers: Result<Vec<Receiver>, Failure> = wanted.iter().map(to_receiver).collect();
    let receivers = receivers?;
    let kept: Vec<&str> = receivers.iter().map(|receiver| receiver.id()).collect();
    let surplus = is.iter().filter_map(|target| target.owned("Id"));
    let surplus: Vec<String> = surplus.filter(|id| !kept.contains(&id.as_str())).collect();
    if !receivers.is_empty() {
        let call = aws.events.put_targets().event_bus_name(bus).rule(name);
        let answer = call.set_targets(Some(receivers.clone())).send().await;
        let answer = answer.told("events:PutTargets", &arn)?;
        if let Some(entry) = answer.failed_entries().first() {
            return Err(Failure::rejected(format!(
                "`events:PutTargets` on `{arn}`: `{}`: {}",
                entry.error_code().unwrap_or_default(),
                entry.error_message().unwrap_or("no reason given")
            )));
        }
    }
    remove_targets(aws, bus, name, &arn, surplus).await
}

async fn remove_targets(
    aws: &Clients,
    bus: &str,
    name: &str,
    arn: &str,
    ids: Vec<String>,
) -> Result<(), Failure> {
    if ids.is_empty() {
        return Ok(());
    }
    let call = aws.events.remove_targets().event_bus_name(bus).rule(name);
    let answer = call.set_ids(Some(ids)).send().await;
    answer.told("events:RemoveTargets", arn).map(drop)
}

async fn receivers(
    aws: &Clients,
    bus: &str,
    name: &str,
    arn: &str,
) -> Result<Vec<Receiver>, Failure> {
    let call = aws
        .events
        .list_targets_by_rule()
        .event_bus_name(bus)
        .rule(name);
    let answer = call.send().await.told("events:ListTargetsByRule", arn)?;
    Ok(answer.targets.unwrap_or_default())
}

fn to_receiver(target: &Value) -> Result<Receiver, Failure> {
    let dead = target.inner("DeadLetterConfig");
    let retry = target.inner("RetryPolicy");
    Receiver::builder()
        .set_id(target.owned("Id"))
        .set_arn(target.owned("Arn"))
        .set_input_path(target.owned("InputPath"))
        .set_dead_letter_config(dead.map(|dead| {
            DeadLetterConfig::builder()
                .set_arn(dead.owned("Arn"))
                .build()
        }))
        .set_retry_policy(retry.map(|retry| {
            RetryPolicy::builder()
                .set_maximum_retry_attempts(retry.number("MaximumRetryAttempts"))
                .set_maximum_event_age_in_seconds(retry.number("MaximumEventAgeInSeconds"))
                .build()
        }))
        .build()
        .map_err(|error| Failure::rejected(error.to_string()))
}

fn from_receiver(receiver: &Receiver) -> Value {
    let dead = receiver.dead_letter_config().and_then(|dead| dead.arn());
    let retry = receiver.retry_policy();
    let attempts = retry.and_then(|retry| retry.maximum_retry_attempts());
    let age = retry.and_then(|retry| retry.maximum_event_age_in_seconds());
    Collected::new()
        .text("Id", Some(receiver.id()))
        .text("Arn", Some(receiver.arn()))
        .text("InputPath", receiver.input_path())
        .delivery(dead, attempts, age)
        .nested()
        .unwrap_or_else(|| Value::Map(Values::new()))
}

async fn tags(aws: &Clients, arn: &str) -> Result<Tags, Failure> {
    let answer = aws
        .events
        .list_tags_for_resource()
        .resource_arn(arn)
        .send()
        .await;
    Ok(from_sdk(
        answer.told("events:ListTagsForResource", arn)?.tags(),
    ))
}

async fn retag(
    aws: &Clients,
    arn: &str,
    found: Option<&Tags>,
    wanted: &Tags,
) -> Result<(), Failure> {
    let change = TagChange::between(found.unwrap_or(&Tags::new()), wanted);
    if !change.set.is_empty() {
        let call = aws.events.tag_resource().resource_arn(arn);
        let call = call.set_tags(Some(to_sdk(&change.set)));
        call.send().await.told("events:TagResource", arn)?;
    }
    if !change.remove.is_empty() {
        let call = aws.events.untag_resource().resource_arn(arn);
        let call = call.set_tag_keys(Some(change.remove));
        call.send().await.told("events:UntagResource", arn)?;
    }
    Ok(())
}
