//! `AWS::Lambda::Function`. Every update ends in a published version, to which the alias moves; the
//! part is what its latest version is.
//!
//! Lambda keeps a copy of the program and forgets where it came from, but tells its SHA-256, of which
//! the object's key is made; the bucket is in a tag.

use super::{
    Absent, Attempt, Clients, Collected, Failure, Found, Look, Made, PROPAGATION, PartType,
    Present, TagChange, Tags, Told, Values, going, list, made, outputs, removed,
};
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::{
    Architecture, Environment, FunctionCode, FunctionConfiguration, LastUpdateStatus, Runtime,
    State,
};
use ifc_engine::{Desired, Progress, Target, Value, async_trait};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

/// The tag with the bucket that the program came from.
const ARTIFACTS: &str = "ifc-artifacts";

/// How long Lambda may take to carry out an update.
const UPDATING: Duration = Duration::from_secs(300);

/// What is changed by one call, beside code and architecture, which are changed by another.
const CONFIGURATION: [&str; 6] = [
    "Environment",
    "Handler",
    "MemorySize",
    "Role",
    "Runtime",
    "Timeout",
];

pub(super) struct Function;

#[async_trait]
impl PartType for Function {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let (name, arn) = named(aws, target);
        let Some(answer) = look(aws, name).await? else {
            return Ok(Found::Absent);
        };
        let tags = tags_of(&answer);
        let Some(latest) = &answer.configuration else {
            return Ok(Found::Absent);
        };
        if let Some(note) = settling(latest) {
            return Ok(Found::Settling(note));
        }
        // What this command has published is recorded only when all of it is done.
        let recent = recently_published(aws).get(name).cloned();
        let number = |version: &String| version.parse::<u64>().ok();
        let recorded = [recent, target.outputs.owned("Version")].into_iter();
        let recorded = recorded.flatten().max_by_key(number);
        let published = published(aws, name, &arn, latest, recorded.as_deref()).await?;
        let bucket = tags.get(ARTIFACTS).cloned();
        let mut properties = properties(latest, bucket.as_deref());
        if let Some(published) = &published {
            let published = self::properties(published, bucket.as_deref());
            mark_unpublished(&mut properties, &published);
        } else {
            properties.insert("Code".to_owned(), "never published".into());
        }
        if let Some(reason) = failed(latest) {
            properties.insert("Code".to_owned(), Value::Text(reason));
        }
        let reserved = answer
            .concurrency
            .and_then(|found| found.reserved_concurrent_executions);
        let reserved = Collected::new().number("ReservedConcurrentExecutions", reserved);
        properties.extend(reserved.done());
        let version = published.as_ref().and_then(|published| published.version());
        Ok(Found::Present(Present {
            properties,
            outputs: function_outputs(name, &arn, version.unwrap_or("$LATEST")),
            tags: Some(tags),
        }))
    }

    async fn create(&self, aws: &Clients, part: &Desired, _: &Attempt<'_>) -> Made {
        let (name, arn) = named(aws, &part.target);
        let properties = &part.properties;
        let (bucket, key) = code(properties)?;
        let tags = wanted_tags(part, bucket).into_iter().collect();
        let call = aws
            .lambda
            .create_function()
            .function_name(name)
            .publish(true);
        let answer = call
            .code(
                FunctionCode::builder()
                    .s3_bucket(bucket)
                    .s3_key(key)
                    .build(),
            )
            .set_architectures(architectures(properties))
            .set_environment(environment(properties))
            .set_handler(properties.owned("Handler"))
            .set_memory_size(properties.number("MemorySize"))
            .set_role(properties.owned("Role"))
            .set_runtime(properties.text("Runtime").map(Runtime::from))
            .set_timeout(properties.number("Timeout"))
            .set_tags(Some(tags))
            .send()
            .await
            .told("lambda:CreateFunction", &arn)
            .map_err(|failure| not_assumed(failure, properties))?;
        let reserved = properties.number("ReservedConcurrentExecutions");
        if reserved.is_some() {
            reserve(aws, name, &arn, reserved).await?;
        }
        let version = answer.version().unwrap_or_default().to_owned();
        recently_published(aws).insert(name.to_owned(), version.clone());
        match answer.state() {
            Some(State::Pending) => going(format!("function `{name}` is being made")),
            _ => made(function_outputs(name, &arn, &version)),
        }
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let (name, arn) = named(aws, &part.target);
        let wanted = &part.properties;
        let (bucket, key) = code(wanted)?;
        let reserved = "ReservedConcurrentExecutions";
        if found.properties.value(reserved) != wanted.value(reserved) {
            reserve(aws, name, &arn, wanted.number(reserved)).await?;
        }
        let found_tags = found.tags.clone().unwrap_or_default();
        retag(aws, &arn, &found_tags, &wanted_tags(part, bucket)).await?;

        let is = match is_as_published(&found.properties) {
            true => found.properties.clone(),
            false => latest(aws, name, &arn, &found_tags).await?,
        };
        let differs = |property: &&str| is.value(property) != wanted.value(property);
        let code_differs = ["Code", "Architectures"].iter().any(differs)
            || matches!(found.properties.value("Code"), Some(Value::Text(_)));
        if CONFIGURATION.iter().any(differs) {
            let status = configure(aws, name, &arn, wanted).await?;
            // One update at a time: whoever comes again finds this one done.
            if status == Some(LastUpdateStatus::InProgress) {
                let what = format!("function `{name}` to take over its configuration");
                return Err(Failure::not_ready(what, UPDATING));
            }
        }
        if code_differs {
            let call = aws
                .lambda
                .update_function_code()
                .function_name(name)
                .publish(true);
            let call = call.s3_bucket(bucket).s3_key(key);
            let answer = call.set_architectures(architectures(wanted)).send().await;
            let answer = answer.told("lambda:UpdateFunctionCode", &arn);
            let answer = answer.map_err(|failure| busy(failure, name))?;
            let version = answer.version().unwrap_or_default();
            recently_published(aws).insert(name.to_owned(), version.to_owned());
            if answer.last_update_status() == Some(&LastUpdateStatus::InProgress) {
                return going(format!("function `{name}` is being updated"));
            }
            return made(function_outputs(name, &arn, version));
        }
        // When nothing changed since the last version, this answers with that one.
        let answer = aws
            .lambda
            .publish_version()
            .function_name(name)
            .send()
            .await;
        let answer = answer.told("lambda:PublishVersion", &arn);
        let answer = answer.map_err(|failure| busy(failure, name))?;
        let version = answer.version().unwrap_or_default();
        recently_published(aws).insert(name.to_owned(), version.to_owned());
        made(function_outputs(name, &arn, version))
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let (name, arn) = named(aws, target);
        let answer = aws
            .lambda
            .delete_function()
            .function_name(name)
            .send()
            .await;
        let answer = answer.told("lambda:DeleteFunction", &arn);
        answer.map_err(|failure| busy(failure, name))?;
        removed()
    }
}

