//! The catalog against what AWS publishes.

use super::*;
use crate::published::{IamActions, Schemas};
use std::collections::BTreeSet;

/// What the parts call, or are named by, that CloudFormation's handlers do not need, and why.
const BEYOND_CLOUDFORMATION: &[(&str, &str)] = &[
    // Whose what has no tags is, the tags of the thing say that it belongs to.
    ("iam:GetRole", "AWS::IAM::RolePolicy"),
    ("lambda:ListTags", "AWS::Lambda::Alias"),
    ("lambda:ListTags", "AWS::Lambda::Permission"),
    ("sns:ListTagsForResource", "AWS::SNS::Subscription"),
    ("sqs:ListQueueTags", "AWS::SQS::QueuePolicy"),
    // It takes its own record for what is there.
    ("sns:ListSubscriptionsByTopic", "AWS::SNS::Subscription"),
    ("sqs:GetQueueAttributes", "AWS::SQS::QueuePolicy"),
    ("sqs:GetQueueUrl", "AWS::SQS::QueuePolicy"),
    // It has versions as a type of their own, which stay until somebody removes them.
    ("lambda:DeleteFunction", "AWS::Lambda::Alias"),
    ("lambda:ListVersionsByFunction", "AWS::Lambda::Alias"),
    ("lambda:ListVersionsByFunction", "AWS::Lambda::Function"),
    // It does not take back what is scheduled for deletion.
    (
        "secretsmanager:RestoreSecret",
        "AWS::SecretsManager::Secret",
    ),
];

#[test]
fn every_type_once() {
    let types: BTreeSet<&str> = CATALOG.iter().map(|entry| entry.part_type).collect();
    assert_eq!(types.len(), CATALOG.len());
}

#[test]
fn classes_and_names_are_cloudformations() {
    let schemas = match Schemas::installed() {
        Ok(schemas) => schemas,
        Err(skipped) => return skipped.report("the catalog against CloudFormation's schemas"),
    };
    let mut wrong = Vec::new();
    for entry in CATALOG.iter().filter(|entry| entry.is_cloudformation()) {
        let part_type = entry.part_type;
        let schema = schemas.of(part_type);
        let mut fixed = schema.listed("createOnlyProperties");
        fixed.extend(schema.listed("conditionalCreateOnlyProperties"));
        for (property, class) in entry.properties {
            if !schema.has_property(property) {
                wrong.push(format!("{part_type} has no property {property}"));
            }
            let moves = (part_type, *property) == (QUEUE_POLICY, "Queues");
            if (*class == InPlace) == (fixed.contains(*property) || moves) {
                wrong.push(format!("{part_type}.{property} is said to be {class:?}"));
            }
            if schema.listed("readOnlyProperties").contains(*property) {
                wrong.push(format!("{part_type}.{property} cannot be set"));
            }
        }
        let name = match entry.name {
            Name::Property { property, .. } => Some(property),
            Name::Within { property } => property,
        };
        if let Some(name) = name {
            // Of an API, the name says nothing to AWS.
            let is_key = fixed.contains(name) || part_type == API;
            if !is_key || !schema.has_property(name) {
                wrong.push(format!("{part_type} is not known by {name}"));
            }
        }
        for output in entry.outputs {
            let ours = part_type == FUNCTION && output.name == "Version";
            let known = schema.listed("readOnlyProperties").contains(output.name)
                || schema.has_property(output.name);
            if output.name != "Ref" && !ours && !known {
                wrong.push(format!("{part_type} does not tell {}", output.name));
            }
        }
        let tags = match schema.property_type("Tags") {
            "array" => Tags::List,
            "object" => Tags::Map,
            _ => Tags::None,
        };
        if tags != entry.tags {
            wrong.push(format!("{part_type} takes tags as {tags:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn actions_are_those_of_cloudformations_handlers() {
    let schemas = match Schemas::installed() {
        Ok(schemas) => schemas,
        Err(skipped) => return skipped.report("the catalog's actions against CloudFormation's"),
    };
    let mut wrong = Vec::new();
    for entry in CATALOG.iter().filter(|entry| entry.is_cloudformation()) {
        let known = schemas.of(entry.part_type).permissions();
        for action in entry.all_actions() {
            let excused = BEYOND_CLOUDFORMATION.contains(&(action, entry.part_type));
            if excused == known.contains(&action.to_lowercase()) {
                wrong.push(format!(
                    "{action} of {}: excused {excused}",
                    entry.part_type
                ));
            }
        }
    }
    for (action, part_type) in BEYOND_CLOUDFORMATION {
        if !find(part_type).is_some_and(|entry| entry.all_actions().contains(action)) {
            wrong.push(format!("{action} of {part_type} is not ours"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn actions_exist() {
    let actions = match IamActions::installed() {
        Ok(actions) => actions,
        Err(skipped) => return skipped.report("the catalog's actions against the list of IAM"),
    };
    let mut unknown = Vec::new();
    for entry in CATALOG {
        for action in entry.all_actions() {
            if actions.resources_of(action).is_none() {
                unknown.push(action);
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:?}");
}
