//! Stages in directories, driven by the engine: what is made, what changes, what goes and what
//! stays.
#![allow(clippy::unwrap_used)]

use ifc_engine::{
    ApplyOptions, Blueprint, Consents, MemoryStore, Patience, Plan, PlanOptions, Session, Setup,
    StopSignal, Summary, VirtualClock,
};
use ifc_graph::Graph;
use ifc_local::offline::Store;
use ifc_local::{Local, Storage};
use ifc_local_deploy::{Artifact, Stage, lower};
use ifc_manifest::format::Value;
use ifc_manifest::kind::edge::{ConsumerSpec, Edge, RetrySpec};
use ifc_manifest::kind::queue::QueueSpec;
use ifc_manifest::kind::table::{ItemSchema, KeySchema, TableKnobs};
use ifc_manifest::kind::topic::TopicSpec;
use ifc_manifest::kind::unit::UnitSpec;
use ifc_manifest::{
    Address, ApplicationDescriptor, Descriptor, HandlerDescriptor, Kind, ResourceDescriptor,
    SourceSpan, Targets, Trigger,
};
use ifc_runtime::application::Handler;
use ifc_runtime::handler::Thunk;
use ifc_runtime::queue::{OutgoingMessage, QueueOperations as _};
use ifc_runtime::table::TableOperations as _;
use ifc_runtime::{Application, SystemClock, Target, TraceContext};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

fn span(line: u32) -> SourceSpan {
    SourceSpan {
        file: "src/main.rs".into(),
        line,
        column: 1,
        length: 1,
    }
}

fn resource(kind: Kind, name: &str, config: Value) -> ResourceDescriptor {
    ResourceDescriptor {
        address: Address::new("shop", name),
        kind,
        path: format!("shop::{name}"),
        config,
        span: span(3),
    }
}

fn queue(name: &str, spec: QueueSpec) -> ResourceDescriptor {
    resource(
        Kind::Queue,
        name,
        Value::written(|encoder| spec.encode(encoder)),
    )
}

const KEY: ItemSchema = ItemSchema {
    key: KeySchema {
        name: "id",
        scalar: ifc_manifest::kind::table::Scalar::String,
    },
    sort: None,
    indexes: &[],
    ttl: None,
    version: None,
};

fn table(name: &str) -> ResourceDescriptor {
    let config = Value::written(|encoder| TableKnobs::DEFAULT.encode(&KEY, encoder));
    resource(Kind::Table, name, config)
}

fn subscriber(name: &str, topic: &str) -> HandlerDescriptor {
    HandlerDescriptor {
        address: Address::new("shop", name),
        path: format!("shop::{name}"),
        trigger: Trigger::Source {
            resource: Address::new("shop", topic),
            edge: Edge::Subscriber.as_str().into(),
            config: Value::written(|encoder| {
                ConsumerSpec::DEFAULT.encode(encoder);
                RetrySpec::DEFAULT.encode(encoder);
            }),
        },
        unit: Some(UnitSpec::new(Duration::from_secs(60))),
        span: span(9),
    }
}

/// An application: a table, a queue and a topic with a subscriber.
#[derive(Clone)]
struct Shop {
    resources: Vec<ResourceDescriptor>,
    handlers: Vec<HandlerDescriptor>,
}

fn shop() -> Shop {
    let topic = Value::written(|encoder| TopicSpec::DEFAULT.encode(encoder));
    Shop {
        resources: vec![
            table("orders"),
            queue("jobs", QueueSpec::DEFAULT),
            resource(Kind::Topic, "events", topic),
        ],
        handlers: vec![subscriber("tell", "events")],
    }
}

impl Shop {
    fn graph(&self) -> Graph {
        let application = Descriptor::Application(ApplicationDescriptor {
            package: "shop".into(),
            version: "0.1.0".into(),
            targets: Targets::ALL,
            span: span(1),
        });
        let resources = self.resources.iter().cloned().map(Descriptor::Resource);
        let handlers = self.handlers.iter().cloned().map(Descriptor::Handler);
        let descriptors: Vec<Descriptor> = [application]
            .into_iter()
            .chain(resources)
            .chain(handlers)
            .collect();
        ifc_graph::build(&descriptors).0
    }

