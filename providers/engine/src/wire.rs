//! What is written down: plans, states, journals and locks as JSON, with a version and a checksum.
//!
//! The types here are not the engine's: they are converted by hand, so that the engine can change
//! without the format, and the format only on purpose.

mod envelope;
mod journal;
mod lock;
mod part;
mod plan;
mod state;
mod value;

pub(crate) use journal::{segment_from_bytes, segment_to_bytes};
pub(crate) use lock::{lock_from_bytes, lock_to_bytes};
pub(crate) use plan::{plan_from_json, plan_to_json};
pub(crate) use state::{state_from_bytes, state_to_bytes};

use std::error::Error;
use std::fmt;

/// Something written down that cannot be read.
#[derive(Debug)]
pub struct WireError {
    what: &'static str,
    fault: WireFault,
}

/// Why it cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum WireFault {
    /// It is another sort of document, or none.
    Foreign,
    /// It was written by a version of the tool that knows more than this one.
    Newer {
        /// The format's version.
        version: u32,
    },
    /// Its checksum is not that of its contents, or they make no sense.
    Damaged {
        /// What makes no sense.
        detail: String,
    },
}

impl WireError {
    fn new(what: &'static str, fault: WireFault) -> WireError {
        WireError { what, fault }
    }

    fn damaged(what: &'static str, detail: impl Into<String>) -> WireError {
        let detail = detail.into();
        WireError::new(what, WireFault::Damaged { detail })
    }

    /// Why it cannot be read.
    pub fn fault(&self) -> &WireFault {
        &self.fault
    }

    /// Whether a newer version of the tool could read it.
    pub fn is_newer(&self) -> bool {
        matches!(self.fault, WireFault::Newer { .. })
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.what;
        match &self.fault {
            WireFault::Foreign => write!(formatter, "this is no {what}"),
            WireFault::Newer { version } => write!(
                formatter,
                "this {what} has format {version}, written by a newer version of `ifc`; \
                 update `ifc` to read it"
            ),
            WireFault::Damaged { detail } => write!(formatter, "this {what} is damaged: {detail}"),
        }
    }
}

impl Error for WireError {}

/// A conversion's failure: what makes no sense.
type Detail = String;

fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, Detail>
where
    T::Err: fmt::Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}
