//! The one table of part types: what each is called, what it takes to change it, what it tells,
//! where its tags go, and what its deployer must be permitted.
//!
//! A type is one of CloudFormation's, with its property names, or one of ours (`Ifc::…`) where
//! CloudFormation has none or one of a shape that does not fit. Lowering, parts, emitters and the
//! deployer's policy read this table; the schemas that AWS publishes are its oracle.
//!
//! # Physical names
//!
//! A part's physical name says by itself where the part is, because after a crash nothing else may
//! be known of it. For most types it is the property [`Name::Property`]. A part that AWS keeps within
//! another one, or knows by an id of its own making, is [`Name::Within`]: its physical name is that
//! of the thing it belongs to, a `/`, and a word, so that it is found by looking there.

use ifc_engine::ChangeClass;
use std::time::Duration;

use ChangeClass::{InPlace, Refuse, Replace};

/// What there is to know about one type of part.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// CloudFormation's type, or one of ours.
    pub part_type: &'static str,
    /// Where the physical name goes.
    pub name: Name,
    /// Every property that the lowering sets, in CloudFormation's words, with what it takes to
    /// change it. The name and the tags are not among them.
    pub properties: &'static [(&'static str, ChangeClass)],
    /// What the part tells once it is there: `Ref`, and the attributes of `GetAtt`.
    pub outputs: &'static [Output],
    /// Where the tags go.
    pub tags: Tags,
    /// The API that its calls count against.
    pub api: &'static str,
    /// How long a change may go unseen.
    pub read_lag: Duration,
    /// What the calls of the part are called in policies.
    pub actions: Actions,
    /// The ARNs that policies name it by, with `{partition}`, `{region}`, `{account}` and its physical
    /// name in their places: `{name}`, or `{parent}` and `{word}`.
    pub arns: &'static [&'static str],
}

/// Where a part's physical name goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// Into a property.
    Property {
        /// Which.
        property: &'static str,
        /// The longest name, in bytes.
        length_max: usize,
        /// What it may be made of.
        alphabet: Alphabet,
    },
    /// The physical name is `parent/…/word`. The parent is also among the properties, by reference.
    Within {
        /// The property that the word is, if CloudFormation has one for it.
        property: Option<&'static str>,
    },
}

/// What names are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    /// Letters, digits and `-`.
    Dashed,
    /// Letters, digits, `-` and `_`, with `.fifo` at the end of what keeps an order.
    Fifo,
    /// Letters, digits, `-`, `_`, `.` and `/`.
    Path,
}

/// One output of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// `Ref`, or the attribute.
    pub name: &'static str,
    /// Whether an update in place may change it.
    pub volatile: bool,
    /// Whether only some parts of the type have it.
    pub optional: bool,
}

/// Where tags go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tags {
    /// The property `Tags`, a list of `Key` and `Value`.
    List,
    /// The property `Tags`, a map.
    Map,
    /// Nowhere: the part is ours when that which it belongs to is.
    None,
}

/// What may be called, by what is done.
#[derive(Clone, Copy, Debug)]
pub struct Actions {
    /// To look at it.
    pub read: &'static [&'static str],
    /// To make it.
    pub create: &'static [&'static str],
    /// To change it.
    pub update: &'static [&'static str],
    /// To remove it.
    pub delete: &'static [&'static str],
}

impl Entry {
    /// What it takes to change a property; `None` for one that the lowering never sets.
    pub fn on_change(&self, property: &str) -> Option<ChangeClass> {
        let found = self.properties.iter().find(|(name, _)| *name == property);
        found.map(|(_, class)| *class)
    }

    /// Whether CloudFormation knows the type.
    pub fn is_cloudformation(&self) -> bool {
        self.part_type.starts_with("AWS::")
    }

    /// The ARNs of the part with this physical name.
    pub fn arns_of(
        &self,
        partition: &str,
        region: &str,
        account: &str,
        physical_name: &str,
    ) -> Vec<String> {
        let filled = |arn: &&str| {
            arn.replace("{partition}", partition)
                .replace("{region}", region)
                .replace("{account}", account)
                .replace("{parent}", parent(physical_name))
                .replace("{word}", word(physical_name))
                .replace("{name}", physical_name)
        };
        self.arns.iter().map(filled).collect()
    }

