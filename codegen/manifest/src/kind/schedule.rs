//! Schedule: a handler invoked by the clock (contract, 4.9).

use super::{SpecError, limits, required};
use crate::cron::{self, Cron, Rate};
use crate::format::{Encoder, Value};
use crate::support::Demand;
use core::time::Duration;

limits! {
    /// Deliveries after the first one.
    RETRIES = "the retries of a schedule", "", "E-SCH-02" {
        aws 0..=185,
        gcp 0..=5 because "Cloud Scheduler tries again 5 times at most",
        azure 0..=5 because "a timer has no retries of its own, and more are not offered",
    } or "ask for 5 or fewer" or "send a message to a queue, whose consumer is tried up to 100 times";
}

/// Deliveries after the first one, by default.
pub const RETRIES_DEFAULT: u32 = 2;

/// When a schedule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// At the times of a cron expression, in a time zone.
    Cron(Cron),
    /// At whole multiples of a duration.
    Rate(Rate),
}

/// The knobs on a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleKnobs {
    /// Cron expression, when it is one.
    pub expression: Option<&'static str>,
    /// Period, when it is one.
    pub every: Option<Duration>,
    /// IANA time zone of the expression.
    pub time_zone: &'static str,
    /// Deliveries after the first one.
    pub retries: u32,
    /// Static JSON handed to the handler.
    pub input: Option<&'static str>,
}

impl ScheduleKnobs {
    /// Writes the keys into the open map.
    pub const fn encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        if let Some(expression) = self.expression {
            encoder.text_entry("cron", expression);
        }
        if let Some(every) = self.every {
            encoder.duration_entry("every_ms", every);
        }
        encoder
            .text_entry("time_zone", self.time_zone)
            .uint_entry("retries", self.retries as u64);
        if let Some(input) = self.input {
            encoder.text_entry("input", input);
        }
    }
}

/// A schedule's configuration, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleSpec {
    /// When it fires.
    pub timing: Timing,
    /// The cron expression as written, when it is one.
    pub expression: Option<String>,
    /// IANA time zone of the expression.
    pub time_zone: String,
    /// Deliveries after the first one.
    pub retries: u32,
    /// Static JSON handed to the handler.
    pub input: Option<String>,
}

impl ScheduleSpec {
    /// Reads what [`ScheduleKnobs::encode`] wrote.
    ///
    /// # Errors
    /// When a required key is missing, or the expression is outside the dialect.
    pub fn decode(config: &Value) -> Result<Self, SpecError> {
        let expression = config.text("cron").map(str::to_owned);
        let timing = match (&expression, config.duration("every_ms")) {
            (Some(expression), _) => Timing::Cron(required(cron::parse(expression).ok(), "cron")?),
            (None, Some(every)) => Timing::Rate(required(cron::rate(every).ok(), "every_ms")?),
            (None, None) => return Err(SpecError { key: "cron" }),
        };
        Ok(ScheduleSpec {
            timing,
            expression,
            time_zone: required(config.text("time_zone"), "time_zone")?.to_owned(),
            retries: required(
                config.uint("retries").and_then(|n| u32::try_from(n).ok()),
                "retries",
            )?,
            input: config.text("input").map(str::to_owned),
        })
    }
    /// What the schedule asks of its provider.
    pub fn demands(&self) -> Vec<Demand> {
        vec![Demand::Number(&RETRIES, self.retries.into())]
    }
}
