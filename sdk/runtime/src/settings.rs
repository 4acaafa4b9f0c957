//! What a stage has otherwise than the code says, as the program that runs there is told it.
//!
//! ```json
//! {"units": {"api": {"timeout_seconds": 25, "max_instances": 40}}, "config": {"limit": "500"}}
//! ```
//!
//! Only what a provider heeds at run time: what else a stage sets is a matter of deploying.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The environment variable in which a program finds its settings, as JSON.
pub const SETTINGS_VARIABLE: &str = "IFC_SETTINGS";

/// What is set. Nothing, by default: then everything is as the code says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// By unit, as the application names it.
    pub units: BTreeMap<String, UnitSettings>,
    /// The defaults of configuration values, JSON texts, by name.
    pub config: BTreeMap<String, String>,
}

/// What is set for a unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnitSettings {
    /// Longest run of one invocation.
    pub timeout: Option<Duration>,
    /// Most instances at a time.
    pub max_instances: Option<u32>,
}

/// Why a text is not the settings of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError(String);

impl fmt::Display for SettingsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "`{SETTINGS_VARIABLE}` are not settings: {}",
            self.0
        )
    }
}

impl std::error::Error for SettingsError {}

impl Settings {
    /// Reads what [`Settings::to_json`] wrote.
    ///
    /// # Errors
    /// When it is no JSON of this form, with the key that is not understood.
    pub fn parse(text: &str) -> Result<Settings, SettingsError> {
        let json = text
            .parse()
            .map_err(|error: serde_json::Error| SettingsError(error.to_string()))?;
        let mut settings = Settings::default();
        for (key, value) in object("the whole", json)? {
            match key.as_str() {
                "units" => {
                    for (name, unit) in object("`units`", value)? {
                        let unit = UnitSettings::read(&name, unit)?;
                        settings.units.insert(name, unit);
                    }
                }
                "config" => {
                    for (name, value) in object("`config`", value)? {
                        let Value::String(json) = value else {
                            return Err(SettingsError(format!("`config.{name}` is no text")));
                        };
                        settings.config.insert(name, json);
                    }
                }
                _ => return Err(SettingsError(format!("`{key}` is not known"))),
            }
        }
        Ok(settings)
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        let units = self.units.iter();
        let units: Map<String, Value> = units
            .map(|(name, unit)| (name.clone(), unit.to_json()))
            .collect();
        serde_json::json!({ "units": units, "config": self.config })
    }
}

impl UnitSettings {
    fn read(name: &str, json: Value) -> Result<UnitSettings, SettingsError> {
        let mut settings = UnitSettings::default();
        for (key, value) in object(&format!("`units.{name}`"), json)? {
            let wrong = || SettingsError(format!("`units.{name}.{key}` cannot be {value}"));
            match key.as_str() {
                "timeout_seconds" => {
                    let seconds = value.as_f64();
                    let timeout = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
                    settings.timeout = Some(timeout.ok_or_else(wrong)?);
                }
                "max_instances" => {
                    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
                    settings.max_instances = Some(number.ok_or_else(wrong)?);
                }
                _ => return Err(SettingsError(format!("`units.{name}.{key}` is not known"))),
            }
        }
        Ok(settings)
    }

    fn to_json(&self) -> Value {
        let mut json = Map::new();
        if let Some(timeout) = self.timeout {
            json.insert("timeout_seconds".to_owned(), timeout.as_secs_f64().into());
        }
        if let Some(number) = self.max_instances {
            json.insert("max_instances".to_owned(), number.into());
        }
        json.into()
    }
}

fn object(what: &str, json: Value) -> Result<Map<String, Value>, SettingsError> {
    match json {
        Value::Object(entries) => Ok(entries),
        _ => Err(SettingsError(format!("{what} is no object"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_back() {
        let settings = Settings {
            units: BTreeMap::from([
                (
                    "api".to_owned(),
                    UnitSettings {
                        timeout: Some(Duration::from_millis(2_500)),
                        max_instances: Some(4),
                    },
                ),
                ("fulfil".to_owned(), UnitSettings::default()),
            ]),
            config: BTreeMap::from([("limit".to_owned(), "500".to_owned())]),
        };
        let text = settings.to_json().to_string();
        assert_eq!(Settings::parse(&text), Ok(settings));
        assert_eq!(Settings::parse("{}"), Ok(Settings::default()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, expected) in [
            ("7", "the whole is no object"),
            (r#"{"unit":{}}"#, "`unit` is not known"),
            (
                r#"{"units":{"api":{"memory":1}}}"#,
                "`units.api.memory` is not known",
            ),
            (
                r#"{"units":{"api":{"max_instances":-1}}}"#,
                "`units.api.max_instances` cannot be -1",
            ),
            (
                r#"{"units":{"api":{"timeout_seconds":"5"}}}"#,
                "`units.api.timeout_seconds` cannot be \"5\"",
            ),
            (r#"{"config":{"limit":500}}"#, "`config.limit` is no text"),
        ] {
            let error = Settings::parse(text).unwrap_err();
            assert!(error.to_string().ends_with(expected), "{error}");
        }
    }
}
