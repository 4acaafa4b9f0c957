//! `topic-without-subscriber`: what is published goes nowhere.

use crate::{Diagnostic, Graph};
use ifc_manifest::Kind;

const CODE: &str = "topic-without-subscriber";

/// One warning per topic that nobody subscribes to.
pub(crate) fn find(graph: &Graph) -> Vec<Diagnostic> {
    graph
        .of_kind(Kind::Topic)
        .filter(|topic| !graph.is_consumed(&topic.id))
        .map(|topic| {
            Diagnostic::warning(CODE, format!("{} has no subscriber", topic.id))
                .at(&topic.span, "nothing gets what is published here")
                .because("a topic keeps nothing: a message without a subscriber is gone")
                .help(format!(
                    "write a handler with `#[subscriber({})]`, or remove the topic",
                    topic.static_name()
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
        let findings = Fixture::new().topic("events").findings();
        assert_eq!(findings.len(), 1);
        assert_eq!(
            (findings[0].code, findings[0].severity),
            (CODE, Severity::Warning)
        );
        assert_eq!(
            findings[0].help.as_deref(),
            Some("write a handler with `#[subscriber(EVENTS)]`, or remove the topic")
        );
    }

    #[test]
    fn a_queue_can_subscribe() {
        let fixture = Fixture::new()
            .topic("events")
            .queue_subscribed_to("audit", "events")
            .consumer("record", "audit");
        assert_eq!(codes(&fixture), [""; 0]);
    }

    #[test]
    fn any_number_of_subscribers_is_fine() {
        let fixture = Fixture::new()
            .topic("events")
            .subscriber("one", "events")
            .subscriber("two", "events");
        assert_eq!(codes(&fixture), [""; 0]);
    }
}
