//! What Lambda polls for a unit: a queue, a stream, or the changes of a table.

use super::{About, Lowering, LoweringError, seconds, texts};
use crate::catalog::EVENT_SOURCE_MAPPING;
use crate::policy::Statement;
use ifc_engine::{PartAddress, Value};
use ifc_graph::Unit;
use ifc_manifest::kind::edge::{ConsumerSpec, RetrySpec};

/// Lambda takes from a queue with 2 invocations at a time at least.
pub(super) const CONCURRENCY_MIN: u32 = 2;

/// Lambda takes from one shard with 10 invocations at a time at most.
const PARALLEL_MAX: u32 = 10;

/// What the mapping of an alias is called, which is `function/alias`.
pub(crate) fn mapping_name(alias: &str) -> String {
    format!("{alias}/events")
}

/// What is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mapping {
    Queue { fifo: bool },
    Stream,
    Changes,
}

/// What Lambda polls for a unit, and where what is given up goes.
pub(super) struct Feed {
    pub(super) mapping: Mapping,
    pub(super) source: Value,
    pub(super) dead_letters: PartAddress,
}

impl Feed {
    /// What the unit's role needs for it.
    pub(super) fn statements(&self) -> Vec<Statement> {
        let source = || [self.source.clone()];
        // There is no narrower form of listing.
        let anything = || [Value::text("*")];
        let mut statements = match self.mapping {
            Mapping::Queue { .. } => vec![Lowering::consuming(self.source.clone())],
            Mapping::Stream => vec![
                Statement::own(
                    "consume",
                    &[
                        "kinesis:DescribeStream",
                        "kinesis:DescribeStreamSummary",
                        "kinesis:GetRecords",
                        "kinesis:GetShardIterator",
                        "kinesis:ListShards",
                    ],
                    source(),
                ),
                Statement::own("list", &["kinesis:ListStreams"], anything()),
            ],
            Mapping::Changes => vec![
                Statement::own(
                    "consume",
                    &[
                        "dynamodb:DescribeStream",
                        "dynamodb:GetRecords",
                        "dynamodb:GetShardIterator",
                    ],
                    source(),
                ),
                Statement::own("list", &["dynamodb:ListStreams"], anything()),
            ],
        };
        statements.push(Lowering::giving_up(&self.dead_letters));
        statements
    }
}

impl Lowering<'_> {
    pub(super) fn mapping(
        &mut self,
        unit: &Unit,
        alias: &PartAddress,
        feed: &Feed,
        consumer: &ConsumerSpec,
        retry: Option<RetrySpec>,
        about: &About,
    ) -> Result<(), LoweringError> {
        let about = about.beside("source", "aws polls for its events");
        let name = mapping_name(&self.first_name(alias));
        let part = (unit.name.as_str(), "consume");
        let making = self
            .within(part, EVENT_SOURCE_MAPPING, name, &about)?
            .set("BatchSize", i64::from(consumer.batch))
            .set("EventSourceArn", feed.source.clone())
            .set("FunctionName", Value::output(alias, "Ref"))
            .set("FunctionResponseTypes", texts(["ReportBatchItemFailures"]));
        let making = match feed.mapping {
            Mapping::Queue { fifo } => {
                let most = consumer.max_concurrency.min(unit.spec.max_instances);
                let scaling = Value::map([(
                    "MaximumConcurrency",
                    i64::from(most.max(CONCURRENCY_MIN)).into(),
                )]);
                // Where the order counts nothing waits for others.
                let wait = match fifo {
                    true => 0,
                    false => seconds(consumer.max_wait),
                };
                making
                    .set("MaximumBatchingWindowInSeconds", wait)
                    .set("ScalingConfig", scaling)
            }
            Mapping::Stream | Mapping::Changes => {
                let dead_letters = Value::output(&feed.dead_letters, "Arn");
                let on_failure = Value::map([("Destination", dead_letters)]);
                // The runtime gives a record up by itself. This is for those that end it: a batch that
                // does is halved, until the record is alone.
                let attempts = retry.unwrap_or(RetrySpec::DEFAULT).max_attempts;
                let parallel = consumer.max_concurrency.clamp(1, PARALLEL_MAX);
                making
                    .set("BisectBatchOnFunctionError", true)
                    .set("DestinationConfig", Value::map([("OnFailure", on_failure)]))
                    .set("MaximumBatchingWindowInSeconds", seconds(consumer.max_wait))
                    .set("MaximumRetryAttempts", i64::from(attempts))
                    .set("ParallelizationFactor", i64::from(parallel))
                    .set("StartingPosition", "LATEST")
            }
        };
        self.add(making);
        Ok(())
    }
}
