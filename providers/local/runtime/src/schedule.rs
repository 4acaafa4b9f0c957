//! When schedules fire: the next due time of each, and which due times have been used.
//!
//! A due time that passes while nothing runs is skipped. One that was used is written down in the
//! same commit as its event, so that a clock that goes back does not use it twice.

use crate::cron;
use crate::moment::Moment;
use crate::queue::{self, Rules, Sequence};
use crate::store::keys::{self, KeyBytes};
use crate::store::{Fault, Read, Transaction};
use ifc_manifest::kind::schedule::{ScheduleSpec, Timing};
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// How late an event may come to be, in nanoseconds. What is later was missed, because the machine
/// slept or the process stood still.
const LATE_MAX: i64 = 60_000_000_000;

/// A schedule and its next due time.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// The unit.
    pub(crate) name: String,
    /// Its hidden queue.
    pub(crate) rules: Rules,
    /// JSON handed to the handler.
    pub(crate) body: Vec<u8>,
    /// The next due time; none when it never fires again.
    pub(crate) next: Option<Moment>,
    timing: Timing,
    zone: TimeZone,
}

impl Schedule {
    /// A schedule that has used every due time up to `last`.
    ///
    /// # Errors
    /// When the time zone or the input is not known.
    pub(crate) fn new(
        name: &str,
        rules: Rules,
        spec: &ScheduleSpec,
        now: Moment,
        last: Option<Moment>,
    ) -> Result<Schedule, String> {
        // The zones that ship with the program: the same everywhere, and no search on disk.
        let zone = match spec.time_zone.as_str() {
            "UTC" => TimeZone::UTC,
            zone => TimeZoneDatabase::bundled().get(zone).map_err(|_| {
                format!("schedule `{name}` names the time zone `{zone}`, which does not exist")
            })?,
        };
        let body = spec.input.clone().unwrap_or_else(|| "null".to_owned());
        serde_json::from_str::<serde::de::IgnoredAny>(&body)
            .map_err(|error| format!("the input of schedule `{name}` is not JSON: {error}"))?;
        let mut schedule = Schedule {
            name: name.to_owned(),
            rules,
            body: body.into_bytes(),
            next: None,
            timing: spec.timing,
            zone,
        };
        schedule.next = schedule.after(last.map_or(now, |last| last.max(now)));
        Ok(schedule)
    }

    /// The first due time after a moment.
    pub(crate) fn after(&self, moment: Moment) -> Option<Moment> {
        let after = Timestamp::from_nanosecond(i128::from(moment)).ok()?;
        let next = match &self.timing {
            Timing::Cron(cron) => cron::next_after(cron, &self.zone, after)?,
            Timing::Rate(rate) => cron::next_rate_after(rate, after),
        };
        Moment::try_from(next.as_nanosecond()).ok()
    }

    /// The due time to use now, if there is one: the next, unless it was missed.
    pub(crate) fn due(&self, now: Moment) -> Option<Moment> {
        let next = self.next.filter(|next| *next <= now)?;
        if now - next <= LATE_MAX {
            return Some(next);
        }
        self.after(now - LATE_MAX - 1).filter(|due| *due <= now)
    }

    /// The id of the event of a due time.
    pub(crate) fn event_id(&self, due: Moment) -> String {
        let time = Timestamp::from_nanosecond(i128::from(due)).unwrap_or(Timestamp::MAX);
        format!("{}@{time}", self.name)
    }
}

/// The last due time that was used.
pub(crate) fn last_used(table: &impl Read, name: &str) -> Result<Option<Moment>, Fault> {
    let key = KeyBytes::named(keys::SCHEDULE, name);
    let value = table.get(key.as_bytes())?;
    Ok(value.and_then(|value| Some(Moment::from_le_bytes(value.value().try_into().ok()?))))
}

