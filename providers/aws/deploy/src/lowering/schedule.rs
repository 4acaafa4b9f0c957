//! A schedule: one of EventBridge's Scheduler, whose firings go into the inbox of its unit.
//!
//! The Scheduler could invoke the function itself, but then Lambda's own two retries apply, not the
//! schedule's, and what fails in the end is lost.

use super::inbox::Inbox;
use super::{About, Lowering, LoweringError};
use crate::catalog::SCHEDULE;
use crate::policy::{SCHEDULER, Statement};
use ifc_aws::envelope::seal_firing;
use ifc_engine::Value;
use ifc_graph::Unit;
use ifc_manifest::cron::Cron;
use ifc_manifest::kind::schedule::{ScheduleSpec, Timing};

/// The Scheduler's word for each day, from 0.
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Lowering<'_> {
    pub(super) fn schedule(
        &mut self,
        unit: &Unit,
        inbox: &Inbox,
        spec: &ScheduleSpec,
        about: &About,
    ) -> Result<(), LoweringError> {
        let name = unit.name.as_str();
        let queue = Value::output(&inbox.queue, "Arn");
        let statement = Statement::own("deliver", &["sqs:SendMessage"], [queue.clone()]);
        let of_schedule = About {
            label: format!("schedule of {}", about.label),
            ..about.clone()
        };
        let parts = [(name, "schedule-role"), (name, "schedule-policy")];
        let [role, policy] = self.helper(parts, SCHEDULER, statement, &of_schedule)?;
        let body = spec.input.as_deref().map(serde_json::from_str);
        let body = body.and_then(Result::ok).unwrap_or_default();
        let target = Value::map([
            ("Arn", queue),
            ("Input", Value::Text(seal_firing(&body))),
            ("RoleArn", Value::output(&role, "Arn")),
        ]);
        let beside = about.beside("schedule", "the clock makes it run");
        let making = self
            .fixed(name, "schedule", SCHEDULE, &beside)?
            .set("FlexibleTimeWindow", Value::map([("Mode", "OFF".into())]))
            .set("ScheduleExpression", Value::Text(expression(&spec.timing)))
            .set("ScheduleExpressionTimezone", spec.time_zone.as_str())
            .set("State", "ENABLED")
            .set("Target", target)
            .after(&policy);
        self.add(making);
        Ok(())
    }
}

/// The timing in the Scheduler's words. It skips local times that do not exist, and fires once at
/// those that come twice, as the contract has it.
fn expression(timing: &Timing) -> String {
    match timing {
        Timing::Cron(cron) => of_cron(cron),
        // A rate would count from the moment the schedule was made. As a cron expression it keeps to
        // whole multiples, because it divides the day.
        Timing::Rate(rate) => match rate.minutes() {
            minutes @ ..60 => format!("cron({} * * * ? *)", every(minutes, 60)),
            minutes if minutes % 60 == 0 => {
                format!("cron(0 {} * * ? *)", every(minutes / 60, 24))
            }
            minutes => format!("rate({minutes} minutes)"),
        },
    }
}

fn every(step: u32, end: u32) -> String {
    let values: Vec<String> = (0..end)
        .step_by(step as usize)
        .map(|value| value.to_string())
        .collect();
    match step {
        1 => "*".to_owned(),
        _ => values.join(","),
    }
}

fn of_cron(cron: &Cron) -> String {
    let number = |value: u32| value.to_string();
    let minutes = field(cron.minutes(), 0, 59, number);
    let hours = field(cron.hours().into(), 0, 23, number);
    let months = field(cron.months().into(), 1, 12, number);
    // One of the two must not be asked for. At most one is restricted.
    let (days, weekdays) = match cron.day_of_week_restricted() {
        true => {
            let weekdays = field(cron.days_of_week().into(), 0, 6, |day| {
                DAYS[day as usize].to_owned()
            });
            ("?".to_owned(), weekdays)
        }
        false => {
            let days = field(cron.days_of_month().into(), 1, 31, number);
            (days, "?".to_owned())
        }
    };
    format!("cron({minutes} {hours} {days} {months} {weekdays} *)")
}

/// The values of a field that are selected, or `*`. What follows each other is a range.
fn field(selected: u64, lowest: u32, highest: u32, word: impl Fn(u32) -> String) -> String {
    let is_selected = |value: &u32| selected >> value & 1 == 1;
    if (lowest..=highest).all(|value| is_selected(&value)) {
        return "*".to_owned();
    }
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for value in (lowest..=highest).filter(is_selected) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == value => *last = value,
            _ => ranges.push((value, value)),
        }
    }
    let range = |(first, last): &(u32, u32)| match last - first {
        0 => word(*first),
        1 => format!("{},{}", word(*first), word(*last)),
        _ => format!("{}-{}", word(*first), word(*last)),
    };
    let ranges: Vec<String> = ranges.iter().map(range).collect();
    ranges.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifc_manifest::cron;
    use std::time::Duration;

    #[test]
    fn cron_in_the_schedulers_words() {
        for (written, expected) in [
            ("0 3 * * *", "cron(0 3 * * ? *)"),
            (
                "*/15 9-17 * * MON-FRI",
                "cron(0,15,30,45 9-17 ? * MON-FRI *)",
            ),
            ("0 0 1,15 * *", "cron(0 0 1,15 * ? *)"),
            ("5 4 * JAN,DEC 7", "cron(5 4 ? 1,12 SUN *)"),
            ("* * * * *", "cron(* * * * ? *)"),
            ("0 0 1-31 * *", "cron(0 0 * * ? *)"),
            ("0 0 * * SUN,SAT", "cron(0 0 ? * SUN,SAT *)"),
        ] {
            let timing = Timing::Cron(cron::parse(written).unwrap());
            assert_eq!(expression(&timing), expected, "{written}");
        }
    }

    #[test]
    fn rates_keep_to_whole_multiples() {
        for (minutes, expected) in [
            (1, "cron(* * * * ? *)"),
            (20, "cron(0,20,40 * * * ? *)"),
            (60, "cron(0 * * * ? *)"),
            (360, "cron(0 0,6,12,18 * * ? *)"),
            (1_440, "cron(0 0 * * ? *)"),
        ] {
            let rate = cron::rate(Duration::from_secs(minutes * 60)).unwrap();
            assert_eq!(expression(&Timing::Rate(rate)), expected);
        }
    }
}