    /// All actions, each once, sorted.
    pub fn all_actions(&self) -> Vec<&'static str> {
        let Actions {
            read,
            create,
            update,
            delete,
        } = self.actions;
        let mut all = [read, create, update, delete].concat();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// What a part within another one belongs to, by its physical name.
pub fn parent(physical_name: &str) -> &str {
    physical_name.split('/').next().unwrap_or(physical_name)
}

/// What a part within another one is called there.
pub fn word(physical_name: &str) -> &str {
    physical_name.rsplit('/').next().unwrap_or(physical_name)
}

/// The entry of a type.
pub fn find(part_type: &str) -> Option<&'static Entry> {
    CATALOG.iter().find(|entry| entry.part_type == part_type)
}

const fn named(property: &'static str, length_max: usize) -> Name {
    Name::Property {
        property,
        length_max,
        alphabet: Alphabet::Dashed,
    }
}

const fn fifo_named(property: &'static str, length_max: usize) -> Name {
    Name::Property {
        property,
        length_max,
        alphabet: Alphabet::Fifo,
    }
}

const fn path_named(property: &'static str, length_max: usize) -> Name {
    Name::Property {
        property,
        length_max,
        alphabet: Alphabet::Path,
    }
}

const fn within(property: Option<&'static str>) -> Name {
    Name::Within { property }
}

/// An output that stays for the part's lifetime.
const fn lasting(name: &'static str) -> Output {
    Output {
        name,
        volatile: false,
        optional: false,
    }
}

/// An output that updates change.
const fn volatile(name: &'static str) -> Output {
    Output {
        name,
        volatile: true,
        optional: false,
    }
}

