//! The graph as a drawing, without Graphviz.
//!
//! Boxes are opaque and carry their own text colours, everything on the bare background is a middle
//! grey: the drawing is legible on light and on dark pages alike. Widths of text are estimated from
//! the widths of common sans-serif faces, on the safe side.

use super::layout::{Arrow, Course, Item, Layout, Rectangle, Size, layout};
use super::picture::{Line, Node, Picture, Shape};
use std::fmt::Write as _;

const MARGIN: f64 = 24.0;
const HEADER: f64 = 44.0;
const PADDING: f64 = 13.0;
const TITLE: f64 = 14.0;
const DETAIL: f64 = 11.5;
const TITLE_HEIGHT: f64 = 19.0;
const LINE_HEIGHT: f64 = 16.5;
/// Width of the column of methods before the paths of routes.
const METHOD_WIDTH: f64 = 54.0;
const BACKGROUND_GREY: &str = "#848d97";

/// The colours of a shape: fill, border, text, second text.
struct Colors(&'static str, &'static str, &'static str, &'static str);

fn colors(shape: Shape) -> Colors {
    match shape {
        Shape::Routes => Colors("#f0f9ff", "#0284c7", "#0c4a6e", "#33607c"),
        Shape::Clock => Colors("#fffbeb", "#d97706", "#78350f", "#92592c"),
        Shape::Unit => Colors("#4f46e5", "#4338ca", "#ffffff", "#d5d9ff"),
        Shape::Queue => Colors("#effdfa", "#0d9488", "#134e4a", "#3a6b67"),
        Shape::Topic => Colors("#faf5ff", "#9333ea", "#581c87", "#74449b"),
        Shape::Stream => Colors("#eef2ff", "#6366f1", "#312e81", "#5b589b"),
        Shape::EventBus => Colors("#fdf2f8", "#db2777", "#831843", "#93456b"),
        Shape::Table => Colors("#f0fdf4", "#16a34a", "#14532d", "#3d6e4e"),
        Shape::Bucket => Colors("#fff7ed", "#ea580c", "#7c2d12", "#95572f"),
        Shape::Secret => Colors("#fff1f2", "#e11d48", "#881337", "#9b4459"),
        Shape::Config => Colors("#f8fafc", "#64748b", "#1e293b", "#55637a"),
    }
}

/// What a shape needs beside its text: left, right, top, bottom.
fn insets(shape: Shape) -> (f64, f64, f64, f64) {
    match shape {
        Shape::Routes => (5.0, 0.0, 0.0, 0.0),
        Shape::Clock => (30.0, 8.0, 0.0, 0.0),
        Shape::Unit => (2.0, 2.0, 0.0, 0.0),
        Shape::Queue => (4.0, 20.0, 0.0, 0.0),
        Shape::Topic => (0.0, 16.0, 0.0, 0.0),
        Shape::Stream => (10.0, 10.0, 0.0, 0.0),
        Shape::EventBus => (10.0, 10.0, 0.0, 0.0),
        Shape::Table => (0.0, 0.0, 12.0, 5.0),
        Shape::Bucket => (10.0, 10.0, 2.0, 0.0),
        Shape::Secret => (26.0, 4.0, 0.0, 0.0),
        Shape::Config => (0.0, 12.0, 0.0, 0.0),
    }
}

pub(super) fn write(picture: &Picture) -> String {
    let items: Vec<Item> = picture
        .nodes
        .iter()
        .map(|node| item(node, picture))
        .collect();
    let arrows: Vec<Arrow> = picture
        .edges
        .iter()
        .map(|edge| Arrow {
            from: edge.from,
            to: edge.to,
            label: edge.label.as_deref().map(label_size),
        })
        .collect();
    let layout = layout(&items, &arrows);
    let mut body = String::new();
    for course in &layout.courses {
        arrow(course, &mut body);
    }
    for (edge, course) in picture.edges.iter().zip(&layout.courses) {
        if let (Some(text), Some(place)) = (&edge.label, &course.label) {
            label(text, place, &mut body);
        }
    }
    for (node, place) in picture.nodes.iter().zip(&layout.items) {
        draw(node, place, &mut body);
    }
    document(picture, &layout, &body)
}

