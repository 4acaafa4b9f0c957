//! The graph as JSON.

use super::PlaceJson;
use crate::{
    Binding, Graph, Handler, Resource, ResourceId, Source, Spec, Subscription, Trigger, Unit,
};
use ifc_manifest::ProviderId;
use ifc_manifest::kind::edge::{RetrySpec, Selection};
use ifc_manifest::kind::event_bus::{Match, Pattern};
use ifc_manifest::kind::http_api::{Cors, SAMPLE_ALL};
use ifc_manifest::kind::table::{Index, Key};
use ifc_manifest::kind::topic::{Filter, Test};
use ifc_manifest::kind::unit::UnitSpec;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// The graph of one application.
#[derive(Clone, Debug, Serialize)]
pub struct GraphJson {
    version: u32,
    application: ApplicationJson,
    resources: Vec<ResourceJson>,
    units: Vec<UnitJson>,
    triggers: Vec<TriggerJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions: Vec<SubscriptionJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bindings: Option<Vec<BindingJson>>,
}

#[derive(Clone, Debug, Serialize)]
struct ApplicationJson {
    package: String,
    version: String,
    targets: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<PlaceJson>,
}

#[derive(Clone, Debug, Serialize)]
struct ResourceIdJson {
    kind: &'static str,
    name: String,
}

