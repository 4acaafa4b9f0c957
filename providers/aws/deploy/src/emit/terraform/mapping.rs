//! The one table from CloudFormation's words to those of Terraform's official provider.

use super::{Fields, Known};
use crate::catalog::{
    ALIAS, API, API_STAGE, BUCKET, EVENT_BUS, EVENT_SOURCE_MAPPING, FUNCTION, INTEGRATION,
    LOG_GROUP, NOTIFICATIONS, PARAMETER, PERMISSION, QUEUE, QUEUE_POLICY, ROLE, ROLE_POLICY, ROUTE,
    RULE, SCHEDULE, SECRET, STREAM, SUBSCRIPTION, TABLE, TOPIC, parent, word,
};
use serde_json::{Value as Json, json};

/// How one type of part is written.
pub(super) struct Mapping {
    pub(super) part_type: &'static str,
    /// Terraform's resource.
    pub(super) resource: &'static str,
    /// The argument that is the name, if one is.
    pub(super) name: Option<&'static str>,
    pub(super) properties: &'static [(&'static str, Place)],
    /// What CloudFormation does without being told.
    pub(super) constants: &'static [(&'static str, Constant)],
    /// Outputs as attributes.
    pub(super) attributes: &'static [(&'static str, &'static str)],
    /// The id by which Terraform knows what is live.
    pub(super) import: fn(&Known<'_>) -> Option<String>,
}

