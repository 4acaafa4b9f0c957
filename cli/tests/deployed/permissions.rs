//! What each unit may do is what its policy says, statement by statement: without one of them, the
//! operation that it is for is denied.
//!
//! That nothing is missing is what `end_to_end` shows. Here is shown that nothing is too many: no two
//! statements allow the same, and none allows what no operation asks for.

use crate::cloud::{ACCOUNT, Cloud, Orders, within};
use crate::identity::{Call, Identity, escaped, unescaped};
use serde_json::{Value, json};

#[test]
fn without_any_one_of_its_permissions_a_unit_is_denied_what_it_is_for() {
    let cloud = match Cloud::start() {
        Ok(cloud) => cloud,
        Err(skipped) => return skipped.report("the permissions of units on AWS"),
    };
    let orders = Orders::copied("orders-may");
    orders.ifc(&cloud, "apply --yes").success();
    let roles = within(
        &cloud.query("iam", "Action=ListRoles&Version=2010-05-08"),
        "RoleName",
    );
    let mut tried = 0;
    for role in roles {
        let identity = Identity::of_role(&cloud, &role);
        for name in policies(&cloud, &role) {
            let policy = read(&cloud, &role, &name);
            for permission in permissions(&policy) {
                let probe = permission.probe();
                if let Some(call) = &probe {
                    let answer = identity.ask(&cloud, call);
                    assert!(
                        !denied(&answer.body),
                        "{role}: {permission:?}: {}",
                        answer.body
                    );
                }
                assert!(
                    permission.simulated(&cloud, &role),
                    "{role}: {permission:?}"
                );

                write(&cloud, &role, &name, &permission.removed_from(&policy));
                if let Some(call) = &probe {
                    let answer = identity.ask(&cloud, call);
                    assert!(
                        denied(&answer.body),
                        "{role} without {permission:?}: {}",
                        answer.body
                    );
                }
                assert!(
                    !permission.simulated(&cloud, &role),
                    "{role} without {permission:?}"
                );
                write(&cloud, &role, &name, &policy);
                tried += 1;
            }
        }
    }
    assert!(tried > 20, "{tried}");
    orders.assert_done(&cloud);
}

fn denied(body: &str) -> bool {
    body.contains("AccessDenied") || body.contains("not authorized to perform")
}

/// One action on one resource, as one statement of a policy has it.
#[derive(Clone, Debug)]
struct Permission {
    statement: usize,
    action: String,
    resource: String,
    condition: Value,
}

fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().unwrap().to_owned())
            .collect(),
        item => vec![item.as_str().unwrap().to_owned()],
    }
}

fn permissions(policy: &Value) -> Vec<Permission> {
    let statements = policy["Statement"].as_array().unwrap().iter().enumerate();
    statements
        .flat_map(|(statement, text)| {
            assert_eq!(text["Effect"], "Allow");
            let resources = list(&text["Resource"]);
            list(&text["Action"]).into_iter().flat_map(move |action| {
                let condition = text["Condition"].clone();
                resources
                    .clone()
                    .into_iter()
                    .map(move |resource| Permission {
                        statement,
                        action: action.clone(),
                        resource,
                        condition: condition.clone(),
                    })
            })
        })
        .collect()
}

impl Permission {
    /// The policy without this action on this resource, and with everything else.
    fn removed_from(&self, policy: &Value) -> Value {
        let mut policy = policy.clone();
        let statements = policy["Statement"].as_array_mut().unwrap();
        let statement = statements.remove(self.statement);
        let with = |actions: Vec<String>, resources: Vec<String>| {
            let mut statement = statement.clone();
            statement["Action"] = json!(actions);
            statement["Resource"] = json!(resources);
            if let Some(fields) = statement.as_object_mut() {
                fields.remove("Sid");
            }
            (!actions.is_empty() && !resources.is_empty()).then_some(statement)
        };
        let (actions, resources) = (list(&statement["Action"]), list(&statement["Resource"]));
        let others = |all: &[String], one: &str| {
            all.iter()
                .filter(|item| *item != one)
                .cloned()
                .collect::<Vec<_>>()
        };
        // All other actions on everything, and this one on everything else.
        let other_actions = with(others(&actions, &self.action), resources.clone());
        let elsewhere = with(
            vec![self.action.clone()],
            others(&resources, &self.resource),
        );
        statements.extend(other_actions.into_iter().chain(elsewhere));
        if statements.is_empty() {
            // A policy must have a statement. This one allows nothing that anybody asks for.
            statements.push(json!({
                "Effect": "Allow", "Action": "iam:GetUser", "Resource": "arn:aws:iam:::user/nobody"
            }));
        }
        policy
    }

