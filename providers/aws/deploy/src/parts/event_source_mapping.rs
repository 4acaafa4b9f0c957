//! `AWS::Lambda::EventSourceMapping`: what Lambda polls for a function. Its physical name is
//! `function/alias/word`; a function has one at most, so that it is found by its alias.

use super::{
    Absent, Attempt, Clients, Collected, Failure, Found, Look, Made, PROPAGATION, PartType,
    Present, TagChange, Tags, Told, Values, function, going, made, outputs, parent_and_child, set,
};
use aws_sdk_lambda::operation::get_event_source_mapping::GetEventSourceMappingOutput as Mapping;
use aws_sdk_lambda::types::{
    DestinationConfig, EventSourcePosition, FunctionResponseType, OnFailure, ScalingConfig,
};
use ifc_engine::{Desired, Progress, Target, async_trait};
use std::time::Duration;

/// How long Lambda may take until something else may be done to a mapping.
const BUSY: Duration = Duration::from_secs(300);

pub(super) struct EventSourceMapping;

#[async_trait]
impl PartType for EventSourceMapping {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let Some(id) = id(aws, target).await? else {
            return Ok(Found::Absent);
        };
        let arn = arn(aws, &id);
        let answer = aws.lambda.get_event_source_mapping().uuid(&id).send().await;
        let answer = answer
            .told("lambda:GetEventSourceMapping", &arn)
            .or_absent()?;
        let Some(mapping) = answer else {
            return Ok(Found::Absent);
        };
        match mapping.state().unwrap_or_default() {
            "Creating" | "Enabling" | "Disabling" | "Updating" | "Deleting" => {
                let state = mapping.state().unwrap_or_default().to_lowercase();
                Ok(Found::Settling(format!("it is {state}")))
            }
            _ => Ok(Found::Present(Present {
                properties: properties(&mapping),
                outputs: outputs([("Ref", &id)]),
                tags: Some(tags(aws, &arn).await?),
            })),
        }
    }

    async fn create(&self, aws: &Clients, part: &Desired, attempt: &Attempt<'_>) -> Made {
        let properties = &part.properties;
        let source = properties.required("EventSourceArn")?;
        if !attempt.seen_absent && of_alias(aws, &part.target, Some(source)).await?.is_some() {
            return Err(Failure::exists(format!(
                "the function is fed by `{source}`"
            )));
        }
        let position = properties.text("StartingPosition");
        let call = aws.lambda.create_event_source_mapping();
        let answer = call
            .event_source_arn(source)
            .set_starting_position(position.map(EventSourcePosition::from))
            .set_batch_size(properties.number("BatchSize"))
            .set_bisect_batch_on_function_error(properties.flag("BisectBatchOnFunctionError"))
            .set_destination_config(destination(properties))
            .set_function_name(properties.owned("FunctionName"))
            .set_function_response_types(response_types(properties))
            .set_maximum_batching_window_in_seconds(
                properties.number("MaximumBatchingWindowInSeconds"),
            )
            .set_maximum_retry_attempts(properties.number("MaximumRetryAttempts"))
            .set_parallelization_factor(properties.number("ParallelizationFactor"))
            .set_scaling_config(scaling(properties))
            .set_tags(Some(part.target.tags.clone().into_iter().collect()))
            .send()
            .await
            .told("lambda:CreateEventSourceMapping", source)
            .map_err(|failure| not_permitted(failure, source))?;
        let id = answer.uuid().unwrap_or_default();
        match answer.state() {
            Some("Creating" | "Enabling") => going("the mapping is being made"),
            _ => made(outputs([("Ref", id)])),
        }
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let id = found.outputs.required("Ref")?;
        let arn = arn(aws, id);
        retag(aws, &arn, found.tags.as_ref(), &part.target.tags).await?;
        let properties = &part.properties;
        let call = aws.lambda.update_event_source_mapping().uuid(id);
        let answer = call
            .set_batch_size(properties.number("BatchSize"))
            .set_bisect_batch_on_function_error(properties.flag("BisectBatchOnFunctionError"))
            // What is left out stays as it is.
            .set_destination_config(
                Some(destination(properties).unwrap_or_else(|| {
                    DestinationConfig::builder()
                        .on_failure(OnFailure::builder().build())
                        .build()
                }))
                .filter(|_| destination(properties) != found_destination(found)),
            )
            .set_function_name(properties.owned("FunctionName"))
            .set_function_response_types(Some(response_types(properties).unwrap_or_default()))
            .set_maximum_batching_window_in_seconds(
                properties.number("MaximumBatchingWindowInSeconds"),
            )
            .set_maximum_retry_attempts(properties.number("MaximumRetryAttempts"))
            .set_parallelization_factor(properties.number("ParallelizationFactor"))
            .set_scaling_config(scaling_change(&found.properties, properties))
            .send()
            .await
            .told("lambda:UpdateEventSourceMapping", &arn)
            .map_err(busy)?;
        match answer.state() {
            Some("Updating" | "Enabling" | "Disabling") => going("the mapping is being changed"),
            _ => made(outputs([("Ref", id)])),
        }
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let Some(id) = id(aws, target).await? else {
            return super::removed();
        };
        let answer = aws
            .lambda
            .delete_event_source_mapping()
            .uuid(&id)
            .send()
            .await;
        let answer = answer.told("lambda:DeleteEventSourceMapping", &arn(aws, &id));
        answer.map_err(busy)?;
        going("the mapping is being removed")
    }
}

fn arn(aws: &Clients, id: &str) -> String {
    aws.arn("lambda", &format!("event-source-mapping:{id}"))
}

