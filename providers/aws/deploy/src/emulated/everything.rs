//! An application with every kind and every edge, by the engine: made, planned again, changed,
//! damaged, mended, destroyed.

use super::life::{create, desired, rests};
use super::{aws, cloud};
use crate::catalog::{self, ALIAS, CATALOG, FUNCTION, OBJECT};
use crate::lowering::everything::{context, everything, spec};
use crate::lowering::lower;
use crate::naming::Context;
use crate::parts::Values;
use crate::provider::Aws;
use ifc_emulators::{Proxy, Weather};
use ifc_engine::model::{Part, PartAddress};
use ifc_engine::plan::Action;
use ifc_engine::{
    ApplyOptions, Blueprint, BoxFuture, Clock, Consents, Fingerprint, MemoryStore, Patience, Plan,
    PlanOptions, Provider as _, Reading, Session, Setup, StopSignal, Target, Timestamp,
};
use ifc_graph::Spec;
use ifc_manifest::Kind;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The time of this computer.
struct Now(Instant);

impl Clock for Now {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn wall(&self) -> Timestamp {
        Timestamp(1_767_225_600_000)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

struct Stage {
    aws: Aws,
    session: Session,
    context: Context,
    folder: TempDir,
}

impl Stage {
    async fn set(endpoint: &str, context: Context) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("program.zip");
        let aws = aws(endpoint, context.account.parse().unwrap(), Some(archive)).await;
        let setup = Setup::new(context.application.clone(), context.stage.clone(), 7);
        let clock = Arc::new(Now(Instant::now()));
        Stage {
            aws,
            session: Session::new(Arc::new(MemoryStore::new()), clock, setup),
            context,
            folder,
        }
    }

    /// Loses its state.
    fn forget(&mut self) {
        let setup = Setup::new(
            self.context.application.clone(),
            self.context.stage.clone(),
            8,
        );
        let clock = Arc::new(Now(Instant::now()));
        self.session = Session::new(Arc::new(MemoryStore::new()), clock, setup);
    }

    /// The application with this program.
    fn blueprint(&self, comment: &[u8]) -> Blueprint {
        let bytes = super::units::archive(comment);
        std::fs::write(self.folder.path().join("program.zip"), &bytes).unwrap();
        lower(&everything(), &Fingerprint::of(&bytes), &self.context).unwrap()
    }

    /// Removes all of it, also what would be kept.
    async fn destroy(&self, blueprint: &Blueprint) {
        let parts = blueprint.parts().keys();
        let consents = Consents {
            delete: parts.map(|address| address.resource().to_owned()).collect(),
            ..Consents::default()
        };
        let nothing = self.session.nothing(&self.aws);
        let plan = self.plan(&nothing, consents).await;
        self.apply(&nothing, &plan).await;
    }

    /// Nothing of it is there.
    async fn is_gone(&self, blueprint: &Blueprint) {
        for part in blueprint.parts().values() {
            let reading = self.aws.read(&target(part)).await.unwrap();
            assert_eq!(reading, Reading::Absent, "{}", part.address);
        }
    }

    async fn plan(&self, blueprint: &Blueprint, consents: Consents) -> Plan {
        let options = PlanOptions { consents };
        let plan = self.session.plan(&self.aws, blueprint, &options).await;
        plan.unwrap()
    }

    async fn apply(&self, blueprint: &Blueprint, plan: &Plan) {
        let (patience, stop) = (Patience::default(), StopSignal::new());
        let options = ApplyOptions {
            patience: &patience,
            stop: &stop,
            observer: &|_| {},
            on_wait: &|_| {},
            presume_dead: &|_| false,
        };
        let summary = self
            .session
            .apply(&self.aws, blueprint, plan, &options)
            .await;
        let summary = summary.unwrap();
        let failed: Vec<_> = summary
            .steps
            .iter()
            .filter(|step| step.failure.is_some())
            .collect();
        assert!(failed.is_empty(), "{failed:#?}");
        assert!(summary.is_complete());
    }

