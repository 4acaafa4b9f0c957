//! Hand-made descriptors for tests, here and in the crates that build on the graph: an application
//! `shop`, whose declarations stand on one line each of `src/main.rs`.
#![allow(missing_docs)]

use crate::{Diagnostic, Graph};
use ifc_manifest::format::Value;
use ifc_manifest::kind::config::ConfigKnobs;
use ifc_manifest::kind::edge::{ConsumerSpec, RetrySpec};
use ifc_manifest::kind::event_bus::{EventBusKnobs, PatternKnobs};
use ifc_manifest::kind::http_api::HttpApiKnobs;
use ifc_manifest::kind::queue::QueueSpec;
use ifc_manifest::kind::secret::SecretSpec;
use ifc_manifest::kind::stream::{self, StreamSpec};
use ifc_manifest::kind::subscription::SubscriptionKnobs;
use ifc_manifest::kind::table::{IndexSchema, ItemSchema, KeySchema, Scalar, TableKnobs};
use ifc_manifest::kind::topic::TopicSpec;
use ifc_manifest::kind::unit::UnitSpec;
use ifc_manifest::{
    Address, ApplicationDescriptor, Descriptor, HandlerDescriptor, Kind, ProviderId,
    ResourceDescriptor, SourceSpan, Targets, Trigger,
};
use std::time::Duration;

/// The package of the application.
pub const PACKAGE: &str = "shop";

#[derive(Clone, Default)]
pub struct Fixture {
    pub descriptors: Vec<Descriptor>,
}

/// The codes of the findings, in order.
pub fn codes(fixture: &Fixture) -> Vec<&'static str> {
    fixture
        .findings()
        .iter()
        .map(|finding| finding.code)
        .collect()
}

impl Fixture {
    pub fn empty() -> Fixture {
        Fixture::default()
    }

    pub fn new() -> Fixture {
        Fixture::empty().application(PACKAGE)
    }

    /// One of everything.
    pub fn shop() -> Fixture {
        Fixture::new()
            .table("orders")
            .queue("fulfilment")
            .secret("payment-key")
            .config("limit", Some("3"))
            .route("POST", "/orders")
            .route("GET", "/orders/{id}")
            .consumer("fulfil", "fulfilment")
            .schedule("nightly", "0 3 * * *", "Europe/Rome")
            .function("report")
            .resource_of("audit", Kind::Table, "trail", Fixture::table_config())
    }

    pub fn build(&self) -> (Graph, Vec<Diagnostic>) {
        crate::build(&self.descriptors)
    }

    pub fn findings(&self) -> Vec<Diagnostic> {
        self.build().1
    }

    /// The place of the declaration number `count` (from 0) of this kind and name.
    pub fn span_of(&self, kind: Kind, name: &str, count: usize) -> SourceSpan {
        self.descriptors
            .iter()
            .filter_map(|descriptor| match descriptor {
                Descriptor::Resource(r) if r.kind == kind && r.address.name == name => {
                    Some(&r.span)
                }
                _ => None,
            })
            .nth(count)
            .expect("the fixture has that many")
            .clone()
    }

    fn span(&self) -> SourceSpan {
        SourceSpan {
            file: "src/main.rs".into(),
            line: self.descriptors.len() as u32 + 1,
            column: 12,
            length: 6,
        }
    }

    fn push(mut self, descriptor: Descriptor) -> Fixture {
        self.descriptors.push(descriptor);
        self
    }

    pub fn application(self, package: &str) -> Fixture {
        let span = self.span();
        self.push(Descriptor::Application(ApplicationDescriptor {
            package: package.into(),
            version: "0.1.0".into(),
            targets: Targets::ALL,
            span,
        }))
    }

    /// The application that was declared last, for these providers only.
    pub fn targets(mut self, providers: &[ProviderId]) -> Fixture {
        for descriptor in &mut self.descriptors {
            if let Descriptor::Application(application) = descriptor {
                application.targets = providers.iter().copied().collect();
            }
        }
        self
    }

    pub fn resource_of(self, package: &str, kind: Kind, name: &str, config: Value) -> Fixture {
        let span = self.span();
        let identifier = name.to_uppercase().replace('-', "_");
        self.push(Descriptor::Resource(ResourceDescriptor {
            address: Address::new(package, name),
            kind,
            path: format!("{package}::{identifier}"),
            config,
            span,
        }))
    }