    /// The running application on the stage's data.
    fn run(&self, stage: &Stage) -> Arc<Local> {
        let acks = Thunk::Event(|deliveries| {
            Box::pin(async move { vec![ifc_runtime::Outcome::Ack; deliveries.len()] })
        });
        let handlers = self.handlers.iter().cloned();
        let handlers = handlers.map(|descriptor| Handler {
            descriptor,
            thunk: acks,
        });
        let application = Application::new("shop", self.resources.clone(), handlers.collect());
        let storage = Storage::directory(stage.data_directory());
        Local::open(
            Arc::new(application.unwrap()),
            storage,
            Arc::new(SystemClock),
        )
        .unwrap()
    }
}

struct Bench {
    folder: tempfile::TempDir,
    store: Arc<MemoryStore>,
    clock: VirtualClock,
}

impl Bench {
    fn new() -> Bench {
        let bench = Bench {
            folder: tempfile::tempdir().unwrap(),
            store: Arc::new(MemoryStore::new()),
            clock: VirtualClock::new(1),
        };
        bench.build("one");
        bench
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("shop")
    }

    fn build(&self, content: &str) {
        std::fs::write(self.program(), content).unwrap();
    }

    fn stage(&self) -> Stage {
        Stage::new(self.folder.path().join("stage"), Some(self.program()))
    }

    fn part(&self, part: &str) -> PathBuf {
        self.folder.path().join("stage/parts").join(part)
    }

    fn session(&self) -> Session {
        let setup = Setup::new("shop".parse().unwrap(), "dev".parse().unwrap(), 7);
        Session::new(self.store.clone(), Arc::new(self.clock.clone()), setup)
    }

    fn blueprint(&self, shop: &Shop) -> Blueprint {
        let artifact = Artifact::read(self.program()).unwrap();
        let (application, stage) = ("shop".parse().unwrap(), "dev".parse().unwrap());
        lower(&shop.graph(), &artifact, &application, &stage).unwrap()
    }

    fn plan(&self, shop: &Shop) -> Plan {
        let blueprint = self.blueprint(shop);
        let options = PlanOptions::default();
        let session = self.session();
        let planned = session
            .plan(&self.stage(), &blueprint, &options)
            .into_test(self);
        planned.unwrap()
    }

    fn apply_plan(&self, blueprint: &Blueprint, plan: &Plan) -> Summary {
        let (patience, stop) = (Patience::default(), StopSignal::new());
        let options = ApplyOptions {
            patience: &patience,
            stop: &stop,
            observer: &|_| {},
            on_wait: &|_| {},
            presume_dead: &|_| false,
        };
        let session = self.session();
        let stage = self.stage();
        let applied = session.apply(&stage, blueprint, plan, &options);
        applied.into_test(self).unwrap()
    }

    fn apply(&self, shop: &Shop) -> Summary {
        let (blueprint, plan) = (self.blueprint(shop), self.plan(shop));
        self.apply_plan(&blueprint, &plan)
    }

    fn destroy(&self, consents: Consents) -> Summary {
        let (session, stage) = (self.session(), self.stage());
        let options = PlanOptions { consents };
        let plan = session
            .plan_destroy(&stage, &options)
            .into_test(self)
            .unwrap();
        self.apply_plan(&session.nothing(&stage), &plan)
    }
}

/// Runs a future in the bench's virtual time.
trait IntoTest: Future + Sized {
    fn into_test(self, bench: &Bench) -> Self::Output {
        bench.clock.run(self)
    }
}

impl<F: Future> IntoTest for F {}

fn counts(plan: &Plan) -> BTreeMap<&'static str, usize> {
    plan.counts()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

