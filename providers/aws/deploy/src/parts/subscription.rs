//! `AWS::SNS::Subscription`: the edge from a topic to a queue. Its physical name is `topic/queue`: it
//! is found by both ends.

use super::{
    Absent, Attempt, Clients, Collected, Failure, Found, Look, Made, PartType, Present, Told,
    Values, made, outputs, parent_and_child, removed, topic,
};
use ifc_engine::{Desired, Progress, Target, async_trait};
use std::collections::HashMap;

pub(super) struct Subscription;

#[async_trait]
impl PartType for Subscription {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let Some(arn) = arn(aws, target).await? else {
            return Ok(Found::Absent);
        };
        let call = aws.sns.get_subscription_attributes().subscription_arn(&arn);
        let answer = call
            .send()
            .await
            .told("sns:GetSubscriptionAttributes", &arn);
        let Some(answer) = answer.or_absent()? else {
            return Ok(Found::Absent);
        };
        let attributes = answer.attributes.unwrap_or_default();
        let topic = attributes.get("TopicArn").cloned().unwrap_or_default();
        Ok(Found::Present(Present {
            properties: properties(&attributes),
            outputs: outputs([("Ref", &arn)]),
            tags: Some(topic::tags(aws, &topic).await?),
        }))
    }

    async fn create(&self, aws: &Clients, part: &Desired, _: &Attempt<'_>) -> Made {
        let properties = &part.properties;
        let topic = properties.required("TopicArn")?;
        let call = aws.sns.subscribe().topic_arn(topic);
        let answer = call
            .set_protocol(properties.owned("Protocol"))
            .set_endpoint(properties.owned("Endpoint"))
            .set_attributes(Some(attributes(properties)))
            .return_subscription_arn(true)
            .send()
            .await;
        match answer.told("sns:Subscribe", topic) {
            Err(failure) if failure.says("already exists") => Err(failure.into_exists()),
            answer => {
                let arn = answer?.subscription_arn.unwrap_or_default();
                made(outputs([("Ref", &arn)]))
            }
        }
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let arn = found.outputs.required("Ref")?;
        let (is, wanted) = (attributes(&found.properties), attributes(&part.properties));
        // Before the policy, because the scope says what it may speak of.
        let scope = is.contains_key("FilterPolicy") || wanted.contains_key("FilterPolicy");
        let order = [
            ("RawMessageDelivery", "false", true),
            ("FilterPolicyScope", "MessageAttributes", scope),
            ("FilterPolicy", "{}", true),
        ];
        for (name, unset, _) in order.into_iter().filter(|(_, _, said)| *said) {
            if is.get(name) == wanted.get(name) {
                continue;
            }
            let value = wanted.get(name).map_or(unset, String::as_str);
            let call = aws.sns.set_subscription_attributes().subscription_arn(arn);
            let call = call.attribute_name(name).attribute_value(value);
            call.send()
                .await
                .told("sns:SetSubscriptionAttributes", arn)?;
        }
        made(found.outputs.clone())
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        if let Some(arn) = arn(aws, target).await? {
            let answer = aws.sns.unsubscribe().subscription_arn(&arn).send().await;
            answer.told("sns:Unsubscribe", &arn)?;
        }
        removed()
    }
}

/// The recorded ARN, or that of the topic's subscription whose endpoint is the queue.
async fn arn(aws: &Clients, target: &Target) -> Result<Option<String>, Failure> {
    if let Some(arn) = target.outputs.owned("Ref") {
        return Ok(Some(arn));
    }
    let (topic, queue) = parent_and_child(target)?;
    let (topic, queue) = (aws.arn("sns", topic), aws.arn("sqs", queue));
    let mut found = of_topic(aws, &topic).await?.into_iter();
    let found = found.find(|(endpoint, _)| *endpoint == queue);
    Ok(found.map(|(_, arn)| arn))
}

/// The endpoints of a topic's subscriptions, each with the subscription's ARN.
pub(crate) async fn of_topic(aws: &Clients, topic: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut found = Vec::new();
    let mut next = None;
    loop {
        let call = aws.sns.list_subscriptions_by_topic().topic_arn(topic);
        let answer = call.set_next_token(next).send().await;
        let answer = answer.told("sns:ListSubscriptionsByTopic", topic);
        let Some(answer) = answer.or_absent()? else {
            return Ok(found);
        };
        for subscription in answer.subscriptions.unwrap_or_default() {
            found.extend(subscription.endpoint.zip(subscription.subscription_arn));
        }
        next = answer.next_token;
        if next.is_none() {
            return Ok(found);
        }
    }
}

fn attributes(properties: &Values) -> HashMap<String, String> {
    let mut attributes = HashMap::new();
    if let Some(policy) = properties.json("FilterPolicy") {
        attributes.insert("FilterPolicy".to_owned(), policy);
    }
    if let Some(scope) = properties.owned("FilterPolicyScope") {
        attributes.insert("FilterPolicyScope".to_owned(), scope);
    }
    if let Some(raw) = properties.flag("RawMessageDelivery") {
        attributes.insert("RawMessageDelivery".to_owned(), raw.to_string());
    }
    attributes
}

fn properties(attributes: &HashMap<String, String>) -> Values {
    let attribute = |name: &str| attributes.get(name).map(String::as_str);
    let policy = attribute("FilterPolicy").filter(|policy| *policy != "{}");
    let scope = attribute("FilterPolicyScope").filter(|_| policy.is_some());
    Collected::new()
        .text("Endpoint", attribute("Endpoint"))
        .json("FilterPolicy", policy)
        .text("FilterPolicyScope", scope)
        .text("Protocol", attribute("Protocol"))
        .flag(
            "RawMessageDelivery",
            attribute("RawMessageDelivery").map(|raw| raw == "true"),
        )
        .text("TopicArn", attribute("TopicArn"))
        .done()
}
