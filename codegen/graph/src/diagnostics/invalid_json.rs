//! `invalid-json`: a value that a declaration gives as JSON text is not JSON.

use crate::{Diagnostic, Graph, Source, Spec};
use ifc_manifest::SourceSpan;
use serde::de::IgnoredAny;

const CODE: &str = "invalid-json";

pub(crate) fn find(graph: &Graph) -> Vec<Diagnostic> {
    let defaults = graph
        .resources
        .iter()
        .filter_map(|resource| match &resource.spec {
            Spec::Config(spec) => finding(
                &format!("the default of config `{}`", resource.id.name),
                spec.default.as_deref()?,
                &resource.span,
            ),
            _ => None,
        });
    let inputs = graph
        .triggers
        .iter()
        .filter_map(|trigger| match &trigger.source {
            Source::Schedule(spec) => finding(
                &format!("the input of schedule `{}`", trigger.unit),
                spec.input.as_deref()?,
                &trigger.handler.span,
            ),
            _ => None,
        });
    defaults.chain(inputs).collect()
}

fn finding(what: &str, text: &str, span: &SourceSpan) -> Option<Diagnostic> {
    let error = serde_json::from_str::<IgnoredAny>(text).err()?;
    let finding = Diagnostic::error(CODE, format!("{what} is not JSON"))
        .at(span, format!("it is `{}`", excerpt(text)))
        .because(error.to_string());
    // A bare word is nearly always a string without its quotes.
    let bare = text.chars().next().is_some_and(char::is_alphabetic);
    Some(match bare {
        true => finding.help(format!(
            "if it is meant as text, write it with its quotes: `\"\\\"{}\\\"\"`",
            excerpt(text)
        )),
        false => finding,
    })
}

/// The beginning of a text, short enough for a label.
fn excerpt(text: &str) -> String {
    const CHARACTERS_MAX: usize = 40;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, codes};

    #[test]
    fn defaults_of_configuration() {
        for (default, expected) in [
            ("3", &[][..]),
            ("\"text\"", &[]),
            ("{\"a\":[1,null]}", &[]),
            ("text", &[CODE]),
            ("{\"a\":", &[CODE]),
            ("", &[CODE]),
            ("1 2", &[CODE]),
        ] {
            assert_eq!(
                codes(&Fixture::new().config("limit", Some(default))),
                expected,
                "{default}"
            );
        }
        assert_eq!(codes(&Fixture::new().config("limit", None)), [""; 0]);
    }

    #[test]
    fn inputs_of_schedules() {
        let fixture = Fixture::new().schedule_with_input("nightly", "{");
        assert_eq!(codes(&fixture), [CODE]);
    }
}
