//! `AWS::DynamoDB::Table`. DynamoDB takes one change at a time, and time for each: what is left to do
//! is found out anew by whoever comes again.

use super::{
    Absent, Attempt, Clients, Collected, Failure, Found, Look, Made, PartType, Present, TagChange,
    Tags, Told, Values, going, made, outputs, sdk_tags,
};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction,
    DeleteGlobalSecondaryIndexAction, GlobalSecondaryIndex, GlobalSecondaryIndexUpdate,
    IndexStatus, KeySchemaElement, KeyType, PointInTimeRecoverySpecification,
    PointInTimeRecoveryStatus, Projection, ProjectionType, ScalarAttributeType,
    StreamSpecification, StreamViewType, TableDescription, TableStatus, Tag,
    TimeToLiveSpecification, TimeToLiveStatus,
};
use ifc_engine::{Desired, Progress, Target, Value, async_trait};
use std::time::Duration;

sdk_tags!(to_sdk, from_sdk, Tag, fallible);

/// How long a table may take to be made or changed. Indexes of large tables are filled for hours.
const SETTLING: Duration = Duration::from_secs(3600);

/// How long after a change of its attribute the expiry may not be changed again.
const EXPIRY_FIXED: Duration = Duration::from_secs(3600);

const ATTRIBUTES: &str = "AttributeDefinitions";
const BILLING: &str = "BillingMode";
const INDEXES: &str = "GlobalSecondaryIndexes";
const RECOVERY: &str = "PointInTimeRecoverySpecification";
const STREAM: &str = "StreamSpecification";
const EXPIRY: &str = "TimeToLiveSpecification";

pub(super) struct Table;

#[async_trait]
impl PartType for Table {
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure> {
        let (name, arn) = named(aws, target);
        let Some(table) = describe(aws, name, &arn).await? else {
            return Ok(Found::Absent);
        };
        if let Some(note) = settling(&table) {
            return Ok(Found::Settling(note));
        }
        let (expiry, recovery, tags) = tokio::try_join!(
            expiry(aws, name, &arn),
            recovery(aws, name, &arn),
            tags(aws, &arn)
        )?;
        let mut properties = properties(&table);
        properties.extend(
            Collected::new()
                .with(EXPIRY, expiry)
                .with(RECOVERY, recovery)
                .done(),
        );
        Ok(Found::Present(Present {
            properties,
            outputs: table_outputs(name, &arn, &table),
            tags: Some(tags),
        }))
    }

    async fn create(&self, aws: &Clients, part: &Desired, _: &Attempt<'_>) -> Made {
        let (name, arn) = named(aws, &part.target);
        let properties = &part.properties;
        let call = aws.tables.create_table().table_name(name);
        let answer = call
            .set_attribute_definitions(Some(definitions(properties)?))
            .set_key_schema(Some(key_schema(properties.items("KeySchema"))?))
            .set_billing_mode(properties.text(BILLING).map(BillingMode::from))
            .set_global_secondary_indexes(indexes(properties)?)
            .set_stream_specification(stream(properties)?)
            .set_tags(Some(to_sdk(&part.target.tags)))
            .send()
            .await
            .told("dynamodb:CreateTable", &arn)?;
        let table = answer
            .table_description
            .unwrap_or_else(|| TableDescription::builder().build());
        let more = properties.value(EXPIRY).is_some() || recovers(properties);
        match (settling(&table), more) {
            (Some(note), false) => going(note),
            // The rest can be said once it is there.
            (Some(_), true) => Err(Failure::not_ready(
                format!("table `{name}` to be made"),
                SETTLING,
            )),
            (None, _) => {
                set_expiry(aws, name, &arn, &Values::new(), properties).await?;
                set_recovery(aws, name, &arn, &Values::new(), properties).await?;
                made(table_outputs(name, &arn, &table))
            }
        }
    }

    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made {
        let (name, arn) = named(aws, &part.target);
        let (is, wanted) = (&found.properties, &part.properties);
        retag(aws, &arn, found.tags.as_ref(), &part.target.tags).await?;
        set_expiry(aws, name, &arn, is, wanted).await?;
        set_recovery(aws, name, &arn, is, wanted).await?;
        let mut steps = steps(is, wanted)?.into_iter().peekable();
        while let Some(step) = steps.next() {
            let table = carry_out(aws, name, &arn, step, wanted).await?;
            match (settling(&table), steps.peek()) {
                (Some(note), None) => return going(note),
                (Some(_), Some(_)) => {
                    let what = format!("table `{name}` to be changed");
                    return Err(Failure::not_ready(what, SETTLING));
                }
                (None, _) => {}
            }
        }
        let table = describe(aws, name, &arn).await?;
        let table = table.unwrap_or_else(|| TableDescription::builder().build());
        made(table_outputs(name, &arn, &table))
    }

    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure> {
        let (name, arn) = named(aws, target);
        let table = describe(aws, name, &arn).await?;
        if table.is_some_and(|table| table.deletion_protection_enabled() == Some(true)) {
            return Err(Failure::rejected(format!(
                "somebody switched on the deletion protection of table `{name}`; switch it off first"
            )));
        }
        let answer = aws.tables.delete_table().table_name(name).send().await;
        answer.told("dynamodb:DeleteTable", &arn).map_err(busy)?;
        going(format!("table `{name}` is being removed"))
    }
}