fn fill(local: &Local) {
    let target = |name| Target {
        package: "shop",
        name,
    };
    let order = json!({ "id": "o-1" }).as_object().unwrap().clone();
    let message = OutgoingMessage {
        id: None,
        body: b"1".to_vec(),
        attributes: BTreeMap::new(),
        group: None,
        delay: Duration::ZERO,
        trace: TraceContext::root(),
    };
    block_on(async {
        local
            .put(target("orders"), order, Vec::new())
            .await
            .unwrap();
        local.send(target("jobs"), vec![message]).await.unwrap();
    });
}

#[test]
fn a_stage_is_made_and_a_second_plan_is_empty() {
    let bench = Bench::new();
    let shop = shop();
    let summary = bench.apply(&shop);
    assert!(summary.is_complete(), "{summary:?}");
    assert!(bench.plan(&shop).is_empty());
    for part in [
        "table/orders.table.json",
        "queue/jobs.queue.json",
        "unit/tell.unit.json",
        "subscriber/tell.subscriber.json",
        "program/application.program.json",
    ] {
        assert!(bench.part(part).exists(), "{part}");
    }
    let program = bench.stage().program().unwrap().unwrap();
    assert_eq!(std::fs::read_to_string(program).unwrap(), "one");
}

#[test]
fn a_change_of_code_touches_code_only() {
    let bench = Bench::new();
    bench.apply(&shop());
    bench.build("two");
    let plan = bench.plan(&shop());
    // The program, and the units that run it.
    assert_eq!(counts(&plan).get("update"), Some(&2), "{:?}", counts(&plan));
    assert_eq!(counts(&plan).get("create"), None);
    assert!(bench.apply(&shop()).is_complete());
    let program = bench.stage().program().unwrap().unwrap();
    assert_eq!(std::fs::read_to_string(&program).unwrap(), "two");
    let left = std::fs::read_dir(program.parent().unwrap())
        .unwrap()
        .count();
    assert_eq!(left, 1, "the old program is removed");
}

#[test]
fn a_program_that_was_built_since_the_plan_is_not_deployed() {
    let bench = Bench::new();
    let (blueprint, plan) = (bench.blueprint(&shop()), bench.plan(&shop()));
    bench.build("two");
    let summary = bench.apply_plan(&blueprint, &plan);
    assert!(!summary.is_complete());
    let text = format!("{summary:?}");
    assert!(
        text.contains("was built anew since the plan was made"),
        "{text}"
    );
    assert_eq!(bench.stage().program().unwrap(), None);
}

#[test]
fn what_is_removed_from_the_code_goes_with_its_data_but_what_is_retained() {
    let bench = Bench::new();
    bench.apply(&shop());
    let local = shop().run(&bench.stage());
    fill(&local);
    drop(local);

    let smaller = Shop {
        resources: shop().resources.split_off(2),
        ..shop()
    };
    let plan = bench.plan(&smaller);
    assert_eq!(counts(&plan).get("delete"), Some(&1), "{:?}", counts(&plan));
    assert!(bench.apply(&smaller).is_complete());
    assert!(!bench.part("queue/jobs.queue.json").exists());
    assert!(bench.part("table/orders.table.json").exists());
    assert_eq!(bench.plan(&smaller).orphans.len(), 1);

    let store = Store::open(&bench.stage().data_directory()).unwrap();
    assert!(store.depth("jobs").is_err(), "the queue is forgotten");
    drop(store);
    // The table is there again with what it held.
    assert!(bench.apply(&shop()).is_complete());
    assert!(bench.plan(&shop()).orphans.is_empty());
    let local = shop().run(&bench.stage());
    assert_eq!(local.items("orders").unwrap().len(), 1);
    assert_eq!(local.depth("jobs").unwrap().ready, 0);
}

