//! An application with every kind and every edge, by the engine: made, planned again, changed,
//! damaged, mended, destroyed.

use super::life::{create, desired, rests};
use super::{aws, cloud};
use crate::catalog::{self, ALIAS, CATALOG, FUNCTION, OBJECT};
use crate::lowering::everything::{context, everything};
use crate::lowering::lower;
use crate::naming::Context;
use crate::parts::Values;
use crate::provider::Aws;
use ifc_emulators::{Proxy, Weather};
use ifc_engine::model::Part;
use ifc_engine::{
    ApplyOptions, Blueprint, BoxFuture, Clock, Consents, Fingerprint, MemoryStore, Patience, Plan,
    PlanOptions, Provider as _, Reading, Session, Setup, StopSignal, Target, Timestamp,
};
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
