//! The same stage by the official SDK alone: no plan, no state, no look at what is there; the fewest
//! calls that there can be, each as soon as those before it are answered.

mod destroy;
mod look;

use aws_sdk_apigatewayv2::types::{IntegrationType, ProtocolType};
use aws_sdk_dynamodb::types as table;
use aws_sdk_lambda::types as lambda;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types as s3;
use aws_sdk_scheduler::types as scheduler;
use ifc_aws_deploy::Account;
use ifc_engine::{Blueprint, OutputRef, Part, PartAddress, Value};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::task::JoinSet;

/// How often it is looked whether a function has come to rest.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What is told of each part.
type Outputs = BTreeMap<PartAddress, BTreeMap<&'static str, String>>;

/// A client of each service, as cheap as the deploy half's.
#[derive(Clone)]
pub(crate) struct Hand {
    account: String,
    region: String,
    apis: aws_sdk_apigatewayv2::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    iam: aws_sdk_iam::Client,
    lambda: aws_sdk_lambda::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    s3: aws_sdk_s3::Client,
    scheduler: aws_sdk_scheduler::Client,
    secrets: aws_sdk_secretsmanager::Client,
    sns: aws_sdk_sns::Client,
    sqs: aws_sdk_sqs::Client,
    ssm: aws_sdk_ssm::Client,
}

/// What a part is, with everything about it known.
struct Known {
    address: PartAddress,
    part_type: String,
    name: String,
    tags: Vec<(String, String)>,
    properties: Json,
}

impl Known {
    fn text(&self, property: &str) -> &str {
        self.properties[property]
            .as_str()
            .unwrap_or_else(|| panic!("{} has no {property}", self.address))
    }

    fn maybe(&self, property: &str) -> Option<&str> {
        self.properties[property].as_str()
    }

    fn number(&self, property: &str) -> Option<i32> {
        let number = self.properties[property].as_i64()?;
        i32::try_from(number).ok()
    }

    /// What is before the first slash of its name.
    fn parent(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    fn word(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }
}

/// Values as JSON, by what other parts have told.
fn json(value: &Value, outputs: &Outputs) -> Json {
    let told = |reference: &OutputRef| {
        let part = outputs.get(&reference.part)?;
        part.get(reference.output.as_str()).map(Value::text)
    };
    fn plain(value: &Value) -> Json {
        match value {
            Value::Bool(flag) => Json::from(*flag),
            Value::Integer(number) => Json::from(*number),
            Value::Text(text) => Json::from(text.as_str()),
            Value::List(items) => items.iter().map(plain).collect(),
            Value::Map(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| (name.clone(), plain(value)));
                Json::Object(fields.collect())
            }
            Value::Null => Json::Null,
            other => panic!("{other:?} is not known yet"),
        }
    }
    plain(&value.resolve(&told))
}

fn known(part: &Part, outputs: &Outputs) -> Known {
    let properties = part.properties.iter();
    let properties =
        properties.map(|(name, property)| (name.clone(), json(&property.value, outputs)));
    Known {
        address: part.address.clone(),
        part_type: part.part_type.as_str().to_owned(),
        name: part.naming.name(0).as_str().to_owned(),
        tags: part.tags.clone().into_iter().collect(),
        properties: Json::Object(properties.collect()),
    }
}

/// Ends the benchmark with what AWS says.
trait Done<T> {
    fn done(self, what: &Known) -> T;
}

impl<T, E: std::fmt::Debug> Done<T> for Result<T, E> {
    fn done(self, what: &Known) -> T {
        self.unwrap_or_else(|error| panic!("{} by hand: {error:?}", what.address))
    }
}

impl Hand {
    pub(crate) fn new(account: &Account) -> Hand {
        let config = account.sdk_config();
        let s3 = aws_sdk_s3::config::Builder::from(config).force_path_style(true);
        Hand {
            account: account.number().to_owned(),
            region: account.region().to_owned(),
            apis: aws_sdk_apigatewayv2::Client::new(config),
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            iam: aws_sdk_iam::Client::new(config),
            lambda: aws_sdk_lambda::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            scheduler: aws_sdk_scheduler::Client::new(config),
            secrets: aws_sdk_secretsmanager::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
            ssm: aws_sdk_ssm::Client::new(config),
        }
    }

