//! Item types and their keys.

use super::key_bytes_max;
use ifc_manifest::kind::table::{INTEGER_MAX, ItemSchema, Scalar};
use ifc_runtime::table::{Key, KeyValue};
use ifc_runtime::{Error, ErrorKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;
use std::marker::PhantomData;

/// A type of table items. Derive it: see [`derive(Item)`](derive@crate::Item).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a table item",
    label = "add `#[derive(Serialize, Deserialize, Item)]` and mark its key with `#[item(key)]`"
)]
pub trait Item: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Type of the partition key.
    type Partition: KeyAttribute;
    /// Type of the sort key, or [`NoSortKey`].
    type Sort: SortAttribute;
    #[doc(hidden)]
    const SCHEMA: ItemSchema;
    #[doc(hidden)]
    fn partition(&self) -> &Self::Partition;
    #[doc(hidden)]
    fn sort(&self) -> Option<&Self::Sort>;
    #[doc(hidden)]
    fn version(&self) -> Option<u64>;
}

/// What identifies an item of type `T`: the partition key's borrowed form, or a pair with the sort
/// key's. For an item with a `String` key that is `&str`.
pub type KeyOf<'a, T> = <<T as Item>::Sort as SortAttribute>::KeyOf<'a, <T as Item>::Partition>;

/// What identifies an item of type `T`, owned: the partition key, or a pair with the sort key.
pub type OwnedKeyOf<T> = <<T as Item>::Sort as SortAttribute>::Owned<<T as Item>::Partition>;

/// A type that can be a key: `String` and the integers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key",
    label = "a key is a `String` or an integer"
)]
pub trait KeyAttribute: Clone + fmt::Debug + DeserializeOwned + Send + Sync + 'static {
    /// The form in which keys are handed over: `&str` for `String`, integers as they are.
    type Ref<'a>: Copy + Send + fmt::Debug;
    #[doc(hidden)]
    const SCALAR: Scalar;
    #[doc(hidden)]
    fn as_key(&self) -> Self::Ref<'_>;
    #[doc(hidden)]
    fn key_value(key: Self::Ref<'_>, sort: bool) -> Result<KeyValue, Error>;
}

impl KeyAttribute for String {
    type Ref<'a> = &'a str;
    const SCALAR: Scalar = Scalar::String;

    fn as_key(&self) -> &str {
        self
    }

    fn key_value(key: &str, sort: bool) -> Result<KeyValue, Error> {
        let limit = key_bytes_max(sort);
        if key.is_empty() {
            return Err(Error::new(ErrorKind::Invalid, "a key is not empty"));
        }
        if key.len() > limit {
            let message = format!("a key of {} bytes, the limit is {limit}", key.len());
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        Ok(KeyValue::String(key.to_owned()))
    }
}

/// A type that can be the key of an index: a [`KeyAttribute`], or an `Option` of one. An item whose
/// attribute is `None` is not in the index.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of an index",
    label = "the key of an index is a `String` or an integer, or an `Option` of one"
)]
pub trait IndexAttribute {
    /// The key itself.
    type Key: KeyAttribute;
    #[doc(hidden)]
    const SCALAR: Scalar = Self::Key::SCALAR;
}

macro_rules! index_attributes {
    ($($ty:ty),*) => {
        $(
            impl IndexAttribute for $ty {
                type Key = $ty;
            }

            impl IndexAttribute for Option<$ty> {
                type Key = $ty;
            }
        )*
    };
}

index_attributes!(String, u8, u16, u32, u64, i8, i16, i32, i64);

/// There is no sort key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSortKey;

/// A type that can be in the place of the sort key: a [`KeyAttribute`] or [`NoSortKey`].
pub trait SortAttribute: Send + Sync + 'static {
    /// See [`KeyOf`](type@KeyOf).
    type KeyOf<'a, P: KeyAttribute>: Send;
    /// See [`OwnedKeyOf`](type@OwnedKeyOf).
    type Owned<P: KeyAttribute>: Clone + fmt::Debug + Send + Sync;
    #[doc(hidden)]
    fn owned<P: KeyAttribute>(partition: Value, sort: Value) -> serde_json::Result<Self::Owned<P>>;
    #[doc(hidden)]
    fn key<P: KeyAttribute>(key: Self::KeyOf<'_, P>) -> Result<Key, Error>;
    #[doc(hidden)]
    fn key_of(partition: KeyValue, sort: Option<&Self>) -> Result<Key, Error>;
}

