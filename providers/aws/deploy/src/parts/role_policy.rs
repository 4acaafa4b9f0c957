//! `AWS::IAM::RolePolicy`: what a role may do. A part of its own, so that roles and what they are
//! for do not wait for each other. Its physical name is `role/policy`.

use super::{
    Absent, Attempt, Clients, Collected, Failure, Found, Look, Made, PartType, Present, Told, made,
    outputs, parent_and_child, removed, role,
};
use ifc_engine::{Desired, Progress, Target, async_trait};

pub(super) struct RolePolicy;

#[async_trait]
impl PartType for RolePolicy {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let (role, policy) = parent_and_child(target)?;
        let Some(tags) = role::tags(aws, role).await? else {
            return Ok(Found::Absent);
        };
        let call = aws
            .iam
            .get_role_policy()
            .role_name(role)
            .policy_name(policy);
        let answer = call.send().await.told("iam:GetRolePolicy", &arn(aws, role));
        let Some(answer) = answer.or_absent()? else {
            return Ok(Found::Absent);
        };
        let document = role::decoded(answer.policy_document());
        Ok(Found::Present(Present {
            properties: Collected::new()
                .json("PolicyDocument", Some(&document))
                .text("RoleName", Some(role))
                .done(),
            outputs: outputs([]),
            tags: Some(tags),
        }))
    }

    async fn create(&self, aws: &Clients, part: &Desired, _: &Attempt<'_>) -> Made {
        put(aws, part).await
    }

    async fn update(&self, aws: &Clients, _: &Present, part: &Desired) -> Made {
        put(aws, part).await
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let (role, policy) = parent_and_child(target)?;
        let call = aws
            .iam
            .delete_role_policy()
            .role_name(role)
            .policy_name(policy);
        call.send()
            .await
            .told("iam:DeleteRolePolicy", &arn(aws, role))?;
        removed()
    }
}

/// Makes it or changes it: IAM knows no difference.
async fn put(aws: &Clients, part: &Desired) -> Made {
    let (_, policy) = parent_and_child(&part.target)?;
    let role = part.properties.required("RoleName")?;
    let document = part.properties.json("PolicyDocument").unwrap_or_default();
    let call = aws
        .iam
        .put_role_policy()
        .role_name(role)
        .policy_name(policy);
    let answer = call.policy_document(document).send().await;
    answer.told("iam:PutRolePolicy", &arn(aws, role))?;
    made(outputs([]))
}

fn arn(aws: &Clients, role: &str) -> String {
    aws.iam_arn(&format!("role/{role}"))
}
