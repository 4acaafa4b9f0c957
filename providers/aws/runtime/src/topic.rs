//! Topics: messages go to SNS in as few calls as its limits allow. SNS speaks forms and XML.

use crate::aws::{Aws, named};
use crate::batch::{Limits, in_batches, results_by_id};
use crate::failure::Failure;
use crate::percent;
use crate::queue::sealed;
use crate::transport::Call;
use crate::wiring;
use crate::xml::{element, section, sections};
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use ifc_manifest::kind::topic::PUBLISH;
use ifc_runtime::event::random_id;
use ifc_runtime::topic::{TopicMessage, TopicOperations};
use ifc_runtime::{BoxFuture, Error, Target};
use serde_json::{Value, json};

/// A message that is ready to be published.
struct Entry {
    id: String,
    text: String,
    group: Option<String>,
}

impl TopicOperations for Aws {
    fn publish<'a>(
        &'a self,
        topic: Target<'a>,
        messages: Vec<TopicMessage>,
    ) -> BoxFuture<'a, Result<Vec<Result<String, Error>>, Error>> {
        named(topic, PUBLISH, async move {
            let wiring = &self.wiring.topics;
            let name = wiring::find(wiring, "topic", &self.application, topic)?;
            let arn = self.wiring.arn("sns", name);
            let entry = |message: TopicMessage| {
                let id = message.id.unwrap_or_else(random_id);
                let text = sealed(&id, message.trace, &message.attributes, &message.body)?;
                let group = message.group;
                Ok(Entry { id, text, group })
            };
            let entries: Vec<Entry> = messages
                .into_iter()
                .map(entry)
                .collect::<Result<_, Error>>()?;
            let call = |batch| self.publish_batch(&arn, batch);
            let results = in_batches(&entries, Limits::MESSAGES, |e| e.text.len(), call).await?;
            let published = |(entry, result): (Entry, Result<(), Error>)| {
                result
                    .map(|()| entry.id)
                    .map_err(|error| error.on(topic, PUBLISH))
            };
            Ok(entries.into_iter().zip(results).map(published).collect())
        })
    }
}

impl Aws {
    async fn publish_batch(
        &self,
        arn: &str,
        batch: &[Entry],
    ) -> Result<Vec<Result<(), Failure>>, Failure> {
        let mut fields = vec![
            ("Action".to_owned(), "PublishBatch".to_owned()),
            ("Version".to_owned(), "2010-03-31".to_owned()),
            ("TopicArn".to_owned(), arn.to_owned()),
        ];
        for (place, entry) in batch.iter().enumerate() {
            let mut field = |name: &str, value: String| {
                let number = place + 1;
                fields.push((
                    format!("PublishBatchRequestEntries.member.{number}.{name}"),
                    value,
                ));
            };
            field("Id", place.to_string());
            field("Message", entry.text.clone());
            if let Some(group) = &entry.group {
                field("MessageGroupId", group.clone());
                // As for a fifo queue: new for each message, the same when the call is repeated.
                field("MessageDeduplicationId", random_id());
            }
        }
        let answer = self.call_with_form("sns", &fields).await?;
        results_by_id(batch.len(), &results_of(&answer))
    }

    /// Calls a service with the fields of a form, and returns its XML.
    pub(crate) async fn call_with_form(
        &self,
        service: &'static str,
        fields: &[(String, String)],
    ) -> Result<String, Failure> {
        let mut call = Call::new(service, Method::POST, "/".to_owned());
        call.headers = vec![(CONTENT_TYPE, "application/x-www-form-urlencoded".to_owned())];
        call.body = form(fields).into();
        let answer = self.transport.call(&call).await?;
        Ok(String::from_utf8_lossy(answer.body()).into_owned())
    }
}

/// Fields as the body of a form.
fn form(fields: &[(String, String)]) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        if !text.is_empty() {
            text.push('&');
        }
        text += &percent::encode(name, "");
        text.push('=');
        text += &percent::encode(value, "");
    }
    text
}

/// The results in an answer to a batch, in the form in which SQS has them.
fn results_of(answer: &str) -> Value {
    let list = |name: &str| -> Vec<Value> {
        let members = sections(section(answer, name).unwrap_or_default(), "member");
        let value = |member: &str| {
            let text = |name: &str| element(member, name).unwrap_or_default();
            json!({
                "Id": text("Id"),
                "Code": text("Code"),
                "Message": text("Message"),
                "SenderFault": text("SenderFault") == "true",
            })
        };
        members.map(value).collect()
    };
    json!({ "Successful": list("Successful"), "Failed": list("Failed") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_take_any_text() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let fields = [field("a", "x y&z=é+~"), field("b.1", "")];
        assert_eq!(form(&fields), "a=x%20y%26z%3D%C3%A9%2B~&b.1=");
    }

    #[test]
    fn each_message_has_its_own_result() {
        let answer = "<PublishBatchResponse><PublishBatchResult><Failed><member><Id>1</Id>\
                      <Code>InternalError</Code><SenderFault>false</SenderFault></member></Failed>\
                      <Successful><member><MessageId>m</MessageId><Id>0</Id></member>\
                      <member><Id>2</Id></member></Successful></PublishBatchResult>\
                      </PublishBatchResponse>";
        let results = results_by_id(3, &results_of(answer)).unwrap();
        let codes: Vec<Option<String>> = results
            .into_iter()
            .map(|result| result.err().map(|failure| failure.code))
            .collect();
        assert_eq!(codes, [None, Some("InternalError".to_owned()), None]);
        assert!(results_by_id(1, &results_of("<html>")).is_err());
    }
}
