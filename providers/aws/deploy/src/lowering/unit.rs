//! A unit: a role with exactly what it may do, a log group, a function and its live alias; and what
//! makes it run.

use super::inbox::Inbox;
use super::mapping::{CONCURRENCY_MIN, Feed, Mapping};
use super::{About, Lowering, LoweringError, address, place, seconds, texts};
use crate::catalog::{ALIAS, FUNCTION, LOG_GROUP, ROLE, ROLE_POLICY};
use crate::package::{BOOTSTRAP, PLATFORM};
use crate::policy::{self, LAMBDA, Sender, Statement};
use crate::wiring;
use ifc_aws::wiring::LIVE_ALIAS;
use ifc_engine::{Naming, PartAddress, Value};
use ifc_graph::{ResourceId, Source, Unit, UnitSort};
use ifc_manifest::kind::edge::{ConsumerSpec, Edge, EdgeSpec};
use ifc_manifest::kind::unit::{Arch, MEMORY_MB_DEFAULT, TIMEOUT_DEFAULT, UnitSpec};

/// How long a function's log is kept.
const LOG_DAYS: i64 = 30;

impl Lowering<'_> {
    pub(super) fn unit(&mut self, unit: &Unit, inbox: Option<&Inbox>) -> Result<(), LoweringError> {
        let name = unit.name.as_str();
        let about = About {
            label: format!("unit `{name}`"),
            source: Some(place(&unit.span)),
            reason: format!("{} `{name}` is a unit", unit.sort),
            unit: Some(name.to_owned()),
        };
        if self.is_fed_by_queue(unit) && unit.spec.max_instances < CONCURRENCY_MIN {
            return Err(LoweringError::Instances {
                unit: unit.name.clone(),
            });
        }
        let feed = self.feed(unit, inbox)?;
        let dead_letters = match &feed {
            Some(feed) => Some(feed.dead_letters.clone()),
            None => inbox.map(|inbox| inbox.dead_letters.clone()),
        };
        let dead_letters = match (&feed, &dead_letters) {
            // Those of a stream's consumer are its own, without a queue before them.
            (Some(feed), Some(queue)) if !self.parts.contains_key(queue) => {
                Some(self.dead_letters(unit, feed)?)
            }
            _ => dead_letters,
        };
        let uses = self.uses(unit, dead_letters.as_ref())?;

        let function_name = self.function_name(name);
        let beside = about.beside("role", "it is who the unit is at aws");
        let role = self.role((name, "role"), LAMBDA, &beside)?;
        let group = format!("/aws/lambda/{function_name}");
        let log_arn = self.context.arn("logs", &format!("log-group:{group}:*"));
        let mut statements = vec![Statement::own(
            "logs",
            &["logs:CreateLogStream", "logs:PutLogEvents"],
            [Value::Text(log_arn)],
        )];
        if let Some(feed) = &feed {
            statements.extend(feed.statements());
        }
        statements.extend(uses.statements);
        let document = policy::document(statements);
        self.check_policy(name, &document)?;
        let beside = about.beside(
            "permissions",
            "it may do what its code can reach, and no more",
        );
        let policy = self.role_policy((name, "policy"), &role, document, &beside)?;

        let beside = about.beside("log", "what the unit logs is kept here");
        let naming = Naming::fixed(group);
        let logs = self.make(name, "logs", LOG_GROUP, naming, &beside)?;
        let logs = self.add(logs.set("RetentionInDays", LOG_DAYS));

        let variables = wiring::variables(name, &uses.wiring);
        self.check_environment(name, &variables)?;
        let function = self.function(unit, &role, variables, &about)?;
        let function = self.add(function.after(&policy).after(&logs));
        let alias = self.alias(unit, &function, &about)?;
        self.triggers(unit, inbox, &alias, feed, &about)
    }

    fn role(
        &mut self,
        part: (&str, &str),
        service: &str,
        about: &About,
    ) -> Result<PartAddress, LoweringError> {
        let trust = policy::trust(service, &self.context.account);
        let making = self.fixed(part.0, part.1, ROLE, about)?;
        Ok(self.add(making.set("AssumeRolePolicyDocument", trust)))
    }

    fn role_policy(
        &mut self,
        part: (&str, &str),
        role: &PartAddress,
        document: Value,
        about: &About,
    ) -> Result<PartAddress, LoweringError> {
        let name = format!("{}/grants", self.first_name(role));
        let making = self.within(part, ROLE_POLICY, name, about)?;
        Ok(self.add(
            making
                .set("PolicyDocument", document)
                .set("RoleName", Value::output(role, "Ref")),
        ))
    }

    /// A role for a service of AWS that does one thing for the unit.
    pub(super) fn helper(
        &mut self,
        [role, policy]: [(&str, &str); 2],
        service: &str,
        statement: Statement,
        about: &About,
    ) -> Result<[PartAddress; 2], LoweringError> {
        let beside = about.beside("role", "aws acts as it when it delivers");
        let role = self.role(role, service, &beside)?;
        let document = policy::document([statement]);
        let beside = about.beside("permissions", "it may deliver, and nothing else");
        let policy = self.role_policy(policy, &role, document, &beside)?;
        Ok([role, policy])
    }

    fn function(
        &self,
        unit: &Unit,
        role: &PartAddress,
        variables: Value,
        about: &About,
    ) -> Result<super::Making, LoweringError> {
        let UnitSpec {
            memory_mb,
            timeout,
            max_instances,
            arch,
            ..
        } = unit.spec;
        let architecture = match arch {
            Arch::X86_64 => "x86_64",
            Arch::Arm64 => "arm64",
        };
        let code = Value::map([
            (
                "S3Bucket",
                Value::output(&address("application", "program")?, "Bucket"),
            ),
            (
                "S3Key",
                Value::output(&address("application", "program")?, "Key"),
            ),
        ]);
        let memory = memory_mb.unwrap_or(MEMORY_MB_DEFAULT.aws);
        // What a function has reserved, others cannot have, and a young account has ten. So nothing is
        // reserved unless the unit asks for another number than everybody gets; nor where a queue is
        // all that it runs for: that takes no more than it may, and what it took in vain would count
        // as an attempt.
        let usual = UnitSpec::new(TIMEOUT_DEFAULT).max_instances;
        let is_invoked = unit.sort == UnitSort::Function || !self.is_fed_by_queue(unit);
        let reserved = (max_instances != usual && is_invoked).then(|| i64::from(max_instances));
        let reserved = reserved.map(Value::Integer);
        let making = self
            .fixed(&unit.name, "function", FUNCTION, about)?
            .set("Architectures", texts([architecture]))
            .set("Code", code)
            .set("Environment", Value::map([("Variables", variables)]))
            .set("Handler", BOOTSTRAP)
            .set("MemorySize", i64::from(memory))
            .set_if("ReservedConcurrentExecutions", reserved)
            .set("Role", Value::output(role, "Arn"))
            .set("Runtime", PLATFORM.runtime)
            .set("Timeout", seconds(timeout));
        Ok(making)
    }

    fn alias(
        &mut self,
        unit: &Unit,
        function: &PartAddress,
        about: &About,
    ) -> Result<PartAddress, LoweringError> {
        let about = about.beside(
            "live version",
            "everybody invokes the version that it names",
        );
        let name = format!("{}/{LIVE_ALIAS}", self.first_name(function));
        let ready = unit.spec.min_instances;
        let ready = (ready > 0)
            .then(|| Value::map([("ProvisionedConcurrentExecutions", i64::from(ready).into())]));
        let making = self
            .within((&unit.name, LIVE_ALIAS), ALIAS, name, &about)?
            .set("FunctionName", Value::output(function, "Ref"))
            .set("FunctionVersion", Value::output(function, "Version"))
            .set_if("ProvisionedConcurrencyConfig", ready);
        Ok(self.add(making))
    }

    /// What Lambda polls for the unit, if anything.
    fn feed(&self, unit: &Unit, inbox: Option<&Inbox>) -> Result<Option<Feed>, LoweringError> {
        if let Some(inbox) = inbox {
            return Ok(Some(Feed {
                mapping: Mapping::Queue {
                    fifo: self.is_fifo(&inbox.queue),
                },
                source: Value::output(&inbox.queue, "Arn"),
                dead_letters: inbox.dead_letters.clone(),
            }));
        }
        let Some((resource, spec)) = self.events_of(unit) else {
            return Ok(None);
        };
        let own = address(&unit.name, "dead-letters")?;
        Ok(Some(match spec.edge {
            Edge::Consumer => {
                let queue = address(&resource.name, "queue")?;
                Feed {
                    mapping: Mapping::Queue {
                        fifo: self.is_fifo(&queue),
                    },
                    source: Value::output(&queue, "Arn"),
                    dead_letters: address(&resource.name, "dead-letters")?,
                }
            }
            Edge::StreamConsumer => Feed {
                mapping: Mapping::Stream,
                source: Value::output(&address(&resource.name, "stream")?, "Arn"),
                dead_letters: own,
            },
            Edge::OnChange => Feed {
                mapping: Mapping::Changes,
                source: Value::output(&address(&resource.name, "table")?, "StreamArn"),
                dead_letters: own,
            },
            Edge::Subscriber | Edge::OnCreated | Edge::OnDeleted | Edge::OnEvent => {
                unreachable!("these have an inbox")
            }
        }))
    }

    /// Whether Lambda takes its events out of a queue.
    fn is_fed_by_queue(&self, unit: &Unit) -> bool {
        match unit.sort {
            UnitSort::Api => false,
            UnitSort::Events(edge) => !matches!(edge, Edge::OnChange | Edge::StreamConsumer),
            UnitSort::Schedule => true,
            UnitSort::Function => {
                address(&unit.name, "inbox").is_ok_and(|inbox| self.parts.contains_key(&inbox))
            }
        }
    }

    fn is_fifo(&self, queue: &PartAddress) -> bool {
        let part = self.parts.get(queue);
        let fifo = part.and_then(|part| part.properties.get("FifoQueue"));
        fifo.is_some_and(|fifo| fifo.value == Value::Bool(true))
    }

    fn events_of(&self, unit: &Unit) -> Option<(&ResourceId, &EdgeSpec)> {
        let graph = self.graph;
        let trigger = graph
            .triggers
            .iter()
            .find(|trigger| trigger.unit == unit.name)?;
        match &trigger.source {
            Source::Events { resource, spec } => Some((resource, spec)),
            _ => None,
        }
    }

    /// The queue for what a consumer of records gives up.
    fn dead_letters(&mut self, unit: &Unit, feed: &Feed) -> Result<PartAddress, LoweringError> {
        let about = About {
            label: format!("dead letters of unit `{}`", unit.name),
            source: Some(place(&unit.span)),
            reason: "what was given up is kept here until someone looks after it".to_owned(),
            unit: Some(unit.name.clone()),
        };
        let part = feed.dead_letters.part();
        let making = self.queue_called(&unit.name, part, false, &about)?;
        Ok(self.add(
            making
                .set("MessageRetentionPeriod", 14 * 86_400)
                .set("SqsManagedSseEnabled", true),
        ))
    }

    fn triggers(
        &mut self,
        unit: &Unit,
        inbox: Option<&Inbox>,
        alias: &PartAddress,
        feed: Option<Feed>,
        about: &About,
    ) -> Result<(), LoweringError> {
        let graph = self.graph;
        let mut consumer = ConsumerSpec::DEFAULT;
        let mut retry = None;
        let trigger = graph.triggers_of(&unit.name).next();
        match trigger.map(|trigger| &trigger.source) {
            Some(Source::Route { .. }) => self.http_api(unit, alias, about)?,
            Some(Source::Schedule(spec)) => {
                if let Some(inbox) = inbox {
                    self.schedule(unit, inbox, spec, about)?;
                }
            }
            Some(Source::Events { resource, spec }) => {
                consumer = spec.consumer;
                retry = spec.retry;
                if let Some(inbox) = inbox {
                    self.edge(unit, inbox, resource, spec, about)?;
                }
            }
            Some(Source::Call) | None => {}
        }
        match feed {
            Some(feed) => self.mapping(unit, alias, &feed, &consumer, retry, about),
            None => Ok(()),
        }
    }

    /// How events get into an inbox.
    fn edge(
        &mut self,
        unit: &Unit,
        inbox: &Inbox,
        resource: &ResourceId,
        spec: &EdgeSpec,
        about: &About,
    ) -> Result<(), LoweringError> {
        let part = (unit.name.as_str(), "inbox-policy");
        match spec.edge {
            Edge::Subscriber => {
                let topic = Value::output(&address(&resource.name, "topic")?, "Ref");
                let senders = vec![Sender::of_topic(topic)];
                let policy = self.queue_policy(part, &inbox.queue, senders, about)?;
                let about = about.beside("subscription", format!("it subscribes to {resource}"));
                self.subscription(
                    (&unit.name, "subscription"),
                    &resource.name,
                    [&inbox.queue, &policy],
                    &spec.selection,
                    &about,
                )?;
                Ok(())
            }
            Edge::OnEvent => self.rule(unit, inbox, resource, &spec.selection, about),
            Edge::OnCreated | Edge::OnDeleted => {
                let bucket = Value::output(&address(&resource.name, "bucket")?, "Arn");
                let senders = vec![Sender::of_bucket(bucket, &self.context.account)];
                self.queue_policy(part, &inbox.queue, senders, about)?;
                Ok(())
            }
            Edge::Consumer | Edge::OnChange | Edge::StreamConsumer => Ok(()),
        }
    }

    fn check_environment(&self, unit: &str, variables: &Value) -> Result<(), LoweringError> {
        let Value::Map(variables) = self.sample(variables) else {
            return Ok(());
        };
        let bytes = variables.iter().map(|(name, value)| match value {
            Value::Text(text) => name.len() + text.len(),
            _ => name.len(),
        });
        let bytes: usize = bytes.sum();
        match bytes > super::ENVIRONMENT_BYTES_MAX {
            true => Err(LoweringError::Environment {
                unit: unit.to_owned(),
                bytes,
            }),
            false => Ok(()),
        }
    }

    fn check_policy(&self, unit: &str, document: &Value) -> Result<(), LoweringError> {
        let characters = crate::json::of(&self.sample(document)).to_string().len();
        match characters > super::POLICY_CHARACTERS_MAX {
            true => Err(LoweringError::Policy {
                unit: unit.to_owned(),
                characters,
            }),
            false => Ok(()),
        }
    }
}
