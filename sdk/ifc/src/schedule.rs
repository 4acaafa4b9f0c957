//! Schedule: a handler invoked by the clock.

use crate::unit::unit_knobs;
use ifc_manifest::cron;
use ifc_manifest::format::Encoder;
use ifc_manifest::kind::schedule::{RETRIES, RETRIES_DEFAULT, ScheduleKnobs};
use ifc_manifest::kind::unit::{TIMEOUT_ASYNC, TIMEOUT_DEFAULT, UnitSpec};
use ifc_manifest::size::SCHEDULE_INPUT_BYTES_MAX;
use std::time::Duration;

/// The knobs of `#[schedule]`.
#[derive(Clone, Copy)]
pub struct ScheduleOptions {
    knobs: ScheduleKnobs,
    unit: UnitSpec,
}

impl ScheduleOptions {
    const NEW: ScheduleOptions = ScheduleOptions {
        knobs: ScheduleKnobs {
            expression: None,
            every: None,
            time_zone: "UTC",
            retries: RETRIES_DEFAULT,
            input: None,
        },
        unit: UnitSpec::new(TIMEOUT_DEFAULT),
    };

    /// At the times of a cron expression with five fields.
    ///
    /// # Panics
    /// When the expression is outside the dialect; in a constant that is a compile error.
    #[track_caller]
    pub const fn cron(expression: &'static str) -> Self {
        if let Err(error) = cron::parse(expression) {
            panic!("{}", error.message());
        }
        let mut options = Self::NEW;
        options.knobs.expression = Some(expression);
        options
    }

    /// At whole multiples of a duration.
    ///
    /// # Panics
    /// When the duration is not portable; in a constant that is a compile error.
    #[track_caller]
    pub const fn every(period: Duration) -> Self {
        if let Err(error) = cron::rate(period) {
            panic!("{}", error.message());
        }
        let mut options = Self::NEW;
        options.knobs.every = Some(period);
        options
    }

    unit_knobs!(TIMEOUT_ASYNC, unit);

    /// IANA time zone of the cron expression, for example `Europe/Rome`. Default UTC. Times that
    /// daylight saving skips do not fire, times that it repeats fire once. `ifc check` reports
    /// unknown zones.
    pub const fn tz(mut self, time_zone: &'static str) -> Self {
        self.knobs.time_zone = time_zone;
        self
    }

    /// Deliveries after a failed one, 0 to 5. Default 2.
    ///
    /// # Panics
    /// Outside the range; in a constant that is a compile error.
    #[track_caller]
    pub const fn retries(mut self, retries: u32) -> Self {
        self.knobs.retries = RETRIES.number(retries as u64) as u32;
        self
    }

    /// JSON text handed to the handler as the event's body, at most 8 KiB. Default `null`.
    ///
    /// # Panics
    /// When it is longer; in a constant that is a compile error.
    #[track_caller]
    pub const fn input(mut self, json: &'static str) -> Self {
        assert!(
            json.len() <= SCHEDULE_INPUT_BYTES_MAX,
            "the input of a schedule is limited to 8 KiB"
        );
        self.knobs.input = Some(json);
        self
    }

    /// Writes the trigger and the unit.
    #[doc(hidden)]
    pub const fn __ifc_encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        encoder.map_entry("trigger").text_entry("type", "schedule");
        self.knobs.encode(encoder);
        encoder.end();
        self.unit.encode(encoder);
    }
}
