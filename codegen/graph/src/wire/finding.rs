//! Findings as JSON.

use crate::{Diagnostic, Label};
use ifc_manifest::SourceSpan;
use serde::Serialize;

/// One finding.
#[derive(Clone, Debug, Serialize)]
pub struct FindingJson {
    /// Stable kebab-case code.
    pub code: &'static str,
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where, if there is a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<LabelJson>,
    /// Other places that belong to it.
    pub secondary: Vec<LabelJson>,
    /// Why, each link of the chain once.
    pub causes: Vec<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// A place with what to say about it.
#[derive(Clone, Debug, Serialize)]
pub struct LabelJson {
    /// The place.
    #[serde(flatten)]
    pub place: PlaceJson,
    /// What is there.
    pub label: String,
}

/// A place in the user's source.
#[derive(Clone, Debug, Serialize)]
pub struct PlaceJson {
    /// As the compiler names it: relative to the workspace for its members.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// In characters.
    pub length: u32,
}

impl PlaceJson {
    pub(super) fn of(span: &SourceSpan) -> PlaceJson {
        PlaceJson {
            file: span.file.clone(),
            line: span.line,
            column: span.column,
            length: span.length,
        }
    }
}

/// Findings in their published form.
pub fn findings(diagnostics: &[Diagnostic]) -> Vec<FindingJson> {
    diagnostics
        .iter()
        .map(|diagnostic| FindingJson {
            code: diagnostic.code,
            severity: diagnostic.severity.as_str(),
            message: diagnostic.message.clone(),
            primary: diagnostic.primary.as_ref().map(label),
            secondary: diagnostic.secondary.iter().map(label).collect(),
            causes: diagnostic.causes.clone(),
            help: diagnostic.help.clone(),
        })
        .collect()
}

fn label(label: &Label) -> LabelJson {
    LabelJson {
        place: PlaceJson::of(&label.span),
        label: label.text.clone(),
    }
}
