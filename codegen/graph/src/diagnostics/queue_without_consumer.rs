//! `queue-without-consumer`: messages would only ever grow old.

use super::consumer_count::consumed;
use crate::{Diagnostic, Graph};
use ifc_manifest::Kind;

const CODE: &str = "queue-without-consumer";

pub(crate) fn find(graph: &Graph) -> Vec<Diagnostic> {
    graph
        .of_kind(Kind::Queue)
        .filter(|queue| {
            !graph
                .triggers
                .iter()
                .any(|trigger| consumed(trigger) == Some(&queue.id))
        })
        .map(|queue| {
            Diagnostic::warning(CODE, format!("{} has no consumer", queue.id))
                .at(
                    &queue.span,
                    "nothing in the program reads what is sent here",
                )
                .because("its messages stay until their retention ends and are lost then")
                .help(format!(
                    "write a handler with `#[consumer({})]`, or remove the queue",
                    queue.static_name()
                ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Severity;
    use crate::fixture::Fixture;

    #[test]
    fn it_is_a_warning() {
        let findings = Fixture::new().queue("jobs").findings();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].code, CODE);
        assert_eq!(findings[0].severity, Severity::Warning);
        assert_eq!(
            findings[0].help.as_deref(),
            Some("write a handler with `#[consumer(JOBS)]`, or remove the queue")
        );
    }
}
