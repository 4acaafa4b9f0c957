//! From descriptors to the graph. Lenient: what contradicts itself is kept as it was declared, so
//! that every pass sees all of it; only what cannot be read is left out, and reported.

use crate::diagnostics::{self, Declarations};
use crate::model::{
    Application, Graph, Handler, Resource, ResourceId, Source, Spec, Subscription, Trigger, Unit,
    UnitSort,
};
use crate::{Diagnostic, diagnostics::unreadable_declaration};
use ifc_manifest::kind::SpecError;
use ifc_manifest::kind::edge::{EdgeSpec, Selection};
use ifc_manifest::kind::http_api::{self, HttpApiSpec};
use ifc_manifest::kind::schedule::ScheduleSpec;
use ifc_manifest::kind::subscription::QueueSubscription;
use ifc_manifest::kind::unit::{TIMEOUT_DEFAULT, UnitSpec};
use ifc_manifest::{
    Address, ApplicationDescriptor, Descriptor, HandlerDescriptor, Kind, ResourceDescriptor,
    Targets,
};

/// The graph of an artifact's descriptors, in whatever order they were found, and everything that
/// is wrong with it. The graph may be acted upon when no finding is an error.
pub fn build(descriptors: &[Descriptor]) -> (Graph, Vec<Diagnostic>) {
    let declarations = Declarations::of(descriptors);
    let mut findings = Vec::new();
    let mut graph = Graph {
        application: application(&declarations),
        resources: Vec::new(),
        units: Vec::new(),
        triggers: Vec::new(),
        subscriptions: Vec::new(),
        bindings: None,
    };
    let package = graph.application.package.clone();
    for resource in &declarations.resources {
        match Spec::decode(resource) {
            Ok(spec) => {
                let declared = declared(resource, spec, &package);
                match subscriptions(resource, &declared.id, &package) {
                    Ok(found) => graph.subscriptions.extend(found),
                    Err(error) => {
                        findings.push(unreadable_declaration::of_resource(resource, &error));
                    }
                }
                graph.resources.push(declared);
            }
            Err(error) => findings.push(unreadable_declaration::of_resource(resource, &error)),
        }
    }
    let declared_default = declarations.resources.iter().any(|resource| {
        resource.kind == Kind::HttpApi
            && resource.address.within(&package) == http_api::DEFAULT_NAME
    });
    if !declared_default {
        graph
            .resources
            .extend(default_api(&declarations.handlers, &package));
    }
    graph.units = apis(&graph.resources);
    for handler in &declarations.handlers {
        if let Err(error) = add_handler(handler, &package, &mut graph) {
            findings.push(unreadable_declaration::of_handler(handler, &error));
        }
    }
    order(&mut graph);
    findings.extend(diagnostics::all(&declarations, &graph));
    Diagnostic::sort(&mut findings);
    (graph, findings)
}

fn application(declarations: &Declarations<'_>) -> Application {
    match declarations.applications.first() {
        Some(ApplicationDescriptor {
            package,
            version,
            targets,
            span,
        }) => Application {
            package: package.clone(),
            version: version.clone(),
            targets: *targets,
            span: Some(span.clone()),
        },
        None => Application {
            package: String::new(),
            version: String::new(),
            targets: Targets::ALL,
            span: None,
        },
    }
}

fn declared(resource: &ResourceDescriptor, spec: Spec, package: &str) -> Resource {
    Resource {
        id: ResourceId {
            kind: resource.kind,
            name: resource.address.within(package),
        },
        address: resource.address.clone(),
        path: Some(resource.path.clone()),
        spec,
        span: resource.span.clone(),
    }
}

/// The topics that a queue subscribes to.
fn subscriptions(
    resource: &ResourceDescriptor,
    id: &ResourceId,
    package: &str,
) -> Result<Vec<Subscription>, SpecError> {
    if resource.kind != Kind::Queue {
        return Ok(Vec::new());
    }
    let declared = QueueSubscription::decode(&resource.config)?.into_iter();
    let subscription = |declared: QueueSubscription| Subscription {
        queue: id.clone(),
        topic: ResourceId {
            kind: Kind::Topic,
            name: declared.topic.within(package),
        },
        selection: declared
            .filter
            .map_or(Selection::Everything, Selection::Attributes),
    };
    Ok(declared.map(subscription).collect())
}

