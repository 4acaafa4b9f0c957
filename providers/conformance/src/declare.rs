//! The applications that the suite brings up: declared as the macros would declare them, through
//! the kinds' own encoding.

use crate::script;
use ifc_manifest::format::Value;
use ifc_manifest::kind::bucket::{BucketKnobs, KeyFilterKnobs};
use ifc_manifest::kind::config::ConfigKnobs;
use ifc_manifest::kind::edge::{ConsumerSpec, Edge, RetrySpec};
use ifc_manifest::kind::event_bus::{EventBusKnobs, PatternKnobs};
use ifc_manifest::kind::http_api::HttpApiKnobs;
use ifc_manifest::kind::queue::QueueSpec;
use ifc_manifest::kind::schedule::ScheduleKnobs;
use ifc_manifest::kind::secret::SecretSpec;
use ifc_manifest::kind::stream::{CONSUMER_DEFAULT, StreamSpec};
use ifc_manifest::kind::subscription::SubscriptionKnobs;
use ifc_manifest::kind::table::{ChangeStream, ItemSchema, TableKnobs};
use ifc_manifest::kind::topic::{FilterKnobs, TopicSpec};
use ifc_manifest::kind::unit::UnitSpec;
use ifc_manifest::{Address, HandlerDescriptor, Kind, ResourceDescriptor, SourceSpan, Trigger};
use ifc_runtime::application::Handler;
use ifc_runtime::handler::{HttpThunk, Thunk};
use ifc_runtime::{Application, Target};
use std::sync::Arc;
use std::time::Duration;

/// The package of every application of the suite.
const PACKAGE: &str = "conformance";

/// The resource or function of this name.
pub(crate) fn target(name: &str) -> Target<'_> {
    Target {
        package: PACKAGE,
        name,
    }
}

/// Declarations of one application.
#[derive(Default)]
pub(crate) struct Declarations {
    resources: Vec<ResourceDescriptor>,
    handlers: Vec<Handler>,
}

impl Declarations {
    pub(crate) fn new() -> Declarations {
        Declarations::default()
    }

    pub(crate) fn table(self, name: &str, schema: &ItemSchema) -> Declarations {
        let config = Value::written(|encoder| TableKnobs::DEFAULT.encode(schema, encoder));
        self.resource(Kind::Table, name, config)
    }

    /// A table whose changes are events.
    pub(crate) fn table_with_stream(self, name: &str, schema: &ItemSchema) -> Declarations {
        let knobs = TableKnobs {
            stream: ChangeStream::NewImage,
            ..TableKnobs::DEFAULT
        };
        let config = Value::written(|encoder| knobs.encode(schema, encoder));
        self.resource(Kind::Table, name, config)
    }

    /// A follower of a table's changes, which is the unit of this name.
    pub(crate) fn follower(self, name: &str, table: &str, retry: RetrySpec) -> Declarations {
        let trigger = Trigger::Source {
            resource: Address::new(PACKAGE, table),
            edge: Edge::OnChange.as_str().to_owned(),
            config: Value::written(|encoder| {
                ConsumerSpec::DEFAULT.encode(encoder);
                retry.encode(encoder);
            }),
        };
        let unit = Some(UnitSpec::new(Duration::from_secs(60)));
        self.handler(name, trigger, unit, Thunk::Event(script::on_events))
    }

    /// One that watches the objects of a bucket, which is the unit of this name.
    pub(crate) fn watcher(
        self,
        name: &str,
        bucket: &str,
        edge: Edge,
        filter: KeyFilterKnobs,
    ) -> Declarations {
        let trigger = Trigger::Source {
            resource: Address::new(PACKAGE, bucket),
            edge: edge.as_str().to_owned(),
            config: Value::written(|encoder| {
                filter.encode(encoder);
                ConsumerSpec::DEFAULT.encode(encoder);
                RetrySpec::DEFAULT.encode(encoder);
            }),
        };
        let unit = Some(UnitSpec::new(Duration::from_secs(60)));
        self.handler(name, trigger, unit, Thunk::Event(script::on_events))
    }

