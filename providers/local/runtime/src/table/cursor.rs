//! Cursors: where a page of a query or a scan ended, opaque to callers and bound to what they asked.

use ifc_runtime::ErrorKind;
use ifc_runtime::table::Query;

use super::Table;
use crate::store::Fault;
use std::fmt::Write as _;

/// Everything that decides which items are read, in which order.
pub(super) struct Shape(String);

impl Shape {
    pub(super) fn of_query(table: &Table, query: &Query) -> Shape {
        Shape(format!(
            "{}\0{:?}\0{:?}\0{:?}\0{}\0",
            table.number, query.index, query.partition, query.sort, query.descending
        ))
    }

    pub(super) fn of_scan(table: &Table) -> Shape {
        Shape(format!("{}\0scan\0", table.number))
    }
}

/// The cursor of a page that ended at `key`.
pub(super) fn encode(shape: &Shape, key: &[u8]) -> String {
    let mut text = String::with_capacity(16 + key.len() * 2);
    let _ = write!(text, "{:016x}", checksum(shape, key));
    for byte in key {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The key in a cursor.
///
/// # Errors
/// `Invalid` when it is not a cursor of this query or scan.
pub(super) fn decode(shape: &Shape, cursor: &str) -> Result<Vec<u8>, Fault> {
    let read = || {
        let (checksum_text, key) = cursor.split_at_checked(16)?;
        let expected = u64::from_str_radix(checksum_text, 16).ok()?;
        if key.len() % 2 != 0 || !key.is_ascii() {
            return None;
        }
        let key: Vec<u8> = (0..key.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&key[at..at + 2], 16).ok())
            .collect::<Option<_>>()?;
        (checksum(shape, &key) == expected).then_some(key)
    };
    read().ok_or_else(|| {
        let message = "the cursor belongs to another query: go on with the one that returned it, only \
                       the limit may differ";
        Fault::refused(ErrorKind::Invalid, message)
    })
}

/// It guards against mistakes; a cursor gives no access that the query itself does not.
fn checksum(shape: &Shape, key: &[u8]) -> u64 {
    hash(shape.0.bytes().chain(key.iter().copied()))
}

/// FNV-1a.
pub(super) fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash
}
