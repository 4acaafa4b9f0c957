//! Telling the sources what became of events, beyond what the reply of an invocation can say: when a
//! message is to come again, and which events were given up.

use super::message::Message;
use super::unit::{Edge, Unit};
use crate::batch::results_by_id;
use crate::envelope::{
    DEAD_LETTER_ATTEMPTS, DEAD_LETTER_ID, DEAD_LETTER_REASON, DEAD_LETTER_SOURCE,
};
use crate::failure::Failure;
use crate::queue::SQS;
use crate::transport::Repeat;
use ifc_runtime::event::random_id;
use ifc_runtime::{Delivery, Outcome};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Messages in one call.
const ENTRIES_MAX: usize = 10;

/// SQS hides a message for 12 hours at most, counted from its delivery.
const HIDDEN_SECONDS_MAX: u64 = 43_200 - 900;

/// Longest reason that a dead letter keeps, in bytes.
const REASON_BYTES_MAX: usize = 1_024;

/// How the names of queues end that keep an order.
pub(super) const FIFO: &str = ".fifo";

/// Marks events that may not be done before an earlier one of their group is, and turns the outcomes
/// of those that were all the same into retries: they come again, right behind it.
pub(super) fn held_back<'a>(
    groups: impl Iterator<Item = Option<&'a str>>,
    outcomes: &mut [Outcome],
) -> Vec<bool> {
    let mut failed: BTreeSet<(&str, Option<Duration>)> = BTreeSet::new();
    let mark = |(group, outcome): (Option<&'a str>, &mut Outcome)| {
        let Some(group) = group else {
            return false;
        };
        let before = failed.iter().find(|(known, _)| *known == group);
        match (before, &*outcome) {
            (Some((_, after)), _) => {
                let reason = "an earlier message of its group failed".to_owned();
                let after = *after;
                *outcome = Outcome::Retry { after, reason };
                true
            }
            (None, Outcome::Retry { after, .. }) => {
                failed.insert((group, *after));
                false
            }
            (None, _) => false,
        }
    };
    groups.zip(outcomes).map(mark).collect()
}

impl Unit {
    /// Lets messages be delivered again after their time. Those for which that does not work come
    /// when their lease ends.
    pub(super) async fn show_later(&self, messages: &[(&Message, Duration)]) {
        for batch in messages.chunks(ENTRIES_MAX) {
            let Some(queue) = batch
                .iter()
                .find_map(|(message, _)| message.queue.as_deref())
            else {
                return;
            };
            let entry = |(place, (message, wait)): (usize, &(&Message, Duration))| {
                let receipt = message.receipt.as_deref()?;
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Some(json!({
                    "Id": place.to_string(),
                    "ReceiptHandle": receipt,
                    "VisibilityTimeout": seconds.min(HIDDEN_SECONDS_MAX),
                }))
            };
            let entries: Vec<Value> = batch.iter().enumerate().filter_map(entry).collect();
            if entries.is_empty() {
                return;
            }
            let input = json!({ "QueueUrl": self.aws.queue_url(queue), "Entries": entries });
            let operation = "ChangeMessageVisibilityBatch";
            let answer = self
                .aws
                .transport
                .json(&SQS, operation, &input, Repeat::Harmless);
            let failed = match answer.await {
                Ok(answer) => answer["Failed"].as_array().map_or(0, Vec::len),
                Err(failure) => {
                    tracing::warn!(
                        unit = self.name(),
                        "what failed comes again when its lease ends, not sooner and not later: {}",
                        ifc_runtime::Error::from(failure)
                    );
                    0
                }
            };
            if failed > 0 {
                tracing::warn!(
                    unit = self.name(),
                    "{failed} messages come again when their lease ends, not sooner and not later"
                );
            }
        }
    }

