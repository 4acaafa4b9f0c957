//! `duplicate-unit`: two units have one name.

use super::repeated;
use crate::{Diagnostic, Graph, Unit, UnitSort};

const CODE: &str = "duplicate-unit";

pub(crate) fn find(graph: &Graph) -> Vec<Diagnostic> {
    repeated(&graph.units, |unit| unit.name.as_str())
        .into_iter()
        // Two APIs of one name are two resources of one name, which is said there.
        .filter(|(_, units)| {
            units
                .iter()
                .filter(|unit| unit.sort != UnitSort::Api)
                .count()
                > 0
        })
        .map(|(name, units)| finding(name, &units))
        .collect()
}

fn finding(name: &str, units: &[&Unit]) -> Diagnostic {
    let mut finding = Diagnostic::error(CODE, format!("{} units are called `{name}`", units.len()))
        .at(&units[1].span, format!("{} `{name}`", units[1].sort))
        .and_at(&units[0].span, format!("{} `{name}`", units[0].sort))
        .because("a unit is named after its function, with `-` for `_`, or after its API; the name is its identity when it is deployed")
        .help(match units.iter().find(|unit| unit.sort != UnitSort::Api) {
            Some(_) if units.iter().any(|unit| unit.sort == UnitSort::Api) => {
                "rename the function".to_owned()
            }
            _ => "rename one of the functions".to_owned(),
        });
    for other in &units[2..] {
        finding = finding.and_at(&other.span, format!("{} `{name}`", other.sort));
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, codes};

    #[test]
    fn functions_in_two_modules() {
        let fixture = Fixture::new()
            .function("report")
            .schedule("report", "0 3 * * *", "UTC");
        let findings = fixture.findings();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].code, CODE);
        assert_eq!(findings[0].message, "2 units are called `report`");
        assert_eq!(findings[0].secondary.len(), 1);
    }

    #[test]
    fn a_function_named_like_the_api() {
        let fixture = Fixture::new().route("GET", "/").function("api");
        let findings = fixture.findings();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].help.as_deref(), Some("rename the function"));
    }

    #[test]
    fn routes_and_libraries_do_not_collide() {
        let fixture = Fixture::new()
            .route("GET", "/")
            .route("GET", "/a")
            .function("report")
            .function_of("audit", "report");
        assert_eq!(codes(&fixture), [""; 0]);
    }
}
