//! `unfollowed-changes`: a table has a change stream that nobody follows.

use super::consumer_count::consumed;
use crate::{Diagnostic, Graph, Spec};
use ifc_manifest::Kind;
use ifc_manifest::kind::table::ChangeStream;

const CODE: &str = "unfollowed-changes";

/// One warning per table with a stream and no `#[on_change]`.
pub(crate) fn find(graph: &Graph) -> Vec<Diagnostic> {
    let streams = |table: &&crate::Resource| matches!(&table.spec, Spec::Table(spec) if spec.knobs.stream == ChangeStream::NewImage);
    let followed = |table: &&crate::Resource| {
        let mut triggers = graph.triggers.iter();
        triggers.any(|trigger| consumed(trigger) == Some(&table.id))
    };
    graph
        .of_kind(Kind::Table)
        .filter(|table| streams(table) && !followed(table))
        .map(|table| {
            let message = format!("nobody follows the changes of {}", table.id);
            Diagnostic::warning(CODE, message)
                .at(&table.span, "declared with `.stream()`")
                .because("the provider keeps its changes ready, and they are billed")
                .help(format!(
                    "write a handler with `#[on_change({})]`, or remove `.stream()`",
                    table.static_name()
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
        let findings = Fixture::new().table_with_stream("orders").findings();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].code, CODE);
        assert_eq!(findings[0].severity, Severity::Warning);
        assert_eq!(
            findings[0].help.as_deref(),
            Some("write a handler with `#[on_change(ORDERS)]`, or remove `.stream()`")
        );
    }

    #[test]
    fn a_table_without_a_stream_and_one_that_is_followed_are_fine() {
        let fixture = Fixture::new()
            .table("plain")
            .table_with_stream("orders")
            .follower("project", "orders");
        assert_eq!(codes(&fixture), [""; 0]);
    }
}
