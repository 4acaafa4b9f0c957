//! A function that a shared library knows by its name: whoever calls it there, for whatever reason,
//! runs code of this program, so what it reaches is lent to every unit. One that no library knows
//! counts where it is called.
#![allow(unsafe_code)]

//= [initialisation] emails.send

use ifc::prelude::*;
use std::ffi::{c_char, c_long};

#[resource]
static EMAILS: Queue<u64> = Queue::new("emails");

#[resource]
static JOBS: Queue<u64> = Queue::new("jobs");

// The C library has one too; the program's takes its place, in the library's own eyes as well.
// SAFETY: it keeps what the C library promises of it: a text, here always the same.
#[unsafe(no_mangle)]
extern "C" fn l64a(_: c_long) -> *mut c_char {
    tokio::spawn(async { EMAILS.send(&7).await });
    c"".as_ptr().cast_mut()
}

// SAFETY: nothing else has this name.
#[unsafe(no_mangle)]
extern "C" fn ifc_corpus_not_known_elsewhere() {
    tokio::spawn(async { JOBS.send(&7).await });
}

//= jobs.send
#[function]
async fn calls_its_own() -> Result<()> {
    ifc_corpus_not_known_elsewhere();
    Ok(())
}

//=
#[function]
async fn nothing() -> Result<()> {
    Ok(())
}

ifc::main!();
