//! What changes when the code, the stage or somebody's hands change something.

use crate::cloud::{Cloud, Orders, within};
use crate::inventory::DESTROY;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a plan would do: how many of each action, by part.
fn planned(orders: &Orders, cloud: &Cloud) -> BTreeMap<String, String> {
    let plan = orders.ifc(cloud, "plan --json").success();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let changes = plan["plan"]["changes"].as_array().unwrap();
    changes
        .iter()
        .map(|change| {
            let address = change["address"].as_str().unwrap().to_owned();
            // An action that there is more to say about is a map with one entry.
            let action = match &change["action"] {
                Value::Object(fields) => fields.keys().next().unwrap().clone(),
                word => word.as_str().unwrap().to_owned(),
            };
            (address, action)
        })
        .filter(|(_, action)| action != "keep")
        .collect()
}

fn queue_url(cloud: &Cloud, part: &str) -> String {
    let queues = cloud.json("sqs", "AmazonSQS.ListQueues", &json!({}));
    let urls = queues["QueueUrls"].as_array().unwrap();
    let urls = urls.iter().map(|url| url.as_str().unwrap());
    let found = urls
        .filter(|url| url.contains(part))
        .min_by_key(|url| url.len());
    found.unwrap().to_owned()
}

fn visibility(cloud: &Cloud, url: &str) -> String {
    let question = json!({ "QueueUrl": url, "AttributeNames": ["VisibilityTimeout"] });
    let answer = cloud.json("sqs", "AmazonSQS.GetQueueAttributes", &question);
    answer["Attributes"]["VisibilityTimeout"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_stage_follows_its_application_and_nobody_else() {
    let cloud = match Cloud::start() {
        Ok(cloud) => cloud,
        Err(skipped) => return skipped.report("changes of what is deployed to AWS"),
    };
    let orders = Orders::copied("orders-life");
    let apply = || orders.ifc(&cloud, "apply --yes").success();
    apply();
    orders.assert_done(&cloud);
    let whole = cloud.inventory();

    by_hand(&cloud, &orders);
    apply();
    orders.assert_done(&cloud);

    // Code only: the program, and what runs it.
    orders.edit("src/main.rs", "\"fulfilled\");", "\"fulfilled at last\");");
    let changes = planned(&orders, &cloud);
    assert!(!changes.is_empty());
    for (part, action) in &changes {
        let word = part.split('/').nth(1).unwrap();
        assert!(
            ["program", "function", "live"].contains(&word),
            "{part}: {action}"
        );
        assert_eq!(action, "update", "{part}");
    }
    apply();
    orders.assert_done(&cloud);

    // In place.
    let url = queue_url(&cloud, "fulfilment");
    assert_eq!(visibility(&cloud, &url), "60");
    orders.edit("src/main.rs", ".lease(seconds(60))", ".lease(seconds(90))");
    let changes = planned(&orders, &cloud);
    assert_eq!(changes["fulfilment/queue"], "update");
    apply();
    assert_eq!(visibility(&cloud, &url), "90");

    // A new thing in the place of another.
    let standard = "Queue::new(\"fulfilment\").lease(seconds(90))";
    let other = "Queue::new(\"fulfilments\").lease(seconds(90))";
    orders.edit("src/main.rs", standard, other);
    let changes = planned(&orders, &cloud);
    assert_eq!(changes["fulfilments/queue"], "create", "{changes:?}");
    assert_eq!(changes["fulfilment/queue"], "delete", "{changes:?}");
    apply();
    orders.assert_done(&cloud);
    assert_eq!(cloud.inventory().len(), whole.len());

    // What holds data is kept when the code forgets it, and found again when it remembers.
    let item = json!({
        "TableName": table(&cloud, "spending"),
        "Item": { "customer": { "S": "ada" }, "order": { "S": "o-1" }, "cents": { "N": "1" } }
    });
    cloud.json("dynamodb", "DynamoDB_20120810.PutItem", &item);
    orders.ifc(&cloud, "destroy --yes").success();
    let kept: Vec<String> = cloud.inventory().into_iter().collect();
    let kinds: Vec<&str> = kept
        .iter()
        .map(|thing| thing.split(' ').next().unwrap())
        .collect();
    assert_eq!(kinds, ["bucket", "secret", "table", "table"], "{kept:?}");
    apply();
    orders.assert_done(&cloud);
    let key = json!({ "customer": { "S": "ada" }, "order": { "S": "o-1" } });
    let question = json!({ "TableName": table(&cloud, "spending"), "Key": key });
    let found = cloud.json("dynamodb", "DynamoDB_20120810.GetItem", &question);
    assert_eq!(found["Item"]["cents"]["N"], "1");

    // A change that would lose data is refused.
    let by_order = "    #[item(sort)]\n    pub order: String,\n    pub cents";
    let by_cents = "    pub order: String,\n    #[item(sort)]\n    pub cents";
    orders.edit("src/model.rs", by_order, by_cents);
    let refused = orders.ifc(&cloud, "apply --yes");
    assert_eq!(refused.code, 1, "{}\n{}", refused.output, refused.errors);
    let (_, reason) = refused.output.split_once("refused\n").unwrap();
    assert!(reason.contains("spending"), "{reason}");
    assert!(reason.contains("`KeySchema`"), "{reason}");

    orders.ifc(&cloud, DESTROY).success();
    assert_eq!(cloud.inventory().len(), 0, "{:?}", cloud.inventory());
    cloud.assert_requests_are_right();
}

fn table(cloud: &Cloud, part: &str) -> String {
    let tables = cloud.json("dynamodb", "DynamoDB_20120810.ListTables", &json!({}));
    let names = tables["TableNames"].as_array().unwrap();
    let mut names = names.iter().map(|name| name.as_str().unwrap());
    names.find(|name| name.contains(part)).unwrap().to_owned()
}

/// What somebody changes, removes and adds by hand is seen, and put right by the next apply.
fn by_hand(cloud: &Cloud, orders: &Orders) {
    let url = queue_url(cloud, "fulfilment");
    let attributes = json!({ "QueueUrl": url, "Attributes": { "VisibilityTimeout": "7" } });
    cloud.json("sqs", "AmazonSQS.SetQueueAttributes", &attributes);
    let list = cloud.query("sns", "Action=ListSubscriptions&Version=2010-03-31");
    let subscription = within(&list, "SubscriptionArn")
        .remove(0)
        .replace(':', "%3A");
    let form = format!("Action=Unsubscribe&Version=2010-03-31&SubscriptionArn={subscription}");
    cloud.query("sns", &form);
    let mappings = cloud.ask("lambda", "GET /2015-03-31/event-source-mappings/", &[], "");
    let mappings: Value = serde_json::from_str(&mappings).unwrap();
    let mapping = mappings["EventSourceMappings"][0]["UUID"].as_str().unwrap();
    let path = format!("DELETE /2015-03-31/event-source-mappings/{mapping}");
    cloud.ask("lambda", &path, &[], "");
    let roles = within(
        &cloud.query("iam", "Action=ListRoles&Version=2010-05-08"),
        "RoleName",
    );
    let role = roles.iter().find(|role| role.contains("charge")).unwrap();
    let policies = format!("Action=ListRolePolicies&Version=2010-05-08&RoleName={role}");
    let policy = within(&cloud.query("iam", &policies), "member").remove(0);
    let form =
        format!("Action=DeleteRolePolicy&Version=2010-05-08&RoleName={role}&PolicyName={policy}");
    cloud.query("iam", &form);

    let drift = orders.ifc(cloud, "drift --detailed-exit-code --json");
    assert_eq!(drift.code, 2, "{}\n{}", drift.output, drift.errors);
    let drift: Value = serde_json::from_str(&drift.output).unwrap();
    assert_eq!(drift.as_array().unwrap().len(), 4, "{drift:#}");
}
