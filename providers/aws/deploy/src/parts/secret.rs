//! `AWS::SecretsManager::Secret`. Its value is generated here and told to nobody, or set out of band;
//! it is never read, and never changed once there is one.
//!
//! A deleted secret can be had back for a week, and as long its name is taken: making one of that
//! name brings it back, value included.

use super::{
    Absent, Attempt, Clients, Failure, Found, Look, Made, PartType, Present, TagChange, Told,
    Values, made, outputs, removed, sdk_tags,
};
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::Tag;
use ifc_engine::{Desired, Progress, Target, async_trait};

sdk_tags!(to_sdk, from_sdk, Tag, optional);

/// For how long a deleted secret can be had back, in days. The shortest that AWS allows.
const RECOVERY_DAYS: i64 = 7;

pub(super) struct Secret;

#[async_trait]
impl PartType for Secret {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let Some(secret) = describe(aws, target).await? else {
            return Ok(Found::Absent);
        };
        if secret.deleted_date().is_some() {
            return Ok(Found::Absent);
        }
        Ok(Found::Present(Present {
            properties: Values::new(),
            outputs: outputs([("Ref", secret.arn().unwrap_or_default())]),
            tags: Some(from_sdk(secret.tags())),
        }))
    }

    async fn create(&self, aws: &Clients, part: &Desired, _: &Attempt<'_>) -> Made {
        let (name, arn) = named(aws, &part.target);
        let value = generated(aws, &part.properties, &arn).await?;
        let call = aws.secrets.create_secret().name(name);
        let answer = call
            .set_secret_string(value)
            .set_tags(Some(to_sdk(&part.target.tags)))
            .send()
            .await;
        match answer.told("secretsmanager:CreateSecret", &arn) {
            Err(failure) if failure.is_exists() || failure.says("scheduled for deletion") => {
                restore(aws, &part.target).await?;
                Err(failure.into_exists())
            }
            answer => {
                let arn = answer?.arn.unwrap_or_default();
                made(outputs([("Ref", &arn)]))
            }
        }
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let arn = found.outputs.required("Ref")?;
        let change = TagChange::between(&found.tags.clone().unwrap_or_default(), &part.target.tags);
        if !change.set.is_empty() {
            let call = aws.secrets.tag_resource().secret_id(arn);
            let call = call.set_tags(Some(to_sdk(&change.set)));
            call.send().await.told("secretsmanager:TagResource", arn)?;
        }
        if !change.remove.is_empty() {
            let call = aws.secrets.untag_resource().secret_id(arn);
            let call = call.set_tag_keys(Some(change.remove));
            call.send()
                .await
                .told("secretsmanager:UntagResource", arn)?;
        }
        let empty = describe(aws, &part.target).await?.is_some_and(|secret| {
            secret
                .version_ids_to_stages()
                .is_none_or(|versions| versions.is_empty())
        });
        if empty && let Some(value) = generated(aws, &part.properties, arn).await? {
            let call = aws.secrets.update_secret().secret_id(arn);
            let answer = call.secret_string(value).send().await;
            answer.told("secretsmanager:UpdateSecret", arn)?;
        }
        made(found.outputs.clone())
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let (name, arn) = named(aws, target);
        let call = aws.secrets.delete_secret().secret_id(name);
        let answer = call.recovery_window_in_days(RECOVERY_DAYS).send().await;
        answer.told("secretsmanager:DeleteSecret", &arn)?;
        removed()
    }
}

fn named<'a>(aws: &Clients, target: &'a Target) -> (&'a str, String) {
    let name = target.physical_name.as_str();
    (
        name,
        aws.arn("secretsmanager", &format!("secret:{name}-??????")),
    )
}

async fn describe(aws: &Clients, target: &Target) -> Result<Option<DescribeSecretOutput>, Failure> {
    let (name, arn) = named(aws, target);
    let answer = aws.secrets.describe_secret().secret_id(name).send().await;
    answer
        .told("secretsmanager:DescribeSecret", &arn)
        .or_absent()
}

/// Brings a deleted secret back, if it is ours.
async fn restore(aws: &Clients, target: &Target) -> Result<(), Failure> {
    let (name, arn) = named(aws, target);
    let found = describe(aws, target).await?;
    let Some(deleted) = found.filter(|found| found.deleted_date().is_some()) else {
        return Ok(());
    };
    if let ifc_engine::Owner::Foreign { description } =
        super::owner(&target.tags, &from_sdk(deleted.tags()))
    {
        return Err(Failure::of(
            ifc_engine::ProviderErrorKind::NameTaken { owner: description },
            format!("`{name}` is not of this stage, and scheduled for deletion"),
        ));
    }
    let answer = aws.secrets.restore_secret().secret_id(name).send().await;
    answer.told("secretsmanager:RestoreSecret", &arn).map(drop)
}

/// A value, if one is to be generated.
async fn generated(
    aws: &Clients,
    properties: &Values,
    arn: &str,
) -> Result<Option<String>, Failure> {
    let Some(rules) = properties.inner("GenerateSecretString") else {
        return Ok(None);
    };
    let call = aws.secrets.get_random_password();
    let answer = call
        .set_password_length(rules.integer("PasswordLength"))
        .set_exclude_characters(rules.owned("ExcludeCharacters"))
        .set_exclude_numbers(rules.flag("ExcludeNumbers"))
        .set_exclude_punctuation(rules.flag("ExcludePunctuation"))
        .set_exclude_uppercase(rules.flag("ExcludeUppercase"))
        .set_exclude_lowercase(rules.flag("ExcludeLowercase"))
        .set_include_space(rules.flag("IncludeSpace"))
        .set_require_each_included_type(rules.flag("RequireEachIncludedType"))
        .send()
        .await;
    Ok(answer
        .told("secretsmanager:GetRandomPassword", arn)?
        .random_password)
}