fn document(picture: &Picture, layout: &Layout, body: &str) -> String {
    let (name, version) = &picture.title;
    let header = text_width(name, 16.0, Face::Bold) + 10.0 + text_width(version, 12.0, Face::Plain);
    let width = (layout.size.width.max(header) + 2.0 * MARGIN).ceil();
    let height = (layout.size.height + HEADER + 2.0 * MARGIN).ceil();
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" aria-label="Graph of {label}">
<style>
text {{ font-family: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }}
.code {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }}
.title {{ font-weight: 600; font-size: {TITLE}px; }}
.detail {{ font-size: {DETAIL}px; }}
.arrow {{ fill: none; stroke: {BACKGROUND_GREY}; stroke-width: 1.5; }}
</style>
<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6.5" markerHeight="6.5" orient="auto"><path d="M0 0.5 L7.5 4 L0 7.5 Z" fill="{BACKGROUND_GREY}"/></marker></defs>
<text x="{MARGIN}" y="{title_y}" font-size="16" fill="{BACKGROUND_GREY}"><tspan font-weight="600">{name}</tspan><tspan dx="8" font-size="12">{version}</tspan></text>
<g transform="translate({MARGIN} {top})">
{body}</g>
</svg>
"##,
        label = escape(name),
        name = escape(name),
        version = escape(version),
        title_y = MARGIN + 14.0,
        top = MARGIN + HEADER,
    )
}

/// The size of a box, and the leftmost column for it: sources, units, resources. A resource that
/// triggers something and that nobody is known to use is a source.
fn item(node: &Node, picture: &Picture) -> Item {
    let number = picture
        .nodes
        .iter()
        .position(|other| std::ptr::eq(other, node))
        .unwrap_or_default();
    let column_min = match node.shape {
        Shape::Routes | Shape::Clock => 0,
        Shape::Unit => 1,
        Shape::Queue
        | Shape::Topic
        | Shape::Stream
        | Shape::EventBus
        | Shape::Table
        | Shape::Bucket
        | Shape::Secret
        | Shape::Config => {
            let used = picture.edges.iter().any(|edge| edge.to == number);
            let triggers = picture.edges.iter().any(|edge| edge.from == number);
            if triggers && !used { 0 } else { 2 }
        }
    };
    Item {
        size: size(node),
        column_min,
    }
}

fn size(node: &Node) -> Size {
    let (left, right, top, bottom) = insets(node.shape);
    let lines = node.lines.iter().map(|line| match line {
        Line::Detail(detail) => text_width(detail, DETAIL, Face::Plain),
        Line::Route { path, .. } => METHOD_WIDTH + text_width(path, DETAIL, Face::Code),
    });
    let width = lines.fold(text_width(&node.title, TITLE, title_face(node)), f64::max);
    let gap = if node.shape == Shape::Routes {
        4.0
    } else {
        0.0
    };
    let text_height = TITLE_HEIGHT + gap + LINE_HEIGHT * node.lines.len() as f64;
    Size {
        width: (left + PADDING + width + PADDING + right).max(96.0).ceil(),
        height: (top + 9.0 + text_height + 8.0 + bottom).ceil(),
    }
}

/// Cron expressions are read by the character.
fn title_face(node: &Node) -> Face {
    match node.shape {
        Shape::Clock => Face::Code,
        _ => Face::Bold,
    }
}

fn label_size(text: &str) -> Size {
    Size {
        width: (text_width(text, 10.5, Face::Plain) + 14.0).ceil(),
        height: 18.0,
    }
}

fn arrow(course: &Course, body: &mut String) {
    let Some((first, rest)) = course.points.split_first() else {
        return;
    };
    let mut path = format!("M{} {}", number(first.0), number(first.1));
    let mut from = *first;
    for to in rest {
        if (from.1 - to.1).abs() < 0.05 {
            let _ = write!(path, " L{} {}", number(to.0), number(to.1));
        } else {
            let middle = number((from.0 + to.0) / 2.0);
            let _ = write!(
                path,
                " C{middle} {} {middle} {} {} {}",
                number(from.1),
                number(to.1),
                number(to.0),
                number(to.1)
            );
        }
        from = *to;
    }
    let _ = writeln!(
        body,
        r#"<path class="arrow" d="{path}" marker-end="url(#head)"/>"#
    );
}

