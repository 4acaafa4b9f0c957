//! Points in time as AWS writes them in texts, `2026-01-15T12:00:00Z`, and in headers,
//! `Thu, 15 Jan 2026 12:00:00 GMT`: always in UTC.

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
