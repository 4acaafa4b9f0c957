//! Schedule: when handlers are invoked by the clock (contract, 4.9).

use crate::clause::{Clause, clause};
use crate::declare::Declarations;
use crate::script::Behaviour;
use crate::trial::{Running, Trial, payload, seconds_between};
use ifc_manifest::kind::schedule::{RETRIES_DEFAULT, ScheduleKnobs};
use ifc_runtime::Outcome;
use ifc_runtime::log::timestamp;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

pub(crate) fn clauses() -> Vec<Clause> {
    vec![
        clause!(
            "4.9",
            "schedule-cron",
            "a cron schedule fires at its times, within a minute",
            cron,
            start = at(2026, 1, 30, 23, 0)
        ),
        clause!(
            "4.9",
            "schedule-rate",
            "a rate fires at whole multiples of its period",
            rate,
            start = at(2026, 1, 15, 12, 7)
        ),
        clause!(
            "4.9",
            "schedule-zone",
            "the expression is read in its time zone",
            zone,
            start = at(2026, 1, 15, 12, 0)
        ),
        clause!(
            "4.9",
            "schedule-gap",
            "a local time that a clock change skips does not fire",
            gap,
            start = at(2026, 3, 28, 12, 0)
        ),
        clause!(
            "4.9",
            "schedule-fold",
            "a local time that a clock change repeats fires once",
            fold,
            start = at(2026, 10, 24, 12, 0)
        ),
        clause!(
            "4.9",
            "schedule-hourly-fold",
            "an hourly schedule keeps to local hours over a clock change",
            hourly_fold,
            start = at(2026, 10, 24, 23, 30)
        ),
        clause!(
            "4.9",
            "schedule-event",
            "a firing has its static input, and an id of schedule and due time",
            event,
            start = at(2026, 1, 15, 12, 0)
        ),
        clause!(
            "4.9",
            "schedule-no-input",
            "a firing without input has the body `null`",
            no_input,
            start = at(2026, 1, 15, 12, 0)
        ),
        clause!(
            "4.9",
            "schedule-retry",
            "a failed firing is tried again, with the same id",
            retry,
            start = at(2026, 1, 15, 12, 0)
        ),
        clause!(
            "4.9",
            "schedule-exhausted",
            "a firing that never succeeds is a dead letter",
            exhausted,
            start = at(2026, 1, 15, 12, 0)
        ),
        clause!(
            "4.9",
            "schedule-no-catch-up",
            "what fell into an outage does not fire afterwards",
            no_catch_up,
            outage = true,
            start = at(2026, 1, 15, 12, 0)
        ),
    ]
}

/// A point in time in UTC, in seconds since the epoch.
const fn at(year: u64, month: u64, day: u64, hour: u64, minute: u64) -> u64 {
    // Days since 1970-01-01, by counting 400-year eras that begin on a 1 March.
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let year_of_era = year % 400;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = year / 400 * 146_097 + day_of_era - 719_468;
    days * 86_400 + hour * 3_600 + minute * 60
}

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// A schedule called `tick`, with an input that leads to the trial's script.
async fn open(
    trial: Trial,
    expression: Option<&'static str>,
    every: u64,
    zone: &'static str,
) -> Running {
    let input = trial.body(json!("static")).to_string();
    let knobs = ScheduleKnobs {
        expression,
        every: expression.is_none().then(|| Duration::from_secs(every)),
        time_zone: zone,
        retries: RETRIES_DEFAULT,
        // Knobs are literals in applications; the suite's few are kept to the end of the test.
        input: Some(input.leak()),
    };
    trial
        .open(Declarations::new().schedule("tick", knobs))
        .await
}

async fn open_cron(trial: Trial, expression: &'static str, zone: &'static str) -> Running {
    open(trial, Some(expression), 0, zone).await
}

/// Checks that the schedule fired at these times, each within a minute, and at no others.
#[track_caller]
fn check_fired(running: &Running, expected: &[&str]) {
    let fired = running.first_sightings();
    let to_the_minute: Vec<String> = fired
        .iter()
        .map(|seen| format!("{}Z", &timestamp(seen.at)[..16]))
        .collect();
    assert_eq!(to_the_minute, expected);
}

async fn cron(trial: Trial) {
    let mut running = open_cron(trial, "30 3 * * *", "UTC").await;
    running.advance(3 * DAY).await;
    check_fired(
        &running,
        &[
            "2026-01-31T03:30Z",
            "2026-02-01T03:30Z",
            "2026-02-02T03:30Z",
        ],
    );
}

async fn rate(trial: Trial) {
    let mut running = open(trial, None, 900, "UTC").await;
    running.advance(40 * 60).await;
    check_fired(
        &running,
        &[
            "2026-01-15T12:15Z",
            "2026-01-15T12:30Z",
            "2026-01-15T12:45Z",
        ],
    );
}

async fn zone(trial: Trial) {
    let mut running = open_cron(trial, "0 3 * * *", "Europe/Rome").await;
    running.advance(DAY).await;
    check_fired(&running, &["2026-01-16T02:00Z"]);
}

async fn gap(trial: Trial) {
    // On 29 March 2026 clocks in Rome go from 02:00 to 03:00.
    let mut running = open_cron(trial, "30 2 * * *", "Europe/Rome").await;
    running.advance(3 * DAY).await;
    check_fired(&running, &["2026-03-30T00:30Z", "2026-03-31T00:30Z"]);
}

