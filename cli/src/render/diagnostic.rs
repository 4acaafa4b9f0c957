//! Findings as rustc shows its own: the message, the user's source with the places marked, causes,
//! and what to do.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use ifc_graph::{Diagnostic, Label, Severity};
use ifc_manifest::SourceSpan;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// Shows findings on standard error.
pub(crate) fn show(diagnostics: &[Diagnostic], workspace_root: &Path) {
    anstream::eprint!("{}", all(diagnostics, workspace_root));
}

/// All findings, with an empty line after each. Source files are looked up below `workspace_root`.
pub(crate) fn all(diagnostics: &[Diagnostic], workspace_root: &Path) -> String {
    let mut sources = Sources {
        workspace_root,
        files: BTreeMap::new(),
    };
    for diagnostic in diagnostics {
        for label in diagnostic.primary.iter().chain(&diagnostic.secondary) {
            sources.load(&label.span.file);
        }
    }
    diagnostics
        .iter()
        .map(|diagnostic| one(diagnostic, &sources) + "\n\n")
        .collect()
}

/// The user's files that findings point into.
struct Sources<'a> {
    workspace_root: &'a Path,
    /// By their name in spans; `None` for a file that cannot be read any more.
    files: BTreeMap<String, Option<String>>,
}

impl Sources<'_> {
    fn load(&mut self, file: &str) {
        if !self.files.contains_key(file) {
            // An absolute name, of a crate from elsewhere, replaces the root.
            let text = std::fs::read_to_string(self.workspace_root.join(file)).ok();
            self.files.insert(file.to_owned(), text);
        }
    }

    fn text(&self, file: &str) -> Option<&str> {
        self.files.get(file)?.as_deref()
    }
}

fn one(diagnostic: &Diagnostic, sources: &Sources<'_>) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code)
        .elements(std::iter::empty::<
            Snippet<'_, annotate_snippets::Annotation<'_>>,
        >());
    for (file, labels) in by_file(diagnostic) {
        group = match sources.text(file) {
            Some(text) => with_source(group, file, text, &labels),
            None => labels.iter().fold(group, |group, (label, _)| {
                group.element(
                    Origin::path(file)
                        .line(label.span.line as usize)
                        .char_column(label.span.column as usize),
                )
            }),
        };
    }
    for cause in &diagnostic.causes {
        group = group.element(Level::NOTE.with_name("cause").message(cause.as_str()));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    Renderer::styled().render(&[group])
}

/// The labels of each file, the file with the primary one first.
fn by_file(diagnostic: &Diagnostic) -> Vec<(&str, Vec<(&Label, AnnotationKind)>)> {
    let mut files: Vec<(&str, Vec<(&Label, AnnotationKind)>)> = Vec::new();
    let primary = diagnostic
        .primary
        .iter()
        .map(|label| (label, AnnotationKind::Primary));
    let secondary = diagnostic
        .secondary
        .iter()
        .map(|label| (label, AnnotationKind::Context));
    for (label, kind) in primary.chain(secondary) {
        match files.iter_mut().find(|(file, _)| *file == label.span.file) {
            Some((_, labels)) => labels.push((label, kind)),
            None => files.push((&label.span.file, vec![(label, kind)])),
        }
    }
    files
}

fn with_source<'a>(
    group: Group<'a>,
    file: &'a str,
    text: &'a str,
    labels: &[(&'a Label, AnnotationKind)],
) -> Group<'a> {
    let annotations = labels.iter().map(|(label, kind)| {
        let annotation = kind.span(range(text, &label.span));
        match label.text.is_empty() {
            true => annotation,
            false => annotation.label(label.text.as_str()),
        }
    });
    group.element(Snippet::source(text).path(file).annotations(annotations))
}

/// The bytes that a span means. A span outside of the text, which has changed since, means the
/// nearest place that is still there.
fn range(text: &str, span: &SourceSpan) -> Range<usize> {
    let line_start = match span.line {
        0 | 1 => 0,
        line => text
            .match_indices('\n')
            .nth(line as usize - 2)
            .map_or(text.len(), |(at, _)| at + 1),
    };
    let line = text[line_start..].lines().next().unwrap_or_default();
    let byte = |characters: usize| {
        line.char_indices()
            .nth(characters)
            .map_or(line.len(), |(at, _)| at)
    };
    let first = span.column.saturating_sub(1) as usize;
    let start = line_start + byte(first);
    let end = line_start + byte(first + span.length as usize);
    start..end.max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_count_characters_and_may_be_stale() {
        let text = "// grüße\nstatic ÄÖ: u8;\n";
        let span = |line, column, length| SourceSpan {
            file: String::new(),
            line,
            column,
            length,
        };
        for (span, expected) in [
            (span(1, 4, 5), "grüße"),
            (span(2, 8, 2), "ÄÖ"),
            (span(2, 8, 99), "ÄÖ: u8;"),
            (span(2, 99, 3), ""),
            (span(99, 1, 3), ""),
            (span(0, 0, 2), "//"),
        ] {
            assert_eq!(&text[range(text, &span)], expected, "{span:?}");
        }
    }
}
