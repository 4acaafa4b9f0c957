//! When a schedule fires next.
//!
//! This module is responsible for turning a schedule and a moment into the next moment the
//! schedule fires, across time zones and their changes between standard and daylight saving time.
//!
//! It deliberately does not wait, run anything or remember what has fired; it does not parse
//! schedules either, which [`ifc_manifest::cron`] does.
//!
//! # Time zone changes
//!
//! Cron expressions are about the civil time of a zone. A local time that a forward change skips
//! does not fire; a local time that a backward change repeats fires once, at its first occurrence.

use ifc_manifest::cron::{Cron, Rate};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};

const NANOSECONDS_PER_MINUTE: i128 = 60 * 1_000_000_000;

/// The first moment strictly after `after` at which `cron` fires in the civil time of `zone`.
///
/// Returns nothing only when there is no such moment before the end of representable time, the
/// year 9999.
#[must_use]
pub fn next_after(cron: &Cron, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let local = zone.to_datetime(after);
    let mut date = local.date();
    let mut hour = local.hour();
    // The current minute has started at or before `after`, so the earliest candidate is the next;
    // 60 simply finds nothing in this hour.
    let mut minute = local.minute() + 1;
    // Every round ends at a later date, so the end of the calendar bounds the search.
    loop {
        let next_date = first_date_from(cron, date)?;
        if next_date != date {
            date = next_date;
            (hour, minute) = (0, 0);
        }
        while let Some(next_hour) = first_bit_from(cron.hours().into(), hour) {
            if next_hour != hour {
                hour = next_hour;
                minute = 0;
            }
            while let Some(next_minute) = first_bit_from(cron.minutes(), minute) {
                let candidate = date.at(hour, next_minute, 0, 0);
                match first_occurrence(zone, candidate) {
                    // Within the repetition of a fold the candidate may be one whose first
                    // occurrence is already over.
                    Some(timestamp) if timestamp > after => return Some(timestamp),
                    _ => minute = next_minute + 1,
                }
            }
            hour += 1;
            minute = 0;
        }
        date = date.tomorrow().ok()?;
        (hour, minute) = (0, 0);
    }
}

/// The first moment strictly after `after` that is a whole multiple of the rate from the start of
/// 1970 in UTC, whichever zone anyone is in.
///
/// Saturates to [`Timestamp::MAX`] at the end of representable time, the year 9999.
#[must_use]
pub fn next_rate_after(rate: &Rate, after: Timestamp) -> Timestamp {
    let period = i128::from(rate.minutes()) * NANOSECONDS_PER_MINUTE;
    // Euclidean division rounds down before 1970 as well, where plain division rounds up.
    let next = (after.as_nanosecond().div_euclid(period) + 1) * period;
    Timestamp::from_nanosecond(next).unwrap_or(Timestamp::MAX)
}

/// The moment the local time first occurs in the zone, or nothing if it is skipped.
fn first_occurrence(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    let offset = match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Gap { .. } => return None,
        AmbiguousOffset::Fold { before, .. } => before,
    };
    // Fails only within a day of the ends of representable time.
    offset.to_timestamp(local).ok()
}

/// The first date on which `cron` fires, from `date` on.
fn first_date_from(cron: &Cron, mut date: Date) -> Option<Date> {
    loop {
        let Some(month) = first_bit_from(cron.months().into(), date.month()) else {
            let year = date.year().checked_add(1)?;
            date = Date::new(year, 1, 1).ok()?;
            continue;
        };
        if month != date.month() {
            date = Date::new(date.year(), month, 1).ok()?;
        }
        // Only one of the two day fields can be restricted, so this finds the day at once or,
        // through the weekdays, within a week.
        while let Some(day) = first_bit_from(cron.days_of_month().into(), date.day()) {
            // Fails for a day this month does not have, such as February 29 in most years.
            let Ok(candidate) = Date::new(date.year(), month, day) else {
                break;
            };
            let weekday = candidate.weekday().to_sunday_zero_offset();
            if cron.days_of_week() >> weekday & 1 == 1 {
                return Some(candidate);
            }
            date = candidate.tomorrow().ok()?;
            if date.month() != month {
                break;
            }
        }
        if date.month() == month {
            date = date.last_of_month().tomorrow().ok()?;
        }
    }
}

