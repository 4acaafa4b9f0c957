//! `AWS::SSM::Parameter`: a configuration value. The code and the stage give its default; what
//! `ifc config set` makes of it is no drift, and stays until the default is another.

use super::{
    Attempt, Clients, Collected, Failure, Found, Look, Made, PartType, Present, TagChange, Tags,
    Told, made, outputs, removed, sdk_tags,
};
use aws_sdk_ssm::types::{ParameterType, ResourceTypeForTagging, Tag};
use ifc_engine::{Desired, Progress, Target, async_trait};

sdk_tags!(to_sdk, from_sdk, Tag, fallible);

pub(super) struct Parameter;

#[async_trait]
impl PartType for Parameter {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let (name, arn) = named(aws, target);
        let answer = aws.ssm.get_parameters().names(name).send().await;
        let answer = answer.told("ssm:GetParameters", &arn)?;
        let Some(parameter) = answer.parameters().first() else {
            return Ok(Found::Absent);
        };
        Ok(Found::Present(Present {
            properties: Collected::new()
                .text("Type", parameter.r#type().map(ParameterType::as_str))
                .done(),
            outputs: outputs([("Ref", name)]),
            tags: Some(tags(aws, name, &arn).await?),
        }))
    }

    fn operated(&self) -> &'static [&'static str] {
        &["Value"]
    }

    async fn create(&self, aws: &Clients, part: &Desired, _: &Attempt<'_>) -> Made {
        let (name, arn) = named(aws, &part.target);
        let properties = &part.properties;
        let call = aws.ssm.put_parameter().name(name).overwrite(false);
        let call = call
            .set_type(properties.text("Type").map(ParameterType::from))
            .set_value(properties.owned("Value"))
            .set_tags(Some(to_sdk(&part.target.tags)));
        call.send().await.told("ssm:PutParameter", &arn)?;
        made(outputs([("Ref", name)]))
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let (name, arn) = named(aws, &part.target);
        let (is, wanted) = (&found.properties, &part.properties);
        // Without a record of what it was made with, it may be what an operator set.
        let is_recorded = is.value("Value").is_some();
        let mut names = ["Type", "Value"].iter();
        if is_recorded && names.any(|property| is.value(property) != wanted.value(property)) {
            let call = aws.ssm.put_parameter().name(name).overwrite(true);
            let call = call
                .set_type(wanted.text("Type").map(ParameterType::from))
                .set_value(wanted.owned("Value"));
            call.send().await.told("ssm:PutParameter", &arn)?;
        }
        let change = TagChange::between(&found.tags.clone().unwrap_or_default(), &part.target.tags);
        if !change.set.is_empty() {
            let call = aws.ssm.add_tags_to_resource().resource_id(name);
            let call = call
                .resource_type(ResourceTypeForTagging::Parameter)
                .set_tags(Some(to_sdk(&change.set)));
            call.send().await.told("ssm:AddTagsToResource", &arn)?;
        }
        if !change.remove.is_empty() {
            let call = aws.ssm.remove_tags_from_resource().resource_id(name);
            let call = call
                .resource_type(ResourceTypeForTagging::Parameter)
                .set_tag_keys(Some(change.remove));
            call.send().await.told("ssm:RemoveTagsFromResource", &arn)?;
        }
        made(outputs([("Ref", name)]))
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let (name, arn) = named(aws, target);
        let answer = aws.ssm.delete_parameter().name(name).send().await;
        answer.told("ssm:DeleteParameter", &arn)?;
        removed()
    }
}

/// Names begin with a slash, which is also the one in the ARN.
fn named<'a>(aws: &Clients, target: &'a Target) -> (&'a str, String) {
    let name = target.physical_name.as_str();
    let rest = name.strip_prefix('/').unwrap_or(name);
    (name, aws.arn("ssm", &format!("parameter/{rest}")))
}

async fn tags(aws: &Clients, name: &str, arn: &str) -> Result<Tags, Failure> {
    let call = aws.ssm.list_tags_for_resource().resource_id(name);
    let call = call.resource_type(ResourceTypeForTagging::Parameter);
    let answer = call.send().await.told("ssm:ListTagsForResource", arn)?;
    Ok(from_sdk(answer.tag_list()))
}
