//! What happens to objects, told to those that watch a bucket, in the transaction of the write.

use super::{Bucket, Record};
use crate::local::Local;
use crate::message::Message;
use crate::moment::Moment;
use crate::queue::{self, Rules, Sequence};
use crate::store::{Fault, Transaction};
use ifc_manifest::Kind;
use ifc_manifest::kind::edge::{Edge, Selection};
use ifc_runtime::bucket::encode_object_event;
use ifc_runtime::event::random_id;
use ifc_runtime::{Invocation, Target, TraceContext};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The queues of those that want to hear of one object.
pub(super) struct Watchers {
    queues: Vec<Rules>,
    sequence: Arc<Sequence>,
    trace: TraceContext,
}

impl Local {
    /// Who hears of what `edge` is about, for the object under `key`.
    pub(super) fn watchers(&self, edge: Edge, bucket: &Bucket, key: &str) -> Watchers {
        let target = Target {
            package: &bucket.address.package,
            name: &bucket.address.name,
        };
        let subscriptions = self.sources.of(Kind::Bucket, target).unwrap_or_default();
        let wanted = subscriptions.iter().filter(|subscription| {
            subscription.spec.edge == edge
                && match &subscription.spec.selection {
                    Selection::Keys(filter) => filter.matches(key),
                    Selection::Everything | Selection::Attributes(_) | Selection::Pattern(_) => {
                        true
                    }
                }
        });
        Watchers {
            queues: wanted
                .map(|subscription| self.queues[subscription.queue].rules)
                .collect(),
            sequence: Arc::clone(&self.sequence),
            trace: Invocation::trace(),
        }
    }
}

impl Watchers {
    /// Leaves the event for every one of them.
    pub(super) fn tell(
        &self,
        transaction: &mut Transaction<'_, '_>,
        now: Moment,
        key: &str,
        record: &Record,
    ) -> Result<(), Fault> {
        if self.queues.is_empty() {
            return Ok(());
        }
        let message = Message {
            id: random_id(),
            sent_at: now,
            trace: self.trace,
            group: None,
            attributes: BTreeMap::new(),
            body: encode_object_event(key, Some(record.size), Some(&record.body)),
        };
        let message = message.encode();
        for rules in &self.queues {
            queue::send(transaction, rules, &self.sequence, &message, None, now)?;
        }
        Ok(())
    }
}
