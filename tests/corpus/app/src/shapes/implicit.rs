//! Calls that nobody writes: destructors, formatting, decoding, wakers, hooks, thread-locals.

use crate::resources::*;
use ifc::prelude::*;
use serde::Deserializer;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Wake, Waker};

fn to_jobs() {
    detach(async { JOBS.send(&job(1)).await });
}

fn to_returns() {
    detach(async { RETURNS.send(&job(2)).await });
}

fn to_emails() {
    detach(async { EMAILS.send(&job(3)).await });
}

fn to_invoices() {
    detach(async { INVOICES.send(&job(4)).await });
}

/// True, but the compiler does not know.
fn always() -> bool {
    std::env::args().count() > 0
}

struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        to_returns();
    }
}

//= returns.send
#[function]
async fn drop_at_the_end(_: Draw) -> Result<()> {
    let _guard = Guard;
    tokio::task::yield_now().await;
    Ok(())
}

//= returns.send
#[function]
async fn drop_in_a_collection(draw: Draw) -> Result<()> {
    let guards: Vec<Box<Guard>> = (0..draw.pick(3)).map(|_| Box::new(Guard)).collect();
    drop(std::hint::black_box(guards));
    Ok(())
}

//= returns.send
#[function]
async fn drop_of_an_object(draw: Draw) -> Result<()> {
    let guard: Option<Box<dyn Send>> = match draw.even() {
        true => Some(Box::new(Guard)),
        false => None,
    };
    tokio::task::yield_now().await;
    drop(guard);
    Ok(())
}

//= returns.send
#[function]
async fn drop_of_the_last_reference(_: Draw) -> Result<()> {
    let first = Arc::new(Guard);
    let second = Arc::clone(&first);
    tokio::spawn(async move { drop(second) }).await?;
    Ok(())
}

//= if unwinding: returns.send
#[function]
async fn drop_only_when_unwinding(draw: Draw) -> Result<()> {
    if cfg!(panic = "abort") {
        return Ok(());
    }
    let guard = Guard;
    let caught = std::panic::catch_unwind(AssertUnwindSafe(move || {
        let guard = guard;
        if always() {
            std::panic::resume_unwind(Box::new(draw.number));
        }
        std::mem::forget(guard);
    }));
    match caught {
        Ok(()) => Err(HandlerError::new("nothing was thrown")),
        Err(_) => Ok(()),
    }
}

//= jobs.send
#[function]
async fn after_a_caught_panic(draw: Draw) -> Result<()> {
    let number = draw.number;
    let work = AssertUnwindSafe(async move {
        if number % 2 == 1 {
            std::panic::resume_unwind(Box::new("odd"));
        }
    });
    let caught = futures_util::FutureExt::catch_unwind(work).await;
    if caught.is_err() || number < u64::MAX {
        JOBS.send(&job(number)).await?;
    }
    Ok(())
}

struct Shown;

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        to_emails();
        f.write_str("shown")
    }
}

//= emails.send
#[function]
async fn display_in_a_format(_: Draw) -> Result<String> {
    Ok(format!("{:>10}", Shown))
}

#[derive(Debug)]
struct Failure;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        to_jobs();
        f.write_str("failed")
    }
}

impl std::error::Error for Failure {}

//= jobs.send
#[function]
async fn display_of_an_error(_: Draw) -> Result<String> {
    let error: Box<dyn std::error::Error + Send + Sync> = Box::new(Failure);
    Ok(error.to_string())
}

struct Watched;

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        to_invoices();
        f.write_str("Watched")
    }
}

//= invoices.send
#[function]
async fn debug_in_a_log_record(_: Draw) -> Result<()> {
    tracing::info!(watched = ?Watched, "watched");
    Ok(())
}

struct Decoded;

impl<'de> Deserialize<'de> for Decoded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        to_invoices();
        u64::deserialize(deserializer).map(|_| Decoded)
    }
}

//= invoices.send
#[function]
async fn decoding(draw: Draw) -> Result<u64> {
    let text = format!("{{\"a\": {}}}", draw.number);
    let map: BTreeMap<String, Decoded> = serde_json::from_str(&text)?;
    Ok(map.len() as u64)
}

