//! `too-many-subscriptions`: more subscribers of a topic, or rules of a bus, than every provider has
//! room for.

use super::consumer_count::consumed;
use crate::{Diagnostic, Graph, Resource, Trigger};
use ifc_manifest::Kind;
use ifc_manifest::kind::{Limit, event_bus, topic};

const CODE: &str = "too-many-subscriptions";

pub(crate) fn find(graph: &Graph) -> Vec<Diagnostic> {
    let limits = [
        (Kind::Topic, topic::SUBSCRIPTIONS),
        (Kind::EventBus, event_bus::RULES),
    ];
    let of_kind = |(kind, limit): (Kind, Limit)| {
        graph
            .of_kind(kind)
            .filter_map(move |source| finding(source, &limit, graph))
    };
    limits.into_iter().flat_map(of_kind).collect()
}

fn finding(source: &Resource, limit: &Limit, graph: &Graph) -> Option<Diagnostic> {
    let triggers = graph.triggers.iter();
    let mut edges: Vec<&Trigger> = triggers
        .filter(|trigger| consumed(trigger) == Some(&source.id))
        .collect();
    edges.sort_by_key(|trigger| &trigger.handler);
    let subscriptions = graph.subscriptions.iter();
    let queues = subscriptions.filter(|subscription| subscription.topic == source.id);
    let count = edges.len() + queues.count();
    if limit
        .in_force(graph.application.targets)
        .contains(count as u64)
    {
        return None;
    }
    let mut finding = Diagnostic::error(CODE, format!("{} has {count} subscriptions", source.id))
        .at(&source.span, "declared here");
    if let Some(over) = edges.get(limit.max as usize) {
        finding = finding.and_at(&over.handler.span, "one more than there is room for");
    }
    let finding = finding
        .because(format!(
            "{} is {}",
            limit.what,
            limit
                .in_force(graph.application.targets)
                .in_words(limit.unit)
        ))
        .help("let one handler do what several small ones do, or declare a second one");
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, codes};
    use ifc_manifest::kind::event_bus::{EventBusKnobs, PatternKnobs};

    fn rules(count: usize) -> Fixture {
        let bus = Fixture::new().event_bus("events", EventBusKnobs::DEFAULT);
        let rule = |fixture: Fixture, number: usize| {
            fixture.rule(&format!("rule-{number}"), "events", PatternKnobs::ANYTHING)
        };
        (0..count).fold(bus, rule)
    }

    #[test]
    fn a_hundred_rules_and_no_more() {
        assert_eq!(codes(&rules(100)), [""; 0]);
        assert_eq!(codes(&rules(101)), [CODE]);
        assert_eq!(
            rules(101).findings()[0].message,
            "event-bus `events` has 101 subscriptions"
        );
    }

    #[test]
    fn a_hundred_subscribers_and_no_more() {
        let subscribers = |count: usize| {
            let subscribe = |fixture: Fixture, number: usize| {
                fixture.subscriber(&format!("subscriber-{number}"), "events")
            };
            (0..count).fold(Fixture::new().topic("events"), subscribe)
        };
        assert_eq!(codes(&subscribers(100)), [""; 0]);
        assert_eq!(codes(&subscribers(101)), [CODE]);
    }
}