    /// Makes everything. What was told is for the other phases.
    pub(crate) async fn create(&self, blueprint: &Blueprint, archive: &[u8]) -> Outputs {
        let mut outputs = Outputs::new();
        let mut waiting: Vec<&Part> = blueprint.parts().values().collect();
        let mut running = JoinSet::new();
        loop {
            let ready = |part: &&Part| {
                part.dependencies()
                    .iter()
                    .all(|part| outputs.contains_key(part))
            };
            let (now, later): (Vec<&Part>, Vec<&Part>) = waiting.into_iter().partition(ready);
            waiting = later;
            for part in now {
                let (hand, part, archive) = (self.clone(), known(part, &outputs), archive.to_vec());
                running.spawn(async move {
                    let told = hand.create_one(&part, archive).await;
                    (part.address, told)
                });
            }
            match running.join_next().await {
                Some(told) => {
                    let (address, told) = told.expect("a call by hand ends");
                    outputs.insert(address, told);
                }
                None => {
                    assert!(waiting.is_empty(), "parts in a circle");
                    break;
                }
            }
        }
        // Whoever says that it is deployed means that it answers.
        let mut looking = JoinSet::new();
        for part in blueprint.parts().values() {
            if part.part_type.as_str() == "AWS::Lambda::Function" {
                let (hand, name) = (self.clone(), part.naming.name(0));
                looking.spawn(async move { hand.rests(name.as_str()).await });
            }
        }
        while let Some(ended) = looking.join_next().await {
            ended.expect("a call by hand ends");
        }
        outputs
    }

