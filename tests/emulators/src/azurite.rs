//! Azurite, Microsoft's emulator of Azure Storage (npm, MIT).

use crate::emulator::{Emulator, Start};
use crate::install::{Package, installed};
use crate::skipped::Skipped;

const PACKAGE: Package = Package::Node {
    name: "azurite",
    version: "3.35.0",
};

/// The account that every Azurite has. It is the first segment of the path.
pub const AZURITE_ACCOUNT: &str = "devstoreaccount1";

/// The published key of [`AZURITE_ACCOUNT`].
pub const AZURITE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Starts the Blob service of Azurite, in memory.
///
/// # Errors
/// [`Skipped`] when Node or the package cannot be had.
///
/// # Panics
/// When it is installed and does not start.
pub fn azurite() -> Result<Emulator, Skipped> {
    let programs = installed(PACKAGE)?;
    Ok(Emulator::start(|port, _| Start {
        name: "azurite-blob",
        program: programs.join("azurite-blob"),
        arguments: [
            "--silent",
            "--disableTelemetry",
            "--inMemoryPersistence",
            // Clients are newer than the list of versions that it knows.
            "--skipApiVersionCheck",
            "--blobHost",
            "127.0.0.1",
            "--blobPort",
            &port.to_string(),
        ]
        .map(str::to_owned)
        .to_vec(),
        environment: Vec::new(),
        ready: "/devstoreaccount1?comp=list",
    }))
}
