//! `unused-resource`: declared, and no unit reads, writes or consumes it.

use crate::{Diagnostic, Graph};
use ifc_manifest::Kind;

const CODE: &str = "unused-resource";

/// The resources that no unit uses. Only for a graph whose bindings were read from the program's
/// link: without them nothing can be said.
pub fn find(graph: &Graph) -> Vec<Diagnostic> {
    let Some(bindings) = &graph.bindings else {
        return Vec::new();
    };
    graph
        .resources
        .iter()
        // An API without routes is used by nobody either, but it can be about to get some.
        .filter(|resource| resource.id.kind != Kind::HttpApi)
        .filter(|resource| {
            bindings
                .iter()
                .all(|binding| binding.resource != resource.id)
        })
        .filter(|resource| !graph.is_consumed(&resource.id))
        .map(|resource| {
            Diagnostic::warning(CODE, format!("no unit uses {}", resource.id))
                .at(&resource.span, "declared here")
                .because("no code that a handler can reach works with it")
                .help("use it, or remove its declaration")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;
    use crate::{Binding, ResourceId};
    use ifc_manifest::kind::table;

    #[test]
    fn only_what_was_searched_can_be_unused() {
        let mut graph = Fixture::new().table("orders").build().0;
        assert_eq!(find(&graph), []);
        graph.bindings = Some(Vec::new());
        let findings = find(&graph);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].message, "no unit uses table `orders`");
        graph.bindings = Some(vec![Binding {
            unit: "api".into(),
            resource: ResourceId {
                kind: Kind::Table,
                name: "orders".into(),
            },
            grants: vec![table::GET],
        }]);
        assert_eq!(find(&graph), []);
    }
}
