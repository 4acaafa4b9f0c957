//! The lock object.

use super::WireError;
use super::envelope::Format;
use crate::clock::Timestamp;
use crate::lock::{Holder, LockContents};
use serde::{Deserialize, Serialize};

const FORMAT: Format = Format {
    what: "lock",
    tag: "ifc-lock",
    version: 1,
};

#[derive(Serialize, Deserialize)]
struct WireLock {
    epoch: u64,
    beat: u64,
    token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    holder: Option<WireHolder>,
}

#[derive(Serialize, Deserialize)]
struct WireHolder {
    person: String,
    host: String,
    process: u32,
    command: String,
    since_ms: u64,
    lease_ms: u64,
}

pub(crate) fn lock_to_bytes(lock: &LockContents) -> Vec<u8> {
    FORMAT.seal(&WireLock {
        epoch: lock.epoch,
        beat: lock.beat,
        token: lock.token.clone(),
        holder: lock.holder.as_ref().map(|holder| WireHolder {
            person: holder.person.clone(),
            host: holder.host.clone(),
            process: holder.process,
            command: holder.command.clone(),
            since_ms: holder.since.0,
            lease_ms: u64::try_from(holder.lease.as_millis()).unwrap_or(u64::MAX),
        }),
    })
}

pub(crate) fn lock_from_bytes(bytes: &[u8]) -> Result<LockContents, WireError> {
    let wire: WireLock = FORMAT.open(bytes)?;
    Ok(LockContents {
        epoch: wire.epoch,
        beat: wire.beat,
        token: wire.token,
        holder: wire.holder.map(|holder| Holder {
            person: holder.person,
            host: holder.host,
            process: holder.process,
            command: holder.command,
            since: Timestamp(holder.since_ms),
            lease: std::time::Duration::from_millis(holder.lease_ms),
        }),
    })
}
