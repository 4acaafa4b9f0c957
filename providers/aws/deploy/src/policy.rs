//! What roles and queues permit, exactly: one table from the verbs of a kind to actions of AWS.
//!
//! The table says what the calls of `ifc-aws` for a verb need, and nothing that no call needs. A unit's
//! policy says in the ids of its statements which verbs on what they are for, so that it can be read
//! back from the part as people think of it.

use ifc_engine::Value;
use ifc_manifest::kind::{
    bucket, config, event_bus, function, queue, secret, stream, table, topic,
};
use ifc_manifest::{Kind, Verb};
use std::collections::{BTreeMap, BTreeSet};

/// What of a resource an action is permitted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// The thing itself: a table, a bucket, the live alias of a function.
    Thing,
    /// What is in it: the indexes of a table, the objects of a bucket.
    Within,
    /// The inbox of a function.
    Inbox,
}

use Scope::{Inbox, Thing, Within};

type Actions = &'static [(&'static str, Scope)];

/// What a verb on a resource of this kind calls, for a unit that has all of `verbs` on it. `None` for
/// what is no verb of the kind.
pub(crate) fn actions(kind: Kind, verb: Verb, verbs: &[Verb]) -> Option<Actions> {
    Some(match (kind, verb) {
        (Kind::Function, function::INVOKE) => &[("lambda:InvokeFunction", Thing)],
        (Kind::Function, function::INVOKE_ASYNC) => &[("sqs:SendMessage", Inbox)],
        // Batches are authorised as their messages.
        (Kind::Queue, queue::SEND) => &[("sqs:SendMessage", Thing)],
        (Kind::Topic, topic::PUBLISH) => &[("sns:Publish", Thing)],
        (Kind::EventBus, event_bus::PUT) => &[("events:PutEvents", Thing)],
        // Records of one key that follow each other go one by one.
        (Kind::Stream, stream::APPEND) => {
            &[("kinesis:PutRecord", Thing), ("kinesis:PutRecords", Thing)]
        }
        (Kind::Table, table::GET) => &[("dynamodb:GetItem", Thing)],
        (Kind::Table, table::BATCH_GET) => &[("dynamodb:BatchGetItem", Thing)],
        (Kind::Table, table::QUERY) => &[("dynamodb:Query", Thing), ("dynamodb:Query", Within)],
        (Kind::Table, table::SCAN) => &[("dynamodb:Scan", Thing)],
        (Kind::Table, table::PUT) => &[("dynamodb:PutItem", Thing)],
        // It reads first, because DynamoDB's conditions cannot say everything that an update is
        // refused for.
        (Kind::Table, table::UPDATE) => {
            &[("dynamodb:GetItem", Thing), ("dynamodb:UpdateItem", Thing)]
        }
        (Kind::Table, table::DELETE) => &[("dynamodb:DeleteItem", Thing)],
        (Kind::Table, table::BATCH_WRITE) => &[("dynamodb:BatchWriteItem", Thing)],
        // What a transaction does with each item is a verb of its own, and authorised as that. The
        // items that it updates are read first, all at once within one table, and each for itself
        // across tables.
        (Kind::Table, table::TRANSACT) if verbs.contains(&table::UPDATE) => {
            &[("dynamodb:BatchGetItem", Thing)]
        }
        (Kind::Table, table::TRANSACT | table::TRANSACT_ACROSS) => &[],
        (Kind::Table, table::CHECK) => &[("dynamodb:ConditionCheckItem", Thing)],
        // Without the right to list, S3 answers of an object that is not there that it is forbidden.
        (Kind::Bucket, bucket::GET | bucket::HEAD) => {
            &[("s3:GetObject", Within), ("s3:ListBucket", Thing)]
        }
        (Kind::Bucket, bucket::PUT) => &[
            ("s3:PutObject", Within),
            ("s3:AbortMultipartUpload", Within),
        ],
        (Kind::Bucket, bucket::DELETE) => &[("s3:DeleteObject", Within)],
        (Kind::Bucket, bucket::LIST) => &[("s3:ListBucket", Thing)],
        (Kind::Bucket, bucket::COPY) => &[
            ("s3:GetObject", Within),
            ("s3:PutObject", Within),
            ("s3:ListBucket", Thing),
        ],
        // Whoever has the URL is answered as the unit would be.
        (Kind::Bucket, bucket::PRESIGN_GET) => {
            &[("s3:GetObject", Within), ("s3:ListBucket", Thing)]
        }
        (Kind::Bucket, bucket::PRESIGN_PUT) => &[("s3:PutObject", Within)],
        (Kind::Secret, secret::READ) => &[("secretsmanager:GetSecretValue", Thing)],
        (Kind::Config, config::READ) => &[("ssm:GetParameter", Thing)],
        _ => return None,
    })
}