    pub(crate) fn stream(self, name: &str, spec: StreamSpec) -> Declarations {
        let config = Value::written(|encoder| spec.encode(encoder));
        self.resource(Kind::Stream, name, config)
    }

    /// A consumer of a stream, which is the unit of this name.
    pub(crate) fn stream_consumer(
        self,
        name: &str,
        stream: &str,
        batch: u32,
        retry: RetrySpec,
    ) -> Declarations {
        let consumer = ConsumerSpec {
            batch,
            ..CONSUMER_DEFAULT
        };
        let trigger = Trigger::Source {
            resource: Address::new(PACKAGE, stream),
            edge: Edge::StreamConsumer.as_str().to_owned(),
            config: Value::written(|encoder| {
                consumer.encode(encoder);
                retry.encode(encoder);
            }),
        };
        let unit = Some(UnitSpec::new(Duration::from_secs(60)));
        self.handler(name, trigger, unit, Thunk::Event(script::on_events))
    }

    /// A queue and its consumer, which is the unit `name-consumer`.
    pub(crate) fn queue(
        self,
        name: &str,
        spec: QueueSpec,
        consumer: ConsumerSpec,
        timeout: Duration,
    ) -> Declarations {
        let config = Value::written(|encoder| spec.encode(encoder));
        let trigger = Trigger::Source {
            resource: Address::new(PACKAGE, name),
            edge: "consumer".to_owned(),
            config: Value::written(|encoder| consumer.encode(encoder)),
        };
        let unit = Some(UnitSpec::new(timeout));
        self.resource(Kind::Queue, name, config).handler(
            &format!("{name}-consumer"),
            trigger,
            unit,
            Thunk::Event(script::on_events),
        )
    }

    /// The queue that was declared last takes the messages of a topic too.
    pub(crate) fn subscribed_to(
        mut self,
        topic: &'static str,
        filter: Option<FilterKnobs>,
    ) -> Declarations {
        let subscription = SubscriptionKnobs::NONE.to(PACKAGE, topic, false);
        let subscription = match filter {
            Some(filter) => subscription.filter(filter),
            None => subscription,
        };
        let written = Value::written(|encoder| subscription.encode(encoder));
        let queue = self.resources.last_mut().map(|queue| &mut queue.config);
        if let (Some(Value::Map(config)), Value::Map(written)) = (queue, written) {
            config.extend(written);
        }
        self
    }

    pub(crate) fn topic(self, name: &str, spec: TopicSpec) -> Declarations {
        let config = Value::written(|encoder| spec.encode(encoder));
        self.resource(Kind::Topic, name, config)
    }

    /// A subscriber of a topic, which is the unit of this name.
    pub(crate) fn subscriber(
        self,
        name: &str,
        topic: &str,
        filter: Option<FilterKnobs>,
        retry: RetrySpec,
    ) -> Declarations {
        let trigger = Trigger::Source {
            resource: Address::new(PACKAGE, topic),
            edge: Edge::Subscriber.as_str().to_owned(),
            config: Value::written(|encoder| {
                ConsumerSpec::DEFAULT.encode(encoder);
                retry.encode(encoder);
                if let Some(filter) = filter {
                    filter.encode(encoder);
                }
            }),
        };
        let unit = Some(UnitSpec::new(Duration::from_secs(60)));
        self.handler(name, trigger, unit, Thunk::Event(script::on_events))
    }

    pub(crate) fn event_bus(self, name: &str, knobs: EventBusKnobs) -> Declarations {
        let config = Value::written(|encoder| knobs.encode(encoder));
        self.resource(Kind::EventBus, name, config)
    }

    /// A rule of a bus, which is the unit of this name.
    pub(crate) fn rule(
        self,
        name: &str,
        bus: &str,
        pattern: PatternKnobs,
        retry: RetrySpec,
    ) -> Declarations {
        let trigger = Trigger::Source {
            resource: Address::new(PACKAGE, bus),
            edge: Edge::OnEvent.as_str().to_owned(),
            config: Value::written(|encoder| {
                ConsumerSpec::DEFAULT.encode(encoder);
                retry.encode(encoder);
                pattern.encode(encoder);
            }),
        };
        let unit = Some(UnitSpec::new(Duration::from_secs(60)));
        self.handler(name, trigger, unit, Thunk::Event(script::on_events))
    }

