//! The parts: how each type of CloudFormation resource is read, made, changed and removed by calls
//! of the official SDK. One file per type; what to make of the answers of all of them is
//! `provider.rs`.
//!
//! Where a type has no name of its own, a part's physical name is `parent/child`, such as
//! `shop-dev-fulfil-k3v9qz/grants` for a policy of a role. What AWS calls it is among its outputs;
//! when those are lost with whoever was told them, it is found again through the parent.

mod alias;
mod api;
mod api_parts;
mod bucket;
mod event_bus;
mod event_source_mapping;
mod failure;
mod function;
mod log_group;
mod notifications;
mod object;
mod parameter;
mod permission;
mod queue;
mod queue_policy;
mod role;
mod role_policy;
mod schedule;
mod secret;
mod stream;
mod subscription;
mod table;
mod tags;
mod topic;
mod values;

pub(crate) use api::all as all_apis;
pub(crate) use failure::{Absent, Failure, PROPAGATION, Told};
#[cfg(test)]
pub(crate) use object::key_of;
pub(crate) use role::{decoded as unescaped, tags as role_tags};
pub(crate) use subscription::of_topic as subscribed;
pub(crate) use tags::{TagChange, Tags, owner, sdk_tags};
pub(crate) use values::{Collected, Look, Values, list, outputs, set};

use crate::account::Account;
use crate::catalog;
use crate::looks::Shared;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use ifc_engine::{Desired, Progress, Target, async_trait};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

/// One type of part.
#[async_trait]
pub(crate) trait PartType: Send + Sync {
    /// What there is.
    async fn read(&self, aws: &Clients, target: &Target) -> Result<Found, Failure>;

    /// Makes it. That it exists already is a failure whose code says so; nothing was touched then.
    async fn create(&self, aws: &Clients, part: &Desired, attempt: &Attempt<'_>) -> Made;

    /// What an operator may change, so that `read` does not tell it. An update finds what was
    /// recorded of it, and leaves it alone unless that is to be another; where nothing is recorded,
    /// it leaves it alone.
    fn operated(&self) -> &'static [&'static str] {
        &[]
    }

    /// Brings what was found to what it should be, tags included.
    async fn update(&self, aws: &Clients, found: &Present, part: &Desired) -> Made;

    /// Removes it. That there is nothing is a failure whose code says so.
    async fn delete(&self, aws: &Clients, target: &Target) -> Result<Progress<()>, Failure>;
}

/// One attempt at making a part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt<'a> {
    /// The same for every attempt, for services that recognize a repetition by it.
    pub(crate) token: &'a str,
    /// Whether a look a moment ago found nothing, and this is the first attempt since: then types
    /// whose calls cannot tell what they made from what was there need not look before or after.
    pub(crate) seen_absent: bool,
}

/// The outputs of what was made, or that it goes on.
pub(crate) type Made = Result<Progress<Values>, Failure>;

/// What was found under a name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found {
    Absent,
    /// It is not at rest; what it is doing.
    Settling(String),
    Present(Present),
}

/// A thing at rest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Present {
    pub(crate) properties: Values,
    pub(crate) outputs: Values,
    /// None where its type bears no tags: it is in a place of ours then.
    pub(crate) tags: Option<Tags>,
}

/// The part type with this name of CloudFormation's.
pub(crate) fn part_type(name: &str) -> Option<&'static dyn PartType> {
    Some(match name {
        catalog::ALIAS => &alias::Alias,
        catalog::API => &api::Api,
        catalog::API_STAGE => &api_parts::Stage,
        catalog::BUCKET => &bucket::Bucket,
        catalog::EVENT_BUS => &event_bus::EventBus,
        catalog::EVENT_SOURCE_MAPPING => &event_source_mapping::EventSourceMapping,
        catalog::FUNCTION => &function::Function,
        catalog::INTEGRATION => &api_parts::Integration,
        catalog::LOG_GROUP => &log_group::LogGroup,
        catalog::NOTIFICATIONS => &notifications::Notifications,
        catalog::OBJECT => &object::Object,
        catalog::PARAMETER => &parameter::Parameter,
        catalog::PERMISSION => &permission::Permission,
        catalog::QUEUE => &queue::Queue,
        catalog::QUEUE_POLICY => &queue_policy::QueuePolicy,
        catalog::ROLE => &role::Role,
        catalog::ROLE_POLICY => &role_policy::RolePolicy,
        catalog::ROUTE => &api_parts::Route,
        catalog::RULE => &event_bus::Rule,
        catalog::SCHEDULE => &schedule::Schedule,
        catalog::SECRET => &secret::Secret,
        catalog::STREAM => &stream::Stream,
        catalog::SUBSCRIPTION => &subscription::Subscription,
        catalog::TABLE => &table::Table,
        catalog::TOPIC => &topic::Topic,
        _ => return None,
    })
}

