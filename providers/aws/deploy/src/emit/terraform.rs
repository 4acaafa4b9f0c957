//! A blueprint as the JSON of Terraform and OpenTofu, with the official provider's resources.
//!
//! `terraform/mapping.rs` is the one table from CloudFormation's words to Terraform's; here are the
//! ways of writing: references, texts that are JSON, blocks for the import of what is live.

mod mapping;

use super::{carries_program, program_key, words};
use crate::catalog::{self, Name, OBJECT, Tags};
use crate::naming::Context;
use ifc_engine::{Blueprint, OutputRef, Part, PartAddress, Value};
use mapping::{Extra, Mapping, Place};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// The variable that says in which bucket the program is.
pub const PROGRAM_BUCKET: &str = "program_bucket";
/// The variable that says under which key.
pub const PROGRAM_KEY: &str = "program_key";

/// The version of the provider whose words these are.
const PROVIDER_VERSION: &str = "~> 6.0";

/// A part as it is at AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// Its name.
    pub physical_name: String,
    /// What it tells.
    pub outputs: BTreeMap<String, Value>,
}

type Fields = Map<String, Json>;

/// The configuration, for a file whose name ends in `.tf.json`. For each part that is live it has a
/// block that imports it, so that what is there stays.
pub fn configuration(
    blueprint: &Blueprint,
    context: &Context,
    live: &BTreeMap<PartAddress, Live>,
) -> Json {
    let emitting = Emitting {
        blueprint,
        live,
        names: words(blueprint, local_name),
    };
    let mut resources: BTreeMap<&str, Fields> = BTreeMap::new();
    let mut imports = Vec::new();
    for part in blueprint.in_order() {
        let Some(mapping) = mapping::find(part.part_type.as_str()) else {
            continue;
        };
        if carries_program(part) {
            continue;
        }
        let name = &emitting.names[&part.address];
        let (fields, extras) = emitting.resource(part, mapping);
        let mut add = |sort: &'static str, fields: Fields, id: Option<String>| {
            if let Some(id) = id {
                imports.push(json!({ "to": format!("{sort}.{name}"), "id": literal(&id) }));
            }
            let of_sort = resources.entry(sort).or_default();
            of_sort.insert(name.clone(), Json::Object(fields));
        };
        let known = emitting.known(part);
        add(
            mapping.resource,
            fields,
            known.as_ref().and_then(mapping.import),
        );
        for Extra {
            resource,
            fields,
            import,
        } in extras
        {
            add(resource, fields, known.as_ref().and_then(import));
        }
    }
    let mut key = json!({
        "type": "string",
        "description": "The key of the program's archive in that bucket.",
    });
    if let Some(default) = program_key(blueprint) {
        key["default"] = default.into();
    }
    let mut configuration = json!({
        "terraform": {
            "required_providers": {
                "aws": { "source": "hashicorp/aws", "version": PROVIDER_VERSION },
            },
        },
        "provider": {
            "aws": {
                "region": context.region,
                "allowed_account_ids": [context.account],
            },
        },
        "variable": {
            PROGRAM_BUCKET: {
                "type": "string",
                "description": "The bucket that the program's archive is in.",
            },
            PROGRAM_KEY: key,
        },
        "resource": resources,
    });
    let outputs = emitting.outputs();
    if !outputs.is_empty() {
        configuration["output"] = Json::Object(outputs);
    }
    if !imports.is_empty() {
        configuration["import"] = Json::Array(imports);
    }
    configuration
}

/// A live part with what its properties refer to, for telling by which id Terraform knows it.
struct Known<'a> {
    name: &'a str,
    outputs: &'a BTreeMap<String, Value>,
    properties: BTreeMap<&'a str, Value>,
}

impl Known<'_> {
    fn output(&self, name: &str) -> Option<String> {
        text(self.outputs.get(name)?)
    }

    fn property(&self, name: &str) -> Option<String> {
        text(self.properties.get(name)?)
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

struct Emitting<'a> {
    blueprint: &'a Blueprint,
    live: &'a BTreeMap<PartAddress, Live>,
    names: BTreeMap<PartAddress, String>,
}