    pub(crate) fn function(self, name: &str, timeout: Duration) -> Declarations {
        let unit = Some(UnitSpec::new(timeout));
        self.handler(name, Trigger::Call, unit, Thunk::Call(script::on_call))
    }

    pub(crate) fn schedule(self, name: &str, knobs: ScheduleKnobs) -> Declarations {
        let trigger = Trigger::Schedule(Value::written(|encoder| knobs.encode(encoder)));
        let unit = Some(UnitSpec::new(Duration::from_secs(60)));
        self.handler(name, trigger, unit, Thunk::Event(script::on_events))
    }

    pub(crate) fn bucket(self, name: &str, knobs: BucketKnobs) -> Declarations {
        let config = Value::written(|encoder| knobs.encode(encoder));
        self.resource(Kind::Bucket, name, config)
    }

    pub(crate) fn secret(self, name: &str, spec: SecretSpec) -> Declarations {
        let config = Value::written(|encoder| spec.encode(encoder));
        self.resource(Kind::Secret, name, config)
    }

    pub(crate) fn config(self, name: &str, knobs: ConfigKnobs) -> Declarations {
        let config = Value::written(|encoder| knobs.encode(encoder));
        self.resource(Kind::Config, name, config)
    }

    pub(crate) fn http_api(self, name: &str, knobs: HttpApiKnobs) -> Declarations {
        let config = Value::written(|encoder| knobs.encode(encoder));
        self.resource(Kind::HttpApi, name, config)
    }

    pub(crate) fn route(
        self,
        api: &str,
        method: &str,
        path: &str,
        thunk: HttpThunk,
    ) -> Declarations {
        let trigger = Trigger::Http {
            api: Some(Address::new(PACKAGE, api)),
            method: method.to_owned(),
            path: path.to_owned(),
        };
        self.handler("route", trigger, None, Thunk::Http(thunk))
    }

    pub(crate) fn application(self) -> Arc<Application> {
        let application = Application::new(PACKAGE, self.resources, self.handlers);
        Arc::new(application.expect("the suite's declarations do not contradict each other"))
    }

    fn resource(mut self, kind: Kind, name: &str, config: Value) -> Declarations {
        self.resources.push(ResourceDescriptor {
            address: Address::new(PACKAGE, name),
            kind,
            path: format!("conformance::{name}"),
            config,
            span: span(),
        });
        self
    }

    fn handler(
        mut self,
        name: &str,
        trigger: Trigger,
        unit: Option<UnitSpec>,
        thunk: Thunk,
    ) -> Declarations {
        let descriptor = HandlerDescriptor {
            address: Address::new(PACKAGE, name),
            path: format!("conformance::{name}"),
            trigger,
            unit,
            span: span(),
        };
        self.handlers.push(Handler { descriptor, thunk });
        self
    }
}

fn span() -> SourceSpan {
    SourceSpan {
        file: "conformance.rs".to_owned(),
        line: 1,
        column: 1,
        length: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_what_the_kinds_read_back() {
        let consumer = ConsumerSpec {
            batch: 3,
            ..ConsumerSpec::DEFAULT
        };
        let timeout = Duration::from_secs(7);
        let application = Declarations::new()
            .queue("jobs", QueueSpec::DEFAULT, consumer, timeout)
            .application();
        let queue = &application.resources[0];
        assert_eq!(QueueSpec::decode(&queue.config), Ok(QueueSpec::DEFAULT));
        let handler = &application.handlers[0].descriptor;
        let Trigger::Source { config, .. } = &handler.trigger else {
            panic!("{:?}", handler.trigger);
        };
        assert_eq!(ConsumerSpec::decode(config), Ok(consumer));
        assert_eq!(handler.unit, Some(UnitSpec::new(timeout)));
    }
}
