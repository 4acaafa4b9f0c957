//! The inbox of a unit: the queue that an asynchronous edge owns, in which its events wait, are
//! delivered again and are given up.

use super::queue::Wanted;
use super::{About, Lowering, LoweringError, address, place};
use ifc_engine::PartAddress;
use ifc_graph::{ResourceId, Source, Spec, Unit};
use ifc_manifest::Kind;
use ifc_manifest::kind::edge::{Edge, RetrySpec};
use ifc_manifest::kind::function::INVOKE_ASYNC;
use ifc_manifest::kind::queue::QueueSpec;
use std::time::Duration;

/// A queue of a unit, and that of its dead letters.
#[derive(Clone)]
pub(super) struct Inbox {
    pub(super) queue: PartAddress,
    pub(super) dead_letters: PartAddress,
}

/// The names of its parts.
const PARTS: [&str; 2] = ["inbox", "inbox-dead-letters"];

impl Lowering<'_> {
    /// The inbox of a unit, if what makes it run has one.
    pub(super) fn inbox(&mut self, unit: &Unit) -> Result<Option<Inbox>, LoweringError> {
        let Some((fifo, retry)) = self.inbox_wanted(unit) else {
            return Ok(None);
        };
        let targets = self.graph.application.targets;
        let timeout = unit.spec.timeout;
        let wanted = Wanted {
            fifo,
            lease: QueueSpec::DEFAULT.lease_for(timeout, targets).max(timeout),
            retention: retention(&retry),
            retry,
        };
        let about = About {
            label: format!("inbox of unit `{}`", unit.name),
            source: Some(place(&unit.span)),
            reason: format!(
                "events wait here until unit `{}` has handled them",
                unit.name
            ),
            unit: Some(unit.name.clone()),
        };
        let queue = self.queue_and_dead_letters(&unit.name, PARTS, &wanted, &about)?;
        let dead_letters = address(&unit.name, PARTS[1])?;
        Ok(Some(Inbox {
            queue,
            dead_letters,
        }))
    }

    /// Whether it keeps an order, and how often it delivers.
    fn inbox_wanted(&self, unit: &Unit) -> Option<(bool, RetrySpec)> {
        let trigger = self.graph.triggers_of(&unit.name).next()?;
        match &trigger.source {
            Source::Route { .. } => None,
            Source::Call => {
                let mut bindings = self.graph.bindings.iter().flatten();
                let called = bindings.any(|binding| {
                    binding.resource.kind == Kind::Function
                        && binding.resource.name == unit.name
                        && binding.grants.contains(&INVOKE_ASYNC)
                });
                called.then_some((false, RetrySpec::DEFAULT))
            }
            Source::Schedule(spec) => {
                let retry = RetrySpec {
                    max_attempts: spec.retries + 1,
                    ..RetrySpec::DEFAULT
                };
                Some((false, retry))
            }
            Source::Events { resource, spec } => match spec.edge {
                Edge::Consumer | Edge::OnChange | Edge::StreamConsumer => None,
                Edge::Subscriber => Some((self.topic_is_fifo(resource), spec.retry?)),
                Edge::OnCreated | Edge::OnDeleted | Edge::OnEvent => Some((false, spec.retry?)),
            },
        }
    }

    pub(super) fn topic_is_fifo(&self, topic: &ResourceId) -> bool {
        let found = self.graph.resource(topic);
        matches!(found.map(|topic| &topic.spec), Some(Spec::Topic(spec)) if spec.fifo)
    }
}

/// Long enough for all attempts, and for a weekend at least.
fn retention(retry: &RetrySpec) -> Duration {
    let usual = QueueSpec::DEFAULT.retention;
    let most = Duration::from_secs(14 * 86_400);
    let mut whole = Duration::ZERO;
    for attempt in 1..retry.max_attempts {
        whole += retry.backoff_after(attempt);
        if whole >= most {
            break;
        }
    }
    (whole * 3 / 2).clamp(usual, most)
}
