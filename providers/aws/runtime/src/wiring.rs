//! Where the things behind an application's resources are: what the deploy half writes into
//! [`WIRING_VARIABLE`] and the data half reads, by the names that the application uses.
//!
//! A unit's wiring has what the unit may use and nothing else.

use ifc_manifest::Address;
use ifc_runtime::{Application, Error, ErrorKind, Target};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// The environment variable that holds a unit's wiring, as JSON.
pub const WIRING_VARIABLE: &str = "IFC_WIRING";

/// The version of the form that is written. Others are refused: a unit and its wiring are deployed
/// together.
pub const WIRING_VERSION: u32 = 1;

/// Where the things behind a unit's resources are. Names are the application's: those of a library
/// are `package/name`.
///
/// ```json
/// {
///   "version": 1,
///   "region": "eu-west-1",
///   "queues": {"invoices": {"url": "https://sqs.eu-west-1.amazonaws.com/123456789012/shop-dev-invoices-a1b2c3"}},
///   "secrets": {"token": {"id": "arn:aws:secretsmanager:…"}}
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Wiring {
    /// The region of everything.
    pub region: String,
    /// Queues.
    pub queues: BTreeMap<String, QueueWiring>,
    /// Topics.
    pub topics: BTreeMap<String, TopicWiring>,
    /// Tables.
    pub tables: BTreeMap<String, TableWiring>,
    /// Secrets.
    pub secrets: BTreeMap<String, SecretWiring>,
    /// Configuration values that the stage may set.
    pub configs: BTreeMap<String, ConfigWiring>,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueWiring {
    /// Its URL.
    pub url: String,
}

/// A topic of SNS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicWiring {
    /// Its ARN.
    pub arn: String,
}

/// A table of DynamoDB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableWiring {
    /// Its name.
    pub table: String,
}

/// A secret of Secrets Manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretWiring {
    /// Its ARN, or its name.
    pub id: String,
}

/// A parameter of the Systems Manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigWiring {
    /// Its name.
    pub parameter: String,
}

/// Why a wiring cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WiringError(String);

impl fmt::Display for WiringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the wiring in {WIRING_VARIABLE} cannot be used: {}; deploy the unit again with the \
             version of `ifc` that it was built with",
            self.0
        )
    }
}

impl std::error::Error for WiringError {}

impl Wiring {
    /// Reads the JSON form. What is not known is refused: it would be a resource that the unit
    /// cannot find.
    ///
    /// # Errors
    /// When it is not JSON, has another version, lacks something, or has something unknown; the
    /// message names the place.
    pub fn parse(text: &str) -> Result<Wiring, WiringError> {
        let mut fields: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| WiringError(format!("it is no JSON object: {error}")))?;
        match fields.remove("version").as_ref().and_then(Value::as_u64) {
            Some(version) if version == u64::from(WIRING_VERSION) => {}
            Some(version) => {
                return Err(WiringError(format!(
                    "it has version {version}, and this program reads version {WIRING_VERSION}"
                )));
            }
            None => return Err(WiringError("`version` is missing or no number".to_owned())),
        }
        let region = match fields.remove("region") {
            Some(Value::String(region)) if !region.is_empty() => region,
            _ => return Err(WiringError("`region` is missing or no text".to_owned())),
        };
        let wiring = Wiring {
            region,
            queues: section(&mut fields, "queues")?,
            topics: section(&mut fields, "topics")?,
            tables: section(&mut fields, "tables")?,
            secrets: section(&mut fields, "secrets")?,
            configs: section(&mut fields, "configs")?,
        };
        match fields.keys().next() {
            Some(unknown) => Err(WiringError(format!("`{unknown}` is not known"))),
            None => Ok(wiring),
        }
    }

    /// The JSON form.
    pub fn to_json(&self) -> String {
        let mut value = serde_json::to_value(self).expect("maps with texts as keys are JSON");
        value["version"] = WIRING_VERSION.into();
        value.to_string()
    }
}

fn section<T: DeserializeOwned>(
    fields: &mut Map<String, Value>,
    name: &str,
) -> Result<BTreeMap<String, T>, WiringError> {
    let entries = match fields.remove(name) {
        None => return Ok(BTreeMap::new()),
        Some(Value::Object(entries)) => entries,
        Some(_) => return Err(WiringError(format!("`{name}` is no object"))),
    };
    let entry = |(key, value): (String, Value)| match serde_json::from_value(value) {
        Ok(wiring) => Ok((key, wiring)),
        Err(error) => Err(WiringError(format!("`{key}` in `{name}`: {error}"))),
    };
    entries.into_iter().map(entry).collect()
}

/// The entry of `target`, under the name that `application` has for it.
///
/// # Errors
/// `NotReady` when there is none.
pub(crate) fn find<'a, T>(
    section: &'a BTreeMap<String, T>,
    kind: &str,
    application: &Application,
    target: Target<'_>,
) -> Result<&'a T, Error> {
    let name = name_of(application, target);
    section.get(&name).ok_or_else(|| {
        let message = format!(
            "{kind} `{name}` is not in the wiring of this unit ({WIRING_VARIABLE}): deploy the unit \
             again, and see in `ifc check` whether it may use the {kind}"
        );
        Error::new(ErrorKind::NotReady, message)
    })
}

/// How `application` names `target`.
pub(crate) fn name_of(application: &Application, target: Target<'_>) -> String {
    application.name_of(&Address::new(target.package, target.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let queue = QueueWiring {
            url: "https://sqs.eu-west-1.amazonaws.com/123456789012/a".to_owned(),
        };
        let wiring = Wiring {
            region: "eu-west-1".to_owned(),
            queues: BTreeMap::from([("a".to_owned(), queue)]),
            ..Wiring::default()
        };
        assert_eq!(Wiring::parse(&wiring.to_json()), Ok(wiring));
    }

    #[test]
    fn what_cannot_be_used_names_the_place() {
        for (text, expected) in [
            ("", "no JSON object"),
            ("[]", "no JSON object"),
            ("{}", "`version` is missing"),
            (
                r#"{"version":2,"region":"x"}"#,
                "it has version 2, and this program reads version 1",
            ),
            (r#"{"version":1}"#, "`region` is missing"),
            (r#"{"version":1,"region":""}"#, "`region` is missing"),
            (
                r#"{"version":1,"region":"x","lakes":{}}"#,
                "`lakes` is not known",
            ),
            (
                r#"{"version":1,"region":"x","queues":[]}"#,
                "`queues` is no object",
            ),
            (
                r#"{"version":1,"region":"x","queues":{"invoices":{}}}"#,
                "`invoices` in `queues`: missing field `url`",
            ),
            (
                r#"{"version":1,"region":"x","queues":{"invoices":{"url":"u","arn":"a"}}}"#,
                "`invoices` in `queues`: unknown field `arn`",
            ),
        ] {
            let error = Wiring::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(error.contains(WIRING_VARIABLE), "{error}");
        }
    }
}
