//! The graph for Graphviz.

use super::picture::{Line, Node, Picture, Shape};
use std::fmt::Write as _;

pub(super) fn write(picture: &Picture) -> String {
    let mut text = format!("digraph \"{}\" {{\n", escape(&picture.title.0));
    text.push_str(
        "  rankdir=LR\n  bgcolor=\"transparent\"\n  \
         node [fontname=\"Helvetica\", fontsize=11, style=filled, margin=\"0.16,0.1\"]\n  \
         edge [fontname=\"Helvetica\", fontsize=9, color=\"#8b949e\", fontcolor=\"#8b949e\", arrowsize=0.7]\n",
    );
    for (number, node) in picture.nodes.iter().enumerate() {
        let _ = writeln!(
            text,
            "  n{number} [{}, label={}]",
            form(node.shape),
            label(node)
        );
    }
    for edge in &picture.edges {
        let label = match &edge.label {
            Some(label) => format!(" [label=\"{}\"]", escape(label)),
            None => String::new(),
        };
        let _ = writeln!(text, "  n{} -> n{}{label}", edge.from, edge.to);
    }
    text.push_str("}\n");
    text
}

fn form(shape: Shape) -> &'static str {
    match shape {
        Shape::Routes => {
            "shape=box, fillcolor=\"#e0f2fe\", color=\"#0284c7\", fontcolor=\"#0c4a6e\""
        }
        Shape::Clock => {
            "shape=box, style=\"filled,rounded\", fillcolor=\"#fef3c7\", color=\"#d97706\", fontcolor=\"#78350f\""
        }
        Shape::Unit => {
            "shape=box, style=\"filled,rounded\", fillcolor=\"#4f46e5\", color=\"#4338ca\", fontcolor=\"#ffffff\""
        }
        Shape::Queue => {
            "shape=cds, fillcolor=\"#ccfbf1\", color=\"#0d9488\", fontcolor=\"#134e4a\""
        }
        Shape::Topic => {
            "shape=rarrow, fillcolor=\"#f3e8ff\", color=\"#9333ea\", fontcolor=\"#581c87\""
        }
        Shape::Stream => {
            "shape=parallelogram, fillcolor=\"#e0e7ff\", color=\"#6366f1\", fontcolor=\"#312e81\""
        }
        Shape::EventBus => {
            "shape=hexagon, fillcolor=\"#fce7f3\", color=\"#db2777\", fontcolor=\"#831843\""
        }
        Shape::Table => {
            "shape=cylinder, fillcolor=\"#dcfce7\", color=\"#16a34a\", fontcolor=\"#14532d\""
        }
        Shape::Bucket => {
            "shape=invtrapezium, fillcolor=\"#ffedd5\", color=\"#ea580c\", fontcolor=\"#7c2d12\""
        }
        Shape::Secret => {
            "shape=octagon, fillcolor=\"#ffe4e6\", color=\"#e11d48\", fontcolor=\"#881337\""
        }
        Shape::Config => {
            "shape=note, fillcolor=\"#f1f5f9\", color=\"#64748b\", fontcolor=\"#1e293b\""
        }
    }
}

/// A label of HTML, because only there a title can be bold. `\l` would be the other way.
fn label(node: &Node) -> String {
    let mut label = format!("<<b>{}</b>", html(&node.title));
    for line in &node.lines {
        match line {
            Line::Detail(detail) => {
                let _ = write!(label, "<br/>{}", html(detail));
            }
            Line::Route { method, path } => {
                let _ = write!(label, "<br align=\"left\"/>{} {}", html(method), html(path));
            }
        }
    }
    if node.shape == Shape::Routes {
        label.push_str("<br align=\"left\"/>");
    }
    label.push('>');
    label
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
