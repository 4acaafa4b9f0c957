//! Typed expressions over an item's attributes.

use ifc_runtime::table::{Clause, Comparison};
use serde::Serialize;
use serde_json::Value;
use std::marker::PhantomData;

/// An attribute of items `T` with values of type `V`: `Order::TOTAL_CENTS`.
pub struct Attribute<T, V> {
    name: &'static str,
    marker: PhantomData<fn() -> (T, V)>,
}

impl<T, V> Clone for Attribute<T, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, V> Copy for Attribute<T, V> {}

/// A value that an attribute of type `V` can be compared with or set to: a `V`, a `&V`, a `&str`
/// for a `String`, a `V` for an `Option<V>`.
#[diagnostic::on_unimplemented(
    message = "the attribute holds `{V}`, not `{Self}`",
    label = "expected a `{V}`"
)]
pub trait IntoAttribute<V> {
    #[doc(hidden)]
    fn into_attribute(self) -> serde_json::Result<Value>;
}

impl<V: Serialize> IntoAttribute<V> for V {
    fn into_attribute(self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }
}

impl<V: Serialize> IntoAttribute<V> for &V {
    fn into_attribute(self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }
}

impl<V: Serialize> IntoAttribute<Option<V>> for V {
    fn into_attribute(self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }
}

impl IntoAttribute<String> for &str {
    fn into_attribute(self) -> serde_json::Result<Value> {
        Ok(Value::String(self.to_owned()))
    }
}

impl IntoAttribute<Option<String>> for &str {
    fn into_attribute(self) -> serde_json::Result<Value> {
        Ok(Value::String(self.to_owned()))
    }
}

/// Something that must hold of the stored item for a write to happen.
pub struct Condition<T> {
    pub(super) clause: serde_json::Result<Clause>,
    marker: PhantomData<fn() -> T>,
}

impl<T> Condition<T> {
    fn new(clause: serde_json::Result<Clause>) -> Self {
        Condition {
            clause,
            marker: PhantomData,
        }
    }
}

impl<T, V> Attribute<T, V> {
    #[doc(hidden)]
    pub const fn __ifc_new(name: &'static str) -> Self {
        Attribute {
            name,
            marker: PhantomData,
        }
    }

    /// The attribute's name in the stored item.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    fn compare(self, comparison: Comparison, value: impl IntoAttribute<V>) -> Condition<T> {
        Condition::new(value.into_attribute().map(|value| Clause::Compare {
            attribute: self.name.to_owned(),
            comparison,
            value,
        }))
    }

    /// It equals `value`.
    pub fn eq(self, value: impl IntoAttribute<V>) -> Condition<T> {
        self.compare(Comparison::Equal, value)
    }

    /// It exists and differs from `value`.
    pub fn ne(self, value: impl IntoAttribute<V>) -> Condition<T> {
        self.compare(Comparison::NotEqual, value)
    }

    /// It is less than `value`: numbers by value, strings by their UTF-8 bytes.
    pub fn lt(self, value: impl IntoAttribute<V>) -> Condition<T> {
        self.compare(Comparison::Less, value)
    }

    /// It is less than or equal to `value`.
    pub fn le(self, value: impl IntoAttribute<V>) -> Condition<T> {
        self.compare(Comparison::LessOrEqual, value)
    }

    /// It is greater than `value`.
    pub fn gt(self, value: impl IntoAttribute<V>) -> Condition<T> {
        self.compare(Comparison::Greater, value)
    }

    /// It is greater than or equal to `value`.
    pub fn ge(self, value: impl IntoAttribute<V>) -> Condition<T> {
        self.compare(Comparison::GreaterOrEqual, value)
    }

    /// It is there and not null.
    pub fn exists(self) -> Condition<T> {
        Condition::new(Ok(Clause::AttributeExists(self.name.to_owned())))
    }

    /// It is missing or null.
    pub fn missing(self) -> Condition<T> {
        Condition::new(Ok(Clause::AttributeMissing(self.name.to_owned())))
    }
}
