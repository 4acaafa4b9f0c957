//! Policies against the list of all actions, and against what the data half calls.

use super::*;
use crate::catalog;
use crate::lowering::everything::{blueprint, context, everything};
use crate::published::IamActions;
use ifc_engine::{Blueprint, Part};
use std::path::Path;

/// The policy of a part, with ARNs as they will be.
fn document_of(blueprint: &Blueprint, part: &Part) -> Value {
    let context = context("dev");
    let document = &part.properties[PERMISSIONS].value;
    document.resolve(&|reference| {
        let part = &blueprint.parts()[&reference.part];
        let entry = catalog::find(part.part_type.as_str())?;
        let name = part.naming.name(0);
        let arns = entry.arns_of(
            context.partition(),
            &context.region,
            &context.account,
            name.as_str(),
        );
        let arn = arns.into_iter().next()?;
        Some(Value::Text(match reference.output.as_str() {
            "StreamArn" => format!("{arn}/stream/2026-01-15T12:00:00.000"),
            _ => arn,
        }))
    })
}

fn texts(value: &Value) -> Vec<&str> {
    let Value::List(items) = value else {
        panic!("{value:?} is no list");
    };
    fn text(item: &Value) -> &str {
        match item {
            Value::Text(text) => text,
            other => panic!("{other:?} is no text"),
        }
    }
    items.iter().map(text).collect()
}

fn statements_of(document: &Value) -> Vec<&BTreeMap<String, Value>> {
    let Value::Map(document) = document else {
        panic!("no document");
    };
    let Value::List(statements) = &document["Statement"] else {
        panic!("no statements");
    };
    fn map(statement: &Value) -> &BTreeMap<String, Value> {
        match statement {
            Value::Map(fields) => fields,
            other => panic!("{other:?}"),
        }
    }
    statements.iter().map(map).collect()
}

#[test]
fn every_verb_has_an_answer() {
    for kind in Kind::ALL {
        for verb in kind.verbs() {
            assert!(
                actions(kind, *verb, kind.verbs()).is_some(),
                "{kind} {verb}"
            );
        }
    }
}