#[test]
fn destroying_keeps_retained_data_until_told_otherwise() {
    let bench = Bench::new();
    bench.apply(&shop());
    let local = shop().run(&bench.stage());
    fill(&local);
    drop(local);
    assert!(bench.destroy(Consents::default()).is_complete());
    assert!(bench.part("table/orders.table.json").exists());
    assert!(!bench.part("unit/tell.unit.json").exists());
    assert_eq!(bench.stage().program().unwrap(), None);

    let consents = Consents {
        delete: ["orders/table".parse().unwrap()].into(),
        ..Consents::default()
    };
    assert!(bench.destroy(consents).is_complete());
    assert!(!bench.part("table/orders.table.json").exists());
    let local = shop().run(&bench.stage());
    assert!(local.items("orders").unwrap().is_empty());
}

#[test]
fn data_that_a_running_application_declares_is_not_taken_from_it() {
    let bench = Bench::new();
    bench.apply(&shop());
    let local = shop().run(&bench.stage());
    fill(&local);
    let smaller = Shop {
        resources: shop().resources.split_off(2),
        ..shop()
    };
    let summary = bench.apply(&smaller);
    assert!(!summary.is_complete());
    let text = format!("{summary:?}");
    assert!(
        text.contains("the application that serves the stage"),
        "{text}"
    );
    assert_eq!(local.depth("jobs").unwrap().ready, 1);
    drop(local);
    assert!(bench.apply(&smaller).is_complete());
}

#[test]
fn what_was_changed_by_hand_is_seen_and_put_right() {
    let bench = Bench::new();
    bench.apply(&shop());
    let file = bench.part("queue/jobs.queue.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replace("\"max_attempts\": 5", "\"max_attempts\": 50"),
    )
    .unwrap();
    std::fs::remove_file(bench.part("topic/events.topic.json")).unwrap();
    let plan = bench.plan(&shop());
    assert_eq!(plan.drift.len(), 2, "{:?}", plan.drift);
    assert!(bench.apply(&shop()).is_complete());
    assert!(bench.plan(&shop()).is_empty());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn what_is_somebody_elses_is_left_alone() {
    let bench = Bench::new();
    let file = bench.part("queue/jobs.queue.json");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let foreign = r#"{ "tags": { "ifc-app": "other" }, "properties": {} }"#;
    std::fs::write(&file, foreign).unwrap();
    let blueprint = bench.blueprint(&shop());
    let plan = bench.plan(&shop());
    assert!(!plan.is_applicable(), "{plan:?}");
    let text = format!("{:?}", plan.refusals);
    assert!(text.contains("ifc-app=other"), "{text}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), foreign);
    drop(blueprint);
}

#[test]
fn a_change_that_cannot_keep_the_data_is_refused_or_replaced() {
    let bench = Bench::new();
    bench.apply(&shop());
    let fifo = QueueSpec {
        fifo: true,
        ..QueueSpec::DEFAULT
    };
    let mut changed = shop();
    changed.resources[1] = queue("jobs", fifo);
    let plan = bench.plan(&changed);
    assert_eq!(
        counts(&plan).get("replace"),
        Some(&1),
        "{:?}",
        counts(&plan)
    );
    assert!(bench.apply(&changed).is_complete());
    assert!(bench.plan(&changed).is_empty());
}

#[test]
fn what_was_deployed_is_found_without_its_state() {
    let bench = Bench::new();
    bench.apply(&shop());
    for key in bench.store.contents().into_keys() {
        bench.store.tamper(&key, None);
    }
    let smaller = Shop {
        resources: shop().resources.split_off(2),
        ..shop()
    };
    let plan = bench.plan(&smaller);
    assert!(!plan.has_effects(), "{:?}", counts(&plan));
    let orphans: Vec<String> = plan
        .orphans
        .iter()
        .map(|orphan| orphan.address.to_string())
        .collect();
    assert_eq!(orphans, ["jobs/queue", "orders/table"]);
    assert!(bench.apply(&smaller).is_complete());
    assert!(bench.part("queue/jobs.queue.json").exists());
    assert!(bench.plan(&smaller).is_empty());
    // Both are wanted again.
    assert!(bench.apply(&shop()).is_complete());
    assert!(bench.plan(&shop()).orphans.is_empty());
}