    /// A resource that the pattern matches.
    fn example(&self) -> String {
        self.resource.replace('*', "example")
    }

    /// What the evaluator that AWS publishes as an API says.
    fn simulated(&self, cloud: &Cloud, role: &str) -> bool {
        let mut form = format!(
            "Action=SimulatePrincipalPolicy&Version=2010-05-08&PolicySourceArn={}\
             &ActionNames.member.1={}&ResourceArns.member.1={}",
            escaped(&format!("arn:aws:iam::{ACCOUNT}:role/{role}")),
            escaped(&self.action),
            escaped(&self.example())
        );
        let conditions = self.condition.as_object().into_iter().flatten();
        let keys = conditions.flat_map(|(_, keys)| keys.as_object().into_iter().flatten());
        for (index, (key, values)) in keys.enumerate() {
            let value = list(values).remove(0).replace('*', "example");
            let entry = format!("&ContextEntries.member.{}", index + 1);
            form.push_str(&format!(
                "{entry}.ContextKeyName={}{entry}.ContextKeyType=string\
                 {entry}.ContextKeyValues.member.1={}",
                escaped(key),
                escaped(&value)
            ));
        }
        let answer = cloud.query("iam", &form);
        within(&answer, "EvalDecision").remove(0) == "allowed"
    }

    /// A call that needs the permission, where the emulator looks at it.
    fn probe(&self) -> Option<Call> {
        let (service, action) = self.action.split_once(':').unwrap();
        let resource = self.example();
        let name = resource.rsplit([':', '/']).next().unwrap().to_owned();
        let account = format!("http://127.0.0.1/{ACCOUNT}/{name}");
        Some(match service {
            "dynamodb" => {
                let mut path = resource.split('/').skip(1);
                let table = path.next().unwrap();
                let mut body = json!({ "TableName": table });
                match path.next() {
                    Some("index") => body["IndexName"] = json!(path.next().unwrap()),
                    // Streams are read by those who poll for the function, which no emulator asks.
                    Some("stream") => return None,
                    _ => {}
                }
                let target = format!("DynamoDB_20120810.{action}");
                Call::json("dynamodb", &target, body.to_string())
            }
            "sqs" => {
                // The poller's calls are not the function's, and no emulator asks who makes them.
                let body = json!({ "QueueUrl": account, "MessageBody": "x" });
                Call::json("sqs", &format!("AmazonSQS.{action}"), body.to_string())
            }
            "sns" => {
                let topic = resource.replace(':', "%3A");
                let form = format!("Action={action}&Version=2010-03-31&TopicArn={topic}&Message=x");
                Call::query("sns", form)
            }
            "secretsmanager" => {
                let secret = json!({ "SecretId": resource });
                Call::json(
                    "secretsmanager",
                    &format!("secretsmanager.{action}"),
                    secret.to_string(),
                )
            }
            "ssm" => {
                let (_, name) = resource.split_once(":parameter").unwrap();
                let body = json!({ "Name": name });
                Call::json("ssm", &format!("AmazonSSM.{action}"), body.to_string())
            }
            "s3" => {
                let (_, path) = resource.split_once(":::").unwrap();
                let method = match action {
                    "GetObject" | "ListBucket" => "GET",
                    "PutObject" => "PUT",
                    "DeleteObject" => "DELETE",
                    _ => return None,
                };
                Call::rest("s3", method, format!("/{path}"))
            }
            "lambda" => {
                let path = format!(
                    "/2015-03-31/functions/{}/invocations",
                    resource.replace(':', "%3A")
                );
                Call::rest("lambda", "POST", path)
            }
            _ => return None,
        })
    }
}

fn policies(cloud: &Cloud, role: &str) -> Vec<String> {
    let form = format!("Action=ListRolePolicies&Version=2010-05-08&RoleName={role}");
    within(&cloud.query("iam", &form), "member")
}

fn read(cloud: &Cloud, role: &str, policy: &str) -> Value {
    let form =
        format!("Action=GetRolePolicy&Version=2010-05-08&RoleName={role}&PolicyName={policy}");
    let document = within(&cloud.query("iam", &form), "PolicyDocument").remove(0);
    serde_json::from_str(&unescaped(&document)).unwrap()
}

fn write(cloud: &Cloud, role: &str, policy: &str, document: &Value) {
    let document = escaped(&document.to_string());
    let form = format!(
        "Action=PutRolePolicy&Version=2010-05-08&RoleName={role}&PolicyName={policy}\
         &PolicyDocument={document}"
    );
    cloud.query("iam", &form);
}
