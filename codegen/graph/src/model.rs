//! The graph as plain data. Equal artifacts give equal graphs: every list has a fixed order.

use ifc_manifest::kind::SpecError;
use ifc_manifest::kind::bucket::BucketSpec;
use ifc_manifest::kind::config::ConfigSpec;
use ifc_manifest::kind::edge::{Edge, EdgeSpec, Selection};
use ifc_manifest::kind::event_bus::EventBusSpec;
use ifc_manifest::kind::http_api::HttpApiSpec;
use ifc_manifest::kind::queue::QueueSpec;
use ifc_manifest::kind::schedule::ScheduleSpec;
use ifc_manifest::kind::secret::SecretSpec;
use ifc_manifest::kind::stream::StreamSpec;
use ifc_manifest::kind::table::TableSpec;
use ifc_manifest::kind::topic::TopicSpec;
use ifc_manifest::kind::unit::UnitSpec;
use ifc_manifest::{Address, Kind, ResourceDescriptor, SourceSpan, Targets, Verb};
use std::fmt;

/// One application: what it declares, what runs, and why it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// Who declares it.
    pub application: Application,
    /// What is declared with `#[resource]`, and the default API when routes need it; by name and
    /// kind.
    pub resources: Vec<Resource>,
    /// What is deployed and runs; by name.
    pub units: Vec<Unit>,
    /// What makes handlers run; by unit, source and handler.
    pub triggers: Vec<Trigger>,
    /// Which topics' messages go into which queues; by queue, in the order of the declaration.
    pub subscriptions: Vec<Subscription>,
    /// What units may do with resources, by unit and resource. `None` when the artifact was not
    /// searched for it; an empty list says that it was, and nothing is used.
    pub bindings: Option<Vec<Binding>>,
}

/// The program that holds `ifc::main!()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Its cargo package.
    pub package: String,
    /// The package's version.
    pub version: String,
    /// The providers that it is meant to run on.
    pub targets: Targets,
    /// Where `ifc::main!()` stands; `None` when there is none, which is a finding.
    pub span: Option<SourceSpan>,
}

/// A kind and a name: what identifies a resource within an application.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId {
    /// The kind; two resources of different kinds may share a name.
    pub kind: Kind,
    /// The name as the application sees it: `orders`, or `audit/trail` when a library declares it.
    pub name: String,
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.name)
    }
}

/// A declared resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Kind and name.
    pub id: ResourceId,
    /// Package and declared name.
    pub address: Address,
    /// Path of the static; `None` for the default API that nobody declared.
    pub path: Option<String>,
    /// The knobs.
    pub spec: Spec,
    /// Where the declaration stands; for the default API, its first route.
    pub span: SourceSpan,
}

impl Resource {
    /// The name of its static, for sentences that say what to write.
    pub(crate) fn static_name(&self) -> &str {
        let path = self.path.as_deref();
        path.and_then(|path| path.rsplit("::").next())
            .unwrap_or(&self.id.name)
    }
}

/// The knobs of a resource, by its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spec {
    /// Of an API.
    HttpApi(HttpApiSpec),
    /// Of a queue.
    Queue(QueueSpec),
    /// Of a topic.
    Topic(TopicSpec),
    /// Of a stream.
    Stream(StreamSpec),
    /// Of a bus.
    EventBus(EventBusSpec),
    /// Of a table.
    Table(TableSpec),
    /// Of a bucket.
    Bucket(BucketSpec),
    /// Of a secret.
    Secret(SecretSpec),
    /// Of a configuration value.
    Config(ConfigSpec),
}

