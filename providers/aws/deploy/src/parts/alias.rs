//! `AWS::Lambda::Alias`: the name by which everybody calls a function, whatever its version. Its
//! physical name is `function/alias`.

use super::{
    Absent, Attempt, Clients, Collected, Failure, Found, Look, Made, PartType, Present, Told,
    Values, function, made, outputs, parent_and_child, removed,
};
use aws_sdk_lambda::types::ProvisionedConcurrencyStatusEnum as Status;
use ifc_engine::{Desired, Progress, Target, Value, async_trait};

const PROVISIONED: &str = "ProvisionedConcurrencyConfig";

pub(super) struct Alias;

#[async_trait]
impl PartType for Alias {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let (function, name, arn) = named(aws, target)?;
        let Some(tags) = function::tags(aws, function).await? else {
            return Ok(Found::Absent);
        };
        let call = aws.lambda.get_alias().function_name(function).name(name);
        let look = async { call.send().await.told("lambda:GetAlias", &arn).or_absent() };
        let (alias, provisioned) = tokio::try_join!(look, provisioned(aws, function, name, &arn))?;
        let Some(alias) = alias else {
            return Ok(Found::Absent);
        };
        Ok(Found::Present(Present {
            properties: Collected::new()
                .text("FunctionName", Some(function))
                .text("FunctionVersion", alias.function_version())
                .with(PROVISIONED, provisioned)
                .done(),
            outputs: outputs([("Ref", alias.alias_arn().unwrap_or(&arn))]),
            tags: Some(tags),
        }))
    }

    async fn create(&self, aws: &Clients, part: &Desired, _: &Attempt<'_>) -> Made {
        let (function, name, arn) = named(aws, &part.target)?;
        let version = part.properties.required("FunctionVersion")?;
        let call = aws.lambda.create_alias().function_name(function).name(name);
        let answer = call.function_version(version).send().await;
        let answer = answer.told("lambda:CreateAlias", &arn)?;
        if part.properties.value(PROVISIONED).is_some() {
            provision(aws, function, name, &arn, &part.properties).await?;
        }
        made(outputs([("Ref", answer.alias_arn().unwrap_or(&arn))]))
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let (function, name, arn) = named(aws, &part.target)?;
        let (is, wanted) = (&found.properties, &part.properties);
        let version = wanted.required("FunctionVersion")?;
        if is.text("FunctionVersion") != Some(version) {
            let call = aws.lambda.update_alias().function_name(function).name(name);
            let answer = call.function_version(version).send().await;
            let answer = answer.told("lambda:UpdateAlias", &arn);
            answer.map_err(|failure| function::busy(failure, function))?;
            if let Some(before) = is.text("FunctionVersion") {
                clear(aws, function, version, before).await?;
            }
        }
        if is.value(PROVISIONED) != wanted.value(PROVISIONED) {
            provision(aws, function, name, &arn, wanted).await?;
        }
        made(found.outputs.clone())
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let (function, name, arn) = named(aws, target)?;
        let call = aws.lambda.delete_alias().function_name(function).name(name);
        call.send().await.told("lambda:DeleteAlias", &arn)?;
        removed()
    }
}

/// Removes the versions before the one that is live now, but for the one that was live until now, to
/// go back to. Every change of the code leaves one, and Lambda keeps them all until its store is full.
async fn clear(aws: &Clients, function: &str, live: &str, before: &str) -> Result<(), Failure> {
    // What is published later is of somebody who is about to make it live.
    let is_old = |version: &String| {
        let numbers = (version.parse::<u64>(), live.parse::<u64>());
        matches!(numbers, (Ok(version), Ok(live)) if version < live) && version != before
    };
    let versions = function::versions(aws, function).await?.into_keys();
    let versions = versions.map(|number| number.to_string());
    for version in versions.filter(is_old) {
        let arn = format!("{}:{version}", function::arn(aws, function));
        let call = aws.lambda.delete_function().function_name(function);
        let answer = call.qualifier(&version).send().await;
        match answer.told("lambda:DeleteFunction", &arn) {
            // Somebody's own alias is for it.
            Err(failure) if failure.is("ResourceConflictException") => {}
            Err(failure) if failure.is_gone() => {}
            answer => drop(answer?),
        }
    }
    Ok(())
}

fn named<'a>(aws: &Clients, target: &'a Target) -> Result<(&'a str, &'a str, String), Failure> {
    let (function, name) = parent_and_child(target)?;
    let arn = format!("{}:{name}", function::arn(aws, function));
    Ok((function, name, arn))
}

async fn provisioned(
    aws: &Clients,
    function: &str,
    name: &str,
    arn: &str,
) -> Result<Option<Value>, Failure> {
    let call = aws.lambda.get_provisioned_concurrency_config();
    let answer = call.function_name(function).qualifier(name).send().await;
    match answer.told("lambda:GetProvisionedConcurrencyConfig", arn) {
        Err(failure) if failure.is("ProvisionedConcurrencyConfigNotFoundException") => Ok(None),
        Err(failure) if failure.is_gone() => Ok(None),
        Err(failure) => Err(failure),
        Ok(answer) if answer.status() == Some(&Status::Failed) => Ok(Some(Value::Text(format!(
            "failed: {}",
            answer.status_reason().unwrap_or("no reason given")
        )))),
        Ok(answer) => Ok(Collected::new()
            .number(
                "ProvisionedConcurrentExecutions",
                answer.requested_provisioned_concurrent_executions(),
            )
            .nested()),
    }
}

async fn provision(
    aws: &Clients,
    function: &str,
    name: &str,
    arn: &str,
    wanted: &Values,
) -> Result<(), Failure> {
    let Some(provisioned) = wanted.inner(PROVISIONED) else {
        let call = aws.lambda.delete_provisioned_concurrency_config();
        let answer = call.function_name(function).qualifier(name).send().await;
        return answer
            .told("lambda:DeleteProvisionedConcurrencyConfig", arn)
            .map(drop);
    };
    let call = aws.lambda.put_provisioned_concurrency_config();
    let call = call.function_name(function).qualifier(name);
    let number = provisioned.number("ProvisionedConcurrentExecutions");
    let answer = call
        .set_provisioned_concurrent_executions(number)
        .send()
        .await;
    let answer = answer.told("lambda:PutProvisionedConcurrencyConfig", arn);
    answer
        .map_err(|failure| function::busy(failure, function))
        .map(drop)
}
