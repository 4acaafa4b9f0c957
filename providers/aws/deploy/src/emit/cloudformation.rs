//! A blueprint as a template of CloudFormation. Parts are CloudFormation's resources already, so this
//! is a change of spelling, but for what CloudFormation has otherwise: versions of functions are
//! resources, and what a bucket tells whom is the bucket's own property.

use super::{carries_program, notifications_of, program_key, words};
use crate::catalog::{self, BUCKET, FUNCTION, NOTIFICATIONS, Name, OBJECT, QUEUE_POLICY, Tags};
use ifc_engine::{Blueprint, Fingerprint, OutputRef, Part, PartAddress, Value};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// The parameter that says in which bucket the program is.
pub const PROGRAM_BUCKET: &str = "ProgramBucket";
/// The parameter that says under which key.
pub const PROGRAM_KEY: &str = "ProgramKey";

/// Characters of the digest in the name of a version.
const VERSION_DIGITS: usize = 12;

/// The template. It needs the capability `CAPABILITY_NAMED_IAM`, and the archive of the program in a
/// bucket.
pub fn template(blueprint: &Blueprint) -> Json {
    let emitting = Emitting {
        blueprint,
        ids: words(blueprint, logical_id),
    };
    let mut resources = Map::new();
    for part in blueprint.in_order() {
        if carries_program(part) || part.part_type.as_str() == NOTIFICATIONS {
            continue;
        }
        let id = &emitting.ids[&part.address];
        let resource = emitting.resource(part);
        if part.part_type.as_str() == FUNCTION {
            resources.insert(emitting.version_id(part), emitting.version(part));
        }
        resources.insert(id.clone(), resource);
    }
    let mut key = json!({
        "Type": "String",
        "Description": "The key of the program's archive in that bucket.",
    });
    if let Some(default) = program_key(blueprint) {
        key["Default"] = default.into();
    }
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": format!(
            "Application {}, stage {}.",
            blueprint.application(),
            blueprint.stage()
        ),
        "Parameters": {
            PROGRAM_BUCKET: {
                "Type": "String",
                "Description": "The bucket that the program's archive is in.",
            },
            PROGRAM_KEY: key,
        },
        "Resources": resources,
        "Outputs": emitting.outputs(),
    })
}

struct Emitting<'a> {
    blueprint: &'a Blueprint,
    ids: BTreeMap<PartAddress, String>,
}

impl Emitting<'_> {
    fn resource(&self, part: &Part) -> Json {
        let mut properties = Map::new();
        for (name, property) in &part.properties {
            if property.value != Value::Null {
                properties.insert(name.clone(), self.value(part, &property.value));
            }
        }
        let entry = catalog::find(part.part_type.as_str());
        let name = part.naming.name(0);
        match entry.map(|entry| entry.name) {
            Some(Name::Property { property, .. }) => {
                properties.insert(property.to_owned(), name.as_str().into());
            }
            Some(Name::Within {
                property: Some(property),
            }) => {
                properties.insert(property.to_owned(), catalog::word(name.as_str()).into());
            }
            _ => {}
        }
        match entry.map(|entry| entry.tags) {
            Some(Tags::List) => {
                let tags = part.tags.iter();
                let tags = tags.map(|(key, value)| json!({ "Key": key, "Value": value }));
                properties.insert("Tags".to_owned(), tags.collect());
            }
            Some(Tags::Map) => {
                properties.insert("Tags".to_owned(), json!(part.tags));
            }
            _ => {}
        }
        let mut after: BTreeSet<&PartAddress> = part.after.iter().collect();
        let notifications = match part.part_type.as_str() {
            BUCKET => notifications_of(self.blueprint, &part.address),
            _ => None,
        };
        if let Some(notifications) = notifications {
            let property = "NotificationConfiguration";
            let configuration = &notifications.properties[property].value;
            properties.insert(property.to_owned(), self.value(part, configuration));
            after.extend(&notifications.after);
        }
        let mut resource = json!({ "Type": part.part_type.as_str(), "Properties": properties });
        let depends: Vec<&String> = after
            .iter()
            .filter_map(|other| self.ids.get(other))
            .collect();
        if !depends.is_empty() {
            resource["DependsOn"] = json!(depends);
        }
        if part.lifecycle.is_kept() {
            resource["DeletionPolicy"] = "Retain".into();
            resource["UpdateReplacePolicy"] = "Retain".into();
        }
        resource
    }

    /// A version is what a function was like. Its name changes whenever that does, so that another
    /// one takes its place.
    fn version_id(&self, function: &Part) -> String {
        let properties: Vec<String> = (function.properties.iter())
            .map(|(name, property)| format!("{name}={:?}", property.value))
            .collect();
        let archive = self.blueprint.artifact().as_str();
        let digest = Fingerprint::of(format!("{archive}\n{}", properties.join("\n")).as_bytes());
        let id = &self.ids[&function.address];
        format!("{id}Version{}", &digest.as_str()[..VERSION_DIGITS])
    }

    fn version(&self, function: &Part) -> Json {
        json!({
            "Type": "AWS::Lambda::Version",
            "Properties": { "FunctionName": { "Ref": self.ids[&function.address] } },
        })
    }

    fn value(&self, of: &Part, value: &Value) -> Json {
        match value {
            // What is known beforehand is the same for both; secrets are no properties of AWS's.
            Value::Null | Value::Secret(_) => Json::Null,
            Value::Bool(bool) => Json::Bool(*bool),
            Value::Integer(number) => Json::from(*number),
            Value::Text(text) => Json::String(text.clone()),
            Value::List(items) => items.iter().map(|item| self.value(of, item)).collect(),
            Value::Map(map) => {
                let fields = map.iter();
                let fields = fields.map(|(key, item)| (key.clone(), self.value(of, item)));
                Json::Object(fields.collect())
            }
            Value::Join(items) => {
                let items: Vec<Json> = items.iter().map(|item| self.value(of, item)).collect();
                json!({ "Fn::Join": ["", items] })
            }
            Value::Output(reference) => self.reference(of, reference),
        }
    }

    fn reference(&self, of: &Part, reference: &OutputRef) -> Json {
        let OutputRef { part, output } = reference;
        let target = &self.blueprint.parts()[part];
        let sort = target.part_type.as_str();
        match (sort, output.as_str()) {
            (OBJECT, "Bucket") => json!({ "Ref": PROGRAM_BUCKET }),
            (OBJECT, _) => json!({ "Ref": PROGRAM_KEY }),
            // The bucket comes after the queues' policies, because it tells the queues.
            (BUCKET, "Arn") if of.part_type.as_str() == QUEUE_POLICY => {
                let name = target.naming.name(0);
                json!({ "Fn::Sub": format!("arn:${{AWS::Partition}}:s3:::{name}") })
            }
            (FUNCTION, "Version") => {
                json!({ "Fn::GetAtt": [self.version_id(target), "Version"] })
            }
            (_, "Ref") => json!({ "Ref": self.ids[part] }),
            _ => json!({ "Fn::GetAtt": [self.ids[part], output] }),
        }
    }

    /// Where the APIs are.
    fn outputs(&self) -> Json {
        let parts = self.blueprint.parts().values();
        let apis = parts.filter(|part| part.part_type.as_str() == catalog::API);
        let output = |api: &Part| {
            let id = &self.ids[&api.address];
            let value = json!({ "Value": { "Fn::GetAtt": [id, "ApiEndpoint"] } });
            (format!("{id}Endpoint"), value)
        };
        Json::Object(apis.map(output).collect())
    }
}

