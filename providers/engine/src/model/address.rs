//! How parts are called within a stage, whatever the provider calls them.

use super::name::{NameError, check};
use std::fmt;
use std::str::FromStr;

/// Where a part belongs: `resource/part`, such as `queue.orders/dead-letters`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartAddress {
    resource: String,
    part: String,
}

impl PartAddress {
    /// An address of its two halves.
    ///
    /// # Errors
    /// When a half is empty, longer than 200 bytes, or has other characters than letters, digits,
    /// `.`, `_`, `-` and `:`.
    pub fn new(
        resource: impl Into<String>,
        part: impl Into<String>,
    ) -> Result<PartAddress, NameError> {
        let (resource, part) = (resource.into(), part.into());
        for half in [&resource, &part] {
            check(
                "part address",
                half,
                "letters, digits, `.`, `_`, `-` and `:`, 1 to 200 bytes on each side of one `/`",
                |text| {
                    (1..=200).contains(&text.len())
                        && text
                            .bytes()
                            .all(|byte| byte.is_ascii_alphanumeric() || b"._-:".contains(&byte))
                },
            )?;
        }
        Ok(PartAddress { resource, part })
    }

    /// The resource the part was lowered from.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// Which part of the resource.
    pub fn part(&self) -> &str {
        &self.part
    }
}

impl fmt::Display for PartAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.resource, self.part)
    }
}

impl FromStr for PartAddress {
    type Err = NameError;

    fn from_str(text: &str) -> Result<PartAddress, NameError> {
        match text.split_once('/') {
            Some((resource, part)) => PartAddress::new(resource, part),
            None => Err(NameError::new(
                "part address",
                text,
                "a resource and a part with a `/` between them",
            )),
        }
    }
}

/// Which sort of thing a part is to its provider, such as `queue` or `role-policy`. The engine
/// only compares it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartType(String);

impl PartType {
    /// A type as the provider calls it.
    pub fn new(text: impl Into<String>) -> PartType {
        PartType(text.into())
    }

    /// As the provider calls it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One output of a part: what the provider tells after creating it, such as an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputRef {
    /// Whose output.
    pub part: PartAddress,
    /// Which of its outputs.
    pub output: String,
}

impl fmt::Display for OutputRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.part, self.output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let address: PartAddress = "queue.orders/dead-letters".parse().unwrap();
        assert_eq!(address.resource(), "queue.orders");
        assert_eq!(address.part(), "dead-letters");
        assert_eq!(address.to_string(), "queue.orders/dead-letters");
        for wrong in ["", "a", "/a", "a/", "a/b/c", "a b/c", "ä/b"] {
            let error = wrong.parse::<PartAddress>().unwrap_err();
            assert!(error.to_string().contains("part address"), "{wrong}");
        }
    }
}