#[test]
fn every_action_takes_what_it_is_permitted_on() {
    let known = match IamActions::installed() {
        Ok(known) => known,
        Err(skipped) => return skipped.report("policies against the list of IAM's actions"),
    };
    let blueprint = blueprint();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for part in blueprint.parts().values() {
        if !part.properties.contains_key(PERMISSIONS) {
            continue;
        }
        let document = document_of(&blueprint, part);
        for statement in statements_of(&document) {
            for action in texts(&statement["Action"]) {
                seen.insert(action.to_owned());
                for resource in texts(&statement["Resource"]) {
                    if let Err(reason) = known.takes(action, resource) {
                        wrong.push(format!("{}: {reason}", part.address));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen.len() > 30, "{seen:?}");
}

#[test]
fn statements_have_ids_of_their_own() {
    for part in blueprint().parts().values() {
        let Some(property) = part.properties.get(PERMISSIONS) else {
            continue;
        };
        let mut ids = BTreeSet::new();
        for statement in statements_of(&property.value) {
            let Value::Text(id) = &statement["Sid"] else {
                panic!("no id");
            };
            assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
            assert!(ids.insert(id.clone()), "{}: {id} twice", part.address);
        }
    }
}

#[test]
fn what_a_unit_may_do_can_be_read_back() {
    let graph = everything();
    let blueprint = blueprint();
    for unit in &graph.units {
        let mut expected: Vec<Grant> = Vec::new();
        for binding in graph.bindings.iter().flatten() {
            if binding.unit == unit.name {
                expected.extend(binding.grants.iter().map(|verb| Grant {
                    kind: binding.resource.kind,
                    resource: binding.resource.name.clone(),
                    verb: verb.as_str().to_owned(),
                }));
            }
        }
        expected.sort();
        let address = format!("{}/policy", unit.name).parse().unwrap();
        let properties = blueprint.parts()[&address].properties.iter();
        let properties = properties.map(|(name, property)| (name.clone(), property.value.clone()));
        assert_eq!(
            grants(&properties.collect()),
            Some(expected),
            "{}",
            unit.name
        );
    }
}

#[test]
fn a_queues_policy_grants_units_nothing() {
    let blueprint = blueprint();
    let address = "notify/inbox-policy".parse().unwrap();
    let properties = blueprint.parts()[&address].properties.iter();
    let properties = properties.map(|(name, property)| (name.clone(), property.value.clone()));
    assert_eq!(grants(&properties.collect()), None);
    assert_eq!(grants(&BTreeMap::new()), None);
}

#[test]
fn any_name_can_be_in_an_id() {
    for name in ["orders", "a-1", "my_Lib/trail-2", "x"] {
        let scopes = BTreeSet::from([Thing, Within]);
        let id = id_of(
            Kind::EventBus,
            name,
            ["batch_get", "put"].into_iter(),
            &scopes,
        );
        let expected = ["batch_get", "put"].map(|verb| Grant {
            kind: Kind::EventBus,
            resource: name.to_owned(),
            verb: verb.to_owned(),
        });
        assert_eq!(read_id(&id), Some(expected.to_vec()), "{id}");
    }
    assert_eq!(read_id("logs"), None);
    assert_eq!(read_id("consume"), None);
    assert_eq!(read_id("deadLetters"), None);
}

/// What an action is called where it is called, when not alike.
const CALLED: &[(&str, &[&str])] = &[
    ("sqs:SendMessage", &["SendMessageBatch"]),
    ("sns:Publish", &["PublishBatch"]),
    ("lambda:InvokeFunction", &["/invocations?Qualifier="]),
    ("dynamodb:ConditionCheckItem", &["ConditionCheck"]),
    ("s3:GetObject", &["Method::GET"]),
    ("s3:PutObject", &["Method::PUT"]),
    ("s3:DeleteObject", &["Method::DELETE"]),
    ("s3:ListBucket", &["list-type"]),
    ("s3:AbortMultipartUpload", &["upload.abort()"]),
];

#[test]
fn only_what_the_data_half_calls_is_permitted() {
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/src");
    let mut source = String::new();
    collect(&runtime, &mut source);
    let mut all = BTreeSet::new();
    for kind in Kind::ALL {
        for verb in kind.verbs() {
            all.extend(actions(kind, *verb, kind.verbs()).into_iter().flatten());
        }
    }
    for (action, _) in all {
        let found = CALLED.iter().find(|(known, _)| **known == *action);
        let own = action.split_once(':').map_or("", |(_, name)| name);
        let words = found.map_or(vec![own], |(_, words)| words.to_vec());
        for word in words {
            assert!(source.contains(word), "nothing calls {action} ({word})");
        }
    }
}

fn collect(folder: &Path, text: &mut String) {
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        match path.is_dir() {
            true => collect(&path, text),
            false => text.push_str(&std::fs::read_to_string(&path).unwrap()),
        }
    }
}

/// The table of the book.
fn table() -> String {
    let mut table = String::new();
    for kind in Kind::ALL {
        for verb in kind.verbs() {
            let found = actions(kind, *verb, kind.verbs()).unwrap();
            let names: BTreeSet<String> = found
                .iter()
                .map(|(action, scope)| match scope {
                    Inbox => format!("`{action}` on its inbox"),
                    Thing | Within => format!("`{action}`"),
                })
                .collect();
            let names = match names.is_empty() {
                true => vec!["those of what it does with each item".to_owned()],
                false => names.into_iter().collect(),
            };
            // It is needed for the items that a transaction updates, and for no others.
            let when = match *verb {
                table::TRANSACT => ", if it updates",
                _ => "",
            };
            table += &format!("| `{kind}.{verb}` | {}{when} |\n", names.join(", "));
        }
    }
    table
}

#[test]
fn the_book_says_what_verbs_need() {
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../book/src/aws-parts.md");
    let page = std::fs::read_to_string(book).unwrap();
    assert!(page.contains(&table()), "the page lacks:\n{}", table());
}