fn busy(failure: Failure) -> Failure {
    match failure.is("ResourceInUseException") || failure.is("ResourceConflictException") {
        true => failure.until("the mapping to be free", BUSY),
        false => failure,
    }
}

/// What Lambda asks the source with is the function's role, whose policy is young.
fn not_permitted(failure: Failure, source: &str) -> Failure {
    let young = failure.says("does not have permission")
        || failure.says("cannot be assumed")
        || failure.says("Cannot access");
    match young && failure.is("InvalidParameterValueException") {
        true => failure.until(
            format!("the role to be allowed to read `{source}`"),
            PROPAGATION,
        ),
        false => failure,
    }
}

/// The recorded id, or that of the mapping of the function's alias.
async fn id(aws: &Clients, target: &Target) -> Result<Option<String>, Failure> {
    if let Some(id) = target.outputs.owned("Ref") {
        return Ok(Some(id));
    }
    of_alias(aws, target, None).await
}

/// The mapping of the function's alias, from this source if one is said.
async fn of_alias(
    aws: &Clients,
    target: &Target,
    source: Option<&str>,
) -> Result<Option<String>, Failure> {
    let (parent, _) = parent_and_child(target)?;
    let alias = function::arn(aws, &parent.replace('/', ":"));
    let call = aws
        .lambda
        .list_event_source_mappings()
        .function_name(&alias);
    let call = call.set_event_source_arn(source.map(str::to_owned));
    let answer = call
        .send()
        .await
        .told("lambda:ListEventSourceMappings", &alias);
    let mappings = answer
        .or_absent()?
        .and_then(|answer| answer.event_source_mappings);
    let mut mappings = mappings.unwrap_or_default().into_iter();
    let mapping = mappings.find(|mapping| mapping.state() != Some("Deleting"));
    Ok(mapping.and_then(|mapping| mapping.uuid))
}

fn properties(mapping: &Mapping) -> Values {
    let failures = mapping
        .destination_config()
        .and_then(|config| config.on_failure());
    let failures = failures.and_then(|on_failure| on_failure.destination());
    let destination = Collected::new().with(
        "OnFailure",
        Collected::new().text("Destination", failures).nested(),
    );
    let concurrency = mapping
        .scaling_config()
        .and_then(|config| config.maximum_concurrency());
    let types = mapping.function_response_types().iter();
    let types = set(types.map(FunctionResponseType::as_str));
    let position = mapping.starting_position().map(EventSourcePosition::as_str);
    // Not of queues, for which Lambda tells defaults that cannot be set.
    let of_stream = mapping.starting_position().is_some();
    Collected::new()
        .number("BatchSize", mapping.batch_size())
        .flag(
            "BisectBatchOnFunctionError",
            mapping
                .bisect_batch_on_function_error()
                .filter(|_| of_stream),
        )
        .with("DestinationConfig", destination.nested())
        .text("EventSourceArn", mapping.event_source_arn())
        .text("FunctionName", mapping.function_arn())
        .with(
            "FunctionResponseTypes",
            Some(types).filter(|_| !mapping.function_response_types().is_empty()),
        )
        .number(
            "MaximumBatchingWindowInSeconds",
            mapping.maximum_batching_window_in_seconds(),
        )
        .number(
            "MaximumRetryAttempts",
            mapping.maximum_retry_attempts().filter(|_| of_stream),
        )
        .number(
            "ParallelizationFactor",
            mapping.parallelization_factor().filter(|_| of_stream),
        )
        .with(
            "ScalingConfig",
            Collected::new()
                .number("MaximumConcurrency", concurrency)
                .nested(),
        )
        .text("StartingPosition", position)
        .done()
}

fn response_types(properties: &Values) -> Option<Vec<FunctionResponseType>> {
    let names = properties.texts("FunctionResponseTypes");
    let names = names
        .iter()
        .map(|name| FunctionResponseType::from(name.as_str()));
    Some(names.collect()).filter(|names: &Vec<_>| !names.is_empty())
}

fn destination(properties: &Values) -> Option<DestinationConfig> {
    let on_failure = properties.inner("DestinationConfig")?.inner("OnFailure")?;
    let on_failure = OnFailure::builder().set_destination(on_failure.owned("Destination"));
    Some(
        DestinationConfig::builder()
            .on_failure(on_failure.build())
            .build(),
    )
}

fn found_destination(found: &Present) -> Option<DestinationConfig> {
    destination(&found.properties)
}

fn scaling(properties: &Values) -> Option<ScalingConfig> {
    let scaling = properties.inner("ScalingConfig")?;
    let number = scaling.number("MaximumConcurrency");
    Some(
        ScalingConfig::builder()
            .set_maximum_concurrency(number)
            .build(),
    )
}

/// An empty one takes the limit away; streams take none at all.
fn scaling_change(is: &Values, wanted: &Values) -> Option<ScalingConfig> {
    let change = scaling(wanted).unwrap_or_else(|| ScalingConfig::builder().build());
    Some(change).filter(|_| is.value("ScalingConfig") != wanted.value("ScalingConfig"))
}

async fn tags(aws: &Clients, arn: &str) -> Result<Tags, Failure> {
    let answer = aws.lambda.list_tags().resource(arn).send().await;
    let tags = answer.told("lambda:ListTags", arn)?.tags;
    Ok(tags.unwrap_or_default().into_iter().collect())
}

async fn retag(
    aws: &Clients,
    arn: &str,
    found: Option<&Tags>,
    wanted: &Tags,
) -> Result<(), Failure> {
    let change = TagChange::between(found.unwrap_or(&Tags::new()), wanted);
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