impl Emitting<'_> {
    fn resource(&self, part: &Part, mapping: &Mapping) -> (Fields, Vec<Extra>) {
        let mut fields = Fields::new();
        let mut extras = Vec::new();
        for (property, place) in mapping.properties {
            let Some(set) = part.properties.get(*property) else {
                continue;
            };
            if set.value == Value::Null {
                continue;
            }
            let value = self.value(&set.value);
            match place {
                Place::As(argument) => {
                    fields.insert((*argument).to_owned(), value);
                }
                Place::Json(argument) => {
                    fields.insert((*argument).to_owned(), value.to_string().into());
                }
                Place::Into(write) => write(&value, &mut fields),
                Place::Beside(make) => extras.extend(make(self.reference_to(part), &value)),
                Place::Nowhere => {}
            }
        }
        let name = self.physical_name(part);
        if let Some(argument) = mapping.name {
            let own = match catalog::find(part.part_type.as_str()).map(|entry| entry.name) {
                Some(Name::Within { .. }) => catalog::word(&name),
                _ => &name,
            };
            fields.insert(argument.to_owned(), literal(own).into());
        }
        for (argument, value) in mapping.constants {
            fields.insert((*argument).to_owned(), value.json());
        }
        let tags = catalog::find(part.part_type.as_str()).map(|entry| entry.tags);
        if tags.is_some_and(|tags| tags != Tags::None) {
            let tags = part.tags.iter();
            let tags = tags.map(|(key, value)| (key.clone(), literal(value).into()));
            fields.insert("tags".to_owned(), Json::Object(tags.collect()));
        }
        let after: BTreeSet<String> = part
            .after
            .iter()
            .filter_map(|other| self.address(other))
            .collect();
        if !after.is_empty() {
            fields.insert("depends_on".to_owned(), json!(after));
        }
        if part.lifecycle.is_kept() {
            let lifecycle = json!({ "prevent_destroy": true });
            fields.insert("lifecycle".to_owned(), lifecycle);
        }
        (fields, extras)
    }

    fn physical_name(&self, part: &Part) -> String {
        let live = self.live.get(&part.address);
        live.map_or_else(
            || part.naming.name(0).as_str().to_owned(),
            |live| live.physical_name.clone(),
        )
    }

    /// `aws_sqs_queue.orders_queue`.
    fn address(&self, part: &PartAddress) -> Option<String> {
        let target = self.blueprint.parts().get(part)?;
        let mapping = mapping::find(target.part_type.as_str())?;
        Some(format!("{}.{}", mapping.resource, self.names[part]))
    }

    /// What stands before the attributes of a part.
    fn reference_to(&self, part: &Part) -> String {
        self.address(&part.address).unwrap_or_default()
    }

    /// The live part, when all that it refers to is live.
    fn known<'a>(&'a self, part: &'a Part) -> Option<Known<'a>> {
        let live = self.live.get(&part.address)?;
        let lookup = |reference: &OutputRef| {
            let other = self.live.get(&reference.part)?;
            other.outputs.get(&reference.output).cloned()
        };
        Some(Known {
            name: &live.physical_name,
            outputs: &live.outputs,
            properties: (part.properties.iter())
                .map(|(name, property)| (name.as_str(), property.value.resolve(&lookup)))
                .collect(),
        })
    }

    fn value(&self, value: &Value) -> Json {
        match value {
            Value::Null | Value::Secret(_) => Json::Null,
            Value::Bool(bool) => Json::Bool(*bool),
            Value::Integer(number) => Json::from(*number),
            Value::List(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Map(map) => {
                let fields = map.iter();
                let fields = fields.map(|(key, item)| (key.clone(), self.value(item)));
                Json::Object(fields.collect())
            }
            Value::Text(_) | Value::Join(_) | Value::Output(_) => self.template(value).into(),
        }
    }

    /// A text, perhaps with references in it.
    fn template(&self, value: &Value) -> String {
        match value {
            Value::Text(text) => literal(text),
            Value::Join(items) => items.iter().map(|item| self.template(item)).collect(),
            Value::Integer(number) => number.to_string(),
            Value::Bool(bool) => bool.to_string(),
            Value::Output(reference) => format!("${{{}}}", self.expression(reference)),
            Value::Null | Value::Secret(_) | Value::List(_) | Value::Map(_) => String::new(),
        }
    }

    fn expression(&self, reference: &OutputRef) -> String {
        let target = &self.blueprint.parts()[&reference.part];
        let sort = target.part_type.as_str();
        match (sort, reference.output.as_str()) {
            (OBJECT, "Bucket") => format!("var.{PROGRAM_BUCKET}"),
            (OBJECT, _) => format!("var.{PROGRAM_KEY}"),
            (_, output) => {
                let attribute = mapping::attribute(sort, output).unwrap_or("id");
                format!("{}.{attribute}", self.reference_to(target))
            }
        }
    }

    /// Where the APIs are.
    fn outputs(&self) -> Fields {
        let parts = self.blueprint.parts().values();
        let apis = parts.filter(|part| part.part_type.as_str() == catalog::API);
        let output = |api: &Part| {
            let value = format!("${{{}.api_endpoint}}", self.reference_to(api));
            let name = format!("{}_endpoint", self.names[&api.address]);
            (name, json!({ "value": value }))
        };
        apis.map(output).collect()
    }
}

/// A text that Terraform takes as it is: what would begin a template is doubled.
fn literal(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

/// `orders-api/http-permission` as `orders_api_http_permission`.
fn local_name(address: &PartAddress) -> String {
    let name = format!("{}_{}", address.resource(), address.part());
    let name: String = name
        .chars()
        .map(|letter| match letter.is_ascii_alphanumeric() {
            true => letter.to_ascii_lowercase(),
            false => '_',
        })
        .collect();
    match name.starts_with(|first: char| first.is_ascii_digit()) {
        true => format!("_{name}"),
        false => name,
    }
}

#[cfg(test)]
mod tests;
