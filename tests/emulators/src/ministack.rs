//! MiniStack, an emulator of AWS (PyPI, MIT).

use crate::clock::EmulatedClock;
use crate::emulator::{Emulator, Start};
use crate::install::{Package, installed};
use crate::skipped::Skipped;
use std::path::Path;

pub(crate) const PACKAGE: Package = Package::Python {
    name: "ministack",
    extra: "full",
    version: "1.5.33",
};

/// Starts it, with its known defects mended as far as that can be done from outside.
const START: &str = include_str!("../ministack/start.py");

/// MiniStack with what it does not do by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MiniStack {
    /// Whether signatures and policies are enforced. Without, every request is permitted.
    pub enforce: bool,
}

impl MiniStack {
    /// Starts it: every service on one port, nothing kept on disk. An access key of 12 digits is
    /// the root user of that account, whose signature is not checked and who may do everything;
    /// any secret key will do. With `enforce` all other keys must be those of a user or of an
    /// assumed role, with a signature that fits, and may do what policies allow. A deployed
    /// function gets the credentials of its role.
    ///
    /// # Errors
    /// [`Skipped`] when Python or the package cannot be had.
    ///
    /// # Panics
    /// When it is installed and does not start.
    pub fn start(self) -> Result<Emulator, Skipped> {
        self.start_calling(None)
    }

    /// As [`start`](Self::start), with a clock that can be moved.
    ///
    /// # Errors
    /// [`Skipped`] when Python or the package cannot be had.
    ///
    /// # Panics
    /// When it is installed and does not start.
    pub fn start_with_clock(self) -> Result<(Emulator, EmulatedClock), Skipped> {
        let emulator = self.start_as(None, |folder| {
            EmulatedClock::new(folder).environment().into()
        })?;
        let clock = EmulatedClock::in_folder(emulator.folder());
        Ok((emulator, clock))
    }

    /// Starts it so that deployed functions call this port instead of its own.
    pub(crate) fn start_calling(self, other: Option<u16>) -> Result<Emulator, Skipped> {
        self.start_as(other, |_| Vec::new())
    }

    fn start_as(
        self,
        other: Option<u16>,
        more: impl Fn(&Path) -> Vec<(&'static str, String)>,
    ) -> Result<Emulator, Skipped> {
        let programs = installed(PACKAGE)?;
        Ok(Emulator::start(|port, folder| {
            let path = std::env::var("PATH").unwrap_or_default();
            std::fs::write(folder.join("start.py"), START).expect("a temporary folder takes files");
            Start {
                name: "ministack",
                program: programs.join("python"),
                arguments: vec!["-B".to_owned(), "start.py".to_owned()],
                environment: [
                    ("PATH", format!("{}:{path}", programs.display())),
                    ("AUTH", self.enforce.to_string()),
                    // What functions are told; without, they would call the real AWS.
                    (
                        "AWS_ENDPOINT_URL",
                        format!("http://127.0.0.1:{}", other.unwrap_or(port)),
                    ),
                    // It would listen on all interfaces.
                    ("BIND_HOST", "127.0.0.1".to_owned()),
                    ("GATEWAY_PORT", port.to_string()),
                    ("IOT_MTLS_ENABLED", "0".to_owned()),
                    ("TMPDIR", folder.display().to_string()),
                ]
                .into_iter()
                .chain(more(folder))
                .collect(),
                ready: "/_ministack/health",
            }
        }))
    }
}

/// Starts MiniStack without enforcement of policies. See [`MiniStack::start`].
///
/// # Errors
/// [`Skipped`] when Python or the package cannot be had.
pub fn ministack() -> Result<Emulator, Skipped> {
    MiniStack::default().start()
}