fn named<'a>(aws: &Clients, target: &'a Target) -> (&'a str, String) {
    let name = target.physical_name.as_str();
    (name, aws.arn("dynamodb", &format!("table/{name}")))
}

/// Something else is being done to the table, or to too many tables.
fn busy(failure: Failure) -> Failure {
    match failure.is("ResourceInUseException") || failure.is("LimitExceededException") {
        true => failure.until("the table to be free", SETTLING),
        false => failure,
    }
}

async fn describe(
    aws: &Clients,
    name: &str,
    arn: &str,
) -> Result<Option<TableDescription>, Failure> {
    let answer = aws.tables.describe_table().table_name(name).send().await;
    let answer = answer.told("dynamodb:DescribeTable", arn).or_absent()?;
    Ok(answer.and_then(|answer| answer.table))
}

fn settling(table: &TableDescription) -> Option<String> {
    let status = match table.table_status() {
        None | Some(TableStatus::Active) => None,
        Some(status) => Some(format!("the table is {}", status.as_str().to_lowercase())),
    };
    let index = || {
        let mut indexes = table.global_secondary_indexes().iter();
        let index = indexes.find(|index| {
            index
                .index_status()
                .is_some_and(|status| *status != IndexStatus::Active)
        })?;
        let (name, status) = (index.index_name()?, index.index_status()?);
        Some(format!(
            "index `{name}` is {}",
            status.as_str().to_lowercase()
        ))
    };
    status.or_else(index)
}

fn table_outputs(name: &str, arn: &str, table: &TableDescription) -> Values {
    let mut told = outputs([("Arn", arn), ("Ref", name)]);
    let streams = table
        .stream_specification()
        .is_some_and(|stream| stream.stream_enabled());
    if let Some(stream) = table.latest_stream_arn().filter(|_| streams) {
        told.insert("StreamArn".to_owned(), Value::text(stream));
    }
    told
}

fn properties(table: &TableDescription) -> Values {
    let billing = table
        .billing_mode_summary()
        .and_then(|summary| summary.billing_mode());
    let definition = |definition: &AttributeDefinition| {
        Collected::new()
            .text("AttributeName", Some(definition.attribute_name()))
            .text("AttributeType", Some(definition.attribute_type().as_str()))
            .nested()
    };
    let mut definitions: Vec<Value> = table
        .attribute_definitions()
        .iter()
        .filter_map(definition)
        .collect();
    definitions.sort();
    let mut indexes: Vec<Value> = table
        .global_secondary_indexes()
        .iter()
        .filter_map(|index| {
            let projection = index
                .projection()
                .and_then(|projection| projection.projection_type());
            Collected::new()
                .text("IndexName", index.index_name())
                .with("KeySchema", from_key_schema(index.key_schema()))
                .with(
                    "Projection",
                    Collected::new()
                        .text("ProjectionType", projection.map(ProjectionType::as_str))
                        .nested(),
                )
                .nested()
        })
        .collect();
    indexes.sort();
    let view = table
        .stream_specification()
        .filter(|stream| stream.stream_enabled());
    let view = view
        .and_then(|stream| stream.stream_view_type())
        .map(StreamViewType::as_str);
    Collected::new()
        .with(ATTRIBUTES, Value::List(definitions))
        // A table that never was anything else tells none.
        .text(
            BILLING,
            Some(billing.map_or("PROVISIONED", BillingMode::as_str)),
        )
        .with(
            INDEXES,
            Some(Value::List(indexes.clone())).filter(|_| !indexes.is_empty()),
        )
        .with("KeySchema", from_key_schema(table.key_schema()))
        .with(
            STREAM,
            Collected::new().text("StreamViewType", view).nested(),
        )
        .done()
}