/// An output that some parts of the type have, and that comes and goes with updates.
const fn optional(name: &'static str) -> Output {
    Output {
        name,
        volatile: true,
        optional: true,
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The bucket of the program and of buckets that the application declares.
pub const BUCKET: &str = "AWS::S3::Bucket";
/// The program's package in its bucket. Not CloudFormation's, which takes objects as given.
pub const OBJECT: &str = "Ifc::S3::Object";
/// Which queues hear of a bucket's objects. A part of its own, because it comes after the policies of
/// the queues, which need the bucket; CloudFormation has it as a property of the bucket.
pub const NOTIFICATIONS: &str = "Ifc::S3::Notifications";
/// A role.
pub const ROLE: &str = "AWS::IAM::Role";
/// What a role may do. A part of its own, so that roles do not wait for what they may use.
pub const ROLE_POLICY: &str = "AWS::IAM::RolePolicy";
/// Where a function logs.
pub const LOG_GROUP: &str = "AWS::Logs::LogGroup";
/// A function. Every update publishes a version.
pub const FUNCTION: &str = "AWS::Lambda::Function";
/// A name for a version of a function.
pub const ALIAS: &str = "AWS::Lambda::Alias";
/// That a service may invoke a function.
pub const PERMISSION: &str = "AWS::Lambda::Permission";
/// What Lambda polls for a function.
pub const EVENT_SOURCE_MAPPING: &str = "AWS::Lambda::EventSourceMapping";
/// An HTTP API.
pub const API: &str = "AWS::ApiGatewayV2::Api";
/// What an API calls.
pub const INTEGRATION: &str = "AWS::ApiGatewayV2::Integration";
/// What of an API goes to an integration.
pub const ROUTE: &str = "AWS::ApiGatewayV2::Route";
/// Where an API is served.
pub const API_STAGE: &str = "AWS::ApiGatewayV2::Stage";
/// A queue.
pub const QUEUE: &str = "AWS::SQS::Queue";
/// Who may send to a queue beside those whose roles say so.
pub const QUEUE_POLICY: &str = "AWS::SQS::QueuePolicy";
/// A topic.
pub const TOPIC: &str = "AWS::SNS::Topic";
/// The edge from a topic to a queue.
pub const SUBSCRIPTION: &str = "AWS::SNS::Subscription";
/// A bus.
pub const EVENT_BUS: &str = "AWS::Events::EventBus";
/// The edge from a bus to a queue.
pub const RULE: &str = "AWS::Events::Rule";
/// A table.
pub const TABLE: &str = "AWS::DynamoDB::Table";
/// A stream.
pub const STREAM: &str = "AWS::Kinesis::Stream";
/// A schedule.
pub const SCHEDULE: &str = "AWS::Scheduler::Schedule";
/// A secret.
pub const SECRET: &str = "AWS::SecretsManager::Secret";
/// A configuration value.
pub const PARAMETER: &str = "AWS::SSM::Parameter";

/// Every type, by service.
pub static CATALOG: &[Entry] = &[
    Entry {
        part_type: BUCKET,
        name: named("BucketName", 63),
        properties: &[
            ("BucketEncryption", InPlace),
            ("LifecycleConfiguration", InPlace),
            ("OwnershipControls", InPlace),
            ("PublicAccessBlockConfiguration", InPlace),
        ],
        outputs: &[lasting("Ref"), lasting("Arn")],
        tags: Tags::List,
        api: "s3",
        read_lag: seconds(10),
        actions: Actions {
            read: &[
                "s3:GetBucketOwnershipControls",
                "s3:GetBucketPublicAccessBlock",
                "s3:GetBucketTagging",
                "s3:GetEncryptionConfiguration",
                "s3:GetLifecycleConfiguration",
                "s3:ListBucket",
            ],
            create: &[
                "s3:CreateBucket",
                "s3:PutBucketOwnershipControls",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutEncryptionConfiguration",
                "s3:PutLifecycleConfiguration",
                "s3:TagResource",
            ],
            update: &[
                "s3:PutBucketOwnershipControls",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketTagging",
                "s3:PutEncryptionConfiguration",
                "s3:PutLifecycleConfiguration",
            ],
            // A bucket that is to be deleted is emptied first.
            delete: &["s3:DeleteBucket", "s3:DeleteObject", "s3:ListBucket"],
        },
        arns: &[
            "arn:{partition}:s3:::{name}",
            "arn:{partition}:s3:::{name}/*",
        ],
    },
    Entry {
        part_type: OBJECT,
        name: within(None),
        properties: &[("Bucket", Replace), ("Key", InPlace)],
        outputs: &[lasting("Bucket"), volatile("Key")],
        tags: Tags::None,
        api: "s3",
        read_lag: seconds(0),
        actions: Actions {
            read: &["s3:GetObject", "s3:ListBucket"],
            create: &["s3:PutObject", "s3:AbortMultipartUpload"],
            update: &["s3:PutObject", "s3:AbortMultipartUpload"],
            delete: &["s3:DeleteObject", "s3:ListBucket"],
        },
        arns: &[
            "arn:{partition}:s3:::{parent}",
            "arn:{partition}:s3:::{parent}/*",
        ],
    },
    Entry {
        part_type: NOTIFICATIONS,
        name: within(None),
        properties: &[("Bucket", Replace), ("NotificationConfiguration", InPlace)],
        outputs: &[],
        tags: Tags::None,
        api: "s3",
        read_lag: seconds(10),
        actions: Actions {
            read: &["s3:GetBucketNotification"],
            create: &["s3:PutBucketNotification"],
            update: &["s3:PutBucketNotification"],
            delete: &["s3:PutBucketNotification"],
        },
        arns: &["arn:{partition}:s3:::{parent}"],
    },
    Entry {
        part_type: ROLE,
        name: named("RoleName", 64),
        properties: &[("AssumeRolePolicyDocument", InPlace)],
        outputs: &[lasting("Ref"), lasting("Arn")],
        tags: Tags::List,
        api: "iam",
        read_lag: seconds(15),
        actions: Actions {
            read: &["iam:GetRole"],
            create: &["iam:CreateRole", "iam:TagRole"],
            update: &["iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy"],
            // One that people attached something to is not deleted without it.
            delete: &[
                "iam:DeleteRole",
                "iam:DeleteRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
            ],
        },
        arns: &["arn:{partition}:iam::{account}:role/{name}"],
    },
    Entry {
        part_type: ROLE_POLICY,
        name: within(Some("PolicyName")),
        properties: &[("PolicyDocument", InPlace), ("RoleName", Replace)],
        outputs: &[],
        tags: Tags::None,
        api: "iam",
        read_lag: seconds(15),
        actions: Actions {
            read: &["iam:GetRole", "iam:GetRolePolicy"],
            create: &["iam:PutRolePolicy"],
            update: &["iam:PutRolePolicy"],
            delete: &["iam:DeleteRolePolicy"],
        },
        arns: &["arn:{partition}:iam::{account}:role/{parent}"],
    },
    Entry {
        part_type: LOG_GROUP,
        name: path_named("LogGroupName", 512),
        properties: &[("RetentionInDays", InPlace)],
        outputs: &[lasting("Ref"), lasting("Arn")],
        tags: Tags::List,
        api: "logs",
        read_lag: seconds(5),
        actions: Actions {
            read: &["logs:DescribeLogGroups", "logs:ListTagsForResource"],
            create: &[
                "logs:CreateLogGroup",
                "logs:PutRetentionPolicy",
                "logs:TagResource",
            ],
            update: &[
                "logs:DeleteRetentionPolicy",
                "logs:PutRetentionPolicy",
                "logs:TagResource",
                "logs:UntagResource",
            ],
            delete: &["logs:DeleteLogGroup"],
        },
        arns: &[
            "arn:{partition}:logs:{region}:{account}:log-group:{name}",
            "arn:{partition}:logs:{region}:{account}:log-group:{name}:*",
        ],
    },
    Entry {
        part_type: FUNCTION,
        name: named("FunctionName", 64),
        properties: &[
            ("Architectures", InPlace),
            ("Code", InPlace),
            ("Environment", InPlace),
            ("Handler", InPlace),
            ("MemorySize", InPlace),
            ("ReservedConcurrentExecutions", InPlace),
            ("Role", InPlace),
            ("Runtime", InPlace),
            ("Timeout", InPlace),
        ],
        // CloudFormation has a type of its own for versions.
        outputs: &[lasting("Ref"), lasting("Arn"), volatile("Version")],
        tags: Tags::List,
        api: "lambda",
        read_lag: seconds(5),
        actions: Actions {
            read: &[
                "lambda:GetFunction",
                "lambda:ListTags",
                "lambda:ListVersionsByFunction",
            ],
            create: &[
                "iam:PassRole",
                "lambda:CreateFunction",
                "lambda:PublishVersion",
                "lambda:PutFunctionConcurrency",
                "lambda:TagResource",
                "s3:GetObject",
            ],
            update: &[
                "iam:PassRole",
                "lambda:DeleteFunctionConcurrency",
                "lambda:PublishVersion",
                "lambda:PutFunctionConcurrency",
                "lambda:TagResource",
                "lambda:UntagResource",
                "lambda:UpdateFunctionCode",
                "lambda:UpdateFunctionConfiguration",
                "s3:GetObject",
            ],
            delete: &["lambda:DeleteFunction"],
        },
        arns: &[
            "arn:{partition}:lambda:{region}:{account}:function:{name}",
            "arn:{partition}:lambda:{region}:{account}:function:{name}:*",
        ],
    },
    Entry {
        part_type: ALIAS,
        name: within(Some("Name")),
        properties: &[
            ("FunctionName", Replace),
            ("FunctionVersion", InPlace),
            ("ProvisionedConcurrencyConfig", InPlace),
        ],
        outputs: &[lasting("Ref")],
        tags: Tags::None,
        api: "lambda",
        read_lag: seconds(5),
        actions: Actions {
            read: &[
                "lambda:GetAlias",
                "lambda:GetProvisionedConcurrencyConfig",
                "lambda:ListTags",
            ],
            create: &[
                "lambda:CreateAlias",
                "lambda:PutProvisionedConcurrencyConfig",
            ],
            // Versions that were live once are removed.
            update: &[
                "lambda:DeleteFunction",
                "lambda:DeleteProvisionedConcurrencyConfig",
                "lambda:ListVersionsByFunction",
                "lambda:PutProvisionedConcurrencyConfig",
                "lambda:UpdateAlias",
            ],
            delete: &["lambda:DeleteAlias"],
        },
        arns: &[
            "arn:{partition}:lambda:{region}:{account}:function:{parent}",
            "arn:{partition}:lambda:{region}:{account}:function:{parent}:*",
        ],
    },
    Entry {
        part_type: PERMISSION,
        // `FUNCTION/live/WORD`: the word is the statement's id.
        name: within(None),
        properties: &[
            ("Action", Replace),
            ("FunctionName", Replace),
            ("Principal", Replace),
            ("SourceArn", Replace),
        ],
        outputs: &[],
        tags: Tags::None,
        api: "lambda",
        read_lag: seconds(5),
        actions: Actions {
            read: &["lambda:GetPolicy", "lambda:ListTags"],
            create: &["lambda:AddPermission"],
            update: &[],
            delete: &["lambda:RemovePermission"],
        },
        arns: &[
            "arn:{partition}:lambda:{region}:{account}:function:{parent}",
            "arn:{partition}:lambda:{region}:{account}:function:{parent}:*",
        ],
    },
    Entry {
        part_type: EVENT_SOURCE_MAPPING,
        // `FUNCTION/live/WORD`. A unit has one at most, so that it is found by its function.
        name: within(None),
        properties: &[
            ("BatchSize", InPlace),
            ("BisectBatchOnFunctionError", InPlace),
            ("DestinationConfig", InPlace),
            ("EventSourceArn", Replace),
            ("FunctionName", InPlace),
            ("FunctionResponseTypes", InPlace),
            ("MaximumBatchingWindowInSeconds", InPlace),
            ("MaximumRetryAttempts", InPlace),
            ("ParallelizationFactor", InPlace),
            ("ScalingConfig", InPlace),
            ("StartingPosition", Replace),
        ],
        outputs: &[lasting("Ref")],
        tags: Tags::List,
        api: "lambda",
        read_lag: seconds(10),
        actions: Actions {
            read: &[
                "lambda:GetEventSourceMapping",
                "lambda:ListEventSourceMappings",
                "lambda:ListTags",
            ],
            create: &["lambda:CreateEventSourceMapping", "lambda:TagResource"],
            update: &[
                "lambda:TagResource",
                "lambda:UntagResource",
                "lambda:UpdateEventSourceMapping",
            ],
            delete: &["lambda:DeleteEventSourceMapping"],
        },
        arns: &["arn:{partition}:lambda:{region}:{account}:event-source-mapping:*"],
    },
    Entry {
        part_type: API,
        name: named("Name", 128),
        properties: &[("ProtocolType", Replace)],
        outputs: &[lasting("Ref"), lasting("ApiEndpoint")],
        tags: Tags::Map,
        api: "apigateway",
        read_lag: seconds(5),
        actions: Actions {
            read: &["apigateway:GET"],
            create: &["apigateway:POST"],
            update: &["apigateway:DELETE", "apigateway:PATCH", "apigateway:POST"],
            delete: &["apigateway:DELETE"],
        },
        // The ids are AWS's, so that no API can be told apart from others before it is there.
        arns: &[
            "arn:{partition}:apigateway:{region}::/apis",
            "arn:{partition}:apigateway:{region}::/apis/*",
            "arn:{partition}:apigateway:{region}::/tags/*",
        ],
    },
    Entry {
        part_type: INTEGRATION,
        name: within(None),
        properties: &[
            ("ApiId", Replace),
            ("IntegrationType", InPlace),
            ("IntegrationUri", InPlace),
            ("PayloadFormatVersion", InPlace),
            ("TimeoutInMillis", InPlace),
        ],
        outputs: &[lasting("Ref")],
        tags: Tags::None,
        api: "apigateway",
        read_lag: seconds(5),
        actions: Actions {
            read: &["apigateway:GET"],
            create: &["apigateway:POST"],
            update: &["apigateway:PATCH"],
            delete: &["apigateway:DELETE"],
        },
        arns: &[
            "arn:{partition}:apigateway:{region}::/apis/*/integrations",
            "arn:{partition}:apigateway:{region}::/apis/*/integrations/*",
        ],
    },
    Entry {
        part_type: ROUTE,
        name: within(None),
        properties: &[
            ("ApiId", Replace),
            ("RouteKey", InPlace),
            ("Target", InPlace),
        ],
        outputs: &[lasting("Ref")],
        tags: Tags::None,
        api: "apigateway",
        read_lag: seconds(5),
        actions: Actions {
            read: &["apigateway:GET"],
            create: &["apigateway:POST"],
            update: &["apigateway:PATCH"],
            delete: &["apigateway:DELETE"],
        },
        arns: &[
            "arn:{partition}:apigateway:{region}::/apis/*/routes",
            "arn:{partition}:apigateway:{region}::/apis/*/routes/*",
        ],
    },
    Entry {
        part_type: API_STAGE,
        name: within(Some("StageName")),
        properties: &[("ApiId", Replace), ("AutoDeploy", InPlace)],
        outputs: &[lasting("Ref")],
        tags: Tags::Map,
        api: "apigateway",
        read_lag: seconds(5),
        actions: Actions {
            read: &["apigateway:GET"],
            create: &["apigateway:POST"],
            update: &["apigateway:DELETE", "apigateway:PATCH", "apigateway:POST"],
            delete: &["apigateway:DELETE"],
        },
        arns: &[
            "arn:{partition}:apigateway:{region}::/apis/*/stages",
            "arn:{partition}:apigateway:{region}::/apis/*/stages/*",
        ],
    },
    Entry {
        part_type: QUEUE,
        name: fifo_named("QueueName", 80),
        properties: &[
            ("DeduplicationScope", InPlace),
            ("FifoQueue", Replace),
            ("FifoThroughputLimit", InPlace),
            ("MessageRetentionPeriod", InPlace),
            ("RedrivePolicy", InPlace),
            ("SqsManagedSseEnabled", InPlace),
            ("VisibilityTimeout", InPlace),
        ],
        // `Ref` is the URL.
        outputs: &[lasting("Ref"), lasting("Arn"), lasting("QueueName")],
        tags: Tags::List,
        api: "sqs",
        read_lag: seconds(60),
        actions: Actions {
            read: &[
                "sqs:GetQueueAttributes",
                "sqs:GetQueueUrl",
                "sqs:ListQueueTags",
            ],
            create: &["sqs:CreateQueue", "sqs:TagQueue"],
            update: &["sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"],
            delete: &["sqs:DeleteQueue"],
        },
        arns: &["arn:{partition}:sqs:{region}:{account}:{name}"],
    },
    Entry {
        part_type: QUEUE_POLICY,
        name: within(None),
        // Of another queue it is another part, because it is within its queue.
        properties: &[("PolicyDocument", InPlace), ("Queues", Replace)],
        outputs: &[],
        tags: Tags::None,
        api: "sqs",
        read_lag: seconds(60),
        actions: Actions {
            read: &[
                "sqs:GetQueueAttributes",
                "sqs:GetQueueUrl",
                "sqs:ListQueueTags",
            ],
            create: &["sqs:SetQueueAttributes"],
            update: &["sqs:SetQueueAttributes"],
            delete: &["sqs:SetQueueAttributes"],
        },
        arns: &["arn:{partition}:sqs:{region}:{account}:{parent}"],
    },
    Entry {
        part_type: TOPIC,
        name: fifo_named("TopicName", 256),
        properties: &[("FifoThroughputScope", InPlace), ("FifoTopic", Replace)],
        // `Ref` is the ARN.
        outputs: &[lasting("Ref"), lasting("TopicName")],
        tags: Tags::List,
        api: "sns",
        read_lag: seconds(10),
        actions: Actions {
            read: &["sns:GetTopicAttributes", "sns:ListTagsForResource"],
            create: &["sns:CreateTopic", "sns:TagResource"],
            update: &[
                "sns:SetTopicAttributes",
                "sns:TagResource",
                "sns:UntagResource",
            ],
            delete: &["sns:DeleteTopic"],
        },
        arns: &["arn:{partition}:sns:{region}:{account}:{name}"],
    },
    Entry {
        part_type: SUBSCRIPTION,
        // `TOPIC/QUEUE`: the subscription is found by both ends.
        name: within(None),
        properties: &[
            ("Endpoint", Replace),
            ("FilterPolicy", InPlace),
            ("FilterPolicyScope", InPlace),
            ("Protocol", Replace),
            ("RawMessageDelivery", InPlace),
            ("TopicArn", Replace),
        ],
        // `Ref` is the ARN.
        outputs: &[lasting("Ref")],
        tags: Tags::None,
        api: "sns",
        read_lag: seconds(10),
        actions: Actions {
            read: &[
                "sns:GetSubscriptionAttributes",
                "sns:ListSubscriptionsByTopic",
                "sns:ListTagsForResource",
            ],
            create: &["sns:Subscribe"],
            update: &["sns:SetSubscriptionAttributes"],
            delete: &["sns:Unsubscribe"],
        },
        arns: &["arn:{partition}:sns:{region}:{account}:{parent}"],
    },
    Entry {
        part_type: EVENT_BUS,
        name: named("Name", 256),
        properties: &[],
        outputs: &[lasting("Ref"), lasting("Arn")],
        tags: Tags::List,
        api: "events",
        read_lag: seconds(5),
        actions: Actions {
            read: &["events:DescribeEventBus", "events:ListTagsForResource"],
            create: &["events:CreateEventBus", "events:TagResource"],
            update: &["events:TagResource", "events:UntagResource"],
            delete: &["events:DeleteEventBus"],
        },
        arns: &["arn:{partition}:events:{region}:{account}:event-bus/{name}"],
    },
    Entry {
        part_type: RULE,
        name: within(Some("Name")),
        properties: &[
            ("EventBusName", Replace),
            ("EventPattern", InPlace),
            ("State", InPlace),
            ("Targets", InPlace),
        ],
        outputs: &[lasting("Arn")],
        tags: Tags::List,
        api: "events",
        read_lag: seconds(5),
        actions: Actions {
            read: &[
                "events:DescribeRule",
                "events:ListTagsForResource",
                "events:ListTargetsByRule",
            ],
            create: &["events:PutRule", "events:PutTargets", "events:TagResource"],
            update: &[
                "events:PutRule",
                "events:PutTargets",
                "events:RemoveTargets",
                "events:TagResource",
                "events:UntagResource",
            ],
            delete: &["events:DeleteRule", "events:RemoveTargets"],
        },
        arns: &["arn:{partition}:events:{region}:{account}:rule/{parent}/{word}"],
    },
    Entry {
        part_type: TABLE,
        name: fifo_named("TableName", 255),
        properties: &[
            ("AttributeDefinitions", InPlace),
            ("BillingMode", InPlace),
            ("GlobalSecondaryIndexes", InPlace),
            ("KeySchema", Refuse),
            ("PointInTimeRecoverySpecification", InPlace),
            ("StreamSpecification", InPlace),
            ("TimeToLiveSpecification", InPlace),
        ],
        outputs: &[lasting("Ref"), lasting("Arn"), optional("StreamArn")],
        tags: Tags::List,
        api: "dynamodb",
        read_lag: seconds(5),
        actions: Actions {
            read: &[
                "dynamodb:DescribeContinuousBackups",
                "dynamodb:DescribeTable",
                "dynamodb:DescribeTimeToLive",
                "dynamodb:ListTagsOfResource",
            ],
            create: &[
                "dynamodb:CreateTable",
                "dynamodb:TagResource",
                "dynamodb:UpdateContinuousBackups",
                "dynamodb:UpdateTimeToLive",
            ],
            update: &[
                "dynamodb:TagResource",
                "dynamodb:UntagResource",
                "dynamodb:UpdateContinuousBackups",
                "dynamodb:UpdateTable",
                "dynamodb:UpdateTimeToLive",
            ],
            delete: &["dynamodb:DeleteTable", "dynamodb:DescribeTable"],
        },
        arns: &["arn:{partition}:dynamodb:{region}:{account}:table/{name}"],
    },
    Entry {
        part_type: STREAM,
        name: named("Name", 128),
        properties: &[
            ("RetentionPeriodHours", InPlace),
            ("StreamModeDetails", InPlace),
        ],
        outputs: &[lasting("Ref"), lasting("Arn")],
        tags: Tags::List,
        api: "kinesis",
        read_lag: seconds(5),
        actions: Actions {
            read: &["kinesis:DescribeStreamSummary", "kinesis:ListTagsForStream"],
            create: &[
                "kinesis:AddTagsToStream",
                "kinesis:CreateStream",
                "kinesis:IncreaseStreamRetentionPeriod",
            ],
            update: &[
                "kinesis:AddTagsToStream",
                "kinesis:DecreaseStreamRetentionPeriod",
                "kinesis:IncreaseStreamRetentionPeriod",
                "kinesis:RemoveTagsFromStream",
                "kinesis:UpdateStreamMode",
            ],
            delete: &["kinesis:DeleteStream"],
        },
        arns: &["arn:{partition}:kinesis:{region}:{account}:stream/{name}"],
    },
    Entry {
        part_type: SCHEDULE,
        name: named("Name", 64),
        properties: &[
            ("FlexibleTimeWindow", InPlace),
            ("ScheduleExpression", InPlace),
            ("ScheduleExpressionTimezone", InPlace),
            ("State", InPlace),
            ("Target", InPlace),
        ],
        outputs: &[lasting("Ref"), lasting("Arn")],
        tags: Tags::None,
        api: "scheduler",
        read_lag: seconds(5),
        actions: Actions {
            read: &["scheduler:GetSchedule"],
            create: &["iam:PassRole", "scheduler:CreateSchedule"],
            update: &["iam:PassRole", "scheduler:UpdateSchedule"],
            delete: &["scheduler:DeleteSchedule"],
        },
        arns: &["arn:{partition}:scheduler:{region}:{account}:schedule/default/{name}"],
    },
    Entry {
        part_type: SECRET,
        name: path_named("Name", 512),
        properties: &[("GenerateSecretString", InPlace)],
        // `Ref` is the ARN, which has six letters that AWS adds.
        outputs: &[lasting("Ref")],
        tags: Tags::List,
        api: "secretsmanager",
        read_lag: seconds(5),
        actions: Actions {
            read: &["secretsmanager:DescribeSecret"],
            create: &[
                "secretsmanager:CreateSecret",
                "secretsmanager:GetRandomPassword",
                "secretsmanager:RestoreSecret",
                "secretsmanager:TagResource",
            ],
            update: &[
                "secretsmanager:TagResource",
                "secretsmanager:UntagResource",
                "secretsmanager:UpdateSecret",
            ],
            delete: &["secretsmanager:DeleteSecret"],
        },
        // AWS adds six characters to the name of a secret; where there is none yet, it asks for the
        // name alone.
        arns: &[
            "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}",
            "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-??????",
        ],
    },
    Entry {
        part_type: PARAMETER,
        name: path_named("Name", 1011),
        properties: &[("Type", InPlace), ("Value", InPlace)],
        outputs: &[lasting("Ref")],
        tags: Tags::Map,
        api: "ssm",
        read_lag: seconds(5),
        actions: Actions {
            read: &["ssm:GetParameters", "ssm:ListTagsForResource"],
            create: &["ssm:AddTagsToResource", "ssm:PutParameter"],
            update: &[
                "ssm:AddTagsToResource",
                "ssm:PutParameter",
                "ssm:RemoveTagsFromResource",
            ],
            delete: &["ssm:DeleteParameter"],
        },
        arns: &["arn:{partition}:ssm:{region}:{account}:parameter{name}"],
    },
];

#[cfg(test)]
mod tests;
