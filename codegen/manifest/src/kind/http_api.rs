//! HttpApi: routes behind one entry point, one unit (contract, 4.2).

use super::unit::{self, UnitSpec};
use super::{SpecError, limits, required};
use crate::format::{Encoder, Value};
use crate::support::Demand;
use core::time::Duration;

limits! {
    /// Routes of one API.
    ROUTES = "the number of routes of an HttpApi", 0..=250, "";
    /// How long browsers may keep a preflight answer, in seconds.
    CORS_MAX_AGE = "the max_age of Cors", 0..=86400, " seconds";
    /// Origins of one CORS rule.
    CORS_ORIGINS = "the number of origins of Cors", 1..=20, "";
}

/// The share of a sample that takes everything: shares are counted in parts of this.
pub const SAMPLE_ALL: u32 = 10_000;

/// Name of the API that routes belong to when they name none.
pub const DEFAULT_NAME: &str = "api";

/// Cross-origin requests that browsers may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorsKnobs {
    /// Allowed origins, `scheme://host[:port]`, or a single `*`.
    pub origins: &'static [&'static str],
    /// Allowed methods.
    pub methods: &'static [&'static str],
    /// Allowed request headers.
    pub headers: &'static [&'static str],
    /// How long browsers may keep a preflight answer.
    pub max_age: Duration,
    /// Whether cookies and credentials may be sent.
    pub credentials: bool,
}

/// The knobs on the declaration of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpApiKnobs {
    /// Cross-origin requests; off when absent.
    pub cors: Option<CorsKnobs>,
    /// Whether requests write a log record.
    pub access_log: bool,
    /// How many of [`SAMPLE_ALL`] requests do.
    pub access_log_sample: u32,
    /// The unit that serves the routes.
    pub unit: UnitSpec,
}

impl HttpApiKnobs {
    /// No CORS, access log on, 20 s.
    pub const DEFAULT: HttpApiKnobs = HttpApiKnobs {
        cors: None,
        access_log: true,
        access_log_sample: SAMPLE_ALL,
        unit: UnitSpec::new(unit::TIMEOUT_HTTP_DEFAULT),
    };

    /// Writes the keys into the open map.
    pub const fn encode<const N: usize>(&self, encoder: &mut Encoder<N>) {
        encoder.bool_entry("access_log", self.access_log);
        if self.access_log_sample < SAMPLE_ALL {
            encoder.uint_entry("access_log_sample", self.access_log_sample as u64);
        }
        self.unit.encode(encoder);
        if let Some(cors) = &self.cors {
            encoder
                .map_entry("cors")
                .duration_entry("max_age_ms", cors.max_age)
                .bool_entry("credentials", cors.credentials);
            encode_list("origins", cors.origins, encoder);
            encode_list("methods", cors.methods, encoder);
            encode_list("headers", cors.headers, encoder);
            encoder.end();
        }
    }
}

const fn encode_list<const N: usize>(entry: &str, list: &[&str], encoder: &mut Encoder<N>) {
    encoder.array_entry(entry);
    let mut i = 0;
    while i < list.len() {
        encoder.text(list[i]);
        i += 1;
    }
    encoder.end();
}

/// Cross-origin requests, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Allowed origins, or a single `*`.
    pub origins: Vec<String>,
    /// Allowed methods.
    pub methods: Vec<String>,
    /// Allowed request headers.
    pub headers: Vec<String>,
    /// How long browsers may keep a preflight answer.
    pub max_age: Duration,
    /// Whether cookies and credentials may be sent.
    pub credentials: bool,
}

/// An API's configuration, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpApiSpec {
    /// Cross-origin requests.
    pub cors: Option<Cors>,
    /// Whether requests write a log record.
    pub access_log: bool,
    /// How many of [`SAMPLE_ALL`] requests do.
    pub access_log_sample: u32,
    /// The unit that serves the routes.
    pub unit: UnitSpec,
}

impl Default for HttpApiSpec {
    fn default() -> Self {
        HttpApiSpec {
            cors: None,
            access_log: HttpApiKnobs::DEFAULT.access_log,
            access_log_sample: HttpApiKnobs::DEFAULT.access_log_sample,
            unit: HttpApiKnobs::DEFAULT.unit,
        }
    }
}

impl HttpApiSpec {
    /// Reads what [`HttpApiKnobs::encode`] wrote.
    ///
    /// # Errors
    /// When a required key is missing.
    pub fn decode(config: &Value) -> Result<Self, SpecError> {
        let cors = match config.get("cors") {
            None => None,
            Some(cors) => Some(Cors {
                origins: texts(cors, "origins"),
                methods: texts(cors, "methods"),
                headers: texts(cors, "headers"),
                max_age: required(cors.duration("max_age_ms"), "max_age_ms")?,
                credentials: required(cors.bool("credentials"), "credentials")?,
            }),
        };
        Ok(HttpApiSpec {
            cors,
            access_log: required(config.bool("access_log"), "access_log")?,
            access_log_sample: match config.uint("access_log_sample") {
                None => SAMPLE_ALL,
                Some(sample) => required(u32::try_from(sample).ok(), "access_log_sample")?,
            },
            unit: UnitSpec::decode(config)?,
        })
    }
}

impl HttpApiSpec {
    /// What the API and its unit ask of their provider.
    pub fn demands(&self) -> Vec<Demand> {
        self.unit.demands(&unit::TIMEOUT_HTTP)
    }
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    value
        .list(key)
        .iter()
        .filter_map(|item| match item {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        })
        .collect()
}
