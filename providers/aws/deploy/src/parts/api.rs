//! `AWS::ApiGatewayV2::Api`. AWS knows APIs by ids of its own and lets several bear one name, so that
//! before one is made it is looked for.

use super::{
    Attempt, Clients, Collected, Failure, Found, Look, Made, PartType, Present, TagChange, Tags,
    Told, made, outputs, removed,
};
use aws_sdk_apigatewayv2::types::{Api as SdkApi, ProtocolType};
use ifc_engine::{Desired, Owner, Progress, Target, async_trait};

pub(super) struct Api;

#[async_trait]
impl PartType for Api {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let name = target.physical_name.as_str();
        let apis = named(aws, name).await?;
        // The recorded one; else ours before somebody else's.
        let recorded = target.outputs.text("Ref");
        let known = apis
            .iter()
            .find(|api| api.api_id() == recorded && recorded.is_some());
        let ours = apis
            .iter()
            .find(|api| super::owner(&target.tags, &tags(api)) == Owner::Ours);
        let Some(api) = known.or(ours).or(apis.first()) else {
            return Ok(Found::Absent);
        };
        let id = api.api_id().unwrap_or_default();
        let tags = current_tags(aws, &arn(aws, id)).await?;
        Ok(Found::Present(Present {
            properties: Collected::new()
                .text(
                    "ProtocolType",
                    api.protocol_type().map(ProtocolType::as_str),
                )
                .done(),
            outputs: outputs([
                ("ApiEndpoint", api.api_endpoint().unwrap_or_default()),
                ("Ref", id),
            ]),
            tags: Some(tags),
        }))
    }

    async fn create(&self, aws: &Clients, part: &Desired, attempt: &Attempt<'_>) -> Made {
        let name = part.target.physical_name.as_str();
        if !attempt.seen_absent && !named(aws, name).await?.is_empty() {
            return Err(Failure::exists(format!("there is an API `{name}`")));
        }
        let protocol = part.properties.text("ProtocolType").unwrap_or("HTTP");
        let call = aws.apis.create_api().name(name);
        let answer = call
            .protocol_type(ProtocolType::from(protocol))
            .set_tags(Some(part.target.tags.clone().into_iter().collect()))
            .send()
            .await
            .told("apigateway:POST", &arn(aws, ""))?;
        made(outputs([
            ("ApiEndpoint", answer.api_endpoint().unwrap_or_default()),
            ("Ref", answer.api_id().unwrap_or_default()),
        ]))
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let id = found.outputs.required("Ref")?;
        let arn = arn(aws, id);
        retag(aws, &arn, found.tags.as_ref(), &part.target.tags).await?;
        made(found.outputs.clone())
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let recorded = target.outputs.text("Ref");
        let apis = named(aws, target.physical_name.as_str()).await?;
        for api in &apis {
            let known = recorded.is_none_or(|recorded| api.api_id() == Some(recorded));
            let ours = super::owner(&target.tags, &tags(api)) == Owner::Ours;
            let Some(id) = api.api_id().filter(|_| known && ours) else {
                continue;
            };
            let answer = aws.apis.delete_api().api_id(id).send().await;
            answer.told("apigateway:DELETE", &arn(aws, id))?;
        }
        removed()
    }
}

/// The APIs of this name.
async fn named(aws: &Clients, name: &str) -> Result<Vec<SdkApi>, Failure> {
    let mut found = all(aws).await?;
    found.retain(|api| api.name() == Some(name));
    Ok(found)
}

/// The APIs of the account in the region.
pub(crate) async fn all(aws: &Clients) -> Result<Vec<SdkApi>, Failure> {
    aws.looks.apis.ask("", list(aws)).await
}

async fn list(aws: &Clients) -> Result<Vec<SdkApi>, Failure> {
    let mut found = Vec::new();
    let mut next = None;
    loop {
        let call = aws.apis.get_apis().max_results("100").set_next_token(next);
        let answer = call.send().await.told("apigateway:GET", &arn(aws, ""))?;
        found.extend(answer.items.unwrap_or_default());
        next = answer.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// The API that a part is within: its id and its tags.
pub(super) async fn within(
    aws: &Clients,
    target: &Target,
) -> Result<Option<(String, Tags)>, Failure> {
    let (name, _) = super::parent_and_child(target)?;
    let apis = named(aws, name).await?;
    let ours = apis
        .iter()
        .find(|api| super::owner(&target.tags, &tags(api)) == Owner::Ours);
    let api = ours.or(apis.first());
    Ok(api.and_then(|api| Some((api.api_id()?.to_owned(), tags(api)))))
}

fn tags(api: &SdkApi) -> Tags {
    let tags = api.tags().into_iter().flatten();
    tags.map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// The tags that something bears now.
pub(super) async fn current_tags(aws: &Clients, arn: &str) -> Result<Tags, Failure> {
    let answer = aws.apis.get_tags().resource_arn(arn).send().await;
    let tags = answer.told("apigateway:GET", &tags_of(arn))?.tags;
    Ok(tags.unwrap_or_default().into_iter().collect())
}

/// The ARN of an API, or of something in it.
pub(super) fn arn(aws: &Clients, path: &str) -> String {
    let base = format!("arn:{}:apigateway:{}::/apis", aws.partition, aws.region);
    match path {
        "" => base,
        path => format!("{base}/{path}"),
    }
}

/// What permits to operate on the tags of something: they are things of their own.
fn tags_of(arn: &str) -> String {
    let (base, _) = arn.split_once("::/").unwrap_or((arn, ""));
    format!("{base}::/tags/*")
}

pub(super) async fn retag(
    aws: &Clients,
    arn: &str,
    found: Option<&Tags>,
    wanted: &Tags,
) -> Result<(), Failure> {
    let change = TagChange::between(found.unwrap_or(&Tags::new()), wanted);
    if !change.set.is_empty() {
        let tags = change.set.into_iter().collect();
        let call = aws
            .apis
            .tag_resource()
            .resource_arn(arn)
            .set_tags(Some(tags));
        call.send().await.told("apigateway:POST", &tags_of(arn))?;
    }
    if !change.remove.is_empty() {
        let call = aws.apis.untag_resource().resource_arn(arn);
        let call = call.set_tag_keys(Some(change.remove));
        call.send().await.told("apigateway:DELETE", &tags_of(arn))?;
    }
    Ok(())
}
