//! `undeclared-resource`: a handler is triggered by a resource whose declaration is not in the
//! artifact, or is of a kind that triggers nothing.

use super::Declarations;
use crate::{Diagnostic, Graph, suggest};
use ifc_manifest::kind::edge::Edge;
use ifc_manifest::{Address, HandlerDescriptor, Kind, Trigger};

const CODE: &str = "undeclared-resource";

pub(crate) fn find(declarations: &Declarations<'_>, graph: &Graph) -> Vec<Diagnostic> {
    let of_queues = graph.subscriptions.iter().filter_map(|subscription| {
        let queue = graph.resource(&subscription.queue)?;
        let topic = &subscription.topic;
        graph.resource(topic).is_none().then(|| {
            let message = format!(
                "{} subscribes to {topic}, which the program does not declare",
                queue.id
            );
            Diagnostic::error(CODE, message)
                .at(&queue.span, format!("needs {topic}"))
                .help("declare the topic with `#[resource]` in a crate that the program links")
        })
    });
    let of_handlers = of_handlers(declarations, graph);
    of_queues.chain(of_handlers).collect()
}

fn of_handlers(declarations: &Declarations<'_>, graph: &Graph) -> Vec<Diagnostic> {
    declarations
        .handlers
        .iter()
        .filter_map(|handler| {
            let (address, kind, role) = wanted(handler)?;
            let here = |kind| {
                declarations
                    .resources
                    .iter()
                    .any(|resource| resource.address == *address && kind == resource.kind)
            };
            if here(kind) {
                return None;
            }
            let other = Kind::ALL.into_iter().find(|other| here(*other));
            Some(finding(handler, address, kind, role, other, graph))
        })
        .collect()
}

/// The resource a handler needs, of which kind, and how it needs it.
fn wanted(handler: &HandlerDescriptor) -> Option<(&Address, Kind, &'static str)> {
    match &handler.trigger {
        Trigger::Http { api: Some(api), .. } => Some((api, Kind::HttpApi, "is a route of")),
        Trigger::Source { resource, edge, .. } => {
            let edge = Edge::parse(edge)?;
            let role = match edge {
                Edge::Consumer => "consumes",
                Edge::Subscriber => "subscribes to",
                Edge::OnChange => "follows",
                Edge::OnCreated | Edge::OnDeleted => "watches",
                Edge::StreamConsumer => "consumes",
                Edge::OnEvent => "listens to",
            };
            Some((resource, edge.source(), role))
        }
        Trigger::Http { api: None, .. } | Trigger::Call | Trigger::Schedule(_) => None,
    }
}

fn finding(
    handler: &HandlerDescriptor,
    address: &Address,
    kind: Kind,
    role: &str,
    other: Option<Kind>,
    graph: &Graph,
) -> Diagnostic {
    let name = address.within(&graph.application.package);
    let finding = Diagnostic::error(
        CODE,
        format!(
            "`{}` {role} {kind} `{name}`, which the program does not declare",
            handler.path
        ),
    )
    .at(&handler.span, format!("needs {kind} `{name}`"));
    if let Some(other) = other {
        return finding
            .because(format!("`{name}` is a {other}"))
            .help(format!("name a {kind}, or declare `{name}` as one"));
    }
    let names: Vec<&str> = graph
        .of_kind(kind)
        .map(|resource| resource.id.name.as_str())
        .collect();
    match suggest::sentence(&name, &names) {
        Some(sentence) => finding.help(sentence),
        None => finding.help(format!(
            "declare it in package `{}` with `#[resource]`",
            address.package
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, codes};

    #[test]
    fn the_nearest_name_is_suggested() {
        let fixture = Fixture::new()
            .queue("fulfilment")
            .consumer("fulfil", "fulfillment");
        let findings = fixture.findings();
        let finding = findings
            .iter()
            .find(|finding| finding.code == CODE)
            .unwrap();
        assert_eq!(
            finding.message,
            "`shop::fulfil` consumes queue `fulfillment`, which the program does not declare"
        );
        assert_eq!(finding.help.as_deref(), Some("did you mean `fulfilment`?"));
    }

    #[test]
    fn the_topic_of_a_queue() {
        let fixture = Fixture::new()
            .queue_subscribed_to("audit", "events")
            .consumer("record", "audit");
        let findings = fixture.findings();
        assert_eq!(codes(&fixture), [CODE]);
        assert_eq!(
            findings[0].message,
            "queue `audit` subscribes to topic `events`, which the program does not declare"
        );
    }

    #[test]
    fn another_kind_is_named() {
        let fixture = Fixture::new().table("orders").consumer("fulfil", "orders");
        let findings = fixture.findings();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].causes, ["`orders` is a table"]);
    }

    #[test]
    fn an_api_of_a_route() {
        let fixture = Fixture::new().route_of("public", "GET", "/");
        assert_eq!(codes(&fixture), [CODE]);
        let fixture = Fixture::new().api("public").route_of("public", "GET", "/");
        assert_eq!(codes(&fixture), [""; 0]);
    }
}