fn named<'a>(aws: &Clients, target: &'a Target) -> (&'a str, String) {
    let name = target.physical_name.as_str();
    (name, arn(aws, name))
}

pub(super) fn arn(aws: &Clients, name: &str) -> String {
    aws.arn("lambda", &format!("function:{name}"))
}

/// The tags of a function, by which also what belongs to it is ours, if there is the function.
pub(super) async fn tags(aws: &Clients, name: &str) -> Result<Option<Tags>, Failure> {
    Ok(look(aws, name).await?.as_ref().map(tags_of))
}

async fn look(aws: &Clients, name: &str) -> Result<Option<GetFunctionOutput>, Failure> {
    let question = async {
        let answer = aws.lambda.get_function().function_name(name).send().await;
        answer
            .told("lambda:GetFunction", &arn(aws, name))
            .or_absent()
    };
    aws.looks.functions.ask(name, question).await
}

/// Something else is being done to the function.
pub(super) fn busy(failure: Failure, name: &str) -> Failure {
    match failure.is("ResourceConflictException") {
        true => failure.until(format!("function `{name}` to be free"), UPDATING),
        false => failure,
    }
}

/// Lambda hears of a new role later than IAM does.
fn not_assumed(failure: Failure, properties: &Values) -> Failure {
    match failure.says("cannot be assumed by Lambda") {
        true => {
            let role = properties.text("Role").unwrap_or_default();
            failure.until(format!("role `{role}` to become usable"), PROPAGATION)
        }
        false => failure,
    }
}

fn function_outputs(name: &str, arn: &str, version: &str) -> Values {
    outputs([("Arn", arn), ("Ref", name), ("Version", version)])
}

