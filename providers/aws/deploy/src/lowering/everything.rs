//! For tests: an application with every kind, every edge and every knob that AWS knows.

use crate::naming::Context;
use ifc_engine::{Blueprint, Fingerprint};
use ifc_graph::fixture::Fixture;
use ifc_graph::{Binding, Graph, ResourceId, Source, Spec, UnitSort};
use ifc_manifest::kind::Retention;
use ifc_manifest::kind::bucket::{BucketSpec, ExpiryRule, KeyFilter};
use ifc_manifest::kind::edge::{ConsumerSpec, Edge, EdgeSpec, RetrySpec, Selection};
use ifc_manifest::kind::event_bus::{EventBusKnobs, MatchKnobs, PatternKnobs};
use ifc_manifest::kind::queue::QueueSpec;
use ifc_manifest::kind::secret::Charset;
use ifc_manifest::kind::table::{ChangeStream, Key, Scalar};
use ifc_manifest::kind::topic::{Filter, Test};
use ifc_manifest::kind::unit::Arch;
use ifc_manifest::{Kind, ProviderId, Targets};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) fn context(stage: &str) -> Context {
    Context {
        account: "123456789012".to_owned(),
        region: "eu-west-1".to_owned(),
        application: "shop".parse().unwrap(),
        stage: stage.parse().unwrap(),
    }
}

pub(crate) fn archive() -> Fingerprint {
    Fingerprint::of(b"an archive")
}

/// The blueprint of [`everything`].
pub(crate) fn blueprint() -> Blueprint {
    super::lower(&everything(), &archive(), &context("dev")).unwrap()
}

pub(crate) fn id(kind: Kind, name: &str) -> ResourceId {
    ResourceId {
        kind,
        name: name.to_owned(),
    }
}

pub(crate) fn spec<'a>(graph: &'a mut Graph, kind: Kind, name: &str) -> &'a mut Spec {
    let wanted = id(kind, name);
    let mut resources = graph.resources.iter_mut();
    let found = resources.find(|resource| resource.id == wanted);
    &mut found.unwrap_or_else(|| panic!("no {wanted}")).spec
}

/// The same unit, run by another source.
fn fed_by(graph: &mut Graph, unit: &str, resource: ResourceId, spec: EdgeSpec) {
    let edge = spec.edge;
    let mut triggers = graph.triggers.iter_mut();
    let trigger = triggers.find(|trigger| trigger.unit == unit).unwrap();
    trigger.source = Source::Events { resource, spec };
    let mut units = graph.units.iter_mut();
    units.find(|known| known.name == unit).unwrap().sort = UnitSort::Events(edge);
}

fn edge(edge: Edge, selection: Selection) -> EdgeSpec {
    EdgeSpec {
        edge,
        consumer: ConsumerSpec::DEFAULT,
        retry: Some(RetrySpec::DEFAULT),
        selection,
    }
}

/// That `unit` may do everything with a resource.
pub(crate) fn bind(graph: &mut Graph, unit: &str, kind: Kind, name: &str) {
    let bindings = graph.bindings.get_or_insert_default();
    bindings.push(Binding {
        unit: unit.to_owned(),
        resource: id(kind, name),
        grants: kind.verbs().to_vec(),
    });
}