fn from_key_schema(elements: &[KeySchemaElement]) -> Value {
    let element = |element: &KeySchemaElement| {
        Value::map([
            ("AttributeName", Value::text(element.attribute_name())),
            ("KeyType", Value::text(element.key_type().as_str())),
        ])
    };
    Value::List(elements.iter().map(element).collect())
}

fn key_schema(elements: &[Value]) -> Result<Vec<KeySchemaElement>, Failure> {
    let element = |element: &Value| {
        KeySchemaElement::builder()
            .set_attribute_name(element.owned("AttributeName"))
            .set_key_type(element.text("KeyType").map(KeyType::from))
            .build()
            .map_err(|error| Failure::rejected(error.to_string()))
    };
    elements.iter().map(element).collect()
}

fn definitions(properties: &Values) -> Result<Vec<AttributeDefinition>, Failure> {
    let definition = |definition: &Value| {
        AttributeDefinition::builder()
            .set_attribute_name(definition.owned("AttributeName"))
            .set_attribute_type(
                definition
                    .text("AttributeType")
                    .map(ScalarAttributeType::from),
            )
            .build()
            .map_err(|error| Failure::rejected(error.to_string()))
    };
    properties
        .items(ATTRIBUTES)
        .iter()
        .map(definition)
        .collect()
}

fn projection(index: &Value) -> Projection {
    let projection = index.inner("Projection");
    let projection = projection.and_then(|projection| projection.text("ProjectionType"));
    let projection = ProjectionType::from(projection.unwrap_or("ALL"));
    Projection::builder().projection_type(projection).build()
}

fn indexes(properties: &Values) -> Result<Option<Vec<GlobalSecondaryIndex>>, Failure> {
    let index = |index: &Value| {
        GlobalSecondaryIndex::builder()
            .set_index_name(index.owned("IndexName"))
            .set_key_schema(Some(key_schema(index.items("KeySchema"))?))
            .projection(projection(index))
            .build()
            .map_err(|error| Failure::rejected(error.to_string()))
    };
    let indexes: Result<Vec<_>, Failure> = properties.items(INDEXES).iter().map(index).collect();
    Ok(Some(indexes?).filter(|indexes| !indexes.is_empty()))
}

fn stream(properties: &Values) -> Result<Option<StreamSpecification>, Failure> {
    let view = properties
        .inner(STREAM)
        .and_then(|stream| stream.text("StreamViewType"));
    view.map(|view| {
        StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::from(view))
            .build()
            .map_err(|error| Failure::rejected(error.to_string()))
    })
    .transpose()
}

/// One call of `UpdateTable`: it takes no more than one of these at a time.
#[derive(Debug, PartialEq)]
enum Step {
    Billing(BillingMode),
    EndStream,
    BeginStream(StreamSpecification),
    DeleteIndex(String),
    CreateIndex(Box<CreateGlobalSecondaryIndexAction>),
}

/// What is left to do, in order: indexes are deleted before others are made in their place.
fn steps(is: &Values, wanted: &Values) -> Result<Vec<Step>, Failure> {
    let differs = |name: &str| is.value(name) != wanted.value(name);
    let mut steps = Vec::new();
    if differs(BILLING)
        && let Some(mode) = wanted.text(BILLING)
    {
        steps.push(Step::Billing(BillingMode::from(mode)));
    }
    if differs(STREAM) {
        if is.value(STREAM).is_some() {
            steps.push(Step::EndStream);
        }
        steps.extend(stream(wanted)?.map(Step::BeginStream));
    }
    let (old, new) = (is.items(INDEXES), wanted.items(INDEXES));
    let gone = old.iter().filter(|index| !new.contains(index));
    steps.extend(
        gone.filter_map(|index| index.owned("IndexName"))
            .map(Step::DeleteIndex),
    );
    for index in new.iter().filter(|index| !old.contains(index)) {
        let create = CreateGlobalSecondaryIndexAction::builder()
            .set_index_name(index.owned("IndexName"))
            .set_key_schema(Some(key_schema(index.items("KeySchema"))?))
            .projection(projection(index))
            .build()
            .map_err(|error| Failure::rejected(error.to_string()))?;
        steps.push(Step::CreateIndex(Box::new(create)));
    }
    Ok(steps)
}