fn label(text: &str, place: &Rectangle, body: &mut String) {
    let _ = writeln!(
        body,
        r##"<rect x="{}" y="{}" width="{}" height="{}" rx="9" fill="#f6f8fa" stroke="#d0d7de"/><text x="{}" y="{}" font-size="10.5" text-anchor="middle" fill="#424a53">{}</text>"##,
        number(place.x),
        number(place.y),
        number(place.size.width),
        number(place.size.height),
        number(place.x + place.size.width / 2.0),
        number(place.middle() + 3.6),
        escape(text),
    );
}

fn draw(node: &Node, place: &Rectangle, body: &mut String) {
    let Colors(fill, border, text, second) = colors(node.shape);
    let (x, y) = (number(place.x), number(place.y));
    let _ = writeln!(body, r#"<g transform="translate({x} {y})">"#);
    outline(node.shape, place.size, fill, border, body);
    let (left, _, top, _) = insets(node.shape);
    let x = left + PADDING;
    let mut y = top + 9.0 + 14.0;
    // A lone title stands in the middle of its box's height anyway: the paddings are even.
    let class = match title_face(node) {
        Face::Code => "title code",
        _ => "title",
    };
    let _ = writeln!(
        body,
        r#"<text class="{class}" x="{x}" y="{y}" fill="{text}">{}</text>"#,
        escape(&node.title)
    );
    y += 2.0;
    if node.shape == Shape::Routes {
        y += 4.0;
    }
    for line in &node.lines {
        y += LINE_HEIGHT;
        match line {
            Line::Detail(detail) => {
                let _ = writeln!(
                    body,
                    r#"<text class="detail" x="{x}" y="{y}" fill="{second}">{}</text>"#,
                    escape(detail)
                );
            }
            Line::Route { method, path } => {
                let _ = writeln!(
                    body,
                    r#"<text class="detail code" x="{x}" y="{y}" font-weight="600" fill="{}">{}</text><text class="detail code" x="{}" y="{y}" fill="{text}">{}</text>"#,
                    method_color(method),
                    escape(method),
                    x + METHOD_WIDTH,
                    escape(path)
                );
            }
        }
    }
    body.push_str("</g>\n");
}

fn method_color(method: &str) -> &'static str {
    match method {
        "GET" | "HEAD" => "#0369a1",
        "POST" => "#15803d",
        "PUT" | "PATCH" => "#b45309",
        "DELETE" => "#b91c1c",
        _ => "#57606a",
    }
}

