//! `AWS::IAM::Role`: as whom a unit runs. What it may do is `AWS::IAM::RolePolicy`.

use super::{
    Absent, Attempt, Clients, Collected, Failure, Found, Look, Made, PartType, Present, TagChange,
    Tags, Told, made, outputs, removed, sdk_tags,
};
use aws_sdk_iam::types::{Role as SdkRole, Tag};
use ifc_engine::{Desired, Progress, Target, async_trait};

sdk_tags!(to_sdk, from_sdk, Tag, fallible);

pub(super) struct Role;

#[async_trait]
impl PartType for Role {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let name = target.physical_name.as_str();
        let Some(role) = role(aws, name).await? else {
            return Ok(Found::Absent);
        };
        let trust = role.assume_role_policy_document().map(decoded);
        Ok(Found::Present(Present {
            properties: Collected::new()
                .json("AssumeRolePolicyDocument", trust.as_deref())
                .done(),
            outputs: outputs([("Arn", role.arn()), ("Ref", name)]),
            tags: Some(from_sdk(role.tags())),
        }))
    }

    async fn create(&self, aws: &Clients, part: &Desired, _: &Attempt<'_>) -> Made {
        let (name, arn) = named(aws, &part.target);
        let properties = &part.properties;
        let call = aws.iam.create_role().role_name(name);
        let answer = call
            .set_assume_role_policy_document(properties.json("AssumeRolePolicyDocument"))
            .set_tags(Some(to_sdk(&part.target.tags)))
            .send()
            .await
            .told("iam:CreateRole", &arn)?;
        let role = answer
            .role
            .ok_or_else(|| Failure::rejected("`iam:CreateRole` told no role"))?;
        made(outputs([("Arn", role.arn()), ("Ref", name)]))
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let (name, arn) = named(aws, &part.target);
        let (is, wanted) = (&found.properties, &part.properties);
        let trust = "AssumeRolePolicyDocument";
        if is.value(trust) != wanted.value(trust) {
            let call = aws.iam.update_assume_role_policy().role_name(name);
            let call = call.set_policy_document(wanted.json("AssumeRolePolicyDocument"));
            call.send().await.told("iam:UpdateAssumeRolePolicy", &arn)?;
        }
        let tags = found.tags.clone().unwrap_or_default();
        let change = TagChange::between(&tags, &part.target.tags);
        if !change.set.is_empty() {
            let call = aws.iam.tag_role().role_name(name);
            let call = call.set_tags(Some(to_sdk(&change.set)));
            call.send().await.told("iam:TagRole", &arn)?;
        }
        if !change.remove.is_empty() {
            let call = aws.iam.untag_role().role_name(name);
            let call = call.set_tag_keys(Some(change.remove));
            call.send().await.told("iam:UntagRole", &arn)?;
        }
        made(found.outputs.clone())
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let (name, arn) = named(aws, target);
        let answer = aws.iam.delete_role().role_name(name).send().await;
        match answer.told("iam:DeleteRole", &arn) {
            Err(failure) if failure.is("DeleteConflict") => {
                strip(aws, name, &arn).await?;
                let answer = aws.iam.delete_role().role_name(name).send().await;
                answer.told("iam:DeleteRole", &arn)?;
            }
            answer => drop(answer?),
        }
        removed()
    }
}

/// The tags of a role, by which also what belongs to it is ours.
pub(crate) async fn tags(aws: &Clients, name: &str) -> Result<Option<Tags>, Failure> {
    let role = role(aws, name).await?;
    Ok(role.map(|role| from_sdk(role.tags())))
}

async fn role(aws: &Clients, name: &str) -> Result<Option<SdkRole>, Failure> {
    let question = async {
        let answer = aws.iam.get_role().role_name(name).send().await;
        let answer = answer.told("iam:GetRole", &aws.iam_arn(&format!("role/{name}")));
        Ok(answer.or_absent()?.and_then(|answer| answer.role))
    };
    aws.looks.roles.ask(name, question).await
}

/// Removes what people added to a role, which would keep it from being deleted.
async fn strip(aws: &Clients, name: &str, arn: &str) -> Result<(), Failure> {
    let attached = aws
        .iam
        .list_attached_role_policies()
        .role_name(name)
        .send()
        .await;
    let attached = attached.told("iam:ListAttachedRolePolicies", arn)?;
    if let Some(policy) = attached.attached_policies().first() {
        return Err(Failure::rejected(format!(
            "policy `{}` was attached to role `{name}` by somebody; detach it first",
            policy.policy_name().unwrap_or_default()
        )));
    }
    let own = aws.iam.list_role_policies().role_name(name).send().await;
    for policy in own.told("iam:ListRolePolicies", arn)?.policy_names() {
        let call = aws
            .iam
            .delete_role_policy()
            .role_name(name)
            .policy_name(policy);
        call.send().await.told("iam:DeleteRolePolicy", arn)?;
    }
    Ok(())
}

fn named<'a>(aws: &Clients, target: &'a Target) -> (&'a str, String) {
    let name = target.physical_name.as_str();
    (name, aws.iam_arn(&format!("role/{name}")))
}

/// IAM tells documents with every other character escaped, as in a URL.
pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = (*first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_documents() {
        assert_eq!(decoded("%7B%22a%22%3A%22%C3%A4%22%7D"), r#"{"a":"ä"}"#);
        assert_eq!(decoded("100%, %zz %2"), "100%, %zz %2");
    }
}
