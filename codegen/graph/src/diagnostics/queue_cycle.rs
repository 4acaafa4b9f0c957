//! `queue-cycle`: consumers that feed each other's queues, so that one message can run for ever.

use crate::{Binding, Diagnostic, Graph, Source, Trigger, Unit};
use ifc_manifest::Kind;
use ifc_manifest::kind::{function, topic};
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::BTreeMap;

const CODE: &str = "queue-cycle";

/// The cycles through queues and functions. Only for a graph whose bindings were read from the
/// program's link.
///
/// A warning: a loop that ends by itself (a step that sends the next one) is legitimate.
pub fn find(graph: &Graph) -> Vec<Diagnostic> {
    let flow = flow(graph);
    let mut findings: Vec<Diagnostic> = tarjan_scc(&flow)
        .into_iter()
        .filter(|component| component.len() > 1 || flow.contains_edge(component[0], component[0]))
        .filter_map(|component| finding(component.iter().map(|node| flow[*node]).collect()))
        .collect();
    findings.sort_by(|a, b| a.message.cmp(&b.message));
    findings
}

/// Units, with an edge where one sends into the queue of another or invokes it.
fn flow(graph: &Graph) -> DiGraph<&Unit, ()> {
    let mut flow = DiGraph::new();
    let nodes: BTreeMap<&str, NodeIndex> = graph
        .units
        .iter()
        .map(|unit| (unit.name.as_str(), flow.add_node(unit)))
        .collect();
    for binding in graph.bindings.iter().flatten() {
        let Some(from) = nodes.get(binding.unit.as_str()) else {
            continue;
        };
        let receivers: Vec<&str> = match binding.resource.kind {
            Kind::Function if binding.grants.contains(&function::INVOKE_ASYNC) => {
                vec![binding.resource.name.as_str()]
            }
            _ => graph
                .triggers
                .iter()
                .filter(|trigger| {
                    leads_to(binding, trigger) || leads_through(binding, trigger, graph)
                })
                .map(|trigger| trigger.unit.as_str())
                .collect(),
        };
        for to in receivers.iter().filter_map(|unit| nodes.get(unit)) {
            flow.add_edge(*from, *to, ());
        }
    }
    flow
}

/// Whether what the binding allows makes events for the trigger.
fn leads_to(binding: &Binding, trigger: &Trigger) -> bool {
    match &trigger.source {
        Source::Events { resource, spec } => {
            let causes = spec.edge.caused_by();
            *resource == binding.resource && binding.grants.iter().any(|verb| causes.contains(verb))
        }
        _ => false,
    }
}

/// Whether the binding allows to publish to a topic whose messages go into the trigger's queue.
fn leads_through(binding: &Binding, trigger: &Trigger, graph: &Graph) -> bool {
    let Source::Events { resource, .. } = &trigger.source else {
        return false;
    };
    let mut subscriptions = graph.subscriptions.iter();
    binding.grants.contains(&topic::PUBLISH)
        && subscriptions.any(|subscription| {
            subscription.topic == binding.resource && subscription.queue == *resource
        })
}

fn finding(mut units: Vec<&Unit>) -> Option<Diagnostic> {
    units.sort_by(|a, b| a.name.cmp(&b.name));
    let names: Vec<String> = units
        .iter()
        .map(|unit| format!("`{}`", unit.name))
        .collect();
    let (first, others) = units.split_first()?;
    let message = match others.is_empty() {
        true => format!("unit {} sends to itself", names[0]),
        false => format!("units {} send to each other in a circle", names.join(", ")),
    };
    let mut finding = Diagnostic::warning(CODE, message)
        .at(&first.span, "this handler is part of the circle")
        .because("a message can lead to another one without end, and each delivery is billed")
        .help(
            "make sure that something ends it: a count in the message, or a state that is checked",
        );
    for unit in others {
        finding = finding.and_at(&unit.span, "and this one");
    }
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;
    use crate::{Binding, ResourceId};
    use ifc_manifest::kind::queue;

    fn sends(unit: &str, queue_name: &str) -> Binding {
        Binding {
            unit: unit.into(),
            resource: ResourceId {
                kind: Kind::Queue,
                name: queue_name.into(),
            },
            grants: vec![queue::SEND],
        }
    }

    fn check(bindings: Vec<Binding>, expected: &[&str]) {
        let fixture = Fixture::new()
            .queue("first")
            .queue("second")
            .consumer("take-first", "first")
            .consumer("take-second", "second");
        let (mut graph, _) = fixture.build();
        graph.bindings = Some(bindings);
        let messages: Vec<String> = find(&graph).into_iter().map(|f| f.message).collect();
        assert_eq!(messages, expected);
    }

    #[test]
    fn a_chain_is_no_circle() {
        check(vec![sends("take-first", "second")], &[]);
    }

    #[test]
    fn a_circle_names_all_its_units() {
        check(
            vec![sends("take-first", "second"), sends("take-second", "first")],
            &["units `take-first`, `take-second` send to each other in a circle"],
        );
    }

    #[test]
    fn a_topic_can_be_a_part_of_a_circle() {
        let fixture = Fixture::new()
            .topic("events")
            .queue_subscribed_to("audit", "events")
            .consumer("record", "audit");
        let (mut graph, _) = fixture.build();
        graph.bindings = Some(vec![Binding {
            unit: "record".into(),
            resource: ResourceId {
                kind: Kind::Topic,
                name: "events".into(),
            },
            grants: vec![topic::PUBLISH],
        }]);
        let messages: Vec<String> = find(&graph).into_iter().map(|f| f.message).collect();
        assert_eq!(messages, ["unit `record` sends to itself"]);
    }

    #[test]
    fn sending_to_oneself_is_a_circle() {
        check(
            vec![sends("take-first", "first")],
            &["unit `take-first` sends to itself"],
        );
    }
}
