//! `ifc why`: the way from a handler to an operation.

use crate::application;
use crate::arguments::{Global, Why};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::reason;
use crate::terminal;
use ifc_analyzer::{Derivation, Reason};

pub(crate) fn run(global: &Global, why: &Why) -> Result<Exit, Failure> {
    let project = application::find(global)?;
    let built = project.build()?;
    let analysis = ifc_analyzer::analyze(&built)?;
    let graph = &analysis.graph;
    let units: Vec<&str> = graph.units.iter().map(|unit| unit.name.as_str()).collect();
    // A handler is also found under its function's name.
    let unit = why.unit.replace('_', "-");
    if !units.contains(&unit.as_str()) {
        return Err(Failure::unknown("unit", &why.unit, &units));
    }
    let reasons = match &analysis.derivation {
        Derivation::Exact { reasons, .. } => reasons,
        Derivation::Widest { reason } => {
            return Err(Failure::new(
                "the permissions could not be derived, so every unit counts as allowed everything",
            )
            .because(reason));
        }
    };
    let of_unit: Vec<&Reason> = reasons
        .iter()
        .filter(|reason| reason.unit == unit)
        .collect();
    let name = |reason: &Reason| format!("{}.{}", reason.resource.name, reason.verb);
    let chosen: Vec<&Reason> = match &why.grant {
        None => of_unit.clone(),
        Some(grant) => of_unit
            .iter()
            .filter(|reason| name(reason) == *grant)
            .copied()
            .collect(),
    };
    if let (true, Some(grant)) = (chosen.is_empty(), &why.grant) {
        let names: Vec<String> = of_unit.iter().map(|reason| name(reason)).collect();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        let failure = Failure::new(format!("unit `{unit}` has no permission `{grant}`"));
        let help = ifc_graph::suggest::sentence(grant, &known).unwrap_or_else(|| match known[..] {
            [] => "it has none at all".to_owned(),
            _ => format!("it has {}", known.join(", ")),
        });
        return Err(failure.help(help));
    }
    let program = reason::Program::open(&built.executable, &project.workspace_root);
    if why.output.json {
        terminal::print_json(&reason::json(&chosen, &program))?;
    } else {
        terminal::print(&reason::text(&chosen, graph, &program))?;
    }
    Ok(Exit::Success)
}
