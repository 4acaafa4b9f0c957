//! Cursors: where a page ended, opaque to callers and bound to what they asked.

use crate::base64;
use ifc_runtime::{Error, ErrorKind};

/// Everything that decides what is on the pages, and in which order.
pub(crate) struct Shape(pub(crate) String);

impl Shape {
    /// FNV-1a. It guards against mistakes; a cursor gives no access that what is asked does not.
    fn checksum(&self, place: &str) -> u64 {
        let bytes = self.0.bytes().chain([0]).chain(place.bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    /// The cursor of a page that ended at `place`, as the service says it.
    pub(crate) fn encode(&self, place: &str) -> String {
        let checksum = self.checksum(place);
        format!("{checksum:016x}{}", base64::encode(place.as_bytes()))
    }

    /// The place in a cursor.
    ///
    /// # Errors
    /// `Invalid` when it is not a cursor of this `what`.
    pub(crate) fn decode(&self, cursor: &str, what: &str) -> Result<String, Error> {
        let read = || {
            let (checksum, place) = cursor.split_at_checked(16)?;
            let checksum = u64::from_str_radix(checksum, 16).ok()?;
            let place = String::from_utf8(base64::decode(place)?).ok()?;
            (self.checksum(&place) == checksum).then_some(place)
        };
        read().ok_or_else(|| {
            let message = format!(
                "the cursor belongs to another {what}: go on with the one that returned it, only \
                 the limit may differ"
            );
            Error::new(ErrorKind::Invalid, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_pages_only() {
        let (own, other) = (Shape("a".to_owned()), Shape("b".to_owned()));
        let cursor = own.encode("ключ");
        assert_eq!(own.decode(&cursor, "scan").unwrap(), "ключ");
        for (shape, cursor) in [
            (&other, cursor.as_str()),
            (&own, ""),
            (&own, "é"),
            (&own, &cursor[..20]),
        ] {
            let error = shape.decode(cursor, "scan").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains("another scan"), "{error}");
        }
    }
}
