//! All forms of one graph, with and without bindings.

use super::*;
use ifc_graph::fixture::Fixture;
use ifc_graph::{Binding, ResourceId};
use ifc_manifest::Kind;
use ifc_manifest::kind::{function, queue, secret, table};

fn shop() -> Graph {
    Fixture::shop().build().0
}

/// With what units may use, as it will be when the artifact is searched for it.
fn shop_with_bindings() -> Graph {
    let mut graph = shop();
    let binding = |unit: &str, kind, name: &str, grants: &[_]| Binding {
        unit: unit.into(),
        resource: ResourceId {
            kind,
            name: name.into(),
        },
        grants: grants.to_vec(),
    };
    graph.bindings = Some(vec![
        binding("api", Kind::Queue, "fulfilment", &[queue::SEND]),
        binding("api", Kind::Table, "orders", &[table::GET, table::PUT]),
        binding("fulfil", Kind::Function, "report", &[function::INVOKE]),
        binding("fulfil", Kind::Table, "orders", &[table::UPDATE]),
        binding("nightly", Kind::Queue, "fulfilment", &[queue::SEND]),
        binding("report", Kind::Secret, "payment-key", &[secret::READ]),
        binding("report", Kind::Function, "report", &[function::INVOKE]),
        // Sends to the queue that it consumes: a cycle.
        binding("fulfil", Kind::Queue, "fulfilment", &[queue::SEND]),
    ]);
    graph
}

#[test]
fn text() {
    insta::assert_snapshot!(plain(&super::text(&shop())));
}

#[test]
fn text_with_bindings() {
    insta::assert_snapshot!(plain(&super::text(&shop_with_bindings())));
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn mermaid() {
    insta::assert_snapshot!(super::mermaid(&shop_with_bindings()));
}

#[test]
fn dot() {
    insta::assert_snapshot!(super::dot(&shop_with_bindings()));
}

#[test]
fn svg() {
    insta::assert_snapshot!(super::svg(&shop()));
}

#[test]
fn svg_with_bindings() {
    insta::assert_snapshot!(super::svg(&shop_with_bindings()));
}

#[test]
fn an_empty_graph_has_all_forms() {
    let (graph, _) = Fixture::new().build();
    assert_eq!(plain(&super::text(&graph)), "shop 0.1.0\n");
    assert!(super::mermaid(&graph).starts_with("flowchart LR\n"));
    assert!(super::dot(&graph).ends_with("}\n"));
    let svg = super::svg(&graph);
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

/// Names are limited to harmless characters, paths and cron expressions are not.
#[test]
fn texts_are_escaped() {
    let (graph, _) = Fixture::new()
        .route("GET", "/a\"b<c>&d")
        .schedule("nightly", "*/5 * * * *", "UTC")
        .build();
    assert!(super::svg(&graph).contains("/a&quot;b&lt;c&gt;&amp;d"));
    assert!(super::dot(&graph).contains("/a\"b&lt;c&gt;&amp;d"));
    assert!(super::mermaid(&graph).contains("/a#quot;b#lt;c#gt;&d"));
    assert!(super::mermaid(&graph).contains("#42;/5 #42; #42;"));
}
