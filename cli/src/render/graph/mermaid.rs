//! The graph for Mermaid.

use super::picture::{Line, Node, Picture, Shape};
use std::fmt::Write as _;

pub(super) fn write(picture: &Picture) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (number, node) in picture.nodes.iter().enumerate() {
        let (open, close, class) = form(node.shape);
        let _ = writeln!(
            text,
            "  n{number}{open}\"{}\"{close}:::{class}",
            content(node)
        );
    }
    for edge in &picture.edges {
        let arrow = match &edge.label {
            Some(label) => format!("-->|\"{}\"|", escape(label)),
            None => "-->".to_owned(),
        };
        let _ = writeln!(text, "  n{} {arrow} n{}", edge.from, edge.to);
    }
    text.push_str(
        "  classDef routes fill:#e0f2fe,stroke:#0284c7,color:#0c4a6e,text-align:left\n  \
           classDef clock fill:#fef3c7,stroke:#d97706,color:#78350f\n  \
           classDef unit fill:#4f46e5,stroke:#4338ca,color:#ffffff\n  \
           classDef queue fill:#ccfbf1,stroke:#0d9488,color:#134e4a\n  \
           classDef topic fill:#f3e8ff,stroke:#9333ea,color:#581c87\n  \
           classDef stream fill:#e0e7ff,stroke:#6366f1,color:#312e81\n  \
           classDef bus fill:#fce7f3,stroke:#db2777,color:#831843\n  \
           classDef table fill:#dcfce7,stroke:#16a34a,color:#14532d\n  \
           classDef bucket fill:#ffedd5,stroke:#ea580c,color:#7c2d12\n  \
           classDef secret fill:#ffe4e6,stroke:#e11d48,color:#881337\n  \
           classDef config fill:#f1f5f9,stroke:#64748b,color:#1e293b\n",
    );
    text
}

/// The brackets that make a shape, and its class.
fn form(shape: Shape) -> (&'static str, &'static str, &'static str) {
    match shape {
        Shape::Routes => ("[", "]", "routes"),
        Shape::Clock => ("([", "])", "clock"),
        Shape::Unit => ("(", ")", "unit"),
        Shape::Queue => ("[[", "]]", "queue"),
        Shape::Topic => (">", "]", "topic"),
        Shape::Stream => ("[\\", "\\]", "stream"),
        Shape::EventBus => ("[/", "\\]", "bus"),
        Shape::Table => ("[(", ")]", "table"),
        Shape::Bucket => ("[\\", "/]", "bucket"),
        Shape::Secret => ("{{", "}}", "secret"),
        Shape::Config => ("[/", "/]", "config"),
    }
}

fn content(node: &Node) -> String {
    let mut lines = vec![format!("<b>{}</b>", escape(&node.title))];
    for line in &node.lines {
        lines.push(match line {
            Line::Detail(detail) => escape(detail),
            Line::Route { method, path } => escape(&format!("{method} {path}")),
        });
    }
    lines.join("<br/>")
}

/// Mermaid reads `#name;` as an entity and takes the characters of its own syntax from there.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '"' => escaped.push_str("#quot;"),
            '#' => escaped.push_str("#35;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            '`' => escaped.push_str("#96;"),
            // A star begins emphasis, and cron expressions are full of them.
            '*' => escaped.push_str("#42;"),
            character => escaped.push(character),
        }
    }
    escaped
}
