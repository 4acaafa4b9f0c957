//! `duplicate-resource`: two resources of one kind have one name, in one package.

use super::repeated;
use crate::{Diagnostic, Graph};

const CODE: &str = "duplicate-resource";

pub(crate) fn find(graph: &Graph) -> Vec<Diagnostic> {
    let finding = |(id, declarations): (_, Vec<&crate::Resource>)| {
        let first = declarations[0];
        let mut finding = Diagnostic::error(CODE, format!("{id} is declared {} times", declarations.len()))
            .at(&declarations[1].span, "declared again here")
            .and_at(&first.span, "first declared here")
            .because(format!(
                "kind and name are a resource's identity; the declarations are not merged, even when they agree (package `{}`)",
                first.address.package
            ))
            .help("rename one of them, or use the same static in both places");
        for other in &declarations[2..] {
            finding = finding.and_at(&other.span, "and here");
        }
        finding
    };
    repeated(&graph.resources, |resource| &resource.id)
        .into_iter()
        .map(finding)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, codes};
    use ifc_manifest::Kind;

    #[test]
    fn both_places_are_shown() {
        let fixture = Fixture::new()
            .table("orders")
            .table("customers")
            .table("orders");
        let findings = fixture.findings();
        assert_eq!(findings.len(), 1);
        let finding = &findings[0];
        assert_eq!(finding.code, CODE);
        assert_eq!(finding.message, "table `orders` is declared 2 times");
        let first = fixture.span_of(Kind::Table, "orders", 0);
        let second = fixture.span_of(Kind::Table, "orders", 1);
        assert_eq!(finding.primary.as_ref().unwrap().span, second);
        assert_eq!(finding.secondary[0].span, first);
    }

    #[test]
    fn other_kinds_and_other_packages_have_names_of_their_own() {
        let fixture = Fixture::new()
            .table("orders")
            .queue("orders")
            .consumer("fulfil", "orders")
            .resource_of("audit", Kind::Table, "orders", Fixture::table_config());
        assert_eq!(codes(&fixture), [""; 0]);
    }
}
