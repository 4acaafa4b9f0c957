//! A topic: one of SNS. Its messages go into queues, as they were sent.

use super::{About, Lowering, LoweringError, address, list, texts};
use crate::catalog::{SUBSCRIPTION, TOPIC};
use ifc_engine::{PartAddress, Value};
use ifc_graph::Resource;
use ifc_manifest::kind::edge::Selection;
use ifc_manifest::kind::topic::{Filter, Test, TopicSpec};

impl Lowering<'_> {
    pub(super) fn topic(
        &mut self,
        resource: &Resource,
        spec: &TopicSpec,
    ) -> Result<(), LoweringError> {
        let about = About::resource(resource);
        let mut making = self.keeping(&resource.id.name, "topic", TOPIC, spec.fifo, &about)?;
        if spec.fifo {
            making = making
                .set("FifoTopic", true)
                .set("FifoThroughputScope", "MessageGroup");
        }
        self.add(making);
        Ok(())
    }

    /// The edge from a topic to a queue, whose policy comes first: a message that the queue does not
    /// take is lost.
    pub(super) fn subscription(
        &mut self,
        part: (&str, &str),
        topic: &str,
        [queue, policy]: [&PartAddress; 2],
        selection: &Selection,
        about: &About,
    ) -> Result<PartAddress, LoweringError> {
        let topic = address(topic, "topic")?;
        let name = format!("{}/{}", self.first_name(&topic), self.first_name(queue));
        let mut making = self
            .within(part, SUBSCRIPTION, name, about)?
            .set("Endpoint", Value::output(queue, "Arn"))
            .set("Protocol", "sqs")
            .set("RawMessageDelivery", true)
            .set("TopicArn", Value::output(&topic, "Ref"))
            .after(policy);
        if let Selection::Attributes(filter) = selection {
            making = making
                .set("FilterPolicy", filter_policy(filter))
                .set("FilterPolicyScope", "MessageBody");
        }
        Ok(self.add(making))
    }
}

/// Attributes travel in the body, see `ifc_aws::envelope`.
fn filter_policy(filter: &Filter) -> Value {
    let tests = filter.tests.iter();
    let tests = tests.map(|(key, test)| (key.as_str(), matcher(test)));
    let attributes = Value::map([("attributes", Value::map(tests))]);
    Value::map([("ifc", attributes)])
}

/// None of these matches an attribute that is not there.
fn matcher(test: &Test) -> Value {
    let one = |word: &str, value: Value| list([Value::map([(word, value)])]);
    match test {
        Test::AnyOf(values) => texts(values.iter().map(String::as_str)),
        Test::Prefix(prefix) => one("prefix", prefix.as_str().into()),
        // What is there and empty does not exist, as SNS has it.
        Test::Exists => list([Value::map([("exists", true.into())]), "".into()]),
        Test::NotIn(values) => one("anything-but", texts(values.iter().map(String::as_str))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_attribute_exists() {
        let there = Value::map([("exists", true.into())]);
        assert_eq!(matcher(&Test::Exists), list([there, "".into()]));
    }
}