    pub fn table_config() -> Value {
        const SCHEMA: ItemSchema = ItemSchema {
            key: KeySchema {
                name: "id",
                scalar: Scalar::String,
            },
            sort: None,
            indexes: &[IndexSchema {
                name: "by-customer",
                key: KeySchema {
                    name: "customer",
                    scalar: Scalar::String,
                },
                sort: None,
            }],
            ttl: None,
            version: None,
        };
        Value::written(|encoder| TableKnobs::DEFAULT.encode(&SCHEMA, encoder))
    }

    pub fn table(self, name: &str) -> Fixture {
        self.resource_of(PACKAGE, Kind::Table, name, Fixture::table_config())
    }

    pub fn queue(self, name: &str) -> Fixture {
        self.queue_with_lease(name, None)
    }

    pub fn queue_with_lease(self, name: &str, lease: Option<u64>) -> Fixture {
        let spec = QueueSpec {
            lease: lease.map(Duration::from_secs),
            ..QueueSpec::DEFAULT
        };
        self.queue_with(name, spec)
    }

    pub fn queue_with(self, name: &str, spec: QueueSpec) -> Fixture {
        self.resource_of(
            PACKAGE,
            Kind::Queue,
            name,
            Value::written(|encoder| spec.encode(encoder)),
        )
    }

    pub fn table_with_stream(self, name: &str) -> Fixture {
        let mut config = Fixture::table_config();
        insert(&mut config, "stream", Value::Text("new-image".into()));
        self.resource_of(PACKAGE, Kind::Table, name, config)
    }

    pub fn stream(self, name: &str) -> Fixture {
        let config = Value::written(|encoder| StreamSpec::DEFAULT.encode(encoder));
        self.resource_of(PACKAGE, Kind::Stream, name, config)
    }

    pub fn queue_subscribed_to(self, name: &str, topic: &'static str) -> Fixture {
        let subscriptions = SubscriptionKnobs::NONE.to(PACKAGE, topic, false);
        let config = Value::written(|encoder| {
            QueueSpec::DEFAULT.encode(encoder);
            subscriptions.encode(encoder);
        });
        self.resource_of(PACKAGE, Kind::Queue, name, config)
    }

    pub fn topic(self, name: &str) -> Fixture {
        let config = Value::written(|encoder| TopicSpec::DEFAULT.encode(encoder));
        self.resource_of(PACKAGE, Kind::Topic, name, config)
    }

    pub fn event_bus(self, name: &str, knobs: EventBusKnobs) -> Fixture {
        let config = Value::written(|encoder| knobs.encode(encoder));
        self.resource_of(PACKAGE, Kind::EventBus, name, config)
    }

    pub fn secret(self, name: &str) -> Fixture {
        let config = Value::written(|encoder| SecretSpec::DEFAULT.encode(encoder));
        self.resource_of(PACKAGE, Kind::Secret, name, config)
    }

    pub fn config(self, name: &str, default: Option<&str>) -> Fixture {
        let mut config = Value::written(|encoder| ConfigKnobs::DEFAULT.encode(encoder));
        if let Some(default) = default {
            insert(&mut config, "default", Value::Text(default.into()));
        }
        self.resource_of(PACKAGE, Kind::Config, name, config)
    }

    pub fn api(self, name: &str) -> Fixture {
        let config = Value::written(|encoder| HttpApiKnobs::DEFAULT.encode(encoder));
        self.resource_of(PACKAGE, Kind::HttpApi, name, config)
    }

    pub fn api_with_timeout(self, name: &str, seconds: u64) -> Fixture {
        let mut knobs = HttpApiKnobs::DEFAULT;
        knobs.unit.timeout = Duration::from_secs(seconds);
        let config = Value::written(|encoder| knobs.encode(encoder));
        self.resource_of(PACKAGE, Kind::HttpApi, name, config)
    }

    /// Changes the unit of the handler that was declared last.
    pub fn unit(mut self, edit: impl Fn(&mut UnitSpec)) -> Fixture {
        if let Some(Descriptor::Handler(handler)) = self.descriptors.last_mut() {
            handler.unit.iter_mut().for_each(edit);
        }
        self
    }

    fn handler(self, package: &str, name: &str, trigger: Trigger, timeout: Option<u64>) -> Fixture {
        let span = self.span();
        self.push(Descriptor::Handler(HandlerDescriptor {
            address: Address::new(package, name),
            path: format!("{package}::{}", name.replace('-', "_")),
            trigger,
            unit: timeout.map(|timeout| UnitSpec::new(Duration::from_secs(timeout))),
            span,
        }))
    }

