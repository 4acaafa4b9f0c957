//! Queues and their dead letters.
//!
//! SQS has no way to look at a message without receiving it. So looking hides messages for a moment,
//! gives them back, and counts as a delivery of each.

use super::{OperateError, Operator, refused, told};
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message as Received, MessageSystemAttributeName,
    QueueAttributeName,
};
use ifc_aws::envelope::{
    self, DEAD_LETTER_ATTEMPTS, DEAD_LETTER_ID, DEAD_LETTER_REASON, DEAD_LETTER_SOURCE,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Messages in one call.
const BATCH: usize = 10;

/// How long a message that is looked at is hidden at most, when it is not given back.
const HIDDEN_SECONDS: i32 = 30;

/// How long to wait for messages that not all of the service's servers have.
const WAIT_SECONDS: i32 = 1;

/// How many messages wait, about: SQS counts them within a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// For a consumer.
    pub ready: u64,
    /// For their time.
    pub delayed: u64,
    /// For the outcome of their handler.
    pub in_flight: u64,
    /// In the dead-letter queue.
    pub dead: u64,
}

/// A message that waits for a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The event's id, or that of SQS when it is not from an application of ours.
    pub id: String,
    /// Deliveries before this one.
    pub attempts: u32,
    /// When it was sent.
    pub sent_at: SystemTime,
    /// Group of a fifo message.
    pub group: Option<String>,
    /// What the sender attached.
    pub attributes: BTreeMap<String, String>,
    /// JSON, or another text.
    pub body: Vec<u8>,
}

/// A message that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message; its attempts are those of its handler.
    pub message: Message,
    /// Where it was when it was given up.
    pub source: String,
    /// Why it was given up, if that was written down.
    pub reason: Option<String>,
}

/// A queue's addresses.
struct Queue<'a> {
    name: &'a str,
    url: &'a str,
    dead_letters: Option<&'a str>,
}

impl Operator {
    fn queue<'a>(&'a self, name: &'a str) -> Result<Queue<'a>, OperateError> {
        let url = told(self.part("queue", name, "queue")?, "Ref")?;
        let dead_letters = match self.part("queue", name, "dead-letters") {
            Ok(record) => Some(told(record, "Ref")?),
            Err(_) => None,
        };
        Ok(Queue {
            name,
            url,
            dead_letters,
        })
    }

    /// How much waits in a queue.
    ///
    /// # Errors
    /// When the stage has no such queue, or AWS refuses.
    pub async fn depth(&self, queue: &str) -> Result<Depth, OperateError> {
        use QueueAttributeName::{
            ApproximateNumberOfMessages, ApproximateNumberOfMessagesDelayed,
            ApproximateNumberOfMessagesNotVisible,
        };
        let queue = self.queue(queue)?;
        let [ready, delayed, in_flight] = self
            .counts(
                queue.name,
                queue.url,
                [
                    ApproximateNumberOfMessages,
                    ApproximateNumberOfMessagesDelayed,
                    ApproximateNumberOfMessagesNotVisible,
                ],
            )
            .await?;
        let dead = match queue.dead_letters {
            Some(url) => {
                let of_dead = [ApproximateNumberOfMessages];
                let [dead] = self.counts(queue.name, url, of_dead).await?;
                dead
            }
            None => 0,
        };
        Ok(Depth {
            ready,
            delayed,
            in_flight,
            dead,
        })
    }

    async fn counts<const N: usize>(
        &self,
        name: &str,
        url: &str,
        attributes: [QueueAttributeName; N],
    ) -> Result<[u64; N], OperateError> {
        let answer = self
            .sqs
            .get_queue_attributes()
            .queue_url(url)
            .set_attribute_names(Some(attributes.to_vec()))
            .send()
            .await
            .map_err(refused(format!("count the messages of queue `{name}`")))?;
        let found = answer.attributes.unwrap_or_default();
        Ok(attributes.map(|attribute| {
            let number = found.get(&attribute);
            number.and_then(|number| number.parse().ok()).unwrap_or(0)
        }))
    }

    /// The first messages that wait for a consumer. Those that are delayed or being handled cannot
    /// be seen. Counts as a delivery of each.
    ///
    /// # Errors
    /// When the stage has no such queue, or AWS refuses.
    pub async fn messages(&self, queue: &str, limit: usize) -> Result<Vec<Message>, OperateError> {
        let queue = self.queue(queue)?;
        let seen = self.look(queue.name, queue.url, limit).await?;
        Ok(seen.iter().map(message).collect())
    }

    /// The first messages that were given up.
    ///
    /// # Errors
    /// When the stage has no such queue, or AWS refuses.
    pub async fn dead_letters(
        &self,
        queue: &str,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, OperateError> {
        let queue = self.queue(queue)?;
        let Some(url) = queue.dead_letters else {
            return Ok(Vec::new());
        };
        let seen = self.look(queue.name, url, limit).await?;
        Ok(seen
            .iter()
            .map(|received| dead_letter(received, queue.name))
            .collect())
    }

    /// Receives messages and gives them back.
    async fn look(
        &self,
        name: &str,
        url: &str,
        limit: usize,
    ) -> Result<Vec<Received>, OperateError> {
        let mut seen: Vec<Received> = Vec::new();
        while seen.len() < limit {
            let received = self.receive(name, url, limit - seen.len()).await?;
            if received.is_empty() {
                break;
            }
            seen.extend(received);
        }
        self.give_back(name, url, seen.iter()).await?;
        Ok(seen)
    }

    async fn receive(
        &self,
        name: &str,
        url: &str,
        limit: usize,
    ) -> Result<Vec<Received>, OperateError> {
        let count = i32::try_from(limit.min(BATCH)).unwrap_or(1);
        let answer = self
            .sqs
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(count)
            .visibility_timeout(HIDDEN_SECONDS)
            .wait_time_seconds(WAIT_SECONDS)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await
            .map_err(refused(format!("look into queue `{name}`")))?;
        Ok(answer.messages.unwrap_or_default())
    }

    async fn give_back(
        &self,
        name: &str,
        url: &str,
        messages: impl Iterator<Item = &Received>,
    ) -> Result<(), OperateError> {
        let receipts: Vec<&str> = messages.filter_map(Received::receipt_handle).collect();
        for batch in receipts.chunks(BATCH) {
            let entries = batch.iter().enumerate().map(|(place, receipt)| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(place.to_string())
                    .receipt_handle(*receipt)
                    .visibility_timeout(0)
                    .build()
                    .expect("id and receipt are given")
            });
            // One that is not taken back comes by itself when its time is over.
            self.sqs
                .change_message_visibility_batch()
                .queue_url(url)
                .set_entries(Some(entries.collect()))
                .send()
                .await
                .map_err(refused(format!(
                    "give back what was looked at in queue `{name}`"
                )))?;
        }
        Ok(())
    }