struct Encoded;

impl Serialize for Encoded {
    fn serialize<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        to_returns();
        s.serialize_unit()
    }
}

//= jobs.send, returns.send
#[function]
async fn encoding_what_is_sent(draw: Draw) -> Result<()> {
    JOBS.send(&job(draw.number)).await?;
    drop(serde_json::to_vec(&[Encoded])?);
    Ok(())
}

struct Counting(u64);

impl Iterator for Counting {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        to_jobs();
        self.0 = self.0.checked_sub(1)?;
        Some(self.0)
    }
}

//= jobs.send
#[function]
async fn iterating(draw: Draw) -> Result<u64> {
    let iterator: Box<dyn Iterator<Item = u64> + Send> = Box::new(Counting(draw.pick(4)));
    Ok(iterator.map(|number| number + 1).sum())
}

struct Written;

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        to_returns();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

//= returns.send
#[function]
async fn writing(draw: Draw) -> Result<()> {
    Ok(serde_json::to_writer(Written, &draw)?)
}

#[derive(PartialEq, Eq)]
struct Compared(u64);

impl PartialOrd for Compared {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Compared {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        to_emails();
        self.0.cmp(&other.0)
    }
}

//= emails.send
#[function]
async fn sorting(draw: Draw) -> Result<u64> {
    let mut list = [Compared(draw.number), Compared(3), Compared(1)];
    list.sort_unstable();
    Ok(list[0].0)
}

struct Bell;

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        to_emails();
    }
}

//= emails.send
#[function]
async fn waking(_: Draw) -> Result<()> {
    let waker = Waker::from(Arc::new(Bell));
    waker.wake_by_ref();
    Ok(())
}

thread_local! {
    static CALL: RefCell<Box<dyn Fn()>> = RefCell::new(Box::new(to_jobs));
    static POINTER: Cell<fn()> = const { Cell::new(to_returns) };
    static LAST: Farewell = const { Farewell };
}

//= jobs.send
#[function]
async fn thread_local_object(_: Draw) -> Result<()> {
    CALL.with_borrow(|call| call());
    Ok(())
}

//= returns.send
#[function]
async fn thread_local_pointer(_: Draw) -> Result<()> {
    POINTER.get()();
    Ok(())
}

struct Farewell;

impl Drop for Farewell {
    fn drop(&mut self) {
        // No runtime is left to do it on this thread: what counts is the reference.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async { EMAILS.send(&job(5)).await });
        }
    }
}

//= emails.send
#[function]
async fn thread_local_destructor(_: Draw) -> Result<()> {
    let thread = std::thread::spawn(|| LAST.with(|_| ()));
    thread
        .join()
        .map_err(|_| HandlerError::new("the thread failed"))
}

//= jobs.send
#[function]
async fn panic_hook(_: Draw) -> Result<()> {
    if std::env::var_os("IFC_CORPUS_HOOK").is_some() {
        std::panic::set_hook(Box::new(|_| to_jobs()));
    }
    Ok(())
}

impl std::ops::Add for Shown {
    type Output = u64;

    fn add(self, _: Shown) -> u64 {
        to_jobs();
        2
    }
}

//= jobs.send
#[function]
async fn operator(_: Draw) -> Result<u64> {
    Ok(Shown + Shown)
}

struct Converted(u64);

impl From<Draw> for Converted {
    fn from(draw: Draw) -> Self {
        to_invoices();
        Converted(draw.number)
    }
}

//= invoices.send
#[function]
async fn conversion(draw: Draw) -> Result<u64> {
    let converted: Converted = draw.into();
    Ok(converted.0)
}

#[derive(Debug)]
struct Refused;

impl From<Refused> for HandlerError {
    fn from(_: Refused) -> Self {
        to_returns();
        HandlerError::bad_request("refused")
    }
}

//= returns.send
#[function]
async fn conversion_by_question_mark(draw: Draw) -> Result<()> {
    let checked = match draw.number {
        u64::MAX => Err(Refused),
        _ => Ok(()),
    };
    checked?;
    Ok(())
}
