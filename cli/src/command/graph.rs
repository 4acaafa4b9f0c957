//! `ifc graph`: the graph in several forms.
//!
//! What is wrong with the application is said on standard error and does not keep the graph from
//! being shown: a picture may be what helps to find the mistake.

use crate::application;
use crate::arguments::{Global, Graph, GraphFormat};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{diagnostic, graph};
use crate::terminal;
use ifc_graph::wire;

pub(crate) fn run(global: &Global, arguments: &Graph) -> Result<Exit, Failure> {
    let project = application::find(global)?;
    let analysis = application::analyze(&project)?;
    diagnostic::show(&analysis.diagnostics, &project.workspace_root);
    let format = match arguments.json {
        true => GraphFormat::Json,
        false => arguments.format,
    };
    match format {
        GraphFormat::Text => terminal::print(&graph::text(&analysis.graph))?,
        GraphFormat::Json => terminal::print_json(&wire::graph(&analysis.graph))?,
        GraphFormat::Mermaid => terminal::print(&graph::mermaid(&analysis.graph))?,
        GraphFormat::Dot => terminal::print(&graph::dot(&analysis.graph))?,
        GraphFormat::Svg => terminal::print(&graph::svg(&analysis.graph))?,
    }
    Ok(if analysis.is_valid() {
        Exit::Success
    } else {
        Exit::Failure
    })
}
