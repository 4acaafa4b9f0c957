//! Any text as a cron expression: `cargo fuzz run cron`.
#![no_main]

use ifc_manifest::cron;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|expression: &str| {
    if let Err(error) = cron::parse(expression) {
        // The place of the finding is within the text, on character boundaries.
        assert!(expression.get(error.start..error.end).is_some());
    }
});
