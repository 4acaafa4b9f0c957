//! `route-conflict`: two handlers answer the same requests.

use super::repeated;
use super::route_overlap::shape;
use crate::{Diagnostic, Graph, Source, Trigger};

const CODE: &str = "route-conflict";

pub(crate) fn find(graph: &Graph) -> Vec<Diagnostic> {
    let routes = graph
        .triggers
        .iter()
        .filter(|trigger| matches!(trigger.source, Source::Route { .. }));
    let key = |trigger: &Trigger| match &trigger.source {
        Source::Route { method, path } => (trigger.unit.clone(), shape(path), method.clone()),
        _ => (trigger.unit.clone(), String::new(), String::new()),
    };
    repeated(routes, key)
        .into_iter()
        .map(|((unit, _, _), routes)| finding(&unit, &routes))
        .collect()
}

fn finding(unit: &str, routes: &[&Trigger]) -> Diagnostic {
    let text = |trigger: &Trigger| match &trigger.source {
        Source::Route { method, path } => format!("{method} {path}"),
        _ => String::new(),
    };
    let mut in_order = routes.to_vec();
    in_order.sort_by_key(|trigger| &trigger.handler);
    let (first, second) = (in_order[0], in_order[1]);
    let mut finding = Diagnostic::error(
        CODE,
        format!(
            "{} handlers of `{unit}` answer `{}`",
            routes.len(),
            text(first)
        ),
    )
    .at(
        &second.handler.span,
        format!("`{}` answers `{}`", second.handler.path, text(second)),
    )
    .and_at(
        &first.handler.span,
        format!("`{}` answers `{}`", first.handler.path, text(first)),
    );
    for other in &in_order[2..] {
        finding = finding.and_at(
            &other.handler.span,
            format!("`{}` answers `{}`", other.handler.path, text(other)),
        );
    }
    if text(first) != text(second) {
        finding = finding.because("the names of parameters do not tell routes apart");
    }
    finding.help("change the method or the path of one of them")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, codes};

    #[test]
    fn one_method_and_shape() {
        let fixture = Fixture::new()
            .route("GET", "/orders/{id}")
            .route("GET", "/orders/{id}");
        let findings = fixture.findings();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].code, CODE);
        assert_eq!(
            findings[0].message,
            "2 handlers of `api` answer `GET /orders/{id}`"
        );
        assert!(findings[0].causes.is_empty());
        assert_ne!(
            findings[0].primary.as_ref().unwrap().span,
            findings[0].secondary[0].span
        );
    }

    #[test]
    fn other_methods_apis_and_literals_are_other_routes() {
        let fixture = Fixture::new()
            .api("public")
            .route("GET", "/orders/{id}")
            .route("PUT", "/orders/{id}")
            .route("GET", "/orders/all")
            .route_of("public", "GET", "/orders/{id}");
        assert_eq!(codes(&fixture), [""; 0]);
    }
}
