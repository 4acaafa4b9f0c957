//! The handler table: every handler linked into the program, without a registry that runs before
//! `main` (which would make every handler reachable from initialisation).
//!
//! The macros place one [`HandlerEntry`] per handler in a section of its own; the linker puts them
//! in a row and gives us its bounds.

use crate::{BoxFuture, Delivery, HandlerError, Invocation, Outcome};
use ifc_manifest::format::{HANDLER_MAGIC, Header};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// Runs a route's handler.
pub type HttpThunk = fn(axum::extract::Request) -> BoxFuture<'static, axum::response::Response>;

/// Runs a handler of events with a batch; one outcome per delivery, in order.
pub type EventThunk = fn(Vec<Delivery>) -> BoxFuture<'static, Vec<Outcome>>;

/// Runs a function with a JSON argument.
pub type CallThunk = fn(Vec<u8>) -> BoxFuture<'static, Result<Vec<u8>, HandlerError>>;

/// How to run a handler. The layout is fixed, because the analyzer starts from the pointer in it.
#[repr(C, u32)]
#[derive(Clone, Copy)]
pub enum Thunk {
    /// A route.
    Http(HttpThunk) = 1,
    /// A consumer or a schedule.
    Event(EventThunk) = 2,
    /// A function.
    Call(CallThunk) = 3,
}

/// One handler.
#[repr(C)]
pub struct HandlerEntry {
    magic: [u8; 8],
    version: u32,
    flags: u32,
    record: &'static Header,
    thunk: Thunk,
    name: &'static str,
}

impl HandlerEntry {
    /// Made by the macros only.
    #[doc(hidden)]
    pub const fn new(record: &'static Header, thunk: Thunk, name: &'static str) -> HandlerEntry {
        HandlerEntry {
            magic: HANDLER_MAGIC,
            version: 1,
            flags: 0,
            record,
            thunk,
            name,
        }
    }

    /// How to run it.
    pub fn thunk(&self) -> Thunk {
        self.thunk
    }
}

/// What the linker knows of this program: the sections with our records and entries.
#[allow(unsafe_code)]
mod section {
    use super::HandlerEntry;
    use ifc_manifest::format::HANDLER_MAGIC;

    // `extern "Rust"` and zero-length arrays: the symbols have no type of their own.
    #[cfg(not(any(target_vendor = "apple", windows)))]
    unsafe extern "Rust" {
        #[link_name = "__start_ifc1_hand"]
        static HANDLERS_START: [HandlerEntry; 0];
        #[link_name = "__stop_ifc1_hand"]
        static HANDLERS_STOP: [HandlerEntry; 0];
        #[link_name = "__start_ifc1_desc"]
        static RECORDS_START: [u64; 0];
        #[link_name = "__stop_ifc1_desc"]
        static RECORDS_STOP: [u64; 0];
    }

    #[cfg(target_vendor = "apple")]
    unsafe extern "Rust" {
        #[link_name = "\x01section$start$__DATA$__ifc1_hand"]
        static HANDLERS_START: [HandlerEntry; 0];
        #[link_name = "\x01section$end$__DATA$__ifc1_hand"]
        static HANDLERS_STOP: [HandlerEntry; 0];
        #[link_name = "\x01section$start$__DATA$__ifc1_desc"]
        static RECORDS_START: [u64; 0];
        #[link_name = "\x01section$end$__DATA$__ifc1_desc"]
        static RECORDS_STOP: [u64; 0];
    }

    #[cfg(windows)]
    compile_error!("ifc does not build for Windows yet: its sections need other bounds there");

