//! Everything that can be wrong with an application's declarations: one file per code, with the
//! rule, the wording, and its tests.
//!
//! A pass reports every place it finds and looks at nothing but its arguments.

use crate::{Diagnostic, Graph};
use ifc_manifest::{ApplicationDescriptor, Descriptor, HandlerDescriptor, ResourceDescriptor};

pub mod dropped_declaration;
pub mod lent_permission;
pub mod queue_cycle;
pub mod table_scan;
pub mod unavailable_operation;
pub mod unlinked_crate;
pub mod unreadable_declaration;
pub mod unreadable_record;
pub mod unused_resource;

mod application_count;
mod consumer_count;
mod duplicate_resource;
mod duplicate_unit;
mod event_bus_without_rule;
mod invalid_json;
mod queue_without_consumer;
mod route_conflict;
mod route_overlap;
mod stream_without_consumer;
mod timeout_exceeds_lease;
mod too_many_routes;
mod too_many_subscriptions;
mod topic_without_subscriber;
mod unavailable;
mod undeclared_resource;
mod unfollowed_changes;
mod unknown_time_zone;

/// The descriptors of an artifact, sorted by place so that findings come out in a fixed order.
pub(crate) struct Declarations<'a> {
    pub(crate) applications: Vec<&'a ApplicationDescriptor>,
    pub(crate) resources: Vec<&'a ResourceDescriptor>,
    pub(crate) handlers: Vec<&'a HandlerDescriptor>,
}

impl<'a> Declarations<'a> {
    pub(crate) fn of(descriptors: &'a [Descriptor]) -> Declarations<'a> {
        let mut declarations = Declarations {
            applications: Vec::new(),
            resources: Vec::new(),
            handlers: Vec::new(),
        };
        for descriptor in descriptors {
            match descriptor {
                Descriptor::Application(application) => declarations.applications.push(application),
                Descriptor::Resource(resource) => declarations.resources.push(resource),
                Descriptor::Handler(handler) => declarations.handlers.push(handler),
            }
        }
        declarations
            .applications
            .sort_by_key(|a| (&a.package, &a.span));
        declarations
            .resources
            .sort_by_key(|r| (&r.span, &r.address, r.kind));
        declarations
            .handlers
            .sort_by_key(|h| (&h.span, &h.address, &h.path));
        declarations
    }
}

/// Runs every pass.
pub(crate) fn all(declarations: &Declarations<'_>, graph: &Graph) -> Vec<Diagnostic> {
    [
        application_count::find(declarations),
        duplicate_resource::find(graph),
        duplicate_unit::find(graph),
        undeclared_resource::find(declarations, graph),
        route_conflict::find(graph),
        route_overlap::find(graph),
        too_many_routes::find(graph),
        consumer_count::find(graph),
        queue_without_consumer::find(graph),
        topic_without_subscriber::find(graph),
        stream_without_consumer::find(graph),
        unfollowed_changes::find(graph),
        event_bus_without_rule::find(graph),
        too_many_subscriptions::find(graph),
        timeout_exceeds_lease::find(graph),
        unknown_time_zone::find(graph),
        invalid_json::find(graph),
        unavailable::find(declarations, graph),
    ]
    .concat()
}

/// The items that share a key, in groups of at least two, by key.
pub(crate) fn repeated<'a, T, K: Ord>(
    items: impl IntoIterator<Item = &'a T>,
    key: impl Fn(&'a T) -> K,
) -> Vec<(K, Vec<&'a T>)> {
    let mut groups = std::collections::BTreeMap::<K, Vec<&'a T>>::new();
    for item in items {
        groups.entry(key(item)).or_default().push(item);
    }
    groups
        .into_iter()
        .filter(|(_, group)| group.len() > 1)
        .collect()
}

/// "60 s", "1.5 s": a duration in a sentence.
pub(crate) fn seconds(duration: std::time::Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