/// The API of the routes that name none.
fn default_api(handlers: &[&HandlerDescriptor], package: &str) -> Option<Resource> {
    let first = handlers
        .iter()
        .filter(|handler| {
            matches!(
                handler.trigger,
                ifc_manifest::Trigger::Http { api: None, .. }
            )
        })
        .min_by_key(|handler| &handler.span)?;
    Some(Resource {
        id: ResourceId {
            kind: Kind::HttpApi,
            name: http_api::DEFAULT_NAME.to_owned(),
        },
        address: Address::new(package, http_api::DEFAULT_NAME),
        path: None,
        spec: Spec::HttpApi(HttpApiSpec::default()),
        span: first.span.clone(),
    })
}

/// One unit per API, without its handlers yet.
fn apis(resources: &[Resource]) -> Vec<Unit> {
    let api = |resource: &Resource| match &resource.spec {
        Spec::HttpApi(spec) => Some(Unit {
            name: resource.id.name.clone(),
            address: resource.address.clone(),
            sort: UnitSort::Api,
            spec: spec.unit,
            handlers: Vec::new(),
            span: resource.span.clone(),
        }),
        _ => None,
    };
    resources.iter().filter_map(api).collect()
}

fn add_handler(
    descriptor: &HandlerDescriptor,
    package: &str,
    graph: &mut Graph,
) -> Result<(), SpecError> {
    let handler = Handler {
        path: descriptor.path.clone(),
        span: descriptor.span.clone(),
    };
    let (sort, source) = match &descriptor.trigger {
        ifc_manifest::Trigger::Http { api, method, path } => {
            let unit = match api {
                Some(address) => address.within(package),
                None => http_api::DEFAULT_NAME.to_owned(),
            };
            if let Some(api) = graph
                .units
                .iter_mut()
                .find(|candidate| candidate.name == unit && candidate.sort == UnitSort::Api)
            {
                api.handlers.push(handler.clone());
            }
            graph.triggers.push(Trigger {
                unit,
                handler,
                source: Source::Route {
                    method: method.clone(),
                    path: path.clone(),
                },
            });
            return Ok(());
        }
        ifc_manifest::Trigger::Call => (UnitSort::Function, Source::Call),
        ifc_manifest::Trigger::Schedule(config) => (
            UnitSort::Schedule,
            Source::Schedule(ScheduleSpec::decode(config)?),
        ),
        ifc_manifest::Trigger::Source {
            resource,
            edge,
            config,
        } => {
            let spec = EdgeSpec::decode(edge, config)?;
            let resource = ResourceId {
                kind: spec.edge.source(),
                name: resource.within(package),
            };
            (
                UnitSort::Events(spec.edge),
                Source::Events { resource, spec },
            )
        }
    };
    let name = descriptor.address.within(package);
    graph.units.push(Unit {
        name: name.clone(),
        address: descriptor.address.clone(),
        sort,
        spec: descriptor.unit.unwrap_or(UnitSpec::new(TIMEOUT_DEFAULT)),
        handlers: vec![handler.clone()],
        span: descriptor.span.clone(),
    });
    graph.triggers.push(Trigger {
        unit: name,
        handler,
        source,
    });
    Ok(())
}

/// Puts every list into the order that its field promises. The place of a declaration comes last,
/// so that two of one name have an order too.
fn order(graph: &mut Graph) {
    graph
        .resources
        .sort_by(|a, b| (&a.id.name, a.id.kind, &a.span).cmp(&(&b.id.name, b.id.kind, &b.span)));
    // Stable: the subscriptions of one queue stay in the order of its declaration.
    graph.subscriptions.sort_by(|a, b| a.queue.cmp(&b.queue));
    for unit in &mut graph.units {
        unit.handlers.sort();
    }
    graph
        .units
        .sort_by(|a, b| (&a.name, a.sort, &a.span).cmp(&(&b.name, b.sort, &b.span)));
    graph.triggers.sort_by(|a, b| {
        let key = |trigger: &Trigger| {
            let source = match &trigger.source {
                Source::Route { method, path } => (path.clone(), method.clone()),
                Source::Events { resource, .. } => (resource.name.clone(), String::new()),
                Source::Call | Source::Schedule(_) => (String::new(), String::new()),
            };
            (trigger.unit.clone(), source, trigger.handler.clone())
        };
        key(a).cmp(&key(b))
    });
}