#[derive(Clone, Debug, Serialize)]
struct ResourceJson {
    #[serde(flatten)]
    id: ResourceIdJson,
    package: String,
    /// Absent for the default API that nobody declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    spec: SpecJson,
    place: PlaceJson,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum SpecJson {
    HttpApi {
        access_log: bool,
        access_log_sample: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        cors: Option<CorsJson>,
    },
    Queue {
        fifo: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        lease_seconds: Option<f64>,
        retention_seconds: f64,
        max_attempts: u32,
        min_backoff_seconds: f64,
        max_backoff_seconds: f64,
    },
    Topic {
        fifo: bool,
    },
    Stream {
        retention_seconds: f64,
    },
    EventBus {
        filterable: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
    Table {
        key: KeyJson,
        #[serde(skip_serializing_if = "Option::is_none")]
        sort: Option<KeyJson>,
        indexes: Vec<IndexJson>,
        #[serde(skip_serializing_if = "Option::is_none")]
        ttl: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        point_in_time_recovery: Option<bool>,
        isolated: bool,
        stream: &'static str,
        retention: &'static str,
    },
    Bucket {
        expiry: Vec<ExpiryJson>,
        retention: &'static str,
    },
    Secret {
        #[serde(skip_serializing_if = "Option::is_none")]
        generated: Option<GeneratedJson>,
        retention: &'static str,
    },
    Config {
        dynamic: bool,
        /// As JSON text.
        #[serde(skip_serializing_if = "Option::is_none")]
        default: Option<String>,
    },
}

#[derive(Clone, Debug, Serialize)]
struct CorsJson {
    origins: Vec<String>,
    methods: Vec<String>,
    headers: Vec<String>,
    max_age_seconds: f64,
    credentials: bool,
}

#[derive(Clone, Debug, Serialize)]
struct KeyJson {
    name: String,
    #[serde(rename = "type")]
    scalar: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct IndexJson {
    name: String,
    key: KeyJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort: Option<KeyJson>,
}

#[derive(Clone, Debug, Serialize)]
struct ExpiryJson {
    prefix: String,
    after_seconds: f64,
}

#[derive(Clone, Debug, Serialize)]
struct GeneratedJson {
    length: u32,
    charset: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct UnitJson {
    name: String,
    sort: &'static str,
    package: String,
    spec: UnitSpecJson,
    handlers: Vec<HandlerJson>,
    place: PlaceJson,
}

#[derive(Clone, Debug, Serialize)]
struct UnitSpecJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_mb: Option<u32>,
    timeout_seconds: f64,
    max_instances: u32,
    min_instances: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<u32>,
    arch: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct HandlerJson {
    path: String,
    place: PlaceJson,
}

#[derive(Clone, Debug, Serialize)]
struct TriggerJson {
    unit: String,
    handler: String,
    source: SourceJson,
}

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum SourceJson {
    Route {
        method: String,
        path: String,
    },
    Call,
    Schedule {
        #[serde(skip_serializing_if = "Option::is_none")]
        cron: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        every_seconds: Option<f64>,
        time_zone: String,
        retries: u32,
        /// As JSON text.
        #[serde(skip_serializing_if = "Option::is_none")]
        input: Option<String>,
    },
    Events {
        edge: &'static str,
        resource: ResourceIdJson,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry: Option<RetryJson>,
        #[serde(skip_serializing_if = "Option::is_none")]
        filter: Option<BTreeMap<String, TestJson>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        keys: Option<KeysJson>,
        #[serde(skip_serializing_if = "Option::is_none")]
        pattern: Option<Box<PatternJson>>,
        batch: u32,
        max_wait_seconds: f64,
        max_concurrency: u32,
    },
}

#[derive(Clone, Debug, Serialize)]
struct KeysJson {
    prefix: String,
    suffix: String,
}

#[derive(Clone, Debug, Serialize)]
struct RetryJson {
    max_attempts: u32,
    min_backoff_seconds: f64,
    max_backoff_seconds: f64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum TestJson {
    AnyOf(Vec<String>),
    Prefix(String),
    Exists(bool),
    NotIn(Vec<String>),
}

#[derive(Clone, Debug, Serialize)]
struct PatternJson {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    event_type: Option<TestJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<TestJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<TestJson>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Debug, Serialize)]
struct SubscriptionJson {
    queue: String,
    topic: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<BTreeMap<String, TestJson>>,
}

#[derive(Clone, Debug, Serialize)]
struct BindingJson {
    unit: String,
    resource: ResourceIdJson,
    grants: Vec<&'static str>,
}

/// The graph in its published form.
pub fn graph(graph: &Graph) -> GraphJson {
    GraphJson {
        version: super::VERSION,
        application: ApplicationJson {
            package: graph.application.package.clone(),
            version: graph.application.version.clone(),
            targets: (graph.application.targets.iter())
                .map(ProviderId::as_str)
                .collect(),
            place: graph.application.span.as_ref().map(PlaceJson::of),
        },
        resources: graph.resources.iter().map(resource).collect(),
        units: graph.units.iter().map(unit).collect(),
        triggers: graph.triggers.iter().map(trigger).collect(),
        subscriptions: graph.subscriptions.iter().map(subscription).collect(),
        bindings: graph
            .bindings
            .as_ref()
            .map(|bindings| bindings.iter().map(binding).collect()),
    }
}

fn id(id: &ResourceId) -> ResourceIdJson {
    ResourceIdJson {
        kind: id.kind.as_str(),
        name: id.name.clone(),
    }
}

fn resource(resource: &Resource) -> ResourceJson {
    ResourceJson {
        id: id(&resource.id),
        package: resource.address.package.clone(),
        path: resource.path.clone(),
        spec: spec(&resource.spec),
        place: PlaceJson::of(&resource.span),
    }
}

fn spec(spec: &Spec) -> SpecJson {
    match spec {
        // The unit's own knobs stand at the unit of the API.
        Spec::HttpApi(api) => SpecJson::HttpApi {
            access_log: api.access_log,
            access_log_sample: f64::from(api.access_log_sample) / f64::from(SAMPLE_ALL),
            cors: api.cors.as_ref().map(cors),
        },
        Spec::Queue(queue) => SpecJson::Queue {
            fifo: queue.fifo,
            lease_seconds: queue.lease.map(seconds),
            retention_seconds: seconds(queue.retention),
            max_attempts: queue.retry.max_attempts,
            min_backoff_seconds: seconds(queue.retry.min_backoff),
            max_backoff_seconds: seconds(queue.retry.max_backoff),
        },
        Spec::Topic(topic) => SpecJson::Topic { fifo: topic.fifo },
        Spec::Stream(stream) => SpecJson::Stream {
            retention_seconds: seconds(stream.retention),
        },
        Spec::EventBus(bus) => SpecJson::EventBus {
            filterable: bus.filterable.clone(),
            owner: bus.owner.clone(),
        },
        Spec::Table(table) => SpecJson::Table {
            key: key(&table.key),
            sort: table.sort.as_ref().map(key),
            indexes: table.indexes.iter().map(index).collect(),
            ttl: table.ttl.clone(),
            version: table.version.clone(),
            point_in_time_recovery: table.knobs.point_in_time_recovery,
            isolated: table.knobs.isolated,
            stream: table.knobs.stream.as_str(),
            retention: table.knobs.retention.as_str(),
        },
        Spec::Bucket(bucket) => SpecJson::Bucket {
            expiry: bucket
                .expiry
                .iter()
                .map(|rule| ExpiryJson {
                    prefix: rule.prefix.clone(),
                    after_seconds: seconds(rule.after),
                })
                .collect(),
            retention: bucket.retention.as_str(),
        },
        Spec::Secret(secret) => SpecJson::Secret {
            generated: secret.generated.map(|(length, charset)| GeneratedJson {
                length,
                charset: charset.as_str(),
            }),
            retention: secret.retention.as_str(),
        },
        Spec::Config(config) => SpecJson::Config {
            dynamic: config.dynamic,
            default: config.default.clone(),
        },
    }
}

fn cors(cors: &Cors) -> CorsJson {
    CorsJson {
        origins: cors.origins.clone(),
        methods: cors.methods.clone(),
        headers: cors.headers.clone(),
        max_age_seconds: seconds(cors.max_age),
        credentials: cors.credentials,
    }
}

fn key(key: &Key) -> KeyJson {
    KeyJson {
        name: key.name.clone(),
        scalar: key.scalar.as_str(),
    }
}

fn index(index: &Index) -> IndexJson {
    IndexJson {
        name: index.name.clone(),
        key: key(&index.key),
        sort: index.sort.as_ref().map(key),
    }
}

fn unit(unit: &Unit) -> UnitJson {
    UnitJson {
        name: unit.name.clone(),
        sort: unit.sort.as_str(),
        package: unit.address.package.clone(),
        spec: unit_spec(&unit.spec),
        handlers: unit.handlers.iter().map(handler).collect(),
        place: PlaceJson::of(&unit.span),
    }
}

fn unit_spec(spec: &UnitSpec) -> UnitSpecJson {
    UnitSpecJson {
        memory_mb: spec.memory_mb,
        timeout_seconds: seconds(spec.timeout),
        max_instances: spec.max_instances,
        min_instances: spec.min_instances,
        concurrency: spec.concurrency,
        arch: spec.arch.as_str(),
    }
}

fn handler(handler: &Handler) -> HandlerJson {
    HandlerJson {
        path: handler.path.clone(),
        place: PlaceJson::of(&handler.span),
    }
}

fn trigger(trigger: &Trigger) -> TriggerJson {
    TriggerJson {
        unit: trigger.unit.clone(),
        handler: trigger.handler.path.clone(),
        source: source(&trigger.source),
    }
}

fn source(source: &Source) -> SourceJson {
    use ifc_manifest::kind::schedule::Timing;
    match source {
        Source::Route { method, path } => SourceJson::Route {
            method: method.clone(),
            path: path.clone(),
        },
        Source::Call => SourceJson::Call,
        Source::Schedule(schedule) => SourceJson::Schedule {
            cron: schedule.expression.clone(),
            every_seconds: match schedule.timing {
                Timing::Cron(_) => None,
                Timing::Rate(rate) => Some(seconds(rate.every())),
            },
            time_zone: schedule.time_zone.clone(),
            retries: schedule.retries,
            input: schedule.input.clone(),
        },
        Source::Events { resource, spec } => SourceJson::Events {
            edge: spec.edge.as_str(),
            resource: id(resource),
            retry: spec.retry.as_ref().map(retry),
            filter: match &spec.selection {
                Selection::Attributes(filter) => Some(tests(filter)),
                _ => None,
            },
            keys: match &spec.selection {
                Selection::Keys(filter) => Some(KeysJson {
                    prefix: filter.prefix.clone(),
                    suffix: filter.suffix.clone(),
                }),
                _ => None,
            },
            pattern: match &spec.selection {
                Selection::Pattern(found) => Some(Box::new(pattern(found))),
                _ => None,
            },
            batch: spec.consumer.batch,
            max_wait_seconds: seconds(spec.consumer.max_wait),
            max_concurrency: spec.consumer.max_concurrency,
        },
    }
}

fn retry(retry: &RetrySpec) -> RetryJson {
    RetryJson {
        max_attempts: retry.max_attempts,
        min_backoff_seconds: seconds(retry.min_backoff),
        max_backoff_seconds: seconds(retry.max_backoff),
    }
}

fn tests(filter: &Filter) -> BTreeMap<String, TestJson> {
    let test = |(key, test): (&String, &Test)| {
        let test = match test {
            Test::AnyOf(values) => TestJson::AnyOf(values.clone()),
            Test::Prefix(prefix) => TestJson::Prefix(prefix.clone()),
            Test::Exists => TestJson::Exists(true),
            Test::NotIn(values) => TestJson::NotIn(values.clone()),
        };
        (key.clone(), test)
    };
    filter.tests.iter().map(test).collect()
}

fn pattern(pattern: &Pattern) -> PatternJson {
    let test = |test: &Option<Match>| match test {
        None => None,
        Some(Match::AnyOf(values)) => Some(TestJson::AnyOf(values.clone())),
        Some(Match::Prefix(prefix)) => Some(TestJson::Prefix(prefix.clone())),
    };
    PatternJson {
        event_type: test(&pattern.event_type),
        source: test(&pattern.source),
        subject: test(&pattern.subject),
        fields: pattern.fields.clone(),
    }
}

fn subscription(subscription: &Subscription) -> SubscriptionJson {
    SubscriptionJson {
        queue: subscription.queue.name.clone(),
        topic: subscription.topic.name.clone(),
        filter: match &subscription.selection {
            Selection::Attributes(filter) => Some(tests(filter)),
            _ => None,
        },
    }
}

fn binding(binding: &Binding) -> BindingJson {
    BindingJson {
        unit: binding.unit.clone(),
        resource: id(&binding.resource),
        grants: binding.grants.iter().map(|verb| verb.as_str()).collect(),
    }
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
