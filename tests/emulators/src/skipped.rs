//! What could not be tested, and why. A skip is reported, never taken for a pass.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;

/// The environment variable that names the file in which skips are collected. `cargo xtask ci`
/// sets it, counts the lines and shows them in its summary.
pub const SKIPPED_FILE: &str = "IFC_SKIPPED_FILE";

/// Why an emulator cannot be had here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    reason: String,
}

impl Skipped {
    /// One line that says what is missing and, where there is a remedy, what to do.
    pub fn new(reason: impl Into<String>) -> Skipped {
        Skipped {
            reason: one_line(&reason.into()),
        }
    }

    /// The reason, in one line.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Prints that `what` was not tested, and adds it to the file of [`SKIPPED_FILE`] if there is
    /// one.
    ///
    /// # Panics
    /// When the file cannot be written: a skip that nobody hears of would be a pass.
    pub fn report(&self, what: &str) {
        let line = format!("{}: {}", one_line(what), self.reason);
        println!("skipped: {line}");
        if let Some(file) = std::env::var_os(SKIPPED_FILE) {
            let mut file = OpenOptions::new()
                .append(true)
                .create(true)
                .open(&file)
                .unwrap_or_else(|error| panic!("cannot open {}: {error}", file.display()));
            // One write each, so that lines of several processes do not mix.
            file.write_all(format!("{line}\n").as_bytes())
                .expect("the list of what was skipped can be written");
        }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason)
    }
}

impl std::error::Error for Skipped {}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line() {
        let skipped = Skipped::new("`npm` is missing:\n  no such file\n");
        assert_eq!(skipped.reason(), "`npm` is missing: no such file");
    }
}