/// Where a property goes.
pub(super) enum Place {
    /// Into an argument, as it is.
    As(&'static str),
    /// Into an argument that is a text with JSON in it.
    Json(&'static str),
    /// Into arguments or blocks of another shape.
    Into(fn(&Json, &mut Fields)),
    /// Into resources of their own, which refer to the part.
    Beside(fn(String, &Json) -> Vec<Extra>),
    /// Terraform would have to know what it must not.
    Nowhere,
}

/// A resource beside that of a part.
pub(super) struct Extra {
    pub(super) resource: &'static str,
    pub(super) fields: Fields,
    pub(super) import: fn(&Known<'_>) -> Option<String>,
}

/// A value that is always the same.
pub(super) enum Constant {
    True,
}

impl Constant {
    pub(super) fn json(&self) -> Json {
        match self {
            Constant::True => Json::Bool(true),
        }
    }
}

use Place::{As, Beside, Into, Json as JsonText, Nowhere};

/// The mapping of a type.
pub(super) fn find(part_type: &str) -> Option<&'static Mapping> {
    MAPPINGS
        .iter()
        .find(|mapping| mapping.part_type == part_type)
}

/// The attribute that is an output.
pub(super) fn attribute(part_type: &str, output: &str) -> Option<&'static str> {
    let attributes = find(part_type)?.attributes.iter();
    let mut found = attributes.filter(|(known, _)| *known == output);
    found.next().map(|(_, attribute)| *attribute)
}

fn by_name(known: &Known<'_>) -> Option<String> {
    Some(known.name.to_owned())
}

fn by_reference(known: &Known<'_>) -> Option<String> {
    known.output("Ref")
}

/// `API/ID`.
fn within_api(known: &Known<'_>) -> Option<String> {
    Some(format!(
        "{}/{}",
        known.property("ApiId")?,
        known.output("Ref")?
    ))
}

/// Fields of a JSON object.
fn fields<const N: usize>(pairs: [(&str, Json); N]) -> Fields {
    pairs
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

fn attribute_of(part: &str, attribute: &str) -> Json {
    format!("${{{part}.{attribute}}}").into()
}

fn items(value: &Json) -> impl Iterator<Item = &Json> {
    value.as_array().into_iter().flatten()
}

/// The attribute with this role in a key schema.
fn key(schema: &Json, role: &str) -> Json {
    let found = items(schema).find(|key| key["KeyType"] == role);
    found.map_or(Json::Null, |key| key["AttributeName"].clone())
}

fn beside_bucket(part: &str, resource: &'static str, mut fields: Fields) -> Vec<Extra> {
    fields.insert("bucket".to_owned(), attribute_of(part, "id"));
    vec![Extra {
        resource,
        fields,
        import: by_name,
    }]
}

static MAPPINGS: &[Mapping] = &[
    Mapping {
        part_type: BUCKET,
        resource: "aws_s3_bucket",
        name: Some("bucket"),
        properties: &[
            (
                "BucketEncryption",
                Beside(|part, value| {
                    let rules = items(&value["ServerSideEncryptionConfiguration"]).map(|rule| {
                    let algorithm = &rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"];
                    json!({ "apply_server_side_encryption_by_default": { "sse_algorithm": algorithm } })
                });
                    let rules: Vec<Json> = rules.collect();
                    let resource = "aws_s3_bucket_server_side_encryption_configuration";
                    beside_bucket(&part, resource, fields([("rule", rules.into())]))
                }),
            ),
            (
                "LifecycleConfiguration",
                Beside(|part, value| {
                    let rules = items(&value["Rules"]).map(|rule| {
                        let days = &rule["ExpirationInDays"];
                        let expiration = (!days.is_null()).then(|| json!({ "days": days }));
                        let uploads =
                            &rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"];
                        let uploads = (!uploads.is_null())
                            .then(|| json!({ "days_after_initiation": uploads }));
                        Json::Object(fields([
                            ("id", rule["Id"].clone()),
                            ("status", rule["Status"].clone()),
                            ("filter", json!({ "prefix": rule["Prefix"] })),
                            ("expiration", expiration.unwrap_or_default()),
                            (
                                "abort_incomplete_multipart_upload",
                                uploads.unwrap_or_default(),
                            ),
                        ]))
                    });
                    let rules: Vec<Json> = rules.collect();
                    let resource = "aws_s3_bucket_lifecycle_configuration";
                    beside_bucket(&part, resource, fields([("rule", rules.into())]))
                }),
            ),
            (
                "OwnershipControls",
                Beside(|part, value| {
                    let ownership = &value["Rules"][0]["ObjectOwnership"];
                    let rule = json!({ "object_ownership": ownership });
                    let resource = "aws_s3_bucket_ownership_controls";
                    beside_bucket(&part, resource, fields([("rule", rule)]))
                }),
            ),
            (
                "PublicAccessBlockConfiguration",
                Beside(|part, value| {
                    let resource = "aws_s3_bucket_public_access_block";
                    beside_bucket(
                        &part,
                        resource,
                        fields([
                            ("block_public_acls", value["BlockPublicAcls"].clone()),
                            ("block_public_policy", value["BlockPublicPolicy"].clone()),
                            ("ignore_public_acls", value["IgnorePublicAcls"].clone()),
                            (
                                "restrict_public_buckets",
                                value["RestrictPublicBuckets"].clone(),
                            ),
                        ]),
                    )
                }),
            ),
        ],
        constants: &[],
        attributes: &[("Ref", "id"), ("Arn", "arn")],
        import: by_name,
    },
    Mapping {
        part_type: NOTIFICATIONS,
        resource: "aws_s3_bucket_notification",
        name: None,
        properties: &[
            ("Bucket", As("bucket")),
            (
                "NotificationConfiguration",
                Into(|value, to| {
                    let queues = items(&value["QueueConfigurations"]).map(|queue| {
                        let rules = &queue["Filter"]["S3Key"]["Rules"];
                        let rule = |name: &str| {
                            let found = items(rules).find(|rule| rule["Name"] == name);
                            found.map_or(Json::Null, |rule| rule["Value"].clone())
                        };
                        Json::Object(fields([
                            ("queue_arn", queue["Queue"].clone()),
                            ("events", json!([queue["Event"]])),
                            ("filter_prefix", rule("prefix")),
                            ("filter_suffix", rule("suffix")),
                        ]))
                    });
                    to.insert("queue".to_owned(), queues.collect());
                }),
            ),
        ],
        constants: &[],
        attributes: &[],
        import: |known| known.property("Bucket"),
    },
    Mapping {
        part_type: ROLE,
        resource: "aws_iam_role",
        name: Some("name"),
        properties: &[("AssumeRolePolicyDocument", JsonText("assume_role_policy"))],
        constants: &[],
        attributes: &[("Ref", "name"), ("Arn", "arn")],
        import: by_name,
    },
    Mapping {
        part_type: ROLE_POLICY,
        resource: "aws_iam_role_policy",
        name: Some("name"),
        properties: &[
            ("PolicyDocument", JsonText("policy")),
            ("RoleName", As("role")),
        ],
        constants: &[],
        attributes: &[],
        import: |known| Some(format!("{}:{}", parent(known.name), word(known.name))),
    },
    Mapping {
        part_type: LOG_GROUP,
        resource: "aws_cloudwatch_log_group",
        name: Some("name"),
        properties: &[("RetentionInDays", As("retention_in_days"))],
        constants: &[],
        attributes: &[("Ref", "name"), ("Arn", "arn")],
        import: by_name,
    },
    Mapping {
        part_type: FUNCTION,
        resource: "aws_lambda_function",
        name: Some("function_name"),
        properties: &[
            ("Architectures", As("architectures")),
            (
                "Code",
                Into(|value, to| {
                    to.extend(fields([
                        ("s3_bucket", value["S3Bucket"].clone()),
                        ("s3_key", value["S3Key"].clone()),
                    ]));
                }),
            ),
            (
                "Environment",
                Into(|value, to| {
                    let environment = json!({ "variables": value["Variables"] });
                    to.insert("environment".to_owned(), environment);
                }),
            ),
            ("Handler", As("handler")),
            ("MemorySize", As("memory_size")),
            (
                "ReservedConcurrentExecutions",
                As("reserved_concurrent_executions"),
            ),
            ("Role", As("role")),
            ("Runtime", As("runtime")),
            ("Timeout", As("timeout")),
        ],
        constants: &[("publish", Constant::True)],
        attributes: &[
            ("Ref", "function_name"),
            ("Arn", "arn"),
            ("Version", "version"),
        ],
        import: by_name,
    },
    Mapping {
        part_type: ALIAS,
        resource: "aws_lambda_alias",
        name: Some("name"),
        properties: &[
            ("FunctionName", As("function_name")),
            ("FunctionVersion", As("function_version")),
            (
                "ProvisionedConcurrencyConfig",
                Beside(|part, value| {
                    let ready = value["ProvisionedConcurrentExecutions"].clone();
                    vec![Extra {
                        resource: "aws_lambda_provisioned_concurrency_config",
                        fields: fields([
                            ("function_name", attribute_of(&part, "function_name")),
                            ("qualifier", attribute_of(&part, "name")),
                            ("provisioned_concurrent_executions", ready),
                        ]),
                        import: |known| {
                            Some(format!("{},{}", parent(known.name), word(known.name)))
                        },
                    }]
                }),
            ),
        ],
        constants: &[],
        attributes: &[("Ref", "arn")],
        import: by_name,
    },
    Mapping {
        part_type: PERMISSION,
        resource: "aws_lambda_permission",
        name: Some("statement_id"),
        properties: &[
            ("Action", As("action")),
            // The reference is to the alias, whose ARN names function and version at once.
            (
                "FunctionName",
                Into(|value, to| {
                    let alias = value.as_str().unwrap_or_default();
                    let alias = alias.trim_start_matches("${").trim_end_matches(".arn}");
                    to.extend(fields([
                        ("function_name", attribute_of(alias, "function_name")),
                        ("qualifier", attribute_of(alias, "name")),
                    ]));
                }),
            ),
            ("Principal", As("principal")),
            ("SourceArn", As("source_arn")),
        ],
        constants: &[],
        attributes: &[],
        import: |known| {
            let mut words = known.name.split('/');
            let (function, alias, statement) = (words.next()?, words.next()?, words.next()?);
            Some(format!("{function}:{alias}/{statement}"))
        },
    },
    Mapping {
        part_type: EVENT_SOURCE_MAPPING,
        resource: "aws_lambda_event_source_mapping",
        name: None,
        properties: &[
            ("BatchSize", As("batch_size")),
            (
                "BisectBatchOnFunctionError",
                As("bisect_batch_on_function_error"),
            ),
            (
                "DestinationConfig",
                Into(|value, to| {
                    let on_failure =
                        json!({ "destination_arn": value["OnFailure"]["Destination"] });
                    let config = json!({ "on_failure": on_failure });
                    to.insert("destination_config".to_owned(), config);
                }),
            ),
            ("EventSourceArn", As("event_source_arn")),
            ("FunctionName", As("function_name")),
            ("FunctionResponseTypes", As("function_response_types")),
            (
                "MaximumBatchingWindowInSeconds",
                As("maximum_batching_window_in_seconds"),
            ),
            ("MaximumRetryAttempts", As("maximum_retry_attempts")),
            ("ParallelizationFactor", As("parallelization_factor")),
            (
                "ScalingConfig",
                Into(|value, to| {
                    let config = json!({ "maximum_concurrency": value["MaximumConcurrency"] });
                    to.insert("scaling_config".to_owned(), config);
                }),
            ),
            ("StartingPosition", As("starting_position")),
        ],
        constants: &[],
        attributes: &[("Ref", "id")],
        import: by_reference,
    },
    Mapping {
        part_type: API,
        resource: "aws_apigatewayv2_api",
        name: Some("name"),
        properties: &[("ProtocolType", As("protocol_type"))],
        constants: &[],
        attributes: &[("Ref", "id"), ("ApiEndpoint", "api_endpoint")],
        import: by_reference,
    },
    Mapping {
        part_type: INTEGRATION,
        resource: "aws_apigatewayv2_integration",
        name: None,
        properties: &[
            ("ApiId", As("api_id")),
            ("IntegrationType", As("integration_type")),
            ("IntegrationUri", As("integration_uri")),
            ("PayloadFormatVersion", As("payload_format_version")),
            ("TimeoutInMillis", As("timeout_milliseconds")),
        ],
        constants: &[],
        attributes: &[("Ref", "id")],
        import: within_api,
    },
    Mapping {
        part_type: ROUTE,
        resource: "aws_apigatewayv2_route",
        name: None,
        properties: &[
            ("ApiId", As("api_id")),
            ("RouteKey", As("route_key")),
            ("Target", As("target")),
        ],
        constants: &[],
        attributes: &[("Ref", "id")],
        import: within_api,
    },
    Mapping {
        part_type: API_STAGE,
        resource: "aws_apigatewayv2_stage",
        name: Some("name"),
        properties: &[("ApiId", As("api_id")), ("AutoDeploy", As("auto_deploy"))],
        constants: &[],
        attributes: &[("Ref", "name")],
        import: |known| Some(format!("{}/{}", known.property("ApiId")?, word(known.name))),
    },
    Mapping {
        part_type: QUEUE,
        resource: "aws_sqs_queue",
        name: Some("name"),
        properties: &[
            ("DeduplicationScope", As("deduplication_scope")),
            ("FifoQueue", As("fifo_queue")),
            ("FifoThroughputLimit", As("fifo_throughput_limit")),
            ("MessageRetentionPeriod", As("message_retention_seconds")),
            ("RedrivePolicy", JsonText("redrive_policy")),
            ("SqsManagedSseEnabled", As("sqs_managed_sse_enabled")),
            ("VisibilityTimeout", As("visibility_timeout_seconds")),
        ],
        constants: &[],
        attributes: &[("Ref", "url"), ("Arn", "arn"), ("QueueName", "name")],
        import: by_reference,
    },
    Mapping {
        part_type: QUEUE_POLICY,
        resource: "aws_sqs_queue_policy",
        name: None,
        properties: &[
            ("PolicyDocument", JsonText("policy")),
            (
                "Queues",
                Into(|value, to| {
                    to.insert("queue_url".to_owned(), value[0].clone());
                }),
            ),
        ],
        constants: &[],
        attributes: &[],
        import: |known| match known.properties.get("Queues")? {
            ifc_engine::Value::List(queues) => super::text(queues.first()?),
            _ => None,
        },
    },
    Mapping {
        part_type: TOPIC,
        resource: "aws_sns_topic",
        name: Some("name"),
        properties: &[
            ("FifoThroughputScope", As("fifo_throughput_scope")),
            ("FifoTopic", As("fifo_topic")),
        ],
        constants: &[],
        attributes: &[("Ref", "arn"), ("TopicName", "name")],
        import: by_reference,
    },
    Mapping {
        part_type: SUBSCRIPTION,
        resource: "aws_sns_topic_subscription",
        name: None,
        properties: &[
            ("Endpoint", As("endpoint")),
            ("FilterPolicy", JsonText("filter_policy")),
            ("FilterPolicyScope", As("filter_policy_scope")),
            ("Protocol", As("protocol")),
            ("RawMessageDelivery", As("raw_message_delivery")),
            ("TopicArn", As("topic_arn")),
        ],
        constants: &[],
        attributes: &[("Ref", "arn")],
        import: by_reference,
    },
    Mapping {
        part_type: EVENT_BUS,
        resource: "aws_cloudwatch_event_bus",
        name: Some("name"),
        properties: &[],
        constants: &[],
        attributes: &[("Ref", "name"), ("Arn", "arn")],
        import: by_name,
    },
    Mapping {
        part_type: RULE,
        resource: "aws_cloudwatch_event_rule",
        name: Some("name"),
        properties: &[
            ("EventBusName", As("event_bus_name")),
            ("EventPattern", JsonText("event_pattern")),
            ("State", As("state")),
            (
                "Targets",
                Beside(|part, value| {
                    let target = &value[0];
                    vec![Extra {
                        resource: "aws_cloudwatch_event_target",
                        fields: fields([
                            ("rule", attribute_of(&part, "name")),
                            ("event_bus_name", attribute_of(&part, "event_bus_name")),
                            ("target_id", target["Id"].clone()),
                            ("arn", target["Arn"].clone()),
                        ]),
                        import: |known| Some(format!("{}/inbox", known.name)),
                    }]
                }),
            ),
        ],
        constants: &[],
        attributes: &[("Arn", "arn")],
        import: by_name,
    },
    Mapping {
        part_type: TABLE,
        resource: "aws_dynamodb_table",
        name: Some("name"),
        properties: &[
            (
                "AttributeDefinitions",
                Into(|value, to| {
                    let attributes = items(value).map(|attribute| {
                    json!({ "name": attribute["AttributeName"], "type": attribute["AttributeType"] })
                });
                    to.insert("attribute".to_owned(), attributes.collect());
                }),
            ),
            ("BillingMode", As("billing_mode")),
            (
                "GlobalSecondaryIndexes",
                Into(|value, to| {
                    let indexes = items(value).map(|index| {
                        Json::Object(fields([
                            ("name", index["IndexName"].clone()),
                            ("hash_key", key(&index["KeySchema"], "HASH")),
                            ("range_key", key(&index["KeySchema"], "RANGE")),
                            (
                                "projection_type",
                                index["Projection"]["ProjectionType"].clone(),
                            ),
                        ]))
                    });
                    to.insert("global_secondary_index".to_owned(), indexes.collect());
                }),
            ),
            (
                "KeySchema",
                Into(|value, to| {
                    to.extend(fields([
                        ("hash_key", key(value, "HASH")),
                        ("range_key", key(value, "RANGE")),
                    ]));
                }),
            ),
            (
                "PointInTimeRecoverySpecification",
                Into(|value, to| {
                    let recovery = json!({ "enabled": value["PointInTimeRecoveryEnabled"] });
                    to.insert("point_in_time_recovery".to_owned(), recovery);
                }),
            ),
            (
                "StreamSpecification",
                Into(|value, to| {
                    to.extend(fields([
                        ("stream_enabled", true.into()),
                        ("stream_view_type", value["StreamViewType"].clone()),
                    ]));
                }),
            ),
            (
                "TimeToLiveSpecification",
                Into(|value, to| {
                    let ttl = json!({
                        "attribute_name": value["AttributeName"],
                        "enabled": value["Enabled"],
                    });
                    to.insert("ttl".to_owned(), ttl);
                }),
            ),
        ],
        constants: &[],
        attributes: &[("Ref", "name"), ("Arn", "arn"), ("StreamArn", "stream_arn")],
        import: by_name,
    },
    Mapping {
        part_type: STREAM,
        resource: "aws_kinesis_stream",
        name: Some("name"),
        properties: &[
            ("RetentionPeriodHours", As("retention_period")),
            (
                "StreamModeDetails",
                Into(|value, to| {
                    let details = json!({ "stream_mode": value["StreamMode"] });
                    to.insert("stream_mode_details".to_owned(), details);
                }),
            ),
        ],
        constants: &[],
        attributes: &[("Ref", "name"), ("Arn", "arn")],
        import: by_name,
    },
    Mapping {
        part_type: SCHEDULE,
        resource: "aws_scheduler_schedule",
        name: Some("name"),
        properties: &[
            (
                "FlexibleTimeWindow",
                Into(|value, to| {
                    let window = json!({ "mode": value["Mode"] });
                    to.insert("flexible_time_window".to_owned(), window);
                }),
            ),
            ("ScheduleExpression", As("schedule_expression")),
            (
                "ScheduleExpressionTimezone",
                As("schedule_expression_timezone"),
            ),
            ("State", As("state")),
            (
                "Target",
                Into(|value, to| {
                    let target = json!({
                        "arn": value["Arn"],
                        "role_arn": value["RoleArn"],
                        "input": value["Input"],
                    });
                    to.insert("target".to_owned(), target);
                }),
            ),
        ],
        constants: &[],
        attributes: &[("Ref", "name"), ("Arn", "arn")],
        import: |known| Some(format!("default/{}", known.name)),
    },
    Mapping {
        part_type: SECRET,
        resource: "aws_secretsmanager_secret",
        name: Some("name"),
        // A value that Terraform makes is in its state. It is to be set out of band.
        properties: &[("GenerateSecretString", Nowhere)],
        constants: &[],
        attributes: &[("Ref", "arn")],
        import: by_reference,
    },
    Mapping {
        part_type: PARAMETER,
        resource: "aws_ssm_parameter",
        name: Some("name"),
        properties: &[("Type", As("type")), ("Value", As("value"))],
        constants: &[],
        attributes: &[("Ref", "name")],
        import: by_name,
    },
];
