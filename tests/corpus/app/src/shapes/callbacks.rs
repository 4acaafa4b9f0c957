//! Functions that C code calls back, and functions that are called by the name they have for the
//! linker.
#![allow(unsafe_code)]

use crate::resources::*;
use ifc::prelude::*;
use std::ffi::{c_int, c_void};
use tokio::runtime::Handle;

unsafe extern "C" {
    fn qsort(
        base: *mut c_void,
        count: usize,
        size: usize,
        compare: extern "C" fn(*const c_void, *const c_void) -> c_int,
    );
    fn atexit(callback: extern "C" fn()) -> c_int;
    fn pthread_create(
        thread: *mut usize,
        attributes: *const c_void,
        start: extern "C" fn(*mut c_void) -> *mut c_void,
        argument: *mut c_void,
    ) -> c_int;
    fn pthread_join(thread: usize, result: *mut *mut c_void) -> c_int;
    /// Defined below, as another language would define it.
    fn ifc_corpus_by_name(number: u64) -> u64;
}

extern "C" fn compare(left: *const c_void, right: *const c_void) -> c_int {
    if let Ok(handle) = Handle::try_current() {
        handle.spawn(async { JOBS.send(&job(0)).await });
    }
    // SAFETY: `qsort` gives pointers to elements of the array below.
    let (left, right) = unsafe { (*left.cast::<u64>(), *right.cast::<u64>()) };
    left.cmp(&right) as c_int
}

//= jobs.send
#[function]
async fn compares_for_c(draw: Draw) -> Result<Vec<u64>> {
    let mut numbers = vec![draw.number, 3, 1, 2];
    // SAFETY: the array has this many elements of this size.
    unsafe { qsort(numbers.as_mut_ptr().cast(), numbers.len(), 8, compare) };
    Ok(numbers)
}

extern "C" fn at_exit() {
    // There is none any more when the process ends.
    if let Ok(handle) = Handle::try_current() {
        handle.spawn(async { RETURNS.send(&job(0)).await });
    }
}

//= returns.send
#[function]
async fn leaves_work_for_the_exit(draw: Draw) -> Result<()> {
    if draw.even() {
        // SAFETY: the function takes nothing and does not unwind.
        unsafe { atexit(at_exit) };
    }
    Ok(())
}

extern "C" fn start(argument: *mut c_void) -> *mut c_void {
    // SAFETY: it is the box that was let go of below, once.
    let handle = unsafe { Box::from_raw(argument.cast::<Handle>()) };
    handle.spawn(async { EMAILS.send(&job(0)).await });
    std::ptr::null_mut()
}

//= emails.send
#[function]
async fn starts_a_thread_of_c(draw: Draw) -> Result<()> {
    if draw.even() {
        return Ok(());
    }
    let argument = Box::into_raw(Box::new(Handle::current()));
    let mut thread = 0;
    // SAFETY: the thread is the only user of its argument, and is waited for.
    unsafe {
        let attributes = std::ptr::null();
        if pthread_create(&mut thread, attributes, start, argument.cast()) == 0 {
            pthread_join(thread, std::ptr::null_mut());
        }
    }
    Ok(())
}

mod elsewhere {
    use crate::resources::ARCHIVE;
    use tokio::runtime::Handle;

    // SAFETY: nothing else has this name.
    #[unsafe(no_mangle)]
    extern "C" fn ifc_corpus_by_name(number: u64) -> u64 {
        if let Ok(handle) = Handle::try_current() {
            handle.spawn(async move { ARCHIVE.delete(&format!("o-{number}")).await });
        }
        number
    }
}

//= archive.delete
#[function]
async fn calls_by_name(draw: Draw) -> Result<u64> {
    // SAFETY: it has this signature.
    Ok(unsafe { ifc_corpus_by_name(draw.number) })
}

//=
#[function]
async fn knows_no_callback(draw: Draw) -> Result<u64> {
    Ok(draw.number)
}
