//! The clock of an emulator, which can be moved where the emulator is a Python program: what would
//! take hours happens at once.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Replaces what tells the time in Python. It is loaded before the program.
const REPLACEMENT: &str = include_str!("../ministack/sitecustomize.py");

/// The clock of one emulator: the machine's, moved by an offset. It goes on by itself.
#[derive(Clone, Debug)]
pub struct EmulatedClock {
    file: PathBuf,
}

impl EmulatedClock {
    /// A clock in the emulator's folder, not moved yet.
    pub(crate) fn new(folder: &Path) -> EmulatedClock {
        std::fs::write(folder.join("sitecustomize.py"), REPLACEMENT)
            .expect("a temporary folder can be written to");
        let clock = EmulatedClock::in_folder(folder);
        clock.write(0.0);
        clock
    }

    /// The clock that is in this folder.
    pub(crate) fn in_folder(folder: &Path) -> EmulatedClock {
        EmulatedClock {
            file: folder.join("clock"),
        }
    }

    /// What makes a Python program live by it.
    pub(crate) fn environment(&self) -> [(&'static str, String); 2] {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        [
            ("PYTHONPATH", folder.display().to_string()),
            ("IFC_CLOCK_FILE", self.file.display().to_string()),
        ]
    }

    /// What time it is.
    ///
    /// # Panics
    /// When the emulator's folder is gone.
    pub fn now(&self) -> SystemTime {
        let offset = self.offset();
        let moved = Duration::from_secs_f64(offset.abs());
        match offset < 0.0 {
            true => SystemTime::now() - moved,
            false => SystemTime::now() + moved,
        }
    }

    /// Sets it.
    ///
    /// # Panics
    /// When the emulator's folder is gone.
    pub fn set(&self, time: SystemTime) {
        let offset = match time.duration_since(SystemTime::now()) {
            Ok(ahead) => ahead.as_secs_f64(),
            Err(behind) => -behind.duration().as_secs_f64(),
        };
        self.write(offset);
    }

    fn offset(&self) -> f64 {
        let text = std::fs::read_to_string(&self.file).expect("the clock is in its folder");
        text.parse().expect("only `write` writes it")
    }

    /// As a whole: the emulator reads it all the time.
    fn write(&self, offset: f64) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, offset.to_string()).expect("a temporary folder can be written to");
        std::fs::rename(&new, &self.file).expect("a temporary folder can be written to");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_moved_both_ways() {
        let folder = tempfile::tempdir().unwrap();
        let clock = EmulatedClock::new(folder.path());
        let hour = Duration::from_secs(3_600);
        for time in [SystemTime::now() + hour, SystemTime::now() - hour] {
            clock.set(time);
            let off = clock.now().duration_since(time).unwrap();
            assert!(off < hour, "{off:?}");
        }
    }
}