fn tags_of(answer: &GetFunctionOutput) -> Tags {
    let tags = answer.tags().into_iter().flatten();
    tags.map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn wanted_tags(part: &Desired, bucket: &str) -> Tags {
    let mut tags = part.target.tags.clone();
    tags.insert(ARTIFACTS.to_owned(), bucket.to_owned());
    tags
}

async fn retag(aws: &Clients, arn: &str, found: &Tags, wanted: &Tags) -> Result<(), Failure> {
    let change = TagChange::between(found, wanted);
    if !change.set.is_empty() {
        let tags = change.set.into_iter().collect();
        let call = aws.lambda.tag_resource().resource(arn).set_tags(Some(tags));
        call.send().await.told("lambda:TagResource", arn)?;
    }
    if !change.remove.is_empty() {
        let call = aws.lambda.untag_resource().resource(arn);
        let call = call.set_tag_keys(Some(change.remove));
        call.send().await.told("lambda:UntagResource", arn)?;
    }
    Ok(())
}

fn settling(latest: &FunctionConfiguration) -> Option<String> {
    match (latest.state(), latest.last_update_status()) {
        (Some(State::Pending), _) => Some("it is being made".to_owned()),
        (_, Some(LastUpdateStatus::InProgress)) => Some("it is being updated".to_owned()),
        _ => None,
    }
}

/// Why it does not run, if it does not.
fn failed(latest: &FunctionConfiguration) -> Option<String> {
    let reason = match (latest.state(), latest.last_update_status()) {
        (Some(State::Failed), _) => latest.state_reason(),
        (_, Some(LastUpdateStatus::Failed)) => latest.last_update_status_reason(),
        _ => return None,
    };
    Some(format!("failed: {}", reason.unwrap_or("no reason given")))
}

fn recently_published(aws: &Clients) -> MutexGuard<'_, BTreeMap<String, String>> {
    let published = aws.published.lock();
    published.unwrap_or_else(PoisonError::into_inner)
}

/// The latest version: the recorded one if it is still as the function is, else the last of all.
async fn published(
    aws: &Clients,
    name: &str,
    arn: &str,
    latest: &FunctionConfiguration,
    recorded: Option<&str>,
) -> Result<Option<FunctionConfiguration>, Failure> {
    if let Some(recorded) = recorded {
        let call = aws
            .lambda
            .get_function()
            .function_name(name)
            .qualifier(recorded);
        let answer = call
            .send()
            .await
            .told("lambda:GetFunction", arn)
            .or_absent()?;
        let version = answer.and_then(|answer| answer.configuration);
        let current =
            version.filter(|version| properties(version, None) == properties(latest, None));
        if current.is_some() {
            return Ok(current);
        }
    }
    let mut versions = versions(aws, name).await?;
    Ok(versions.pop_last().map(|(_, version)| version))
}

/// What was published of a function, by number.
pub(super) async fn versions(
    aws: &Clients,
    name: &str,
) -> Result<BTreeMap<u64, FunctionConfiguration>, Failure> {
    let arn = arn(aws, name);
    let mut versions = BTreeMap::new();
    let mut marker = None;
    loop {
        let call = aws.lambda.list_versions_by_function().function_name(name);
        let answer = call.set_marker(marker).send().await;
        let answer = answer.told("lambda:ListVersionsByFunction", &arn)?;
        for version in answer.versions.unwrap_or_default() {
            // The latest form, which is not published, has a word in the place of a number.
            let number = version.version().and_then(|text| text.parse().ok());
            versions.extend(number.map(|number| (number, version)));
        }
        marker = answer.next_marker;
        if marker.is_none() {
            return Ok(versions);
        }
    }
}

/// What was changed and not published counts as neither the one nor the other: an interrupted
/// update must not look done, and what somebody changed by hand must not look right.
fn mark_unpublished(latest: &mut Values, published: &Values) {
    for (name, value) in latest {
        let published = published.get(name).unwrap_or(&Value::Null);
        if value != published {
            let both = vec![published.clone(), std::mem::replace(value, Value::Null)];
            *value = Value::List(both);
        }
    }
}

/// Whether nothing is marked as changed and not published, nor as failed.
fn is_as_published(found: &Values) -> bool {
    let is_marked = |(name, value): (&String, &Value)| match value {
        // A function has one architecture.
        Value::List(both) => both.len() > 1,
        Value::Text(_) => name == "Code",
        _ => false,
    };
    !found.iter().any(is_marked)
}

/// What the function is like that is not published.
async fn latest(aws: &Clients, name: &str, arn: &str, tags: &Tags) -> Result<Values, Failure> {
    let answer = aws.lambda.get_function().function_name(name).send().await;
    let latest = answer.told("lambda:GetFunction", arn)?.configuration;
    let latest = latest.unwrap_or_else(|| FunctionConfiguration::builder().build());
    Ok(properties(&latest, tags.get(ARTIFACTS).map(String::as_str)))
}

