//! `too-many-routes`: an API has more routes than every provider takes.

use crate::{Diagnostic, Graph, UnitSort};
use ifc_manifest::kind::http_api::ROUTES;

const CODE: &str = "too-many-routes";

pub(crate) fn find(graph: &Graph) -> Vec<Diagnostic> {
    graph
        .units
        .iter()
        .filter(|unit| unit.sort == UnitSort::Api)
        .filter_map(|unit| {
            let routes = graph.triggers_of(&unit.name).count();
            (!ROUTES.contains(routes as u64)).then(|| {
                Diagnostic::error(CODE, format!("api `{}` has {routes} routes", unit.name))
                    .at(&unit.span, format!("at most {} are allowed", ROUTES.max))
                    .help("declare a second `HttpApi` and let some of the routes name it")
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, codes};

    fn with_routes(count: u64) -> Fixture {
        (0..count).fold(Fixture::new(), |fixture, number| {
            fixture.route("GET", &format!("/{number}"))
        })
    }

    #[test]
    fn the_limit_is_inclusive() {
        assert_eq!(codes(&with_routes(ROUTES.max)), [""; 0]);
        assert_eq!(codes(&with_routes(ROUTES.max + 1)), [CODE]);
    }
}
