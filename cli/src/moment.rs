//! Times as users write them: in UTC, or how long ago.

use crate::failure::Failure;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time that is given to a flag.
pub(crate) fn read(flag: &str, text: &str) -> Result<SystemTime, Failure> {
    moment(text, SystemTime::now()).ok_or_else(|| {
        Failure::usage(format!("`{text}` is not a time")).help(format!(
            "write a time in UTC, `{flag} 2026-01-31T08:00:00Z`, or how long ago, `{flag} 6h`"
        ))
    })
}

/// A time in UTC, or so long before `now`.
fn moment(text: &str, now: SystemTime) -> Option<SystemTime> {
    match ago(text) {
        Some(ago) => now.checked_sub(ago),
        None => date(text),
    }
}

fn ago(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}

/// `2026-01-31T08:00:00Z`, the seconds optional.
fn date(text: &str) -> Option<SystemTime> {
    let (date, time) = text.strip_suffix('Z')?.split_once(['T', ' '])?;
    let numbers = |text: &str, separator| -> Option<Vec<u64>> {
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let parts = text.split(separator);
        parts
            .map(|part| digits(part).then(|| part.parse().ok()).flatten())
            .collect()
    };
    let &[year, month, day] = numbers(date, '-')?.as_slice() else {
        return None;
    };
    let (hour, minute, second) = match *numbers(time, ':')?.as_slice() {
        [hour, minute] => (hour, minute, 0),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    let in_range = (1970..=9999).contains(&year) && hour < 24 && minute < 60 && second < 60;
    if !in_range || day < 1 || day > days_of_month(year, month)? {
        return None;
    }
    let years = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 });
    let months = (1..month).filter_map(|month| days_of_month(year, month));
    let days = years.chain(months).sum::<u64>() + day - 1;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_of_month(year: u64, month: u64) -> Option<u64> {
    Some(match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let actual = moment(text, now);
        let seconds = actual.map(|at| at.duration_since(UNIX_EPOCH).unwrap().as_secs());
        assert_eq!(seconds, expected, "{text}");
    }

    #[test]
    fn times_and_ages() {
        check("1970-01-01T00:00:00Z", Some(0));
        check("2026-01-31T08:00:00Z", Some(1_769_846_400));
        check("2024-02-29T23:59:59Z", Some(1_709_251_199));
        check("2026-01-31 08:00Z", Some(1_769_846_400));
        check("90s", Some(999_910));
        check("2h", Some(992_800));
        check("1d", Some(913_600));
        for wrong in [
            "",
            "h",
            "-1h",
            "1y",
            "2026-01-31",
            "2026-01-31T08:00:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "1969-12-31T00:00:00Z",
            "é",
            "2026-01-01T+1:00:00Z",
        ] {
            check(wrong, None);
        }
    }
}
