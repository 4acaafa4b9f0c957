//! A bus: one of EventBridge. Each rule has the inbox of its unit as its target.

use super::inbox::Inbox;
use super::{About, Lowering, LoweringError, address, entry, list, texts};
use crate::catalog::{EVENT_BUS, RULE};
use crate::policy::Sender;
use ifc_aws::envelope::{SUBJECT, field_name};
use ifc_engine::Value;
use ifc_graph::{Resource, ResourceId, Spec, Unit};
use ifc_manifest::kind::edge::Selection;
use ifc_manifest::kind::event_bus::{EventBusSpec, Match, Pattern};
use std::collections::BTreeMap;

/// Most characters of a rule's name.
const RULE_NAME_MAX: usize = 64;

impl Lowering<'_> {
    pub(super) fn event_bus(
        &mut self,
        resource: &Resource,
        spec: &EventBusSpec,
    ) -> Result<(), LoweringError> {
        // Another application's bus is that application's to make.
        if spec.foreign_to(self.context.application.as_str()).is_some() {
            return Ok(());
        }
        let about = About::resource(resource);
        let making = self.fixed(&resource.id.name, "bus", EVENT_BUS, &about)?;
        self.add(making);
        Ok(())
    }

    /// The name of a bus, which may be another application's: in the same stage, account and region.
    pub(super) fn bus_name(&self, bus: &ResourceId) -> String {
        let application = match self.graph.resource(bus).map(|bus| &bus.spec) {
            Some(Spec::EventBus(spec)) => spec.foreign_to(self.context.application.as_str()),
            _ => None,
        };
        let application = application.unwrap_or(self.context.application.as_str());
        let naming = self
            .context
            .naming_for(application, entry(EVENT_BUS), &bus.name, "bus");
        naming.name(0).as_str().to_owned()
    }

    fn bus_is_ours(&self, bus: &ResourceId) -> bool {
        address(&bus.name, "bus").is_ok_and(|address| self.parts.contains_key(&address))
    }

    /// The ARN of a bus.
    pub(super) fn bus_arn(&self, bus: &ResourceId) -> Result<Value, LoweringError> {
        Ok(match self.bus_is_ours(bus) {
            true => Value::output(&address(&bus.name, "bus")?, "Arn"),
            false => {
                let name = self.bus_name(bus);
                Value::Text(self.context.arn("events", &format!("event-bus/{name}")))
            }
        })
    }

    /// The edge from a bus to the inbox of a unit.
    pub(super) fn rule(
        &mut self,
        unit: &Unit,
        inbox: &Inbox,
        bus: &ResourceId,
        selection: &Selection,
        about: &About,
    ) -> Result<(), LoweringError> {
        let bus_name = self.bus_name(bus);
        let naming = ifc_engine::Naming::generated(
            format!("{}{}", self.context.prefix(), unit.name.replace('/', "-")),
            format!("{bus_name}/{}", unit.name),
            RULE_NAME_MAX,
        );
        let name = format!("{bus_name}/{}", naming.name(0));
        let arn = self.context.arn("events", &format!("rule/{name}"));
        let about = about.beside("rule", format!("it hears of events on {bus}"));
        let senders = vec![Sender::of_rule(arn)];
        let part = (unit.name.as_str(), "inbox-policy");
        let policy = self.queue_policy(part, &inbox.queue, senders, &about)?;
        let event_bus = match self.bus_is_ours(bus) {
            true => Value::output(&address(&bus.name, "bus")?, "Ref"),
            false => Value::Text(bus_name),
        };
        let target = Value::map([
            ("Arn", Value::output(&inbox.queue, "Arn")),
            ("Id", "inbox".into()),
        ]);
        let making = self
            .within((&unit.name, "rule"), RULE, name, &about)?
            .set("EventBusName", event_bus)
            .set("EventPattern", event_pattern(selection))
            .set("State", "ENABLED")
            .set("Targets", list([target]))
            .after(&policy);
        self.add(making);
        Ok(())
    }
}

/// Type and source are EventBridge's own; subject and fields are in the detail, see
/// `ifc_aws::envelope`.
fn event_pattern(selection: &Selection) -> Value {
    let Selection::Pattern(pattern) = selection else {
        // A pattern has to ask something.
        return Value::map([("source", list([prefix("")]))]);
    };
    let Pattern {
        event_type,
        source,
        subject,
        fields,
    } = pattern;
    let mut top: BTreeMap<String, Value> = BTreeMap::new();
    if let Some(test) = event_type {
        top.insert("detail-type".to_owned(), matcher(test));
    }
    if let Some(test) = source {
        top.insert("source".to_owned(), matcher(test));
    }
    let mut ours: BTreeMap<String, Value> = BTreeMap::new();
    if let Some(test) = subject {
        let attributes = Value::map([(SUBJECT, matcher(test))]);
        ours.insert("attributes".to_owned(), attributes);
    }
    if !fields.is_empty() {
        let tests = fields.iter().map(|(path, values)| {
            let values = texts(values.iter().map(String::as_str));
            (field_name(path), values)
        });
        ours.insert("fields".to_owned(), Value::map(tests));
    }
    if !ours.is_empty() {
        let detail = Value::map([("ifc", Value::Map(ours))]);
        top.insert("detail".to_owned(), detail);
    }
    Value::Map(top)
}

fn matcher(test: &Match) -> Value {
    match test {
        Match::AnyOf(values) => texts(values.iter().map(String::as_str)),
        Match::Prefix(text) => list([prefix(text)]),
    }
}

fn prefix(text: &str) -> Value {
    Value::map([("prefix", text.into())])
}
