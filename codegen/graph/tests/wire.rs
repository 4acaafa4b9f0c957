//! The published JSON: it follows its schema, and equal input gives equal bytes.
#![allow(clippy::unwrap_used)]

use ifc_graph::fixture::Fixture;
use ifc_graph::wire;
use ifc_manifest::Kind;
use serde_json::Value;

fn json(fixture: &Fixture) -> Value {
    let (graph, _) = fixture.build();
    serde_json::to_value(wire::graph(&graph)).unwrap()
}

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(wire::GRAPH_SCHEMA).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn the_output_follows_the_schema() {
    let validator = validator();
    for fixture in [Fixture::empty(), Fixture::new(), Fixture::shop()] {
        let json = json(&fixture);
        let errors: Vec<String> = validator
            .iter_errors(&json)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, [""; 0], "{json:#}");
    }
}

#[test]
fn the_schema_refuses_what_is_not_a_graph() {
    let validator = validator();
    let good = json(&Fixture::shop());
    let queue = good["resources"]
        .as_array()
        .unwrap()
        .iter()
        .position(|resource| resource["kind"] == "queue")
        .unwrap();
    for (pointer, value) in [
        ("/version".to_owned(), Value::from(2)),
        ("/units/0/sort".to_owned(), Value::from("daemon")),
        ("/units/0/spec".to_owned(), Value::Null),
        (format!("/resources/{queue}/spec/fifo"), Value::from("no")),
        (format!("/resources/{queue}/kind"), Value::from("table")),
        ("/triggers/0/source/type".to_owned(), Value::from("wish")),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(&pointer).unwrap() = value;
        assert!(!validator.is_valid(&bad), "{pointer}");
    }
}

#[test]
fn the_order_of_descriptors_does_not_matter() {
    let bytes =
        |fixture: &Fixture| serde_json::to_string(&wire::graph(&fixture.build().0)).unwrap();
    // Declared twice, so that equal names have to be ordered too.
    let fixture = Fixture::shop().table("orders").function("report");
    let expected = bytes(&fixture);
    let expected_findings = fixture.findings();
    assert!(!expected_findings.is_empty());
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..50 {
        let mut shuffled = fixture.clone();
        random.shuffle(&mut shuffled.descriptors);
        assert_eq!(bytes(&shuffled), expected);
        assert_eq!(shuffled.findings(), expected_findings);
    }
}

#[test]
fn names_are_those_of_the_application() {
    let (graph, findings) = Fixture::shop().build();
    assert_eq!(findings, []);
    let names: Vec<String> = graph.resources.iter().map(|r| r.id.to_string()).collect();
    assert_eq!(
        names,
        [
            "http-api `api`",
            "table `audit/trail`",
            "queue `fulfilment`",
            "config `limit`",
            "table `orders`",
            "secret `payment-key`"
        ]
    );
    let units: Vec<&str> = graph.units.iter().map(|unit| unit.name.as_str()).collect();
    assert_eq!(units, ["api", "fulfil", "nightly", "report"]);
    assert_eq!(graph.unit("api").unwrap().handlers.len(), 2);
    assert_eq!(graph.of_kind(Kind::Table).count(), 2);
    assert_eq!(graph.bindings, None);
}