async fn carry_out(
    aws: &Clients,
    name: &str,
    arn: &str,
    step: Step,
    wanted: &Values,
) -> Result<TableDescription, Failure> {
    let rejected = |error: aws_smithy_types::error::operation::BuildError| {
        Failure::rejected(error.to_string())
    };
    let call = aws.tables.update_table().table_name(name);
    let call = match step {
        Step::Billing(mode) => call.billing_mode(mode),
        Step::EndStream => {
            let off = StreamSpecification::builder().stream_enabled(false);
            call.stream_specification(off.build().map_err(rejected)?)
        }
        Step::BeginStream(stream) => call.stream_specification(stream),
        Step::DeleteIndex(index) => {
            let delete = DeleteGlobalSecondaryIndexAction::builder().index_name(index);
            let delete = delete.build().map_err(rejected)?;
            let update = GlobalSecondaryIndexUpdate::builder().delete(delete);
            call.global_secondary_index_updates(update.build())
        }
        Step::CreateIndex(create) => call
            .set_attribute_definitions(Some(definitions(wanted)?))
            .global_secondary_index_updates(
                GlobalSecondaryIndexUpdate::builder()
                    .create(*create)
                    .build(),
            ),
    };
    let answer = call
        .send()
        .await
        .told("dynamodb:UpdateTable", arn)
        .map_err(busy)?;
    let table = answer.table_description;
    Ok(table.unwrap_or_else(|| TableDescription::builder().build()))
}

async fn expiry(aws: &Clients, name: &str, arn: &str) -> Result<Option<Value>, Failure> {
    let answer = aws
        .tables
        .describe_time_to_live()
        .table_name(name)
        .send()
        .await;
    let told = answer
        .told("dynamodb:DescribeTimeToLive", arn)?
        .time_to_live_description;
    let on = told.filter(|told| {
        let on = [TimeToLiveStatus::Enabled, TimeToLiveStatus::Enabling];
        told.time_to_live_status()
            .is_some_and(|status| on.contains(status))
    });
    let attribute = on.and_then(|on| on.attribute_name);
    Ok(attribute.map(|attribute| {
        Value::map([
            ("AttributeName", Value::Text(attribute)),
            ("Enabled", Value::Bool(true)),
        ])
    }))
}

async fn set_expiry(
    aws: &Clients,
    name: &str,
    arn: &str,
    is: &Values,
    wanted: &Values,
) -> Result<(), Failure> {
    let attribute = |values: &Values| {
        let expiry = values.inner(EXPIRY)?;
        expiry
            .owned("AttributeName")
            .filter(|_| expiry.flag("Enabled") != Some(false))
    };
    let (old, new) = (attribute(is), attribute(wanted));
    if old == new {
        return Ok(());
    }
    // Another attribute can be named once there is none.
    let steps = [old.map(|old| (old, false)), new.map(|new| (new, true))];
    for (attribute, enabled) in steps.into_iter().flatten() {
        let expiry = TimeToLiveSpecification::builder().attribute_name(attribute);
        let expiry = expiry.enabled(enabled).build();
        let expiry = expiry.map_err(|error| Failure::rejected(error.to_string()))?;
        let call = aws.tables.update_time_to_live().table_name(name);
        let answer = call.time_to_live_specification(expiry).send().await;
        let answer = answer.told("dynamodb:UpdateTimeToLive", arn).map_err(busy);
        answer.map_err(|failure| match failure.says("multiple times") {
            true => failure.until("the expiry to be changeable again", EXPIRY_FIXED),
            false => failure,
        })?;
    }
    Ok(())
}

fn recovers(properties: &Values) -> bool {
    let recovery = properties.inner(RECOVERY);
    recovery.and_then(|recovery| recovery.flag("PointInTimeRecoveryEnabled")) == Some(true)
}

