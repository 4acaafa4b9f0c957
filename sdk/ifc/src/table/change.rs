//! The change stream: what `#[on_change]` handlers take.

use super::Table;
use super::item::{Item, OwnedKeyOf, SortAttribute};
use crate::edge::{consumer_knobs, retry_knobs};
use crate::unit::unit_knobs;
use ifc_manifest::format::Encoder;
use ifc_manifest::kind::edge::{ConsumerSpec, RetrySpec};
use ifc_manifest::kind::table::ChangeStream;
use ifc_manifest::kind::unit::{TIMEOUT_ASYNC, TIMEOUT_DEFAULT, UnitSpec};
use ifc_runtime::change::VERSION_DIGITS_MAX;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// A change of an item in a table with a [change stream](Table::stream).
///
/// Changes are delivered at least once, in no order, and several quick ones may come as the last of
/// them. So a handler that keeps what it derives compares [`version`](Change::version), and drops
/// what is older than what it has:
///
/// ```
/// # use ifc::prelude::*;
/// # use ifc::ChangeVersion;
/// #[derive(Serialize, Deserialize, Item)]
/// struct Order {
///     #[item(key)]
///     id: String,
///     total_cents: u64,
/// }
///
/// #[resource]
/// static ORDERS: Table<Order> = Table::new("orders").stream();
///
/// /// What the shop's front page shows of an order.
/// #[derive(Serialize, Deserialize, Item)]
/// struct Summary {
///     #[item(key)]
///     order: String,
///     euros: Option<u64>,
///     seen: ChangeVersion,
/// }
///
/// #[resource]
/// static SUMMARIES: Table<Summary> = Table::new("summaries");
///
/// #[on_change(ORDERS)]
/// async fn project(change: Change<Order>) -> Result<()> {
///     let summary = Summary {
///         order: change.key,
///         euros: change.new.map(|order| order.total_cents / 100),
///         seen: change.version.clone(),
///     };
///     let first = SUMMARIES.put(&summary).if_not_exists().await;
///     let result = match first {
///         Err(error) if error.is_conflict() => {
///             let newer = SUMMARIES.put(&summary).when(Summary::SEEN.lt(change.version));
///             newer.await
///         }
///         result => result,
///     };
///     match result {
///         // What is there is newer.
///         Err(error) if error.is_conflict() => Ok(()),
///         result => Ok(result?),
///     }
/// }
/// ```
pub struct Change<T: Item> {
    /// Which item.
    pub key: OwnedKeyOf<T>,
    /// What happened to it.
    pub kind: ChangeKind,
    /// The item as it was after the change; `None` when it was removed.
    pub new: Option<T>,
    /// Grows with every change of the item.
    pub version: ChangeVersion,
}

impl<T: Item + Clone> Clone for Change<T> {
    fn clone(&self) -> Self {
        Change {
            key: self.key.clone(),
            kind: self.kind,
            new: self.new.clone(),
            version: self.version.clone(),
        }
    }
}

impl<T: Item + fmt::Debug> fmt::Debug for Change<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("key", &self.key)
            .field("kind", &self.kind)
            .field("new", &self.new)
            .field("version", &self.version)
            .finish()
    }
}

/// What happened to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It was written: made, replaced or updated.
    Upsert,
    /// It was removed.
    Delete,
}

/// When a change happened, in the order of the changes of one item, also when it was removed and
/// made again. Versions of different items do not compare.
///
/// Its stored form is text whose order is the versions' order, so it can be an attribute of an item,
/// and conditions can compare it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ChangeVersion(String);

impl fmt::Display for ChangeVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.trim_start_matches('0') {
            "" => f.write_str("0"),
            digits => f.write_str(digits),
        }
    }
}

impl<'de> Deserialize<'de> for ChangeVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        let valid = (1..=VERSION_DIGITS_MAX).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        match valid {
            true => Ok(ChangeVersion(format!("{digits:0>VERSION_DIGITS_MAX$}"))),
            false => Err(D::Error::custom(format!(
                "a version has 1 to {VERSION_DIGITS_MAX} digits, and not `{digits}`"
            ))),
        }
    }
}

/// The body of a change event, see [`ifc_runtime::change::encode_change`].
#[derive(Deserialize)]
struct Body {
    key: Map<String, Value>,
    kind: ChangeKind,
    #[serde(default)]
    new: Option<Value>,
    version: ChangeVersion,
}

impl<'de, T: Item> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut body = Body::deserialize(deserializer)?;
        let mut attribute = |name: &str| body.key.remove(name).unwrap_or_default();
        let partition = attribute(T::SCHEMA.key.name);
        let sort = T::SCHEMA
            .sort
            .map_or(Value::Null, |sort| attribute(sort.name));
        Ok(Change {
            key: T::Sort::owned::<T::Partition>(partition, sort).map_err(D::Error::custom)?,
            kind: body.kind,
            new: serde_json::from_value(body.new.unwrap_or_default()).map_err(D::Error::custom)?,
            version: body.version,
        })
    }
}

/// What `#[on_change]` accepts.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no changes",
    label = "#[on_change] takes a table"
)]
pub trait ChangeSource {
    type Body: DeserializeOwned + Send;
    const OPTIONS: ChangeOptions;
}

impl<T: Item, R> ChangeSource for Table<T, R> {
    type Body = Change<T>;
    const OPTIONS: ChangeOptions = ChangeOptions {
        consumer: ConsumerSpec::DEFAULT,
        retry: RetrySpec::DEFAULT,
        unit: UnitSpec::new(TIMEOUT_DEFAULT),
    };
}

/// The knobs of `#[on_change]`.
#[derive(Clone, Copy)]
pub struct ChangeOptions {
    consumer: ConsumerSpec,
    retry: RetrySpec,
    unit: UnitSpec,
}

impl ChangeOptions {
    unit_knobs!(TIMEOUT_ASYNC, unit);
    consumer_knobs!(consumer);
    retry_knobs!(retry);

    /// Stops compilation when the table has no changes to follow.
    #[doc(hidden)]
    #[track_caller]
    pub const fn __ifc_of<T, R>(self, table: &Table<T, R>) -> Self {
        if let ChangeStream::Off = table.knobs.stream {
            panic!("the table has no change stream: declare it with `Table::new(\"…\").stream()`");
        }
        self
    }

    /// Writes the edge's knobs, closes the trigger and writes the unit.
    #[doc(hidden)]
    pub const fn __ifc_encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        self.consumer.encode(encoder);
        self.retry.encode(encoder);
        encoder.end();
        self.unit.encode(encoder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_value_also_as_text() {
        let version = |text: &str| serde_json::from_str::<ChangeVersion>(text).ok();
        let (two, ten) = (version("\"2\""), version("\"10\""));
        assert!(two < ten);
        let two = two.expect("a version");
        assert_eq!(two.to_string(), "2");
        let stored = serde_json::to_string(&two).expect("text");
        assert_eq!(version(&stored), Some(two));
        for wrong in ["\"\"", "\"-1\"", "\"1.0\"", "7", "null"] {
            assert_eq!(version(wrong), None, "{wrong}");
        }
        assert_eq!(version(&format!("\"{}\"", "1".repeat(41))), None);
    }
}
