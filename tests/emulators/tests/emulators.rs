//! Every emulator is installed, starts, answers and ends; or is reported as skipped.
#![allow(clippy::unwrap_used)]

use ifc_emulators::{Emulator, Skipped, azurite, ministack};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn starts_and_ends(what: &str, start: impl Fn() -> Result<Emulator, Skipped>) {
    let emulator = match start() {
        Ok(emulator) => emulator,
        Err(skipped) => return skipped.report(what),
    };
    let another = start().unwrap();
    assert_ne!(emulator.port(), another.port(), "two live side by side");
    let port = emulator.port();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    drop(emulator);
    // It is killed already; the kernel closes its port in its own time.
    let limit = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(("127.0.0.1", port)).is_ok() {
        assert!(Instant::now() < limit, "port {port} still answers");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(TcpStream::connect(("127.0.0.1", another.port())).is_ok());
}

#[test]
fn ministack_starts_and_ends() {
    starts_and_ends("MiniStack itself", ministack);
}

#[test]
fn azurite_starts_and_ends() {
    starts_and_ends("Azurite itself", azurite);
}
