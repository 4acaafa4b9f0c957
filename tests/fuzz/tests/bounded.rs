//! A bounded number of seeded inputs for every entry. `IFC_FUZZ_SEED` chooses others.

use ifc_fuzz_entries::ENTRIES;
use std::panic::catch_unwind;

/// Longest input, in bytes.
const LENGTH_MAX: u64 = 160;

/// SplitMix64: the same inputs every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.next() % LENGTH_MAX;
        (0..length).map(|_| (self.next() >> 32) as u8).collect()
    }
}

fn run(wanted: &str) {
    let seed: u64 = match std::env::var("IFC_FUZZ_SEED") {
        Ok(text) => text.parse().expect("IFC_FUZZ_SEED is a number"),
        Err(_) => 1,
    };
    let entry = ENTRIES.iter().find(|(name, ..)| *name == wanted);
    let (name, check, runs) = entry.expect("it is in the list");
    let mut random = Random(seed);
    for number in 0..*runs {
        let input = random.bytes();
        if catch_unwind(|| check(&input)).is_err() {
            panic!("`{name}` found something with input {number} of seed {seed}: {input:?}");
        }
    }
}

macro_rules! bounded {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                run(stringify!($name));
            }
        )*

        #[test]
        fn every_entry_is_run() {
            let run = [$(stringify!($name)),*];
            assert_eq!(run, ENTRIES.map(|(name, ..)| name));
        }
    };
}

bounded! { records cron filters patterns events cloud_events cursors expressions lambda }