/// One statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) id: String,
    pub(crate) actions: Vec<String>,
    pub(crate) resources: Vec<Value>,
}

impl Statement {
    /// A statement that is not for a verb of the application's.
    pub(crate) fn own(
        id: &str,
        actions: &[&str],
        resources: impl IntoIterator<Item = Value>,
    ) -> Statement {
        Statement {
            id: id.to_owned(),
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
            resources: resources.into_iter().collect(),
        }
    }
}

/// The statements that permit `verbs` on a resource, whose ARNs `arn` knows.
pub(crate) fn statements(
    kind: Kind,
    name: &str,
    verbs: &[Verb],
    arn: impl Fn(Scope) -> Vec<Value>,
) -> Vec<Statement> {
    // Actions on the same things stand together.
    let mut scopes: BTreeMap<&str, BTreeSet<Scope>> = BTreeMap::new();
    for verb in verbs {
        for (action, scope) in actions(kind, *verb, verbs).into_iter().flatten() {
            scopes.entry(action).or_default().insert(*scope);
        }
    }
    let mut groups: BTreeMap<BTreeSet<Scope>, Vec<&str>> = BTreeMap::new();
    for (action, scopes) in scopes {
        groups.entry(scopes).or_default().push(action);
    }
    let statement = |(place, (scopes, group)): (usize, (BTreeSet<Scope>, Vec<&str>))| {
        let is_for = |verb: &&Verb| {
            let actions = actions(kind, **verb, verbs).unwrap_or_default();
            let needed = actions.iter().any(|(action, _)| group.contains(action));
            // What needs nothing by itself is said once.
            needed || (actions.is_empty() && place == 0)
        };
        let verbs = verbs.iter().filter(is_for).map(|verb| verb.as_str());
        Statement {
            id: id_of(kind, name, verbs, &scopes),
            resources: scopes.iter().flat_map(|scope| arn(*scope)).collect(),
            actions: group.into_iter().map(str::to_owned).collect(),
        }
    };
    groups.into_iter().enumerate().map(statement).collect()
}

/// A policy with these statements.
pub(crate) fn document(statements: impl IntoIterator<Item = Statement>) -> Value {
    let statement = |statement: Statement| {
        Value::map([
            ("Sid", Value::Text(statement.id)),
            ("Effect", "Allow".into()),
            (
                "Action",
                Value::List(statement.actions.into_iter().map(Value::Text).collect()),
            ),
            ("Resource", Value::List(statement.resources)),
        ])
    };
    policy(statements.into_iter().map(statement))
}

fn policy(statements: impl IntoIterator<Item = Value>) -> Value {
    Value::map([
        ("Version", Value::text("2012-10-17")),
        ("Statement", Value::List(statements.into_iter().collect())),
    ])
}

/// That a service may take on a role.
pub(crate) fn trust(service: &str, account: &str) -> Value {
    let mut statement = vec![
        ("Effect", Value::text("Allow")),
        ("Action", Value::List(vec!["sts:AssumeRole".into()])),
        ("Principal", Value::map([("Service", service.into())])),
    ];
    // Lambda does not say for whom it takes on a role.
    if service != LAMBDA {
        let condition = Value::map([("aws:SourceAccount", account.into())]);
        statement.push(("Condition", Value::map([("StringEquals", condition)])));
    }
    policy([Value::map(statement)])
}

/// Lambda, as policies name it.
pub(crate) const LAMBDA: &str = "lambda.amazonaws.com";
/// EventBridge's Scheduler.
pub(crate) const SCHEDULER: &str = "scheduler.amazonaws.com";
/// API Gateway.
pub(crate) const API_GATEWAY: &str = "apigateway.amazonaws.com";

/// A service that sends to a queue for one thing.
pub(crate) struct Sender {
    service: &'static str,
    id: &'static str,
    /// The thing.
    arn: Value,
    /// Of what bears no account in its ARN.
    account: Option<String>,
}

impl Sender {
    pub(crate) fn of_topic(arn: Value) -> Sender {
        Sender {
            service: "sns.amazonaws.com",
            id: "topic",
            arn,
            account: None,
        }
    }