    /// Planning again finds nothing to do.
    async fn is_settled(&self, blueprint: &Blueprint) {
        let plan = self.plan(blueprint, Consents::default()).await;
        let left: Vec<String> = plan
            .changes
            .iter()
            .filter(|change| !change.properties.is_empty())
            .map(|change| format!("{} {:?}", change.address, change.properties))
            .collect();
        assert!(left.is_empty(), "{}", left.join("\n"));
        assert!(plan.is_empty());
    }
}

#[tokio::test]
async fn everything_lives_and_dies() {
    let Some(models) = cloud("the life of a whole application") else {
        return;
    };
    let stage = Stage::set(&models.endpoint(), context("dev")).await;
    let first = stage.blueprint(b"one");
    others_bus(&stage, &first).await;

    let plan = stage.plan(&first, Consents::default()).await;
    stage.apply(&first, &plan).await;
    stage.is_settled(&first).await;

    // Another program touches nothing but what runs it.
    let second = stage.blueprint(b"two");
    let plan = stage.plan(&second, Consents::default()).await;
    let changed = plan
        .changes
        .iter()
        .filter(|change| !change.properties.is_empty());
    let types: BTreeSet<&str> = changed
        .map(|change| second.parts()[&change.address].part_type.as_str())
        .collect();
    assert_eq!(types, BTreeSet::from([ALIAS, FUNCTION, OBJECT]));
    stage.apply(&second, &plan).await;
    stage.is_settled(&second).await;

    damage(&stage, &second).await;
    let plan = stage.plan(&second, Consents::default()).await;
    assert!(!plan.is_empty());
    stage.apply(&second, &plan).await;
    stage.is_settled(&second).await;

    stage.destroy(&second).await;
    stage.is_gone(&second).await;
    assert_eq!(models.deviations(), []);
    // Other tests call the same parts, so that this is about more than this one.
    let allowed: BTreeSet<&str> = CATALOG
        .iter()
        .flat_map(catalog::Entry::all_actions)
        .chain(crate::discover::ACTIONS)
        .chain([crate::preflight::ACTION])
        .collect();
    let called = models.calls();
    let actions = called.keys().filter_map(|call| action_of(call));
    let beyond: Vec<String> = actions
        .filter(|action| !allowed.contains(action.as_str()))
        .collect();
    assert!(beyond.is_empty(), "the catalog lacks {beyond:?}");
}

#[tokio::test]
async fn everything_lives_in_bad_weather() {
    let Some(models) = cloud("a whole application in bad weather") else {
        return;
    };
    let proxy = Proxy::start(models.port());
    let context = Context {
        account: "210987654321".to_owned(),
        ..context("dev")
    };
    let stage = Stage::set(&proxy.endpoint(), context).await;
    let first = stage.blueprint(b"one");
    others_bus(&stage, &first).await;
    let weather = |seed| Weather {
        seed,
        // Each of them makes the engine slower.
        throttled: 0.002,
        failed: 0.02,
        lost_requests: 0.02,
        lost_answers: 0.04,
        ..Weather::default()
    };

    proxy.obey(weather(1).rule());
    let plan = stage.plan(&first, Consents::default()).await;
    stage.apply(&first, &plan).await;
    proxy.calm();
    stage.is_settled(&first).await;

    proxy.obey(weather(2).rule());
    let second = stage.blueprint(b"two");
    let plan = stage.plan(&second, Consents::default()).await;
    stage.apply(&second, &plan).await;
    proxy.calm();
    stage.is_settled(&second).await;

    stage.destroy(&second).await;
    assert_eq!(models.deviations(), []);
}

#[tokio::test]
async fn what_was_forgotten_is_found_again() {
    let Some(models) = cloud("a stage whose state was lost") else {
        return;
    };
    let context = Context {
        account: "310987654321".to_owned(),
        ..context("dev")
    };
    let mut stage = Stage::set(&models.endpoint(), context).await;
    let first = stage.blueprint(b"one");
    others_bus(&stage, &first).await;
    let plan = stage.plan(&first, Consents::default()).await;
    stage.apply(&first, &plan).await;

    // A table of a second generation, with the first one kept; another name for a topic.
    let mut graph = everything();
    if let Spec::Table(table) = spec(&mut graph, Kind::Table, "orders") {
        table.sort = None;
    }
    if let Spec::Topic(topic) = spec(&mut graph, Kind::Topic, "news") {
        topic.fifo = true;
    }
    let second = lower(&graph, first.artifact(), &stage.context).unwrap();
    let consents = Consents {
        replace: BTreeSet::from(["orders".to_owned()]),
        ..Consents::default()
    };
    let plan = stage.plan(&second, consents).await;
    stage.apply(&second, &plan).await;
    stage.is_settled(&second).await;
    let limit = stage.context.parameter_name("limit");
    let ssm = stage.aws.clients().ssm.clone();
    let set = ssm.put_parameter().name(&limit).value("35").overwrite(true);
    set.send().await.unwrap();
    role_elsewhere(&stage, &second).await;
    let before = things(&stage).await;
    let untold: Vec<&PartAddress> = (second.parts().values())
        .filter(|part| {
            let entry = catalog::find(part.part_type.as_str()).unwrap();
            let outlives = [catalog::SCHEDULE, catalog::SUBSCRIPTION];
            let is_told = entry.tags != catalog::Tags::None || outlives.contains(&entry.part_type);
            let varies = part.naming.varies();
            is_told && !varies && !before.contains(&target(part).identity().to_string())
        })
        .map(|part| &part.address)
        .collect();
    assert_eq!(untold, Vec::<&PartAddress>::new());

    stage.forget();
    let plan = stage.plan(&second, Consents::default()).await;
    let made: Vec<String> = (plan.changes.iter())
        .filter(|change| {
            let found = change.action == Action::Adopt && change.to.is_some();
            let kept = change.action == Action::Retain;
            !found && !kept
        })
        .map(|change| {
            format!(
                "{} {:?} {:?}",
                change.address, change.action, change.properties
            )
        })
        .collect();
    assert!(made.is_empty(), "{}", made.join("\n"));
    let kept: Vec<&str> = (plan.changes.iter())
        .filter(|change| change.action == Action::Retain)
        .map(|change| change.address.resource())
        .collect();
    assert_eq!(kept, ["orders"]);
    stage.apply(&second, &plan).await;
    stage.is_settled(&second).await;
    assert_eq!(things(&stage).await, before);
    let is = ssm.get_parameter().name(&limit).send().await.unwrap();
    assert_eq!(is.parameter.unwrap().value.unwrap(), "35");

    // What is forgotten and no longer wanted is kept, until its removal is consented to.
    stage.forget();
    let nothing = stage.session.nothing(&stage.aws);
    let plan = stage.plan(&nothing, Consents::default()).await;
    assert!(
        plan.changes
            .iter()
            .all(|change| change.action == Action::Retain)
    );
    stage.apply(&nothing, &plan).await;
    assert_eq!(things(&stage).await, before);
    stage.destroy(&second).await;
    stage.is_gone(&second).await;
    assert_eq!(things(&stage).await, BTreeSet::new());
    assert_eq!(models.deviations(), []);
}

/// Everything that there is of the stage, by type and name. What was removed may be found for a while.
async fn things(stage: &Stage) -> BTreeSet<String> {
    let (application, name) = (&stage.context.application, &stage.context.stage);
    let mut things = BTreeSet::new();
    for target in stage.aws.discover(application, name).await.unwrap() {
        if stage.aws.read(&target).await.unwrap() != Reading::Absent {
            things.insert(target.identity().to_string());
        }
    }
    things
}

/// A part that nothing is known of but its place in the blueprint.
fn target(part: &Part) -> Target {
    Target {
        address: part.address.clone(),
        part_type: part.part_type.clone(),
        physical_name: part.naming.name(0),
        outputs: Values::new(),
        tags: part.tags.clone(),
    }
}

/// The action that policies know a call by. `None` for what only tests call.
fn action_of(call: &str) -> Option<String> {
    let (service, operation) = call.split_once('.').unwrap();
    let operation = match (service, operation) {
        ("sts", _) | ("secretsmanager", "GetSecretValue") | ("ssm", "GetParameter") => {
            return None;
        }
        ("apigatewayv2", _) => {
            let verbs = [
                ("Get", "GET"),
                ("Create", "POST"),
                ("Tag", "POST"),
                ("Update", "PATCH"),
                ("Delete", "DELETE"),
                ("Untag", "DELETE"),
            ];
            let verb = verbs.iter().find(|(word, _)| operation.starts_with(word));
            return Some(format!("apigateway:{}", verb.unwrap().1));
        }
        ("resourcegroupstaggingapi", operation) => return Some(format!("tag:{operation}")),
        ("s3", "DeleteBucketEncryption" | "PutBucketEncryption") => "PutEncryptionConfiguration",
        ("s3", "DeleteBucketLifecycle" | "PutBucketLifecycleConfiguration") => {
            "PutLifecycleConfiguration"
        }
        ("s3", "DeleteBucketOwnershipControls") => "PutBucketOwnershipControls",
        ("s3", "DeletePublicAccessBlock" | "PutPublicAccessBlock") => "PutBucketPublicAccessBlock",
        ("s3", "DeleteObjects") => "DeleteObject",
        ("s3", "GetBucketEncryption") => "GetEncryptionConfiguration",
        ("s3", "GetBucketLifecycleConfiguration") => "GetLifecycleConfiguration",
        ("s3", "GetBucketNotificationConfiguration") => "GetBucketNotification",
        ("s3", "GetPublicAccessBlock") => "GetBucketPublicAccessBlock",
        ("s3", "ListObjectsV2") => "ListBucket",
        ("s3", "PutBucketNotificationConfiguration") => "PutBucketNotification",
        (_, operation) => operation,
    };
    Some(format!("{service}:{operation}"))
}

/// The bus of another application, whose events this one hears.
async fn others_bus(stage: &Stage, blueprint: &Blueprint) {
    let rules = blueprint.parts().values();
    let rules = rules.filter(|part| part.part_type.as_str() == catalog::RULE);
    let buses: BTreeSet<String> = rules
        .map(|part| catalog::parent(part.naming.name(0).as_str()).to_owned())
        .filter(|bus| bus.starts_with("billing-"))
        .collect();
    assert_eq!(buses.len(), 1);
    for bus in buses {
        let mut part = desired(catalog::EVENT_BUS, &bus, &json!({}), &Values::new());
        part.target
            .tags
            .insert("ifc-app".to_owned(), "billing".to_owned());
        create(&stage.aws, &part).await.unwrap();
    }
}

/// A role of the same unit in another region: IAM knows no regions, so it has the same tags.
async fn role_elsewhere(stage: &Stage, blueprint: &Blueprint) {
    let mut parts = blueprint.parts().values();
    let role = parts.find(|part| part.part_type.as_str() == catalog::ROLE);
    let role = role.unwrap();
    let call = stage.aws.clients().iam.create_role();
    let call = call.role_name(format!("{}elsewhere", stage.context.prefix()));
    let tags = role.tags.iter().map(|(key, value)| {
        let tag = aws_sdk_iam::types::Tag::builder().key(key).value(value);
        tag.build().unwrap()
    });
    let call = call.set_tags(Some(tags.collect()));
    call.assume_role_policy_document(r#"{"Version":"2012-10-17","Statement":[]}"#)
        .send()
        .await
        .unwrap();
}

/// What people do by hand.
async fn damage(stage: &Stage, blueprint: &Blueprint) {
    let clients = stage.aws.clients();
    let part = |part_type: &str| {
        let mut parts = blueprint.parts().values();
        let part = parts.find(|part| part.part_type.as_str() == part_type);
        part.unwrap()
    };
    let name = |part_type: &str| part(part_type).naming.name(0).as_str().to_owned();
    let call = clients.lambda.update_function_configuration();
    let call = call.function_name(name(FUNCTION)).timeout(7);
    call.send().await.unwrap();
    rests(&stage.aws, &target(part(FUNCTION))).await;
    let call = clients.logs.delete_log_group();
    call.log_group_name(name(catalog::LOG_GROUP))
        .send()
        .await
        .unwrap();
    let queue = name(catalog::QUEUE_POLICY);
    let queue = clients
        .sqs
        .get_queue_url()
        .queue_name(catalog::parent(&queue));
    let url = queue.send().await.unwrap().queue_url.unwrap();
    let call = clients.sqs.set_queue_attributes().queue_url(url);
    let call = call.attributes(aws_sdk_sqs::types::QueueAttributeName::Policy, "");
    call.send().await.unwrap();
    let role = name(catalog::ROLE_POLICY);
    let call = clients.iam.delete_role_policy();
    let call = call.role_name(catalog::parent(&role));
    call.policy_name(catalog::word(&role)).send().await.unwrap();
}
