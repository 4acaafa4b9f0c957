//! Any bytes as a section of records: `cargo fuzz run records`.
#![no_main]

use ifc_manifest::Descriptor;
use ifc_manifest::format::{decode, records};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|section: &[u8]| {
    for record in records(section).flatten() {
        let _ = Descriptor::decode(&record);
    }
    let _ = decode(section);
});
