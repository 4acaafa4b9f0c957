//! What a unit uses: the statements that permit it, and where it finds it.

use super::{Lowering, LoweringError, address};
use crate::catalog;
use crate::policy::{self, Scope, Statement};
use crate::wiring::NameAtAws;
use ifc_aws::wiring::{LIVE_ALIAS, Wiring};
use ifc_engine::{PartAddress, Value};
use ifc_graph::{Binding, ResourceId, Unit};
use ifc_manifest::Kind;
use ifc_manifest::kind::function::{INVOKE, INVOKE_ASYNC};

/// What a unit uses.
pub(super) struct Uses {
    pub(super) statements: Vec<Statement>,
    pub(super) wiring: Wiring<NameAtAws>,
}

impl Lowering<'_> {
    pub(super) fn uses(
        &self,
        unit: &Unit,
        dead_letters: Option<&PartAddress>,
    ) -> Result<Uses, LoweringError> {
        let context = self.context;
        let mut wiring = Wiring::new(&context.region, &context.account, &context.prefix());
        wiring.dead_letters = dead_letters.map(|queue| self.name_at(queue, "QueueName"));
        let mut uses = Uses {
            statements: Vec::new(),
            wiring,
        };
        let bindings = self.graph.bindings.iter().flatten();
        for binding in bindings.filter(|binding| binding.unit == unit.name) {
            self.wire(binding, &mut uses.wiring)?;
            let resource = &binding.resource;
            let (thing, within, inbox) = self.arns(resource)?;
            let arn = |scope| match scope {
                Scope::Thing => vec![thing.clone()],
                Scope::Within => within.clone().into_iter().collect(),
                Scope::Inbox => inbox.clone().into_iter().collect(),
            };
            let name = &resource.name;
            let verbs = &binding.grants;
            uses.statements
                .extend(policy::statements(resource.kind, name, verbs, arn));
        }
        Ok(uses)
    }

    /// The name of a part, which `output` tells.
    fn name_at(&self, part: &PartAddress, output: &str) -> NameAtAws {
        NameAtAws {
            value: Value::output(part, output),
            first: self.first_name(part),
        }
    }

    fn wire(&self, binding: &Binding, wiring: &mut Wiring<NameAtAws>) -> Result<(), LoweringError> {
        let ResourceId { kind, name } = &binding.resource;
        let at = |part: &str, output| {
            Ok::<_, LoweringError>(self.name_at(&address(name, part)?, output))
        };
        let (section, named) = match kind {
            Kind::Queue => (&mut wiring.queues, at("queue", "QueueName")?),
            Kind::Topic => (&mut wiring.topics, at("topic", "TopicName")?),
            Kind::Stream => (&mut wiring.streams, at("stream", "Ref")?),
            Kind::Table => (&mut wiring.tables, at("table", "Ref")?),
            Kind::Bucket => (&mut wiring.buckets, at("bucket", "Ref")?),
            Kind::EventBus => {
                let bus = self.bus_name(&binding.resource);
                (&mut wiring.buses, NameAtAws::known(bus))
            }
            Kind::Secret => {
                let secret = self.secret_name(name);
                (&mut wiring.secrets, NameAtAws::known(secret))
            }
            Kind::Config => {
                let parameter = self.context.parameter_name(name);
                (&mut wiring.configs, NameAtAws::known(parameter))
            }
            Kind::Function => {
                if binding.grants.contains(&INVOKE_ASYNC) {
                    let inbox = at("inbox", "QueueName")?;
                    wiring.calls.insert(name.clone(), inbox);
                }
                if !binding.grants.contains(&INVOKE) {
                    return Ok(());
                }
                let function = self.function_name(name);
                (&mut wiring.functions, NameAtAws::known(function))
            }
            // Nobody uses them.
            Kind::HttpApi | Kind::Schedule => return Ok(()),
        };
        section.insert(name.clone(), named);
        Ok(())
    }

    /// The ARNs of a resource, of what is in it, and of the inbox before it.
    fn arns(
        &self,
        resource: &ResourceId,
    ) -> Result<(Value, Option<Value>, Option<Value>), LoweringError> {
        let name = &resource.name;
        let output = |part: &str, output: &str| {
            Ok::<_, LoweringError>(Value::output(&address(name, part)?, output))
        };
        let below = |arn: &Value, what: &str| Some(Value::Join(vec![arn.clone(), what.into()]));
        Ok(match resource.kind {
            Kind::Queue => (output("queue", "Arn")?, None, None),
            Kind::Topic => (output("topic", "Ref")?, None, None),
            Kind::Stream => (output("stream", "Arn")?, None, None),
            Kind::Table => {
                let arn = output("table", "Arn")?;
                let indexes = match self.graph.resource(resource).map(|table| &table.spec) {
                    Some(ifc_graph::Spec::Table(spec)) if spec.indexes.is_empty() => None,
                    _ => below(&arn, "/index/*"),
                };
                (arn, indexes, None)
            }
            Kind::Bucket => {
                let arn = output("bucket", "Arn")?;
                let objects = below(&arn, "/*");
                (arn, objects, None)
            }
            Kind::EventBus => (self.bus_arn(resource)?, None, None),
            Kind::Secret => (output("secret", "Ref")?, None, None),
            Kind::Config => {
                let parameter = format!("parameter{}", self.context.parameter_name(name));
                (Value::Text(self.context.arn("ssm", &parameter)), None, None)
            }
            Kind::Function => {
                // Functions may call each other in circles, so none waits for the other.
                let function = format!("function:{}:{LIVE_ALIAS}", self.function_name(name));
                let alias = Value::Text(self.context.arn("lambda", &function));
                let inbox = address(name, "inbox")?;
                let inbox = self.parts.contains_key(&inbox);
                let inbox = inbox.then(|| output("inbox", "Arn")).transpose()?;
                (alias, None, inbox)
            }
            Kind::HttpApi | Kind::Schedule => (Value::Null, None, None),
        })
    }

    /// The name of a unit's function.
    pub(super) fn function_name(&self, unit: &str) -> String {
        let entry = super::entry(catalog::FUNCTION);
        self.context.fixed(entry, unit, "function")
    }

    /// What a role needs for Lambda to take messages out of a queue for it, and for the runtime to put
    /// one that failed off.
    pub(super) fn consuming(queue: Value) -> Statement {
        Statement::own(
            "consume",
            &[
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
            ],
            [queue],
        )
    }

    /// What it takes to give an event up.
    pub(super) fn giving_up(dead_letters: &PartAddress) -> Statement {
        let queue = Value::output(dead_letters, "Arn");
        Statement::own("deadLetters", &["sqs:SendMessage"], [queue])
    }
}
