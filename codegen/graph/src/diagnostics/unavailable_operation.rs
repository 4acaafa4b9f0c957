//! `E-TBL-02` and its like: a unit can do what one of the application's targets lacks. As
//! `unavailable`, for what is asked by calling an operation and not by a declaration.

use super::unavailable::{finding, targets_of};
use crate::{Diagnostic, Graph};
use ifc_manifest::support::Demand;

/// The operations that a target lacks. Only for a graph whose bindings were read from the program's
/// link.
pub fn find(graph: &Graph) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for binding in graph.bindings.iter().flatten() {
        let Some(unit) = graph.unit(&binding.unit) else {
            continue;
        };
        for verb in &binding.grants {
            let Some(capability) = binding.resource.kind.needs(*verb) else {
                continue;
            };
            let demand = Demand::Capability(capability);
            let Err(unavailable) = demand.check(graph.application.targets) else {
                continue;
            };
            let what = format!("unit `{}`", unit.name);
            let text = format!(
                "code that this unit can reach calls `{verb}` of {}",
                binding.resource
            );
            let finding = finding(&what, &unavailable).at(&unit.span, text);
            findings.push(targets_of(&graph.application, finding));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Binding;
    use crate::fixture::Fixture;
    use ifc_manifest::ProviderId::{self, Aws, Azure, Gcp};
    use ifc_manifest::Verb;
    use ifc_manifest::kind::table::{PUT, TRANSACT, TRANSACT_ACROSS};

    fn found(targets: &[ProviderId], grants: Vec<Verb>) -> Vec<Diagnostic> {
        let shop = Fixture::new().table("orders").function("report");
        let mut graph = shop.targets(targets).build().0;
        let resource = graph.resources[0].id.clone();
        graph.bindings = Some(vec![Binding {
            unit: "report".into(),
            resource,
            grants,
        }]);
        find(&graph)
    }

    #[test]
    fn a_transaction_over_tables_where_a_target_has_none() {
        assert_eq!(found(&ProviderId::ALL, vec![PUT, TRANSACT]), []);
        assert_eq!(found(&[Aws, Gcp], vec![PUT, TRANSACT_ACROSS]), []);
        let findings = found(&[Aws, Azure], vec![PUT, TRANSACT_ACROSS]);
        let [finding] = findings.as_slice() else {
            panic!("{findings:?}");
        };
        assert_eq!(finding.code, "E-TBL-02");
        assert_eq!(
            finding.message,
            "unit `report`: a transaction over several partitions or tables is not available on \
             azure"
        );
        assert_eq!(
            finding.primary.as_ref().map(|label| label.text.as_str()),
            Some("code that this unit can reach calls `transact_across` of table `orders`")
        );
        assert_eq!(finding.secondary[0].text, "targets are aws, azure");
    }
}
