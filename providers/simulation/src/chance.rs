//! Chances that depend on what they are about and not on what happened before, so that a scenario
//! keeps its faults when something else is taken out of it.

use std::hash::{Hash, Hasher};
use std::time::Duration;

/// A chance for one thing.
#[derive(Clone, Copy)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The chance of a subject, by seed.
    pub(crate) fn of(seed: u64, subject: impl Hash) -> Chance {
        let mut mixer = Mixer(0xcbf2_9ce4_8422_2325);
        seed.hash(&mut mixer);
        subject.hash(&mut mixer);
        Chance(mixer.finish())
    }

    /// A number that stands for it, to draw others from.
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    fn draw(self, what: &str) -> u64 {
        Chance::of(self.0, what).0
    }

    /// Whether something of so many percent is the case.
    pub(crate) fn percent(self, what: &str, percent: u8) -> bool {
        percent > 0 && self.draw(what) % 100 < u64::from(percent)
    }

    /// A time below `most`, in whole milliseconds, at least one.
    pub(crate) fn time(self, what: &str, most: Duration) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX).max(1);
        Duration::from_millis(1 + self.draw(what) % most)
    }
}

/// Ours, because the one of the standard library may change with it, and with it what every seed
/// means.
struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
