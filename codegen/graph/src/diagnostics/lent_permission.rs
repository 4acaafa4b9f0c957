//! `lent-permission`: code that runs before any handler can use a resource, so every unit may. The
//! facts come from whoever read the program's link.

use crate::{Diagnostic, Graph, ResourceId};
use ifc_manifest::Verb;
use std::collections::{BTreeMap, BTreeSet};

const CODE: &str = "lent-permission";

/// A finding for each resource that is lent: `lent` has what initialisation can do.
pub fn find<'a>(
    graph: &Graph,
    lent: impl IntoIterator<Item = (&'a ResourceId, Verb)>,
) -> Vec<Diagnostic> {
    let mut by_resource: BTreeMap<&ResourceId, BTreeSet<&str>> = BTreeMap::new();
    for (resource, verb) in lent {
        by_resource
            .entry(resource)
            .or_default()
            .insert(verb.as_str());
    }
    by_resource
        .into_iter()
        .map(|(resource, verbs)| {
            let grants: Vec<String> = verbs
                .into_iter()
                .map(|verb| format!("`{}.{verb}`", resource.name))
                .collect();
            let message = format!("every unit may {}", grants.join(", "));
            let finding = Diagnostic::warning(CODE, message)
                .because(
                    "code that runs before any handler can do it (`main`, a constructor, a function \
                     that a shared library calls), and that code runs in every unit",
                )
                .help(
                    "make the value in a `Provide` that handlers take as `State<T>`: then only those \
                     are permitted what making it needs",
                );
            let declared = graph.resources.iter().find(|one| one.id == *resource);
            match declared {
                Some(declared) => finding.at(&declared.span, "declared here"),
                None => finding,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;
    use ifc_manifest::Kind;
    use ifc_manifest::kind::table;

    #[test]
    fn each_resource_is_named_once_with_its_verbs() {
        let graph = Fixture::new().table("orders").build().0;
        assert_eq!(find(&graph, []), []);
        let orders = ResourceId {
            kind: Kind::Table,
            name: "orders".into(),
        };
        let findings = find(&graph, [(&orders, table::PUT), (&orders, table::GET)]);
        assert_eq!(findings.len(), 1);
        assert_eq!(
            findings[0].message,
            "every unit may `orders.get`, `orders.put`"
        );
        assert!(!findings[0].is_error());
    }
}
