//! What is uploaded: a program, held against the platform that is to run it, in an archive that is
//! the same whenever the program is.
//!
//! Nothing is built here and no file is read: bytes in, bytes out.

pub(crate) mod archive;
mod program;

pub use program::{Misfit, Requirements};

use ifc_engine::Fingerprint;

/// What functions run on: Amazon Linux 2023 on x86-64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    /// The runtime, as Lambda calls it.
    pub runtime: &'static str,
    /// The processor architecture, as Rust calls it.
    pub architecture: &'static str,
    /// The version of its glibc.
    pub glibc: (u32, u32),
    /// Most bytes of the unpacked archive.
    pub program_bytes_max: u64,
}

/// What functions run on.
pub const PLATFORM: Platform = Platform {
    runtime: "provided.al2023",
    architecture: "x86_64",
    glibc: (2, 34),
    program_bytes_max: 250 << 20,
};

/// The name of the program in its archive, which the runtime starts.
pub const BOOTSTRAP: &str = "bootstrap";

/// A program, packed.
#[derive(Clone, PartialEq, Eq)]
pub struct Package {
    /// The archive: equal programs have equal archives, byte for byte.
    pub archive: Vec<u8>,
    /// The fingerprint of the archive.
    pub fingerprint: Fingerprint,
    /// The size of the program.
    pub program_bytes: u64,
    /// What the program needs of the machine.
    pub requirements: Requirements,
}

impl Package {
    /// Packs a program that the platform can run.
    ///
    /// # Errors
    /// When the platform cannot run it.
    pub fn of(program: &[u8]) -> Result<Package, Misfit> {
        let requirements = program::check(program, &PLATFORM)?;
        let archive = archive::pack(BOOTSTRAP, program);
        Ok(Package {
            fingerprint: Fingerprint::of(&archive),
            program_bytes: program.len() as u64,
            archive,
            requirements,
        })
    }
}

impl std::fmt::Debug for Package {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Package")
            .field("fingerprint", &self.fingerprint)
            .field("program_bytes", &self.program_bytes)
            .field("archive_bytes", &self.archive.len())
            .field("requirements", &self.requirements)
            .finish()
    }
}
