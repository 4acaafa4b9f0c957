//! Moments as the store keeps them: nanoseconds since 1970 in a signed number, good until 2262.

use std::time::{Duration, SystemTime};

/// Nanoseconds since 1970.
pub(crate) type Moment = i64;

/// From the standard library's form. Saturates at both ends.
pub(crate) fn from_system(time: SystemTime) -> Moment {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => nanoseconds(since),
        Err(error) => -nanoseconds(error.duration()),
    }
}

/// To the standard library's form.
pub(crate) fn to_system(moment: Moment) -> SystemTime {
    let distance = Duration::from_nanos(moment.unsigned_abs());
    if moment >= 0 {
        SystemTime::UNIX_EPOCH + distance
    } else {
        SystemTime::UNIX_EPOCH - distance
    }
}

/// A duration in nanoseconds, saturating.
pub(crate) fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// Whole seconds since 1970, rounded down, as ttl attributes count.
pub(crate) fn epoch_seconds(moment: Moment) -> i64 {
    moment.div_euclid(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_round_trip() {
        for moment in [i64::MIN + 1, -1, 0, 1, 1_700_000_000_123_456_789, i64::MAX] {
            assert_eq!(from_system(to_system(moment)), moment);
        }
    }
}