impl SortAttribute for NoSortKey {
    type KeyOf<'a, P: KeyAttribute> = P::Ref<'a>;
    type Owned<P: KeyAttribute> = P;

    fn owned<P: KeyAttribute>(partition: Value, _: Value) -> serde_json::Result<P> {
        serde_json::from_value(partition)
    }

    fn key<P: KeyAttribute>(key: P::Ref<'_>) -> Result<Key, Error> {
        Ok(Key {
            partition: P::key_value(key, false)?,
            sort: None,
        })
    }

    fn key_of(partition: KeyValue, _: Option<&Self>) -> Result<Key, Error> {
        Ok(Key {
            partition,
            sort: None,
        })
    }
}

macro_rules! sort_attribute {
    ($($ty:ty),*) => {
        $(
            impl SortAttribute for $ty {
                type KeyOf<'a, P: KeyAttribute> = (P::Ref<'a>, <$ty as KeyAttribute>::Ref<'a>);
                type Owned<P: KeyAttribute> = (P, $ty);

                fn owned<P: KeyAttribute>(
                    partition: Value,
                    sort: Value,
                ) -> serde_json::Result<(P, $ty)> {
                    Ok((serde_json::from_value(partition)?, serde_json::from_value(sort)?))
                }

                fn key<P: KeyAttribute>(key: Self::KeyOf<'_, P>) -> Result<Key, Error> {
                    Ok(Key {
                        partition: P::key_value(key.0, false)?,
                        sort: Some(<$ty as KeyAttribute>::key_value(key.1, true)?),
                    })
                }

                fn key_of(partition: KeyValue, sort: Option<&Self>) -> Result<Key, Error> {
                    let sort = sort
                        .map(|sort| <$ty as KeyAttribute>::key_value(sort.as_key(), true))
                        .transpose()?;
                    Ok(Key { partition, sort })
                }
            }
        )*
    };
}

sort_attribute!(String);

macro_rules! integer_keys {
    ($($ty:ty),*) => {
        $(
            impl KeyAttribute for $ty {
                type Ref<'a> = $ty;
                const SCALAR: Scalar = Scalar::Number;

                fn as_key(&self) -> $ty {
                    *self
                }

                fn key_value(key: $ty, _: bool) -> Result<KeyValue, Error> {
                    i64::try_from(key)
                        .ok()
                        .filter(|key| (-INTEGER_MAX..=INTEGER_MAX).contains(key))
                        .map(KeyValue::Number)
                        .ok_or_else(|| {
                            let message = format!(
                                "the key {key} is beyond ±(2^53 − 1): use a string"
                            );
                            Error::new(ErrorKind::Invalid, message)
                        })
                }
            }

            sort_attribute!($ty);
        )*
    };
}

integer_keys!(u8, u16, u32, u64, i8, i16, i32, i64);

/// The key of `item`.
pub(super) fn key_of<T: Item>(item: &T) -> Result<Key, Error> {
    let partition = T::Partition::key_value(item.partition().as_key(), false)?;
    T::Sort::key_of(partition, item.sort())
}

/// A secondary index of items `T` with partition key `P` and sort key `S`: `Order::BY_CUSTOMER`.
pub struct Index<T, P, S> {
    name: &'static str,
    marker: Marker<T, P, S>,
}

/// Refers to types without owning any of them.
type Marker<T, P, S> = PhantomData<fn() -> (T, P, S)>;

impl<T, P, S> Index<T, P, S> {
    #[doc(hidden)]
    pub const fn __ifc_new(name: &'static str) -> Self {
        Index {
            name,
            marker: PhantomData,
        }
    }

    /// The index's name within its table.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<T, P, S> Clone for Index<T, P, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, P, S> Copy for Index<T, P, S> {}

/// A type that can hold an expiry in epoch seconds.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot hold an expiry",
    label = "a ttl is the epoch second of expiry: `u64`, `i64` or an `Option` of them"
)]
pub trait TtlAttribute {
    const CHECK: () = ();
}

impl TtlAttribute for u64 {}
impl TtlAttribute for i64 {}
impl TtlAttribute for Option<u64> {}
impl TtlAttribute for Option<i64> {}

/// A type that can hold an optimistic version.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot hold a version",
    label = "a version is a `u64`, 0 for an item that is not stored yet"
)]
pub trait VersionAttribute {
    const CHECK: () = ();
}

impl VersionAttribute for u64 {}