/// The shape of a box at the origin.
fn outline(shape: Shape, size: Size, fill: &str, border: &str, body: &mut String) {
    let Size {
        width: w,
        height: h,
    } = size;
    let paint = format!(r#"fill="{fill}" stroke="{border}" stroke-width="1.5""#);
    let thin =
        format!(r#"fill="none" stroke="{border}" stroke-width="1.5" stroke-linecap="round""#);
    let drawing = match shape {
        Shape::Routes => format!(
            r#"<rect width="{w}" height="{h}" rx="6" {paint}/><path d="M6 1 H4 A3.5 3.5 0 0 0 0.75 4.5 V{} A3.5 3.5 0 0 0 4 {} H6 Z" fill="{border}"/>"#,
            h - 4.5,
            h - 1.0,
        ),
        Shape::Clock => {
            let (cx, cy) = (26.0, h / 2.0);
            format!(
                r#"<rect width="{w}" height="{h}" rx="{}" {paint}/><circle cx="{cx}" cy="{cy}" r="9" {thin}/><path d="M{cx} {} V{cy} L{} {}" {thin}/>"#,
                (h / 2.0).min(24.0),
                cy - 5.0,
                cx + 3.6,
                cy + 2.2,
            )
        }
        Shape::Unit => format!(r#"<rect width="{w}" height="{h}" rx="11" {paint}/>"#),
        Shape::Queue => {
            // A pipe, seen from its open end.
            let rx = 7.0;
            format!(
                r#"<path d="M{rx} 0 H{} A{rx} {ry} 0 0 1 {} {h} H{rx} A{rx} {ry} 0 0 1 {rx} 0 Z" {paint}/><path d="M{} 0 A{rx} {ry} 0 0 0 {} {h}" {thin}/>"#,
                w - rx,
                w - rx,
                w - rx,
                w - rx,
                ry = h / 2.0,
            )
        }
        Shape::Topic => {
            // A signpost: it points to everyone behind it.
            let tip = 14.0;
            format!(
                r#"<path d="M4 0 H{} L{w} {} L{} {h} H4 A4 4 0 0 1 0 {} V4 A4 4 0 0 1 4 0 Z" {paint}/>"#,
                w - tip,
                h / 2.0,
                w - tip,
                h - 4.0,
            )
        }
        Shape::Stream => {
            // It leans in the direction in which it flows.
            let lean = 10.0;
            format!(
                r#"<path d="M{lean} 0 H{w} L{} {h} H0 Z" {paint}/>"#,
                w - lean,
            )
        }
        Shape::EventBus => {
            // A beam with a tip at either end: many put, many listen.
            let tip = 12.0;
            format!(
                r#"<path d="M{tip} 0 H{} L{w} {} L{} {h} H{tip} L0 {} Z" {paint}/>"#,
                w - tip,
                h / 2.0,
                w - tip,
                h / 2.0,
            )
        }
        Shape::Table => {
            let ry = 7.0;
            format!(
                r#"<path d="M0 {ry} A{rx} {ry} 0 0 1 {w} {ry} V{low} A{rx} {ry} 0 0 1 0 {low} Z" {paint}/><path d="M0 {ry} A{rx} {ry} 0 0 0 {w} {ry}" {thin}/>"#,
                rx = w / 2.0,
                low = h - ry,
            )
        }
        Shape::Bucket => {
            // Wider at its brim.
            let slant = 10.0;
            format!(
                r#"<path d="M0 0 H{w} L{} {} A3 3 0 0 1 {} {h} H{} A3 3 0 0 1 {slant} {} Z" {paint}/><path d="M0.6 4 H{}" {thin}/>"#,
                w - slant,
                h - 3.0,
                w - slant - 3.0,
                slant + 3.0,
                h - 3.0,
                w - 0.6,
            )
        }
        Shape::Secret => {
            // A tag with cut corners, and a key on it.
            let c = 10.0;
            let (kx, ky) = (21.0, h / 2.0);
            format!(
                r#"<path d="M{c} 0 H{} L{w} {c} V{} L{} {h} H{c} L0 {} V{c} Z" {paint}/><circle cx="{kx}" cy="{}" r="4" {thin}/><path d="M{kx} {} V{} M{kx} {} H{} M{kx} {} H{}" {thin}/>"#,
                w - c,
                h - c,
                w - c,
                h - c,
                ky - 5.0,
                ky - 1.0,
                ky + 9.0,
                ky + 8.5,
                kx + 4.0,
                ky + 4.5,
                kx + 3.0,
            )
        }
        Shape::Config => {
            let fold = 13.0;
            format!(
                r#"<path d="M3 0 H{} L{w} {fold} V{} A3 3 0 0 1 {} {h} H3 A3 3 0 0 1 0 {} V3 A3 3 0 0 1 3 0 Z" {paint}/><path d="M{} 0 V{fold} H{w}" {thin}/>"#,
                w - fold,
                h - 3.0,
                w - 3.0,
                h - 3.0,
                w - fold,
            )
        }
    };
    body.push_str(&drawing);
    body.push('\n');
}

/// A coordinate with one decimal at most.
fn number(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    // No negative zero: it would print its sign.
    format!("{}", if rounded == 0.0 { 0.0 } else { rounded })
}

#[derive(Clone, Copy, PartialEq)]
enum Face {
    Plain,
    Bold,
    Code,
}

/// The width of a text, rather too large than too small.
fn text_width(text: &str, size: f64, face: Face) -> f64 {
    let em = |character: char| match character {
        _ if face == Face::Code => 0.61,
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 0.32,
        'f' | 't' | 'r' | '(' | ')' | '-' | '/' | '·' => 0.4,
        'm' | 'w' => 0.88,
        'M' | 'W' | '@' | '%' | '…' => 1.0,
        'A'..='Z' => 0.73,
        // Also figures: they are as wide as most small letters.
        character if character.is_ascii() => 0.59,
        // Letters of other scripts may be as wide as they are high.
        _ => 1.05,
    };
    let factor = if face == Face::Bold { 1.06 } else { 1.0 };
    text.chars().map(em).sum::<f64>() * size * factor
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
