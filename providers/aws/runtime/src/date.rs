//! Points in time as AWS writes them in texts, `2026-01-15T12:00:00Z`, in headers,
//! `Thu, 15 Jan 2026 12:00:00 GMT`, and in signatures, `20260115T120000Z`: always in UTC.

use std::time::{Duration, SystemTime};

/// Reads a date of ISO 8601 in UTC, in the years from 1970 to 9999; fractions of a second are dropped.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let time = time.split_once('.').map_or(time, |(seconds, _)| seconds);
    at(numbers(date, '-')?, numbers(time, ':')?)
}

/// Reads a date as HTTP has it in headers.
pub(crate) fn parse_http(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, rest) = text.strip_suffix(" GMT")?.split_once(", ")?;
    let (date, time) = rest.rsplit_once(' ')?;
    let (day, rest) = date.split_once(' ')?;
    let (month, year) = rest.split_once(' ')?;
    let month = MONTHS.iter().position(|known| *known == month)? + 1;
    at(
        numbers(&format!("{year}-{month}-{day}"), '-')?,
        numbers(time, ':')?,
    )
}

fn at([year, month, day]: [u64; 3], [hour, minute, second]: [u64; 3]) -> Option<SystemTime> {
    let valid = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !valid {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut number = || {
        let part = parts.next()?;
        part.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| part.parse().ok())?
    };
    let numbers = [number()?, number()?, number()?];
    parts.next().is_none().then_some(numbers)
}

/// Writes a date as signatures have it. A clock before 1970 is taken for one that stands there.
pub(crate) fn compact(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since.unwrap_or_default().as_secs();
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    // Eras of 400 years and years begin with March, as below.
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let march_based = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_based + 2) / 5 + 1;
    let month = (march_based + 2) % 12 + 1;
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// Days from 1970-01-01. Years begin with March here, so that a leap day is a year's last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_seconds_since_1970() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T00:00:00Z", Some(951_782_400)),
            ("2026-01-15T12:00:00Z", Some(1_768_478_400)),
            ("2026-01-15T12:00:00.123Z", Some(1_768_478_400)),
            ("2026-01-15T12:00:00", None),
            ("2026-13-15T12:00:00Z", None),
            ("2026-01-15", None),
            ("2026-01-+5T12:00:00Z", None),
            ("1969-12-31T23:59:59Z", None),
            ("9999-12-31T23:59:59Z", Some(253_402_300_799)),
            ("10000-01-01T00:00:00Z", None),
            ("9999999999999999999-01-01T00:00:00Z", None),
        ] {
            let seconds = parse(text).map(|time| {
                let since = time.duration_since(SystemTime::UNIX_EPOCH);
                since.expect("it is later").as_secs()
            });
            assert_eq!(seconds, expected, "{text}");
        }
    }

    #[test]
    fn dates_of_signatures_are_the_same() {
        for day in (0..2_932_897).step_by(29) {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400 + day % 86_400);
            let text = compact(time);
            let (date, clock) = text.split_at(8);
            let spaced = format!(
                "{}-{}-{}T{}:{}:{}",
                &date[..4],
                &date[4..6],
                &date[6..],
                &clock[1..3],
                &clock[3..5],
                &clock[5..]
            );
            assert_eq!(parse(&spaced), Some(time), "{text}");
        }
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(compact(before), "19700101T000000Z");
    }

    #[test]
    fn dates_of_headers_are_the_same() {
        let parsed = parse_http("Thu, 15 Jan 2026 12:00:00 GMT");
        assert_eq!(parsed, parse("2026-01-15T12:00:00Z"));
        let parsed = parse_http("Tue, 29 Feb 2000 00:00:01 GMT");
        assert_eq!(parsed, parse("2000-02-29T00:00:01Z"));
        for text in [
            "",
            "Thu, 15 Jan 2026 12:00:00",
            "Thu, 15 Foo 2026 12:00:00 GMT",
        ] {
            assert_eq!(parse_http(text), None, "{text}");
        }
    }
}
