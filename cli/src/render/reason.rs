//! The way from a handler to an operation, in the user's own names.

use crate::terminal::{NAME, QUIET, paint};
use addr2line::Loader;
use ifc_analyzer::Reason;
use ifc_analyzer::link::Step;
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

    /// Where the user's code performs the operation that a reason leads to; the handler's place
    /// when the program does not tell more.
    pub(crate) fn operation(&self, reason: &Reason, graph: &Graph) -> Option<String> {
        let last = frames(reason, self).into_iter().rev();
        let function = last.filter_map(|frame| frame.place).next();
        function.or_else(|| {
            let mut handlers = graph.units.iter().flat_map(|unit| &unit.handlers);
            let handler =
                handlers.find(|handler| Some(&handler.path) == reason.handler.as_ref())?;
            Some(format!("{}:{}", handler.span.file, handler.span.line))
        })
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
    /// How many ways to operations meet in it, when it is a constant and there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    together: Option<usize>,
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
        let frames = frames(reason, program);
        for frame in &frames {
            if Some(&frame.name) != reason.handler.as_ref() {
                line(&shown(frame), frame.place.clone());
            }
        }
        line(&paint(NAME, &grant), None);
        for help in remedies(reason, &frames) {
            text.push_str(&format!("  {} {help}\n", paint(QUIET, "help:")));
        }
    }
    text
}

fn shown(frame: &Frame) -> String {
    match frame.together {
        None => frame.name.clone(),
        Some(together) => format!(
            "{}, of {together} functions that count together",
            frame.name
        ),
    }
}

/// What makes a set narrower, for the steps that are known to make it wider than one operation.
fn remedies(reason: &Reason, frames: &[Frame]) -> Vec<&'static str> {
    let mut remedies = Vec::new();
    if reason.handler.is_none() {
        remedies.push(
            "what runs before any handler is lent to every unit; make the value in a `Provide` \
             that handlers take as `State<T>`",
        );
    }
    if frames.iter().any(|frame| frame.together.is_some()) {
        remedies.push(
            "all methods of a trait object and all functions of a table count together; name the \
             one that is meant, by its type or directly, and only it counts",
        );
    }
    remedies
}

/// The user's functions on the way; what the compiler, the macros and the libraries below put
/// between them is folded away.
fn frames(reason: &Reason, program: &Program) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    for step in &reason.way {
        let name = step.symbol().and_then(readable);
        let place = step.symbol().and_then(|symbol| program.place(symbol));
        let frame = match (step, name) {
            (Step::Symbol(_), None) => continue,
            (Step::Symbol(_), Some(name)) => Frame {
                name,
                place,
                together: None,
            },
            (Step::Together { together, .. }, name) => Frame {
                name: name.unwrap_or_else(|| "a constant without a name".to_owned()),
                place,
                together: Some(*together),
            },
        };
        if frames.last().is_none_or(|last| last.name != frame.name) {
            frames.push(frame);
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
    let about_another = name.contains(" as ") || name.starts_with("core::ptr::drop_in_place<");
    let folded = FOLDED.contains(&krate) && !(about_another && mentions_user(&name));
    match generated || folded {
        true => None,
        false => Some(name),
    }
}

/// Whether a path of a crate that is not folded away occurs in a name.
fn mentions_user(name: &str) -> bool {
    name.split(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '_' | ':')))
        .filter_map(|path| path.split_once("::"))
        .any(|(krate, _)| !krate.is_empty() && !FOLDED.contains(&krate))
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
                "_ZN115_$LT$core..panic..unwind_safe..AssertUnwindSafe$LT$F$GT$$u20$as$u20$core..ops..\
                 function..FnOnce$LT$$LP$$RP$$GT$$GT$9call_once17h0000000000000000E",
                None,
            ),
            (
                "_ZN52_$LT$shop..Pair$u20$as$u20$core..ops..drop..Drop$GT$4drop17h0000000000000000E",
                Some("<shop::Pair as core::ops::drop::Drop>::drop"),
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