async fn recovery(aws: &Clients, name: &str, arn: &str) -> Result<Option<Value>, Failure> {
    let answer = aws
        .tables
        .describe_continuous_backups()
        .table_name(name)
        .send()
        .await;
    let answer = answer.told("dynamodb:DescribeContinuousBackups", arn)?;
    let backups = answer.continuous_backups_description;
    let status = backups
        .as_ref()
        .and_then(|backups| backups.point_in_time_recovery_description())
        .and_then(|recovery| recovery.point_in_time_recovery_status());
    let on = status == Some(&PointInTimeRecoveryStatus::Enabled);
    Ok(Some(Value::map([(
        "PointInTimeRecoveryEnabled",
        Value::Bool(on),
    )])))
}

async fn set_recovery(
    aws: &Clients,
    name: &str,
    arn: &str,
    is: &Values,
    wanted: &Values,
) -> Result<(), Failure> {
    if recovers(is) == recovers(wanted) {
        return Ok(());
    }
    let recovery = PointInTimeRecoverySpecification::builder();
    let recovery = recovery
        .point_in_time_recovery_enabled(recovers(wanted))
        .build();
    let recovery = recovery.map_err(|error| Failure::rejected(error.to_string()))?;
    let call = aws.tables.update_continuous_backups().table_name(name);
    let answer = call
        .point_in_time_recovery_specification(recovery)
        .send()
        .await;
    let answer = answer.told("dynamodb:UpdateContinuousBackups", arn);
    answer
        .map_err(
            |failure| match failure.is("ContinuousBackupsUnavailableException") {
                true => failure.until("backups to be available", SETTLING),
                false => busy(failure),
            },
        )
        .map(drop)
}

async fn tags(aws: &Clients, arn: &str) -> Result<Tags, Failure> {
    let mut tags = Tags::new();
    let mut next = None;
    loop {
        let call = aws.tables.list_tags_of_resource().resource_arn(arn);
        let answer = call.set_next_token(next).send().await;
        let answer = answer.told("dynamodb:ListTagsOfResource", arn)?;
        tags.extend(from_sdk(answer.tags()));
        next = answer.next_token;
        if next.is_none() {
            return Ok(tags);
        }
    }
}

async fn retag(
    aws: &Clients,
    arn: &str,
    found: Option<&Tags>,
    wanted: &Tags,
) -> Result<(), Failure> {
    let change = TagChange::between(found.unwrap_or(&Tags::new()), wanted);
    if !change.set.is_empty() {
        let call = aws.tables.tag_resource().resource_arn(arn);
        let call = call.set_tags(Some(to_sdk(&change.set)));
        call.send()
            .await
            .told("dynamodb:TagResource", arn)
            .map_err(busy)?;
    }
    if !change.remove.is_empty() {
        let call = aws.tables.untag_resource().resource_arn(arn);
        let call = call.set_tag_keys(Some(change.remove));
        call.send()
            .await
            .told("dynamodb:UntagResource", arn)
            .map_err(busy)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(name: &str, key: &str) -> Value {
        let key = Value::map([("AttributeName", key.into()), ("KeyType", "HASH".into())]);
        Value::map([
            ("IndexName", Value::text(name)),
            ("KeySchema", Value::List(vec![key])),
        ])
    }

    fn table(indexes: Vec<Value>, view: Option<&str>) -> Values {
        let stream = view.map(|view| Value::map([("StreamViewType", Value::text(view))]));
        Collected::new()
            .with(INDEXES, Value::List(indexes))
            .with(STREAM, stream)
            .done()
    }

    #[test]
    fn one_change_at_a_time() {
        let is = table(vec![index("a", "x"), index("b", "x")], Some("NEW_IMAGE"));
        let wanted = table(vec![index("b", "y"), index("c", "x")], Some("KEYS_ONLY"));
        let steps = steps(&is, &wanted).unwrap();
        let words: Vec<String> = steps
            .iter()
            .map(|step| match step {
                Step::Billing(_) => "billing".to_owned(),
                Step::EndStream => "end".to_owned(),
                Step::BeginStream(_) => "begin".to_owned(),
                Step::DeleteIndex(index) => format!("delete {index}"),
                Step::CreateIndex(create) => format!("create {}", create.index_name()),
            })
            .collect();
        let wanted = [
            "end", "begin", "delete a", "delete b", "create b", "create c",
        ];
        assert_eq!(words, wanted);
        assert_eq!(super::steps(&is, &is).unwrap(), []);
    }
}
