//! What arrives at a handler of asynchronous events, and what it says about it.

use std::cell::Cell;
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

/// A fresh id: 128 random bits in hexadecimal. Unpredictable, so it can serve as a token; but for
/// threads that [`repeat_ids`] was called on.
pub fn random_id() -> String {
    let mut bytes = [0; 16];
    match REPEATS.get() {
        true => fill_random(&mut bytes),
        false => {
            getrandom::fill(&mut bytes).expect("the operating system provides random bytes");
        }
    }
    hex(&bytes)
}

/// Lets this thread draw ids and traces from a seed from here on, so that a test can be repeated
/// exactly. `None`: from the system again.
pub fn repeat_ids(seed: Option<u64>) {
    REPEATS.set(seed.is_some());
    GENERATOR.set(seed);
}

thread_local! {
    /// State of the generator of [`fill_random`].
    static GENERATOR: Cell<Option<u64>> = const { Cell::new(None) };
    /// Whether a test gave the state.
    static REPEATS: Cell<bool> = const { Cell::new(false) };
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)].into());
        text.push(DIGITS[usize::from(byte & 15)].into());
    }
    text
}

/// Fills with bytes that nobody else draws, from a generator (SplitMix64) that each thread seeds
/// from the system once: ids of traces are made for every request and need not be unpredictable.
fn fill_random(bytes: &mut [u8]) {
    let mut state = GENERATOR.get().unwrap_or_else(|| {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).expect("the operating system provides random bytes");
        u64::from_le_bytes(seed)
    });
    for chunk in bytes.chunks_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        chunk.copy_from_slice(&mixed.to_le_bytes()[..chunk.len()]);
    }
    GENERATOR.set(Some(state));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_repeated_where_that_is_asked_for() {
        let draw = |seed| {
            repeat_ids(seed);
            (random_id(), TraceContext::root(), random_id())
        };
        assert_eq!(draw(Some(7)), draw(Some(7)));
        assert_ne!(draw(Some(7)), draw(Some(8)));
        assert_ne!(draw(None), draw(None));
        repeat_ids(None);
        assert_ne!(random_id(), random_id());
    }

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