/// What more than one part looks at.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    pub(crate) apis: Shared<Vec<aws_sdk_apigatewayv2::types::Api>>,
    pub(crate) bucket_tags: Shared<Option<Tags>>,
    pub(crate) functions: Shared<Option<GetFunctionOutput>>,
    pub(crate) log_groups: Shared<Vec<aws_sdk_cloudwatchlogs::types::LogGroup>>,
    pub(crate) queue_tags: Shared<Tags>,
    pub(crate) queue_urls: Shared<Option<String>>,
    pub(crate) roles: Shared<Option<aws_sdk_iam::types::Role>>,
    pub(crate) topic_tags: Shared<Tags>,
}

impl Looks {
    /// Something is about to be changed: nothing is shared any more.
    pub(crate) fn end(&self) {
        self.apis.end();
        self.bucket_tags.end();
        self.functions.end();
        self.log_groups.end();
        self.queue_tags.end();
        self.queue_urls.end();
        self.roles.end();
        self.topic_tags.end();
    }
}

/// A client for each service, and where they work.
#[derive(Debug)]
pub(crate) struct Clients {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) partition: String,
    /// The archive with the program to deploy, where this command has one.
    pub(crate) archive: Option<PathBuf>,
    pub(crate) looks: Looks,
    /// The version of each function that this command has published.
    pub(crate) published: Mutex<BTreeMap<String, String>>,
    pub(crate) apis: aws_sdk_apigatewayv2::Client,
    pub(crate) events: aws_sdk_eventbridge::Client,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) kinesis: aws_sdk_kinesis::Client,
    pub(crate) lambda: aws_sdk_lambda::Client,
    pub(crate) logs: aws_sdk_cloudwatchlogs::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) scheduler: aws_sdk_scheduler::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    pub(crate) sns: aws_sdk_sns::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) ssm: aws_sdk_ssm::Client,
    pub(crate) tables: aws_sdk_dynamodb::Client,
    pub(crate) tagging: aws_sdk_resourcegroupstagging::Client,
}

impl Clients {
    pub(crate) fn new(account: &Account, archive: Option<PathBuf>) -> Clients {
        let config = account.sdk_config();
        // Emulators have no name for each bucket.
        let s3 = aws_sdk_s3::config::Builder::from(config)
            .force_path_style(account.endpoint().is_some())
            .build();
        Clients {
            account: account.number().to_owned(),
            region: account.region().to_owned(),
            partition: account.partition().to_owned(),
            archive,
            looks: Looks::default(),
            published: Mutex::default(),
            apis: aws_sdk_apigatewayv2::Client::new(config),
            events: aws_sdk_eventbridge::Client::new(config),
            iam: aws_sdk_iam::Client::new(config),
            kinesis: aws_sdk_kinesis::Client::new(config),
            lambda: aws_sdk_lambda::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            s3: aws_sdk_s3::Client::from_conf(s3),
            scheduler: aws_sdk_scheduler::Client::new(config),
            secrets: aws_sdk_secretsmanager::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
            ssm: aws_sdk_ssm::Client::new(config),
            tables: aws_sdk_dynamodb::Client::new(config),
            tagging: aws_sdk_resourcegroupstagging::Client::new(config),
        }
    }

    /// The ARN of something in this account and region.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:{}:{service}:{}:{}:{resource}",
            self.partition, self.region, self.account
        )
    }

    /// The ARN of something of IAM, which knows no regions.
    pub(crate) fn iam_arn(&self, resource: &str) -> String {
        format!("arn:{}:iam::{}:{resource}", self.partition, self.account)
    }
}

/// The two halves of `parent/child`.
pub(crate) fn parent_and_child(target: &Target) -> Result<(&str, &str), Failure> {
    let name = target.physical_name.as_str();
    name.rsplit_once('/').ok_or_else(|| {
        Failure::rejected(format!(
            "`{name}` says not what `{}` is part of",
            target.address
        ))
    })
}

/// It was made, with these outputs.
pub(crate) fn made(outputs: Values) -> Made {
    Ok(Progress::Done(outputs))
}

/// It was accepted and goes on.
pub(crate) fn going<T>(note: impl Into<String>) -> Result<Progress<T>, Failure> {
    Ok(Progress::Pending {
        note: note.into(),
        poll_after: None,
    })
}

/// It was removed.
pub(crate) fn removed() -> Result<Progress<()>, Failure> {
    Ok(Progress::Done(()))
}
