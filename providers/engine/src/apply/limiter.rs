//! As many calls as each API takes: a rate per API that halves when it throttles and grows while it
//! does not.

use crate::clock::Clock;
use crate::provider::Api;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a throttled API is asked at least, per second.
const SLOWEST: f64 = 0.5;
/// Calls beyond the rate that may be made at once, as seconds' worth of it.
const BURST_SECONDS: f64 = 1.0;
/// The longest pause that an API may ask for; whether it is over is found out by asking.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Throttlings within this time are one event: they answer calls that were under way together.
const ONE_EVENT: Duration = Duration::from_secs(1);

/// The rates of all APIs.
pub(crate) struct Limiter<'a> {
    clock: &'a dyn Clock,
    rates: Mutex<BTreeMap<String, Rate>>,
}

struct Rate {
    /// None while there was no throttling, unless the provider says a rate.
    per_second: Option<f64>,
    /// When the next call is due, were there no burst.
    next: Duration,
    throttled: Option<Duration>,
    window: Duration,
    calls_in_window: u32,
}

impl<'a> Limiter<'a> {
    pub(crate) fn new(clock: &'a dyn Clock) -> Limiter<'a> {
        Limiter {
            clock,
            rates: Mutex::default(),
        }
    }

    /// Waits for a turn.
    pub(crate) async fn turn(&self, api: &Api) {
        let now = self.clock.now();
        let at = self.with(api, |rate| rate.reserve(now));
        if at > now {
            self.clock.sleep(at - now).await;
        }
    }

    /// The API said that these are too many calls.
    pub(crate) fn throttled(&self, api: &Api, retry_after: Option<Duration>) {
        let now = self.clock.now();
        self.with(api, |rate| rate.slow_down(now, retry_after));
    }

    /// The API took a call.
    pub(crate) fn accepted(&self, api: &Api) {
        self.with(api, |rate| {
            if let Some(per_second) = &mut rate.per_second {
                // About one more per second, every second.
                *per_second += 1.0 / per_second.max(1.0);
            }
        });
    }

    fn with<T>(&self, api: &Api, act: impl FnOnce(&mut Rate) -> T) -> T {
        let mut rates = self.lock();
        let rate = rates.entry(api.name.clone()).or_insert_with(|| Rate {
            per_second: api.per_second.map(f64::from),
            next: Duration::ZERO,
            throttled: None,
            window: Duration::ZERO,
            calls_in_window: 0,
        });
        act(rate)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Rate>> {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rate {
    fn reserve(&mut self, now: Duration) -> Duration {
        if now >= self.window + Duration::from_secs(1) {
            self.window = now;
            self.calls_in_window = 0;
        }
        self.calls_in_window += 1;
        let Some(per_second) = self.per_second else {
            return self.next.max(now);
        };
        // A bucket that is not full may fill up during a pause, but no further than a burst.
        let earliest = now.saturating_sub(Duration::from_secs_f64(BURST_SECONDS));
        let slot = match self.throttled {
            Some(_) => self.next.max(now),
            None => self.next.max(earliest),
        };
        self.next = slot + Duration::from_secs_f64(1.0 / per_second);
        slot.max(now)
    }

    fn slow_down(&mut self, now: Duration, retry_after: Option<Duration>) {
        let same_event = self.throttled.is_some_and(|last| now < last + ONE_EVENT);
        if !same_event {
            let current = self
                .per_second
                .unwrap_or_else(|| f64::from(self.calls_in_window.max(1)));
            self.per_second = Some((current / 2.0).max(SLOWEST));
            self.throttled = Some(now);
        }
        if let Some(wait) = retry_after {
            self.next = self.next.max(now + wait.min(LONGEST_PAUSE));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VirtualClock;

    fn api(per_second: Option<u32>) -> Api {
        Api {
            name: "api".to_owned(),
            per_second,
        }
    }

    fn seconds_for(clock: &VirtualClock, limiter: &Limiter<'_>, api: &Api, calls: u32) -> f64 {
        let begun = clock.now();
        clock.run(async {
            for _ in 0..calls {
                limiter.turn(api).await;
            }
        });
        (clock.now() - begun).as_secs_f64()
    }

    #[test]
    fn keeps_to_a_rate_after_a_burst() {
        let clock = VirtualClock::new(0);
        clock.run(clock.sleep(Duration::from_secs(10)));
        let limiter = Limiter::new(&clock);
        let api = api(Some(10));
        let seconds = seconds_for(&clock, &limiter, &api, 110);
        assert!((9.8..10.2).contains(&seconds), "{seconds}");
    }

    #[test]
    fn has_no_limit_until_throttled_then_adapts() {
        let clock = VirtualClock::new(0);
        let limiter = Limiter::new(&clock);
        let api = api(None);
        assert_eq!(seconds_for(&clock, &limiter, &api, 1000), 0.0);
        for _ in 0..50 {
            limiter.throttled(&api, Some(Duration::from_secs(2)));
        }
        // 1,000 in the last second were too many: halved once, after the pause asked for.
        let seconds = seconds_for(&clock, &limiter, &api, 500);
        assert!((2.9..3.1).contains(&seconds), "{seconds}");
        for _ in 0..5_000 {
            limiter.accepted(&api);
        }
        let faster = seconds_for(&clock, &limiter, &api, 500);
        assert!(faster < 1.0, "{faster}");
        limiter.throttled(&api, Some(Duration::MAX));
        let pause = seconds_for(&clock, &limiter, &api, 1);
        assert!(pause <= 61.0, "{pause}");
    }
}
