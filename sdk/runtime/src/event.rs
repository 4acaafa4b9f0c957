//! What arrives at a handler of asynchronous events, and what it says about it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

/// One event as a provider hands it to a handler: the body still in its encoded form.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Stable across redeliveries of the same event.
    pub id: String,
    /// The resource it comes from, as the application names it.
    pub source: String,
    /// What sort of event, for example `queue.message` or `schedule`.
    pub kind: &'static str,
    /// Which delivery of this event this is, from 1.
    pub attempt: u32,
    /// When the event came to be.
    pub time: SystemTime,
    /// What the sender attached.
    pub attributes: BTreeMap<String, String>,
    /// JSON.
    pub body: Vec<u8>,
    /// The group of a fifo message.
    pub group: Option<String>,
    /// Where it was caused.
    pub trace: TraceContext,
}

/// What becomes of an event after its handler ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Ack,
    /// Deliver it again: after this time, or after the source's backoff when `None`. When the
    /// attempts are used up it goes to the dead-letter queue.
    Retry {
        /// Earliest time of the next delivery, from now.
        after: Option<Duration>,
        /// Why, for the log and for the dead letter.
        reason: String,
    },
    /// Do not deliver it again: move it to the dead-letter queue.
    DeadLetter {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// Deliver again after the source's backoff.
    pub fn retry(reason: impl Into<String>) -> Outcome {
        Outcome::Retry {
            after: None,
            reason: reason.into(),
        }
    }

    /// Deliver again, not earlier than `after`.
    pub fn retry_after(after: Duration, reason: impl Into<String>) -> Outcome {
        Outcome::Retry {
            after: Some(after),
            reason: reason.into(),
        }
    }

    /// Move to the dead-letter queue.
    pub fn dead_letter(reason: impl Into<String>) -> Outcome {
        Outcome::DeadLetter {
            reason: reason.into(),
        }
    }
}

/// W3C trace context: which trace an event or operation belongs to, and what caused it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// 16 bytes, shared by everything that one outside request leads to.
    pub trace_id: [u8; 16],
    /// 8 bytes: the invocation that caused it.
    pub parent_id: [u8; 8],
}

impl TraceContext {
    /// The start of a new trace.
    pub fn root() -> TraceContext {
        let mut trace_id = [0; 16];
        let mut parent_id = [0; 8];
        fill_random(&mut trace_id);
        fill_random(&mut parent_id);
        TraceContext {
            trace_id,
            parent_id,
        }
    }

    /// The same trace, caused by a new invocation.
    #[must_use]
    pub fn child(&self) -> TraceContext {
        let mut parent_id = [0; 8];
        fill_random(&mut parent_id);
        TraceContext {
            trace_id: self.trace_id,
            parent_id,
        }
    }

    /// Reads a `traceparent` header.
    pub fn parse(header: &str) -> Option<TraceContext> {
        let mut parts = header.trim().split('-');
        let version = parts.next()?;
        let trace_id = hex_decode::<16>(parts.next()?)?;
        let parent_id = hex_decode::<8>(parts.next()?)?;
        let flags = parts.next()?;
        let valid = version.len() == 2
            && version != "ff"
            && flags.len() == 2
            && trace_id != [0; 16]
            && parent_id != [0; 8]
            && (version != "00" || parts.next().is_none());
        valid.then_some(TraceContext {
            trace_id,
            parent_id,
        })
    }
}

impl fmt::Display for TraceContext {
    /// As a `traceparent` header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("00-")?;
        for byte in self.trace_id {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("-")?;
        for byte in self.parent_id {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("-01")
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn hex_decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N
        || !text
            .bytes()
            .all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
    {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// A fresh id: 128 random bits in hexadecimal.
pub fn random_id() -> String {
    let mut bytes = [0; 16];
    fill_random(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Fills from the system's random source.
///
/// # Panics
/// When the operating system has none, which it documents not to happen after boot.
fn fill_random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system provides random bytes");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparent_round_trips_and_bad_ones_are_refused() {
        let context = TraceContext::root();
        assert_eq!(TraceContext::parse(&context.to_string()), Some(context));
        assert_eq!(context.child().trace_id, context.trace_id);
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }
}