/// `orders-api/http-permission` as `OrdersApiHttpPermission`.
fn logical_id(address: &PartAddress) -> String {
    let text = format!("{}/{}", address.resource(), address.part());
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let capitalised = words.map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    capitalised.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lowering::everything::blueprint;
    use ifc_emulators::cfn_lint;
    use std::process::Command;

    #[test]
    fn everything_as_a_template() {
        let template = template(&blueprint());
        insta::assert_snapshot!(serde_json::to_string_pretty(&template).unwrap());
    }

    #[test]
    fn the_checker_finds_no_error() {
        let lint = match cfn_lint() {
            Ok(lint) => lint,
            Err(skipped) => return skipped.report("templates of CloudFormation by cfn-lint"),
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("template.json");
        let template = template(&blueprint());
        std::fs::write(&file, serde_json::to_string_pretty(&template).unwrap()).unwrap();
        let check = |file: &std::path::Path| {
            let output = Command::new(lint.program("cfn-lint"))
                .args(["--regions", "eu-west-1", "--format", "parseable"])
                .args(["--non-zero-exit-code", "error", "--template"])
                .arg(file)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            (output.status.success(), said)
        };
        let (fine, said) = check(&file);
        assert!(fine, "{said}");

        // It would have noticed.
        let mut broken = template;
        broken["Resources"]["FulfilmentQueue"]["Properties"]["Colour"] = "red".into();
        std::fs::write(&file, broken.to_string()).unwrap();
        let (fine, said) = check(&file);
        assert!(!fine && said.contains("Colour"), "{said}");
    }

    #[test]
    fn another_program_is_another_version() {
        let graph = crate::lowering::everything::everything();
        let context = crate::lowering::everything::context("dev");
        let ids = |archive: &[u8]| -> BTreeSet<String> {
            let blueprint = crate::lower(&graph, &Fingerprint::of(archive), &context).unwrap();
            let template = template(&blueprint);
            let resources = template["Resources"].as_object().unwrap();
            resources.keys().cloned().collect()
        };
        let (one, other) = (ids(b"one"), ids(b"other"));
        let new: Vec<&String> = other.difference(&one).collect();
        let functions = graph.units.len();
        assert_eq!(new.len(), functions);
        assert!(
            new.iter().all(|id| id.contains("FunctionVersion")),
            "{new:?}"
        );
    }

    #[test]
    fn ids_are_words() {
        let id = |address: &str| logical_id(&address.parse().unwrap());
        assert_eq!(id("audit:trail/table"), "AuditTrailTable");
        assert_eq!(id("orders-api/http-permission"), "OrdersApiHttpPermission");
    }
}
