//! `AWS::Kinesis::Stream`. One change at a time: what cannot be said while it is being made is said
//! by whoever comes again.

use super::{
    Absent, Attempt, Clients, Collected, Failure, Found, Look, Made, PartType, Present, TagChange,
    Tags, Told, Values, going, made, outputs,
};
use aws_sdk_kinesis::types::{StreamMode, StreamModeDetails, StreamStatus};
use ifc_engine::{Desired, Progress, Target, async_trait};
use std::time::Duration;

/// How long a stream may take to be made or changed.
const SETTLING: Duration = Duration::from_secs(600);

/// What a stream keeps when nothing else is said, in hours.
const RETENTION_AT_FIRST: i32 = 24;

const RETENTION: &str = "RetentionPeriodHours";
const MODE: &str = "StreamModeDetails";

pub(super) struct Stream;

#[async_trait]
impl PartType for Stream {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let (name, arn) = named(aws, target);
        let answer = aws
            .kinesis
            .describe_stream_summary()
            .stream_name(name)
            .send()
            .await;
        let answer = answer
            .told("kinesis:DescribeStreamSummary", &arn)
            .or_absent()?;
        let Some(stream) = answer.and_then(|answer| answer.stream_description_summary) else {
            return Ok(Found::Absent);
        };
        if *stream.stream_status() != StreamStatus::Active {
            let status = stream.stream_status().as_str().to_lowercase();
            return Ok(Found::Settling(format!("it is {status}")));
        }
        let mode = stream
            .stream_mode_details()
            .map(|mode| mode.stream_mode().as_str());
        Ok(Found::Present(Present {
            properties: Collected::new()
                .number(RETENTION, Some(stream.retention_period_hours()))
                .with(MODE, Collected::new().text("StreamMode", mode).nested())
                .done(),
            outputs: outputs([("Arn", stream.stream_arn()), ("Ref", name)]),
            tags: Some(tags(aws, name, &arn).await?),
        }))
    }

    async fn create(&self, aws: &Clients, part: &Desired, _: &Attempt<'_>) -> Made {
        let (name, arn) = named(aws, &part.target);
        let call = aws.kinesis.create_stream().stream_name(name);
        let call = call
            .set_stream_mode_details(mode(&part.properties)?)
            .set_tags(Some(part.target.tags.clone().into_iter().collect()));
        call.send().await.told("kinesis:CreateStream", &arn)?;
        // Where the call above takes no tags yet. While the stream is being made this may be refused.
        match retag(aws, name, &arn, None, &part.target.tags).await {
            Err(failure) if failure.is("ResourceInUseException") => {}
            answer => answer?,
        }
        match part
            .properties
            .number(RETENTION)
            .unwrap_or(RETENTION_AT_FIRST)
        {
            RETENTION_AT_FIRST => going(format!("stream `{name}` is being made")),
            _ => Err(Failure::not_ready(
                format!("stream `{name}` to be made"),
                SETTLING,
            )),
        }
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let (name, arn) = named(aws, &part.target);
        let (is, wanted) = (&found.properties, &part.properties);
        retag(aws, name, &arn, found.tags.as_ref(), &part.target.tags).await?;
        let hours = wanted.number(RETENTION).unwrap_or(RETENTION_AT_FIRST);
        let before = is.number(RETENTION).unwrap_or(RETENTION_AT_FIRST);
        let mode_differs = is.value(MODE) != wanted.value(MODE);
        if hours > before {
            let call = aws
                .kinesis
                .increase_stream_retention_period()
                .stream_name(name);
            let answer = call.retention_period_hours(hours).send().await;
            answer.told("kinesis:IncreaseStreamRetentionPeriod", &arn)?;
        }
        if hours < before {
            let call = aws
                .kinesis
                .decrease_stream_retention_period()
                .stream_name(name);
            let answer = call.retention_period_hours(hours).send().await;
            answer.told("kinesis:DecreaseStreamRetentionPeriod", &arn)?;
        }
        if mode_differs && hours != before {
            return Err(Failure::not_ready(
                format!("stream `{name}` to be changed"),
                SETTLING,
            ));
        }
        if mode_differs {
            let call = aws.kinesis.update_stream_mode().stream_arn(&arn);
            let answer = call.set_stream_mode_details(mode(wanted)?).send().await;
            answer.told("kinesis:UpdateStreamMode", &arn)?;
        }
        match mode_differs || hours != before {
            true => going(format!("stream `{name}` is being changed")),
            false => made(found.outputs.clone()),
        }
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let (name, arn) = named(aws, target);
        let call = aws.kinesis.delete_stream().stream_name(name);
        let answer = call.enforce_consumer_deletion(true).send().await;
        answer.told("kinesis:DeleteStream", &arn)?;
        going(format!("stream `{name}` is being removed"))
    }
}

fn named<'a>(aws: &Clients, target: &'a Target) -> (&'a str, String) {
    let name = target.physical_name.as_str();
    (name, aws.arn("kinesis", &format!("stream/{name}")))
}

fn mode(properties: &Values) -> Result<Option<StreamModeDetails>, Failure> {
    let Some(mode) = properties
        .inner(MODE)
        .and_then(|mode| mode.text("StreamMode"))
    else {
        return Ok(None);
    };
    StreamModeDetails::builder()
        .stream_mode(StreamMode::from(mode))
        .build()
        .map(Some)
        .map_err(|error| Failure::rejected(error.to_string()))
}

async fn tags(aws: &Clients, name: &str, arn: &str) -> Result<Tags, Failure> {
    let answer = aws
        .kinesis
        .list_tags_for_stream()
        .stream_name(name)
        .send()
        .await;
    let answer = answer.told("kinesis:ListTagsForStream", arn)?;
    let pair = |tag: &aws_sdk_kinesis::types::Tag| {
        (
            tag.key().to_owned(),
            tag.value().unwrap_or_default().to_owned(),
        )
    };
    Ok(answer.tags().iter().map(pair).collect())
}

async fn retag(
    aws: &Clients,
    name: &str,
    arn: &str,
    found: Option<&Tags>,
    wanted: &Tags,
) -> Result<(), Failure> {
    let change = TagChange::between(found.unwrap_or(&Tags::new()), wanted);
    if !change.set.is_empty() {
        let call = aws.kinesis.add_tags_to_stream().stream_name(name);
        let call = call.set_tags(Some(change.set.into_iter().collect()));
        call.send().await.told("kinesis:AddTagsToStream", arn)?;
    }
    if !change.remove.is_empty() {
        let call = aws.kinesis.remove_tags_from_stream().stream_name(name);
        let call = call.set_tag_keys(Some(change.remove));
        call.send()
            .await
            .told("kinesis:RemoveTagsFromStream", arn)?;
    }
    Ok(())
}
