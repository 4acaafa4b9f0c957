//! Everything that there is in the account, whoever made it, and taking all of it away.

use crate::cloud::{Cloud, within};
use serde_json::{Value, json};
use std::collections::BTreeSet;

impl Cloud {
    /// All things by type and name, but for what every account has and for the place of the state.
    pub(crate) fn inventory(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut add = |kind: &str, names: Vec<String>| {
            found.extend(names.into_iter().map(|name| format!("{kind} {name}")));
        };
        let nothing = json!({});
        let queues = self.json("sqs", "AmazonSQS.ListQueues", &nothing);
        add("queue", last_words(strings(&queues["QueueUrls"])));
        let tables = self.json("dynamodb", "DynamoDB_20120810.ListTables", &nothing);
        add("table", strings(&tables["TableNames"]));
        let streams = self.json("kinesis", "Kinesis_20131202.ListStreams", &nothing);
        add("stream", strings(&streams["StreamNames"]));
        let groups = self.json("logs", "Logs_20140328.DescribeLogGroups", &nothing);
        add("log group", fields(&groups["logGroups"], "logGroupName"));
        let planned = json!({ "IncludePlannedDeletion": false });
        let secrets = self.json("secretsmanager", "secretsmanager.ListSecrets", &planned);
        add("secret", fields(&secrets["SecretList"], "Name"));
        let parameters = self.json("ssm", "AmazonSSM.DescribeParameters", &nothing);
        add("parameter", fields(&parameters["Parameters"], "Name"));
        let buses = self.json("events", "AWSEvents.ListEventBuses", &nothing);
        let mut buses = fields(&buses["EventBuses"], "Name");
        buses.retain(|name| name != "default");
        add("bus", buses);

        let read = |service: &str, path: &str| -> Value {
            let text = self.ask(service, &format!("GET {path}"), &[], "");
            serde_json::from_str(&text).unwrap()
        };
        let functions = read("lambda", "/2015-03-31/functions/");
        add("function", fields(&functions["Functions"], "FunctionName"));
        let mappings = read("lambda", "/2015-03-31/event-source-mappings/");
        let mappings = &mappings["EventSourceMappings"];
        add("event source mapping", fields(mappings, "UUID"));
        let apis = read("apigateway", "/v2/apis");
        add("api", fields(&apis["items"], "name"));
        let schedules = read("scheduler", "/schedules");
        add("schedule", fields(&schedules["Schedules"], "Name"));

        let list = |service, action: &str, version: &str, element: &str| {
            let answer = self.query(service, &format!("Action={action}&Version={version}"));
            within(&answer, element)
        };
        add("role", list("iam", "ListRoles", "2010-05-08", "RoleName"));
        add(
            "topic",
            last_words(list("sns", "ListTopics", "2010-03-31", "TopicArn")),
        );
        let subscriptions = list("sns", "ListSubscriptions", "2010-03-31", "SubscriptionArn");
        add("subscription", last_words(subscriptions));
        let mut buckets = within(&self.ask("s3", "GET /", &[], ""), "Name");
        buckets.retain(|name| !name.starts_with("ifc-state"));
        add("bucket", buckets);
        found
    }
}

fn strings(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

fn fields(list: &Value, field: &str) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items
        .map(|item| item[field].as_str().unwrap().to_owned())
        .collect()
}

fn last_words(names: Vec<String>) -> Vec<String> {
    let last = |name: String| name.rsplit(['/', ':']).next().unwrap().to_owned();
    names.into_iter().map(last).collect()
}

/// Deletes the stage with its data, which is deleted only by name.
pub(crate) const DESTROY: &str =
    "destroy --yes --delete orders --delete spending --delete receipts --delete payment-key";

/// All things by their names, and those that have only an id by their type, as often as there are.
pub(crate) fn names(cloud: &Cloud) -> Vec<String> {
    let kinds = ["event source mapping", "subscription"];
    let named = cloud.inventory().into_iter().map(|thing| {
        let kind = kinds.iter().find(|kind| thing.starts_with(**kind));
        kind.map_or(thing.clone(), |kind| (*kind).to_owned())
    });
    named.collect()
}
