//! A finding as data. Rendering is the business of whoever has a terminal.

use ifc_manifest::SourceSpan;
use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The application cannot be deployed, or would not do what it says.
    Error,
    /// Probably not what was meant.
    Warning,
    /// Something that could not be looked at, or is good to know.
    Note,
}

impl Severity {
    /// The word used in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A place in the user's source and what to say about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// The place.
    pub span: SourceSpan,
    /// What is there; may be empty when the message says it all.
    pub text: String,
}

impl Label {
    /// A label at `span`.
    pub fn new(span: &SourceSpan, text: impl Into<String>) -> Label {
        Label {
            span: span.clone(),
            text: text.into(),
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable kebab-case code; the name of the file in `diagnostics/` that makes it.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, naming the user's thing in backticks, lower case, without a full stop.
    pub message: String,
    /// Where. A finding without a place says why in its causes.
    pub primary: Option<Label>,
    /// Other places that belong to it.
    pub secondary: Vec<Label>,
    /// Why it is wrong, each link of the chain once.
    pub causes: Vec<String>,
    /// One thing to do, as a command or an edit.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error without a place, cause or help yet.
    pub fn error(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            message: message.into(),
            primary: None,
            secondary: Vec::new(),
            causes: Vec::new(),
            help: None,
        }
    }

    /// A warning without a place, cause or help yet.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::error(code, message)
        }
    }

    /// A note without a place, cause or help yet.
    pub fn note(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Note,
            ..Diagnostic::error(code, message)
        }
    }

    /// Says where it is.
    #[must_use]
    pub fn at(mut self, span: &SourceSpan, text: impl Into<String>) -> Diagnostic {
        self.primary = Some(Label::new(span, text));
        self
    }

    /// Adds another place that belongs to it.
    #[must_use]
    pub fn and_at(mut self, span: &SourceSpan, text: impl Into<String>) -> Diagnostic {
        self.secondary.push(Label::new(span, text));
        self
    }

    /// Adds a link to the chain of causes.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Diagnostic {
        self.causes.push(cause.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// Whether it keeps the application from being run or deployed.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The order in which findings are shown: by place, then code, then message.
    pub(crate) fn sort(diagnostics: &mut [Diagnostic]) {
        diagnostics.sort_by(|a, b| {
            (&a.primary, a.code, &a.message).cmp(&(&b.primary, b.code, &b.message))
        });
    }
}
