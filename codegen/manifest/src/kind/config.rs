//! Config: a typed value resolved at deploy (contract, 4.10).

use super::{SpecError, Verb, required};
use crate::format::{Encoder, Value};

/// Read the value.
pub const READ: Verb = Verb::new("read");

/// Every verb.
pub const VERBS: &[Verb] = &[READ];

/// How often a dynamic value is looked at again, in seconds.
pub const POLL_SECONDS_MIN: u64 = 30;

/// The knobs on the declaration of a configuration value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigKnobs {
    /// The value when the stage gives none, as JSON text.
    pub default: Option<&'static str>,
    /// Changes of the document reach running units; otherwise the value is fixed at start.
    pub dynamic: bool,
}

impl ConfigKnobs {
    /// No default, fixed at start.
    pub const DEFAULT: ConfigKnobs = ConfigKnobs {
        default: None,
        dynamic: false,
    };

    /// Writes the keys into the open map.
    pub const fn encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        encoder.bool_entry("dynamic", self.dynamic);
        if let Some(default) = self.default {
            encoder.text_entry("default", default);
        }
    }
}

/// A configuration value's declaration, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSpec {
    /// The value when the stage gives none, as JSON text.
    pub default: Option<String>,
    /// Changes of the document reach running units.
    pub dynamic: bool,
}

impl ConfigSpec {
    /// Reads what [`ConfigKnobs::encode`] wrote.
    ///
    /// # Errors
    /// When a required key is missing.
    pub fn decode(config: &Value) -> Result<Self, SpecError> {
        Ok(ConfigSpec {
            default: config.text("default").map(str::to_owned),
            dynamic: required(config.bool("dynamic"), "dynamic")?,
        })
    }
}