/// The position of the lowest bit that is set in `bits`, from position `from` (0–63) on.
fn first_bit_from(bits: u64, from: i8) -> Option<i8> {
    let rest = bits >> from << from;
    // A position within 64 bits fits.
    (rest != 0).then(|| rest.trailing_zeros() as i8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifc_manifest::cron;
    use jiff::{SignedDuration, ToSpan};
    use std::collections::HashSet;
    use std::time::Duration;

    fn parse(expression: &str) -> Cron {
        cron::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn timestamp(text: &str) -> Timestamp {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// Checks the moments at which an expression fires one after the other from `after` on; all
    /// moments are written with the offset that is in force in the zone.
    #[track_caller]
    fn check(expression: &str, zone_name: &str, after: &str, expected: &[&str]) {
        let (cron, zone) = (parse(expression), zone(zone_name));
        let mut now = timestamp(after);
        for text in expected {
            now = next_after(&cron, &zone, now).expect("fires again");
            let offset = zone.to_offset(now);
            let actual = now.display_with_offset(offset).to_string();
            assert_eq!(&actual, text, "{expression} in {zone_name} after {after}");
        }
    }

    #[test]
    fn fires_strictly_after() {
        for (after, expected) in [
            ("2026-03-01T03:00:00Z", "2026-03-01T03:01:00+00:00"),
            (
                "2026-03-01T03:00:00.000000001Z",
                "2026-03-01T03:01:00+00:00",
            ),
            (
                "2026-03-01T03:00:59.999999999Z",
                "2026-03-01T03:01:00+00:00",
            ),
            ("2026-02-28T23:59:00Z", "2026-03-01T00:00:00+00:00"),
            ("2026-12-31T23:59:30Z", "2027-01-01T00:00:00+00:00"),
            ("1969-12-31T23:59:59.5Z", "1970-01-01T00:00:00+00:00"),
            ("1969-12-31T23:57:59.5Z", "1969-12-31T23:58:00+00:00"),
        ] {
            check("* * * * *", "UTC", after, &[expected]);
        }
    }

    #[test]
    fn jumps_over_the_calendar() {
        check(
            "0 3 * * *",
            "Asia/Kolkata",
            "2026-01-01T03:00:00+05:30",
            &["2026-01-02T03:00:00+05:30", "2026-01-03T03:00:00+05:30"],
        );
        check(
            "15,45 22-23 * * FRI-SAT,7",
            "UTC",
            "2026-12-31T12:00:00Z",
            &[
                "2027-01-01T22:15:00+00:00",
                "2027-01-01T22:45:00+00:00",
                "2027-01-01T23:15:00+00:00",
                "2027-01-01T23:45:00+00:00",
                "2027-01-02T22:15:00+00:00",
            ],
        );
        check(
            "59 23 31 * *",
            "UTC",
            "2026-01-31T23:59:00Z",
            &["2026-03-31T23:59:00+00:00", "2026-05-31T23:59:00+00:00"],
        );
        check(
            "59 23 31 12 *",
            "Pacific/Auckland",
            "2026-12-31T23:59:00+13:00",
            &["2027-12-31T23:59:00+13:00"],
        );
        check(
            "0 0 1 JAN *",
            "America/New_York",
            "2026-12-31T23:59:59-05:00",
            &["2027-01-01T00:00:00-05:00", "2028-01-01T00:00:00-05:00"],
        );
        check(
            "0 0 * FEB MON",
            "UTC",
            "2026-02-20T00:00:00Z",
            &["2026-02-23T00:00:00+00:00", "2027-02-01T00:00:00+00:00"],
        );
    }

    #[test]
    fn waits_for_leap_days() {
        check(
            "0 12 29 2 *",
            "Europe/Rome",
            "2024-02-29T12:00:00+01:00",
            &["2028-02-29T12:00:00+01:00", "2032-02-29T12:00:00+01:00"],
        );
        // 2100 is not a leap year.
        check(
            "0 0 29 2 *",
            "UTC",
            "2096-02-29T00:00:00Z",
            &["2104-02-29T00:00:00+00:00"],
        );
        check(
            "0 0 28-31 2 *",
            "UTC",
            "2027-02-28T00:00:00Z",
            &[
                "2028-02-28T00:00:00+00:00",
                "2028-02-29T00:00:00+00:00",
                "2029-02-28T00:00:00+00:00",
            ],
        );
        check(
            "0 0 30 2,4 *",
            "UTC",
            "2026-01-30T00:00:00Z",
            &["2026-04-30T00:00:00+00:00", "2027-04-30T00:00:00+00:00"],
        );
    }

    #[test]
    fn skips_local_times_in_a_gap() {
        // 02:00 becomes 03:00 on 2026-03-29.
        check(
            "30 2 * * *",
            "Europe/Rome",
            "2026-03-28T00:00:00+01:00",
            &["2026-03-28T02:30:00+01:00", "2026-03-30T02:30:00+02:00"],
        );
        check(
            "*/30 1-3 * * *",
            "Europe/Rome",
            "2026-03-29T01:00:00+01:00",
            &[
                "2026-03-29T01:30:00+01:00",
                "2026-03-29T03:00:00+02:00",
                "2026-03-29T03:30:00+02:00",
            ],
        );
        // The change always falls on the last Sunday of March, which is the 29th in 2026.
        check(
            "0 2 29 3 *",
            "Europe/Rome",
            "2025-04-01T00:00:00+02:00",
            &["2027-03-29T02:00:00+02:00"],
        );
        // 02:00 becomes 03:00 on 2026-03-08.
        check(
            "0,59 2 * * *",
            "America/New_York",
            "2026-03-07T02:30:00-05:00",
            &["2026-03-07T02:59:00-05:00", "2026-03-09T02:00:00-04:00"],
        );
        // 02:00 becomes 02:30 on 2026-10-04.
        check(
            "*/15 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T02:45:00+10:30",
            &[
                "2026-10-04T02:30:00+11:00",
                "2026-10-04T02:45:00+11:00",
                "2026-10-05T02:00:00+11:00",
            ],
        );
        // Midnight became 01:00 on 2018-11-04, the last time before the zone gave up the change.
        check(
            "0 0 * * *",
            "America/Sao_Paulo",
            "2018-11-03T12:00:00-03:00",
            &["2018-11-05T00:00:00-02:00"],
        );
        check(
            "0 0 3,4 11 *",
            "America/Sao_Paulo",
            "2019-11-02T12:00:00-03:00",
            &["2019-11-03T00:00:00-03:00", "2019-11-04T00:00:00-03:00"],
        );
        // The whole of 2011-12-30 was skipped.
        check(
            "0 8 * * *",
            "Pacific/Apia",
            "2011-12-29T08:00:00-10:00",
            &["2011-12-31T08:00:00+14:00"],
        );
        check(
            "* * 30 12 *",
            "Pacific/Apia",
            "2011-12-29T08:00:00-10:00",
            &["2012-12-30T00:00:00+14:00"],
        );
    }

    #[test]
    fn fires_once_in_a_fold() {
        // 03:00 becomes 02:00 on 2026-10-25.
        check(
            "30 2 * * *",
            "Europe/Rome",
            "2026-10-25T00:00:00+02:00",
            &["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"],
        );
        check(
            "*/30 * * * *",
            "Europe/Rome",
            "2026-10-25T01:45:00+02:00",
            &[
                "2026-10-25T02:00:00+02:00",
                "2026-10-25T02:30:00+02:00",
                "2026-10-25T03:00:00+01:00",
            ],
        );
        // From within the second pass, and at its very start.
        for after in ["2026-10-25T02:00:00+01:00", "2026-10-25T02:29:59+01:00"] {
            check(
                "30 2 * * *",
                "Europe/Rome",
                after,
                &["2026-10-26T02:30:00+01:00"],
            );
        }
        // 02:00 becomes 01:00 on 2026-11-01.
        check(
            "0 1,2 * * *",
            "America/New_York",
            "2026-11-01T00:30:00-04:00",
            &[
                "2026-11-01T01:00:00-04:00",
                "2026-11-01T02:00:00-05:00",
                "2026-11-02T01:00:00-05:00",
            ],
        );
        // 02:00 becomes 01:30 on 2026-04-05.
        check(
            "*/15 1-2 * * *",
            "Australia/Lord_Howe",
            "2026-04-05T01:15:00+11:00",
            &[
                "2026-04-05T01:30:00+11:00",
                "2026-04-05T01:45:00+11:00",
                "2026-04-05T02:00:00+10:30",
            ],
        );
        // Midnight became 23:00 of the day before, 2019-02-16.
        check(
            "30 23 * * *",
            "America/Sao_Paulo",
            "2019-02-16T12:00:00-02:00",
            &["2019-02-16T23:30:00-02:00", "2019-02-17T23:30:00-03:00"],
        );
        check(
            "0 0 * * *",
            "America/Sao_Paulo",
            "2019-02-16T23:59:59-02:00",
            &["2019-02-17T00:00:00-03:00"],
        );
    }

    #[test]
    fn ends_with_time() {
        let yearly = parse("0 0 29 2 *");
        let minutely = parse("* * * * *");
        for name in ["UTC", "Europe/Rome", "Pacific/Apia", "America/New_York"] {
            let zone = zone(name);
            assert_eq!(next_after(&yearly, &zone, Timestamp::MAX), None);
            assert_eq!(next_after(&minutely, &zone, Timestamp::MAX), None);
            let late = timestamp("9996-03-02T00:00:00Z");
            assert_eq!(next_after(&yearly, &zone, late), None);
            let first = next_after(&minutely, &zone, Timestamp::MIN).expect("fires");
            assert!(first > Timestamp::MIN);
            let fixed = parse("30 2 28 3 *");
            assert!(next_after(&fixed, &zone, Timestamp::MIN) > Some(Timestamp::MIN));
        }
    }

    #[test]
    fn rates_are_aligned_to_the_epoch() {
        for (minutes, after, expected) in [
            (1, "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"),
            (1, "2026-01-01T00:00:59.999999999Z", "2026-01-01T00:01:00Z"),
            (15, "2026-01-01T10:14:59Z", "2026-01-01T10:15:00Z"),
            (15, "2026-01-01T10:15:00Z", "2026-01-01T10:30:00Z"),
            (60, "2026-01-01T10:15:00Z", "2026-01-01T11:00:00Z"),
            (480, "2026-01-01T10:15:00Z", "2026-01-01T16:00:00Z"),
            (1440, "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"),
            (1440, "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"),
            (10, "1970-01-01T00:00:00Z", "1970-01-01T00:10:00Z"),
            (10, "1969-12-31T23:59:59.5Z", "1970-01-01T00:00:00Z"),
            (10, "1969-12-31T23:50:00Z", "1970-01-01T00:00:00Z"),
            (10, "1969-12-31T23:49:59.5Z", "1969-12-31T23:50:00Z"),
        ] {
            let rate = cron::rate(Duration::from_secs(minutes * 60)).expect("portable");
            let actual = next_rate_after(&rate, timestamp(after));
            assert_eq!(
                actual,
                timestamp(expected),
                "{minutes} minutes after {after}"
            );
        }
        let rate = cron::rate(Duration::from_secs(60)).expect("portable");
        assert_eq!(next_rate_after(&rate, Timestamp::MAX), Timestamp::MAX);
    }

    /// A generator of reproducible pseudo-random numbers (xorshift).
    struct Generator(u64);

    impl Generator {
        fn below(&mut self, limit: u32) -> u32 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 33) as u32 % limit
        }

        fn field(&mut self, lowest: u32, highest: u32) -> String {
            let span = highest - lowest;
            let first = lowest + self.below(span + 1);
            match self.below(6) {
                0 | 1 => "*".to_string(),
                2 => format!("*/{}", 1 + self.below(span / 2)),
                3 => format!("{first}"),
                4 => format!("{first},{}", lowest + self.below(span + 1)),
                _ => format!("{first}-{}", first + self.below(highest - first + 1)),
            }
        }

        /// A valid expression; `hours` limits the hours, to hit the changes of a zone often.
        fn cron(&mut self, hours: u32) -> Cron {
            loop {
                let minute = self.field(0, 59);
                let hour = self.field(0, hours);
                let (mut day_of_month, mut day_of_week) = ("*".to_string(), "*".to_string());
                match self.below(4) {
                    0 => day_of_month = self.field(1, 31),
                    1 => day_of_week = self.field(0, 7),
                    _ => {}
                }
                let month = match self.below(3) {
                    0 => self.field(1, 12),
                    _ => "*".to_string(),
                };
                let text = format!("{minute} {hour} {day_of_month} {month} {day_of_week}");
                if let Ok(cron) = cron::parse(&text) {
                    return cron;
                }
            }
        }
    }

    fn fires_at(cron: &Cron, local: DateTime) -> bool {
        cron.fires_at(
            local.minute() as u8,
            local.hour() as u8,
            local.day() as u8,
            local.month() as u8,
            local.weekday().to_sunday_zero_offset() as u8,
        )
    }

    /// Around the changes of many zones, walks through every minute of real time: a local time
    /// occurs for the first time if no earlier minute of the walk had it.
    #[test]
    fn agrees_with_walking_through_every_minute() {
        let mut generator = Generator(0x2545_f491_4f6c_dd1d);
        let (mut comparisons, mut changes, mut found) = (0, 0, 0);
        for name in [
            "UTC",
            "Africa/Cairo",
            "Africa/Casablanca",
            "America/Asuncion",
            "America/Caracas",
            "America/New_York",
            "America/Sao_Paulo",
            "America/St_Johns",
            "Antarctica/Troll",
            "Asia/Beirut",
            "Asia/Kathmandu",
            "Asia/Kolkata",
            "Asia/Pyongyang",
            "Australia/Lord_Howe",
            "Europe/Dublin",
            "Europe/Rome",
            "Pacific/Apia",
            "Pacific/Chatham",
            "Pacific/Kwajalein",
        ] {
            let zone = zone(name);
            let since = timestamp("1975-01-01T00:00:00Z");
            let until = timestamp("2040-01-01T00:00:00Z");
            let transitions: Vec<Timestamp> = zone
                .following(since)
                .map(|transition| transition.timestamp())
                .take_while(|timestamp| *timestamp < until)
                .collect();
            for _ in 0..6 {
                let center = match transitions.len() {
                    0 => since + SignedDuration::from_mins(generator.below(30_000_000).into()),
                    count => transitions[generator.below(count as u32) as usize],
                };
                changes += usize::from(!transitions.is_empty());
                // Starting well before the change keeps its first passes within the walk.
                let start = center - 30.hours();
                let mut seen = HashSet::new();
                let walk: Vec<(Timestamp, DateTime)> = (0..60 * 60)
                    .map(|minute| start + SignedDuration::from_mins(minute))
                    .map(|now| (now, zone.to_datetime(now)))
                    .filter(|(_, local)| seen.insert(*local))
                    .collect();
                for _ in 0..12 {
                    let cron = generator.cron(if comparisons % 2 == 0 { 4 } else { 23 });
                    let fires: Vec<Timestamp> = walk
                        .iter()
                        .filter(|(_, local)| fires_at(&cron, *local))
                        .map(|(now, _)| *now)
                        .collect();
                    for _ in 0..10 {
                        // From a few hours before the change on, in fractions of minutes too.
                        let second = generator.below(30 * 60) * 60 + generator.below(3) * 29;
                        let after = center - 4.hours() + SignedDuration::from_secs(second.into());
                        let actual = next_after(&cron, &zone, after).expect("fires");
                        let expected = fires.iter().find(|now| **now > after);
                        match expected {
                            Some(expected) => {
                                assert_eq!(actual, *expected, "{cron:?} in {name} after {after}");
                                found += 1;
                            }
                            None => assert!(
                                actual >= start + 60.hours(),
                                "{cron:?} in {name} after {after}: {actual}"
                            ),
                        }
                        comparisons += 1;
                    }
                }
            }
        }
        // Keep the generator honest.
        assert!(comparisons > 10_000 && found > comparisons / 4, "{found}");
        assert!(changes > 80, "{changes}");
    }

    /// Over many years, walks through every day.
    #[test]
    fn agrees_with_walking_through_every_day() {
        let mut generator = Generator(0x9e37_79b9_7f4a_7c15);
        let start = Date::constant(2093, 11, 20);
        let days: Vec<Date> = (0..4500).map(|day| start + day.days()).collect();
        for _ in 0..150 {
            let cron = generator.cron(23);
            let minute = cron.minutes().trailing_zeros() as i8;
            let hour = cron.hours().trailing_zeros() as i8;
            // From the last firing of a day, the next is the first of the next day that fires.
            let last_minute = 63 - cron.minutes().leading_zeros() as i8;
            let last_hour = 31 - cron.hours().leading_zeros() as i8;
            let mut previous: Option<Date> = None;
            for day in &days {
                if !fires_at(&cron, day.at(hour, minute, 0, 0)) {
                    continue;
                }
                if let Some(previous) = previous {
                    let after = previous.at(last_hour, last_minute, 0, 0);
                    let after = TimeZone::UTC.to_timestamp(after).expect("in range");
                    let expected = day.at(hour, minute, 0, 0);
                    let expected = TimeZone::UTC.to_timestamp(expected).expect("in range");
                    let actual = next_after(&cron, &TimeZone::UTC, after);
                    assert_eq!(actual, Some(expected), "{cron:?} after {after}");
                }
                previous = Some(*day);
            }
        }
    }
}
