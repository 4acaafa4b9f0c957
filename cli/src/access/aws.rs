//! Operating a stage at AWS.

use super::cloud::{Cloud, LogLine};
use crate::failure::Failure;
use ifc_aws_deploy::operate::{LogPosition, Message, OperateError, Operator};
use ifc_local::{ConfigStatus, DeadLetter, Depth, Peeked, PeekedState, report};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;

/// How often to ask for new lines of logs.
const LOOK: Duration = Duration::from_secs(2);

/// A stage at AWS.
pub(crate) struct AwsCloud {
    operator: Operator,
    runtime: Rc<Runtime>,
}

impl AwsCloud {
    pub(crate) fn new(operator: Operator, runtime: Rc<Runtime>) -> AwsCloud {
        AwsCloud { operator, runtime }
    }

    fn wait<T>(&self, future: impl Future<Output = Result<T, OperateError>>) -> Result<T, Failure> {
        self.runtime
            .block_on(future)
            .map_err(|error| failure(&error))
    }
}

fn failure(error: &OperateError) -> Failure {
    match error {
        OperateError::NotDeployed { name, known, .. } => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let failure = Failure::usage(error.to_string());
            match ifc_graph::suggest::sentence(name, &known) {
                Some(sentence) => failure.help(sentence),
                None => failure.help("`ifc status` shows what there is"),
            }
        }
        OperateError::Unfinished { .. } => {
            Failure::of(error).help("`ifc apply` goes on where it was interrupted")
        }
        OperateError::Invalid(_) => Failure::usage(error.to_string()),
        _ => Failure::of(error),
    }
}

impl Cloud for AwsCloud {
    fn caveat(&self) -> Option<&'static str> {
        Some("on AWS looking at a message counts as an attempt to deliver it")
    }

    fn messages(&self, queue: &str, limit: usize) -> Result<Value, Failure> {
        let (depth, messages) = self.wait(async {
            let depth = self.operator.depth(queue).await?;
            Ok((depth, self.operator.messages(queue, limit).await?))
        })?;
        let depth = Depth {
            ready: depth.ready,
            delayed: depth.delayed,
            in_flight: depth.in_flight,
            dead: depth.dead,
        };
        let peeked: Vec<Peeked> = messages.into_iter().map(peeked).collect();
        Ok(report::queue(queue, &depth, &peeked))
    }

    fn dead_letters(&self, queue: &str, limit: usize) -> Result<Value, Failure> {
        let letters = self.wait(self.operator.dead_letters(queue, limit))?;
        let letter = |letter: ifc_aws_deploy::operate::DeadLetter| {
            let message = letter.message;
            let reason = letter.reason.unwrap_or_else(|| {
                "its attempts were used up without its handler having said why".to_owned()
            });
            DeadLetter {
                id: message.id,
                source: letter.source,
                attempts: message.attempts,
                reason,
                sent_at: message.sent_at,
                // SQS does not keep when it moved a message.
                dead_at: message.sent_at,
                group: message.group,
                attributes: message.attributes,
                body: message.body,
            }
        };
        let letters: Vec<DeadLetter> = letters.into_iter().map(letter).collect();
        Ok(report::dead_letters(&letters))
    }

    fn redrive(&self, queue: &str, ids: Option<&BTreeSet<String>>) -> Result<Value, Failure> {
        let redriven = self.wait(self.operator.redrive(queue, ids))?;
        Ok(json!({ "redriven": redriven }))
    }

    fn secrets(&self) -> Result<Value, Failure> {
        let secrets = self.wait(self.operator.secrets())?;
        let secrets: Vec<Value> = secrets
            .into_iter()
            .map(|secret| {
                json!({ "name": secret.name, "set": secret.set, "version": secret.version })
            })
            .collect();
        Ok(json!({ "secrets": secrets }))
    }

    fn set_secret(&self, name: &str, value: &[u8]) -> Result<Value, Failure> {
        let version = self.wait(self.operator.set_secret(name, value))?;
        Ok(json!({ "version": version }))
    }

    fn configs(&self) -> Result<Value, Failure> {
        let configs = self.wait(self.operator.configs())?;
        let configs: Vec<ConfigStatus> = configs
            .into_iter()
            .map(|config| ConfigStatus {
                name: config.name,
                value: Some(config.value),
                set: config.set,
            })
            .collect();
        Ok(report::configs(&configs))
    }

    fn set_config(&self, name: &str, value: &str) -> Result<(), Failure> {
        self.wait(self.operator.set_config(name, value))
    }

    fn invoke(&self, unit: &str, event: Value) -> Result<(Value, bool), Failure> {
        let invoked = self.wait(self.operator.invoke(unit, event))?;
        Ok((invoked.reply, !invoked.failed))
    }

    fn units(&self) -> Vec<String> {
        self.operator.units()
    }

    fn logs(
        &self,
        unit: Option<&str>,
        since: SystemTime,
        follow: bool,
        line: &mut dyn FnMut(LogLine) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let since = since.duration_since(UNIX_EPOCH).unwrap_or_default();
        let since = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        let mut position = LogPosition::since(since);
        loop {
            for event in self.wait(self.operator.logs(unit, &mut position))? {
                line(LogLine {
                    unit: event.unit,
                    time: event.time,
                    message: event.message,
                })?;
            }
            if !follow {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
    }
}

fn peeked(message: Message) -> Peeked {
    Peeked {
        id: message.id,
        attempts: message.attempts,
        // What is delayed or being handled cannot be seen.
        state: PeekedState::Ready,
        sent_at: message.sent_at,
        group: message.group,
        attributes: message.attributes,
        body: message.body,
    }
}