/// Uses a due time: puts its event, given as a record, into the schedule's queue. Says whether it
/// was still to be used.
pub(crate) fn fire(
    transaction: &mut Transaction<'_, '_>,
    schedule: &Schedule,
    sequence: &Sequence,
    due: Moment,
    now: Moment,
    record: &[u8],
) -> Result<bool, Fault> {
    if last_used(transaction.table(), &schedule.name)?.is_some_and(|last| last >= due) {
        return Ok(false);
    }
    let key = KeyBytes::named(keys::SCHEDULE, &schedule.name);
    transaction.put(key.as_bytes(), &due.to_le_bytes())?;
    queue::send(transaction, &schedule.rules, sequence, record, None, now)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::nanoseconds;
    use ifc_manifest::cron::{parse, rate};
    use ifc_manifest::kind::edge::RetrySpec;
    use std::time::Duration;

    fn moment(text: &str) -> Moment {
        let timestamp: Timestamp = text.parse().unwrap();
        timestamp.as_nanosecond() as Moment
    }

    fn schedule(timing: Timing, now: &str, last: Option<&str>) -> Schedule {
        let rules = Rules {
            runs: false,
            queue: 0,
            fifo: false,
            retention: nanoseconds(Duration::from_secs(86_400)),
            retry: RetrySpec::DEFAULT,
        };
        let spec = ScheduleSpec {
            timing,
            expression: None,
            time_zone: "Europe/Rome".to_owned(),
            retries: 2,
            input: None,
        };
        Schedule::new("nightly", rules, &spec, moment(now), last.map(moment)).unwrap()
    }

    #[test]
    fn due_times_are_used_missed_or_awaited() {
        let nightly = Timing::Cron(parse("0 3 * * *").unwrap());
        let every_minute = Timing::Rate(rate(Duration::from_secs(60)).unwrap());
        for (timing, opened, last, now, expected) in [
            (
                nightly,
                "2026-01-01T00:00Z",
                None,
                "2026-01-01T01:59Z",
                None,
            ),
            (
                nightly,
                "2026-01-01T00:00Z",
                None,
                "2026-01-01T02:00Z",
                Some("2026-01-01T02:00Z"),
            ),
            (
                nightly,
                "2026-01-01T00:00Z",
                None,
                "2026-01-01T02:01Z",
                Some("2026-01-01T02:00Z"),
            ),
            // The machine slept.
            (
                nightly,
                "2026-01-01T00:00Z",
                None,
                "2026-01-01T02:02Z",
                None,
            ),
            (
                nightly,
                "2026-01-01T00:00Z",
                None,
                "2026-01-04T02:00Z",
                Some("2026-01-04T02:00Z"),
            ),
            // Due while nothing ran.
            (
                nightly,
                "2026-01-01T02:00Z",
                None,
                "2026-01-01T02:00Z",
                None,
            ),
            // The clock went back behind a due time that was used.
            (
                nightly,
                "2026-01-01T01:00Z",
                Some("2026-01-01T02:00Z"),
                "2026-01-01T02:00Z",
                None,
            ),
            (
                every_minute,
                "2026-01-01T00:00:30Z",
                None,
                "2026-01-01T09:09:30Z",
                Some("2026-01-01T09:09Z"),
            ),
        ] {
            let text = |short: &str| match short.len() {
                17 => short.replace('Z', ":00Z"),
                _ => short.to_owned(),
            };
            let schedule = schedule(timing, &text(opened), last.map(text).as_deref());
            let actual = schedule.due(moment(&text(now)));
            assert_eq!(
                actual,
                expected.map(|due| moment(&text(due))),
                "{opened} {now}"
            );
        }
    }

    #[test]
    fn events_are_named_after_their_due_time() {
        let nightly = Timing::Cron(parse("0 3 * * *").unwrap());
        let schedule = schedule(nightly, "2026-07-01T00:00:00Z", None);
        let due = schedule.next.unwrap();
        assert_eq!(schedule.event_id(due), "nightly@2026-07-01T01:00:00Z");
    }

    #[test]
    fn unknown_zones_and_bad_inputs_are_named() {
        let nightly = schedule(
            Timing::Cron(parse("0 3 * * *").unwrap()),
            "2026-07-01T00:00:00Z",
            None,
        );
        for (zone, input, expected) in [
            ("Europe/Atlantis", None, "`Europe/Atlantis`"),
            ("UTC", Some("{"), "input of schedule `nightly`"),
        ] {
            let spec = ScheduleSpec {
                timing: nightly.timing,
                expression: None,
                time_zone: zone.to_owned(),
                retries: 2,
                input: input.map(str::to_owned),
            };
            let error = Schedule::new("nightly", nightly.rules, &spec, 0, None).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