    pub(crate) fn of_rule(arn: String) -> Sender {
        Sender {
            service: "events.amazonaws.com",
            id: "rule",
            arn: Value::Text(arn),
            account: None,
        }
    }

    pub(crate) fn of_bucket(arn: Value, account: &str) -> Sender {
        Sender {
            service: "s3.amazonaws.com",
            id: "bucket",
            arn,
            account: Some(account.to_owned()),
        }
    }
}

/// The policy of a queue to which these may send.
pub(crate) fn for_senders(queue: &Value, senders: Vec<Sender>) -> Value {
    let statement = |(place, sender): (usize, Sender)| {
        let mut conditions = vec![("ArnEquals", Value::map([("aws:SourceArn", sender.arn)]))];
        if let Some(account) = sender.account {
            let account = Value::map([("aws:SourceAccount", Value::Text(account))]);
            conditions.push(("StringEquals", account));
        }
        Value::map([
            ("Sid", Value::Text(format!("{}{}", sender.id, place + 1))),
            ("Effect", "Allow".into()),
            (
                "Principal",
                Value::map([("Service", sender.service.into())]),
            ),
            ("Action", Value::List(vec!["sqs:SendMessage".into()])),
            ("Resource", Value::List(vec![queue.clone()])),
            ("Condition", Value::map(conditions)),
        ])
    };
    policy(senders.into_iter().enumerate().map(statement))
}

/// A verb that a policy is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The kind of the resource.
    pub kind: Kind,
    /// The resource.
    pub resource: String,
    /// The verb's word.
    pub verb: String,
}

/// The property of a part that says what a unit may do.
pub const PERMISSIONS: &str = "PolicyDocument";

/// The verbs that a part with these properties permits, sorted. `None` for one that says nothing of
/// verbs.
pub fn grants(properties: &BTreeMap<String, Value>) -> Option<Vec<Grant>> {
    let Value::Map(document) = properties.get(PERMISSIONS)? else {
        return None;
    };
    let Value::List(statements) = document.get("Statement")? else {
        return None;
    };
    let mut found = BTreeSet::new();
    for statement in statements {
        let Value::Map(fields) = statement else {
            continue;
        };
        // A role's, not a queue's.
        if fields.contains_key("Principal") {
            return None;
        }
        if let Some(Value::Text(id)) = fields.get("Sid") {
            found.extend(read_id(id).into_iter().flatten());
        }
    }
    Some(found.into_iter().collect())
}

// An id is made of letters and digits only. Names have no upper-case letters but those of packages, so
// these are free to mean something: `tableNordersVgetVput`, `bucketNmyDfilesVgetW`.
const NAME: char = 'N';
const VERB: char = 'V';

fn id_of<'a>(
    kind: Kind,
    name: &str,
    verbs: impl Iterator<Item = &'a str>,
    scopes: &BTreeSet<Scope>,
) -> String {
    let mut id = escaped(kind.as_str());
    id.push(NAME);
    id += &escaped(name);
    for verb in verbs {
        id.push(VERB);
        id += &escaped(verb);
    }
    // Statements for one verb differ in what they are about.
    if *scopes != BTreeSet::from([Thing]) {
        id.extend(scopes.iter().map(|scope| match scope {
            Thing => 'T',
            Within => 'W',
            Inbox => 'I',
        }));
    }
    id
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => escaped.push(byte.into()),
            b'-' => escaped.push('D'),
            b'_' => escaped.push('U'),
            b'/' => escaped.push('S'),
            _ => escaped += &format!("X{byte:02x}"),
        }
    }
    escaped
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        bytes.push(match letter {
            'a'..='z' | '0'..='9' => letter as u8,
            'D' => b'-',
            'U' => b'_',
            'S' => b'/',
            'X' => {
                let byte = u8::from_str_radix(rest.get(..2)?, 16).ok()?;
                rest = &rest[2..];
                byte
            }
            _ => return None,
        });
    }
    String::from_utf8(bytes).ok()
}

fn read_id(id: &str) -> Option<Vec<Grant>> {
    let id = id.trim_end_matches(['T', 'W', 'I']);
    let (kind, rest) = id.split_once(NAME)?;
    let kind = Kind::parse(&unescaped(kind)?)?;
    let mut words = rest.split(VERB);
    let resource = unescaped(words.next()?)?;
    words
        .map(|verb| {
            Some(Grant {
                kind,
                resource: resource.clone(),
                verb: unescaped(verb)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
