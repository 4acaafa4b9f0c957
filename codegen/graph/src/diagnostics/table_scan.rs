//! `table-scan`: a unit reads a whole table, which costs more with every item in it.

use crate::{Diagnostic, Graph};
use ifc_manifest::Kind;
use ifc_manifest::kind::table;

const CODE: &str = "table-scan";

/// The tables that units scan. Only for a graph whose bindings were read from the program's link.
///
/// A note: a scan is expensive, and sometimes it is what is meant.
pub fn find(graph: &Graph) -> Vec<Diagnostic> {
    graph
        .of_kind(Kind::Table)
        .flat_map(|scanned| {
            let scans = graph.bindings.iter().flatten().filter(|binding| {
                binding.resource == scanned.id && binding.grants.contains(&table::SCAN)
            });
            scans.filter_map(|binding| {
                let unit = graph.unit(&binding.unit)?;
                let message = format!("unit `{}` scans {}", unit.name, scanned.id);
                Some(
                    Diagnostic::note(CODE, message)
                        .at(&unit.span, "code that this unit can reach reads all items")
                        .and_at(&scanned.span, "the table")
                        .because(
                            "a scan reads, and is billed for, every item of the table, whatever \
                             it returns",
                        )
                        .help(
                            "query by the key, or declare an index for what is looked for: \
                             `#[item(index = \"…\")]`",
                        ),
                )
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;
    use crate::{Binding, Severity};

    #[test]
    fn only_scans_are_noted() {
        let mut graph = Fixture::new().table("orders").function("report").build().0;
        assert_eq!(find(&graph), []);
        let resource = graph.resources[0].id.clone();
        let mut check = |grants, expected: &[&str]| {
            graph.bindings = Some(vec![Binding {
                unit: "report".into(),
                resource: resource.clone(),
                grants,
            }]);
            let findings = find(&graph);
            let messages: Vec<&str> = findings.iter().map(|f| f.message.as_str()).collect();
            assert_eq!(messages, expected);
            assert!(findings.iter().all(|f| f.severity == Severity::Note));
        };
        check(vec![table::GET, table::QUERY], &[]);
        check(
            vec![table::GET, table::SCAN],
            &["unit `report` scans table `orders`"],
        );
    }
}
