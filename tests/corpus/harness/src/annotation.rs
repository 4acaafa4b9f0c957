//! What the sources say about their handlers.
//!
//! ```text
//! //= orders.put, jobs.send               the exact set; nothing after `//=`: no operation
//! //= [name] orders.put                   for a handler whose definition a macro writes
//! //= if unwinding: returns.send          in addition, where a panic unwinds
//! //~ wider: jobs.send because <reason>   an excess that is known
//! ```

use crate::reason::Reason;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The name under which a source states what runs before any handler.
pub const INITIALISATION: &str = "initialisation";

/// What a handler is said to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// File and line of the statement.
    pub place: String,
    /// What it does, as `orders.put`.
    pub exact: BTreeSet<String>,
    /// What it does besides where a panic unwinds.
    pub unwinding: BTreeSet<String>,
    /// What the analysis is known to add, and why.
    pub wider: BTreeMap<String, Reason>,
}

impl Shape {
    /// The exact set of a program in which panics unwind, or not.
    pub fn expected(&self, unwinds: bool) -> BTreeSet<String> {
        let more = self.unwinding.iter().filter(|_| unwinds);
        self.exact.iter().chain(more).cloned().collect()
    }
}

/// The shapes of the sources in a folder or file, by the name of the handler's function.
///
/// # Errors
/// When a source cannot be read, or an annotation is not one.
pub fn shapes(path: &Path) -> Result<BTreeMap<String, Shape>, String> {
    let mut shapes = BTreeMap::new();
    read(path, &mut shapes)?;
    Ok(shapes)
}

fn read(path: &Path, shapes: &mut BTreeMap<String, Shape>) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("`{}`: {error}", path.display());
    if path.is_dir() {
        for entry in path.read_dir().map_err(fail)? {
            let entry = entry.map_err(fail)?.path();
            // Programs beside the first one state their own.
            if entry.file_name().is_none_or(|name| name != "bin") {
                read(&entry, shapes)?;
            }
        }
        return Ok(());
    }
    let text = std::fs::read_to_string(path).map_err(fail)?;
    for (name, shape) in parse(&path.display().to_string(), &text)? {
        let place = shape.place.clone();
        if let Some(first) = shapes.insert(name.clone(), shape) {
            return Err(format!(
                "{place}: `{name}` is stated at {} too",
                first.place
            ));
        }
    }
    Ok(())
}

/// The annotations of one source.
fn parse(file: &str, text: &str) -> Result<Vec<(String, Shape)>, String> {
    let mut shapes = Vec::new();
    let mut open: Option<Shape> = None;
    for (position, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", position + 1);
        let line = line.trim();
        if let Some(statement) = line.strip_prefix("//=") {
            let statement = statement.trim();
            if let Some((name, set)) = statement.strip_prefix('[').and_then(|s| s.split_once(']')) {
                let exact = set_of(set, &place)?;
                let shape = Shape {
                    place,
                    exact,
                    ..Shape::default()
                };
                shapes.push((name.to_owned(), shape));
                continue;
            }
            let shape = open.get_or_insert_with(|| Shape {
                place: place.clone(),
                ..Shape::default()
            });
            match statement.strip_prefix("if unwinding:") {
                Some(set) => shape.unwinding.extend(set_of(set, &place)?),
                None => shape.exact.extend(set_of(statement, &place)?),
            }
        } else if let Some(statement) = line.strip_prefix("//~") {
            let shape = open
                .as_mut()
                .ok_or_else(|| format!("{place}: an excess without a statement before it"))?;
            let parsed = statement
                .trim()
                .strip_prefix("wider:")
                .and_then(|statement| statement.split_once(" because "));
            let Some((set, word)) = parsed else {
                return Err(format!(
                    "{place}: write `//~ wider: resource.verb because reason`"
                ));
            };
            let reason = Reason::parse(word.trim())
                .ok_or_else(|| format!("{place}: `{word}` is no reason"))?;
            for operation in set_of(set, &place)? {
                shape.wider.insert(operation, reason);
            }
        } else if let Some((_, rest)) = line.split_once("async fn ")
            && let Some(shape) = open.take()
        {
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            shapes.push((name.to_owned(), shape));
        }
    }
    match open {
        Some(shape) => Err(format!("{}: no handler follows", shape.place)),
        None => Ok(shapes),
    }
}

fn set_of(text: &str, place: &str) -> Result<BTreeSet<String>, String> {
    let words = text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty());
    words
        .map(|word| match word.split_once('.') {
            Some((resource, verb)) if !resource.contains(' ') && !verb.contains(' ') => {
                Ok(word.to_owned())
            }
            _ => Err(format!("{place}: `{word}` is not `resource.verb`")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_belong_to_the_handler_below() {
        let text = "//=\n#[function]\nasync fn none() {}\n\
                    /// Words.\n//= b.get, a.put\n//= if unwinding: c.send\n\
                    //~ wider: d.send because run-time-value\n#[get(\"/\")]\npub async fn some() {}\n\
                    async fn helper() {}\n    //= [made] e.get\n";
        let shapes = parse("x.rs", text).unwrap();
        let names: Vec<&str> = shapes.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["none", "some", "made"]);
        assert!(shapes[0].1.expected(true).is_empty());
        let some = &shapes[1].1;
        assert_eq!(some.place, "x.rs:5");
        assert_eq!(
            Vec::from_iter(some.expected(true)),
            ["a.put", "b.get", "c.send"]
        );
        assert_eq!(Vec::from_iter(some.expected(false)), ["a.put", "b.get"]);
        assert_eq!(some.wider["d.send"], Reason::RunTimeValue);
    }

    #[test]
    fn a_wrong_statement_is_an_error() {
        for text in [
            "//= orders\nasync fn a() {}",
            "//= orders.put\n",
            "//~ wider: a.b because run-time-value\nasync fn a() {}",
            "//=\n//~ wider: a.b because of me\nasync fn a() {}",
            "//=\n//~ wide: a.b\nasync fn a() {}",
        ] {
            assert!(parse("x.rs", text).is_err(), "{text}");
        }
    }
}
