//! The configuration's structure. Terraform's provider cannot be had where these tests run, so they
//! hold it against itself and against the blueprint.

use super::*;
use crate::lowering::everything::{blueprint, context};

fn everything(live: &BTreeMap<PartAddress, Live>) -> Json {
    configuration(&blueprint(), &context("dev"), live)
}

/// All parts of a blueprint, as if they were there.
fn all_live(blueprint: &Blueprint) -> BTreeMap<PartAddress, Live> {
    let live = |part: &Part| {
        let outputs = part.outputs.iter().map(|output| {
            let value = Value::Text(format!("{output} of {}", part.address));
            (output.clone(), value)
        });
        let live = Live {
            physical_name: part.naming.name(1).as_str().to_owned(),
            outputs: outputs.collect(),
        };
        (part.address.clone(), live)
    };
    blueprint.parts().values().map(live).collect()
}

/// All texts in a JSON value.
fn texts<'a>(json: &'a Json, found: &mut Vec<&'a str>) {
    match json {
        Json::String(text) => found.push(text),
        Json::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Json::Object(fields) => fields.values().for_each(|item| texts(item, found)),
        _ => {}
    }
}

fn addresses(configuration: &Json) -> BTreeSet<String> {
    let sorts = configuration["resource"].as_object().unwrap();
    let of_sort = |(sort, named): (&String, &Json)| -> Vec<String> {
        let names = named.as_object().unwrap().keys();
        names.map(|name| format!("{sort}.{name}")).collect()
    };
    sorts.iter().flat_map(of_sort).collect()
}

#[test]
fn everything_as_configuration() {
    let text = serde_json::to_string_pretty(&everything(&BTreeMap::new())).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn every_type_and_property_has_its_place() {
    for entry in catalog::CATALOG {
        if entry.part_type == OBJECT {
            continue;
        }
        let mapping = mapping::find(entry.part_type);
        let mapping = mapping.unwrap_or_else(|| panic!("{} has no mapping", entry.part_type));
        let known: BTreeSet<&str> = mapping.properties.iter().map(|(name, _)| *name).collect();
        let all: BTreeSet<&str> = entry.properties.iter().map(|(name, _)| *name).collect();
        assert_eq!(known, all, "{}", entry.part_type);
        for output in entry.outputs {
            let attribute = mapping::attribute(entry.part_type, output.name);
            let named = attribute.is_some() || entry.part_type == catalog::RULE;
            assert!(named, "{} of {}", output.name, entry.part_type);
        }
    }
}

#[test]
fn references_are_to_what_is_there() {
    let configuration = everything(&BTreeMap::new());
    let known = addresses(&configuration);
    let mut found = Vec::new();
    texts(&configuration["resource"], &mut found);
    let mut references = 0;
    for text in found {
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (expression, behind) = after.split_once('}').unwrap();
            rest = behind;
            if before.ends_with('$') {
                continue;
            }
            references += 1;
            let words: Vec<&str> = expression.split('.').collect();
            match words.as_slice() {
                ["var", name] => assert!(configuration["variable"][name].is_object(), "{text}"),
                [sort, name, _] => {
                    let address = format!("{sort}.{name}");
                    assert!(known.contains(&address), "{expression} in {text}");
                }
                _ => panic!("{expression} in {text}"),
            }
        }
    }
    assert!(references > 200, "{references}");
    for sort in configuration["resource"].as_object().unwrap().values() {
        for resource in sort.as_object().unwrap().values() {
            for address in resource["depends_on"].as_array().into_iter().flatten() {
                assert!(known.contains(address.as_str().unwrap()), "{address}");
            }
        }
    }
}

#[test]
fn texts_of_json_are_json() {
    let configuration = everything(&BTreeMap::new());
    let policies = configuration["resource"]["aws_iam_role_policy"].as_object();
    for policy in policies.unwrap().values() {
        let text = policy["policy"].as_str().unwrap();
        let document: Json = serde_json::from_str(text).unwrap();
        assert!(document["Statement"].is_array(), "{text}");
    }
}

#[test]
fn everything_that_is_live_is_imported() {
    let blueprint = blueprint();
    let live = all_live(&blueprint);
    let configuration = configuration(&blueprint, &context("dev"), &live);
    let imports = configuration["import"].as_array().unwrap();
    let to: BTreeSet<String> = imports
        .iter()
        .map(|import| import["to"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(to.len(), imports.len());
    assert_eq!(to, addresses(&configuration));
    let id = |to: &str| {
        let mut imports = imports.iter();
        let found = imports.find(|import| import["to"] == to);
        found.unwrap_or_else(|| panic!("no {to}"))["id"].clone()
    };
    let policy = id("aws_sqs_queue_policy.notify_inbox_policy");
    assert_eq!(policy, "Ref of notify/inbox");
    assert_eq!(
        id("aws_apigatewayv2_route.api_route"),
        "Ref of api/api/Ref of api/route"
    );
    let permission = id("aws_lambda_permission.api_http_permission");
    let permission = permission.as_str().unwrap();
    assert!(permission.ends_with(":live/http"), "{permission}");
    // What has been replaced has another name than it would get today.
    let table = &configuration["resource"]["aws_dynamodb_table"]["carts_table"]["name"];
    let address = "carts/table".parse().unwrap();
    let naming = &blueprint.parts()[&address].naming;
    assert_ne!(naming.name(0), naming.name(1));
    assert_eq!(table, naming.name(1).as_str());
}

#[test]
fn what_would_be_a_template_is_taken_as_it_is() {
    assert_eq!(literal("${a} %{b} $default"), "$${a} %%{b} $default");
    let name = |address: &str| local_name(&address.parse().unwrap());
    assert_eq!(name("audit:trail/table"), "audit_trail_table");
    assert_eq!(name("2nd-try/queue"), "_2nd_try_queue");
}

/// What Terraform's core finds in a configuration without the provider: everything but the names of
/// the provider's own arguments.
fn found_by_core(configuration: &Json) -> Result<Vec<String>, ifc_emulators::Skipped> {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings");
    std::fs::write(&settings, "").unwrap();
    std::fs::write(
        folder.path().join("main.tf.json"),
        configuration.to_string(),
    )
    .unwrap();
    let output = std::process::Command::new("terraform")
        .args(["validate", "-json"])
        .env("TF_CLI_CONFIG_FILE", &settings)
        .current_dir(folder.path())
        .output()
        .map_err(|error| ifc_emulators::Skipped::new(format!("`terraform` cannot run: {error}")))?;
    let said: Json = serde_json::from_slice(&output.stdout).unwrap();
    let diagnostics = said["diagnostics"].as_array().unwrap().iter();
    let summaries = diagnostics.filter_map(|found| found["summary"].as_str());
    Ok(summaries.map(str::to_owned).collect())
}

#[test]
fn terraforms_core_misses_the_provider_only() {
    let configuration = everything(&all_live(&blueprint()));
    let found = match found_by_core(&configuration) {
        Ok(found) => found,
        Err(skipped) => return skipped.report("configurations of Terraform by its core"),
    };
    assert_eq!(found, ["Missing required provider"]);
    let mut broken = configuration;
    broken["resource"]["aws_sqs_queue"]["fulfilment_queue"]["depends_on"] = json!(["no address"]);
    let found = found_by_core(&broken).unwrap();
    assert!(
        found.contains(&"Invalid expression".to_owned()),
        "{found:?}"
    );
}