    async fn create_one(&self, part: &Known, archive: Vec<u8>) -> BTreeMap<&'static str, String> {
        let name = part.name.clone();
        let arn = |service: &str, rest: &str| {
            format!("arn:aws:{service}:{}:{}:{rest}", self.region, self.account)
        };
        match part.part_type.as_str() {
            "AWS::IAM::Role" => {
                let call = self.iam.create_role().role_name(&name);
                let call = call.assume_role_policy_document(
                    part.properties["AssumeRolePolicyDocument"].to_string(),
                );
                let tags = part.tags.iter().map(|(key, value)| {
                    let tag = aws_sdk_iam::types::Tag::builder().key(key).value(value);
                    tag.build().done(part)
                });
                call.set_tags(Some(tags.collect())).send().await.done(part);
                let arn = format!("arn:aws:iam::{}:role/{name}", self.account);
                [("Ref", name), ("Arn", arn)].into()
            }
            "AWS::IAM::RolePolicy" => {
                let call = self.iam.put_role_policy().role_name(part.text("RoleName"));
                let call = call.policy_name(part.word());
                let document = part.properties["PolicyDocument"].to_string();
                call.policy_document(document).send().await.done(part);
                [("Ref", name)].into()
            }
            "AWS::Logs::LogGroup" => {
                let call = self.logs.create_log_group().log_group_name(&name);
                let tags: HashMap<String, String> = part.tags.iter().cloned().collect();
                call.set_tags(Some(tags)).send().await.done(part);
                let call = self.logs.put_retention_policy().log_group_name(&name);
                let days = part.number("RetentionInDays");
                call.set_retention_in_days(days).send().await.done(part);
                [
                    ("Arn", arn("logs", &format!("log-group:{name}:*"))),
                    ("Ref", name),
                ]
                .into()
            }
            "AWS::S3::Bucket" => self.bucket(part).await,
            "Ifc::S3::Object" => {
                let (bucket, key) = (part.text("Bucket"), part.text("Key"));
                let call = self.s3.put_object().bucket(bucket).key(key);
                call.body(ByteStream::from(archive)).send().await.done(part);
                [("Bucket", bucket.to_owned()), ("Key", key.to_owned())].into()
            }
            "Ifc::S3::Notifications" => {
                self.notifications(part).await;
                [("Ref", name)].into()
            }
            "AWS::Lambda::Function" => self.function(part).await,
            "AWS::Lambda::Alias" => {
                let call = self
                    .lambda
                    .create_alias()
                    .function_name(part.text("FunctionName"));
                let call = call
                    .name(part.word())
                    .function_version(part.text("FunctionVersion"));
                let alias = call.send().await.done(part);
                [("Ref", alias.alias_arn.unwrap_or_default())].into()
            }
            "AWS::Lambda::Permission" => {
                let (function, qualifier) = alias(part.text("FunctionName"));
                let call = self
                    .lambda
                    .add_permission()
                    .function_name(function)
                    .qualifier(qualifier);
                let call = call.statement_id(part.word()).action(part.text("Action"));
                let call = call
                    .principal(part.text("Principal"))
                    .source_arn(part.text("SourceArn"));
                call.send().await.done(part);
                [("Ref", name)].into()
            }
            "AWS::Lambda::EventSourceMapping" => {
                let call = self.lambda.create_event_source_mapping();
                let scaling = part.properties["ScalingConfig"]["MaximumConcurrency"].as_i64();
                let scaling = scaling.map(|most| {
                    let most = i32::try_from(most).ok();
                    lambda::ScalingConfig::builder()
                        .set_maximum_concurrency(most)
                        .build()
                });
                let made = call
                    .function_name(part.text("FunctionName"))
                    .event_source_arn(part.text("EventSourceArn"))
                    .set_batch_size(part.number("BatchSize"))
                    .set_maximum_batching_window_in_seconds(
                        part.number("MaximumBatchingWindowInSeconds"),
                    )
                    .function_response_types(lambda::FunctionResponseType::ReportBatchItemFailures)
                    .set_scaling_config(scaling)
                    .send()
                    .await
                    .done(part);
                [("Ref", made.uuid.unwrap_or_default())].into()
            }
            "AWS::ApiGatewayV2::Api" => {
                let call = self
                    .apis
                    .create_api()
                    .name(&name)
                    .protocol_type(ProtocolType::Http);
                let tags: HashMap<String, String> = part.tags.iter().cloned().collect();
                let made = call.set_tags(Some(tags)).send().await.done(part);
                [
                    ("Ref", made.api_id.unwrap_or_default()),
                    ("ApiEndpoint", made.api_endpoint.unwrap_or_default()),
                ]
                .into()
            }
            "AWS::ApiGatewayV2::Integration" => {
                let call = self.apis.create_integration().api_id(part.text("ApiId"));
                let made = call
                    .integration_type(IntegrationType::AwsProxy)
                    .integration_uri(part.text("IntegrationUri"))
                    .payload_format_version(part.text("PayloadFormatVersion"))
                    .set_timeout_in_millis(part.number("TimeoutInMillis"))
                    .send()
                    .await
                    .done(part);
                [("Ref", made.integration_id.unwrap_or_default())].into()
            }
            "AWS::ApiGatewayV2::Route" => {
                let call = self.apis.create_route().api_id(part.text("ApiId"));
                let call = call
                    .route_key(part.text("RouteKey"))
                    .target(part.text("Target"));
                let made = call.send().await.done(part);
                [("Ref", made.route_id.unwrap_or_default())].into()
            }
            "AWS::ApiGatewayV2::Stage" => {
                let call = self.apis.create_stage().api_id(part.text("ApiId"));
                let call = call.stage_name(part.word()).auto_deploy(true);
                call.send().await.done(part);
                [("Ref", part.word().to_owned())].into()
            }
            "AWS::DynamoDB::Table" => self.table(part).await,
            "AWS::SNS::Topic" => {
                let call = self.sns.create_topic().name(&name);
                let tags = part.tags.iter().map(|(key, value)| {
                    let tag = aws_sdk_sns::types::Tag::builder().key(key).value(value);
                    tag.build().done(part)
                });
                let made = call.set_tags(Some(tags.collect())).send().await.done(part);
                [
                    ("Ref", made.topic_arn.unwrap_or_default()),
                    ("TopicName", name),
                ]
                .into()
            }
            "AWS::SNS::Subscription" => {
                let call = self.sns.subscribe().topic_arn(part.text("TopicArn"));
                let mut call = call.protocol("sqs").endpoint(part.text("Endpoint"));
                call = call.attributes("RawMessageDelivery", "true");
                if !part.properties["FilterPolicy"].is_null() {
                    call = call.attributes("FilterPolicyScope", part.text("FilterPolicyScope"));
                    call = call
                        .attributes("FilterPolicy", part.properties["FilterPolicy"].to_string());
                }
                let made = call.send().await.done(part);
                [("Ref", made.subscription_arn.unwrap_or_default())].into()
            }
            "AWS::SQS::Queue" => {
                let call = self.sqs.create_queue().queue_name(&name);
                let tags: HashMap<String, String> = part.tags.iter().cloned().collect();
                let fields = part.properties.as_object().into_iter().flatten();
                let attributes =
                    fields
                        .filter(|(_, value)| !value.is_null())
                        .map(|(key, value)| {
                            let text = value
                                .as_str()
                                .map_or_else(|| value.to_string(), str::to_owned);
                            (key.as_str().into(), text)
                        });
                let call = call
                    .set_attributes(Some(attributes.collect()))
                    .set_tags(Some(tags));
                let made = call.send().await.done(part);
                let url = made.queue_url.unwrap_or_default();
                [
                    ("QueueUrl", url.clone()),
                    ("Ref", url),
                    ("Arn", arn("sqs", &name)),
                    ("QueueName", name),
                ]
                .into()
            }
            "AWS::SQS::QueuePolicy" => {
                let url = part.properties["Queues"][0].as_str().unwrap_or_default();
                let call = self.sqs.set_queue_attributes().queue_url(url);
                let policy = part.properties["PolicyDocument"].to_string();
                call.attributes("Policy".into(), policy)
                    .send()
                    .await
                    .done(part);
                [("Ref", name)].into()
            }
            "AWS::Scheduler::Schedule" => {
                self.schedule(part).await;
                [
                    ("Arn", arn("scheduler", &format!("schedule/default/{name}"))),
                    ("Ref", name),
                ]
                .into()
            }
            "AWS::SecretsManager::Secret" => {
                let call = self.secrets.create_secret().name(&name);
                let tags = part.tags.iter().map(|(key, value)| {
                    aws_sdk_secretsmanager::types::Tag::builder()
                        .key(key)
                        .value(value)
                        .build()
                });
                let made = call.set_tags(Some(tags.collect())).send().await.done(part);
                [("Ref", made.arn.unwrap_or_default())].into()
            }
            "AWS::SSM::Parameter" => {
                let call = self
                    .ssm
                    .put_parameter()
                    .name(&name)
                    .value(part.text("Value"));
                let tags = part.tags.iter().map(|(key, value)| {
                    let tag = aws_sdk_ssm::types::Tag::builder().key(key).value(value);
                    tag.build().done(part)
                });
                let call = call.r#type(aws_sdk_ssm::types::ParameterType::String);
                call.set_tags(Some(tags.collect())).send().await.done(part);
                [("Ref", name)].into()
            }
            other => panic!("{other} is not made by hand"),
        }
    }

    async fn bucket(&self, part: &Known) -> BTreeMap<&'static str, String> {
        let name = &part.name;
        let place = s3::CreateBucketConfiguration::builder()
            .location_constraint(self.region.as_str().into())
            .build();
        let call = self.s3.create_bucket().bucket(name);
        let call = call.create_bucket_configuration(place);
        let call = call.object_ownership(s3::ObjectOwnership::BucketOwnerEnforced);
        call.send().await.done(part);
        let tags = part.tags.iter().map(|(key, value)| {
            let tag = s3::Tag::builder().key(key).value(value);
            tag.build().done(part)
        });
        let tagging = s3::Tagging::builder().set_tag_set(Some(tags.collect()));
        let call = self.s3.put_bucket_tagging().bucket(name);
        call.tagging(tagging.build().done(part))
            .send()
            .await
            .done(part);
        let block = s3::PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .block_public_policy(true)
            .ignore_public_acls(true)
            .restrict_public_buckets(true)
            .build();
        let call = self.s3.put_public_access_block().bucket(name);
        call.public_access_block_configuration(block)
            .send()
            .await
            .done(part);
        let default = s3::ServerSideEncryptionByDefault::builder()
            .sse_algorithm(s3::ServerSideEncryption::Aes256)
            .build()
            .done(part);
        let rule = s3::ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(default)
            .build();
        let encryption = s3::ServerSideEncryptionConfiguration::builder().rules(rule);
        let call = self.s3.put_bucket_encryption().bucket(name);
        let call = call.server_side_encryption_configuration(encryption.build().done(part));
        call.send().await.done(part);
        let uploads = s3::AbortIncompleteMultipartUpload::builder()
            .days_after_initiation(7)
            .build();
        let rule = s3::LifecycleRule::builder()
            .id("broken-uploads")
            .status(s3::ExpirationStatus::Enabled)
            .filter(s3::LifecycleRuleFilter::builder().prefix("").build())
            .abort_incomplete_multipart_upload(uploads)
            .build()
            .done(part);
        let rules = s3::BucketLifecycleConfiguration::builder().rules(rule);
        let call = self.s3.put_bucket_lifecycle_configuration().bucket(name);
        let call = call.lifecycle_configuration(rules.build().done(part));
        call.send().await.done(part);
        [
            ("Ref", name.clone()),
            ("Arn", format!("arn:aws:s3:::{name}")),
        ]
        .into()
    }

    async fn notifications(&self, part: &Known) {
        let listeners =
            part.properties["NotificationConfiguration"]["QueueConfigurations"].as_array();
        let listeners = listeners.into_iter().flatten().map(|listener| {
            let rules = listener["Filter"]["S3Key"]["Rules"]
                .as_array()
                .into_iter()
                .flatten();
            let rules = rules.map(|rule| {
                let name = rule["Name"].as_str().unwrap_or_default();
                let value = rule["Value"].as_str().unwrap_or_default();
                s3::FilterRule::builder()
                    .name(name.into())
                    .value(value)
                    .build()
            });
            let key = s3::S3KeyFilter::builder()
                .set_filter_rules(Some(rules.collect()))
                .build();
            s3::QueueConfiguration::builder()
                .queue_arn(listener["Queue"].as_str().unwrap_or_default())
                .events(listener["Event"].as_str().unwrap_or_default().into())
                .filter(
                    s3::NotificationConfigurationFilter::builder()
                        .key(key)
                        .build(),
                )
                .build()
                .done(part)
        });
        let configuration = s3::NotificationConfiguration::builder()
            .set_queue_configurations(Some(listeners.collect()))
            .build();
        let call = self.s3.put_bucket_notification_configuration();
        let call = call
            .bucket(part.text("Bucket"))
            .notification_configuration(configuration);
        call.send().await.done(part);
    }

    async fn function(&self, part: &Known) -> BTreeMap<&'static str, String> {
        let code = &part.properties["Code"];
        let code = lambda::FunctionCode::builder()
            .s3_bucket(code["S3Bucket"].as_str().unwrap_or_default())
            .s3_key(code["S3Key"].as_str().unwrap_or_default())
            .build();
        let variables = part.properties["Environment"]["Variables"].as_object();
        let variables: HashMap<String, String> = variables
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect();
        let environment = lambda::Environment::builder()
            .set_variables(Some(variables))
            .build();
        let tags: HashMap<String, String> = part.tags.iter().cloned().collect();
        let made = self
            .lambda
            .create_function()
            .function_name(&part.name)
            .code(code)
            .environment(environment)
            .handler(part.text("Handler"))
            .runtime(part.text("Runtime").into())
            .role(part.text("Role"))
            .set_memory_size(part.number("MemorySize"))
            .set_timeout(part.number("Timeout"))
            .architectures(lambda::Architecture::X8664)
            .publish(true)
            .set_tags(Some(tags))
            .send()
            .await
            .done(part);
        [
            ("Ref", part.name.clone()),
            ("Arn", made.function_arn.unwrap_or_default()),
            ("Version", made.version.unwrap_or_default()),
        ]
        .into()
    }

    /// Waits until a function answers calls.
    async fn rests(&self, name: &str) {
        loop {
            let call = self.lambda.get_function_configuration();
            let is = call.function_name(name).send().await;
            let is = is.expect("a function by hand");
            if is.state != Some(lambda::State::Pending)
                && is.last_update_status != Some(lambda::LastUpdateStatus::InProgress)
            {
                return;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    async fn table(&self, part: &Known) -> BTreeMap<&'static str, String> {
        let text = |value: &Json, field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let list = |value: &Json| value.as_array().cloned().unwrap_or_default();
        let keys = |value: &Json| {
            let keys = list(value).into_iter().map(|key| {
                table::KeySchemaElement::builder()
                    .attribute_name(text(&key, "AttributeName"))
                    .key_type(text(&key, "KeyType").as_str().into())
                    .build()
                    .done(part)
            });
            keys.collect::<Vec<_>>()
        };
        let attributes = list(&part.properties["AttributeDefinitions"])
            .into_iter()
            .map(|attribute| {
                table::AttributeDefinition::builder()
                    .attribute_name(text(&attribute, "AttributeName"))
                    .attribute_type(text(&attribute, "AttributeType").as_str().into())
                    .build()
                    .done(part)
            });
        let projection = table::Projection::builder()
            .projection_type(table::ProjectionType::All)
            .build();
        let indexes: Vec<_> = list(&part.properties["GlobalSecondaryIndexes"])
            .into_iter()
            .map(|index| {
                table::GlobalSecondaryIndex::builder()
                    .index_name(text(&index, "IndexName"))
                    .set_key_schema(Some(keys(&index["KeySchema"])))
                    .projection(projection.clone())
                    .build()
                    .done(part)
            })
            .collect();
        let tags = part.tags.iter().map(|(key, value)| {
            let tag = table::Tag::builder().key(key).value(value);
            tag.build().done(part)
        });
        let made = self
            .dynamodb
            .create_table()
            .table_name(&part.name)
            .set_attribute_definitions(Some(attributes.collect()))
            .set_key_schema(Some(keys(&part.properties["KeySchema"])))
            .set_global_secondary_indexes((!indexes.is_empty()).then_some(indexes))
            .billing_mode(table::BillingMode::PayPerRequest)
            .set_tags(Some(tags.collect()))
            .send()
            .await
            .done(part);
        let ttl = &part.properties["TimeToLiveSpecification"];
        if let Some(attribute) = ttl["AttributeName"].as_str() {
            let ttl = table::TimeToLiveSpecification::builder()
                .attribute_name(attribute)
                .enabled(true);
            let call = self.dynamodb.update_time_to_live().table_name(&part.name);
            call.time_to_live_specification(ttl.build().done(part))
                .send()
                .await
                .done(part);
        }
        let made = made.table_description;
        let arn = made.and_then(|made| made.table_arn).unwrap_or_default();
        [("Ref", part.name.clone()), ("Arn", arn)].into()
    }

    async fn schedule(&self, part: &Known) {
        let target = &part.properties["Target"];
        let text = |field: &str| target[field].as_str().unwrap_or_default();
        let target = scheduler::Target::builder()
            .arn(text("Arn"))
            .role_arn(text("RoleArn"))
            .input(text("Input"))
            .build()
            .done(part);
        let window =
            scheduler::FlexibleTimeWindow::builder().mode(scheduler::FlexibleTimeWindowMode::Off);
        self.scheduler
            .create_schedule()
            .name(&part.name)
            .schedule_expression(part.text("ScheduleExpression"))
            .set_schedule_expression_timezone(
                part.maybe("ScheduleExpressionTimezone").map(str::to_owned),
            )
            .flexible_time_window(window.build().done(part))
            .target(target)
            .send()
            .await
            .done(part);
    }

    /// Uploads the archive, and makes it what all units run.
    pub(crate) async fn change_code(
        &self,
        blueprint: &Blueprint,
        outputs: &mut Outputs,
        archive: &[u8],
    ) {
        let of_type = |wanted: &'static str| {
            let parts = blueprint.parts().values();
            parts.filter(move |part| part.part_type.as_str() == wanted)
        };
        for part in of_type("Ifc::S3::Object") {
            let part = known(part, outputs);
            let (bucket, key) = (part.text("Bucket"), part.text("Key"));
            let call = self.s3.put_object().bucket(bucket).key(key);
            let body = ByteStream::from(archive.to_vec());
            call.body(body).send().await.done(&part);
            let told = outputs.entry(part.address.clone()).or_default();
            if let Some(old) = told.insert("Key", key.to_owned()) {
                let call = self.s3.delete_object().bucket(bucket).key(old);
                call.send().await.done(&part);
            }
        }
        let mut running = JoinSet::new();
        for part in of_type("AWS::Lambda::Function") {
            let part = known(part, outputs);
            let code = &part.properties["Code"];
            let call = self.lambda.update_function_code().function_name(&part.name);
            let call = call.s3_bucket(code["S3Bucket"].as_str().unwrap_or_default());
            let call = call
                .s3_key(code["S3Key"].as_str().unwrap_or_default())
                .publish(true);
            let aliases = self
                .lambda
                .update_alias()
                .function_name(&part.name)
                .name("live");
            let hand = self.clone();
            running.spawn(async move {
                let made = call.send().await.expect("new code by hand");
                // A version that is not ready would fail the calls that the alias leads to it.
                hand.rests(&part.name).await;
                let call = aliases.function_version(made.version.unwrap_or_default());
                call.send().await.expect("a live version by hand");
            });
        }
        while let Some(ended) = running.join_next().await {
            ended.expect("a call by hand ends");
        }
    }
}

/// A function and its alias, by the alias's ARN.
fn alias(arn: &str) -> (&str, &str) {
    let (function, alias) = arn.rsplit_once(':').unwrap_or((arn, ""));
    (function, alias)
}
