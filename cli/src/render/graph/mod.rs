//! The graph in several forms. Equal graphs give equal bytes.
//!
//! [`picture`] decides once what is drawn: boxes with a shape and some lines, and arrows. The forms
//! only differ in how they write it down.

mod dot;
mod layout;
mod mermaid;
mod picture;
mod svg;
mod text;

use ifc_graph::Graph;
use picture::Picture;

/// For people in a terminal.
pub(crate) fn text(graph: &Graph) -> String {
    text::write(graph)
}

/// For Mermaid.
pub(crate) fn mermaid(graph: &Graph) -> String {
    mermaid::write(&Picture::of(graph))
}

/// For Graphviz.
pub(crate) fn dot(graph: &Graph) -> String {
    dot::write(&Picture::of(graph))
}

/// A drawing.
pub(crate) fn svg(graph: &Graph) -> String {
    svg::write(&Picture::of(graph))
}

#[cfg(test)]
mod tests;
