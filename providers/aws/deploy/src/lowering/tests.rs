//! Blueprints of an application with everything.

use super::everything::{archive, bind, blueprint, context, everything, id, spec};
use super::*;
use ifc_engine::Part;
use ifc_manifest::kind::edge::Selection;
use std::collections::BTreeSet;
use std::fmt::Write;

/// A value as people would write it, on one line.
fn shown(value: &Value) -> String {
    let all = |items: &[Value]| items.iter().map(shown).collect::<Vec<_>>();
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(bool) => bool.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::List(items) => format!("[{}]", all(items).join(", ")),
        Value::Join(items) => all(items).join(" + "),
        Value::Output(reference) => format!("<{reference}>"),
        Value::Secret(secret) => format!("secret {}", secret.0),
        Value::Map(map) => {
            let fields: Vec<String> = map
                .iter()
                .map(|(key, item)| format!("{key}: {}", shown(item)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

fn shown_part(part: &Part) -> String {
    let mut text = format!(
        "{} {} `{}`\n",
        part.address,
        part.part_type,
        part.naming.name(0)
    );
    let retained = match part.lifecycle.retain {
        true => " (kept)",
        false => "",
    };
    let _ = writeln!(text, "  # {}: {}{retained}", part.label, part.reason);
    for (name, property) in &part.properties {
        let _ = writeln!(text, "  {name} = {}", shown(&property.value));
    }
    for after in &part.after {
        let _ = writeln!(text, "  after {after}");
    }
    text
}

#[test]
fn everything_is_lowered() {
    let parts: Vec<String> = blueprint().parts().values().map(shown_part).collect();
    insta::assert_snapshot!(parts.join("\n"));
}

#[test]
fn equal_input_gives_equal_blueprints() {
    assert_eq!(blueprint(), blueprint());
    assert_eq!(blueprint().fingerprint(), blueprint().fingerprint());
}

#[test]
fn the_catalog_has_what_is_set_and_nothing_else() {
    let blueprint = blueprint();
    let mut set: BTreeSet<(&str, &str)> = BTreeSet::new();
    for part in blueprint.parts().values() {
        let properties = part.properties.keys();
        set.extend(properties.map(|property| (part.part_type.as_str(), property.as_str())));
    }
    let known: BTreeSet<(&str, &str)> = catalog::CATALOG
        .iter()
        .flat_map(|entry| {
            entry
                .properties
                .iter()
                .map(|(name, _)| (entry.part_type, *name))
        })
        .collect();
    let unused: Vec<_> = known.difference(&set).collect();
    assert!(unused.is_empty(), "{unused:?}");
    let unknown: Vec<_> = set.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let types: BTreeSet<&str> = (blueprint.parts().values())
        .map(|part| part.part_type.as_str())
        .collect();
    let all: BTreeSet<&str> = catalog::CATALOG
        .iter()
        .map(|entry| entry.part_type)
        .collect();
    assert_eq!(types, all);
}

#[test]
fn another_program_changes_only_the_program() {
    let before = blueprint();
    let other = Fingerprint::of(b"another archive");
    let after = lower(&everything(), &other, &context("dev")).unwrap();
    let changed: Vec<String> = after
        .parts()
        .values()
        .filter(|part| before.parts()[&part.address] != **part)
        .map(|part| part.address.to_string())
        .collect();
    assert_eq!(changed, ["application/program"]);
    let references = |part: &Part| {
        let values = part.properties.values();
        let mut references = values.flat_map(|property| property.value.references());
        references.any(|reference| reference.to_string() == "application/program.Key")
    };
    let told = after.parts().values().filter(|part| references(part));
    assert!(told.clone().count() > 10);
    assert!(
        told.into_iter()
            .all(|part| part.part_type.as_str() == catalog::FUNCTION)
    );
}

#[test]
fn stages_share_no_name() {
    let names = |stage: &str| -> BTreeSet<String> {
        let blueprint = lower(&everything(), &archive(), &context(stage)).unwrap();
        let parts = blueprint.parts().values();
        parts.map(|part| part.naming.name(0).to_string()).collect()
    };
    assert!(names("dev").is_disjoint(&names("prod")));
}

#[test]
fn production_can_be_recovered() {
    let recovery = |stage: &str, table: &str| {
        let blueprint = lower(&everything(), &archive(), &context(stage)).unwrap();
        let part = &blueprint.parts()[&address(table, "table").unwrap()];
        shown(&part.properties["PointInTimeRecoverySpecification"].value)
    };
    let on = "{PointInTimeRecoveryEnabled: true}";
    assert_eq!(recovery("prod", "carts"), on);
    assert_eq!(recovery("dev", "orders"), on);
    assert_eq!(
        recovery("dev", "carts"),
        "{PointInTimeRecoveryEnabled: false}"
    );
}

#[test]
fn without_permissions_nothing_is_lowered() {
    let mut graph = everything();
    graph.bindings = None;
    let error = lower(&graph, &archive(), &context("dev")).unwrap_err();
    assert_eq!(error, LoweringError::NoPermissions);
    assert!(error.to_string().contains("`ifc check`"));
}

#[test]
fn two_units_that_hear_of_the_same_objects_are_refused() {
    let mut graph = everything();
    for trigger in &mut graph.triggers {
        if let ifc_graph::Source::Events { spec, .. } = &mut trigger.source
            && spec.edge == ifc_manifest::kind::edge::Edge::OnDeleted
        {
            spec.edge = ifc_manifest::kind::edge::Edge::OnCreated;
            spec.selection = Selection::Everything;
        }
    }
    let error = lower(&graph, &archive(), &context("dev")).unwrap_err();
    let units = ["forget".to_owned(), "resize".to_owned()];
    let bucket = "uploads".to_owned();
    assert_eq!(error, LoweringError::Overlap { bucket, units });
}

#[test]
fn a_unit_with_too_many_resources_is_refused() {
    let mut graph = everything();
    let one = graph
        .resource(&id(Kind::Queue, "fulfilment"))
        .unwrap()
        .clone();
    graph.bindings = Some(Vec::new());
    for number in 0..200 {
        let mut queue = one.clone();
        queue.id.name = format!("a-queue-with-a-long-name-{number:05}");
        bind(&mut graph, "report", Kind::Queue, &queue.id.name);
        graph.resources.push(queue);
    }
    let lowered = |graph: &Graph| lower(graph, &archive(), &context("dev"));
    let LoweringError::Policy { unit, characters } = lowered(&graph).unwrap_err() else {
        panic!("the policy is too large");
    };
    assert_eq!(unit, "report");
    assert!(characters > 20_000, "{characters}");

    graph.bindings = Some(Vec::new());
    for number in 0..20 {
        let name = format!("{}/limit-{number}", "a-long-library-name".repeat(6));
        let mut config = graph.resource(&id(Kind::Config, "unset")).unwrap().clone();
        config.id.name.clone_from(&name);
        graph.resources.push(config);
        bind(&mut graph, "report", Kind::Config, &name);
    }
    let error = lowered(&graph).unwrap_err();
    assert!(
        matches!(&error, LoweringError::Environment { unit, .. } if unit == "report"),
        "{error:?}"
    );
    assert!(error.to_string().contains("aws allows 4096"), "{error}");
}

#[test]
fn a_queue_is_called_otherwise_when_it_comes_to_keep_an_order() {
    let name = |fifo: bool| {
        let mut graph = everything();
        if let Spec::Queue(queue) = spec(&mut graph, Kind::Queue, "fulfilment") {
            queue.fifo = fifo;
        }
        let blueprint = lower(&graph, &archive(), &context("dev")).unwrap();
        let part = &blueprint.parts()[&address("fulfilment", "queue").unwrap()];
        assert_eq!(part.properties["FifoQueue"].on_change, ChangeClass::Replace);
        assert_eq!(part.naming.name(0), part.naming.name(1));
        part.naming.name(0).to_string()
    };
    assert_eq!(name(true), format!("{}.fifo", name(false)));
}

#[test]
fn instances_are_bounded_where_they_come_from() {
    let lowered = |unit: &str, instances: u32| {
        let mut graph = everything();
        let mut units = graph.units.iter_mut();
        let unit = units.find(|known| known.name == unit).unwrap();
        unit.spec.max_instances = instances;
        lower(&graph, &archive(), &context("dev"))
    };
    let said = |unit: &str, part: &str, property: &str| {
        let blueprint = lowered(unit, 7).unwrap();
        let properties = &blueprint.parts()[&address(unit, part).unwrap()].properties;
        properties
            .get(property)
            .map(|property| shown(&property.value))
    };
    let reserved = "ReservedConcurrentExecutions";
    assert_eq!(said("api", "function", reserved).as_deref(), Some("7"));
    assert_eq!(said("fulfil", "function", reserved), None);
    let scaling = said("fulfil", "consume", "ScalingConfig");
    assert_eq!(scaling.as_deref(), Some("{MaximumConcurrency: 7}"));
    assert!(lowered("api", 1).is_ok());
    for unit in ["fulfil", "notify", "nightly"] {
        let error = lowered(unit, 1).unwrap_err();
        let unit = unit.to_owned();
        assert_eq!(error, LoweringError::Instances { unit });
    }
}

#[test]
fn what_holds_data_is_found() {
    let blueprint = blueprint();
    let holders = |kind: Kind, name: &str| -> Vec<String> {
        let wanted = id(kind, name);
        let parts = blueprint.parts().values();
        let parts = parts.filter(|part| holds(part, &wanted));
        parts.map(|part| part.address.to_string()).collect()
    };
    assert_eq!(holders(Kind::Table, "audit/trail"), ["audit:trail/table"]);
    assert_eq!(holders(Kind::Queue, "fulfilment"), ["fulfilment/queue"]);
    assert_eq!(holders(Kind::Bucket, "uploads"), ["uploads/bucket"]);
    assert!(holders(Kind::Queue, "notify").is_empty());
}