    // The sections exist even in a program that declares nothing.
    #[used]
    #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = "ifc1_hand"))]
    #[cfg_attr(
        target_vendor = "apple",
        unsafe(link_section = "__DATA,__ifc1_hand,regular,no_dead_strip")
    )]
    static NO_HANDLER: [HandlerEntry; 0] = [];
    #[used]
    #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = "ifc1_desc"))]
    #[cfg_attr(
        target_vendor = "apple",
        unsafe(link_section = "__DATA,__ifc1_desc,regular,no_dead_strip")
    )]
    static NO_RECORD: [u64; 0] = [];

    pub(super) fn handlers() -> &'static [HandlerEntry] {
        let start = (&raw const HANDLERS_START).cast::<HandlerEntry>();
        let stop = (&raw const HANDLERS_STOP).cast::<HandlerEntry>();
        // SAFETY: both bounds belong to one section, in which only the macros place statics, all of
        // type `HandlerEntry` (its size is a multiple of its alignment, so there is no padding
        // between them), which are initialised and never written.
        let entries =
            unsafe { std::slice::from_raw_parts(start, stop.offset_from_unsigned(start)) };
        assert!(
            entries.iter().all(|entry| entry.magic == HANDLER_MAGIC),
            "the handler table is damaged: the linker placed something else into its section"
        );
        entries
    }

    pub(super) fn records() -> &'static [u8] {
        let start = (&raw const RECORDS_START).cast::<u8>();
        let stop = (&raw const RECORDS_STOP).cast::<u8>();
        // SAFETY: both bounds belong to one section of plain initialised bytes, never written.
        unsafe { std::slice::from_raw_parts(start, stop.offset_from_unsigned(start)) }
    }
}

/// Every handler linked into this program, in no particular order.
pub fn entries() -> &'static [HandlerEntry] {
    section::handlers()
}

/// The bytes of this program's descriptor section.
pub fn record_section() -> &'static [u8] {
    section::records()
}

/// The body of the record that `entry` belongs to, found by its address.
pub(crate) fn record_offset(entry: &HandlerEntry) -> usize {
    std::ptr::from_ref(entry.record).addr() - record_section().as_ptr().addr()
}

/// Runs a handler and turns a panic, in making its future or in polling it, into the panic's
/// message.
///
/// # Errors
/// The panic's message.
pub async fn catch_panic<T>(start: impl FnOnce() -> BoxFuture<'static, T>) -> Result<T, String> {
    let caught = |panic: Box<dyn std::any::Any + Send>| {
        panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_owned())
    };
    // A handler's future is dropped after it panicked and shared state is behind locks that know
    // poisoning, so nothing half-done is seen again.
    let mut future = catch_unwind(AssertUnwindSafe(start)).map_err(caught)?;
    std::future::poll_fn(move |context| {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(caught(panic))),
        }
    })
    .await
}

/// Runs a handler of events with a batch; one outcome for each, in order. A panic and a timeout are
/// retries.
pub async fn run_events(
    invocation: Invocation,
    thunk: EventThunk,
    timeout: Duration,
    deliveries: Vec<Delivery>,
) -> Vec<Outcome> {
    let count = deliveries.len();
    let run = catch_panic(move || thunk(deliveries));
    let reason = match tokio::time::timeout(timeout, invocation.run(run)).await {
        Ok(Ok(outcomes)) if outcomes.len() == count => return outcomes,
        Ok(Ok(outcomes)) => {
            format!(
                "the handler returned {} outcomes for {count} events",
                outcomes.len()
            )
        }
        Ok(Err(panic)) => format!("the handler panicked: {panic}"),
        Err(_) => {
            let seconds = timeout.as_secs_f64();
            format!("the handler gave no outcome within its timeout of {seconds} s")
        }
    };
    vec![Outcome::retry(reason); count]
}

/// Runs a function's handler.
///
/// # Errors
/// Why there is no reply of at most `reply_max` bytes: the handler's error, a panic, a timeout.
pub async fn run_call(
    invocation: Invocation,
    thunk: CallThunk,
    timeout: Duration,
    reply_max: u64,
    argument: Vec<u8>,
) -> Result<Vec<u8>, String> {
    let unit = Arc::clone(&invocation.unit);
    let run = catch_panic(move || thunk(argument));
    match tokio::time::timeout(timeout, invocation.run(run)).await {
        Ok(Ok(Ok(reply))) if reply.len() as u64 > reply_max => Err(format!(
            "function `{unit}` replied {} bytes, the limit is {reply_max}",
            reply.len()
        )),
        Ok(Ok(Ok(reply))) => Ok(reply),
        Ok(Ok(Err(error))) => Err(error.chain()),
        Ok(Err(panic)) => Err(format!("function `{unit}` panicked: {panic}")),
        Err(_) => Err(format!(
            "function `{unit}` did not answer within its timeout of {} s",
            timeout.as_secs_f64()
        )),
    }
}
