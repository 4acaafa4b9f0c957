//! Changes of items: what the body of a table's change event says, the same on every provider.

use crate::table::Item;

/// Most digits of a version.
pub const VERSION_DIGITS_MAX: usize = 40;

/// The body of a change event.
///
/// ```json
/// {"key": {"id": "o-1"}, "kind": "upsert", "new": {"id": "o-1"}, "version": "17"}
/// ```
///
/// `key` has the item's key attributes. `new` is the item as it then is, as JSON; without it the item
/// was removed, and the kind is `delete`. `version` is a decimal number of at most
/// [`VERSION_DIGITS_MAX`] digits that grows with every change of the item, also when it was removed
/// and made again; from one change to the next it may grow by any amount.
pub fn encode_change(key: &Item, new: Option<&[u8]>, version: &str) -> Vec<u8> {
    let key = serde_json::to_string(key).unwrap_or_default();
    let new_bytes = new.map_or(0, <[u8]>::len);
    let mut body = Vec::with_capacity(key.len() + new_bytes + version.len() + 64);
    body.extend_from_slice(b"{\"key\":");
    body.extend_from_slice(key.as_bytes());
    match new {
        Some(new) => {
            body.extend_from_slice(b",\"kind\":\"upsert\",\"new\":");
            body.extend_from_slice(new);
        }
        None => body.extend_from_slice(b",\"kind\":\"delete\""),
    }
    body.extend_from_slice(b",\"version\":\"");
    body.extend_from_slice(version.as_bytes());
    body.extend_from_slice(b"\"}");
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn bodies_are_what_they_are_documented_to_be() {
        let key = Item::from_iter([("id".to_owned(), json!("o-\"1\""))]);
        let body = |new| -> Value {
            serde_json::from_slice(&encode_change(&key, new, "17")).expect("JSON")
        };
        assert_eq!(
            body(Some(br#"{"id":"o-\"1\"","n":1}"#)),
            json!({
                "key": { "id": "o-\"1\"" },
                "kind": "upsert",
                "new": { "id": "o-\"1\"", "n": 1 },
                "version": "17",
            })
        );
        assert_eq!(
            body(None),
            json!({ "key": { "id": "o-\"1\"" }, "kind": "delete", "version": "17" })
        );
    }
}
