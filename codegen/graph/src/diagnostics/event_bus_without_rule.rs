//! `event-bus-without-rule`: nothing listens to a bus of this application.

use crate::{Diagnostic, Graph, Resource, Spec};
use ifc_manifest::Kind;

const CODE: &str = "event-bus-without-rule";

/// One warning per bus of this application that none of its handlers listens to. Who listens to a
/// bus of another application is not known here.
pub(crate) fn find(graph: &Graph) -> Vec<Diagnostic> {
    let own = |bus: &&Resource| match &bus.spec {
        Spec::EventBus(spec) => spec.foreign_to(&graph.application.package).is_none(),
        _ => false,
    };
    graph
        .of_kind(Kind::EventBus)
        .filter(own)
        .filter(|bus| !graph.is_consumed(&bus.id))
        .map(|bus| {
            Diagnostic::warning(CODE, format!("{} has no rule", bus.id))
                .at(&bus.span, "nothing in the program gets what is put here")
                .because("a bus keeps nothing: an event that matches no rule is gone")
                .help(format!(
                    "write a handler with `#[on_event({})]`, or remove the bus unless other \
                     applications listen to it",
                    bus.static_name()
                ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Severity;
    use crate::fixture::{Fixture, codes};
    use ifc_manifest::kind::event_bus::{EventBusKnobs, PatternKnobs};

    #[test]
    fn it_is_a_warning() {
        let findings = Fixture::new()
            .event_bus("shop-events", EventBusKnobs::DEFAULT)
            .findings();
        assert_eq!(findings.len(), 1);
        assert_eq!(
            (findings[0].code, findings[0].severity),
            (CODE, Severity::Warning)
        );
        assert_eq!(findings[0].message, "event-bus `shop-events` has no rule");
    }

    #[test]
    fn a_rule_is_enough() {
        let fixture = Fixture::new()
            .event_bus("shop-events", EventBusKnobs::DEFAULT)
            .rule("welcome", "shop-events", PatternKnobs::ANYTHING);
        assert_eq!(codes(&fixture), [""; 0]);
    }

    #[test]
    fn a_bus_of_another_application_is_its_owner_s_concern() {
        let of = |owner| EventBusKnobs::DEFAULT.owned_by(owner);
        let fixture = Fixture::new().event_bus("events", of("billing"));
        assert_eq!(codes(&fixture), [""; 0]);
        let fixture = Fixture::new().event_bus("events", of("shop"));
        assert_eq!(codes(&fixture), [CODE]);
    }
}
