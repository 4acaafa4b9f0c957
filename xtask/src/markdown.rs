//! What the checks want to know of a Markdown file: its headings' anchors, its links, its code
//! spans, its mdBook includes, each with the line it stands on.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::collections::BTreeMap;

/// A Markdown file, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Markdown {
    /// Anchors that a link can end at.
    pub(crate) anchors: Vec<String>,
    /// Destinations of links and images.
    pub(crate) links: Vec<Spot>,
    /// Text of `code spans`, not of code blocks.
    pub(crate) spans: Vec<Spot>,
    /// `path` or `path:anchor` of `{{#include …}}` and `{{#rustdoc_include …}}`.
    pub(crate) includes: Vec<Spot>,
}

/// A text and the line it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// Takes a file apart.
pub(crate) fn parse(text: &str) -> Markdown {
    let line_of = |offset: usize| text[..offset].matches('\n').count() + 1;
    let mut markdown = Markdown::default();
    let mut seen = BTreeMap::new();
    let mut heading: Option<String> = None;
    let options = Options::ENABLE_TABLES | Options::ENABLE_HEADING_ATTRIBUTES;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        let spot = |text: &str| Spot {
            text: text.to_owned(),
            line: line_of(range.start),
        };
        match event {
            Event::Start(Tag::Heading { id: Some(id), .. }) => {
                markdown.anchors.push(id.to_string())
            }
            Event::Start(Tag::Heading { id: None, .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                if let Some(title) = heading.take() {
                    markdown.anchors.push(distinct(anchor(&title), &mut seen));
                }
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                markdown.links.push(spot(&dest_url));
            }
            Event::Code(code) => {
                markdown.spans.push(spot(&code));
                if let Some(title) = &mut heading {
                    title.push_str(&code);
                }
            }
            Event::Text(words) => {
                if let Some(title) = &mut heading {
                    title.push_str(&words);
                }
            }
            _ => {}
        }
    }
    markdown.includes = includes(text);
    markdown
}

/// The anchor that GitHub and mdBook make of a heading.
fn anchor(title: &str) -> String {
    title
        .trim()
        .chars()
        .filter_map(|c| match c {
            c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_ascii_lowercase()),
            c if c.is_whitespace() => Some('-'),
            _ => None,
        })
        .collect()
}

/// The second heading with one title gets `-1`, the third `-2`.
fn distinct(anchor: String, seen: &mut BTreeMap<String, usize>) -> String {
    let count = seen.entry(anchor.clone()).or_insert(0);
    *count += 1;
    match *count {
        1 => anchor,
        n => format!("{anchor}-{}", n - 1),
    }
}

fn includes(text: &str) -> Vec<Spot> {
    let mut includes = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for opening in ["{{#include ", "{{#rustdoc_include "] {
            for piece in line.split(opening).skip(1) {
                if let Some((path, _)) = piece.split_once("}}") {
                    includes.push(Spot {
                        text: path.trim().to_owned(),
                        line: index + 1,
                    });
                }
            }
        }
    }
    includes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(spots: &[Spot]) -> Vec<(&str, usize)> {
        spots
            .iter()
            .map(|spot| (spot.text.as_str(), spot.line))
            .collect()
    }

    #[test]
    fn everything_is_found_with_its_line() {
        let markdown = parse(
            "# The `ifc` command!\n\nSee [there](a.md#b) and `x/y`.\n\n## Same\n## Same\n\n\
             ```rust\n{{#include ../c.rs:part}}\n`no/span`\n[no](link)\n```\n",
        );
        assert_eq!(markdown.anchors, ["the-ifc-command", "same", "same-1"]);
        assert_eq!(texts(&markdown.links), [("a.md#b", 3)]);
        assert_eq!(texts(&markdown.spans), [("ifc", 1), ("x/y", 3)]);
        assert_eq!(texts(&markdown.includes), [("../c.rs:part", 9)]);
    }
}
