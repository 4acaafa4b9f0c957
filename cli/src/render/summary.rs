//! The last lines of `ifc check`: what the application is made of, and how it stands.

use crate::terminal::{ERROR, HEADING, NAME, QUIET, WARNING, paint};
use ifc_analyzer::Analysis;
use ifc_graph::{Graph, Severity, UnitSort};
use ifc_manifest::Kind;
use ifc_manifest::kind::edge::Edge;
use std::fmt::Write as _;

/// The summary.
pub(crate) fn of(analysis: &Analysis) -> String {
    let graph = &analysis.graph;
    let mut text = String::new();
    if graph.application.span.is_some() {
        let _ = writeln!(
            text,
            "{} {}",
            paint(NAME, &graph.application.package),
            paint(QUIET, &graph.application.version)
        );
        for (label, counts) in [("resources", resources(graph)), ("units", units(graph))] {
            let content = match counts.is_empty() {
                true => "none".to_owned(),
                false => counts.join(", "),
            };
            let _ = writeln!(text, "  {label:<10} {content}");
        }
    }
    let count = |severity| {
        analysis
            .diagnostics
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let verdict = match (errors, warnings) {
        (0, 0) => paint(HEADING, "no findings"),
        (0, _) => paint(WARNING, &counted(warnings, "warning")),
        (_, 0) => paint(ERROR, &counted(errors, "error")),
        _ => format!(
            "{}, {}",
            paint(ERROR, &counted(errors, "error")),
            paint(WARNING, &counted(warnings, "warning"))
        ),
    };
    let _ = writeln!(text, "{verdict}");
    text
}

fn resources(graph: &Graph) -> Vec<String> {
    Kind::ALL
        .into_iter()
        // An API is counted with its unit.
        .filter(|kind| *kind != Kind::HttpApi)
        .map(|kind| (graph.of_kind(kind).count(), kind.as_str()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| counted(count, word))
        .collect()
}

fn units(graph: &Graph) -> Vec<String> {
    let sorts = [UnitSort::Api, UnitSort::Function]
        .into_iter()
        .chain(Edge::ALL.map(UnitSort::Events))
        .chain([UnitSort::Schedule]);
    let described = sorts.filter_map(|sort| {
        let units: Vec<_> = graph
            .units
            .iter()
            .filter(|unit| unit.sort == sort)
            .collect();
        let text = counted(units.len(), sort.as_str());
        let routes: usize = units.iter().map(|unit| unit.handlers.len()).sum();
        match (units.len(), sort) {
            (0, _) => None,
            (_, UnitSort::Api) => Some(format!("{text} ({})", counted(routes, "route"))),
            _ => Some(text),
        }
    });
    described.collect()
}

/// "1 table", "2 tables", "2 event-buses".
pub(crate) fn counted(count: usize, word: &str) -> String {
    match count {
        1 => format!("1 {word}"),
        _ if word.ends_with('s') => format!("{count} {word}es"),
        _ => format!("{count} {word}s"),
    }
}
