//! Property values: a tree with one way to write each value.

use super::{OutputRef, PartAddress};
use std::collections::BTreeMap;

/// The name of a secret. Only the provider can turn it into the value, and it never says it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretRef(pub String);

/// What a property is, or should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Not set.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number. Other numbers are written as text, by a rule of the provider's.
    Integer(i64),
    /// Text.
    Text(String),
    /// In an order that means something. What is a set to the provider is sorted by it.
    List(Vec<Value>),
    /// By key.
    Map(BTreeMap<String, Value>),
    /// The texts of these, one after the other; for addresses made of another part's output.
    Join(Vec<Value>),
    /// What another part tells once it exists.
    Output(OutputRef),
    /// A secret's name, never its value.
    Secret(SecretRef),
}

impl Value {
    /// Text.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    /// An output of another part.
    pub fn output(part: &PartAddress, output: impl Into<String>) -> Value {
        Value::Output(OutputRef {
            part: part.clone(),
            output: output.into(),
        })
    }

    /// A reference to a secret.
    pub fn secret(name: impl Into<String>) -> Value {
        Value::Secret(SecretRef(name.into()))
    }

    /// A map of these pairs.
    pub fn map<K: Into<String>>(pairs: impl IntoIterator<Item = (K, Value)>) -> Value {
        Value::Map(
            pairs
                .into_iter()
                .map(|(key, value)| (key.into(), value))
                .collect(),
        )
    }

    /// The outputs it refers to, in the order they are written.
    pub fn references(&self) -> Vec<&OutputRef> {
        let mut found = Vec::new();
        self.collect_references(&mut found);
        found
    }

    fn collect_references<'a>(&'a self, found: &mut Vec<&'a OutputRef>) {
        match self {
            Value::Output(reference) => found.push(reference),
            Value::List(items) | Value::Join(items) => {
                items.iter().for_each(|item| item.collect_references(found));
            }
            Value::Map(map) => map.values().for_each(|item| item.collect_references(found)),
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Text(_)
            | Value::Secret(_) => {}
        }
    }

    /// Whether it refers to no output, so that it is what the provider will be told.
    pub fn is_resolved(&self) -> bool {
        match self {
            Value::Output(_) | Value::Join(_) => false,
            Value::List(items) => items.iter().all(Value::is_resolved),
            Value::Map(map) => map.values().all(Value::is_resolved),
            _ => true,
        }
    }

    /// Whether it is `other` once every output is in the place of the reference to it.
    pub(crate) fn resolves_to<'a>(
        &self,
        other: &Value,
        lookup: &dyn Fn(&OutputRef) -> Option<&'a Value>,
    ) -> bool {
        match (self, other) {
            (Value::Output(reference), _) => lookup(reference) == Some(other),
            (Value::Join(_), _) => self.resolve(&|reference| lookup(reference).cloned()) == *other,
            (Value::List(own), Value::List(others)) => {
                own.len() == others.len()
                    && own
                        .iter()
                        .zip(others)
                        .all(|(own, other)| own.resolves_to(other, lookup))
            }
            (Value::Map(own), Value::Map(others)) => {
                own.len() == others.len()
                    && own
                        .iter()
                        .zip(others)
                        .all(|((key, own), (other_key, other))| {
                            key == other_key && own.resolves_to(other, lookup)
                        })
            }
            _ => self == other,
        }
    }

    /// The same with each output that `lookup` knows in the place of the reference to it. What it
    /// does not know stays a reference.
    #[must_use]
    pub fn resolve(&self, lookup: &dyn Fn(&OutputRef) -> Option<Value>) -> Value {
        match self {
            Value::Output(reference) => lookup(reference).unwrap_or_else(|| self.clone()),
            Value::List(items) => {
                Value::List(items.iter().map(|item| item.resolve(lookup)).collect())
            }
            Value::Map(map) => Value::Map(
                map.iter()
                    .map(|(key, item)| (key.clone(), item.resolve(lookup)))
                    .collect(),
            ),
            Value::Join(items) => join(items.iter().map(|item| item.resolve(lookup)).collect()),
            _ => self.clone(),
        }
    }
}

fn join(items: Vec<Value>) -> Value {
    let texts: Option<Vec<String>> = items
        .iter()
        .map(|item| match item {
            Value::Text(text) => Some(text.clone()),
            Value::Integer(number) => Some(number.to_string()),
            Value::Bool(bool) => Some(bool.to_string()),
            _ => None,
        })
        .collect();
    texts.map_or(Value::Join(items), |texts| Value::Text(texts.concat()))
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Integer(number)
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Value {
        Value::Bool(bool)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_what_is_known() {
        let part: PartAddress = "queue.orders/queue".parse().unwrap();
        let value = Value::map([
            ("url", Value::output(&part, "url")),
            (
                "items",
                Value::Join(vec![Value::output(&part, "id"), "/*".into(), 7.into()]),
            ),
        ]);
        assert_eq!(value.references().len(), 2);
        assert!(!value.is_resolved());
        let partly =
            value.resolve(&|reference| (reference.output == "id").then(|| Value::text("q1")));
        let Value::Map(map) = &partly else { panic!() };
        assert_eq!(map["items"], Value::text("q1/*7"));
        assert_eq!(partly.references().len(), 1);
        let whole = partly.resolve(&|_| Some(Value::text("u")));
        assert!(whole.is_resolved());
    }
}