    /// Puts dead letters back into their queue: those with these ids, or all that are there. Returns
    /// how many. Each is put back once, though its handler may fail again meanwhile. One that is interrupted between its two steps is in both queues.
    ///
    /// # Errors
    /// When the stage has no such queue, or AWS refuses. What was put back stays so.
    pub async fn redrive(
        &self,
        queue: &str,
        ids: Option<&BTreeSet<String>>,
    ) -> Result<u64, OperateError> {
        let queue = self.queue(queue)?;
        let Some(dead_letters) = queue.dead_letters else {
            return Ok(0);
        };
        let mut others = Vec::new();
        let mut done = BTreeSet::new();
        let is_done = |done: &BTreeSet<String>| ids.is_some_and(|ids| done.len() == ids.len());
        while !is_done(&done) {
            let received = self.receive(queue.name, dead_letters, BATCH).await?;
            let before = done.len() + others.len();
            for letter in received {
                let id = dead_letter(&letter, queue.name).message.id;
                let is_wanted = ids.is_none_or(|ids| ids.contains(&id));
                // One that was put back may have failed again already: once is enough.
                if is_wanted && !done.contains(&id) {
                    self.put_back(&queue, dead_letters, &letter).await?;
                    done.insert(id);
                } else {
                    others.push(letter);
                }
            }
            if done.len() + others.len() == before {
                break;
            }
        }
        let count = done.len() as u64;
        self.give_back(queue.name, dead_letters, others.iter())
            .await?;
        Ok(count)
    }

    async fn put_back(
        &self,
        queue: &Queue<'_>,
        dead_letters: &str,
        letter: &Received,
    ) -> Result<(), OperateError> {
        let what = || format!("put a dead letter back into queue `{}`", queue.name);
        let mut send = self
            .sqs
            .send_message()
            .queue_url(queue.url)
            .message_body(letter.body().unwrap_or_default());
        if let Some(group) = system(letter, &MessageSystemAttributeName::MessageGroupId) {
            // The receipt is another one for every delivery, so nothing is taken for a repetition.
            let receipt = letter.receipt_handle().unwrap_or_default();
            let fingerprint = ifc_engine::Fingerprint::of(receipt.as_bytes());
            send = send
                .message_group_id(group)
                .message_deduplication_id(fingerprint.as_str());
        }
        send.send().await.map_err(refused(what()))?;
        self.sqs
            .delete_message()
            .queue_url(dead_letters)
            .set_receipt_handle(letter.receipt_handle().map(str::to_owned))
            .send()
            .await
            .map_err(refused(what()))?;
        Ok(())
    }
}

fn system<'a>(received: &'a Received, name: &MessageSystemAttributeName) -> Option<&'a str> {
    let attributes = received.attributes()?;
    attributes.get(name).map(String::as_str)
}

/// What was attached to a dead letter when it was given up.
fn attached<'a>(received: &'a Received, name: &str) -> Option<&'a str> {
    received.message_attributes()?.get(name)?.string_value()
}

fn message(received: &Received) -> Message {
    let number = |name| system(received, &name).and_then(|text| text.parse::<u64>().ok());
    let sent = number(MessageSystemAttributeName::SentTimestamp).unwrap_or(0);
    let deliveries = number(MessageSystemAttributeName::ApproximateReceiveCount).unwrap_or(1);
    let group = system(received, &MessageSystemAttributeName::MessageGroupId);
    let text = received.body().unwrap_or_default();
    let (id, attributes, body) = match envelope::open(text) {
        Some(opened) => (opened.id, opened.attributes, opened.body),
        None => (
            received.message_id().unwrap_or_default().to_owned(),
            BTreeMap::new(),
            text.as_bytes().to_vec(),
        ),
    };
    Message {
        id,
        // This one is among them.
        attempts: u32::try_from(deliveries.saturating_sub(1)).unwrap_or(u32::MAX),
        sent_at: UNIX_EPOCH + Duration::from_millis(sent),
        group: group.map(str::to_owned),
        attributes,
        body,
    }
}

fn dead_letter(received: &Received, queue: &str) -> DeadLetter {
    let mut message = message(received);
    if let Some(id) = attached(received, DEAD_LETTER_ID) {
        message.id = id.to_owned();
    }
    let attempts = attached(received, DEAD_LETTER_ATTEMPTS);
    if let Some(attempts) = attempts.and_then(|attempts| attempts.parse().ok()) {
        message.attempts = attempts;
    }
    DeadLetter {
        message,
        source: attached(received, DEAD_LETTER_SOURCE)
            .unwrap_or(queue)
            .to_owned(),
        reason: attached(received, DEAD_LETTER_REASON).map(str::to_owned),
    }
}