pub(crate) fn everything() -> Graph {
    const FIELDS: EventBusKnobs = EventBusKnobs::DEFAULT.filterable(&["data.region"]);
    const FOREIGN: EventBusKnobs = EventBusKnobs::DEFAULT.owned_by("billing");
    const PATTERN: PatternKnobs = PatternKnobs::ANYTHING
        .event_type(MatchKnobs::AnyOf(&["order.paid", "order.lost"]))
        .source(MatchKnobs::Prefix("shop/"))
        .subject(MatchKnobs::Prefix("o-"))
        .field("data.region", &["eu"]);
    let fifo = QueueSpec {
        fifo: true,
        lease: Some(Duration::from_secs(120)),
        retention: Duration::from_secs(3_600),
        ..QueueSpec::DEFAULT
    };
    let fixture = Fixture::new()
        .targets(&[ProviderId::Aws])
        .table("orders")
        .table_with_stream("carts")
        .resource_of("audit", Kind::Table, "trail", Fixture::table_config())
        .queue("fulfilment")
        .queue_with("payments", fifo)
        .queue_subscribed_to("copies", "news")
        .topic("news")
        .topic("ledger")
        .stream("clicks")
        .event_bus("events", FIELDS)
        .event_bus("invoices", FOREIGN)
        .secret("payment-key")
        .secret("signing")
        .config("limit", Some("3"))
        .config("unset", None)
        .topic("uploads")
        .route("GET", "/orders")
        .route_of("admin", "POST", "/reset")
        .api("admin")
        .consumer("fulfil", "fulfilment")
        .consumer("pay", "payments")
        .subscriber("notify", "news")
        .subscriber("book", "ledger")
        .subscriber("resize", "uploads")
        .subscriber("forget", "uploads")
        .rule("react", "events", PATTERN)
        .rule("collect", "invoices", PatternKnobs::ANYTHING)
        .stream_consumer("count", "clicks")
        .follower("index", "carts")
        .function("report")
        .function("charge")
        .unit(|unit| {
            unit.memory_mb = Some(1_024);
            unit.min_instances = 2;
            unit.max_instances = 40;
            unit.arch = Arch::Arm64;
        })
        .schedule("nightly", "30 3 * * MON-FRI", "Europe/Rome")
        .schedule_with_input("hourly", r#"{"full":true}"#);
    let (mut graph, _) = fixture.build();
    graph.application.targets = Targets::only(ProviderId::Aws);
    with_buckets(&mut graph);
    with_knobs(&mut graph);
    graph.bindings = Some(Vec::new());
    let resources: Vec<ResourceId> = (graph.resources.iter())
        .map(|resource| resource.id.clone())
        .filter(|id| !id.kind.verbs().is_empty())
        .collect();
    for ResourceId { kind, name } in resources {
        bind(&mut graph, "api", kind, &name);
    }
    bind(&mut graph, "api", Kind::Function, "charge");
    bind(&mut graph, "report", Kind::Function, "charge");
    bind(&mut graph, "charge", Kind::Function, "report");
    graph
}

/// The hand-made descriptors have no buckets: a topic becomes one.
fn with_buckets(graph: &mut Graph) {
    let bucket = BucketSpec {
        expiry: vec![ExpiryRule {
            prefix: "tmp/".to_owned(),
            after: Duration::from_secs(86_400),
        }],
        retention: Retention::Retain,
    };
    let uploads = id(Kind::Topic, "uploads");
    let mut resources = graph.resources.iter_mut();
    let resource = resources.find(|resource| resource.id == uploads).unwrap();
    resource.id.kind = Kind::Bucket;
    resource.spec = Spec::Bucket(bucket);
    let keys = KeyFilter {
        prefix: "photos/".to_owned(),
        suffix: ".png".to_owned(),
    };
    let uploads = id(Kind::Bucket, "uploads");
    let created = edge(Edge::OnCreated, Selection::Keys(keys));
    fed_by(graph, "resize", uploads.clone(), created);
    let deleted = edge(Edge::OnDeleted, Selection::Everything);
    fed_by(graph, "forget", uploads, deleted);
}

fn with_knobs(graph: &mut Graph) {
    if let Spec::Table(table) = spec(graph, Kind::Table, "orders") {
        table.sort = Some(Key {
            name: "line".to_owned(),
            scalar: Scalar::Number,
        });
        table.ttl = Some("expires_at".to_owned());
        table.knobs.point_in_time_recovery = Some(true);
    }
    if let Spec::Table(table) = spec(graph, Kind::Table, "carts") {
        table.knobs.stream = ChangeStream::NewImage;
        table.knobs.retention = Retention::Delete;
        table.indexes.clear();
    }
    if let Spec::Topic(topic) = spec(graph, Kind::Topic, "ledger") {
        topic.fifo = true;
    }
    if let Spec::Secret(secret) = spec(graph, Kind::Secret, "signing") {
        secret.generated = Some((32, Charset::UrlSafe));
    }
    let tests = BTreeMap::from([
        ("kind".to_owned(), Test::AnyOf(vec!["paid".to_owned()])),
        ("order".to_owned(), Test::Prefix("o-".to_owned())),
        ("region".to_owned(), Test::NotIn(vec!["us".to_owned()])),
    ]);
    let filter = Selection::Attributes(Filter { tests });
    let batching = EdgeSpec {
        consumer: ConsumerSpec {
            batch: 10,
            max_wait: Duration::from_secs(5),
            max_concurrency: 20,
        },
        ..edge(Edge::Subscriber, filter.clone())
    };
    fed_by(graph, "notify", id(Kind::Topic, "news"), batching);
    if let Some(subscription) = graph.subscriptions.first_mut() {
        subscription.selection = filter;
    }
}