async fn fold(trial: Trial) {
    // On 25 October 2026 clocks in Rome go from 03:00 back to 02:00: 02:30 is at 00:30 and at
    // 01:30 in UTC. Which of the two it is, the contract leaves open.
    let mut running = open_cron(trial, "30 2 * * *", "Europe/Rome").await;
    running.advance(DAY).await;
    let ids: BTreeSet<String> = running
        .seen()
        .into_iter()
        .map(|seen| seen.delivery.id)
        .collect();
    assert_eq!(ids.len(), 1, "{:?}", running.seen());
    let fired = timestamp(running.seen()[0].at);
    assert!(
        fired.starts_with("2026-10-25T00:30") || fired.starts_with("2026-10-25T01:30"),
        "{fired}"
    );
    running.advance(DAY).await;
    let ids: BTreeSet<String> = running
        .seen()
        .into_iter()
        .map(|seen| seen.delivery.id)
        .collect();
    assert_eq!(ids.len(), 2, "{:?}", running.seen());
}

async fn hourly_fold(trial: Trial) {
    // Local hours 2 (summer), 2 (winter) and 3: the repeated one fires once.
    let mut running = open_cron(trial, "0 2,3 * * *", "Europe/Rome").await;
    running.advance(4 * HOUR).await;
    let fired = running.first_sightings();
    assert_eq!(fired.len(), 2, "{:?}", running.seen());
    let last = fired
        .last()
        .map(|seen| timestamp(seen.at))
        .unwrap_or_default();
    assert!(last.starts_with("2026-10-25T02:00"), "{last}");
}

async fn event(trial: Trial) {
    let mut running = open(trial, None, 3_600, "UTC").await;
    let start = running.now();
    running.advance(2 * HOUR).await;
    let seen = running.seen();
    assert!(seen.len() >= 2, "{seen:?}");
    let (first, second) = (&seen[0].delivery, &seen[seen.len() - 1].delivery);
    assert_eq!(payload(&first.body), json!("static"));
    assert_eq!(first.source, "tick");
    assert_eq!(first.kind, "schedule");
    assert_eq!(first.attempt, 1);
    assert_ne!(first.id, second.id, "each firing is an event of its own");
    assert!(
        first.id.contains("tick"),
        "the id tells the schedule: {}",
        first.id
    );
    let due = seconds_between(start, first.time);
    assert_eq!(due, HOUR, "the event's time is when it was due");
}

async fn no_input(trial: Trial) {
    let knobs = ScheduleKnobs {
        expression: Some("0 13 15 1 *"),
        every: None,
        time_zone: "UTC",
        retries: 0,
        input: None,
    };
    let mut running = trial
        .open(Declarations::new().schedule("tick", knobs))
        .await;
    running.advance(2 * HOUR).await;
    // Without an input nothing leads to this trial's script: the suite's handler gives it up, and
    // its body is found among the dead letters.
    let dead = running.dead_letters("tick").await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert_eq!(dead[0].body, b"null");
}

async fn retry(trial: Trial) {
    let mut running = open_cron(trial, "0 13 15 1 *", "UTC").await;
    running.script.on_event(|delivery| {
        Behaviour::Answer(match delivery.attempt {
            1 => Outcome::retry("not yet"),
            _ => Outcome::Ack,
        })
    });
    running.advance(3 * HOUR).await;
    let seen = running.seen();
    running.check_attempts("the firing", &seen, 2);
    let ids: BTreeSet<&str> = seen.iter().map(|seen| seen.delivery.id.as_str()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(running.dead_letters("tick").await, []);
}

async fn exhausted(trial: Trial) {
    let mut running = open_cron(trial, "0 13 15 1 *", "UTC").await;
    running
        .script
        .on_event(|_| Behaviour::Answer(Outcome::retry("the clock is wrong")));
    running.advance(6 * HOUR).await;
    running.check_attempts("the firing", &running.seen(), RETRIES_DEFAULT + 1);
    let dead = running.dead_letters("tick").await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert_eq!(dead[0].attempts, RETRIES_DEFAULT + 1);
    assert!(
        dead[0].reason.contains("the clock is wrong"),
        "{:?}",
        dead[0].reason
    );
}

async fn no_catch_up(trial: Trial) {
    let mut running = open_cron(trial, "30 3 * * *", "UTC").await;
    running.advance(DAY).await;
    check_fired(&running, &["2026-01-16T03:30Z"]);
    running.outage(3 * DAY).await;
    running.settle().await;
    check_fired(&running, &["2026-01-16T03:30Z"]);
    running.advance(DAY).await;
    check_fired(&running, &["2026-01-16T03:30Z", "2026-01-20T03:30Z"]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn points_in_time() {
        for (seconds, expected) in [
            (at(1970, 1, 1, 0, 0), "1970-01-01T00:00:00.000Z"),
            (at(2024, 2, 29, 23, 59), "2024-02-29T23:59:00.000Z"),
            (at(2026, 10, 25, 1, 30), "2026-10-25T01:30:00.000Z"),
        ] {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(timestamp(time), expected);
        }
    }
}