impl Spec {
    /// Reads the knobs of a declaration.
    ///
    /// # Errors
    /// When a key is missing, or when the kind is one whose declaration is a handler and not a
    /// resource.
    pub fn decode(resource: &ResourceDescriptor) -> Result<Spec, SpecError> {
        let config = &resource.config;
        match resource.kind {
            Kind::HttpApi => HttpApiSpec::decode(config).map(Spec::HttpApi),
            Kind::Queue => QueueSpec::decode(config).map(Spec::Queue),
            Kind::Topic => TopicSpec::decode(config).map(Spec::Topic),
            Kind::Stream => StreamSpec::decode(config).map(Spec::Stream),
            Kind::EventBus => EventBusSpec::decode(config).map(Spec::EventBus),
            Kind::Table => TableSpec::decode(config).map(Spec::Table),
            Kind::Bucket => BucketSpec::decode(config).map(Spec::Bucket),
            Kind::Secret => SecretSpec::decode(config).map(Spec::Secret),
            Kind::Config => ConfigSpec::decode(config).map(Spec::Config),
            Kind::Function | Kind::Schedule => Err(SpecError { key: "kind" }),
        }
    }
}

/// What a unit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitSort {
    /// Serves the routes of one API.
    Api,
    /// Takes the events of one resource.
    Events(Edge),
    /// Is invoked by its callers.
    Function,
    /// Is invoked by the clock.
    Schedule,
}

impl UnitSort {
    /// The word used in output and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            UnitSort::Api => "api",
            UnitSort::Events(edge) => edge.as_str(),
            UnitSort::Function => "function",
            UnitSort::Schedule => "schedule",
        }
    }
}

impl fmt::Display for UnitSort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One deployable unit: a set of handlers with one identity, one scaling rule, one rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The name as the application sees it.
    pub name: String,
    /// Package and declared name.
    pub address: Address,
    /// What it is for.
    pub sort: UnitSort,
    /// Memory, time-out, scaling.
    pub spec: UnitSpec,
    /// Its handlers by path. One, except for an API, which has one per route.
    pub handlers: Vec<Handler>,
    /// Where the unit is declared: its function, or its API.
    pub span: SourceSpan,
}

/// A function that the platform invokes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Handler {
    /// Its path, for example `orders::fulfil`.
    pub path: String,
    /// Where its name stands.
    pub span: SourceSpan,
}

/// The edge from an event source to the handler it invokes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// The unit that runs the handler.
    pub unit: String,
    /// The handler.
    pub handler: Handler,
    /// What makes it run.
    pub source: Source,
}

/// What makes a handler run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A request to a route of the API that the unit is named after.
    Route {
        /// Upper-case method.
        method: String,
        /// Path template.
        path: String,
    },
    /// A direct invocation.
    Call,
    /// The clock.
    Schedule(ScheduleSpec),
    /// Events of a resource.
    Events {
        /// The resource.
        resource: ResourceId,
        /// The edge and its knobs.
        spec: EdgeSpec,
    },
}

/// The edge from a topic to a queue that takes its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The queue.
    pub queue: ResourceId,
    /// The topic.
    pub topic: ResourceId,
    /// Which messages.
    pub selection: Selection,
}

/// The edge from a unit to a resource, or to a function, that it uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The unit.
    pub unit: String,
    /// What it uses.
    pub resource: ResourceId,
    /// The verbs that the unit's code can reach, sorted.
    pub grants: Vec<Verb>,
}

impl Graph {
    /// The unit of this name.
    pub fn unit(&self, name: &str) -> Option<&Unit> {
        self.units.iter().find(|unit| unit.name == name)
    }

    /// The resource of this kind and name.
    pub fn resource(&self, id: &ResourceId) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.id == *id)
    }

    /// The resources of one kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Resource> {
        self.resources
            .iter()
            .filter(move |resource| resource.id.kind == kind)
    }

    /// Whether something takes what a topic, a queue or another source of events has: a handler, or
    /// a queue that subscribes.
    pub(crate) fn is_consumed(&self, source: &ResourceId) -> bool {
        let triggers = self.triggers.iter();
        let mut by_handlers = triggers.filter_map(|trigger| match &trigger.source {
            Source::Events { resource, .. } => Some(resource),
            _ => None,
        });
        by_handlers.any(|resource| resource == source)
            || (self.subscriptions.iter()).any(|subscription| subscription.topic == *source)
    }

    /// The triggers of one unit.
    pub fn triggers_of<'a>(&'a self, unit: &'a str) -> impl Iterator<Item = &'a Trigger> {
        self.triggers
            .iter()
            .filter(move |trigger| trigger.unit == unit)
    }
}
