//! Where a page of a table ended: the key of DynamoDB, bound to the query or scan.

use crate::cursor;
use ifc_runtime::table::Query;
use ifc_runtime::{Error, ErrorKind};
use serde_json::Value;

/// Everything that decides which items are read, in which order.
pub(super) struct Shape(cursor::Shape);

impl Shape {
    pub(super) fn of_query(table: &str, query: &Query) -> Shape {
        Shape(cursor::Shape(format!(
            "{table}\0{:?}\0{:?}\0{:?}\0{}",
            query.index, query.partition, query.sort, query.descending
        )))
    }

    pub(super) fn of_scan(table: &str) -> Shape {
        Shape(cursor::Shape(format!("{table}\0scan")))
    }

    /// The cursor of a page that ended at `key`, as DynamoDB says it.
    pub(super) fn encode(&self, key: &Value) -> String {
        self.0.encode(&key.to_string())
    }

    /// The key in a cursor.
    ///
    /// # Errors
    /// `Invalid` when it is not a cursor of this query or scan.
    pub(super) fn decode(&self, cursor: &str) -> Result<Value, Error> {
        let key = self.0.decode(cursor, "query")?;
        key.parse()
            .map_err(|_| Error::new(ErrorKind::Invalid, "the cursor has no key in it"))
    }
}
