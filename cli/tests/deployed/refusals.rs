//! AWS says no: what is told, and that the next command goes on from there.

use crate::cloud::{Cloud, Orders, within};
use crate::identity::escaped;
use crate::inventory::DESTROY;
use ifc_emulators::{Call, Fault};
use serde_json::{Value, json};
use std::process::Command;

/// A user of the account that may do what a policy says, and nothing else.
struct Deployer<'a> {
    cloud: &'a Cloud,
    key: String,
    secret: String,
    policy: Value,
}

const USER: &str = "deployer";

impl Deployer<'_> {
    fn new(cloud: &Cloud, policy: Value) -> Deployer<'_> {
        let form = |action: &str| format!("Action={action}&Version=2010-05-08&UserName={USER}");
        cloud.query("iam", &form("CreateUser"));
        let key = cloud.query("iam", &form("CreateAccessKey"));
        let deployer = Deployer {
            cloud,
            key: within(&key, "AccessKeyId").remove(0),
            secret: within(&key, "SecretAccessKey").remove(0),
            policy,
        };
        deployer.permitted();
        deployer
    }

    /// Tells the cloud what the user may do.
    fn permitted(&self) {
        let document = escaped(&self.policy.to_string());
        let form = format!(
            "Action=PutUserPolicy&Version=2010-05-08&UserName={USER}&PolicyName=deploys\
             &PolicyDocument={document}"
        );
        self.cloud.query("iam", &form);
    }

    fn statements(&mut self) -> &mut Vec<Value> {
        self.policy["Statement"].as_array_mut().unwrap()
    }

    /// Takes an action out of the policy, wherever it is.
    fn lose(&mut self, action: &str) {
        let mut lost = 0;
        for statement in self.statements() {
            let actions = statement["Action"].as_array_mut().unwrap();
            let before = actions.len();
            actions.retain(|other| other != action);
            lost += before - actions.len();
        }
        assert!(lost > 0, "{action}");
        self.statements()
            .retain(|statement| statement["Action"] != json!([]));
        self.permitted();
    }

    /// The same command, by this user.
    fn runs<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("AWS_ACCESS_KEY_ID", &self.key)
            .env("AWS_SECRET_ACCESS_KEY", &self.secret)
    }
}

/// The statements that errors say are missing.
fn missing(errors: &str) -> Vec<Value> {
    let told = errors.split("add to the policy of who deploys: ").skip(1);
    told.map(|text| {
        let mut values = serde_json::Deserializer::from_str(text).into_iter();
        values.next().unwrap().unwrap()
    })
    .collect()
}

/// What an apply says that fails.
#[track_caller]
fn refused(cloud: &Cloud, orders: &Orders) -> String {
    let finished = orders.ifc(cloud, "apply --yes");
    let said = finished.output + &finished.errors;
    assert_eq!(finished.code, 1, "{said}");
    said
}

#[test]
fn who_deploys_needs_what_the_policy_says_and_is_told_what_is_missing() {
    let cloud = match Cloud::start() {
        Ok(cloud) => cloud,
        Err(skipped) => return skipped.report("what AWS refuses to who deploys"),
    };
    let orders = Orders::copied("orders-no");
    let policy = orders.ifc(&cloud, "policy").success();
    let mut deployer = Deployer::new(&cloud, serde_json::from_str(&policy).unwrap());
    let ifc = |deployer: &Deployer<'_>, arguments: &str| {
        crate::support::run(deployer.runs(&mut orders.command(&cloud, arguments)))
    };

    // What is said to be missing is what is missing.
    deployer.lose("sqs:CreateQueue");
    let mut told = 0;
    loop {
        let finished = ifc(&deployer, "apply --yes");
        if finished.code == 0 {
            break;
        }
        let said = finished.output + &finished.errors;
        let missing = missing(&said);
        assert!(!missing.is_empty(), "{said}");
        for statement in &missing {
            assert_eq!(statement["Action"], "sqs:CreateQueue", "{said}");
        }
        told += missing.len();
        deployer.statements().extend(missing);
        deployer.permitted();
        assert!(told < 20, "{said}");
    }
    assert!(told > 0);
    orders.assert_done(&cloud);
    let whole = cloud.inventory();

    // Nothing more is needed to take it all away.
    ifc(&deployer, DESTROY).success();
    assert_eq!(cloud.inventory().len(), 0);

    // What is not ours is not touched.
    let taken = whole.iter().find(|thing| thing.contains("-fulfilment-"));
    let (_, name) = taken.unwrap().split_once(' ').unwrap();
    let queue = json!({ "QueueName": name, "Attributes": { "VisibilityTimeout": "7" } });
    let url = cloud.json("sqs", "AmazonSQS.CreateQueue", &queue);
    let said = refused(&cloud, &orders);
    assert!(said.contains(name), "{said}");
    let question = json!({ "QueueUrl": url["QueueUrl"], "AttributeNames": ["All"] });
    let found = cloud.json("sqs", "AmazonSQS.GetQueueAttributes", &question);
    assert_eq!(found["Attributes"]["VisibilityTimeout"], "7");
    let queue = json!({ "QueueUrl": url["QueueUrl"] });
    cloud.json("sqs", "AmazonSQS.DeleteQueue", &queue);

    // Quotas.
    cloud
        .weather
        .obey(|call: &Call| (call.operation == "CreateRole").then_some(Fault::Exceed));
    let said = refused(&cloud, &orders);
    assert!(said.contains("`iam:CreateRole` on"), "{said}");
    assert!(said.contains("ask AWS for a higher quota"), "{said}");

    // Credentials that end in the middle, and before it begins.
    let mut over = false;
    cloud.weather.obey(move |call: &Call| {
        over |= call.operation.starts_with("POST /2015-03-31/functions");
        over.then_some(Fault::Expire)
    });
    let said = refused(&cloud, &orders);
    assert!(said.contains("log in to AWS again"), "{said}");
    let said = refused(&cloud, &orders);
    let expired = "the credentials for AWS have expired";
    assert!(said.contains(expired), "{said}");
    assert!(said.contains("log in again"), "{said}");

    cloud.weather.calm();
    orders.ifc(&cloud, "apply --yes").success();
    orders.assert_done(&cloud);
    cloud.assert_requests_are_right();
}
