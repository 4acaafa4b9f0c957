//! Log records: one JSON line per record, or coloured text for a person.
//!
//! A small `tracing` subscriber of our own, because every application compiles it: it knows events,
//! the unit and trace of the current invocation, and levels per target. Spans are accepted and not
//! recorded. An application that installs a subscriber before `ifc::main!()` keeps its own.

use crate::Invocation;
use crate::event::hex;
use serde_json::{Map, Value};
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    Json,
    /// For a person: time of day, level, unit, message, fields.
    Text {
        /// With ANSI colours.
        colour: bool,
    },
}

/// Where records go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Standard output: where platforms collect logs.
    Output,
    /// Standard error, when standard output carries something else.
    Error,
}

/// Which records are written: a level for everything, and others for targets that begin with a
/// given text. Written `info,hyper=warn,orders::store=debug`.
#[derive(Clone, Debug)]
pub struct Levels {
    default: Level,
    targets: Vec<(String, Level)>,
}

impl Levels {
    /// Reads the form described at the type. Unreadable parts are left out.
    pub fn parse(text: &str) -> Levels {
        let mut levels = Levels {
            default: Level::INFO,
            targets: Vec::new(),
        };
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            match part.split_once('=') {
                Some((target, level)) => {
                    if let Ok(level) = level.parse() {
                        // The longest target wins, of equal ones the first.
                        let longer = |(known, _): &(String, _)| known.len() >= target.len();
                        let at = levels.targets.partition_point(longer);
                        levels.targets.insert(at, (target.to_owned(), level));
                    }
                }
                None => {
                    if let Ok(level) = part.parse() {
                        levels.default = level;
                    }
                }
            }
        }
        levels
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let level = self
            .targets
            .iter()
            .find(|(target, _)| metadata.target().starts_with(target.as_str()))
            .map_or(self.default, |(_, level)| *level);
        *metadata.level() <= level
    }
}

/// Makes our subscriber the process's, unless there is one already.
pub fn install(format: Format, sink: Sink, levels: Levels) {
    let _ = tracing::subscriber::set_global_default(Lines {
        format,
        sink,
        levels,
        spans: AtomicU64::new(1),
    });
}

tokio::task_local! {
    static REQUEST: Arc<str>;
}

/// Runs `future` with the platform's id of the request that it serves: each record has it, as
/// `request`. Tasks that it spawns are not part of it.
pub async fn in_request<F: Future>(id: Arc<str>, future: F) -> F::Output {
    REQUEST.scope(id, future).await
}

struct Lines {
    format: Format,
    sink: Sink,
    levels: Levels,
    spans: AtomicU64,
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && self.levels.enabled(metadata)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = match self.format {
            Format::Json => json_line(event.metadata(), fields),
            Format::Text { colour } => text_line(event.metadata(), fields, colour),
        };
        // Nothing sensible can be done when the sink is gone.
        let _ = match self.sink {
            Sink::Output => std::io::stdout().lock().write_all(line.as_bytes()),
            Sink::Error => std::io::stderr().lock().write_all(line.as_bytes()),
        };
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        self.others.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            self.add(field, Value::String(format!("{value:?}")));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.add(field, Value::String(value.to_owned()));
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }
}

fn json_line(metadata: &Metadata<'_>, fields: Fields) -> String {
    let mut record = Map::new();
    record.insert("time".into(), timestamp(SystemTime::now()).into());
    record.insert(
        "level".into(),
        metadata.level().as_str().to_lowercase().into(),
    );
    record.insert("target".into(), metadata.target().into());
    if let Some(invocation) = Invocation::current() {
        record.insert("unit".into(), (&*invocation.unit).into());
        record.insert("event".into(), invocation.event_id.clone().into());
        record.insert("trace".into(), hex(&invocation.trace.trace_id).into());
    }
    if let Ok(request) = REQUEST.try_with(Arc::clone) {
        record.insert("request".into(), (&*request).into());
    }
    record.insert("message".into(), fields.message.into());
    record.insert("fields".into(), Value::Object(fields.others));
    let mut line = Value::Object(record).to_string();
    line.push('\n');
    line
}

fn text_line(metadata: &Metadata<'_>, fields: Fields, colour: bool) -> String {
    let paint = |code: &str, text: &str| match colour {
        true => format!("\x1b[{code}m{text}\x1b[0m"),
        false => text.to_owned(),
    };
    let now = timestamp(SystemTime::now());
    let time = now.get(11..23).unwrap_or_default();
    let level = metadata.level().as_str();
    let level_colour = match *metadata.level() {
        Level::ERROR => "31",
        Level::WARN => "33",
        Level::INFO => "32",
        _ => "2",
    };
    let unit = Invocation::current().map_or_else(|| "ifc".to_owned(), |i| i.unit.to_string());
    let mut line = format!(
        "{} {} {} {}",
        paint("2", time),
        paint(level_colour, &format!("{level:<5}")),
        paint(unit_colour(&unit), &format!("{unit:<12}")),
        fields.message,
    );
    for (key, value) in &fields.others {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let _ = write!(line, " {}{value}", paint("2", &format!("{key}=")));
    }
    line.push('\n');
    line
}

/// A colour that stays with the unit from run to run.
pub fn unit_colour(unit: &str) -> &'static str {
    const COLOURS: [&str; 6] = ["36", "35", "34", "33", "32", "96"];
    let sum: usize = unit.bytes().map(usize::from).sum();
    COLOURS[sum % COLOURS.len()]
}

/// RFC 3339 in UTC with milliseconds.
pub fn timestamp(time: SystemTime) -> String {
    let since_epoch = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let (days, second) = (
        since_epoch.as_secs() / 86_400,
        since_epoch.as_secs() % 86_400,
    );
    let (year, month, day) = civil_from_days(days as i64);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        since_epoch.subsec_millis()
    )
}

/// The time that [`timestamp`] wrote; `None` when this is something else.
pub fn parse_timestamp(text: &str) -> Option<SystemTime> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        let all = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|_| all)
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let days = u64::try_from(days_from_civil(year as i64, month as i64, day as i64)).ok()?;
    let seconds = number(11, 13)? * 3_600 + number(14, 16)? * 60 + number(17, 19)?;
    let since_epoch =
        Duration::from_secs(days * 86_400 + seconds) + Duration::from_millis(number(20, 23)?);
    let time = SystemTime::UNIX_EPOCH + since_epoch;
    (timestamp(time) == text).then_some(time)
}

/// The inverse of [`civil_from_days`].
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Days since 1970-01-01 as year, month, day of the proleptic Gregorian calendar, by counting
/// 400-year eras that begin on a 1 March.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn timestamps() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000Z"),
            (4_102_444_800, "2100-01-01T00:00:00.000Z"),
        ] {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(timestamp(time), expected);
            assert_eq!(parse_timestamp(expected), Some(time));
        }
        for bad in [
            "",
            "1970-01-01",
            "1970-13-01T00:00:00.000Z",
            "1970-02-30T00:00:00.000Z",
        ] {
            assert_eq!(parse_timestamp(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_longest_target_decides() {
        let levels = Levels::parse("warn,orders=info,orders::store=debug,bad=loud");
        assert_eq!(levels.default, Level::WARN);
        assert_eq!(
            levels.targets[0],
            ("orders::store".to_owned(), Level::DEBUG)
        );
        assert_eq!(levels.targets.len(), 2);
    }
}
