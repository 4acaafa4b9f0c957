//! `two-consumers`: a queue has more than one consumer.

use super::repeated;
use crate::{Diagnostic, Graph, ResourceId, Source, Trigger};
use ifc_manifest::Kind;

const CODE: &str = "two-consumers";

/// The queue that a trigger consumes.
pub(super) fn consumed(trigger: &Trigger) -> Option<&ResourceId> {
    match &trigger.source {
        Source::Events { resource, .. } => Some(resource),
        _ => None,
    }
}

/// The queue that a trigger consumes.
fn consumed_queue(trigger: &Trigger) -> Option<&ResourceId> {
    consumed(trigger).filter(|source| source.kind == Kind::Queue)
}

pub(crate) fn find(graph: &Graph) -> Vec<Diagnostic> {
    let consumers = graph
        .triggers
        .iter()
        .filter(|trigger| consumed_queue(trigger).is_some());
    repeated(consumers, consumed_queue)
        .into_iter()
        .filter_map(|(queue, consumers)| Some(finding(queue?, consumers, graph)))
        .collect()
}

fn finding(queue: &ResourceId, mut consumers: Vec<&Trigger>, graph: &Graph) -> Diagnostic {
    consumers.sort_by_key(|trigger| &trigger.handler);
    let mut finding = Diagnostic::error(CODE, format!("{queue} has {} consumers", consumers.len()))
        .at(&consumers[1].handler.span, "second consumer")
        .and_at(&consumers[0].handler.span, "first consumer");
    for other in &consumers[2..] {
        finding = finding.and_at(&other.handler.span, "another consumer");
    }
    if let Some(resource) = graph.resource(queue) {
        finding = finding.and_at(&resource.span, "the queue");
    }
    finding
        .because("a message of a queue is handled once, by its only consumer; which of several would get it is left to chance")
        .help("let one handler consume the queue, or send to a queue of its own for each consumer")
}

#[cfg(test)]
mod tests {
    use super::CODE;
    use crate::fixture::{Fixture, codes};

    #[test]
    fn every_place_is_shown() {
        let fixture = Fixture::new()
            .queue("jobs")
            .consumer("first", "jobs")
            .consumer("second", "jobs")
            .consumer("third", "jobs");
        let findings = fixture.findings();
        assert_eq!(codes(&fixture), [CODE]);
        assert_eq!(findings[0].message, "queue `jobs` has 3 consumers");
        assert_eq!(findings[0].secondary.len(), 3);
    }

    #[test]
    fn one_consumer_each_is_fine() {
        let fixture = Fixture::new()
            .queue("jobs")
            .queue("mails")
            .consumer("work", "jobs")
            .consumer("mail", "mails");
        assert_eq!(codes(&fixture), [""; 0]);
    }
}
