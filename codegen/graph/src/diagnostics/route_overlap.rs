//! `route-overlap`: two path templates of one API that the router cannot hold together, although
//! they are written differently: one place has two parameter names, or a `{rest..}` stands where
//! the other has a parameter. The unit would refuse to start.

use crate::{Diagnostic, Graph, Source, Trigger, UnitSort};
use std::collections::BTreeMap;

const CODE: &str = "route-overlap";

#[derive(PartialEq, Eq)]
enum Segment<'a> {
    Literal(&'a str),
    Parameter,
    Rest,
}

fn segments(path: &str) -> impl Iterator<Item = Segment<'_>> {
    path.split('/')
        .map(|segment| match segment.strip_prefix('{') {
            Some(parameter) if parameter.ends_with("..}") => Segment::Rest,
            Some(_) => Segment::Parameter,
            None => Segment::Literal(segment),
        })
}

/// A path template without the names of its parameters.
pub(super) fn shape(path: &str) -> String {
    let texts: Vec<&str> = segments(path)
        .map(|segment| match segment {
            Segment::Literal(text) => text,
            Segment::Parameter => "{}",
            Segment::Rest => "{..}",
        })
        .collect();
    texts.join("/")
}

/// Whether the router refuses the second of two different templates.
fn overlap(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (segments(a), segments(b));
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some(Segment::Rest), Some(Segment::Parameter | Segment::Rest))
            | (Some(Segment::Parameter), Some(Segment::Rest)) => return true,
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

pub(crate) fn find(graph: &Graph) -> Vec<Diagnostic> {
    graph
        .units
        .iter()
        .filter(|unit| unit.sort == UnitSort::Api)
        .flat_map(|unit| of_api(&unit.name, graph))
        .collect()
}

fn of_api(api: &str, graph: &Graph) -> Vec<Diagnostic> {
    // One finding per pair of templates, at the first handler of each.
    let mut templates = BTreeMap::<&str, (&str, &Trigger)>::new();
    for trigger in graph.triggers_of(api) {
        if let Source::Route { method, path } = &trigger.source {
            templates.entry(path).or_insert((method, trigger));
        }
    }
    let templates: Vec<_> = templates.into_iter().collect();
    let mut findings = Vec::new();
    for (at, (first_path, first)) in templates.iter().enumerate() {
        for (second_path, second) in &templates[at + 1..] {
            // Two routes that are the same but for a parameter's name are `route-conflict`.
            let same_shape = shape(first_path) == shape(second_path);
            if overlap(first_path, second_path) && !(same_shape && first.0 == second.0) {
                findings.push(finding(
                    (first_path, first.1),
                    (second_path, second.1),
                    same_shape,
                ));
            }
        }
    }
    findings
}

fn finding(first: (&str, &Trigger), second: (&str, &Trigger), same_shape: bool) -> Diagnostic {
    let (message, cause, help) = if same_shape {
        (
            format!(
                "`{}` and `{}` name a parameter of one place differently",
                first.0, second.0
            ),
            "the router knows one name for each place of a path",
            format!("write `{}` in both", first.0),
        )
    } else {
        (
            format!("`{}` and `{}` match the same paths", first.0, second.0),
            "a `{rest..}` cannot stand beside a parameter: neither route is the more specific one",
            "put a literal segment before one of them".to_owned(),
        )
    };
    Diagnostic::error(CODE, message)
        .at(&second.1.handler.span, format!("`{}`", second.0))
        .and_at(&first.1.handler.span, format!("`{}`", first.0))
        .because(cause)
        .help(help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, codes};

    #[test]
    fn parameter_names_differ() {
        let fixture = Fixture::new()
            .route("GET", "/orders/{id}")
            .route("DELETE", "/orders/{order}");
        let findings = fixture.findings();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].code, CODE);
        assert_eq!(
            findings[0].help.as_deref(),
            Some("write `/orders/{id}` in both")
        );
    }

    #[test]
    fn a_rest_beside_a_parameter() {
        let fixture = Fixture::new()
            .route("GET", "/files/{id}")
            .route("GET", "/files/{rest..}");
        assert_eq!(codes(&fixture), [CODE]);
        let fixture = Fixture::new()
            .route("GET", "/files/all")
            .route("GET", "/files/{rest..}")
            .route("GET", "/{id}/files");
        assert_eq!(codes(&fixture), [""; 0]);
    }

    /// The rule is the router's own: all pairs of short templates are tried in it.
    #[test]
    fn the_router_agrees() {
        let alphabet = ["a", "b", "{x}", "{y}", "{r..}", "{s..}"];
        let mut paths = vec!["/".to_owned()];
        let mut open = vec![String::new()];
        for _ in 0..3 {
            let mut next = Vec::new();
            for before in &open {
                for segment in alphabet {
                    // A template names each of its parameters once.
                    if segment.starts_with('{') && before.contains(segment) {
                        continue;
                    }
                    let path = format!("{before}/{segment}");
                    paths.push(path.clone());
                    if !segment.ends_with("..}") {
                        next.push(path);
                    }
                }
            }
            open = next;
        }
        let router_path = |path: &str| match path.rsplit_once("/{") {
            Some((before, last)) if last.ends_with("..}") => {
                format!("{before}/{{*{}}}", last.trim_end_matches("..}"))
            }
            _ => path.to_owned(),
        };
        assert!(paths.len() > 100, "{}", paths.len());
        for first in &paths {
            for second in paths.iter().filter(|second| *second != first) {
                let mut router = matchit::Router::new();
                router.insert(router_path(first), ()).unwrap();
                let refused = router.insert(router_path(second), ()).is_err();
                assert_eq!(overlap(first, second), refused, "{first} {second}");
            }
        }
    }
}
