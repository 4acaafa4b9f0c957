//! Names of applications and stages, parsed once at the edge.

use crate::digest;
use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// A name that does not follow its grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    what: &'static str,
    text: String,
    rule: &'static str,
}

impl NameError {
    pub(crate) fn new(what: &'static str, text: &str, rule: &'static str) -> NameError {
        NameError {
            what,
            text: text.to_owned(),
            rule,
        }
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NameError { what, text, rule } = self;
        write!(formatter, "`{text}` is no {what}: it takes {rule}")
    }
}

impl Error for NameError {}

pub(crate) fn check(
    what: &'static str,
    text: &str,
    rule: &'static str,
    holds: impl Fn(&str) -> bool,
) -> Result<(), NameError> {
    match holds(text) {
        true => Ok(()),
        false => Err(NameError::new(what, text, rule)),
    }
}

fn begins_with_letter(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
}

/// The name of an application: a lower-case letter, then up to 15 lower-case letters, digits and
/// dashes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApplicationName(String);

impl ApplicationName {
    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ApplicationName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<ApplicationName, NameError> {
        check(
            "application name",
            text,
            "a lower-case letter, then up to 15 lower-case letters, digits and dashes",
            |text| {
                text.len() <= 16
                    && begins_with_letter(text)
                    && text.bytes().all(|byte| {
                        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
                    })
            },
        )?;
        Ok(ApplicationName(text.to_owned()))
    }
}

impl fmt::Display for ApplicationName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The longest name of a stage, in bytes.
const STAGE_LENGTH: usize = 8;
/// How much of a shortened stage name is a digest of the whole.
const STAGE_DIGEST: usize = 3;

/// The name of a stage: a lower-case letter, then up to 7 lower-case letters and digits.
///
/// A stage made for a person remembers the whole name it was shortened from, so that two people
/// whose names shorten alike are told instead of sharing a stage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageName {
    name: String,
    origin: Option<String>,
}

impl StageName {
    /// The personal stage of the one called `person`: the name itself when it fits, else its
    /// beginning and a digest of the whole.
    ///
    /// # Errors
    /// When `person` has no letter to begin with.
    pub fn personal(person: &str) -> Result<StageName, NameError> {
        let kept: String = person
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_lowercase())
            .skip_while(|letter| !letter.is_ascii_lowercase())
            .collect();
        if kept.is_empty() {
            let rule = "at least one letter a–z";
            return Err(NameError::new("name of a person", person, rule));
        }
        let name = if kept == person && kept.len() <= STAGE_LENGTH {
            kept
        } else {
            let beginning: String = kept.chars().take(STAGE_LENGTH - STAGE_DIGEST).collect();
            beginning + &digest::base32(person.as_bytes(), STAGE_DIGEST)
        };
        let stage: StageName = name.parse()?;
        Ok(StageName {
            origin: Some(person.to_owned()),
            ..stage
        })
    }

    /// The name proper.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The whole name it was made from, for a personal stage.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }
}

impl FromStr for StageName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<StageName, NameError> {
        check(
            "stage name",
            text,
            "a lower-case letter, then up to 7 lower-case letters and digits",
            |text| {
                text.len() <= STAGE_LENGTH
                    && begins_with_letter(text)
                    && text
                        .bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            },
        )?;
        Ok(StageName {
            name: text.to_owned(),
            origin: None,
        })
    }
}

impl fmt::Display for StageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages() {
        for fine in ["dev", "p", "pr41", "abcdefgh"] {
            assert_eq!(fine.parse::<StageName>().unwrap().as_str(), fine);
        }
        for wrong in ["", "Dev", "1a", "abcdefghi", "pr-41", "dév"] {
            assert!(wrong.parse::<StageName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn personal_stages_tell_people_apart() {
        let short = StageName::personal("ada").unwrap();
        assert_eq!((short.as_str(), short.origin()), ("ada", Some("ada")));
        let one = StageName::personal("christopher.smith").unwrap();
        let other = StageName::personal("christopher.jones").unwrap();
        assert!(one.as_str().starts_with("chris"));
        assert_eq!(one.as_str().len(), 8);
        assert_ne!(one.as_str(), other.as_str());
        assert_ne!(
            StageName::personal("Ada").unwrap().as_str(),
            StageName::personal("ada").unwrap().as_str()
        );
        assert!(StageName::personal("123").is_err());
    }

    #[test]
    fn applications() {
        assert!("orders-2".parse::<ApplicationName>().is_ok());
        for wrong in ["", "Orders", "2orders", "a-name-of-17-bytes"] {
            assert!(wrong.parse::<ApplicationName>().is_err(), "{wrong}");
        }
    }
}
