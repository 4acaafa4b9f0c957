//! Cursors: where a page ended, opaque to callers and bound to what they asked.

use crate::base64;
use ifc_runtime::table::Query;
use ifc_runtime::{Error, ErrorKind};
use serde_json::Value;

/// Everything that decides which items are read, in which order.
pub(super) struct Shape(String);

impl Shape {
    pub(super) fn of_query(table: &str, query: &Query) -> Shape {
        Shape(format!(
            "{table}\0{:?}\0{:?}\0{:?}\0{}",
            query.index, query.partition, query.sort, query.descending
        ))
    }

    pub(super) fn of_scan(table: &str) -> Shape {
        Shape(format!("{table}\0scan"))
    }

    /// FNV-1a. It guards against mistakes; a cursor gives no access that the query does not.
    fn checksum(&self, key: &str) -> u64 {
        let bytes = self.0.bytes().chain([0]).chain(key.bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    /// The cursor of a page that ended at `key`, as DynamoDB says it.
    pub(super) fn encode(&self, key: &Value) -> String {
        let key = key.to_string();
        format!(
            "{:016x}{}",
            self.checksum(&key),
            base64::encode(key.as_bytes())
        )
    }

    /// The key in a cursor.
    ///
    /// # Errors
    /// `Invalid` when it is not a cursor of this query or scan.
    pub(super) fn decode(&self, cursor: &str) -> Result<Value, Error> {
        let read = || {
            let (checksum, key) = cursor.split_at_checked(16)?;
            let checksum = u64::from_str_radix(checksum, 16).ok()?;
            let key = String::from_utf8(base64::decode(key)?).ok()?;
            let same = self.checksum(&key) == checksum;
            same.then(|| serde_json::from_str(&key).ok())?
        };
        read().ok_or_else(|| {
            let message = "the cursor belongs to another query: go on with the one that returned \
                           it, only the limit may differ";
            Error::new(ErrorKind::Invalid, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cursor_is_good_for_its_own_scan_only() {
        let (own, other) = (Shape::of_scan("a"), Shape::of_scan("b"));
        let key = json!({ "id": { "S": "ключ" } });
        let cursor = own.encode(&key);
        assert_eq!(own.decode(&cursor).unwrap(), key);
        for (shape, cursor) in [
            (&other, cursor.as_str()),
            (&own, ""),
            (&own, "é"),
            (&own, &cursor[..20]),
        ] {
            assert_eq!(shape.decode(cursor).unwrap_err().kind(), ErrorKind::Invalid);
        }
    }
}