    /// Puts an event, in the form of a message, to the dead letters. Returns whether it is there.
    pub(super) async fn give_up(
        &self,
        edge: &Edge,
        event: &Delivery,
        text: &str,
        reason: &str,
    ) -> bool {
        let (unit, id, attempt) = (&*edge.unit, event.id.as_str(), event.attempt);
        let result = match &self.aws.wiring.dead_letters {
            Some(queue) => {
                self.send_dead_letter(queue, edge, event, text, reason)
                    .await
            }
            None => Err(Failure::local(
                "NotWired",
                "the wiring of this unit has no dead-letter queue: deploy the unit again",
            )),
        };
        match result {
            Ok(()) => {
                tracing::error!(
                    unit,
                    event = id,
                    attempt,
                    reason,
                    "failed, moved to the dead-letter queue"
                );
                true
            }
            Err(failure) => {
                tracing::error!(
                    unit,
                    event = id,
                    attempt,
                    reason,
                    "failed, and cannot be moved to the dead-letter queue, so it comes again: {}",
                    ifc_runtime::Error::from(failure)
                );
                false
            }
        }
    }

    async fn send_dead_letter(
        &self,
        queue: &str,
        edge: &Edge,
        event: &Delivery,
        text: &str,
        reason: &str,
    ) -> Result<(), Failure> {
        let attribute = |value: &str| json!({ "DataType": "String", "StringValue": value });
        let mut entry = json!({
            "Id": "0",
            "MessageBody": text,
            "MessageAttributes": {
                DEAD_LETTER_ID: attribute(&storable(&event.id)),
                DEAD_LETTER_SOURCE: attribute(&edge.source),
                DEAD_LETTER_ATTEMPTS: attribute(&event.attempt.to_string()),
                DEAD_LETTER_REASON: attribute(&storable(reason)),
            },
        });
        if queue.ends_with(FIFO) {
            let group = event.group.as_deref().unwrap_or(&event.id);
            entry["MessageGroupId"] = group.into();
            // The same when the call is repeated.
            entry["MessageDeduplicationId"] = random_id().into();
        }
        let input = json!({ "QueueUrl": self.aws.queue_url(queue), "Entries": [entry] });
        let call = self
            .aws
            .transport
            .json(&SQS, "SendMessageBatch", &input, Repeat::Harmless);
        let answer = call.await?;
        match results_by_id(1, &answer)?.pop() {
            Some(result) => result,
            None => Ok(()),
        }
    }
}

/// A text that SQS takes as the value of an attribute: not empty, not too long, without characters
/// that XML does not have.
fn storable(text: &str) -> String {
    let text = &text[..text.floor_char_boundary(REASON_BYTES_MAX)];
    let storable = |character: char| match character {
        '\t' | '\n' | '\r' => character,
        '\0'..' ' | '\u{fffe}' | '\u{ffff}' => ' ',
        other => other,
    };
    match text.is_empty() {
        true => "not said".to_owned(),
        false => text.chars().map(storable).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_failed_one_of_its_group_is_held_back() {
        let second = Some(Duration::from_secs(7));
        let retry = |after, reason: &str| Outcome::Retry {
            after,
            reason: reason.to_owned(),
        };
        let behind = |after| retry(after, "an earlier message of its group failed");
        let mut outcomes = [
            retry(second, "busy"),
            Outcome::Ack,
            Outcome::Ack,
            Outcome::dead_letter("bad"),
            retry(None, "busy"),
            retry(None, "busy"),
            Outcome::dead_letter("bad"),
            Outcome::Ack,
        ];
        let groups = [
            Some("a"),
            Some("a"),
            Some("b"),
            Some("a"),
            None,
            None,
            Some("b"),
            Some("b"),
        ];
        let held = held_back(groups.into_iter(), &mut outcomes);
        assert_eq!(held, [false, true, false, true, false, false, false, false]);
        let expected = [
            retry(second, "busy"),
            behind(second),
            Outcome::Ack,
            behind(second),
            retry(None, "busy"),
            retry(None, "busy"),
            Outcome::dead_letter("bad"),
            Outcome::Ack,
        ];
        assert_eq!(outcomes, expected);
    }

    #[test]
    fn reasons_are_what_sqs_takes() {
        for (reason, expected) in [
            ("", "not said"),
            ("a\0b\u{ffff}c\nd", "a b c\nd"),
            ("größe", "größe"),
        ] {
            assert_eq!(storable(reason), expected);
        }
        assert_eq!(storable(&"ü".repeat(600)).len(), REASON_BYTES_MAX);
    }
}