    pub fn route(self, method: &str, path: &str) -> Fixture {
        self.route_at(None, method, path)
    }

    pub fn route_of(self, api: &str, method: &str, path: &str) -> Fixture {
        self.route_at(Some(Address::new(PACKAGE, api)), method, path)
    }

    fn route_at(self, api: Option<Address>, method: &str, path: &str) -> Fixture {
        let name = format!("route-{}", self.descriptors.len());
        let (method, path) = (method.into(), path.into());
        self.handler(PACKAGE, &name, Trigger::Http { api, method, path }, None)
    }

    pub fn consumer(self, name: &str, queue: &str) -> Fixture {
        self.consumer_with_timeout(name, queue, 60)
    }

    pub fn consumer_with_timeout(self, name: &str, queue: &str, timeout: u64) -> Fixture {
        let trigger = Trigger::Source {
            resource: Address::new(PACKAGE, queue),
            edge: "consumer".into(),
            config: Value::written(|encoder| ConsumerSpec::DEFAULT.encode(encoder)),
        };
        self.handler(PACKAGE, name, trigger, Some(timeout))
    }

    pub fn subscriber(self, name: &str, topic: &str) -> Fixture {
        let trigger = Trigger::Source {
            resource: Address::new(PACKAGE, topic),
            edge: "subscriber".into(),
            config: Value::written(|encoder| {
                ConsumerSpec::DEFAULT.encode(encoder);
                RetrySpec::DEFAULT.encode(encoder);
            }),
        };
        self.handler(PACKAGE, name, trigger, Some(60))
    }

    pub fn stream_consumer(self, name: &str, stream: &str) -> Fixture {
        let trigger = Trigger::Source {
            resource: Address::new(PACKAGE, stream),
            edge: "stream_consumer".into(),
            config: Value::written(|encoder| {
                stream::CONSUMER_DEFAULT.encode(encoder);
                stream::RETRY_DEFAULT.encode(encoder);
            }),
        };
        self.handler(PACKAGE, name, trigger, Some(60))
    }

    pub fn follower(self, name: &str, table: &str) -> Fixture {
        let trigger = Trigger::Source {
            resource: Address::new(PACKAGE, table),
            edge: "on_change".into(),
            config: Value::written(|encoder| {
                ConsumerSpec::DEFAULT.encode(encoder);
                RetrySpec::DEFAULT.encode(encoder);
            }),
        };
        self.handler(PACKAGE, name, trigger, Some(60))
    }

    pub fn rule(self, name: &str, bus: &str, pattern: PatternKnobs) -> Fixture {
        let trigger = Trigger::Source {
            resource: Address::new(PACKAGE, bus),
            edge: "on_event".into(),
            config: Value::written(|encoder| {
                ConsumerSpec::DEFAULT.encode(encoder);
                RetrySpec::DEFAULT.encode(encoder);
                pattern.encode(encoder);
            }),
        };
        self.handler(PACKAGE, name, trigger, Some(60))
    }

    pub fn function(self, name: &str) -> Fixture {
        self.function_of(PACKAGE, name)
    }

    pub fn function_of(self, package: &str, name: &str) -> Fixture {
        self.handler(package, name, Trigger::Call, Some(60))
    }

    pub fn schedule(self, name: &str, cron: &str, zone: &str) -> Fixture {
        self.schedule_of(name, cron, zone, None)
    }

    pub fn schedule_with_input(self, name: &str, input: &str) -> Fixture {
        self.schedule_of(name, "0 3 * * *", "UTC", Some(input))
    }

    fn schedule_of(self, name: &str, cron: &str, zone: &str, input: Option<&str>) -> Fixture {
        let mut config = Value::empty();
        insert(&mut config, "cron", Value::Text(cron.into()));
        insert(&mut config, "time_zone", Value::Text(zone.into()));
        insert(&mut config, "retries", Value::Integer(2));
        if let Some(input) = input {
            insert(&mut config, "input", Value::Text(input.into()));
        }
        self.handler(PACKAGE, name, Trigger::Schedule(config), Some(60))
    }
}

fn insert(map: &mut Value, key: &str, value: Value) {
    if let Value::Map(entries) = map {
        entries.insert(key.into(), value);
    }
}
