//! The least that whoever deploys must be permitted: for each part of a blueprint the actions of its
//! type, on the names that it has or will have, or on all names of the stage.

use crate::catalog::{self, Entry, Name, OBJECT, ROLE};
use crate::discover;
use crate::naming::Context;
use crate::preflight;
use ifc_engine::{Blueprint, Naming, Part, PhysicalName};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Actions that AWS lets nobody restrict to a thing.
const OF_NOTHING: &[&str] = &[
    "kinesis:UpdateStreamMode",
    "lambda:CreateEventSourceMapping",
    "lambda:ListEventSourceMappings",
    "logs:DescribeLogGroups",
    "secretsmanager:GetRandomPassword",
    "sns:GetSubscriptionAttributes",
    "sns:SetSubscriptionAttributes",
    "sns:Unsubscribe",
    "ssm:DescribeParameters",
];

/// The services that roles are handed to.
const PASSED_TO: [&str; 2] = [crate::policy::LAMBDA, crate::policy::SCHEDULER];

/// On which things the actions are permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breadth {
    /// On the parts of the blueprint and nothing else: another blueprint may need another policy.
    Parts,
    /// On everything that is named as the stage's parts are. Shorter, and good for blueprints with
    /// other parts of the same types.
    Stage,
}

/// The policy, as IAM takes it: equal for equal blueprints. IAM takes 6,144 characters in one managed
/// policy, white space apart; that of a large application is larger, unless it is for the stage.
pub fn policy(blueprint: &Blueprint, context: &Context, breadth: Breadth) -> Json {
    let generations = generations(blueprint);
    let mut needed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut roles = BTreeSet::new();
    let mut programs = BTreeSet::new();
    for part in blueprint.parts().values() {
        let Some(entry) = catalog::find(part.part_type.as_str()) else {
            continue;
        };
        let arns = arns_of(entry, part, context, breadth, &generations);
        match entry.part_type {
            ROLE => roles.extend(arns.iter().cloned()),
            OBJECT => programs.extend(arns.iter().filter(|arn| arn.ends_with("/*")).cloned()),
            _ => {}
        }
        for action in entry.all_actions() {
            let on = needed.entry(action.to_owned()).or_default();
            match action {
                // On others' things, which are collected below.
                "iam:PassRole" => {}
                "s3:GetObject" if entry.part_type == catalog::FUNCTION => {}
                _ if OF_NOTHING.contains(&action) => {
                    on.insert("*".to_owned());
                }
                _ => on.extend(arns.iter().filter(|arn| fits(action, arn)).cloned()),
            }
        }
    }
    for action in discover::ACTIONS {
        needed.insert(action.to_owned(), BTreeSet::from(["*".to_owned()]));
    }
    if preflight::functions(blueprint).next().is_some() {
        needed.insert(
            preflight::ACTION.to_owned(),
            BTreeSet::from(["*".to_owned()]),
        );
    }
    for (action, others) in [("iam:PassRole", roles), ("s3:GetObject", programs)] {
        if let Some(on) = needed.get_mut(action) {
            on.extend(others);
        }
    }
    // What is permitted on the same things stands together.
    let mut groups: BTreeMap<(String, BTreeSet<String>), BTreeSet<String>> = BTreeMap::new();
    for (action, on) in needed {
        let on = without_covered(on);
        let service = action.split(':').next().unwrap_or_default().to_owned();
        let key = match action.as_str() {
            "iam:PassRole" => "iam pass".to_owned(),
            _ if on.contains("*") => String::new(),
            _ => service,
        };
        groups.entry((key, on)).or_default().insert(action);
    }
    let statement = |((_, on), actions): ((String, BTreeSet<String>), BTreeSet<String>)| {
        let mut statement = json!({ "Effect": "Allow", "Action": actions, "Resource": on });
        if actions.contains("iam:PassRole") {
            statement["Condition"] =
                json!({ "StringEquals": { "iam:PassedToService": PASSED_TO } });
        }
        statement
    };
    let statements: Vec<Json> = groups.into_iter().map(statement).collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// The ARNs of a part, whichever generation it is of.
fn arns_of(
    entry: &Entry,
    part: &Part,
    context: &Context,
    breadth: Breadth,
    generations: &BTreeMap<PhysicalName, String>,
) -> Vec<String> {
    let Context {
        region, account, ..
    } = context;
    let name = part.naming.name(0);
    let name = match entry.name {
        Name::Property { .. } => of_any_generation(&part.naming),
        Name::Within { .. } => {
            let parent = catalog::parent(name.as_str());
            let rest = &name.as_str()[parent.len()..];
            let parent = PhysicalName::new(parent);
            let parent = generations
                .get(&parent)
                .map_or(parent.as_str(), String::as_str);
            format!("{parent}{rest}")
        }
    };
    let name = match breadth {
        Breadth::Parts => name,
        Breadth::Stage => of_the_stage(&name, context),
    };
    entry.arns_of(context.partition(), region, account, &name)
}

/// What parts with another name for each generation are called in any, by what they are called first.
fn generations(blueprint: &Blueprint) -> BTreeMap<PhysicalName, String> {
    let parts = blueprint.parts().values();
    let varying = parts.filter(|part| part.naming.varies());
    let pattern = |part: &Part| (part.naming.name(0), of_any_generation(&part.naming));
    varying.map(pattern).collect()
}

/// Without those that another one stands for: a `*` at the end of an ARN is also anything with a `/` or
/// a `:` in it.
fn without_covered(arns: BTreeSet<String>) -> BTreeSet<String> {
    let covers = |one: &String, other: &String| {
        let beginning = one.strip_suffix('*');
        one != other && beginning.is_some_and(|beginning| other.starts_with(beginning))
    };
    let is_kept = |arn: &&String| !arns.iter().any(|other| covers(other, arn));
    arns.iter().filter(is_kept).cloned().collect()
}

/// All names that begin as this one of the stage's does.
fn of_the_stage(name: &str, context: &Context) -> String {
    let parameters = context.parameter_name("");
    if name.starts_with(&parameters) {
        return format!("{parameters}*");
    }
    let prefix = context.prefix();
    let widened = name.split('/').map(|word| match word.starts_with(&prefix) {
        true => format!("{prefix}*"),
        false => word.to_owned(),
    });
    widened.collect::<Vec<String>>().join("/")
}

/// The name with anything in the place of the digest.
fn of_any_generation(naming: &Naming) -> String {
    let first = naming.name(0);
    match naming {
        Naming::Fixed(name) => name.as_str().to_owned(),
        Naming::Generated {
            digest_length,
            ending,
            ..
        } => {
            let name = first.as_str().strip_suffix(ending.as_str());
            let name = name.unwrap_or(first.as_str());
            let stem = &name[..name.len() - digest_length];
            format!("{stem}*{ending}")
        }
    }
}

/// Of a type that is named by several ARNs, whether the action is about this one: objects are beside
/// their bucket.
fn fits(action: &str, arn: &str) -> bool {
    let of_objects = matches!(
        action,
        "s3:AbortMultipartUpload" | "s3:DeleteObject" | "s3:GetObject" | "s3:PutObject"
    );
    match action.starts_with("s3:") {
        true => arn.ends_with("/*") == of_objects,
        false => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lowering::everything::{blueprint, context};
    use crate::published::{IamActions, Schemas};

    fn of_everything() -> Json {
        policy(&blueprint(), &context("dev"), Breadth::Parts)
    }

    fn of_the_stage() -> Json {
        policy(&blueprint(), &context("dev"), Breadth::Stage)
    }

    #[test]
    fn everything_takes_this() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&of_everything()).unwrap());
    }

    #[test]
    fn the_stage_takes_this() {
        let policy = of_the_stage();
        let characters = policy.to_string().len();
        assert!(characters < 6_144, "{characters}");
        insta::assert_snapshot!(serde_json::to_string_pretty(&policy).unwrap());
    }

    /// What the list does not know of buckets yet: "You must have the s3:TagResource permission to
    /// create a general purpose bucket with tags" (`CreateBucketConfiguration`, Amazon S3 API
    /// Reference).
    const YOUNGER: &str = "s3:TagResource";

    #[test]
    fn every_action_takes_a_thing_it_is_permitted_on() {
        let known = match IamActions::installed() {
            Ok(known) => known,
            Err(skipped) => return skipped.report("the deployer's policy against IAM's actions"),
        };
        let mut wrong = Vec::new();
        let both = [of_everything(), of_the_stage()];
        let statements = both.iter().map(|policy| policy["Statement"].as_array());
        for statement in statements.flatten().flatten() {
            for action in statement["Action"].as_array().unwrap() {
                let action = action.as_str().unwrap();
                let resources = statement["Resource"].as_array().unwrap();
                if action == YOUNGER {
                    continue;
                }
                // Some sorts of ARN are there for other actions of the type.
                let taken: Vec<_> = resources
                    .iter()
                    .map(|resource| known.takes(action, resource.as_str().unwrap()))
                    .collect();
                if !taken.iter().any(Result::is_ok) {
                    wrong.push(format!("{action}: {:?}", taken.first()));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn nothing_is_permitted_on_everything_without_need() {
        let known = match IamActions::installed() {
            Ok(known) => known,
            Err(skipped) => return skipped.report("what the deployer may do on everything"),
        };
        for action in OF_NOTHING {
            assert_eq!(known.takes(action, "*"), Ok(()), "{action}");
        }
    }

    #[test]
    fn each_type_of_cloudformation_is_covered() {
        let schemas = match Schemas::installed() {
            Ok(schemas) => schemas,
            Err(skipped) => return skipped.report("the deployer's policy against CloudFormation"),
        };
        let policy = of_everything().to_string();
        for entry in catalog::CATALOG.iter().filter(|e| e.is_cloudformation()) {
            let permissions = schemas.of(entry.part_type).permissions();
            let creates = entry.actions.create.iter();
            let known = creates.filter(|action| permissions.contains(&action.to_lowercase()));
            let known: Vec<_> = known.collect();
            assert!(!known.is_empty(), "{}", entry.part_type);
            for action in known {
                assert!(policy.contains(action), "{action}");
            }
        }
    }

    #[test]
    fn later_generations_are_permitted_too() {
        let naming = Naming::generated("shop-dev-orders", "scope", 80).ending(".fifo");
        assert_eq!(of_any_generation(&naming), "shop-dev-orders-*.fifo");
        assert_eq!(of_any_generation(&Naming::fixed("a-b")), "a-b");
    }
}
