//! Properties as the SDK's calls need them, and answers as properties.

use super::Failure;
use crate::json;
use ifc_engine::Value;
use std::collections::BTreeMap;

/// Properties, or outputs, by name.
pub(crate) type Values = BTreeMap<String, Value>;

/// Looks into a map of values. What has another sort than was asked for counts as not set: the
/// lowering's tests hold the sorts.
pub(crate) trait Look {
    /// The value, if it is set.
    fn value(&self, name: &str) -> Option<&Value>;

    /// Text.
    fn text(&self, name: &str) -> Option<&str> {
        match self.value(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Text, as the SDK takes it.
    fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// Text that has to be there.
    fn required(&self, name: &str) -> Result<&str, Failure> {
        self.text(name)
            .ok_or_else(|| Failure::rejected(format!("the part has no property `{name}`")))
    }

    /// A number.
    fn integer(&self, name: &str) -> Option<i64> {
        match self.value(name) {
            Some(Value::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    /// A number, as most of the SDK takes it.
    fn number(&self, name: &str) -> Option<i32> {
        self.integer(name)
            .and_then(|number| i32::try_from(number).ok())
    }

    /// Yes or no.
    fn flag(&self, name: &str) -> Option<bool> {
        match self.value(name) {
            Some(Value::Bool(flag)) => Some(*flag),
            _ => None,
        }
    }

    /// A map in it.
    fn inner(&self, name: &str) -> Option<&Values> {
        match self.value(name) {
            Some(Value::Map(map)) => Some(map),
            _ => None,
        }
    }

    /// The items of a list in it; none when it is not set.
    fn items(&self, name: &str) -> &[Value] {
        match self.value(name) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    /// The texts of a list in it.
    fn texts(&self, name: &str) -> Vec<String> {
        let items = self.items(name).iter();
        items
            .filter_map(|item| match item {
                Value::Text(text) => Some(text.clone()),
                _ => None,
            })
            .collect()
    }

    /// A value as JSON text, such as a policy.
    fn json(&self, name: &str) -> Option<String> {
        self.value(name).map(|value| json::of(value).to_string())
    }
}

impl Look for Values {
    fn value(&self, name: &str) -> Option<&Value> {
        self.get(name).filter(|value| **value != Value::Null)
    }
}

impl Look for Value {
    fn value(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Map(map) => map.value(name),
            _ => None,
        }
    }
}

/// Collects what was read: what is set as it is, what is not set as [`Value::Null`].
#[derive(Default)]
pub(crate) struct Collected(Values);

impl Collected {
    pub(crate) fn new() -> Collected {
        Collected::default()
    }

    /// A property that can be told.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Option<Value>>) -> Collected {
        self.0
            .insert(name.to_owned(), value.into().unwrap_or(Value::Null));
        self
    }

    /// Text.
    #[must_use]
    pub(crate) fn text(self, name: &str, text: Option<impl Into<String>>) -> Collected {
        self.with(name, text.map(Value::text))
    }

    /// A number.
    #[must_use]
    pub(crate) fn number(self, name: &str, number: Option<impl Into<i64>>) -> Collected {
        self.with(name, number.map(|number| Value::Integer(number.into())))
    }

    /// Yes or no.
    #[must_use]
    pub(crate) fn flag(self, name: &str, flag: Option<bool>) -> Collected {
        self.with(name, flag.map(Value::Bool))
    }

    /// JSON text, as a tree.
    #[must_use]
    pub(crate) fn json(self, name: &str, text: Option<&str>) -> Collected {
        let value =
            text.filter(|text| !text.is_empty())
                .map(|text| match serde_json::from_str(text) {
                    Ok(tree) => json::read(&tree),
                    // Told as it is, so that it counts as something else.
                    Err(_) => Value::text(text),
                });
        self.with(name, value)
    }

    /// What becomes of deliveries that fail, in the words that EventBridge and its scheduler share.
    #[must_use]
    pub(crate) fn delivery(
        self,
        dead_letters: Option<&str>,
        attempts: Option<i32>,
        age: Option<i32>,
    ) -> Collected {
        let dead_letters = Collected::new().text("Arn", dead_letters);
        let retry = Collected::new()
            .number("MaximumRetryAttempts", attempts)
            .number("MaximumEventAgeInSeconds", age);
        self.with("DeadLetterConfig", dead_letters.nested())
            .with("RetryPolicy", retry.nested())
    }

    pub(crate) fn done(self) -> Values {
        self.0
    }

    /// As a value inside another one, where what is not set is left out; nothing when nothing is
    /// set.
    pub(crate) fn nested(self) -> Option<Value> {
        let mut set = self.0;
        set.retain(|_, value| *value != Value::Null);
        (!set.is_empty()).then_some(Value::Map(set))
    }
}

/// A list of texts.
pub(crate) fn list<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Value {
    Value::List(texts.into_iter().map(Value::text).collect())
}

/// A list whose order means nothing.
pub(crate) fn set<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Value {
    let mut texts: Vec<String> = texts.into_iter().map(Into::into).collect();
    texts.sort();
    list(texts)
}

/// Outputs of these names and texts.
pub(crate) fn outputs<const N: usize>(pairs: [(&str, &str); N]) -> Values {
    pairs
        .into_iter()
        .map(|(name, text)| (name.to_owned(), Value::text(text)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_come_back_as_they_were() {
        let text = r#"{"Statement":[{"Action":["a","b"],"Effect":"Allow","On":true}],"V":1}"#;
        let read = Collected::new().json("Policy", Some(text)).done();
        assert_eq!(read.json("Policy").unwrap(), text);
        let broken = Collected::new().json("Policy", Some("{")).done();
        assert_eq!(broken.text("Policy"), Some("{"));
    }

    #[test]
    fn what_is_not_set_is_told_at_the_top_and_left_out_below() {
        let read = || {
            Collected::new()
                .text("A", None::<String>)
                .number("B", Some(1))
        };
        assert_eq!(read().done()["A"], Value::Null);
        assert_eq!(read().nested(), Some(Value::map([("B", Value::from(1))])));
        assert_eq!(Collected::new().flag("C", None).nested(), None);
    }
}
