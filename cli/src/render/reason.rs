//! The way from a handler to an operation, in the user's own names.

use crate::terminal::{NAME, QUIET, paint};
use addr2line::Loader;
use ifc_analyzer::Reason;
use ifc_graph::Graph;
use object::{Object as _, ObjectSymbol as _};
use serde::Serialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Crates whose functions say nothing about the user's program.
const FOLDED: [&str; 12] = [
    "alloc",
    "axum",
    "axum_core",
    "core",
    "hyper",
    "ifc",
    "ifc_local",
    "ifc_runtime",
    "std",
    "tokio",
    "tower",
    "futures_util",
];

/// The program, for the places of its functions. Without debug information there are none.
pub(crate) struct Program {
    loader: Option<Loader>,
    addresses: HashMap<String, u64>,
    workspace_root: PathBuf,
}

impl Program {
    pub(crate) fn open(executable: &Path, workspace_root: &Path) -> Program {
        let bytes = std::fs::read(executable).unwrap_or_default();
        let addresses = object::File::parse(&*bytes)
            .map(|file| {
                let symbols = file.symbols().filter(|symbol| symbol.is_definition());
                symbols
                    .filter_map(|symbol| Some((symbol.name().ok()?.to_owned(), symbol.address())))
                    .collect()
            })
            .unwrap_or_default();
        Program {
            loader: Loader::new(executable).ok(),
            addresses,
            workspace_root: workspace_root.to_owned(),
        }
    }

    /// File and line of a function, as the user would write them.
    fn place(&self, symbol: &str) -> Option<String> {
        let address = *self.addresses.get(symbol)?;
        let location = self.loader.as_ref()?.find_location(address).ok()??;
        let file = Path::new(location.file?);
        let file = file.strip_prefix(&self.workspace_root).unwrap_or(file);
        Some(format!("{}:{}", file.display(), location.line?))
    }
}

/// One function on the way.
#[derive(Serialize)]
struct Frame {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct ReasonJson {
    unit: String,
    resource: String,
    kind: &'static str,
    verb: &'static str,
    /// The handler, or null for code that runs before any.
    handler: Option<String>,
    way: Vec<Frame>,
}

pub(crate) fn json(reasons: &[&Reason], program: &Program) -> Vec<ReasonJson> {
    reasons
        .iter()
        .map(|reason| ReasonJson {
            unit: reason.unit.clone(),
            resource: reason.resource.name.clone(),
            kind: reason.resource.kind.as_str(),
            verb: reason.verb.as_str(),
            handler: reason.handler.clone(),
            way: frames(reason, program),
        })
        .collect()
}

pub(crate) fn text(reasons: &[&Reason], graph: &Graph, program: &Program) -> String {
    let mut text = String::new();
    for reason in reasons {
        let grant = format!("{}.{}", reason.resource.name, reason.verb);
        text.push_str(&format!("{} may {}\n", reason.unit, paint(NAME, &grant)));
        let handler = reason.handler.as_ref().and_then(|path| {
            let handlers = graph.units.iter().flat_map(|unit| &unit.handlers);
            handlers.into_iter().find(|handler| handler.path == *path)
        });
        let mut indent = 1;
        let mut line = |name: &str, place: Option<String>| {
            let place =
                place.map_or_else(String::new, |place| format!("  {}", paint(QUIET, &place)));
            text.push_str(&format!("{}{name}{place}\n", "  ".repeat(indent)));
            indent += 1;
        };
        match handler {
            Some(handler) => {
                let place = format!("{}:{}", handler.span.file, handler.span.line);
                line(&handler.path, Some(place));
            }
            None => line("code that runs before any handler", None),
        }
        for frame in frames(reason, program) {
            if Some(&frame.name) != reason.handler.as_ref() {
                line(&frame.name, frame.place);
            }
        }
        line(&paint(NAME, &grant), None);
    }
    text
}

/// The user's functions on the way; what the compiler, the macros and the libraries below put
/// between them is folded away.
fn frames(reason: &Reason, program: &Program) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    for symbol in &reason.way {
        let Some(name) = readable(symbol) else {
            continue;
        };
        if frames.last().is_none_or(|last| last.name != name) {
            frames.push(Frame {
                name,
                place: program.place(symbol),
            });
        }
    }
    frames
}

/// A symbol in the user's terms; `None` for one that is folded away.
fn readable(symbol: &str) -> Option<String> {
    let full = format!("{:#}", rustc_demangle::demangle(symbol));
    // A coroutine or closure stands for the function that it is part of.
    let name = full.replace("::{{closure}}", "");
    let first = name.trim_start_matches(['<', '&', ' ']);
    let krate = first.split("::").next().unwrap_or_default();
    let generated = name.contains("::_::thunk") || name.contains("::_::<impl");
    let mentions_user = name.contains(" as ") || name.starts_with("core::ptr::drop_in_place<");
    match generated || (FOLDED.contains(&krate) && !mentions_user) {
        true => None,
        false => Some(name),
    }
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn what_is_not_the_users_is_folded() {
        for (symbol, expected) in [
            ("_ZN6orders1_5thunk17h9a9cd4b6656e292bE", None),
            (
                "_ZN6orders6cancel28_$u7b$$u7b$closure$u7d$$u7d$17hba002e993511cff0E",
                Some("orders::cancel"),
            ),
            (
                "_ZN3ifc5table18Table$LT$T$C$R$GT$6delete17hdfddd0dbe0b37ba1E",
                None,
            ),
            (
                "_ZN3ifc5event3run28_$u7b$$u7b$closure$u7d$$u7d$17hbeaa10c66b677999E",
                None,
            ),
            (
                "_ZN7billing5queue4push17h0000000000000000E",
                Some("billing::queue::push"),
            ),
        ] {
            assert_eq!(readable(symbol).as_deref(), expected, "{symbol}");
        }
    }
}
