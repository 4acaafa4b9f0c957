//! `cargo fuzz run patterns`; see the entry of this name.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ifc_fuzz_entries::patterns::check(bytes));