fn properties(function: &FunctionConfiguration, bucket: Option<&str>) -> Values {
    let architectures = function.architectures().iter();
    let variables = function
        .environment()
        .and_then(|environment| environment.variables());
    let variables = variables.map(|variables| {
        let pair = |(key, value): (&String, &String)| (key.clone(), Value::text(value));
        Value::map([("Variables", Value::map(variables.iter().map(pair)))])
    });
    let mut properties = Collected::new()
        .with(
            "Architectures",
            list(architectures.map(Architecture::as_str)),
        )
        .with("Environment", variables)
        .text("Handler", function.handler())
        .number("MemorySize", function.memory_size())
        .text("Role", function.role())
        .text("Runtime", function.runtime().map(Runtime::as_str))
        .number("Timeout", function.timeout())
        .done();
    let key = function.code_sha256().and_then(key_of);
    match (key, bucket) {
        (Some(key), Some(bucket)) => {
            let code = [
                ("S3Bucket", Value::text(bucket)),
                ("S3Key", Value::Text(key)),
            ];
            properties.insert("Code".to_owned(), Value::map(code));
        }
        // For comparing versions with each other.
        (Some(key), None) => drop(properties.insert("Code".to_owned(), Value::Text(key))),
        (None, _) => {}
    }
    properties
}

/// The key of an archive whose SHA-256 is this, in base64.
fn key_of(sha256: &str) -> Option<String> {
    let digest = aws_smithy_types::base64::decode(sha256).ok()?;
    let mut key = String::with_capacity(68);
    for byte in digest {
        write!(key, "{byte:02x}").expect("a string takes everything");
    }
    Some(key + ".zip")
}

fn code(properties: &Values) -> Result<(&str, &str), Failure> {
    let code = properties.inner("Code");
    let bucket = code.and_then(|code| code.text("S3Bucket"));
    let key = code.and_then(|code| code.text("S3Key"));
    match (bucket, key) {
        (Some(bucket), Some(key)) => Ok((bucket, key)),
        _ => Err(Failure::rejected("the function's code is in no bucket")),
    }
}

fn architectures(properties: &Values) -> Option<Vec<Architecture>> {
    let names = properties.texts("Architectures");
    let names = names.iter().map(|name| Architecture::from(name.as_str()));
    Some(names.collect()).filter(|names: &Vec<_>| !names.is_empty())
}

fn environment(properties: &Values) -> Option<Environment> {
    let variables = properties.inner("Environment")?.inner("Variables")?;
    let variable = |name: &String| Some((name.clone(), variables.owned(name)?));
    let variables = variables.keys().filter_map(variable).collect();
    Some(
        Environment::builder()
            .set_variables(Some(variables))
            .build(),
    )
}

async fn configure(
    aws: &Clients,
    name: &str,
    arn: &str,
    wanted: &Values,
) -> Result<Option<LastUpdateStatus>, Failure> {
    let call = aws
        .lambda
        .update_function_configuration()
        .function_name(name);
    let answer = call
        // What is left out stays as it is.
        .environment(environment(wanted).unwrap_or_else(|| Environment::builder().build()))
        .set_handler(wanted.owned("Handler"))
        .set_memory_size(wanted.number("MemorySize"))
        .set_role(wanted.owned("Role"))
        .set_runtime(wanted.text("Runtime").map(Runtime::from))
        .set_timeout(wanted.number("Timeout"))
        .send()
        .await
        .told("lambda:UpdateFunctionConfiguration", arn)
        .map_err(|failure| busy(not_assumed(failure, wanted), name))?;
    Ok(answer.last_update_status().cloned())
}

async fn reserve(
    aws: &Clients,
    name: &str,
    arn: &str,
    reserved: Option<i32>,
) -> Result<(), Failure> {
    match reserved {
        Some(reserved) => {
            let call = aws.lambda.put_function_concurrency().function_name(name);
            let answer = call.reserved_concurrent_executions(reserved).send().await;
            answer.told("lambda:PutFunctionConcurrency", arn).map(drop)
        }
        None => {
            let call = aws.lambda.delete_function_concurrency().function_name(name);
            call.send()
                .await
                .told("lambda:DeleteFunctionConcurrency", arn)
                .map(drop)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_program_is_told_by_its_digest() {
        let key = key_of("ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=").unwrap();
        assert_eq!(
            key,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad.zip"
        );
    }

    #[test]
    fn what_is_not_published_is_neither_old_nor_new() {
        let published = Values::from([("Timeout".to_owned(), 3.into())]);
        let mut latest = Values::from([("Timeout".to_owned(), 5.into())]);
        mark_unpublished(&mut latest, &published);
        assert_eq!(latest["Timeout"], Value::List(vec![3.into(), 5.into()]));
        assert!(!is_as_published(&latest));
        assert!(is_as_published(&published));
    }
}
