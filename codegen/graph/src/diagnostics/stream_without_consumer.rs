//! `stream-without-consumer`: records are kept for nobody.

use super::consumer_count::consumed;
use crate::{Diagnostic, Graph};
use ifc_manifest::Kind;

const CODE: &str = "stream-without-consumer";

/// One warning per stream that nobody consumes.
pub(crate) fn find(graph: &Graph) -> Vec<Diagnostic> {
    let is_consumed = |stream: &&crate::Resource| {
        let mut triggers = graph.triggers.iter();
        triggers.any(|trigger| consumed(trigger) == Some(&stream.id))
    };
    graph
        .of_kind(Kind::Stream)
        .filter(|stream| !is_consumed(stream))
        .map(|stream| {
            Diagnostic::warning(CODE, format!("{} has no consumer", stream.id))
                .at(
                    &stream.span,
                    "nothing in the program reads what is appended here",
                )
                .because("a consumer begins with what is appended after it was deployed")
                .help(format!(
                    "write a handler with `#[stream_consumer({})]`, or remove the stream",
                    stream.static_name()
                ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Severity;
    use crate::fixture::{Fixture, codes};

    #[test]
    fn it_is_a_warning() {
        let findings = Fixture::new().stream("meters").findings();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].code, CODE);
        assert_eq!(findings[0].severity, Severity::Warning);
        assert_eq!(
            findings[0].help.as_deref(),
            Some("write a handler with `#[stream_consumer(METERS)]`, or remove the stream")
        );
    }

    #[test]
    fn any_number_of_consumers_is_fine() {
        let one = Fixture::new()
            .stream("meters")
            .stream_consumer("aggregate", "meters");
        assert_eq!(codes(&one), [""; 0]);
        let two = one.stream_consumer("archive", "meters");
        assert_eq!(codes(&two), [""; 0]);
    }
}
