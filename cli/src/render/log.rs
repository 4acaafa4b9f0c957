//! Lines of a running application, for a person.
//!
//! Its log records are JSON, one to a line (the format is that of `ifc-runtime`'s log). They become
//! a line with the time, the level, the unit in a colour of its own, the message and the fields.
//! Everything else that the program prints passes through as it is; the message of a panic is made
//! to stand out.

use crate::terminal::{ERROR, NAME, QUIET, WARNING, paint};
use anstyle::{AnsiColor, Style};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// One log record.
#[derive(Debug, Deserialize)]
struct Record {
    time: String,
    level: String,
    target: String,
    /// Absent outside of handlers.
    unit: Option<String>,
    message: String,
    #[serde(default)]
    fields: BTreeMap<String, Value>,
}

/// The target of the records about requests.
const ACCESS: &str = "ifc::access";

/// How lines are laid out.
#[derive(Clone, Debug)]
pub(crate) struct LogStyle {
    unit_width: usize,
}

impl LogStyle {
    /// For the units of one application.
    pub(crate) fn for_units<'a>(names: impl IntoIterator<Item = &'a str>) -> LogStyle {
        /// A unit with a longer name moves its message to the right.
        const WIDTH_MAX: usize = 20;
        let longest = names.into_iter().map(|name| name.chars().count()).max();
        LogStyle {
            unit_width: longest.unwrap_or(0).clamp(3, WIDTH_MAX),
        }
    }

    /// One line of standard output, without its end.
    pub(crate) fn output(&self, line: &str) -> String {
        match serde_json::from_str::<Record>(line) {
            Ok(record) => self.record(&record),
            Err(_) => line.to_owned(),
        }
    }

    fn record(&self, record: &Record) -> String {
        let time = record.time.get(11..23).unwrap_or(&record.time);
        let unit = record.unit.as_deref().unwrap_or("ifc");
        let level = match record.level.as_str() {
            "error" => paint(ERROR, "error"),
            "warn" => paint(WARNING, "warn "),
            "info" => paint(AnsiColor::Green.on_default(), "info "),
            other => paint(QUIET, &format!("{other:<5}")),
        };
        let mut line = format!(
            "{} {level} {} ",
            paint(QUIET, time),
            paint(
                unit_style(unit),
                &format!("{unit:<width$}", width = self.unit_width)
            ),
        );
        if record.target == ACCESS
            && let Some(outcome) = outcome(&record.fields)
        {
            return line + &record.message + " " + &outcome;
        }
        line.push_str(&record.message);
        for (key, value) in &record.fields {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            line.push_str(&format!(" {}{value}", paint(QUIET, &format!("{key}="))));
        }
        line
    }
}

/// How a request went: "200 1.2 ms".
fn outcome(fields: &BTreeMap<String, Value>) -> Option<String> {
    let number = |key: &str| fields.get(key)?.as_u64();
    let (status, duration) = (number("status")?, number("duration_us")?);
    let style = match status {
        0..400 => AnsiColor::Green.on_default(),
        400..500 => WARNING,
        _ => ERROR,
    };
    Some(format!(
        "{} {}",
        paint(style, &status.to_string()),
        paint(QUIET, &format!("{:.1} ms", duration as f64 / 1000.0))
    ))
}

/// A colour that stays with the unit from run to run.
fn unit_style(unit: &str) -> Style {
    const COLORS: [AnsiColor; 6] = [
        AnsiColor::Cyan,
        AnsiColor::Magenta,
        AnsiColor::Blue,
        AnsiColor::Yellow,
        AnsiColor::Green,
        AnsiColor::BrightCyan,
    ];
    let sum: usize = unit.bytes().map(usize::from).sum();
    COLORS[sum % COLORS.len()].on_default()
}

/// Lines of standard error. A panic spans several: this remembers that one has begun.
#[derive(Debug, Default)]
pub(crate) struct ErrorLines {
    in_panic: bool,
}

impl ErrorLines {
    /// One line of standard error, without its end; `None` for one that says nothing new.
    pub(crate) fn line(&mut self, line: &str) -> Option<String> {
        if let Some(place) = panic_place(line) {
            self.in_panic = true;
            return Some(format!(
                "{} {}",
                paint(ERROR, "panic"),
                paint(NAME, &format!("at {place}"))
            ));
        }
        if self.in_panic {
            if line.starts_with("note: run with `RUST_BACKTRACE=1`") {
                self.in_panic = false;
                return None;
            }
            if line.trim().is_empty() || line.starts_with("stack backtrace:") {
                self.in_panic = false;
                return Some(line.to_owned());
            }
            return Some(format!("      {line}"));
        }
        Some(line.to_owned())
    }
}

/// The place in the first line of a panic: "thread 'x' (123) panicked at src/main.rs:1:2:".
fn panic_place(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("thread '")?;
    let (_, place) = rest.split_once(" panicked at ")?;
    Some(place.trim_end_matches(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(line: &str) -> String {
        let line = LogStyle::for_units(["api", "fulfil"]).output(line);
        anstream::adapter::strip_str(&line).to_string()
    }

    #[test]
    fn records_become_lines() {
        assert_eq!(
            plain(
                r#"{"time":"2026-01-02T03:04:05.678Z","level":"info","target":"orders","unit":"fulfil","event":"e","trace":"t","message":"fulfilled","fields":{"order":"o-1","attempt":2}}"#
            ),
            "03:04:05.678 info  fulfil fulfilled attempt=2 order=o-1"
        );
        assert_eq!(
            plain(
                r#"{"time":"2026-01-02T03:04:05.678Z","level":"warn","target":"ifc","message":"slow","fields":{}}"#
            ),
            "03:04:05.678 warn  ifc    slow"
        );
        assert_eq!(
            plain(
                r#"{"time":"2026-01-02T03:04:05.678Z","level":"info","target":"ifc::access","unit":"api","message":"GET /a","fields":{"status":200,"duration_us":1234}}"#
            ),
            "03:04:05.678 info  api    GET /a 200 1.2 ms"
        );
    }

    #[test]
    fn what_is_not_a_record_passes() {
        for line in [
            "hello",
            "",
            "{}",
            "{\"message\":\"mine\"}",
            "[1]",
            "\u{1b}[1mbold\u{1b}[0m",
        ] {
            assert_eq!(LogStyle::for_units([]).output(line), line);
        }
    }

    #[test]
    fn panics_stand_out() {
        let mut lines = ErrorLines::default();
        let mut plain = |line: &str| {
            let line = lines.line(line)?;
            Some(anstream::adapter::strip_str(&line).to_string())
        };
        assert_eq!(plain("as it is").unwrap(), "as it is");
        assert_eq!(
            plain("thread 'tokio-rt-worker' (42) panicked at src/main.rs:7:5:").unwrap(),
            "panic at src/main.rs:7:5"
        );
        assert_eq!(plain("no order `o-1`").unwrap(), "      no order `o-1`");
        assert_eq!(
            plain("note: run with `RUST_BACKTRACE=1` environment variable"),
            None
        );
        assert_eq!(plain("as it is").unwrap(), "as it is");
    }
}
