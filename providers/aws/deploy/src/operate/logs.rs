//! What units logged, from CloudWatch Logs.

use super::{OperateError, Operator, refused};
use std::collections::BTreeSet;

/// A line that a unit logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// The unit.
    pub unit: String,
    /// When, in milliseconds of Unix time.
    pub time: i64,
    /// The line, without its end.
    pub message: String,
}

/// How far a reader of logs has come. Events that arrive late are not left out, and none comes twice.
#[derive(Clone, Debug)]
pub struct LogPosition {
    /// From when on, in milliseconds of Unix time.
    since: i64,
    /// What was read since then.
    seen: BTreeSet<(String, String)>,
}

/// How late an event may arrive and still be read, in milliseconds.
const LATE: i64 = 60_000;

/// What Lambda itself writes around every invocation.
const FRAMES: [&str; 4] = [
    "START RequestId:",
    "END RequestId:",
    "REPORT RequestId:",
    "INIT_START ",
];

impl LogPosition {
    /// From this time on, in milliseconds of Unix time.
    pub fn since(time: i64) -> LogPosition {
        LogPosition {
            since: time,
            seen: BTreeSet::new(),
        }
    }
}

impl Operator {
    /// The units that are deployed, sorted.
    pub fn units(&self) -> Vec<String> {
        self.owners("function")
    }

    /// What was logged since the position, in the order of time, by this unit or by all; moves the
    /// position. What Lambda itself writes about invocations is left out.
    ///
    /// # Errors
    /// When the stage has no such unit, or AWS refuses.
    pub async fn logs(
        &self,
        unit: Option<&str>,
        position: &mut LogPosition,
    ) -> Result<Vec<LogEvent>, OperateError> {
        let units = match unit {
            Some(unit) => vec![unit.to_owned()],
            None => self.units(),
        };
        let mut events = Vec::new();
        let mut newest = position.since;
        for unit in units {
            let group = self.part("unit", &unit, "logs")?.physical_name.as_str();
            let mut pages = self
                .logs
                .filter_log_events()
                .log_group_name(group)
                .start_time(position.since)
                .into_paginator()
                .send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(refused(format!("read the logs of unit `{unit}`")))?;
                for event in page.events() {
                    let (time, message) = (
                        event.timestamp().unwrap_or_default(),
                        event.message().unwrap_or_default().trim_end(),
                    );
                    let id = match event.event_id() {
                        Some(id) => id.to_owned(),
                        None => format!("{time} {message}"),
                    };
                    let is_new = position.seen.insert((unit.clone(), id));
                    newest = newest.max(time);
                    if is_new && !FRAMES.iter().any(|frame| message.starts_with(frame)) {
                        events.push(LogEvent {
                            unit: unit.clone(),
                            time,
                            message: message.to_owned(),
                        });
                    }
                }
            }
        }
        events.sort_by_key(|event| event.time);
        position.since = position.since.max(newest - LATE);
        Ok(events)
    }
}
